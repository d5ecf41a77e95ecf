"""When a leach is over: the upper 95 % bound of the slope of what is in solution, over at least four ICP results.

Two noisy points can lie; a slope with its own uncertainty cannot end a leach early. Concentrations are corrected for
evaporation by the liquor volume at the time of each sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import msgspec

MINIMUM = 4

# Student t, one-sided 95 %, by degrees of freedom 1..10. Source: any t table (e.g. ISO 2602).
_T95 = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812)


class Result(Protocol):
    """What an end point needs of an ICP result."""

    values: dict[str, float]
    quality: int
    context: dict[str, float]


class Verdict(msgspec.Struct, frozen=True):
    """Slope of dissolved rare earths and its upper 95 % bound, both in per cent of the present amount per hour."""

    slope: float
    upper: float
    count: int


def end_point(results: Sequence[Result], window: int = 6) -> Verdict | None:
    """The verdict over the last ``window`` Good results that carry their time and volume; None while there are fewer than four."""
    good = [r for r in results if r.quality & 0xC0000000 == 0 and "minutes" in r.context and "volume_l" in r.context][-window:]
    if len(good) < MINIMUM:
        return None
    hours = [r.context["minutes"] / 60.0 for r in good]
    grams = [sum(r.values.get(e, 0.0) for e in ("Nd", "Pr", "Dy", "Tb")) * r.context["volume_l"] for r in good]
    n = len(good)
    mean_t, mean_g = sum(hours) / n, sum(grams) / n
    spread = sum((t - mean_t) ** 2 for t in hours)
    if spread <= 0 or mean_g <= 0:
        return None
    slope = sum((t - mean_t) * (g - mean_g) for t, g in zip(hours, grams, strict=True)) / spread
    residual = sum((g - mean_g - slope * (t - mean_t)) ** 2 for t, g in zip(hours, grams, strict=True))
    error = math.sqrt(residual / (n - 2) / spread)
    bound = slope + _T95[min(n - 3, len(_T95) - 1)] * error
    return Verdict(100.0 * slope / mean_g, 100.0 * bound / mean_g, n)
