"""Calibrations on record: judged by the plant process, durable before they count, due by UTC, never changed."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.control.chain import Checked, CommandReceived, InterlockChanged
from gateway.control.checks import DAY, CheckRow, Checks
from gateway.control.command import Command
from gateway.control.fitness import KINDS
from gateway.control.image import SECOND, Now
from gateway.control.scan import Scan, replay
from tests.gateway.control.small import Small

T0 = 10**18
PH = CheckRow(name="R-1.ph", what="ph", of="AIT-1", unit="R-1", interval_ns=7 * DAY, warn_ns=DAY, blocks=True, limits=KINDS["ph"].limits)
LEL = CheckRow(name="R-1.lel", what="gas_bump", of="AIT-2", unit="R-1", interval_ns=30 * DAY, warn_ns=3 * DAY, blocks=True,
               feeds=("metal",), limits=KINDS["gas_bump"].limits)
PROOF = CheckRow(name="R-1.proof", what="proof_test", of="level_high", unit="R-1", interval_ns=365 * DAY, warn_ns=30 * DAY, blocks=False,
                 parts=("XV",), effects={"XV": (0.0, 0.5)}, limits={"response_s": (0.0, 3.0), **KINDS["proof_test"].limits})
GOOD = {"reference": {"buffer_1": 4.0, "buffer_2": 7.0, "temperature_c": 25.0}, "as_found": {"ph_1": 4.05, "ph_2": 7.02},
        "certificate": "buffers 2291"}
WORN = {**GOOD, "as_found": {"ph_1": 4.8, "ph_2": 7.0}}


def checks(*rows: CheckRow) -> Checks:
    return Checks(rows or (PH, LEL, PROOF))


def record(of: Checks, utc: int, check: str = "R-1.ph", **arguments: Any) -> Checked | str:
    entry = of.record(Command(verb="check.record", target=check, who="Ann", why="weekly", arguments=arguments or GOOD), Now(0, utc))
    if isinstance(entry, Checked):
        of.apply(entry)
    return entry


def state(of: Checks, utc: int, check: str = "R-1.ph") -> str:
    return of.standing(check, utc).state


@pytest.fixture
def plant() -> Small:
    small = Small()
    small.parts.checks = checks()
    return small


def test_nothing_on_record_is_not_proven_and_forbids_a_start():
    found = checks()
    assert state(found, T0) == "never"
    assert found.forbids({"R-1"}, "roasted", T0) == (
        "check R-1.ph of AIT-1 has no result on record; do it and record it: lagan calibrate R-1.ph")


def test_a_check_stands_until_it_is_due_and_warns_before_that():
    found = checks()
    assert isinstance(record(found, T0), Checked)
    states = [state(found, T0 + round(days * DAY)) for days in (0, 5.9, 6.1, 7, 7.01)]
    assert states == ["valid", "valid", "due_soon", "due_soon", "overdue"]
    assert found.forbids({"R-1"}, "roasted", T0 + 7 * DAY) == ""
    assert "is overdue since 2001-09-16 01:46 UTC" in found.forbids({"R-1"}, "roasted", T0 + 8 * DAY)


def test_only_feeds_that_need_a_detector_wait_for_it():
    found = checks()
    record(found, T0)
    assert found.forbids({"R-1"}, "roasted", T0) == ""
    assert found.forbids({"R-1"}, "metal", T0).startswith("check R-1.lel of AIT-2 has no result on record")


def test_checks_of_other_units_are_in_nobodys_way():
    assert checks().forbids({"R-2"}, "metal", T0) == ""


def test_a_worn_probe_fails_with_figures_that_nobody_stated():
    found = checks()
    entry = record(found, T0, **WORN)
    assert isinstance(entry, Checked)
    assert entry.found["slope_pct"] == pytest.approx(73.333)
    assert entry.faults == ["slope_pct 73.333 outside 85..105"]
    assert "failed on 2001-09-09 01:46 UTC: slope_pct 73.333" in found.forbids({"R-1"}, "roasted", T0)


def test_after_adjustment_it_passes_and_how_it_was_found_stays_on_record():
    found = checks()
    entry = record(found, T0, **WORN, as_left={"ph_1": 4.0, "ph_2": 7.0})
    assert isinstance(entry, Checked)
    assert (entry.faults, entry.found_faults) == ([], ["slope_pct 73.333 outside 85..105"])
    assert state(found, T0) == "valid"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"certificate": " "}, "no certificate"),
        ({"reference": {}}, "reference: has nothing; needed: buffer_1"),
        ({"as_found": {"ph_1": "four", "ph_2": 7.0}}, "could not convert"),
        ({"as_found": {"ph_1": float("inf"), "ph_2": 7.0}}, "ph_1 is inf"),
        ({"as_found": [4.0, 7.0]}, "names with their readings are needed"),
        ({"as_left": {"ph_1": 4.0}}, "readings: has ph_1"),
        ({"corrects": 3}, "has no record 3 to correct; there are none"),
    ],
)
def test_a_record_that_cannot_be_judged_is_refused_and_the_refusal_is_recorded(plant: Small, changed: dict[str, Any], says: str):
    assert says in plant.ask("check.record", "R-1.ph", **{**GOOD, **changed})
    refused = [stored.entry for stored in plant.journal.read() if isinstance(stored.entry, CommandReceived)]
    assert [entry.outcome for entry in refused] == ["refused"]
    assert state(plant.parts.checks, plant.now.utc) == "never"


def test_an_unknown_check_is_refused(plant: Small):
    assert plant.ask("check.record", "R-1.pH", **GOOD) == "no check R-1.pH"


def test_a_check_counts_from_the_scan_after_its_record_is_durable():
    plant = Small(lag=4)
    plant.parts.checks = checks()
    assert plant.ask("check.record", "R-1.ph", **GOOD) == ""
    assert state(plant.parts.checks, plant.now.utc) == "never"
    assert "is on its way to the journal" in plant.ask("check.record", "R-1.ph", **GOOD)
    plant.run(5)
    assert state(plant.parts.checks, plant.now.utc) == "valid"


def test_a_restart_finds_the_same_due_dates_in_the_journal(plant: Small):
    plant.ask("check.record", "R-1.ph", **GOOD)
    plant.ask("check.record", "R-1.lel", reference={"applied_pct_lel": 50}, as_found={"reading_pct_lel": 20, "t90_s": 15}, certificate="g")
    plant.run(3)
    again = Small()
    again.parts.checks = checks()
    scan = Scan(again.parts)
    replay(scan, list(plant.journal.read()))
    for utc in (plant.now.utc, plant.now.utc + 8 * DAY):
        assert again.parts.checks.listed(utc) == plant.parts.checks.listed(utc)
    assert state(again.parts.checks, plant.now.utc, "R-1.lel") == "failed"


def test_a_correction_takes_the_place_of_what_it_corrects_and_both_stay_in_the_journal(plant: Small):
    plant.ask("check.record", "R-1.ph", **WORN)
    plant.run(2)
    done = plant.now.utc
    assert plant.ask("check.record", "R-1.ph", **GOOD, corrects=1, why="typed the wrong buffer") == ""
    plant.run(2)
    found = [stored.entry for stored in plant.journal.read() if isinstance(stored.entry, Checked)]
    assert [(entry.number, entry.corrects, bool(entry.faults)) for entry in found] == [(1, 0, True), (2, 1, False)]
    assert found[1].at_utc == found[0].at_utc < done
    assert state(plant.parts.checks, plant.now.utc) == "valid"
    assert "has no record 1 to correct; there are 2" in plant.ask("check.record", "R-1.ph", **GOOD, corrects=1)


def test_a_correction_of_an_old_record_does_not_stand_before_a_newer_one():
    found = checks()
    record(found, T0)
    record(found, T0 + DAY, **WORN)
    record(found, T0 + 2 * DAY, **GOOD, corrects=1)
    assert state(found, T0 + 2 * DAY) == "failed"


def test_a_check_done_in_the_future_is_not_valid_until_it_is_done_again():
    found = checks()
    record(found, T0 + 3600 * SECOND)
    assert state(found, T0) == "future"
    assert "still to come: the clock was set back" in found.forbids({"R-1"}, "roasted", T0)
    record(found, T0)
    assert state(found, T0) == "valid"


def test_a_clock_that_runs_ahead_makes_checks_due_and_a_clock_set_right_takes_that_back():
    found = checks()
    record(found, T0)
    assert state(found, T0 + 400 * DAY) == "overdue"
    assert state(found, T0 + DAY) == "valid"


def test_an_interval_that_was_shortened_counts_for_records_made_before():
    found = checks()
    entry = record(found, T0)
    assert isinstance(entry, Checked)
    shorter = Checks([CheckRow(name="R-1.ph", what="ph", of="AIT-1", unit="R-1", interval_ns=DAY, warn_ns=1, blocks=True)])
    shorter.apply(entry)
    assert state(shorter, T0 + 2 * DAY) == "overdue"


def test_a_record_of_a_check_that_the_configuration_lost_is_no_stumbling_block():
    found = checks()
    entry = record(found, T0)
    assert isinstance(entry, Checked)
    without = checks(LEL)
    without.apply(entry)
    assert [row["check"] for row in without.listed(T0)] == ["R-1.lel"]


def test_a_proof_test_without_a_trip_on_record_is_refused():
    found = checks()
    seen = {"as_found": {"response_s": 1.0, "XV": 0.0}}
    assert "did not trip within the last 24 h" in str(record(found, T0, "R-1.proof", **seen))
    found.saw(InterlockChanged(interlock="level_high", event="tripped", cause="unknown"), T0)     # the wire was cut: nobody saw the level
    assert "did not trip" in str(record(found, T0 + 3600 * SECOND, "R-1.proof", **seen))
    found.saw(InterlockChanged(interlock="level_high", event="tripped", cause="true"), T0)
    assert isinstance(record(found, T0 + 3600 * SECOND, "R-1.proof", **seen), Checked)
    assert "did not trip within" in str(record(found, T0 + 25 * 3600 * SECOND, "R-1.proof", **seen))


def test_figures_count_what_is_overdue_and_what_will_soon_be(plant: Small):
    found = plant.parts.checks
    overdue, soon = found.count("R-1", "overdue"), found.count("R-1", "due_soon")
    found.look(T0)
    assert (overdue(), soon()) == (3.0, 0.0)
    record(found, T0)
    found.look(T0)
    assert (overdue(), soon()) == (2.0, 0.0)
    found.look(T0 + round(6.5 * DAY))
    assert (overdue(), soon()) == (2.0, 1.0)
    found.look(T0)
    assert (overdue(), soon()) == (2.0, 0.0), "the clock was set back"
    assert found.count("R-2", "overdue")() == 0.0


def test_what_stood_at_a_start_names_record_figures_and_certificate():
    found = checks()
    record(found, T0)
    stood = found.stood({"R-1"}, "roasted", T0)
    assert (stood["R-1.ph"]["number"], stood["R-1.ph"]["certificate"], stood["R-1.ph"]["needed"]) == (1, "buffers 2291", True)
    assert (stood["R-1.lel"]["state"], stood["R-1.lel"]["needed"]) == ("never", False)
