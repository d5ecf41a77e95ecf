"""How the uncertainty of a derived value follows from what it is made from.

* expression: contributions of each input and figure times the partial derivative of the whole expression (GUM 5.1.2);
* total: what is wrong is wrong the same way all along, so contributions are integrated as the flow is;
* mean: contributions of the value as they are now, and the scatter of its readings over the root of their number;
* rate: an offset is no slope; a gain is, in proportion; and the scatter of the readings about the line (least squares,
  readings taken as independent).

To each comes what its model is worth beyond its inputs (``u``, ``u_rel``). Where an input has no stated uncertainty, or a
total goes on from a record made before this process began, the result has none: None, not 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import msgspec

from gateway.control.image import SECOND, Image, Now
from gateway.control.partials import Slopes
from gateway.control.uncertainty import Parts, add, gain_of, offset_of


class Spread:
    """Sums of squares of the readings in a window, as they come and go; about the first of them, so that no digits are lost."""

    __slots__ = ("_about", "_squares", "_sum", "n")

    def __init__(self) -> None:
        self.n, self._about, self._sum, self._squares = 0, 0.0, 0.0, 0.0

    def put(self, y: float) -> None:
        """A reading comes into the window."""
        if not self.n:
            self._about, self._sum, self._squares = y, 0.0, 0.0
        self._count(y, 1)

    def drop(self, y: float) -> None:
        """A reading leaves it."""
        self._count(y, -1)

    def _count(self, y: float, sign: int) -> None:
        off = y - self._about
        self.n += sign
        self._sum += sign * off
        self._squares += sign * off * off

    def again(self, readings: Iterable[float]) -> None:
        """Add up anew, so that what rounding has left does not gather."""
        self.n = 0
        for y in readings:
            self.put(y)

    @property
    def squares(self) -> float:
        """Sum of squares about their mean."""
        return max(self._squares - self._sum * self._sum / self.n, 0.0) if self.n else 0.0


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """What a derived tag says of its own uncertainty. ``slopes``: of an expression, by each of its inputs and then of ``figures``.

    ``figures``: source and standard uncertainty of each figure that has one. ``u``, ``u_rel``: of the model itself.
    """

    kind: str                                   # as the derived tag's
    tag: int
    of: tuple[int, ...]
    slopes: Slopes | None = None
    figures: tuple[tuple[int, float], ...] = ()
    u: Callable[[list[float], list[int]], float | None] | None = None
    u_rel: float = 0.0
    per_s: float = 1.0
    period_ns: int = SECOND


class Carried:
    """The contributions to one derived value, from scan to scan."""

    __slots__ = ("_fresh", "_last", "_last_parts", "_total", "doubt")

    def __init__(self, doubt: Doubt) -> None:
        self.doubt = doubt
        self.restart()
        self._fresh = True

    def restart(self) -> None:
        """A total begins at 0, of which nothing is wrong."""
        self._fresh = False
        self._total: Parts | None = {}
        self._last: int | None = None
        self._last_parts: Parts | None = None

    def update(self, image: Image, value: float, good: bool, spread: Spread, over: float, now: Now) -> Parts | None:
        """The contributions to ``value`` in this scan; None where they are not known.

        ``spread``: of the readings in the window of a mean or rate; ``over``: sum of squares of their times, s2.
        """
        doubt = self.doubt
        if not good:
            self._last = None
            return None
        parts = {"expression": self._expression, "total": self._integral, "mean": self._mean, "rate": self._rate}[doubt.kind](
            image, value, spread, over, now)  # fmt: skip
        if parts is None:
            return None
        if doubt.u is not None:
            u = doubt.u(image.value, image.quality)
            if u is None:
                return None
            parts[offset_of(doubt.tag)] = math.hypot(parts.get(offset_of(doubt.tag), 0.0), u)
        if doubt.u_rel:
            parts[gain_of(doubt.tag)] = doubt.u_rel * value
        return parts

    def _expression(self, image: Image, value: float, spread: Spread, over: float, now: Now) -> Parts | None:
        doubt, found = self.doubt, Parts()
        slopes = doubt.slopes(image.value, image.doubts.u) if doubt.slopes is not None else []
        for tag, slope in zip(doubt.of, slopes, strict=False):
            if slope == 0.0:
                continue
            parts = image.doubts.of(tag)
            if parts is None or not math.isfinite(slope):
                return None
            add(found, parts, slope)
        for (source, u), slope in zip(doubt.figures, slopes[len(doubt.of):], strict=True):
            add(found, {source: u}, slope)
        return found

    def _integral(self, image: Image, value: float, spread: Spread, over: float, now: Now) -> Parts | None:
        doubt, parts = self.doubt, image.doubts.of(self.doubt.of[0])
        last, before = self._last, self._last_parts
        self._last, self._last_parts = now.mono, parts
        if self._fresh and value != 0.0:
            self._total = None                  # it goes on from a record: of what it gathered then, nothing is known
        self._fresh = False
        if parts is None:
            self._total = None
        elif self._total is not None and last is not None and before is not None and now.mono - last <= 3 * doubt.period_ns:
            half = 0.5 * (now.mono - last) / SECOND * doubt.per_s
            add(self._total, parts, half)
            add(self._total, before, half)
        return None if self._total is None else dict(self._total)

    def _mean(self, image: Image, value: float, spread: Spread, over: float, now: Now) -> Parts | None:
        parts = image.doubts.of(self.doubt.of[0])
        if parts is None:
            return None
        n = spread.n
        scatter = math.sqrt(spread.squares / (n - 1) / n) if n > 1 else 0.0
        return {**parts, offset_of(self.doubt.tag): scatter}

    def _rate(self, image: Image, value: float, spread: Spread, over: float, now: Now) -> Parts | None:
        source = self.doubt.of[0]
        parts = image.doubts.of(source)
        if parts is None:
            return None
        moved = self._moved(image, source, parts, value)
        slope = value / 60.0
        off = max(spread.squares - slope * slope * over, 0.0)       # of the readings about the line
        scatter = math.sqrt(off / (spread.n - 2) / over) if spread.n > 2 and over > 0 else 0.0
        return {**moved, offset_of(self.doubt.tag): scatter * 60.0}

    def _moved(self, image: Image, source: int, parts: Parts, value: float) -> Parts:
        """What of the contributions to a value is a slope: of an input its gain; of a computed value all of them, in proportion."""
        if source not in image.doubts.parts:
            gain = image.doubts.gain(source)
            return {gain_of(source): gain * value} if gain else {}
        whole = image.value[source]
        return {each: part * value / whole for each, part in parts.items()} if whole else {}
