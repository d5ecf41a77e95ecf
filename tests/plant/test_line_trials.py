"""The closed loops on the simulated line do what is asked of them; the whole of it: ``pytest -m soak`` or ``lagan trials``."""

from __future__ import annotations

import pytest

from gateway.config.loading import load
from gateway.config.models import Config
from gateway.paths import belfast_config
from simulators import trials


@pytest.fixture(scope="module")
def line() -> Config:
    return load(belfast_config())


@pytest.mark.parametrize(("to", "hold_h"), [(26.0, 1.5), pytest.param(80.0, 2.0, marks=pytest.mark.soak)])
def test_a_tank_is_heated_along_its_ramp_and_held(line: Config, to: float, hold_h: float):
    found = trials.heat_up(line, 11, to, hold_h)
    assert found.ramp_k_min == pytest.approx(0.5)
    assert found.over_k <= 2.0
    assert found.steady_k <= 0.5


@pytest.mark.soak
@pytest.mark.parametrize("seed", [11, 12])
def test_ph_is_brought_to_its_setpoint_from_below_and_stays_there(line: Config, seed: int):
    found = trials.ageing(line, seed)
    assert found.highest <= 4.0
    assert found.within >= 0.95
    assert found.aged_min >= 119.0


@pytest.mark.soak
def test_the_limiter_holds_a_metal_batch_at_8_percent_lel(line: Config):
    found = trials.hydrogen(line, 11)
    assert found.highest <= 10.0
    assert found.mean == pytest.approx(8.0, abs=0.3)
    assert found.least_hours <= found.hours <= 1.1 * found.least_hours


@pytest.mark.soak
def test_every_disturbance_ends_with_the_plant_at_rest_or_the_batch_running(line: Config):
    rows = list(trials.disturbances(line, 11))
    assert len(rows) == 13
    for row in rows:
        assert row.state in ("RUNNING", "HELD"), row
        if row.state == "HELD":
            assert row.acid_l < 2.0, row        # what still went in after the trip
            assert row.back_min is not None, row
