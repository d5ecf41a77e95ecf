"""Valves that do not go where they are sent."""

from __future__ import annotations

import pytest

from gateway.control.chain import WriteFailed
from tests.plant.conftest import Scene


@pytest.mark.fault("P02")
def test_an_acid_valve_that_sticks_open_stops_the_pump_and_is_asked_to_close_until_it_does(dosing: Scene):
    scene = dosing
    scene.set("R-101.acid_valve_stuck", 1.0)
    assert scene.command("batch.hold", "B-1") == ""
    scene.until(lambda: "R-101.acid_valve_travel" in scene.standing(), 15)
    assert [scene.asked_of(tag) for tag in ("XV-1011", "XS-111")] == [0.0, 0.0]
    scene.run(60)
    assert [e.outcome for e in scene.entries(WriteFailed) if e.tag == "XV-1011"] == ["diverged"]
    scene.set("R-101.acid_valve_stuck", 0.0)
    scene.until(lambda: scene.value("ZSC-1011") == 1.0, 20)
    scene.run(2)
    scene.reset_all()
    assert "R-101.acid_valve_travel" not in scene.standing()


def test_after_a_trip_and_its_reset_nothing_runs_that_ran_before(dosing: Scene):
    scene = dosing
    assert scene.command("output.set", "XS-142", value=1) == ""
    scene.until(lambda: scene.value("XI-142") == 1.0, 20)
    scene.rehearsal.dead = {"IO-300"}  # the emergency stop is wired there: unknown counts as pressed
    scene.until(lambda: scene.asked_of("XS-142") == 0.0, 10)
    scene.rehearsal.dead = set()
    scene.run(10)
    for name in scene.standing():
        scene.command("interlock.reset", name)
    scene.run(30)
    assert scene.asked_of("XS-142") == 0.0
    assert scene.value("XI-142") == 0.0
