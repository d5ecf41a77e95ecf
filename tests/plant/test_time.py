"""Clocks that jump and machines that sleep: control knows neither the wall clock nor a burst of lost time."""

from __future__ import annotations

import pytest

from gateway.control.chain import BatchState, InterlockChanged, Note
from gateway.control.image import SECOND, Now
from tests.plant.conftest import Scene


@pytest.mark.fault("T03")
def test_after_ten_minutes_asleep_nothing_is_dosed_and_the_batch_is_held(dosing: Scene):
    scene = dosing
    now = scene.rehearsal.now
    scene.rehearsal.now = Now(now.mono + 600 * SECOND, now.utc + 600 * SECOND)
    dosed = scene.value("FQI-1011")
    scene.step()
    assert [scene.asked_of(tag) for tag in ("XV-1011", "XS-111")] == [0.0, 0.0]
    scene.run(5)
    assert scene.state == "HELD"
    assert scene.value("FQI-1011") - dosed < 0.1


@pytest.mark.fault("T03")
@pytest.mark.parametrize("seconds", [1.5, 600.0])
def test_what_was_read_before_the_machine_slept_is_not_known_and_the_batch_is_held_as_after_a_restart(dosing: Scene, seconds: float):
    """A second and a half is less than any reading may be old."""
    scene = dosing
    assert scene.command("interlock.bypass", "R-101.acid_pump_lost", minutes=5) == ""
    scene.run(1)
    stirs, vents = (scene.scan.parts.loops[name].out for name in ("SIC-1011", "SIC-301"))
    now, dosed = scene.rehearsal.now, scene.value("FQI-1011")
    scene.rehearsal.now = Now(now.mono + round(seconds * SECOND), now.utc + round(seconds * SECOND))
    scene.scan.slept_s = seconds
    scene.step()
    unknown = {entry.interlock for entry in scene.entries(InterlockChanged) if (entry.event, entry.cause) == ("tripped", "unknown")}
    assert {"R-101.temperature_high", "R-101.level_high", "R-101.agitator_stopped"} <= unknown
    assert [scene.asked_of(tag) for tag in ("XV-1011", "XS-111")] == [0.0, 0.0]
    scene.run(5)
    assert scene.state == "HELD"
    assert scene.cause == f"the machine slept for {seconds:.1f} s"
    assert [entry.text for entry in scene.entries(Note) if "slept" in entry.text] == [scene.cause]
    loops = scene.scan.parts.loops
    assert {name for name, loop in loops.items() if loop.mode != "MANUAL"} <= {"SIC-1011", "SIC-301", "AIC-301"}  # what stirs and scrubs
    assert (loops["SIC-1011"].out, loops["SIC-301"].out) == (pytest.approx(stirs, abs=2.0), pytest.approx(vents, abs=2.0))
    assert bool(scene.scan.parts.interlocks.by_name["R-101.acid_pump_lost"].bypass_until) is (seconds < 300)
    assert scene.value("FQI-1011") - dosed < 0.1


@pytest.mark.fault("T01")
@pytest.mark.parametrize("jump_s", [3600, -3600, -1_700_000_000])
def test_a_jump_of_the_wall_clock_is_not_felt_by_a_batch(seen_dosing: Scene, jump_s: int):
    scene = seen_dosing
    states, flow = len(scene.entries(BatchState)), scene.value("FIT-1011")
    now = scene.rehearsal.now
    scene.rehearsal.now = Now(now.mono, now.utc + jump_s * SECOND)
    scene.run(10)
    assert scene.state == "RUNNING"
    assert len(scene.entries(BatchState)) == states
    assert scene.value("FIT-1011") == pytest.approx(flow, rel=0.1)
