"""pH in a stirred tank of strong acid, neutralised by strong base: the controller sees the excess of base, not the pH.

1,000 L, 1 L/s of 0.1 mol/L acid (20 % stronger from 100 s on), base of 1 mol/L at 0 to 0.3 L/s, 5 s of transport and a probe of
5 s. Gain and integral time by SIMC on the excess of base: 900 s / (0.9 * 2 * 10 s) = 50 L/s per mol/L, 4 * 2 * 10 s = 80 s.
Figures: computed independently for this plant (Wright and Kravaris 1991 give the method).
"""

from __future__ import annotations

import math
import random
from collections import deque

import pytest

from gateway.control.linear import Straight, curve, strong_acid
from gateway.control.pid import Pid, Tuning

VOLUME_L, ACID_L_S, ACID, BASE = 1000.0, 1.0, 0.1, 1.0
TUNING = Tuning(50.0, 80.0)
H_S, SUBSTEPS = 0.5, 10


def ph_of(x: float) -> float:
    """pH of water with ``x`` mol/L of strong base more than acid."""
    root = math.sqrt(x * x + 4e-14)
    return -math.log10((root - x) / 2.0 if x < 0 else 2e-14 / (root + x))


class Tank:
    """The plant with its pipe and its probe."""

    def __init__(self, ph: float) -> None:
        self.x, self.seen, self.s = strong_acid(ph), ph, 0.0
        self.pipe = deque([ph] * round(5.0 / H_S * SUBSTEPS))

    def move(self, base_l_s: float) -> list[float]:
        """Half a second on; the true pH on the way."""
        dt, ways = H_S / SUBSTEPS, []
        for _ in range(SUBSTEPS):
            acid = ACID * (1.2 if self.s >= 100.0 else 1.0)
            self.x += dt * (base_l_s * BASE - ACID_L_S * acid - (ACID_L_S + base_l_s) * self.x) / VOLUME_L
            ways.append(ph_of(self.x))
            self.pipe.append(ways[-1])
            self.seen += dt / 5.0 * (self.pipe.popleft() - self.seen)
            self.s += dt
        return ways


def hold(
    sp: float, tuning: Tuning = TUNING, straight: Straight = strong_acid, noise: float = 0.0, resolution: float = 0.0
) -> tuple[float, float]:
    """Integral and greatest of the absolute error over 3,000 s, in pH s and pH."""
    rng, tank = random.Random(3), Tank(sp)
    base = ACID_L_S * (ACID + tank.x) / (BASE - tank.x)
    pid, iae, peak = Pid(tuning, 0.0, 0.3), 0.0, 0.0
    pid.track(base, straight(sp), straight(sp))
    for _ in range(round(3000.0 / H_S)):
        base = pid.update(straight(sp), straight(tank.seen + rng.gauss(0.0, noise)), H_S)
        if resolution:
            base = round(base / resolution) * resolution
        errors = [abs(ph - sp) for ph in tank.move(base)]
        iae, peak = iae + sum(errors) * H_S / SUBSTEPS, max(peak, *errors)
    return iae, peak


@pytest.mark.parametrize(("sp", "iae", "peak", "rough"), [
    (1.5, 0.4, 0.01, 4.5), (2.0, 1.4, 0.02, 5.2), (3.0, 12.5, 0.14, 16.0), (3.5, 33.6, 0.35, 37.0), (4.0, 77.1, 0.70, 81.1),
])  # fmt: skip
def test_ph_is_held_whatever_the_setpoint(sp: float, iae: float, peak: float, rough: float):
    """Within 10 %; ``rough``: with 0.01 pH of noise and a valve that has 1,000 positions."""
    found, most = hold(sp)
    assert found == pytest.approx(iae, rel=0.1)
    assert most == pytest.approx(peak, abs=0.006)
    assert hold(sp, noise=0.01, resolution=0.0003)[0] == pytest.approx(rough, rel=0.1)


def test_a_titration_curve_that_was_measured_does_as_well_as_the_equation():
    """Every 0.1 pH, straight lines between: at pH 3.5 within a fifth of the equation's."""
    points = tuple((0.1 * k, strong_acid(0.1 * k)) for k in range(5, 135))
    assert hold(3.5, straight=curve(points))[0] == pytest.approx(hold(3.5)[0], rel=0.2)


def test_a_controller_on_ph_itself_tuned_where_it_is_gentle_cycles_where_it_is_steep():
    """Why the coordinate is changed at all: the gain of pH 2 is 20 times too high at 3.5."""
    at_2 = Tuning(50.0 * math.log(10) * 0.01, 80.0)
    assert hold(2.0, at_2, lambda ph: ph)[0] < 3.0
    iae, peak = hold(3.5, at_2, lambda ph: ph)
    assert iae > 3000.0
    assert peak > 3.0
