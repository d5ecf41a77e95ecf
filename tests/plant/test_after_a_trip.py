"""What a trip leaves behind on the line: nothing moves by a reset, by the end of a bypass or by going to the safe state."""

from __future__ import annotations

import pytest

from gateway.control.chain import AlarmChanged, BatchState, InterlockChanged, WriteFailed
from gateway.control.image import SECOND
from tests.plant.conftest import Scene


def heating(scene: Scene) -> None:
    """The tank is on its way to 60 degC by its two loops."""
    assert scene.command("loop.set", "TIC-1012", mode="CASCADE") == ""
    assert scene.command("loop.set", "TIC-1011", mode="AUTO", sp=60.0) == ""
    scene.run(60)


def end(scene: Scene) -> None:
    """The plant process goes to its safe state, as when it is stopped."""
    parts = scene.scan.parts
    parts.outputs.make_safe(parts.image, scene.rehearsal.now, *scene.scan.forced(), "the plant process stops")


@pytest.mark.parametrize("cascade", [True, False])
def test_who_stops_the_plant_process_under_an_emergency_stop_does_not_stop_the_cooling(dosing: Scene, cascade: bool):
    if cascade:
        heating(dosing)
    dosing.set("SITE.estop_cmd", 1.0)
    dosing.run(60)
    assert (dosing.asked_of("TV-1011C"), dosing.asked_of("TV-1011H")) == (100.0, 0.0)
    end(dosing)
    assert (dosing.asked_of("TV-1011C"), dosing.asked_of("TV-1011H")) == (100.0, 0.0)


def test_the_reset_of_an_emergency_stop_heats_nothing_and_a_restart_of_the_batch_takes_its_loops_up_again(dosing: Scene):
    heating(dosing)
    dosing.set("SITE.estop_cmd", 1.0)
    dosing.run(30)
    dosing.set("SITE.estop_cmd", 0.0)
    dosing.run(10)
    told = dosing.rehearsal.answers
    before = len(told)
    dosing.reset_all()
    assert [answer.body["manual"] for answer in told[before:] if "manual" in answer.body] == [
        ["TIC-1012"], ["TIC-1022"], ["TIC-1032"], ["AIC-301"]]
    dosing.run(120)
    loop = dosing.scan.parts.loops["TIC-1012"]
    assert (dosing.state, loop.mode, dosing.standing()) == ("HELD", "MANUAL", [])
    assert (dosing.asked_of("TV-1011H"), dosing.asked_of("TV-1011C")) == (0.0, 100.0)
    assert dosing.command("loop.set", "TIC-1012", mode="CASCADE") == ""
    dosing.until(lambda: (dosing.asked_of("TV-1011H") or 0.0) > 20.0, 600)


def test_a_bypass_that_ends_over_a_trip_holds_the_batch_again_and_its_reset_doses_nothing(dosing: Scene):
    name = "R-101.acid_pump_lost"
    dosing.rehearsal.dead = {"FC-101"}
    dosing.until(lambda: dosing.state == "HELD", 20)
    dosing.rehearsal.dead = set()
    dosing.run(10)
    assert dosing.command("interlock.bypass", name, minutes=12) == ""
    for row in dosing.standing():
        if row != name:
            assert dosing.command("interlock.reset", row) == ""
    dosing.until(lambda: dosing.command("batch.restart", "B-1") == "", 400)
    dosing.until(lambda: dosing.state == "RUNNING" and dosing.asked_of("XV-1011") == 1.0, 300)
    dosing.until(lambda: dosing.state == "HELD", 900)
    dosing.run(30)
    assert [(e.event, e.cause) for e in dosing.entries(InterlockChanged) if e.interlock == name][-2:] == [
        ("bypass_ended", "expired"), ("tripped", "latched")]
    assert dosing.command("interlock.reset", name) == ""
    dosing.run(30)
    assert (dosing.state, dosing.asked_of("XV-1011"), dosing.asked_of("XS-111")) == ("HELD", 0.0, 0.0)
    assert [e.now for e in dosing.entries(BatchState)][-1] == "HELD"


def test_the_cause_of_a_bypassed_row_raises_an_alarm_until_it_goes(dosing: Scene):
    assert dosing.command("interlock.bypass", "R-101.level_high", minutes=10) == ""
    dosing.run(5)
    alarm = dosing.scan.parts.alarms.by_name["R-101.demanded"]
    assert alarm.state == "NORM"
    assert dosing.command("force.set", "LIT-1011", value=95.0, minutes=1) == ""
    dosing.run(10)
    assert (alarm.state, dosing.state) == ("UNACK", "RUNNING")
    (told,) = [e for e in dosing.entries(InterlockChanged) if e.event == "demanded"]
    assert (told.interlock, [value for value, _ in told.inputs.values()]) == ("R-101.level_high", [95.0])
    dosing.run(90)
    assert alarm.state == "RTNUN"


# --- outputs that nobody wants ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("tag", "device", "value"), [("XV-1015", "IO-101", 1.0), ("XV-1014", "IO-101", 1.0), ("XS-302", "IO-300", 0.0)])
def test_what_somebody_else_moves_is_asked_for_once_more_although_nobody_has_wanted_it_since_the_start(
    scene: Scene, tag: str, device: str, value: float
):
    scene.operator = None
    scene.run(120)
    output, now = scene.scan.parts.outputs.by_name[tag], scene.rehearsal.now.mono
    assert output.wanted is None
    move = scene.rehearsal.plant.talks[device].write
    move(output.row.tag, value, now, now + 5 * SECOND)          # as another master, or a module that restarts with its coils at 0
    scene.run(120)
    assert (output.state, output.commanded, scene.value(tag)) == ("verified", 1.0 - value, 1.0 - value)
    assert scene.entries(WriteFailed) == []


def test_a_module_that_was_away_during_the_start_is_told_what_it_missed(scene: Scene):
    scene.operator = None
    scene.rehearsal.dead = {"IO-300"}
    scene.run(60)
    assert scene.scan.armed
    scene.rehearsal.dead = set()
    scene.run(120)
    assert (scene.asked_of("XS-302"), scene.value("XS-302")) == (1.0, 1.0)
    assert [e.now for e in scene.entries(AlarmChanged) if e.alarm == "IO-300.device_lost"][-1:] in (["RTNUN"], [])
