"""Dose to a total: coarse, then fine, then closed early by what will still run after.

    >>> dose = Dosing(DoseRow(fast=0.7, slow=0.2, slow_below=0.5, in_flight=0.01))
    >>> [dose.rate(total, 10.0, now=0) for total in (0.0, 9.6, 9.995)]
    [0.7, 0.2, 0.0]

What ran after the closing is learnt: half of the difference each time (assumed), never more than the fine part. Once closed it
does not open again for the same target: a correction would be a dose that nobody asked for. A total that falls by more than the fine
part (cleared at its meter, wrapped) closes too: what was dosed before is in no count any more.
"""

from __future__ import annotations

import math

import msgspec

from gateway.control.image import SECOND

LEARNING = 0.5


class DoseRow(msgspec.Struct, frozen=True):
    """Rates in output units, ``slow_below`` and ``in_flight`` in units of the total; ``settle_ns``: until nothing runs after any more."""

    fast: float
    slow: float
    slow_below: float
    in_flight: float = 0.0
    settle_ns: int = 10 * SECOND


class Dosing:
    """One dose after another. ``in_flight``: what will run after the closing; ``closed``: the target was met, or the total fell."""

    __slots__ = ("row", "in_flight", "closed", "fell", "_target", "_at", "_total", "_most")

    def __init__(self, row: DoseRow) -> None:
        self.row = row
        self.in_flight = row.in_flight
        self.closed = False
        self.fell = False
        self._most = -math.inf                  # the total's highest in this dose
        self._target = math.nan
        self._at: int | None = None             # when it was closed, until the rest is counted
        self._total = 0.0

    def rate(self, total: float, target: float, now: int) -> float:
        """The rate to ask for while the counter shows ``total``; 0 once closed. ``now``: monotonic ns."""
        if target != self._target:
            self._target, self.closed, self.fell, self._at, self._most = target, False, False, None, -math.inf
        self._most = max(self._most, total)
        if not self.closed and total < self._most - self.row.slow_below:
            self.closed = self.fell = True
        if self.closed:
            self._count(total, now)
            return 0.0
        left = target - total - self.in_flight
        if not left > 0.0:
            self.closed, self._at, self._total = True, now, total
            return 0.0
        return self.row.slow if left < self.row.slow_below else self.row.fast

    def _count(self, total: float, now: int) -> None:
        """Once it is still: what ran after, for the next time."""
        if self._at is None or now - self._at < self.row.settle_ns:
            return
        self._at = None
        after = total - self._total
        if math.isfinite(after):
            learnt = self.in_flight + LEARNING * (after - self.in_flight)
            self.in_flight = min(max(learnt, 0.0), self.row.slow_below)
