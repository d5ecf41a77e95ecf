"""Clocks that jump and machines that sleep: control knows neither the wall clock nor a burst of lost time."""

from __future__ import annotations

import pytest

from gateway.control.chain import BatchState
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
