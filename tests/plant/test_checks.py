"""Instruments that nobody has checked: no batch starts on them, and the record says which checks a batch stood on."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config.models import Config
from gateway.control.chain import AlarmChanged, BatchCreated, Checked
from gateway.control.checks import DAY
from gateway.control.explain import explain
from gateway.control.image import Now
from gateway.records.page import page
from gateway.records.report import batch_record
from gateway.runtime import recover
from simulators.checking import commissioning
from simulators.rehearsal import START
from tests.plant.conftest import LOT, Scene

METAL_LOT = "DNAL-2026-0152"


def started(scene: Scene, batch: str = "B-1", recipe: str = "SHORT", lot: str = LOT, unit: str = "R-101") -> str:
    """The reason why a start is refused, "" when it is not."""
    return scene.command("batch.start", batch, recipe=recipe, lot=lot, unit=unit)


@pytest.fixture
def alone(scene: Scene) -> Scene:
    """A plant that is seen, with nobody at it."""
    scene.operator = None
    scene.until(lambda: scene.scan.armed, 60)
    return scene


def test_no_batch_starts_while_nothing_is_on_record(alone: Scene):
    refused = started(alone)
    assert "check R-101.ph of AIT-1012 has no result on record" in refused
    assert refused.endswith("do it and record it: lagan calibrate R-101.ph")
    assert alone.entries(BatchCreated) == []


def test_with_every_check_on_record_it_starts_and_the_batch_carries_them(alone: Scene):
    alone.calibrate()
    alone.run(2)
    assert started(alone) == ""
    created = alone.entries(BatchCreated)[0]
    needed = {name for name, check in created.checks.items() if check["needed"]}
    assert needed == {"R-101.ph", "control_sample"}, "no solids in this recipe: the hopper scale is nobody's business"
    assert {created.checks[name]["state"] for name in needed} == {"valid"}
    assert created.checks["R-101.hydrogen_proof"]["state"] == "never"


def test_the_record_of_a_batch_shows_what_it_stood_on(alone: Scene):
    alone.calibrate()
    alone.run(2)
    started(alone)
    alone.run(2)
    html = page(batch_record(alone.journal, "B-1"))
    assert "Calibrations and proof tests at the start" in html
    assert "simulated buffers 4.00 and 7.00" in html
    assert "control_sample: recovery_pct.Dy" in html


def test_the_hopper_scale_blocks_a_recipe_that_feeds_solids_and_no_other(alone: Scene):
    calibrate_but(alone, "hopper_scale")
    assert "check hopper_scale of WIT-101 has no result" in started(alone, recipe="LEACH-NDFEB-SEL")
    assert started(alone) == ""


def test_a_metal_batch_needs_every_hydrogen_detector_and_a_roasted_one_none(alone: Scene):
    calibrate_but(alone, "R-101.lel", "room_lel_2")
    refused = started(alone, recipe="LEACH-NDFEB-METAL", lot=METAL_LOT)
    assert "check R-101.lel of AIT-1017" in refused
    assert "check room_lel_2 of AT-402" in refused
    assert started(alone, recipe="LEACH-NDFEB-SEL") == ""


def test_a_probe_that_is_off_fails_by_what_it_shows_and_only_its_own_tank_stands_still(alone: Scene):
    alone.rehearsal.line.seen["AIT-1012"].sense.fail("offset", 0.8)
    alone.calibrate()
    alone.run(2)
    refused = started(alone)
    assert "check R-101.ph of AIT-1012 failed on" in refused
    assert "offset_ph 0.8" in refused
    assert started(alone, unit="R-102") == ""


def test_a_dead_detector_fails_its_bump(alone: Scene):
    alone.rehearsal.line.seen["AIT-1017"].sense.fail("frozen")
    alone.calibrate()
    alone.run(2)
    failed = next(each for each in alone.entries(Checked) if each.check == "R-101.lel")
    assert failed.found["response_pct"] < 10
    assert "check R-101.lel of AIT-1017 failed" in started(alone, recipe="LEACH-NDFEB-METAL", lot=METAL_LOT)


def test_checking_instruments_does_not_move_them(config: Config):
    """Two plants, one checked and one not: every instrument shows the same afterwards, to the last bit."""
    one, other = (Scene(config) for _ in range(2))
    one.operator = other.operator = None
    for scene in (one, other):
        scene.run(10)
    commissioning(one.rehearsal.line)
    for scene in (one, other):
        scene.run(10)
    assert one.rehearsal.plant.image.value == other.rehearsal.plant.image.value


def test_after_a_power_cut_due_dates_are_as_they_were(alone: Scene):
    alone.calibrate()
    alone.run(2)
    before = alone.scan.parts.checks.listed(alone.rehearsal.now.utc)
    again = alone.power_cut()
    assert again.scan.parts.checks.listed(alone.rehearsal.now.utc) == before
    again.until(lambda: again.scan.armed, 60)
    assert started(again) == ""


def test_a_week_later_the_probe_is_due_and_the_plant_says_so_by_one_alarm(config: Config, alone: Scene):
    alone.calibrate()
    alone.run(2)
    later = Scene(config, alone.journal, start=Now(START.mono, alone.rehearsal.now.utc + 8 * DAY))
    later.operator = None
    recover(later.rehearsal.plant, list(alone.journal.read()), later.rehearsal.now)
    later.until(lambda: later.scan.armed, 60)
    assert "check R-101.ph of AIT-1012 is overdue since 2026-01-08" in started(later)
    later.run(610)
    raised = {entry.alarm for entry in later.entries(AlarmChanged) if entry.now == "UNACK" and "checks" in entry.alarm}
    assert raised == {"R-101.checks_overdue", "R-102.checks_overdue", "R-103.checks_overdue", "AE-501.checks_overdue"}
    told: dict[str, Any] = explain(later.scan, "R-101.checks_overdue", later.rehearsal.now)
    assert "R-101.ph is overdue since" in told["says"]
    assert explain(later.scan, "AIT-1012", later.rehearsal.now)["checks"][0]["state"] == "overdue"


def test_a_proof_test_is_a_real_trip_with_every_effect_seen(alone: Scene):
    """Gas at the detector, the row trips, every output goes where the matrix says, the detector is let go, the row is reset."""
    sense = alone.rehearsal.line.seen["AIT-1017"].sense
    row = next(each for each in alone.scan.parts.checks.listed(0) if each["check"] == "R-101.hydrogen_proof")
    outputs = [name for name in row["needs"]["as_found"] if name != "response_s"]
    untried = {"response_s": 1.0, **dict.fromkeys(outputs, 0.0)}
    assert "did not trip within the last 24 h" in alone.command("check.record", "R-101.hydrogen_proof", as_found=untried)
    sense.fail("offset", 40.0)
    shown_s = alone.until(lambda: alone.value("AIT-1017") > 25.0, 10)
    took_s = alone.until(lambda: all(alone.scan.parts.outputs.by_name[name].commanded == forced(alone, name) for name in outputs), 10)
    alone.run(60)                               # the fan runs up to its speed
    seen = {name: alone.value(name) for name in outputs}
    sense.fail("none")
    alone.until(lambda: alone.value("AIT-1017") < 5.0, 60)
    alone.run(2)
    alone.reset_all()
    assert alone.command("check.record", "R-101.hydrogen_proof", as_found={"response_s": took_s, **seen}) == ""
    alone.run(2)
    done = alone.entries(Checked)[-1]
    assert (done.faults, done.found["effects_pct"]) == ([], 100.0)
    assert shown_s < 10
    assert took_s <= 3.0


def forced(scene: Scene, output: str) -> float:
    """What the matrix forces of an output by R-101.hydrogen_high."""
    row = scene.scan.parts.interlocks.by_name["R-101.hydrogen_high"].row
    return row.effects[scene.rehearsal.plant.image.index[output]]


def calibrate_but(scene: Scene, *left_out: str) -> None:
    """Every check is done and written down, except these."""
    scene.calibrate()
    inbox = [command for command in scene.scan.inbox if command.target not in left_out]
    scene.scan.inbox.clear()
    scene.scan.inbox.extend(inbox)
    scene.run(2)
