"""A relay experiment on the line itself: what a batch, a trip and the power do to it."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.control.chain import LoopMode, LoopTuning
from tests.plant.conftest import Scene

ASKED: dict[str, Any] = {"amplitude": 10.0, "hysteresis": 0.05, "pv_low": -1.0, "pv_high": 6.0, "longest_s": 600.0}
LOOP, OUTPUT = "PIC-141", "SY-141"


def swinging(scene: Scene) -> Scene:
    """The transfer pump's speed swings about 40 %, its pump at rest."""
    assert scene.command("loop.set", LOOP, mode="MANUAL", out=40.0) == ""
    scene.run(2)
    assert scene.command("loop.tune", LOOP, **ASKED) == ""
    scene.run(2)
    assert LOOP in scene.scan.driving.tunings.running
    return scene


def ended(scene: Scene) -> LoopTuning:
    return [entry for entry in scene.entries(LoopTuning) if entry.event == "ended"][-1]


def test_a_batch_that_is_held_ends_an_experiment_on_its_unit(scene: Scene):
    scene.until(lambda: scene.state == "RUNNING", 120)
    swinging(scene)
    assert abs(scene.scan.parts.loops[LOOP].out - 40.0) == 10.0
    assert scene.command("batch.hold", "B-1") == ""
    scene.until(lambda: LOOP not in scene.scan.driving.tunings.running, 2)
    scene.run(1)
    assert ended(scene).reason in ("batch", "blocked")
    assert scene.scan.parts.loops[LOOP].out == 40.0


def test_a_trip_of_the_unit_ends_an_experiment_on_it(dosing: Scene):
    scene = swinging(dosing)
    scene.set("R-101.agitator_trip", 1.0)
    scene.until(lambda: LOOP not in scene.scan.driving.tunings.running, 30)
    scene.run(1)
    assert ended(scene).reason in ("hold", "blocked", "batch")
    assert scene.scan.parts.loops[LOOP].out == 40.0
    assert scene.standing() != []


@pytest.mark.parametrize("target", ["SIC-1011", "FIC-111", "AIC-1012F", "AIC-301"])
def test_what_is_no_pid_on_its_own_pv_is_not_swung(scene: Scene, target: str):
    assert "no relay experiment" in scene.command("loop.tune", target, **ASKED)
    assert scene.entries(LoopTuning) == []


def test_a_power_cut_ends_an_experiment_and_the_loop_stands_in_manual(scene: Scene):
    scene.operator = None
    scene.until(lambda: scene.scan.armed, 60)
    after = swinging(scene).power_cut()
    after.until(lambda: after.scan.armed, 60)
    after.run(1)
    assert ended(after).reason == "restart"
    assert LOOP not in after.scan.driving.tunings.running
    assert after.scan.parts.loops[LOOP].mode == "MANUAL"
    assert all(entry.mode == "MANUAL" for entry in after.entries(LoopMode) if entry.loop == LOOP)
