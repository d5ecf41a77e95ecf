"""The controller: figures of the literature, no windup, no bump, and nothing that is not finite ever gets in."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control.pid import Pid, strong_acid

numbers = st.floats(-1e3, 1e3)
Plant = Callable[[float], float]


def lag(gain: float, time_s: float, dead_s: float, h_s: float) -> Plant:
    """``gain`` e^(-dead s) / (time s + 1), exact for an input that is constant over a step."""
    pipe = deque([0.0] * round(dead_s / h_s))
    decay = math.exp(-h_s / time_s)
    state = 0.0

    def move(u: float) -> float:
        nonlocal state
        pipe.append(u)
        state = decay * state + gain * (1.0 - decay) * pipe.popleft()
        return state

    return move


def respond(pid: Pid, plant: Plant, h_s: float, seconds: float, sp: float = 1.0, load: float = 0.0) -> list[float]:
    """pv after each step, with a load at the plant's input."""
    pv, seen = 0.0, []
    for _ in range(round(seconds / h_s)):
        pv = plant(pid.update(sp, pv, h_s) + load)
        seen.append(pv)
    return seen


def iae(pvs: list[float], sp: float, h_s: float) -> float:
    return sum(abs(sp - pv) for pv in pvs) * h_s


# Plant A of the acceptance table: e^-s/(10 s + 1) under SIMC-PI. Source: Skogestad 2003; numbers computed independently.
def test_a_setpoint_step_costs_what_the_literature_says():
    fine = respond(Pid(5.0, 8.0, low=-1e9, high=1e9), lag(1.0, 10.0, 1.0, 0.02), 0.02, 60)
    assert iae(fine, 1.0, 0.02) == pytest.approx(2.506, rel=0.02)
    coarse = respond(Pid(5.0, 8.0, low=-1e9, high=1e9), lag(1.0, 10.0, 1.0, 0.1), 0.1, 60)
    assert iae(coarse, 1.0, 0.1) == pytest.approx(2.543, rel=0.05)
    assert max(coarse) - 1.0 == pytest.approx(0.10, abs=0.02)


def test_a_load_step_costs_what_the_literature_says():
    fine = respond(Pid(5.0, 8.0, low=-1e9, high=1e9), lag(1.0, 10.0, 1.0, 0.02), 0.02, 120, sp=0.0, load=1.0)
    assert iae(fine, 0.0, 0.02) == pytest.approx(1.600, rel=0.01)
    assert sum(-pv for pv in fine) * 0.02 == pytest.approx(-8.0 / 5.0, rel=0.01)  # IE is Ti/K exactly
    assert max(fine) == pytest.approx(0.169, rel=0.03)


def test_a_limited_output_does_not_wind_up():
    pvs = respond(Pid(5.0, 8.0, low=-1.2, high=1.2), lag(1.0, 10.0, 1.0, 0.1), 0.1, 120)
    assert max(pvs) <= 1.03
    assert pvs[-1] == pytest.approx(1.0, abs=1e-3)


def test_the_integral_follows_an_actuator_that_somebody_else_holds():
    pid = Pid(2.0, 10.0)
    for _ in range(3000):
        pid.update(50.0, 20.0, 0.1, feedback=0.0)  # a trip holds the valve shut
    assert pid.update(20.0, 20.0, 0.1, feedback=0.0) == pytest.approx(0.0, abs=2.0)


@given(numbers, numbers, st.floats(0.0, 100.0), st.floats(0.1, 20.0), st.floats(0.0, 1.0), st.sampled_from((5.0, 300.0)))
def test_taking_over_from_manual_does_not_bump(sp: float, pv: float, out: float, gain: float, b: float, ti_s: float):
    pid = Pid(gain, ti_s, 1.0, b=b)
    pid.track(out, sp, pv)
    assert pid.update(sp, pv, 0.1) == pytest.approx(out, abs=0.01)  # 0.01 % of 0..100


def test_without_integral_action_nothing_of_the_manual_output_is_kept():
    """A bias that nothing ever takes away would dose past the setpoint, or never."""
    pid = Pid(2.0, None)
    pid.track(0.0, 30.0, 10.0)
    assert pid.update(30.0, 10.0, 1.0) == pytest.approx(40.0)
    assert pid.update(30.0, 30.0, 1.0) == pytest.approx(0.0)


@pytest.mark.parametrize("ph", [-1.0, 0.8, 2.5, 3.5, 7.0, 11.0])
def test_the_same_dose_moves_the_strong_acid_equivalent_by_the_same_amount_at_every_ph(ph: float):
    """c mol/L of strong base added to water of that pH."""
    x = strong_acid(ph)
    assert strong_acid(7.0) == pytest.approx(0.0, abs=1e-12)
    hydrogen = (-(x + 1e-3) + math.sqrt((x + 1e-3) ** 2 + 4e-14)) / 2  # [H+] - Kw/[H+] = -(x + c)
    dosed = -math.log10(hydrogen) if x + 1e-3 < 0 else 14 + math.log10((x + 1e-3 + math.sqrt((x + 1e-3) ** 2 + 4e-14)) / 2)
    assert strong_acid(dosed) - x == pytest.approx(1e-3, rel=1e-6)


def test_a_controller_that_was_never_updated_asks_for_nothing():
    assert Pid(1.0, 10.0).update(math.nan, 20.0, 1.0) == 0.0
    assert Pid(1.0, 10.0, low=20.0).update(math.nan, 20.0, 1.0) == 20.0


def test_a_reading_that_is_no_number_changes_nothing():
    pid, twin = Pid(2.0, 30.0, 5.0), Pid(2.0, 30.0, 5.0)
    pid.track(40.0, 60.0, 55.0)
    twin.track(40.0, 60.0, 55.0)
    for poison in (math.nan, math.inf, -math.inf):
        assert pid.update(60.0, poison, 1.0) == 40.0
        assert pid.update(poison, 55.0, 1.0) == 40.0
        assert pid.update(60.0, 55.0, poison) == 40.0
    assert [pid.update(60.0, 54.0, 1.0) for _ in range(5)] == [twin.update(60.0, 54.0, 1.0) for _ in range(5)]


@pytest.mark.fault("D01")
@pytest.mark.parametrize("seed", range(4))
def test_whatever_comes_in_the_output_is_finite_and_inside_its_limits(seed: int):
    rng = random.Random(seed)
    odd = (math.nan, math.inf, -math.inf, 1e308, -1e308, 1e-308, 0.0)
    pid = Pid(
        rng.choice((-3.0, 0.5, 40.0)), rng.choice((None, 2.0, 500.0)), rng.choice((0.0, 4.0)), rng.choice((0.0, 5.0)), 0.7, -5.0, 105.0
    )

    def any_number() -> float:
        return rng.choice(odd) if rng.random() < 0.2 else rng.uniform(-200.0, 200.0)

    for _ in range(25_000):
        h_s = rng.choice((0.1, 1.0, 1e-9, 1e9, 0.0, -1.0, math.nan, math.inf))
        feedback = rng.choice((None, any_number()))
        if rng.random() < 0.01:
            pid.track(any_number(), any_number(), any_number())
        out = pid.update(any_number(), any_number(), h_s, feedback)
        assert math.isfinite(out)
        assert -5.0 <= out <= 105.0
    assert all(map(math.isfinite, (pid.integral, pid.d, pid.yf, *pid.terms)))


def test_the_filter_keeps_noise_from_the_derivative():
    rng = random.Random(1)
    quiet, nervous = Pid(2.0, 60.0, 20.0, 20.0), Pid(2.0, 60.0, 20.0, 0.0)
    moves: dict[str, list[float]] = {"quiet": [], "nervous": []}
    for _ in range(500):
        pv = 50.0 + rng.gauss(0.0, 0.05)
        moves["quiet"].append(quiet.update(50.0, pv, 1.0))
        moves["nervous"].append(nervous.update(50.0, pv, 1.0))
    spread = {name: max(m) - min(m) for name, m in moves.items()}
    assert spread["quiet"] < 0.5 * spread["nervous"]
