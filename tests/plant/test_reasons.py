"""Why an output of the shipped line is blocked: the live reason, input by input, and the way out."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.control.explain import explain
from tests.plant.cells import Bench


@pytest.fixture(scope="module")
def whole(config: Any) -> Bench:
    return Bench(config)


@pytest.fixture
def bench(whole: Bench) -> Bench:
    whole.calm()
    return whole


def told(bench: Bench, name: str) -> dict[str, Any]:
    return explain(bench.scan, name, bench.now)


def test_a_blocked_valve_names_every_row_with_the_inputs_that_make_it_so(bench: Bench):
    bench.show({"LIT-1011": 95.0, "TT-1011B": None})
    bench.run(2)
    valve = told(bench, "XV-1011")
    rows = {each["row"]: each for each in valve["blocking"]}
    assert set(rows) == {"R-101.level_high", "R-101.temperature_high"}
    assert rows["R-101.level_high"]["inputs"] == [{"name": "level", "tag": "LIT-1011", "value": 95.0, "quality": "Good"}]
    assert rows["R-101.level_high"]["needs"] == "level <= level_trip_pct"
    lost = rows["R-101.temperature_high"]
    assert (lost["cause_is"], lost["forces"], lost["reset"]) == ("unknown", 0.0, "refused while the cause is unknown")
    assert lost["inputs"] == [{"name": "temperature_b", "tag": "TT-1011B", "value": 0.0, "quality": "BadSensorFailure"}]
    assert lost["needs"] == "temperature_b <= temperature_trip_degc (not known now)"


def test_when_the_cause_is_gone_only_the_reset_waits(bench: Bench):
    bench.show({"LIT-1011": 95.0})
    bench.run(2)
    assert told(bench, "XV-1011")["blocking"][0]["reset"] == "refused while the cause stands"
    bench.show({})
    bench.run(2)
    (row,) = told(bench, "XV-1011")["blocking"]
    assert (row["needs"], row["inputs"], row["reset"]) == ("", [], "waits for a person")
    assert bench.ask("interlock.reset", "R-101.level_high") == ""
    assert told(bench, "XV-1011")["blocking"] == []


def test_a_row_whose_reset_waits_for_more_says_for_what_and_how_far_it_is(bench: Bench):
    bench.show({"TT-1011A": 97.0})
    bench.run(2)
    bench.show({"TT-1011A": 85.0})
    bench.run(2)
    rows = {each["row"]: each for each in told(bench, "XV-1012")["blocking"]}
    assert rows["R-101.temperature_high"]["reset"] == "refused until temperature < 80 degC; now temperature (TT-1011A) 85"
    assert told(bench, "R-101.temperature_high")["reset"] == rows["R-101.temperature_high"]["reset"]


def test_what_the_reset_of_a_row_without_bypass_looks_at_is_not_forced(bench: Bench):
    """Nitrogen that is only said to be on purges nothing."""
    refused = bench.ask("force.set", "ZSO-1013", value=1, minutes=5)
    assert refused == "ZSO-1013 may not be forced: R-101.hydrogen_high may not be bypassed"


def test_a_permissive_says_that_it_lets_go_by_itself(bench: Bench):
    bench.show({"LIT-1201": 1.0} if "LIT-1201" in bench.index else {"LIT-120": 1.0})
    bench.run(2)
    (row,) = told(bench, "XS-121")["blocking"]
    assert (row["row"], row["reset"], row["needs"]) == ("P-121.dosing_tank_empty", "lets go by itself", "tank_level >= 3 %")


def test_a_row_that_waits_for_its_delay_blocks_nothing_and_says_how_long(bench: Bench):
    bench.show({"ZSO-1011": 1.0})
    bench.run(3)
    assert told(bench, "XV-1011")["blocking"] == []
    row = told(bench, "R-101.acid_valve_travel")
    assert (row["cause_is"], row["active"], row["reset"]) == ("true", False, "not tripped yet")


def test_a_bypassed_row_stands_beside_the_output_with_who_why_and_until_when(bench: Bench):
    assert bench.ask("interlock.bypass", "R-101.level_high", minutes=5) == ""
    bench.show({"LIT-1011": 95.0})
    bench.run(2)
    valve = told(bench, "XV-1011")
    assert valve["blocking"] == []
    (asleep,) = valve["bypassed_rows"]
    assert (asleep["row"], asleep["by"], asleep["why"]) == ("R-101.level_high", "Ann", "test")
    assert asleep["left_s"] > 290
    assert told(bench, "UB-1010")["value"] == 1.0
    unit = told(bench, "R-101")
    assert (unit["standing"], set(unit["bypasses"]), unit["forces"]) == ([], {"R-101.level_high"}, {})
    assert unit["bypasses"]["R-101.level_high"]["by"] == "Ann"
    bench.run(4)
    assert bench.parts.alarms.by_name["R-101.bypassed"].state == "UNACK"
    assert bench.ask("interlock.unbypass", "R-101.level_high") == ""
    bench.run(4)
    assert bench.parts.alarms.by_name["R-101.bypassed"].state == "RTNUN"


def test_a_forced_input_shows_beside_the_row_what_is_measured(bench: Bench):
    assert bench.ask("force.set", "LIT-1011", value=92.0, minutes=5) == ""
    bench.run(4)
    (row,) = told(bench, "XV-1011")["blocking"]
    (level,) = row["inputs"]
    assert (level["value"], level["quality"], level["measured"], level["measured_quality"]) == (92.0, "GoodLocalOverride", 50.0, "Good")
    assert bench.parts.alarms.by_name["R-101.forced"].state == "UNACK"
    assert bench.ask("force.end", "LIT-1011") == ""
    bench.run(4)


def test_a_force_on_the_line_names_rows_loops_and_what_it_blinds(bench: Bench):
    bench.ask("force.set", "TT-1011A", value=120.0, minutes=5)
    row = bench.parts.forces.by_name["TT-1011A"]
    effect = bench.parts.forces.standing[row.tag]
    assert effect.value == 120.0
    assert bench.parts.interlocks.by_name["R-101.temperature_high"].tripped
    assert {"R-101.temperature_high", "R-101.rise_high", "R-101.peroxide_hot"} <= set(row.rows)
    assert {"TIC-1011", "FIC-111"} <= set(row.loops)
    assert bench.ask("force.end", "TT-1011A") == ""


@pytest.mark.parametrize("tag", ["AIT-1017", "AT-401", "HS-900", "JQ-901", "XI-1011", "XI-301", "ZSC-201", "AT-405"])
def test_nobody_forces_what_a_row_without_bypass_looks_at(bench: Bench, tag: str):
    assert f"{tag} may not be forced: " in bench.ask("force.set", tag, value=0, minutes=5)


def test_a_held_output_gives_way_to_the_interlock_and_says_which_would_win(bench: Bench):
    row = bench.parts.forces.by_name["XV-1015"]
    assert bench.ask("force.set", "XV-1015", value=1, minutes=5) == ""
    bench.run(2)
    assert bench.parts.outputs.by_name["XV-1015"].commanded == 1.0
    assert told(bench, "XV-1015")["forced"]["to"] == 1.0
    bench.show({"LIT-1011": 95.0})
    bench.run(2)
    assert bench.parts.outputs.by_name["XV-1015"].commanded == 0.0
    assert row.tag not in bench.parts.forces.standing
