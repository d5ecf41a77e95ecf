"""What people may and may not do to a line that runs."""

from __future__ import annotations

import pytest

from gateway.control.chain import BatchState, CommandReceived, OutputChanged
from tests.plant.conftest import Scene


@pytest.mark.fault("O02")
def test_a_refused_command_is_recorded_as_refused(seen_dosing: Scene):
    scene = seen_dosing
    assert "outside 5..90" in scene.command("loop.set", "TIC-1011", mode="AUTO", sp=132.0)
    stored = [s.entry for s in scene.journal.read() if isinstance(s.entry, CommandReceived)][-1]
    assert (stored.outcome, stored.verb, stored.target, stored.who) == ("refused", "loop.set", "TIC-1011", "operator")
    assert scene.scan.parts.loops["TIC-1011"].mode == "MANUAL"


@pytest.mark.fault("O05")
def test_same_key_is_carried_out_once(seen_dosing: Scene):
    scene = seen_dosing
    rows = len(scene.entries(OutputChanged))
    for _ in range(3):
        assert scene.command("output.set", "XV-1013", key="purge", value=1) == ""
    scene.run(2)
    assert len(scene.entries(OutputChanged)) == rows + 1


@pytest.mark.parametrize(
    ("target", "words"), [("XV-1011", "belongs to batch B-1: hold it first"), ("FY-111", "belongs to loop FIC-111: set the loop")]
)
def test_nobody_takes_an_output_from_a_running_batch_or_a_loop(seen_dosing: Scene, target: str, words: str):
    assert words in seen_dosing.command("output.set", target, value=0)


@pytest.mark.parametrize("name", ["", "../../etc", "a b", "x" * 65, "B-1"])
def test_a_batch_has_a_name_of_its_own_that_can_be_a_file(seen_dosing: Scene, name: str):
    reason = seen_dosing.command("batch.start", name, recipe="SHORT", lot="DNAL-2026-0147", unit="R-102")
    assert "exists" in reason or "no name for a batch" in reason


def test_a_unit_carries_one_batch(seen_dosing: Scene):
    assert "R-101 carries batch B-1" in seen_dosing.command("batch.start", "B-2", recipe="SHORT", lot="DNAL-2026-0147", unit="R-101")


@pytest.mark.parametrize(("event", "end"), [("stop", "STOPPED"), ("abort", "ABORTED")])
def test_a_batch_that_is_stopped_leaves_no_acid_and_no_heat_on_and_the_agitator_running(dosing: Scene, event: str, end: str):
    scene = dosing
    assert scene.command(f"batch.{event}", "B-1") == ""
    scene.until(lambda: scene.state == end, 5)
    scene.run(10)
    assert [scene.asked_of(tag) for tag in ("XV-1011", "XS-111", "FY-111", "TV-1011H")] == [0.0] * 4
    assert scene.value("ST-1011") > 250.0
    assert scene.entries(BatchState)[-1].who == ""
    assert [e.who for e in scene.entries(BatchState) if e.now.endswith("ING")][-1] == "operator"
    scene.run(60)
    assert scene.state == end
