"""Instruments: how they lag, wander and fail."""

from __future__ import annotations

from math import isnan
from statistics import mean, stdev

import pytest

from simulators.senses import DEFAULTS, Sense, SenseParameters


def test_a_first_order_lag_reaches_63_percent_after_tau():
    sense = Sense(SenseParameters(tau_s=10.0), seed=1)
    sense.step(0.0, 0.5)
    for _ in range(100):
        sense.step(100.0, 0.1)
    assert sense.value == pytest.approx(63.2, abs=0.5)


def test_the_first_measurement_is_not_dragged_from_zero():
    assert Sense(SenseParameters(tau_s=30.0), seed=1).step(80.0, 0.5) == 80.0


def test_dead_time_delays_a_step_by_itself():
    sense = Sense(SenseParameters(dead_time_s=5.0), seed=1)
    for _ in range(20):
        sense.step(0.0, 0.5)
    seen = [sense.step(1.0, 0.5) for _ in range(20)]
    assert seen.index(1.0) == pytest.approx(10, abs=1)


def test_noise_has_the_stated_spread_and_the_same_seed_the_same_noise():
    one, two = (Sense(SenseParameters(noise=0.02), seed=5) for _ in range(2))
    first, second = ([s.step(80.0, 0.5) for _ in range(4000)] for s in (one, two))
    assert first == second
    assert mean(first) == pytest.approx(80.0, abs=0.002)
    assert stdev(first) == pytest.approx(0.02, rel=0.1)


def test_drift_grows_with_time_and_is_forgotten_by_calibration():
    sense = Sense(SenseParameters(drift_per_h=0.1), seed=1)
    for _ in range(7200):
        sense.step(7.0, 0.5)
    assert sense.value == pytest.approx(7.1, abs=1e-6)
    sense.calibrate()
    assert sense.step(7.0, 0.5) == pytest.approx(7.0, abs=1e-4)


def test_a_value_outside_the_range_is_clamped():
    sense = Sense(SenseParameters(low=0.0, high=14.0), seed=1)
    assert sense.step(15.0, 0.5) == 14.0
    assert sense.step(-2.0, 0.5) == 0.0


def test_each_failure_shows_itself_and_passes():
    sense = Sense(SenseParameters(low=0.0, high=100.0), seed=1)
    sense.step(50.0, 0.5)
    sense.fail("frozen")
    assert sense.step(60.0, 0.5) == 50.0
    sense.fail("offset", 3.0)
    assert sense.step(60.0, 0.5) == 63.0
    sense.fail("nan")
    assert isnan(sense.step(60.0, 0.5))
    sense.fail("over_range")
    assert sense.step(60.0, 0.5) == pytest.approx(110.0)
    sense.fail("under_range")
    assert sense.step(60.0, 0.5) == pytest.approx(-2.5)
    sense.fail("spike", 20.0)
    assert [sense.step(60.0, 0.5), sense.step(60.0, 0.5)] == [80.0, 60.0]
    sense.fail("lost")
    assert not sense.alive
    assert sense.step(70.0, 0.5) == 60.0
    sense.fail("none")
    assert sense.alive
    assert sense.step(70.0, 0.5) == 70.0


def test_an_unknown_failure_is_refused():
    with pytest.raises(ValueError, match="melted"):
        Sense(SenseParameters(), seed=1).fail("melted")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", sorted(DEFAULTS))
def test_every_kind_of_instrument_measures_a_plausible_value_plausibly(kind):
    p = DEFAULTS[kind]
    truth = min(max(1.0, p.low), p.high)
    sense = Sense(p, seed=3)
    values = [sense.step(truth, 0.5) for _ in range(200)]
    assert all(abs(v - truth) <= 6.0 * p.noise + 1e-3 for v in values)
