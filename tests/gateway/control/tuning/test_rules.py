"""Rules and margins: the rows of the reference, and python-control as a second opinion on the margins."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import control
import numpy as np
import pytest

from gateway.control.tuning.model import Plant, Tuning, margins
from gateway.control.tuning.rules import amigo_pi, amigo_pid, half_rule, ideal, simc_pi, simc_pid

SLOW = Plant(gain=1.0, lags=(10.0,), theta_s=1.0)
EVEN = Plant(gain=1.0, lags=(1.0,), theta_s=1.0)
RISING = Plant(gain=1.0, theta_s=1.0, integrating=True)
QUICK = Plant(gain=1.0, lags=(1.0, 0.2))
FOUR = Plant(gain=1.0, lags=(1.0,) * 4)
TWO = Plant(gain=1.0, lags=(20.0, 2.0), theta_s=1.0)
INVERSE = Plant(gain=1.0, lags=(1.0,) * 3, inverse=(2.0,))

# Plant, rule, K, Ti, Td, Ms, GM, PM. Source: rows A to L of the reference table (frequency grid; B and C as published by Skogestad).
ROWS: list[tuple[Plant, Callable[[Plant], Tuning], tuple[float, float, float], tuple[float, float, float]]] = [
    (SLOW, simc_pi, (5.0, 8.0, 0.0), (1.61, 3.11, 58.3)),
    (EVEN, simc_pi, (0.5, 1.0, 0.0), (1.59, 3.14, 61.4)),
    (RISING, simc_pi, (0.5, 8.0, 0.0), (1.70, 2.96, 46.9)),
    (QUICK, lambda plant: simc_pi(half_rule(plant)), (5.5, 0.8, 0.0), (1.56, math.inf, 46.5)),
    (FOUR, lambda plant: simc_pi(half_rule(plant)), (0.3, 1.5, 0.0), (1.46, 4.94, 62.4)),
    (FOUR, lambda plant: simc_pid(half_rule(plant, 2)), (0.833, 2.5, 0.6), (1.44, 6.24, 62.5)),
    (TWO, simc_pid, (12.5, 10.0, 1.6), (1.86, 2.50, 49.4)),
    (SLOW, amigo_pi, (2.824, 6.077, 0.0), (1.32, 5.40, 62.3)),
    (SLOW, amigo_pid, (4.7, 4.2, 0.485), (1.45, 3.28, 59.6)),
    (EVEN, amigo_pi, (0.25, 1.0, 0.0), (1.25, 6.28, 75.7)),
    (EVEN, amigo_pid, (0.65, 1.091, 0.385), (1.44, 3.32, 64.2)),
    (INVERSE, lambda plant: simc_pi(half_rule(plant)), (0.214, 1.5, 0.0), (1.66, 2.83, 60.8)),
]


@pytest.mark.parametrize(("plant", "rule", "tuning", "promise"), ROWS, ids="ABCDEFGHIJKL")
def test_a_rule_gives_the_tuning_and_the_margins_of_the_reference(
    plant: Plant, rule: Callable[[Plant], Tuning], tuning: tuple[float, float, float], promise: tuple[float, float, float]
):
    found = rule(plant)
    assert (found.gain, found.ti_s, found.td_s) == pytest.approx(tuning, rel=2e-3)
    kept = margins(plant, found)
    assert kept.stable
    assert kept.ms == pytest.approx(promise[0], abs=0.006)
    assert kept.gm == pytest.approx(promise[1], abs=0.006)
    assert kept.pm_deg == pytest.approx(promise[2], abs=0.06)


@pytest.mark.parametrize("plant", [SLOW, EVEN, RISING])
def test_a_slower_closed_loop_is_gentler_and_more_robust(plant: Plant):
    quick, gentle = simc_pi(plant), simc_pi(plant, 3.0 * plant.theta_s)
    assert gentle.gain == pytest.approx(quick.gain / 2.0)
    assert margins(plant, gentle).ms < margins(plant, quick).ms < 1.75


def test_plants_that_integrate_have_rules_that_are_the_limit_of_a_very_long_lag():
    slow = Plant(gain=1e5, lags=(1e5,), theta_s=1.0)
    for rule in (simc_pi, amigo_pi, amigo_pid):
        limit, found = rule(slow), rule(RISING)
        assert (found.gain, found.ti_s, found.td_s) == pytest.approx((limit.gain, limit.ti_s, limit.td_s), rel=0.01)
    with_lag = simc_pid(Plant(gain=1.0, lags=(2.0,), theta_s=1.0, integrating=True))
    assert (with_lag.gain, with_lag.ti_s, with_lag.td_s) == pytest.approx((0.5 * 1.25, 8.0 * 1.25, 2.0 / 1.25))


def test_the_half_rule_is_that_of_skogestads_examples():
    fifth = Plant(gain=1.0, lags=(2.0, 1.0, 0.4, 0.2, 0.05, 0.05, 0.05))
    second = half_rule(fifth, 2)
    assert (second.lags, second.theta_s) == (pytest.approx((2.0, 1.2)), pytest.approx(0.55))
    first = half_rule(fifth)
    assert (first.lags, first.theta_s) == (pytest.approx((2.5,)), pytest.approx(1.25))
    rising = half_rule(Plant(gain=1.0, lags=(4.0, 2.0), theta_s=1.0, integrating=True))
    assert (rising.lags, rising.theta_s) == ((), pytest.approx(5.0))


def test_series_and_ideal_form_are_the_same_controller():
    found = ideal(2.0, 8.0, 2.0)
    for w in (0.01, 0.3, 5.0):
        s = 1j * w
        assert found.gain * (1 + 1 / (found.ti_s or 1) / s + found.td_s * s) == pytest.approx(2.0 * (1 + 1 / (8.0 * s)) * (1 + 2.0 * s))


@pytest.mark.parametrize("rule", [simc_pi, amigo_pi, amigo_pid])
def test_a_rule_refuses_what_it_was_not_made_for(rule: Callable[[Plant], Tuning]):
    for plant in (FOUR, INVERSE, Plant(gain=1.0, lags=(1.0,)), Plant(gain=0.0, lags=(1.0,), theta_s=1.0)):
        with pytest.raises(ValueError):
            rule(plant)


def test_too_much_gain_is_called_unstable():
    kept = margins(EVEN, Tuning(gain=3.0, ti_s=1.0))
    assert (kept.stable, kept.ms) == (False, math.inf)
    assert kept.gm < 1.0


@pytest.mark.parametrize("seed", range(4))
def test_margins_are_those_that_python_control_finds(seed: int):
    rng = random.Random(seed)
    lag, theta, td = rng.uniform(0.2, 20.0), rng.uniform(0.3, 3.0), rng.choice([0.0, 0.3])
    plant = Plant(gain=1.0, lags=(lag, 0.1), theta_s=theta)
    tuning = Tuning(gain=0.25 * lag / theta + 0.05, ti_s=rng.uniform(0.2, 2.0) * (lag + theta), td_s=td * theta)
    s: Any = control.tf("s")
    c = tuning.gain * (1 + 1 / (tuning.ti_s * s) + tuning.td_s * s / (1 + tuning.td_s * s / 10))
    w = np.logspace(-3, math.log10(30.0 / theta), 4000)
    response = (c / (lag * s + 1) / (0.1 * s + 1))(1j * w) * np.exp(-1j * w * theta)
    gm, pm, _, _, _, _ = control.stability_margins(control.FrequencyResponseData(response, w, smooth=False))
    kept = margins(plant, tuning)
    assert kept.gm == pytest.approx(gm, rel=0.01)
    if math.isfinite(pm):
        assert kept.pm_deg == pytest.approx(pm, abs=0.5)
    if kept.stable:
        assert kept.ms == pytest.approx(float(np.max(1.0 / np.abs(1.0 + response))), rel=0.01)
