"""What the page on alarms tells people to write can be written: its row loads, and every condition of its table is one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config.faults import Fault
from gateway.config.loading import read_draft
from gateway.config.scope import Scope, condition
from gateway.config.states import add_states, figures_of, named, split
from gateway.control.conditions import parse
from gateway.control.deadband import beyond
from gateway.paths import belfast_config

PAGE = (Path(__file__).parents[3] / "docs/how-to/live-with-alarms.md").read_text()
TABLE = re.findall(r"^\| (a limit|a deviation|a rate|a discrepancy|a lost signal|anything .*?|silence .*?) \| (.*) \|$", PAGE, re.M)
CONDITIONS = [code for _, said in TABLE for code in re.findall(r"`([^`]+)`", said)]


def test_the_row_of_the_page_loads_beside_another_of_its_group(plant: Path, faults_of: Callable[[Path], list[Fault]]):
    (row,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    row = re.sub(r" +#.*", "", row)
    assert "deadband: 2 %" in row
    added = row.replace("  level_high:", "  level_very_high:") + row.replace("  level_high:", "  level_most_high:")
    (plant / "alarms.yaml").write_text((plant / "alarms.yaml").read_text() + added)
    assert faults_of(plant) == []


@pytest.mark.parametrize("said", [code for code in CONDITIONS if re.search(r"[<>=]|bad\(|phase", code)])
def test_every_condition_of_the_page_is_one(said: str):
    draft, faults = read_draft(belfast_config())
    assert faults == []
    text = re.sub(r"^(clear_when|suppressed_when): ", "", said)
    unit = "C-301" if "fan" in text else "R-101"
    row = draft.alarms["R-101.level_high"].model_copy(update={"unit": unit, "when": text})
    draft.alarms["page"] = row
    add_states(draft)
    assert [str(fault) for fault in condition(Scope(draft, unit), ("alarms", "page", "when"), text)] == []


def test_the_table_of_the_page_was_found():
    assert len(TABLE) == 7
    assert any("deadband" in code for code in CONDITIONS)
    assert beyond(parse("level > 80 %"), "2 %").text == "level > 80 % - 2 %"


# --- names of phases and states ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "unit", "found"), [
    ("phase.FILTER", "R-101", ("R-101", "phase.FILTER")),
    ("R-102.state.HELD", "R-101", ("R-102", "state.HELD")),
    ("R-102.state.HELD", None, ("R-102", "state.HELD")),
    ("phase.FILTER", None, None),
    ("feeder.run", "R-101", None),
    ("phase.filter", "R-101", None),
])  # fmt: skip
def test_a_phase_or_state_is_told_by_its_name(name: str, unit: str | None, found: tuple[str, str] | None):
    assert named(name, unit) == found


def test_a_tank_has_states_and_phases_shared_equipment_the_phases_that_use_it_and_the_site_none():
    draft, _ = read_draft(belfast_config())
    assert {"phase.FILTER", "phase.LEACH", "state.HELD", "state.IDLE"} <= figures_of(draft, "R-101")
    assert {"phase.FILTER", "phase.WASH", "phase.BLOW", "phase.DROP"} == figures_of(draft, "FP-201")
    assert figures_of(draft, "SITE") == figures_of(draft, "NOWHERE") == set()


@pytest.mark.parametrize(("rest", "found"), [("R-101.metal", ("R-101", "metal")), ("R-101.phase.FILTER", ("R-101", "phase.FILTER"))])
def test_an_internal_tag_names_unit_and_figure(rest: str, found: tuple[str, str]):
    assert split(rest) == found
