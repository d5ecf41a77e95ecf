"""What makes a crooked process look straight to a controller: strong-acid equivalent, titration curve, gain schedule.

Source: Wright and Kravaris, Chem. Eng. Sci. 46 (1991) and 52 (1997): pH controlled in the coordinate that a dose changes by the
same amount everywhere.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Callable, Sequence

import msgspec

Straight = Callable[[float], float]
"""A measured value as what the controller sees instead; monotone, so that sp and pv can both be turned."""

LOWEST_PH, HIGHEST_PH = -2.0, 16.0              # beyond what a glass electrode shows; keeps the powers of ten finite


def strong_acid(ph: float) -> float:
    """What a strong acid or base would have to be for this pH, mol/L of excess base: 10^(pH-14) - 10^-pH.

    A dose changes it by the same amount at every pH, where pH itself changes ten times as much a unit further on.
    """
    ph = min(max(ph, LOWEST_PH), HIGHEST_PH)
    return 10.0 ** (ph - 14.0) - 10.0 ** -ph


def curve(points: Sequence[tuple[float, float]]) -> Straight:
    """A measured curve, (value, equivalent) with both rising: straight lines between the points and beyond the ends.

    For pH: a titration of this liquor, (pH, mol of base per L). Raises ValueError for fewer than 2 points or a curve that falls.
    """
    values, doses = [float(x) for x, _ in points], [float(y) for _, y in points]
    if len(values) < 2 or any(b <= a for a, b in itertools.pairwise(values)) or any(
            b <= a for a, b in itertools.pairwise(doses)):
        raise ValueError("a curve needs two or more points, both columns rising")
    slopes = [(doses[i + 1] - doses[i]) / (values[i + 1] - values[i]) for i in range(len(values) - 1)]

    def straight(value: float) -> float:
        i = min(max(bisect_right(values, value) - 1, 0), len(slopes) - 1)
        return doses[i] + slopes[i] * (value - values[i])

    return straight


class Zone(msgspec.Struct, frozen=True):
    """One zone of a gain schedule: up to ``below`` (units of what it goes by), the gain times ``factor``."""

    below: float
    factor: float


class Schedule:
    """A gain schedule of a few zones; into another one only when its border is passed by ``margin``, so that noise does not switch."""

    __slots__ = ("zones", "margin", "_zone")

    def __init__(self, zones: Sequence[Zone], margin: float = 0.0) -> None:
        self.zones, self.margin = tuple(zones), margin
        self._zone: int | None = None

    def factor(self, value: float) -> float:
        """The factor at ``value``; what is above the last border belongs to the last zone."""
        last = len(self.zones) - 1
        zone = self._zone
        if zone is None:
            zone = next((i for i, each in enumerate(self.zones) if value < each.below), last)
        while zone < last and value >= self.zones[zone].below + self.margin:
            zone += 1
        while zone > 0 and value < self.zones[zone - 1].below - self.margin:
            zone -= 1
        self._zone = zone
        return self.zones[zone].factor
