"""What a plant and a controller are to a frequency: enough to say how far a loop is from swinging.

    plant = Plant(gain=1.0, lags=(10.0,), theta_s=1.0)
    margins(plant, Tuning(gain=5.0, ti_s=8.0)).ms       # 1.61
"""

from __future__ import annotations

import cmath
import math
from itertools import pairwise

import msgspec

GRID = 2400                                     # frequencies looked at, over eight decades about the loop's own time


class Plant(msgspec.Struct, frozen=True, kw_only=True):
    """``gain e^(-theta s) prod(1 - Z s) / prod(T s + 1)``, times 1/s when ``integrating`` (gain then per second). Times in s."""

    gain: float
    lags: tuple[float, ...] = ()
    theta_s: float = 0.0
    inverse: tuple[float, ...] = ()             # right half plane zeros, as time constants
    integrating: bool = False

    def at(self, w: float) -> complex:
        """The response at ``w`` rad/s."""
        s = 1j * w
        found = self.gain * cmath.exp(-s * self.theta_s)
        for zero in self.inverse:
            found *= 1.0 - zero * s
        for lag in self.lags:
            found /= 1.0 + lag * s
        return found / s if self.integrating else found

    def later(self, by_s: float) -> Plant:
        """The same with more dead time: a scan every ``h`` adds h/2. Source: Astrom and Wittenmark, Computer-Controlled Systems."""
        return Plant(gain=self.gain, lags=self.lags, theta_s=self.theta_s + by_s, inverse=self.inverse, integrating=self.integrating)


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """Gain, integral and derivative time of the ideal form, ``K (1 + 1/(Ti s) + Td s)``; ``rule``: where it comes from.

    The derivative has a lag of td/``n``; ``tf_s`` is the second-order filter on the pv, 1/(1 + Tf s + (Tf s)^2/2).
    """

    gain: float
    ti_s: float | None = None
    td_s: float = 0.0
    tf_s: float = 0.0
    n: float = 10.0
    rule: str = ""

    def at(self, w: float) -> complex:
        """The response of controller and filter at ``w`` rad/s."""
        s = 1j * w
        terms = 1.0 + (1.0 / (self.ti_s * s) if self.ti_s else 0.0) + self.td_s * s / (1.0 + self.td_s * s / self.n)
        return self.gain * terms / (1.0 + self.tf_s * s * (1.0 + self.tf_s * s / 2.0))


class Margins(msgspec.Struct, frozen=True):
    """Largest sensitivity Ms, gain margin (a factor, inf where there is none), phase margin in degrees, and whether the loop is stable."""

    ms: float
    gm: float
    pm_deg: float
    stable: bool


def margins(plant: Plant, tuning: Tuning) -> Margins:
    """Ms, GM and PM of a loop, by a grid of frequencies refined where a curve is crossed.

    Ms is inf for an unstable loop. ``stable``: gain below one wherever the phase is -180 degrees, by Nyquist for a plant that is
    itself stable or integrates.
    """
    grid = _grid(plant, tuning)
    loop = [plant.at(w) * tuning.at(w) for w in grid]
    phases = _unwrapped(loop)
    gm, pm = math.inf, math.inf
    for k in range(len(grid) - 1):
        for turn in _odd_turns(phases[k], phases[k + 1]):
            share = (turn - phases[k]) / (phases[k + 1] - phases[k])
            at = math.exp(_between(math.log(abs(loop[k])), math.log(abs(loop[k + 1])), share))
            gm = min(gm, 1.0 / at)
        if (abs(loop[k]) - 1.0) * (abs(loop[k + 1]) - 1.0) <= 0.0 and loop[k] != loop[k + 1]:
            share = math.log(abs(loop[k])) / (math.log(abs(loop[k])) - math.log(abs(loop[k + 1])) or 1.0)
            pm = min(pm, 180.0 + math.degrees(_between(phases[k], phases[k + 1], share)))
    stable = gm > 1.0 and pm > 0.0
    return Margins(_peak(plant, tuning, grid, loop) if stable else math.inf, gm, pm, stable)


def _grid(plant: Plant, tuning: Tuning) -> list[float]:
    times = [t for t in (*plant.lags, plant.theta_s, *plant.inverse, tuning.ti_s or 0.0, tuning.td_s, tuning.tf_s) if t > 0.0] or [1.0]
    low, high = math.log(1e-3 / max(times)), math.log(1e3 / min(times))
    # a dead time turns the phase for ever: nothing is looked for beyond where no loop has gain
    if plant.theta_s:
        high = min(high, math.log(60.0 / plant.theta_s))
    return [math.exp(low + (high - low) * k / (GRID - 1)) for k in range(GRID)]


def _unwrapped(loop: list[complex]) -> list[float]:
    """Phases, rad, without leaps; the first one in -2 pi .. 0, as it is for whatever integrates or stands still."""
    first = cmath.phase(loop[0])
    phases = [first - 2.0 * math.pi if first > 1e-6 else first]
    for before, each in pairwise(loop):
        phases.append(phases[-1] + cmath.phase(each / before))
    return phases


def _odd_turns(one: float, two: float) -> list[float]:
    """-180, -540, ... degrees that lie between two phases (rad)."""
    low, high = min(one, two), max(one, two)
    first = math.ceil((low / math.pi - 1.0) / 2.0)
    found: list[float] = []
    while low < (turn := (2 * first + 1) * math.pi) <= high:
        found.append(turn)
        first += 1
    return found


def _between(one: float, two: float, share: float) -> float:
    return one + (two - one) * share


def _peak(plant: Plant, tuning: Tuning, grid: list[float], loop: list[complex]) -> float:
    """The largest |1/(1+L)|, by a golden section about the largest of the grid."""
    top = max(range(len(grid)), key=lambda k: 1.0 / abs(1.0 + loop[k]))
    low, high = math.log(grid[max(top - 1, 0)]), math.log(grid[min(top + 1, len(grid) - 1)])

    def sensitivity(log_w: float) -> float:
        w = math.exp(log_w)
        return 1.0 / abs(1.0 + plant.at(w) * tuning.at(w))

    for _ in range(40):
        third = (high - low) / 3.0
        if sensitivity(low + third) < sensitivity(high - third):
            low += third
        else:
            high -= third
    return max(sensitivity((low + high) / 2.0), 1.0)
