"""Alarms that a phase or a state of a batch suppresses by design, and the first of what one cause sets off, on the stepped line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gateway.config.loading import load
from gateway.config.models import Config
from gateway.control.chain import AlarmChanged, StepState
from gateway.paths import belfast_config
from tests.plant.conftest import Scene


def standing(scene: Scene, alarm: str) -> str:
    return scene.scan.parts.alarms.by_name[alarm].state


ROWS = """
  water_stands:
    unit: R-101
    when: level > 0.5 %
    priority: low
    suppressed_when: phase.CHARGE_WATER or state.HELD
    cause: Water stands in the tank
    consequence: None worth telling
    action: Look at the sight glass
    response_min: 60
  hopper_hangs:
    unit: SC-101
    when: hopper_weight > -1000 kg
    priority: low
    suppressed_when: phase.DOSE_SOLIDS or R-101.phase.CHARGE_WATER
    cause: There is a hopper
    consequence: None worth telling
    action: Look at the hopper
    response_min: 60
"""


@pytest.fixture(scope="module")
def phased(tmp_path_factory: pytest.TempPathFactory, config: Config) -> Config:
    folder = Path(shutil.copytree(belfast_config(), tmp_path_factory.mktemp("phased") / "config"))
    (folder / "alarms.yaml").write_text((folder / "alarms.yaml").read_text() + ROWS)
    return load(folder).model_copy(update={"recipes": config.recipes})


def test_a_phase_and_a_state_suppress_an_alarm_and_its_end_brings_it_back(phased: Config):
    scene = Scene(phased)
    scene.until(lambda: scene.value("R-101.phase.CHARGE_WATER") == 1.0, 600)
    scene.until(lambda: scene.value("LIT-1011") > 2.0, 1200)
    assert standing(scene, "water_stands") == standing(scene, "hopper_hangs") == "DSUPR"
    scene.until(lambda: scene.value("R-101.phase.CHARGE_WATER") == 0.0, 1800)
    scene.run(4)
    assert standing(scene, "water_stands") == standing(scene, "hopper_hangs") == "UNACK"
    assert scene.command("batch.hold", "B-1") == ""
    scene.until(lambda: scene.state == "HELD", 120)
    scene.run(4)
    assert standing(scene, "water_stands") == "DSUPR"
    assert standing(scene, "hopper_hangs") == "UNACK"
    phases = [entry.phase for entry in scene.entries(StepState) if entry.now == "RUNNING"]
    assert "CHARGE_WATER" in phases
    changes = [(e.was, e.now) for e in scene.entries(AlarmChanged) if e.alarm == "hopper_hangs"]
    assert ("DSUPR", "NORM") in changes


def test_equipment_that_tanks_share_is_in_the_phase_of_the_batch_that_uses_it(phased: Config):
    full = phased.recipes["LEACH-NDFEB-SEL"]
    wanted = ("CHECK_UNIT", "CHARGE_WATER", "START_AGITATOR", "DOSE_SOLIDS")
    steps = {name: step for name, step in full.procedure.items() if step.phase in wanted}
    short = full.model_copy(update={"recipe": "SOLIDS", "procedure": steps})
    scene = Scene(phased.model_copy(update={"recipes": {**phased.recipes, "SOLIDS": short}}), recipe="SOLIDS", unit="R-102")
    scene.until(lambda: scene.value("SC-101.phase.DOSE_SOLIDS") == 1.0, 1800)
    assert [run.phase for run in scene.batch.active] == ["DOSE_SOLIDS"]
    scene.run(4)
    assert standing(scene, "hopper_hangs") == "DSUPR"  # R-102 feeds; R-101 charges no water
    scene.until(lambda: scene.value("SC-101.phase.DOSE_SOLIDS") == 0.0, 3600)
    scene.run(4)
    assert standing(scene, "hopper_hangs") == "UNACK"


def test_phases_and_states_that_rows_name_are_internal_tags_and_no_others_are_made(config: Config):
    made = {name for name in config.tags if "." in name}
    assert made == {f"TK-21{k}.phase.{phase}" for k in (0, 1) for phase in ("FILTER", "TO_BUFFER")}
    assert all(config.tags[name].internal == f"batch.{name}" for name in made)


def test_a_fan_that_stops_is_the_first_out_of_what_it_sets_off(dosing: Scene):
    dosing.set("K-301.trip", 1.0)
    dosing.until(lambda: standing(dosing, "C-301.scrubber_pressure_drop_low") == "UNACK", 60)
    sounded = [(e.alarm, e.first_out) for e in dosing.entries(AlarmChanged) if e.now == "UNACK" and e.alarm.startswith("C-301")]
    assert sounded == [("C-301.fan_stopped", True), ("C-301.scrubber_pressure_drop_low", False)]
    assert dosing.scan.parts.alarms.by_name["C-301.fan_stopped"].first_out
