"""The agitator trips while acid flows: the matrix row, the hold, and the way back."""

from __future__ import annotations

import pytest

from gateway.control.chain import BatchState, InterlockChanged, LoopMode
from tests.plant.conftest import Scene

ROW = "R-101.agitator_stopped"
POLL_AND_SCAN_S = 1.0  # the switch is read every half second and judged by the scan after that


@pytest.mark.fault("P04")
def test_agitator_trip_while_dosing_stops_acid_and_solids_first_out_and_holds(dosing: Scene):
    scene = dosing
    scene.set("R-101.agitator_trip", 1.0)
    took = scene.until(lambda: ROW in scene.standing(), 3.0)
    assert took <= POLL_AND_SCAN_S + 0.5  # the drive itself takes a step to say so
    assert [scene.asked_of(tag) for tag in ("XV-1011", "XS-111", "XV-1012")] == [0.0, 0.0, 0.0]
    (trip,) = [e for e in scene.entries(InterlockChanged) if e.interlock == ROW]
    assert (trip.event, trip.first_out, trip.cause) == ("tripped", True, "true")
    scene.until(lambda: scene.state == "HELD", 3)
    assert scene.cause == f"interlock {ROW}"
    assert (scene.scan.parts.loops["FIC-111"].mode, scene.scan.parts.loops["FIC-111"].out) == ("MANUAL", 0.0)
    scene.until(lambda: scene.truth("R-101.acid_valve_open") == 0.0, 5)
    dosed = scene.value("FQI-1011")
    scene.run(60)
    assert scene.value("FQI-1011") == pytest.approx(dosed, abs=0.02)
    assert scene.state == "HELD"


def test_a_restart_is_refused_until_the_cause_is_gone_and_a_person_has_reset_it(dosing: Scene):
    scene = dosing
    scene.set("R-101.agitator_trip", 1.0)
    scene.until(lambda: scene.state == "HELD", 10)
    scene.run(6)
    assert ROW in scene.command("batch.restart", "B-1")
    slow = "R-101.agitator_not_proven"
    assert scene.command("interlock.reset", slow) == f"{slow}: its cause is still true"
    assert scene.command("interlock.reset", ROW) == ""  # nothing is dosed any more; the other row still stands
    scene.run(1)
    assert slow in scene.command("batch.restart", "B-1")


def test_cause_gone_and_a_person_restarts_and_dosing_goes_on_gently(dosing: Scene):
    scene = dosing
    scene.set("R-101.agitator_trip", 1.0)
    scene.until(lambda: scene.state == "HELD", 10)
    scene.run(20)
    before = scene.value("FQI-1011")
    scene.set("R-101.agitator_trip", 0.0)
    scene.run(10)
    assert scene.asked_of("XV-1011") == 0.0  # a cause that goes away starts nothing
    assert scene.command("output.set", "XS-1011", value=1) == ""
    scene.until(lambda: scene.value("ST-1011") > 250.0, 60)
    scene.reset_all()
    scene.run(30)
    assert (scene.state, scene.asked_of("XV-1011")) == ("HELD", 0.0)
    assert scene.command("batch.restart", "B-1") == ""
    took = scene.until(lambda: scene.state == "RUNNING", 120)
    assert took >= 59.0  # agitator for 10 s, hydrogen low for a minute
    scene.until(lambda: scene.value("FIT-1011") > 0.02, 180)
    assert scene.scan.parts.loops["FIC-111"].sp == pytest.approx(0.07)
    assert scene.value("FQI-1011") == pytest.approx(before, abs=0.1)
    scene.until(lambda: scene.scan.parts.loops["FIC-111"].sp == pytest.approx(0.7), 400)
    assert [e.setpoint for e in scene.entries(LoopMode) if e.loop == "FIC-111" and e.mode == "AUTO"][-2:] == [pytest.approx(0.07), 0.7]
    assert [e.now for e in scene.entries(BatchState)][-4:] == ["HOLDING", "HELD", "RESTARTING", "RUNNING"]
