"""A person's hand on a line that a batch runs: what is said to be done is done, or it is refused."""

from __future__ import annotations

import pytest

from gateway.control.chain import ForceChanged
from tests.plant.conftest import Scene


def test_nobody_is_told_that_a_loop_is_in_manual_which_the_running_batch_takes_back(dosing: Scene):
    scene = dosing
    assert scene.command("loop.set", "FIC-111", mode="MANUAL", out=0.0) == "FIC-111 belongs to batch B-1: hold it first"
    assert scene.scan.parts.loops["FIC-111"].mode == "AUTO"
    assert scene.command("batch.hold", "B-1") == ""
    assert scene.command("loop.set", "FIC-111", mode="MANUAL", out=0.0) == ""


def test_what_no_phase_sets_at_the_moment_a_person_may_set_while_the_batch_runs(dosing: Scene):
    scene = dosing
    assert scene.command("loop.set", "TIC-1011", mode="AUTO", sp=30.0) == ""
    scene.run(5)
    assert (scene.scan.parts.loops["TIC-1011"].mode, scene.scan.parts.loops["TIC-1011"].sp) == ("AUTO", 30.0)


@pytest.mark.parametrize(("event", "end"), [("hold", "HELD"), ("stop", "STOPPED"), ("abort", "ABORTED")])
def test_acid_stays_shut_after_a_hold_in_the_very_scan_in_which_a_step_writes_down_how_far_it_is(dosing: Scene, event: str, end: str):
    scene = dosing
    (run,) = scene.batch.active
    assert run.context is not None
    run.context.memory["done_l"] -= 5.0         # so much behind that it is written down in the next scan
    assert scene.command(f"batch.{event}", "B-1") == ""
    scene.until(lambda: scene.state == end, 10)
    scene.run(20)
    assert run.state == end
    assert [scene.asked_of(tag) for tag in ("XV-1011", "XS-111", "FY-111")] == [0.0, 0.0, 0.0]
    assert scene.value("FIT-1011") < 0.05


def test_a_valve_held_open_by_a_person_stays_shut_once_the_batch_is_held(dosing: Scene):
    scene = dosing
    assert scene.command("force.set", "XV-1011", value=1.0, minutes=30) == ""
    scene.run(2)
    assert scene.command("batch.hold", "B-1") == ""
    scene.until(lambda: scene.state == "HELD", 10)
    scene.run(20)
    assert scene.asked_of("XV-1011") == 0.0
    assert scene.value("FIT-1011") < 0.05


def test_acid_that_lies_over_metal_is_not_forgotten_when_its_batch_is_aborted(dosing: Scene):
    scene = dosing
    assert scene.command("batch.abort", "B-1") == ""
    scene.until(lambda: scene.state == "ABORTED", 10)
    scene.run(5)
    assert scene.value("FQY-1011") == 0.0       # roasted feed: nothing that would react later
    scene.batch.metal = True                    # as after a batch that has tipped metal
    scene.run(5)
    dosed = scene.value("FQI-1011") - scene.batch.shared["acid_start_l"]
    assert dosed > 0.3
    assert scene.value("FQY-1011") == pytest.approx(dosed, abs=0.01)
    assert scene.value("NY-1011") > 2.0


def test_a_hold_does_not_wait_behind_a_flood_of_commands(dosing: Scene):
    scene = dosing
    for k in range(400):
        scene.rehearsal.command("alarm.ack", f"no alarm {k}", who="a program")
    scene.rehearsal.command("batch.hold", "B-1", who="operator")
    scene.step()
    assert scene.asked_of("XV-1011") == 0.0
    scene.until(lambda: scene.state == "HELD", 2)


def test_who_forces_the_meter_of_the_acid_is_told_what_the_batch_would_count(dosing: Scene):
    meter = dosing.value("FQI-1011")
    assert dosing.command("force.set", "FQI-1011", value=meter + 100.0, minutes=1) == ""
    (told,) = dosing.entries(ForceChanged)
    assert told.effect["trips"] == ["R-101.acid_overdose"]
    dosing.run(3)
    assert "R-101.acid_overdose" in dosing.standing()
