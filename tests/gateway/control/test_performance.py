"""Figures of a loop: hand-made hours with a known share of each, and a swing that is told from noise and from a load."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.control.image import SECOND
from gateway.control.performance import Performance


def hour(
    pv: Callable[[float], float | None],
    out: Callable[[float], float] = lambda t: 50.0,
    mode: Callable[[float], str] = lambda t: "AUTO",
    seconds: int = 3600,
    h: float = 0.5,
    ti_s: float = 60.0,
) -> dict[str, Any]:
    """A loop at setpoint 60 with a band of 0.5 for so many seconds."""
    figures = Performance(band=0.5, low=0.0, high=100.0, ti_s=ti_s, span=100.0)
    for k in range(round(seconds / h) + 1):
        t = k * h
        figures.update(round(t * SECOND), mode(t), 60.0, pv(t), out(t))
    return figures.told()


def test_a_loop_at_its_setpoint_is_in_limits_and_at_rest():
    told = hour(lambda t: 60.1)
    assert (told["in_limits"], told["auto"], told["saturated"], told["mean_error"]) == (1.0, 1.0, 0.0, 0.1)
    assert (told["travel_per_h"], told["reversals_per_h"], told["oscillates"]) == (0.0, 0.0, False)


def test_time_counts_by_what_it_is_from_second_to_second():
    told = hour(
        lambda t: 60.0 if t % 4 < 3 else 61.0,
        out=lambda t: 100.0 if t % 10 < 2 else 50.0,
        mode=lambda t: "AUTO" if t % 5 < 4 else "MANUAL",
    )
    assert told["auto"] == pytest.approx(0.8, abs=0.01)
    assert told["in_limits"] == pytest.approx(0.75, abs=0.01)
    assert told["saturated"] == pytest.approx(0.25, abs=0.01)


def test_a_pv_that_is_not_good_is_not_in_limits():
    assert hour(lambda t: 60.0 if t % 2 < 1 else None)["in_limits"] == pytest.approx(0.5, abs=0.01)


def test_travel_is_in_spans_an_hour_and_turns_are_counted():
    told = hour(lambda t: 60.0, out=lambda t: 50.0 + 10.0 * (1 if t % 60 < 30 else -1))
    assert told["travel_per_h"] == pytest.approx(120 * 0.2, rel=0.02)
    assert told["reversals_per_h"] == pytest.approx(120, rel=0.02)


def test_what_was_long_ago_is_forgotten():
    told = hour(lambda t: 70.0 if t < 3600 else 60.0, seconds=4 * 3600)
    assert told["in_limits"] == pytest.approx(1.0 - math.exp(-3.0), abs=0.03)


def test_a_swing_of_two_percent_is_an_oscillation_and_noise_and_single_loads_are_none():
    assert hour(lambda t: 60.0 + 2.0 * math.sin(2 * math.pi * t / 60.0))["oscillates"]
    assert not hour(lambda t: 60.0 + 0.4 * math.sin(2 * math.pi * t / 60.0))["oscillates"]
    rng = random.Random(4)
    assert not hour(lambda t: 60.0 + rng.gauss(0.0, 1.0))["oscillates"]
    load = hour(lambda t: 60.0 + 8.0 * math.exp(-(t % 1200.0) / 60.0) * math.cos(t % 1200.0 / 40.0))
    assert not load["oscillates"]
    assert load["loads"] > 0.5


def test_a_loop_in_manual_has_no_figures_of_control():
    told = hour(lambda t: 40.0, mode=lambda t: "MANUAL")
    assert (told["auto"], told["in_limits"], told["travel_per_h"], told["oscillates"]) == (0.0, None, None, False)


def test_a_pause_is_no_time_that_was_seen():
    figures = Performance(band=0.5, low=0.0, high=100.0, ti_s=60.0)
    for now in (0, 1, 2, 3 * 3600, 3 * 3600 + 1):
        figures.update(now * SECOND, "AUTO", 60.0, 60.0, 50.0)
    assert figures.told()["seen_s"] == pytest.approx(3.0, abs=0.1)


STEPS = st.tuples(st.integers(0, 10**11), st.sampled_from(["MANUAL", "AUTO", "CASCADE"]), st.none() | st.floats(-1e300, 1e300),
                  st.none() | st.floats(allow_nan=True, allow_infinity=True), st.floats(0.0, 100.0))


@given(st.lists(STEPS, max_size=40))
@example([(10**9, "AUTO", 0.0, 1.7975e308, 0.0)] * 3)
def test_shares_stay_shares_whatever_comes(steps: list[Any]):
    figures, now = Performance(band=0.5, low=0.0, high=100.0, ti_s=None), 0
    for ns, mode, sp, pv, out in steps:
        now += ns
        figures.update(now, mode, sp, pv, out)
        told = figures.told()
        for key in ("auto", "in_limits", "saturated"):
            assert told[key] is None or 0.0 <= told[key] <= 1.0001
        assert all(value is None or math.isfinite(value) for value in told.values())
