"""The controller: figures of the literature, no windup, no bump, and nothing that is not finite ever gets in."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.control.pid import Pid, Tuning

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


def test_a_limited_output_does_not_wind_up():
    pvs = respond(Pid(Tuning(5.0, 8.0), -1.2, 1.2), lag(1.0, 10.0, 1.0, 0.1), 0.1, 120)
    assert max(pvs) <= 1.03
    assert pvs[-1] == pytest.approx(1.0, abs=1e-3)


def test_the_integral_follows_an_actuator_that_somebody_else_holds():
    pid = Pid(Tuning(2.0, 10.0))
    for _ in range(3000):
        pid.update(50.0, 20.0, 0.1, feedback=0.0)  # a trip holds the valve shut
    assert pid.update(20.0, 20.0, 0.1, feedback=0.0) == pytest.approx(0.0, abs=2.0)


@pytest.mark.parametrize(("td_s", "tt_s"), [(0.0, 100.0), (4.0, 20.0)])
def test_the_integral_goes_to_what_is_really_done_with_the_tracking_time_of_the_book(td_s: float, tt_s: float):
    """Tt = Ti for a PI, sqrt(Ti Td) with derivative action: of a gap of 20 % that much is made up for in a second."""
    pid = Pid(Tuning(1.0, 100.0, td_s))
    pid.track(50.0, 40.0, 40.0)
    pid.update(40.0, 40.0, 1.0, feedback=30.0)
    assert pid.update(40.0, 40.0, 1.0) == pytest.approx(50.0 - 20.0 / tt_s)


def test_a_step_longer_than_the_tracking_time_takes_the_integral_to_what_is_done_and_not_past_it():
    pid = Pid(Tuning(1.0, 0.5))
    pid.track(50.0, 40.0, 40.0)
    pid.update(40.0, 40.0, 2.0, feedback=30.0)
    assert pid.update(40.0, 40.0, 2.0, feedback=30.0) == pytest.approx(30.0)


@given(numbers, numbers, st.floats(0.0, 100.0), st.floats(0.1, 20.0), st.floats(0.0, 1.0), st.sampled_from((5.0, 300.0)),
       st.sampled_from((0.0, 2.0)), st.floats(-50.0, 50.0))
def test_taking_over_from_manual_does_not_bump(sp: float, pv: float, out: float, gain: float, b: float, ti_s: float, gap: float, ff: float):
    pid = Pid(Tuning(gain, ti_s, 1.0, b=b, gap=gap))
    pid.track(out, sp, pv, ff)
    assert pid.update(sp, pv, 0.1, forward=ff) == pytest.approx(out, abs=0.01)  # 0.01 % of 0..100


def test_without_integral_action_nothing_of_the_manual_output_is_kept():
    """A bias that nothing ever takes away would dose past the setpoint, or never."""
    pid = Pid(Tuning(2.0))
    pid.track(0.0, 30.0, 10.0)
    assert pid.update(30.0, 10.0, 1.0) == pytest.approx(40.0)
    assert pid.update(30.0, 30.0, 1.0) == pytest.approx(0.0)


def test_a_controller_that_was_never_updated_asks_for_nothing():
    assert Pid(Tuning(1.0, 10.0)).update(math.nan, 20.0, 1.0) == 0.0
    assert Pid(Tuning(1.0, 10.0), low=20.0).update(math.nan, 20.0, 1.0) == 20.0
    assert Pid(Tuning(1.0, 10.0)).terms == (0.0, 0.0, 0.0, 0.0)


def test_unless_it_is_told_otherwise_an_output_goes_from_nothing_to_100_percent():
    assert Pid(Tuning(10.0)).update(50.0, 0.0, 1.0) == 100.0
    assert Pid(Tuning(10.0)).update(0.0, 50.0, 1.0) == 0.0


def test_the_first_reading_is_no_slope():
    """A controller that has seen one pv knows of no movement: nothing of D in its first output."""
    pid = Pid(Tuning(2.0, 60.0, 20.0))
    assert pid.update(50.0, 30.0, 0.5) == pytest.approx(40.0)
    assert pid.terms == pytest.approx((40.0, 0.0, 0.0, 0.0))


def test_a_reading_that_is_no_number_changes_nothing():
    pid, twin = Pid(Tuning(2.0, 30.0, 5.0)), Pid(Tuning(2.0, 30.0, 5.0))
    pid.track(40.0, 60.0, 55.0)
    twin.track(40.0, 60.0, 55.0)
    for poison in (math.nan, math.inf, -math.inf):
        assert pid.update(60.0, poison, 1.0) == 40.0
        assert pid.update(poison, 55.0, 1.0) == 40.0
        assert pid.update(60.0, 55.0, poison) == 40.0
    assert [pid.update(60.0, 54.0, 1.0) for _ in range(5)] == [twin.update(60.0, 54.0, 1.0) for _ in range(5)]


@pytest.mark.parametrize("h_s", [0.0, -1.0])
def test_where_no_time_has_passed_nothing_moves(h_s: float):
    pid, twin = Pid(Tuning(2.0, 30.0, 5.0)), Pid(Tuning(2.0, 30.0, 5.0))
    pid.track(40.0, 60.0, 55.0)
    twin.track(40.0, 60.0, 55.0)
    assert pid.update(60.0, 20.0, h_s) == 40.0
    assert [pid.update(60.0, 54.0, 1.0) for _ in range(5)] == [twin.update(60.0, 54.0, 1.0) for _ in range(5)]


@pytest.mark.fault("D01")
@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 40))])
def test_whatever_comes_in_the_output_is_finite_in_its_limits_and_in_its_rate(seed: int):
    """25,000 random steps each, every fifth number one that no sensor should say; the 40 seeds together are 10^6."""
    rng = random.Random(seed)
    odd = (math.nan, math.inf, -math.inf, 1e308, -1e308, 1e-308, 0.0)

    def any_number() -> float:
        return rng.choice(odd) if rng.random() < 0.2 else rng.uniform(-200.0, 200.0)

    def any_tuning() -> Tuning:
        return Tuning(rng.choice((-3.0, 0.5, 40.0)), rng.choice((None, 2.0, 500.0)), rng.choice((0.0, 4.0)), rng.choice((0.0, 5.0)),
                      rng.choice((0.0, 0.7, 1.0)), rng.choice((0.0, 3.0)))

    pid = Pid(any_tuning(), -5.0, 105.0, rate=rng.choice((0.5, 20.0, math.inf)))
    for _ in range(25_000):
        h_s = rng.choice((0.1, 1.0, 1e-9, 1e9, 0.0, -1.0, math.nan, math.inf))
        feedback = rng.choice((None, any_number()))
        if rng.random() < 0.01:
            pid.track(any_number(), any_number(), any_number(), any_number())
        if rng.random() < 0.01:
            pid.retune(any_tuning())
        before = pid.out
        out = pid.update(any_number(), any_number(), h_s, feedback, rng.choice((0.0, any_number())))
        assert math.isfinite(out)
        assert -5.0 <= out <= 105.0
        if 0.0 < h_s < math.inf:
            assert abs(out - before) <= pid.rate * h_s + 1e-9
        else:
            assert out == before
    assert all(map(math.isfinite, (pid.integral, pid.d, pid.y, pid.dy, *pid.terms)))


# --- no bump ---------------------------------------------------------------------------------------------------------
@example(0.0, 0.0, 0.5, 1.0, 5.0, 5.0, 5e-324, 0.0, 0.0, 0.0)        # a derivative time of nearly nothing
@given(numbers, numbers, st.floats(0.1, 20.0), st.floats(0.1, 20.0), st.floats(5.0, 500.0), st.floats(5.0, 500.0), st.floats(0.0, 20.0),
       st.floats(0.0, 20.0), st.floats(0.0, 1.0), st.floats(0.0, 2.0))
def test_another_tuning_does_not_bump(sp: float, pv: float, gain: float, other: float, ti_s: float, ti_2: float, td_s: float, td_2: float,
                                      b: float, gap: float):
    """At rest before the change (D has died away), the output after it differs by what one step of the new integral adds."""
    pid = Pid(Tuning(gain, ti_s, td_s), low=-1e9, high=1e9)
    pid.track(50.0, sp, pv)
    before = pid.update(sp, pv, 1e-9)
    pid.retune(Tuning(other, ti_2, td_2, 0.0, b, gap))
    assert pid.update(sp, pv, 1e-9) == pytest.approx(before, abs=0.01)


def test_a_tuning_without_integral_action_keeps_nothing_of_what_the_one_before_had_gathered():
    pid = Pid(Tuning(2.0, 60.0))
    pid.track(70.0, 30.0, 30.0)
    pid.retune(Tuning(2.0))
    assert pid.update(30.0, 10.0, 1.0) == pytest.approx(40.0)
    assert pid.update(30.0, 30.0, 1.0) == 0.0


def test_another_derivative_gain_in_the_middle_of_a_move_does_not_bump():
    pid = Pid(Tuning(2.0, 60.0, 20.0, 5.0), low=-1e9, high=1e9)
    before = [pid.update(50.0, 40.0 + 0.1 * k, 0.5) for k in range(100)][-1]
    pid.retune(Tuning(3.0, 60.0, 10.0, 5.0))
    assert pid.update(50.0, 50.0 - 0.05, 1e-9) == pytest.approx(before, abs=0.05)


def test_the_derivative_goes_on_in_the_measure_of_the_new_tuning():
    pid = Pid(Tuning(2.0, 60.0, 20.0), low=-1e9, high=1e9)
    pid.track(0.0, 50.0, 40.0)
    pid.update(50.0, 41.0, 0.5)
    before = pid.d
    pid.retune(Tuning(3.0, 60.0, 10.0))
    assert pid.d == pytest.approx(before * (3.0 * 10.0) / (2.0 * 20.0))
    assert before == pytest.approx(-2.0 * 20.0 * 1.0 / (20.0 / 10.0 + 0.5))


def test_limits_that_close_in_bind_at_once_and_let_go_without_a_bump():
    pid = Pid(Tuning(2.0, 60.0))
    pid.track(80.0, 50.0, 50.0)
    pid.high = 60.0
    assert pid.update(50.0, 50.0, 1.0) == 60.0
    for _ in range(600):
        pid.update(50.0, 50.0, 1.0)
    pid.high = 100.0
    assert pid.update(50.0, 50.0, 1.0) == pytest.approx(60.0, abs=0.01)


def test_a_rate_limited_output_does_not_wind_up():
    """The integral follows what the rate lets through; without that the overshoot is several times as large."""
    slow = respond(Pid(Tuning(5.0, 8.0), -10.0, 10.0, rate=0.2), lag(1.0, 10.0, 1.0, 0.1), 0.1, 200)
    assert slow[-1] == pytest.approx(1.0, abs=1e-3)
    assert max(slow) < 1.25


def test_an_error_inside_the_gap_moves_nothing():
    pid = Pid(Tuning(2.0, 60.0, gap=0.5))
    pid.track(40.0, 50.0, 50.0)
    rng = random.Random(5)
    assert [pid.update(50.0, 50.0 + rng.uniform(-0.5, 0.5), 1.0) for _ in range(200)] == pytest.approx([40.0] * 200)
    assert pid.update(50.0, 49.0, 1.0) > 40.5


def test_the_feed_forward_passes_straight_through_and_is_seen():
    pid = Pid(Tuning(2.0, 60.0))
    pid.track(40.0, 50.0, 50.0, 5.0)
    assert pid.update(50.0, 50.0, 1.0, forward=15.0) == pytest.approx(50.0)
    assert pid.terms == pytest.approx((0.0, 35.0, 0.0, 15.0))


def test_the_filter_keeps_noise_from_the_derivative():
    rng = random.Random(1)
    quiet, nervous = Pid(Tuning(2.0, 60.0, 20.0, 20.0)), Pid(Tuning(2.0, 60.0, 20.0, 0.0))
    moves: dict[str, list[float]] = {"quiet": [], "nervous": []}
    for _ in range(500):
        pv = 50.0 + rng.gauss(0.0, 0.05)
        moves["quiet"].append(quiet.update(50.0, pv, 1.0))
        moves["nervous"].append(nervous.update(50.0, pv, 1.0))
    spread = {name: max(m) - min(m) for name, m in moves.items()}
    assert spread["quiet"] < 0.5 * spread["nervous"]


@pytest.mark.parametrize("tf_s", [1.0, 7.0])
def test_the_measurement_filter_is_of_the_second_order(tf_s: float):
    """1/(1 + s Tf + (s Tf)^2/2): a step comes through as 1 - e^(-t/Tf) (cos t/Tf + sin t/Tf)."""
    pid, h_s = Pid(Tuning(1.0, 60.0, tf_s=tf_s)), 0.001 * tf_s
    pid.track(0.0, 0.0, 0.0)
    for k in range(1, 4001):
        pid.update(0.0, 1.0, h_s)
        x = k * h_s / tf_s
        assert pid.y == pytest.approx(1.0 - math.exp(-x) * (math.cos(x) + math.sin(x)), abs=0.002)


def test_a_step_longer_than_the_filter_is_still_stable():
    pid = Pid(Tuning(1.0, 60.0, tf_s=0.1))
    pid.track(0.0, 0.0, 0.0)
    seen = [pid.update(0.0, 1.0, 5.0) and pid.y for _ in range(20)]
    assert all(-1e-9 <= y <= 1.1 for y in seen)
    assert pid.y == pytest.approx(1.0, abs=1e-3)
