"""The plant process dies while acid flows: the batch comes back HELD, nothing moves by itself, nothing acknowledged is lost."""

from __future__ import annotations

import pytest

from gateway.control.chain import BatchState, CommandReceived, LoopMode
from tests.plant.conftest import Scene


@pytest.mark.parametrize("seconds", [0.5, 20.0])
def test_power_cut_returns_the_batch_held(dosing: Scene, seconds: float):
    before, dosed = dosing, dosing.value("FQI-1011")
    rows = list(before.journal.rows)
    scene = before.power_cut(seconds)
    commanded: list[float | None] = []
    for _ in range(60):
        scene.step()
        commanded += [scene.asked_of("XV-1011"), scene.asked_of("XS-111"), scene.asked_of("XS-101"), scene.asked_of("XV-1012")]
    assert set(commanded) == {0.0}  # not for a single scan
    assert (scene.state, scene.cause) == ("HELD", "the plant process restarted")
    assert scene.journal.rows[: len(rows)] == rows
    assert [e.now for e in scene.entries(BatchState)] == ["HOLDING", "HELD"]
    assert {name for name, loop in scene.scan.parts.loops.items() if loop.mode != "MANUAL"} == set()
    assert scene.scan.parts.loops["SIC-1011"].out == pytest.approx(300.0, abs=5.0)  # agitation as read back
    assert scene.value("ST-1011") == pytest.approx(300.0, abs=15.0)
    assert scene.value("FQI-1011") - dosed < 0.2


def test_after_a_power_cut_a_person_restarts_and_the_dose_is_not_given_twice(dosing: Scene):
    scene = dosing.power_cut()
    scene.run(30)
    target = scene.batch.steps["acid"].parameters["amount"] / scene.batch.steps["acid"].parameters["strength"]
    scene.reset_all()
    assert scene.command("output.set", "XS-301", value=1) == ""
    assert scene.command("batch.restart", "B-1") == ""
    scene.until(lambda: scene.batch.steps["acid"].state == "COMPLETE", 4000)
    report = next(e for e in reversed(list(scene.batch.charges)) if e.material == "acid")
    assert report.amount == pytest.approx(target, abs=0.1)
    assert "R-101.acid_overdose" not in scene.standing()
    assert scene.scan.parts.loops["SIC-1011"].mode == "AUTO"  # the agitator's loop was to be kept


def test_a_second_power_cut_while_held_changes_nothing(dosing: Scene):
    scene = dosing.power_cut()
    scene.run(20)
    again = scene.power_cut()
    again.run(20)
    assert again.state == "HELD"
    assert again.entries(BatchState) == []


def test_what_was_latched_before_the_cut_is_latched_after_it(dosing: Scene):
    dosing.set("R-101.agitator_trip", 1.0)
    dosing.until(lambda: "R-101.agitator_not_proven" in dosing.standing(), 10)
    scene = dosing.power_cut()
    scene.rehearsal.command("interlock.reset", "R-101.agitator_not_proven", who="hasty")
    scene.step()
    assert scene.rehearsal.answers[-1].entry.outcome == "refused"
    scene.run(20)
    assert "R-101.agitator_not_proven" in scene.standing()


def test_a_power_cut_while_water_runs_does_not_charge_it_twice(scene: Scene):
    scene.until(lambda: scene.value("FQI-1012") > 60.0, 600)
    after = scene.power_cut()
    after.run(20)
    assert after.state == "HELD"
    assert after.value("FQI-1012") > 50.0  # the total goes on from the record
    assert after.command("batch.restart", "B-1") == ""
    after.until(lambda: after.batch.steps["water"].state == "COMPLETE", 600)
    assert after.value("LIT-1011") == pytest.approx(12.0, abs=1.0)


def test_nothing_acknowledged_is_lost_and_every_command_is_there_once(dosing: Scene):
    for k in range(10):
        assert dosing.command("loop.set", "SIC-301", key=f"k{k}", mode="AUTO", sp=80.0 - k) == ""
    scene = dosing.power_cut()
    keys = [s.entry.key for s in scene.journal.read() if isinstance(s.entry, CommandReceived) and s.entry.key]
    assert keys == [f"k{k}" for k in range(10)]
    scene.step()
    assert scene.command("loop.set", "SIC-301", key="k9", mode="AUTO", sp=71.0) == ""
    scene.run(3)
    assert [e.mode for e in scene.entries(LoopMode) if e.loop == "SIC-301"] == ["MANUAL"]


@pytest.mark.fault("T01")
@pytest.mark.parametrize("clock_s", [0.0, -400 * 86_400.0])
def test_what_was_suspended_ends_however_far_the_clock_went_back_meanwhile(dosing: Scene, clock_s: float):
    before = dosing
    assert before.command("interlock.bypass", "R-101.level_high", minutes=3) == ""
    assert before.command("force.set", "TT-1013", value=30.0, minutes=3) == ""
    assert before.command("alarm.shelve", "R-101.level_against_weight", minutes=3) == ""
    before.run(60)
    scene = before.power_cut(5.0, clock_s)
    row, forces = scene.scan.parts.interlocks.by_name["R-101.level_high"], scene.scan.parts.forces
    alarm = scene.scan.parts.alarms.by_name["R-101.level_against_weight"]
    scene.run(100)
    assert (bool(row.bypass_until), len(forces.standing), alarm.state) == (True, 1, "SHLVD")
    scene.run(80 if clock_s else 20)            # without a clock nobody knows of the time since the last entry
    assert (row.bypass_until, len(forces.standing), alarm.state) == (0, 0, "NORM")
