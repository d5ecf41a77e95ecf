"""Values computed at the head of each scan: slopes, totals, means and expressions.

The quality of a derived value is the worst of what it is made from; a slope or mean needs its window at least half full.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from devices.quality import BAD, BAD_OUT_OF_RANGE, GOOD
from gateway.control.carried import Carried, Doubt, Spread
from gateway.control.image import SECOND, Image, Now


class DerivedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One derived tag. ``of``: image indices it is made from; ``number``: evaluates an expression over the columns."""

    tag: int
    kind: str                                   # rate | total | mean | expression
    of: tuple[int, ...]
    number: Callable[[list[float], list[int]], float | None] | None = None
    window_ns: int = 60 * SECOND
    period_ns: int = SECOND
    per_s: float = 1.0                          # what one unit of ``of`` means per second, for totals
    low: float | None = None
    high: float | None = None
    reset: str = ""                             # unit whose batches begin the total anew
    doubt: Doubt | None = None                  # how its uncertainty follows from its inputs


class Derived:
    """One derived value and its memory."""

    __slots__ = ("row", "points", "total", "last", "since", "last_value", "sums", "spread", "due_at", "carried")

    def __init__(self, row: DerivedRow) -> None:
        self.row = row
        self.points: deque[tuple[float, float]] = deque()       # (seconds since ``since``, value)
        self.sums = [0.0, 0.0, 0.0, 0.0]                        # t, y, tt, ty
        self.spread = Spread()
        self.total = 0.0
        self.last: int | None = None
        self.due_at = 0                                         # on the grid of the scan, whatever the tick's own lateness
        self.since = 0
        self.last_value: float | None = None
        self.carried = None if row.doubt is None else Carried(row.doubt)

    def update(self, image: Image, now: Now) -> None:
        """Compute the value of this scan and put it into the image."""
        row = self.row
        if now.mono < self.due_at:
            return
        self.due_at = (now.mono // row.period_ns + 1) * row.period_ns
        quality, oldest = GOOD, image.asked[row.of[0]] if row.of else now.mono
        for i in row.of:
            severity, asked = image.quality[i] & 0xC0000000, image.asked[i]
            quality = severity if severity > quality else quality
            oldest = asked if asked < oldest else oldest
        value = self._value(image, now, quality == GOOD)
        self.last = now.mono
        if quality != GOOD and row.kind != "expression":
            value = None
        if value is None:
            quality = max(quality, BAD)
            value = image.value[row.tag]
        elif (row.low is not None and value < row.low) or (row.high is not None and value > row.high):
            quality = BAD_OUT_OF_RANGE
        image.put(row.tag, value, quality, asked=oldest, seen=now.mono, source=now.utc)
        if self.carried is not None:
            image.doubts.parts[row.tag] = self.carried.update(
                image, value, quality == GOOD, self.spread, self._over(), now)

    def _value(self, image: Image, now: Now, good: bool) -> float | None:
        row = self.row
        if row.kind == "expression":
            return row.number(image.value, image.quality) if row.number and good else None
        if not good:
            self._forget()
            return None
        sample = image.value[row.of[0]]
        if row.kind == "total":
            return self._add(sample, now)
        self._push(sample, now)
        if len(self.points) < 3 or self.points[-1][0] - self.points[0][0] < row.window_ns / SECOND / 2:
            return None
        n, (t, y, tt, ty) = len(self.points), self.sums
        if row.kind == "mean":
            return y / n
        spread = tt - t * t / n
        return (ty - t * y / n) / spread * 60.0 if spread > 1e-9 else None

    def _add(self, sample: float, now: Now) -> float:
        """Trapezoid integral; a gap adds nothing (it is a gap in the record, not a guess)."""
        if self.last is not None and self.last_value is not None:
            gap = now.mono - self.last
            if gap <= 3 * self.row.period_ns:
                self.total += 0.5 * (sample + self.last_value) * gap / SECOND * self.row.per_s
        self.last_value = sample
        return self.total

    def _push(self, sample: float, now: Now) -> None:
        if not self.points:
            self.since = now.mono
            self.sums = [0.0, 0.0, 0.0, 0.0]
        t, points, window_s = (now.mono - self.since) / SECOND, self.points, self.row.window_ns / SECOND
        points.append((t, sample))
        self._sum(t, sample, 1.0)
        self.spread.put(sample)
        while t - points[0][0] > window_s:
            self.spread.drop(points[0][1])
            self._sum(*points.popleft(), -1.0)
        if t > 3600.0:
            self._rebase()

    def _sum(self, t: float, y: float, sign: float) -> None:
        sums = self.sums
        sums[0] += sign * t
        sums[1] += sign * y
        sums[2] += sign * t * t
        sums[3] += sign * t * y

    def _rebase(self) -> None:
        """Start the clock anew so that the sums keep their digits."""
        first = self.points[0][0]
        self.since += round(first * SECOND)
        self.points = deque((t - first, y) for t, y in self.points)
        self.sums = [0.0, 0.0, 0.0, 0.0]
        for t, y in self.points:
            self._sum(t, y, 1.0)
        self.spread.again(y for _, y in self.points)

    def _over(self) -> float:
        """Sum of squares of the times in the window about their mean, s2."""
        n, (t, _, tt, _) = len(self.points), self.sums
        return tt - t * t / n if n else 0.0

    def restart(self) -> None:
        """Begin a total at 0."""
        self.total = 0.0
        if self.carried is not None:
            self.carried.restart()

    def _forget(self) -> None:
        self.points.clear()
        self.spread.again(())
        self.last_value = None
