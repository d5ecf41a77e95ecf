"""Readings that are late, lost or not good: one late answer is nothing, a lost one trips and holds, none is ever used."""

from __future__ import annotations

import pytest

from devices.exchange import Reply
from gateway.control.chain import BatchState, DeviceChanged, InterlockChanged
from tests.plant.conftest import Scene

INLETS = ("XV-1011", "XS-111", "XV-1012", "XV-1015", "XV-1016", "XV-1017", "XV-1018")  # an unknown level shuts them all


def miss(scene: Scene, device: str, answers: int) -> None:
    """So many answers of a device get lost."""
    talks = scene.rehearsal._talks
    left = answers
    for i, (talk, answer) in enumerate(talks):
        if talk.device == device:

            def lossy(request, mono, answer=answer):
                nonlocal left
                left -= 1
                return Reply(request, failure="timeout") if left >= 0 else answer(request, mono)

            talks[i] = (talk, lossy)


@pytest.mark.parametrize("device", ["GD-101", "M-101", "FC-101", "IO-101", "LC-101", "P-111", "TC-101", "AC-101"])
def test_one_late_answer_is_no_trip(seen_dosing: Scene, device: str):
    scene = seen_dosing
    before = scene.standing()
    miss(scene, device, 1)
    scene.run(15)
    assert scene.standing() == before
    assert scene.state == "RUNNING"
    assert scene.entries(DeviceChanged) == []


@pytest.mark.fault("P10")
@pytest.mark.parametrize(("device", "row"), [
    ("GD-101", "R-101.hydrogen_high"), ("LC-101", "R-101.level_high"),
    ("TC-101", "R-101.temperature_high"), ("FC-101", "R-101.acid_pump_lost"),
])  # fmt: skip
def test_stale_or_bad_input_trips_and_holds_and_is_never_used(dosing: Scene, device: str, row: str):
    scene = dosing
    scene.rehearsal.dead = {device}
    scene.until(lambda: row in scene.standing(), 6)
    shut = INLETS if device == "LC-101" else ("XV-1011", "XS-111")
    assert [scene.asked_of(tag) for tag in shut] == [0.0] * len(shut)
    scene.until(lambda: scene.state == "HELD", 4)
    (trip, *_) = [e for e in scene.entries(InterlockChanged) if e.interlock == row]
    assert trip.cause in ("unknown", "true")
    scene.rehearsal.dead = set()
    scene.run(30)
    assert scene.state == "HELD"  # back again, but a person restarts
    assert row in scene.standing()
    assert scene.asked_of("XV-1011") == 0.0


def test_a_ph_probe_that_is_lost_holds_the_dosing_although_no_trip_looks_at_it(dosing: Scene):
    scene = dosing
    scene.rehearsal.dead = {"AC-101"}
    scene.until(lambda: scene.state == "HELD", 10)
    assert "AIT-1012" in scene.cause
    assert [e.cause for e in scene.entries(InterlockChanged) if e.unit == "R-101"] == []
    scene.until(lambda: scene.asked_of("XV-1011") == 0.0, 2)


@pytest.mark.fault("P05")
@pytest.mark.parametrize(("variable", "value", "row"), [("K-301.trip", 1.0, "R-101.ventilation_lost")])
def test_without_the_fan_no_acid(dosing: Scene, variable: str, value: float, row: str):
    scene = dosing
    scene.set(variable, value)
    scene.until(lambda: row in scene.standing(), 15)
    assert [scene.asked_of(tag) for tag in ("XV-1011", "XS-111")] == [0.0, 0.0]
    scene.until(lambda: scene.state == "HELD", 4)
    assert scene.entries(BatchState)[-1].cause == f"interlock {row}"
