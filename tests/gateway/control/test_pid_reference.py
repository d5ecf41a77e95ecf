"""The controller against the literature and against an independent program.

Twelve loops of the literature (Skogestad 2003, Astrom and Hagglund 2004 and 2006), unit steps of load at the plant's input and of the
setpoint. python-control computes the continuous closed loop (dead time as a Pade approximation of order 10); the figures of the table
were computed independently of both. For a loop that does not oscillate the integral of the load error is Ti/K exactly.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Any

import control
import numpy as np
import pytest
from msgspec import Struct

from gateway.control.pid import Pid, Tuning

ct: Any = control                               # it has no types
S = ct.tf("s")


class Row(Struct, frozen=True):
    """``plant``: numerator and denominator in s; dead time; tuning in the ideal form; h of 2 % and 10 % of the (effective) dead time."""

    plant: tuple[list[float], list[float]]
    dead_s: float
    tuning: Tuning
    ms: float
    gm: float
    pm: float
    load_iae: float
    peak: float
    sp_iae: float
    h_s: tuple[float, float]
    seconds: float = 100.0


def poly(*roots_s: float) -> list[float]:
    """(T1 s + 1)(T2 s + 1)..."""
    out = np.array([1.0])
    for t in roots_s:
        out = np.polymul(out, [t, 1.0])
    return [float(x) for x in out]


ROWS = {
    "A": Row(([1.0], poly(10)), 1.0, Tuning(5.0, 8.0), 1.61, 3.11, 58.3, 1.600, 0.169, 2.506, (0.02, 0.1)),
    "B": Row(([1.0], poly(1)), 1.0, Tuning(0.5, 1.0), 1.59, 3.14, 61.4, 2.042, 0.726, 2.177, (0.02, 0.1)),
    "C": Row(([1.0], [1.0, 0.0]), 1.0, Tuning(0.5, 8.0), 1.70, 2.96, 46.9, 16.000, 1.968, 3.931, (0.02, 0.1), 200.0),
    "D": Row(([1.0], poly(1, 0.2)), 0.0, Tuning(5.5, 0.8), 1.56, math.inf, 46.5, 0.145, 0.154, 0.359, (0.002, 0.01), 20.0),
    "E": Row(([1.0], poly(1, 1, 1, 1)), 0.0, Tuning(0.3, 1.5), 1.46, 4.94, 62.4, 5.409, 0.714, 5.596, (0.05, 0.25)),
    "F": Row(([1.0], poly(1, 1, 1, 1)), 0.0, Tuning(0.833, 2.5, 0.6), 1.44, 6.24, 62.5, 3.120, 0.549, 3.932, (0.03, 0.15)),
    "G": Row(([1.0], poly(20, 2)), 1.0, Tuning(12.5, 10.0, 1.6), 1.86, 2.50, 49.4, 0.800, 0.073, 5.410, (0.02, 0.1), 150.0),
    "H": Row(([1.0], poly(10)), 1.0, Tuning(2.824, 6.077), 1.32, 5.40, 62.3, 2.155, 0.219, 3.871, (0.02, 0.1)),
    "I": Row(([1.0], poly(10)), 1.0, Tuning(4.7, 4.2, 0.485), 1.45, 3.28, 59.6, 0.941, 0.145, 3.432, (0.02, 0.1)),
    "J": Row(([1.0], poly(1)), 1.0, Tuning(0.25, 1.0), 1.25, 6.28, 75.7, 4.000, 0.775, 3.995, (0.02, 0.1)),
    "K": Row(([1.0], poly(1)), 1.0, Tuning(0.65, 1.091, 0.385), 1.44, 3.32, 64.2, 1.805, 0.655, 2.105, (0.02, 0.1)),
    "L": Row(([-2.0, 1.0], poly(1, 1, 1)), 0.0, Tuning(0.214, 1.5), 1.66, 2.83, 60.8, 8.345, 1.032, 7.283, (0.04, 0.2), 150.0),
}
"""Effective dead time where there is none (half rule, Skogestad 2003): D 0.1 s, E 2.5 s, F 1.5 s. L 2 s, its zero alone: by the half
rule it has 3.5 s, and at a tenth of that a setpoint step costs 5.05 % more."""


def plant(row: Row, h_s: float) -> Callable[[float], float]:
    """The plant, exact for an input that is constant over a step."""
    system = ct.sample_system(ct.ss(ct.tf(*row.plant)), h_s, method="zoh")
    a, b, c, d = (m.tolist() for m in (system.A, system.B, system.C, system.D))
    n, state = range(len(a)), [0.0] * len(a)
    pipe = deque([0.0] * round(row.dead_s / h_s))

    def move(u: float) -> float:
        pipe.append(u)
        late = pipe.popleft()
        state[:] = [sum(a[i][j] * state[j] for j in n) + b[i][0] * late for i in n]
        return sum(c[0][j] * state[j] for j in n) + d[0][0] * late

    return move


@cache
def respond(name: str, h_s: float, sp: float, load: float) -> tuple[float, float, float]:
    """IAE, IE and the greatest error of our controller, ``h_s`` a step."""
    row = ROWS[name]
    pid, move, pv, before = Pid(row.tuning, -1e9, 1e9), plant(row, h_s), 0.0, abs(sp)
    pid.track(0.0, 0.0, 0.0)
    iae = ie = peak = 0.0
    for _ in range(round(row.seconds / h_s)):
        pv = move(pid.update(sp, pv, h_s) + load)
        error = sp - pv
        iae += 0.5 * (abs(error) + before) * h_s
        ie += error * h_s
        before, peak = abs(error), max(peak, abs(error))
    return iae, ie, peak


@cache
def oracle(name: str) -> tuple[float, float]:
    """Load and setpoint IAE of the continuous loop, by python-control."""
    row = ROWS[name]
    t = row.tuning
    assert t.ti_s is not None
    late = ct.ss(ct.tf(*ct.pade(row.dead_s, 10))) if row.dead_s else 1.0
    p = ct.ss(ct.tf(*row.plant)) * late
    pi = ct.ss(t.gain * (1 + 1 / (t.ti_s * S)))
    derivative = ct.ss(t.gain * t.td_s * S / (1 + t.td_s / 10 * S)) if t.td_s else 0.0
    inner = ct.feedback(p, derivative) if t.td_s else p
    times = np.linspace(0.0, row.seconds, 20_001)
    to_load, to_sp = ct.feedback(inner, pi), ct.feedback(inner * pi, 1)
    load = ct.step_response(to_load, times).outputs
    sp = 1.0 - ct.step_response(to_sp, times).outputs
    return float(np.trapezoid(np.abs(load), times)), float(np.trapezoid(np.abs(sp), times))


@pytest.mark.parametrize("name", ROWS)
def test_the_table_and_python_control_agree_so_that_either_may_be_the_oracle(name: str):
    load, sp = oracle(name)
    assert load == pytest.approx(ROWS[name].load_iae, rel=0.01)
    assert sp == pytest.approx(ROWS[name].sp_iae, rel=0.01)


@pytest.mark.parametrize("name", ROWS)
def test_margins_are_those_of_the_literature(name: str):
    """Of the tuning, on a frequency grid: Ms, gain margin, phase margin."""
    row = ROWS[name]
    t, s = row.tuning, 1j * np.logspace(-3, 3, 60_001)
    assert t.ti_s is not None
    c = t.gain * (1 + 1 / (t.ti_s * s) + t.td_s * s / (1 + t.td_s / 10 * s))
    open_loop = c * np.polyval(row.plant[0], s) / np.polyval(row.plant[1], s) * np.exp(-s * row.dead_s)
    assert np.max(1 / np.abs(1 + open_loop)) == pytest.approx(row.ms, abs=0.01)
    phase = np.unwrap(np.angle(open_loop))
    phase += 2 * np.pi * np.round((np.angle(open_loop[0]) - phase[0]) / (2 * np.pi))
    gain_at = np.abs(open_loop)
    crossing = np.nonzero((gain_at[:-1] > 1) & (gain_at[1:] <= 1))[0][0]
    assert 180 + np.degrees(phase[crossing]) == pytest.approx(row.pm, abs=0.2)
    below = np.nonzero(phase < -np.pi)[0]
    if math.isfinite(row.gm):
        assert 1 / gain_at[below[0]] == pytest.approx(row.gm, rel=0.01)
    else:
        assert not len(below)


@pytest.mark.parametrize("name", ROWS)
def test_a_load_step_costs_what_the_literature_says(name: str):
    """At 2 % of the dead time a step, within 1 %."""
    row = ROWS[name]
    iae, ie, peak = respond(name, row.h_s[0], 0.0, 1.0)
    assert iae == pytest.approx(row.load_iae, rel=0.01)
    assert row.tuning.ti_s is not None
    assert -ie == pytest.approx(row.tuning.ti_s / row.tuning.gain, rel=0.005)        # exactly, whatever the step
    assert peak == pytest.approx(row.peak, rel=0.03)


@pytest.mark.parametrize("name", ROWS)
def test_a_setpoint_step_costs_what_the_literature_says(name: str):
    """At 2 % of the dead time a step within 2 %, at 10 % within 5 %."""
    row = ROWS[name]
    assert respond(name, row.h_s[0], 1.0, 0.0)[0] == pytest.approx(row.sp_iae, rel=0.02)
    assert respond(name, row.h_s[1], 1.0, 0.0)[0] == pytest.approx(row.sp_iae, rel=0.05)
