"""A disk that does not answer and fails neither: nothing a batch decides can act, so nothing is dosed; then everything is safe."""

from __future__ import annotations

import pytest

from gateway.control.chain import AlarmChanged, BatchState, StepState
from gateway.records.committer import SteppedCommitter
from tests.plant.conftest import Scene


class SlowDisk(SteppedCommitter):
    """Takes entries and, while it hangs, has none of them on the disk."""

    def __init__(self, of: SteppedCommitter) -> None:
        super().__init__(of.journal)
        self._at: int | None = None

    def hang(self) -> None:
        self._at = self.journal.head.seq

    def answer(self) -> None:
        self._at = None

    def committed(self) -> int:
        return super().committed() if self._at is None else self._at


@pytest.fixture
def hung(dosing: Scene) -> tuple[Scene, SlowDisk]:
    """Acid flows, and the disk has just stopped to answer."""
    dosing.rehearsal.committer = disk = SlowDisk(dosing.rehearsal.committer)
    disk.hang()
    return dosing, disk


def test_acid_does_not_flow_on_while_the_end_of_its_dose_could_not_be_recorded(hung: tuple[Scene, SlowDisk]):
    scene, _ = hung
    scene.until(lambda: scene.scan.parts.outgoing.waited_s > 0, 60)
    took = scene.until(lambda: scene.asked_of("XS-111") == scene.asked_of("XV-1011") == 0.0, 60)
    assert took <= 6.0
    dosed = scene.value("FQI-1011")
    scene.run(600)
    assert scene.value("FQI-1011") - dosed < 0.2
    assert scene.scan.parts.outputs.by_name["XV-1011"].blocked == ("batch B-1 stops dosing",)


def test_what_does_not_dose_goes_on_while_the_batch_waits(hung: tuple[Scene, SlowDisk]):
    scene, _ = hung
    scene.run(600)
    assert scene.value("ST-1011") == pytest.approx(300.0, abs=15.0)         # the agitator


def test_an_operator_hears_of_it_before_a_batch_is_held(hung: tuple[Scene, SlowDisk]):
    scene, _ = hung
    alarm = scene.scan.parts.alarms.by_name["SITE.record_late"]
    scene.until(lambda: alarm.state == "UNACK", 60)
    assert scene.scan.parts.outgoing.waited_s <= 5.0
    assert not scene.engine.stopping


def test_when_the_disk_answers_again_the_batch_is_held_and_a_person_restarts_it(hung: tuple[Scene, SlowDisk]):
    scene, disk = hung
    scene.until(lambda: scene.engine.stopping, 60)
    assert scene.state == "RUNNING"             # the record says no more than it knows
    disk.answer()
    scene.until(lambda: scene.state == "HELD", 60)
    assert scene.cause.startswith("the record is late: what it was told 5.")
    assert [e.now for e in scene.entries(BatchState)][-2:] == ["HOLDING", "HELD"]
    assert scene.command("batch.restart", "B-1") == ""
    scene.until(lambda: scene.state == "RUNNING" and scene.dosing(), 600)
    assert [e.now for e in scene.entries(StepState) if e.step == "acid"][-1] == "RUNNING"


@pytest.mark.fault("S09")
def test_a_stall_shorter_than_that_holds_nobody(hung: tuple[Scene, SlowDisk]):
    scene, disk = hung
    scene.until(lambda: scene.scan.parts.outgoing.waited_s >= 4.5, 60)
    disk.answer()
    scene.run(60)
    assert (scene.state, scene.engine.hold_wanted) == ("RUNNING", "")
    assert [e.alarm for e in scene.entries(AlarmChanged) if e.now == "UNACK"].count("SITE.record_late") == 1


def test_a_hold_that_a_person_asks_for_meanwhile_is_still_at_once(hung: tuple[Scene, SlowDisk]):
    scene, disk = hung
    assert scene.command("batch.hold", "B-1") == ""
    scene.step()
    assert scene.asked_of("XV-1011") == 0.0
    scene.run(30)
    disk.answer()
    scene.until(lambda: scene.state == "HELD", 60)
