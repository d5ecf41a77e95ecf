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
from collections.abc import Callable, Sequence

import msgspec

from gateway.control.image import SECOND, Image, Now
from gateway.control.partials import Slopes
from gateway.control.uncertainty import Parts, add, gain_of, offset_of

Points = Sequence[tuple[float, float]]


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

    def update(self, image: Image, value: float, good: bool, points: Points, now: Now) -> Parts | None:
        """The contributions to ``value`` in this scan; None where they are not known."""
        doubt = self.doubt
        if not good:
            self._last = None
            return None
        parts = {"expression": self._expression, "total": self._integral, "mean": self._mean, "rate": self._rate}[doubt.kind](
            image, value, points, now)  # fmt: skip
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

    def _expression(self, image: Image, value: float, points: Points, now: Now) -> Parts | None:
        doubt, found = self.doubt, Parts()
        slopes = doubt.slopes(image.value) if doubt.slopes is not None else []
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

    def _integral(self, image: Image, value: float, points: Points, now: Now) -> Parts | None:
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

    def _mean(self, image: Image, value: float, points: Points, now: Now) -> Parts | None:
        parts = image.doubts.of(self.doubt.of[0])
        if parts is None:
            return None
        n = len(points)
        scatter = math.sqrt(math.fsum((y - value) ** 2 for _, y in points) / (n - 1) / n) if n > 1 else 0.0
        return {**parts, offset_of(self.doubt.tag): scatter}

    def _rate(self, image: Image, value: float, points: Points, now: Now) -> Parts | None:
        source = self.doubt.of[0]
        parts = image.doubts.of(source)
        if parts is None:
            return None
        moved = self._moved(image, source, parts, value)
        return {**moved, offset_of(self.doubt.tag): _scatter(points, value / 60.0) * 60.0}

    def _moved(self, image: Image, source: int, parts: Parts, value: float) -> Parts:
        """What of the contributions to a value is a slope: of an input its gain; of a computed value all of them, in proportion."""
        if source not in image.doubts.parts:
            gain = image.doubts.gain(source)
            return {gain_of(source): gain * value} if gain else {}
        whole = image.value[source]
        return {each: part * value / whole for each, part in parts.items()} if whole else {}


def _scatter(points: Points, slope: float) -> float:
    """Standard uncertainty of a least-squares slope, per s, from what the readings are off the line."""
    n = len(points)
    if n < 3:
        return 0.0
    t0, y0 = math.fsum(t for t, _ in points) / n, math.fsum(y for _, y in points) / n
    spread = math.fsum((t - t0) ** 2 for t, _ in points)
    off = math.fsum((y - y0 - slope * (t - t0)) ** 2 for t, y in points)
    return math.sqrt(off / (n - 2) / spread) if spread > 0 else 0.0
