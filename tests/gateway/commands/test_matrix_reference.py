"""The reference page is what the command prints, and it names nothing that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.commands.matrix_reference import ASKED, Asked, reference
from gateway.config.loading import load
from gateway.config.models import Config
from gateway.paths import belfast_config

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "matrix.md"


@pytest.fixture(scope="module")
def config() -> Config:
    return load(belfast_config())


def test_the_page_is_what_the_command_prints(config: Config):
    assert PAGE.read_text(encoding="utf-8") == reference(config)


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.demand[:40])
def test_what_answers_a_demand_exists_for_every_unit_it_concerns(config: Config, asked: Asked):
    assert asked.rows or asked.alarms
    rows, alarms = ({name.partition(".")[2] for name in section} for section in (config.interlocks, config.alarms))
    assert set(asked.rows) <= rows
    assert set(asked.alarms) <= alarms
    for n in (1, 2, 3):
        assert set(asked.limits) <= set(config.loops[f"FIC-11{n}"].limits)


def test_every_row_of_a_tank_is_asked_for_or_says_that_it_is_the_lines_own(config: Config):
    asked = {row for each in ASKED for row in each.rows}
    own = {name.partition(".")[2] for name, row in config.interlocks.items() if row.unit == "R-101" and row.source.startswith("own row")}
    rest = {name.partition(".")[2] for name, row in config.interlocks.items() if row.unit == "R-101"} - asked - own
    assert rest <= {"peroxide_hot"}  # of the flowsheet
