"""The relay experiment: what it finds on plants that are known, and that whatever ends it, the output goes back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.quality import BAD_NO_COMMUNICATION, GOOD, UNCERTAIN
from gateway.control.image import SECOND
from gateway.control.tuning.relay import Relay, RelayRow
from tests.gateway.control.tuning.plants import Lags, drive


def asked(**changed: Any) -> RelayRow:
    """An experiment about pv 0 and output 0 with a relay of 1."""
    usual: dict[str, Any] = {
        "reference": 0.0, "out": 0.0, "amplitude": 1.0, "hysteresis": 0.02, "low": -10.0, "high": 10.0, "pv_low": -5.0, "pv_high": 5.0,
        "longest_ns": 400 * SECOND,
    }  # fmt: skip
    return RelayRow(**usual | changed)


def swing(relay: Relay, plant: Lags, **more: Any) -> list[tuple[float, float, float]]:
    """Run an experiment to its end."""

    def ask(now: int, pv: float) -> float | None:
        out = relay.step(now, pv, GOOD)
        return None if relay.ending is not None else out

    return drive(plant, ask, **more)


@pytest.mark.parametrize(
    ("lags", "theta", "pu", "ku", "a"),
    [([10.0], 1.0, 4.556, 11.41, 0.113), ([1.0], 1.0, 3.032, 1.991, 0.640), ([1.0] * 4, 0.0, 6.520, 3.704, 0.344)],
)
def test_period_gain_and_amplitude_are_those_of_the_reference(lags: list[float], theta: float, pu: float, ku: float, a: float):
    relay = Relay(asked())
    swing(relay, Lags(1.0, lags, theta, 0.005))
    assert relay.ending is not None
    assert relay.ending.result is not None, relay.ending
    found = relay.ending.result
    assert (found.pu_s, found.ku, found.a) == (pytest.approx(pu, rel=0.02), pytest.approx(ku, rel=0.02), pytest.approx(a, rel=0.02))
    assert (found.d, found.bias, abs(found.offset) < 0.01 * a) == (1.0, 0.0, True)


def test_a_plant_that_falls_when_the_output_rises_gives_the_same():
    relay = Relay(asked(sign=-1.0))
    swing(relay, Lags(-1.0, [10.0], 1.0, 0.02))
    assert relay.ending is not None
    assert relay.ending.result is not None
    assert relay.ending.result.ku == pytest.approx(11.41, rel=0.02)


@pytest.mark.parametrize("load", [-0.5, 0.3, 0.7])
def test_a_load_moves_the_centre_of_the_relay_until_the_halves_are_equal(load: float):
    relay = Relay(asked())
    rows = swing(relay, Lags(1.0, [10.0], 1.0, 0.02), load=load)
    assert relay.ending is not None
    assert relay.ending.result is not None, relay.ending
    found = relay.ending.result
    assert found.bias == pytest.approx(-load, abs=0.1)
    assert (found.pu_s, found.ku) == (pytest.approx(4.556, rel=0.03), pytest.approx(11.41, rel=0.03))
    assert {round(abs(out - relay.bias), 6) for _, out, _ in rows[-10:]} == {1.0}


def test_noise_under_a_third_of_the_hysteresis_costs_a_few_percent():
    relay = Relay(asked(hysteresis=0.06))
    swing(relay, Lags(1.0, [1.0] * 4, 0.0, 0.02), noise=0.02, seed=3)
    clean = Relay(asked(hysteresis=0.06))
    swing(clean, Lags(1.0, [1.0] * 4, 0.0, 0.02))
    assert relay.ending is not None
    assert clean.ending is not None
    assert relay.ending.result is not None
    assert clean.ending.result is not None
    assert relay.ending.result.pu_s == pytest.approx(clean.ending.result.pu_s, rel=0.1)
    assert relay.ending.result.ku == pytest.approx(clean.ending.result.ku, rel=0.2)


# --- how it ends ---------------------------------------------------------------------------------------------------------
def ended(relay: Relay, steps: Callable[[int], tuple[float, int, str]], most: int = 2000) -> tuple[str, float]:
    """Feed an experiment; how it ended and the output then."""
    for k in range(most):
        pv, quality, blocked = steps(k)
        out = relay.step(k * SECOND // 2, pv, quality, blocked)
        if relay.ending is not None:
            return relay.ending.reason, out
    return "", relay.out


@pytest.mark.parametrize(
    ("steps", "reason", "words"),
    [
        (lambda k: (6.0 if k > 3 else 0.1, GOOD, ""), "pv_limit", "pv 6 outside -5..5"),
        (lambda k: (0.1, BAD_NO_COMMUNICATION if k > 3 else GOOD, ""), "bad_pv", "pv not good"),
        (lambda k: (0.1, UNCERTAIN if k > 3 else GOOD, ""), "bad_pv", "pv not good"),
        (lambda k: (math.nan if k > 3 else 0.1, GOOD, ""), "bad_pv", "pv not good"),
        (lambda k: (0.1, GOOD, "level_high" if k > 3 else ""), "blocked", "level_high"),
        (lambda k: (0.1, GOOD, ""), "time", "not stable within 400 s"),
        (lambda k: (0.1 * (-1) ** k, GOOD, ""), "chatter", "less than the noise"),
    ],
)
def test_whatever_ends_it_the_output_goes_back_to_where_it_stood(
    steps: Callable[[int], tuple[float, int, str]], reason: str, words: str
):
    relay = Relay(asked(out=2.0))
    assert ended(relay, steps) == (reason, 2.0)
    assert relay.ending is not None
    assert words in relay.ending.detail
    assert relay.step(10**15, 0.0, GOOD) == 2.0


def test_a_relay_that_would_leave_the_limits_of_the_output_never_begins():
    relay = Relay(asked(out=9.5))
    assert relay.ending is not None
    assert (relay.ending.reason, relay.out) == ("out_limit", 9.5)


def test_a_load_that_asks_for_more_than_the_output_has_ends_it():
    relay = Relay(asked(low=-1.2, high=1.2))
    swing(relay, Lags(1.0, [10.0], 1.0, 0.02), load=0.6)
    assert relay.ending is not None
    assert (relay.ending.reason, relay.out) == ("out_limit", 0.0)
    assert "the load asks for" in relay.ending.detail


def test_somebody_asks_for_its_end():
    relay = Relay(asked(out=3.0))
    assert relay.step(0, -1.0, GOOD) == 4.0
    assert relay.end("asked", "enough") == 3.0
    assert relay.end("time") == 3.0
    assert relay.ending is not None
    assert relay.ending.reason == "asked"


def test_time_that_goes_back_ends_it():
    relay = Relay(asked())
    relay.step(2 * SECOND, 0.0, GOOD)
    relay.step(SECOND, 0.0, GOOD)
    assert relay.ending is not None
    assert relay.ending.reason == "clock"


READINGS = st.tuples(st.floats(), st.sampled_from([GOOD, GOOD, GOOD, GOOD, UNCERTAIN, BAD_NO_COMMUNICATION]), st.integers(1, 5 * SECOND))


@given(st.floats(0.001, 30.0), st.floats(-20.0, 20.0), st.floats(0.0, 2.0), st.lists(READINGS, max_size=60), st.sampled_from([1.0, -1.0]))
def test_the_output_is_always_finite_and_inside_its_limits_and_returns(
    amplitude: float, out: float, hysteresis: float, readings: list[tuple[float, int, int]], sign: float
):
    relay = Relay(asked(amplitude=amplitude, out=out, hysteresis=hysteresis, low=-20.0, high=20.0, sign=sign, longest_ns=60 * SECOND))
    now = 0
    for pv, quality, ns in readings:
        now += ns
        given_out = relay.step(now, pv, quality)
        assert math.isfinite(given_out)
        assert -20.0 <= given_out <= 20.0
        if relay.ending is not None:
            assert given_out == out
    assert relay.end("asked") == out


@given(st.integers(0, 10_000), st.floats(-0.8, 0.8), st.floats(0.0, 0.05))
def test_on_a_plant_with_load_and_noise_it_stays_inside_and_returns(seed: int, load: float, noise: float):
    relay = Relay(asked(low=-1.5, high=1.5, longest_ns=100 * SECOND))
    rows = swing(relay, Lags(1.0, [3.0], 1.0, 0.1), load=load, noise=noise, seed=seed)
    assert all(-1.5 <= out <= 1.5 for _, out, _ in rows)
    assert relay.ending is not None
    assert relay.out == 0.0
