"""A value that knows where its uncertainty comes from, so that what is common to two values is counted once.

First-order propagation: each quantity carries the signed contribution of every independent source (sensitivity times
standard uncertainty). Sums, products and quotients combine contributions linearly; u is their root sum of squares.
Source: JCGM 100:2008 (GUM) 5.1 and 5.2; correlated terms by common sources, JCGM 100:2008 F.1.2.3.

    >>> volume = Quantity.of(600.0, 6.0, "FT-201")
    >>> ratio = volume / (volume + Quantity.exact(0.0))     # the same volume twice: nothing is left of its uncertainty
    >>> ratio.value, round(ratio.u, 12)
    (1.0, 0.0)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import msgspec


class Measured(msgspec.Struct, frozen=True):
    """A measured figure. ``u``: standard uncertainty (k = 1), same unit.

    ``common``: share of the variance (0..1) that belongs to ``source`` (a meter's calibration, an ICP calibration) and is
    the same in every figure that names the same source.
    """

    value: float
    u: float
    source: str = ""
    common: float = 0.0

    def quantity(self, name: str) -> Quantity:
        """The figure as a quantity; ``name`` is the source of what is its own, unique in the calculation."""
        if not (math.isfinite(self.value) and math.isfinite(self.u) and self.u >= 0 and 0 <= self.common <= 1):
            raise ValueError(f"{name}: value {self.value}, u {self.u}, common {self.common}: finite, u >= 0, common 0..1; nothing computed")
        shared = self.u * math.sqrt(self.common) if self.source else 0.0
        own = math.sqrt(max(0.0, self.u**2 - shared**2))
        return Quantity(self.value, {name: own, self.source: shared} if shared else {name: own})


class Quantity:
    """A value and the contribution of each independent source to its uncertainty, in the value's unit."""

    __slots__ = ("parts", "value")

    def __init__(self, value: float, parts: Mapping[str, float]) -> None:
        self.value = value
        self.parts = {source: part for source, part in parts.items() if part != 0.0}

    @classmethod
    def exact(cls, value: float) -> Quantity:
        """A value without uncertainty."""
        return cls(value, {})

    @classmethod
    def of(cls, value: float, u: float, source: str) -> Quantity:
        """A value with standard uncertainty ``u`` from one source."""
        return cls(value, {source: u})

    @property
    def u(self) -> float:
        """Combined standard uncertainty."""
        return math.sqrt(math.fsum(part * part for part in self.parts.values()))

    def covariance(self, other: Quantity) -> float:
        """Covariance with another quantity: what both owe to the same sources."""
        return math.fsum(part * other.parts[source] for source, part in self.parts.items() if source in other.parts)

    def __add__(self, other: Quantity) -> Quantity:
        return combine(self.value + other.value, (1.0, self), (1.0, other))

    def __sub__(self, other: Quantity) -> Quantity:
        return combine(self.value - other.value, (1.0, self), (-1.0, other))

    def __mul__(self, other: Quantity) -> Quantity:
        return combine(self.value * other.value, (other.value, self), (self.value, other))

    def __truediv__(self, other: Quantity) -> Quantity:
        value = self.value / other.value
        return combine(value, (1.0 / other.value, self), (-value / other.value, other))

    def times(self, factor: float) -> Quantity:
        """The quantity in another unit."""
        return combine(self.value * factor, (factor, self))

    def budget(self, most: int = 6) -> dict[str, float]:
        """Share of the variance by source, largest first."""
        variance = math.fsum(part * part for part in self.parts.values())
        ranked = sorted(((part * part / variance, source) for source, part in self.parts.items()), reverse=True) if variance else []
        return {source: share for share, source in ranked[:most]}


def combine(value: float, *terms: tuple[float, Quantity]) -> Quantity:
    """A quantity of ``value`` whose sensitivity to each term is given."""
    parts: dict[str, float] = {}
    for sensitivity, term in terms:
        for source, part in term.parts.items():
            parts[source] = parts.get(source, 0.0) + sensitivity * part
    return Quantity(value, parts)


def total(terms: Iterable[Quantity]) -> Quantity:
    """The sum of quantities; exactly 0 of none."""
    listed = list(terms)
    return combine(math.fsum(term.value for term in listed), *((1.0, term) for term in listed))
