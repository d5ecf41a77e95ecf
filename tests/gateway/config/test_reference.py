"""The reference in docs is what the models say today, and figures and phases speak units that exist."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from devices.units import UNITS
from gateway.batch.phases import PHASES as CODED
from gateway.config.figures import ending, figure_unit
from gateway.config.models import Config
from gateway.config.phases import BATCH_FIGURES, LOT_FIGURES, PHASES
from gateway.config.reference import write

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "config.md"


def test_the_page_is_what_the_models_say():
    out = io.StringIO()
    write(out)
    assert PAGE.read_text() == out.getvalue(), "run: python -m gateway.config.reference > docs/reference/config.md"


def test_every_field_of_the_configuration_has_a_page():
    sections = set(Config.model_fields) - {"digest", "source"}
    assert all(name.rstrip("s") in PAGE.read_text() for name in sections)


def test_every_phase_speaks_known_units_and_has_a_default_inside_its_limits():
    for phase in PHASES.values():
        for name, parameter in phase.parameters.items():
            assert parameter.unit in UNITS, (phase.name, name)
            assert parameter.low < parameter.high
            assert parameter.default is None or parameter.low <= parameter.default <= parameter.high


def test_every_phase_that_is_declared_is_coded():
    assert set(PHASES) == set(CODED)


def test_figures_speak_known_units():
    assert set(LOT_FIGURES.values()) | set(BATCH_FIGURES.values()) <= set(UNITS)


@pytest.mark.parametrize("symbol", sorted(set(UNITS) - {"1"}))
def test_a_figure_ends_with_its_unit(symbol: str):
    found = figure_unit(f"limit_{ending(symbol)}")
    assert UNITS[found].exponents == UNITS[symbol].exponents
    assert ending(found) == ending(symbol)


def test_a_figure_without_a_unit_is_a_number():
    assert figure_unit("acid_overdose_1") == figure_unit("factor") == "1"
