"""What a number in an expression measures: enough to refuse 5 K + 3 bar before it runs.

    >>> quantity("m3/h").into(quantity("L/min"))
    (16.666666666666668, 0.0)
    >>> quantity("degC").difference().symbol
    'K'
"""

from __future__ import annotations

import msgspec

from devices.units import Exponents, Unit, unit

_NONE: Exponents = (0, 0, 0, 0, 0, 0)


class UnitMismatch(ValueError):
    """Two quantities that do not go together."""


class Quantity(msgspec.Struct, frozen=True):
    """Base value = value * scale + offset over the exponents; ``kind`` keeps apart what shares exponents."""

    symbol: str
    exponents: Exponents = _NONE
    scale: float = 1.0
    offset: float = 0.0
    kind: str = ""
    any_unit: bool = False

    @staticmethod
    def free() -> Quantity:
        """A bare zero: it fits anything."""
        return Quantity("0", any_unit=True)

    def check_fits(self, other: Quantity) -> None:
        """Raises UnitMismatch unless the two may be compared or added (a temperature and a difference may be added)."""
        if self.any_unit or other.any_unit or (self.exponents == other.exponents and self.kind == other.kind):
            return
        if self.exponents == other.exponents and {self.kind, other.kind} == {"point", ""}:
            return
        raise UnitMismatch(f"{self.symbol} does not go with {other.symbol}")

    def into(self, want: Quantity) -> tuple[float, float]:
        """Gain and offset from this quantity to the wanted one; a difference added to a point has no offset."""
        if self.any_unit or want.any_unit or self == want:
            return 1.0, 0.0
        gain = self.scale / want.scale
        return gain, 0.0 if self.kind != want.kind else (self.offset - want.offset) / want.scale

    def difference(self) -> Quantity:
        """What the difference of two such values measures."""
        return quantity("K") if self.kind == "point" else self

    def times(self, other: Quantity) -> Quantity:
        """The quantity of a product."""
        return self._combined(other, 1)

    def over(self, other: Quantity) -> Quantity:
        """The quantity of a quotient."""
        return self._combined(other, -1)

    def _combined(self, other: Quantity, sign: int) -> Quantity:
        for part in (self, other):
            if part.kind == "point":
                raise UnitMismatch(f"{part.symbol} is a point on a scale: it has no products; subtract a reference first")
        if other.exponents == _NONE and other.kind == "":
            return self
        a, b = self.exponents, other.exponents
        exponents = (a[0] + sign * b[0], a[1] + sign * b[1], a[2] + sign * b[2], a[3] + sign * b[3], a[4] + sign * b[4], a[5] + sign * b[5])
        scale = self.scale * other.scale if sign == 1 else self.scale / other.scale
        kind = "" if sign == -1 and self.kind == other.kind else (self.kind if other.kind in ("", "fraction") else other.kind)
        if other.kind == "fraction" or self.kind == "fraction":
            kind = "" if kind == "fraction" else kind
        return Quantity(f"{self.symbol}{'*' if sign == 1 else '/'}{other.symbol}", exponents, scale, 0.0, kind)


def quantity(symbol: str) -> Quantity:
    """The quantity of a unit of the closed list. Raises ValueError for an unknown symbol."""
    known: Unit = unit(symbol)
    return Quantity(known.symbol, known.exponents, known.scale, known.offset, known.kind)


DIMENSIONLESS = Quantity("1")
