"""Valves that do not go where they are sent."""

from __future__ import annotations

import pytest

from gateway.config.models import Config
from gateway.control.chain import WriteFailed
from gateway.control.image import SECOND
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


def test_how_old_a_command_may_grow_on_its_way_is_said_output_by_output(config: Config):
    tag = config.tags["XV-1011"]
    assert tag.output is not None
    quick = tag.model_copy(update={"output": tag.output.model_copy(update={"command_age_s": 1.5})})
    scene = Scene(config.model_copy(update={"tags": {**config.tags, "XV-1011": quick}}))
    ages = {item.row.name: item.row.command_age_ns / SECOND for item in scene.scan.parts.outputs.items}
    assert ages.pop("XV-1011") == 1.5
    assert set(ages.values()) == {5.0}
