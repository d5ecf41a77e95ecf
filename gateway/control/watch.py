"""What a single value shows of itself over time: that it stands still when nothing living does, or leaps as no vessel can.

    >>> watch = Watch(stuck_ns=60 * SECOND)
    >>> watch.judge(7.01, 0), watch.judge(7.01, 61 * SECOND) == UNCERTAIN_LAST_USABLE
    (0, True)

A frozen value is Uncertain from ``stuck_ns`` after its last change until it moves again. A leap is a change faster than
``most_per_s``: the reading is Uncertain; if the next ones stay where it went, it was no spike and is believed after ``settle``.
"""

from __future__ import annotations

import math

from devices.quality import GOOD, UNCERTAIN_LAST_USABLE, UNCERTAIN_SENSOR_NOT_ACCURATE
from gateway.control.image import SECOND

SETTLE = 3
"""Readings in a row near one another that make a leap believable."""


class Watch:
    """State of one watched value. ``stuck_ns``: None or 0, not watched for standing still; ``most_per_s``: likewise for leaps."""

    __slots__ = ("stuck_ns", "most_per_s", "settle", "value", "moved_at", "good", "good_at", "near", "seen_at", "stood")

    def __init__(self, stuck_ns: int | None = None, most_per_s: float | None = None, settle: int = SETTLE) -> None:
        self.stuck_ns, self.most_per_s, self.settle = stuck_ns or 0, most_per_s or 0.0, settle
        self.value = math.nan                   # last reading, whatever it was worth
        self.stood = math.nan                   # what it stands at, also over Bad readings, and since when
        self.moved_at = self.seen_at = 0
        self.good = math.nan                    # last reading that was believed, and when
        self.good_at = 0
        self.near = 0                           # readings in a row that stayed where a leap went

    def judge(self, value: float, now: int) -> int:
        """The quality that a Good reading keeps: Good, or Uncertain because it stands still or leaps. ``now``: monotonic ns."""
        before, self.value = self.value, value
        if value != self.stood or now - self.seen_at >= self.stuck_ns:
            self.moved_at, self.stood = now, value
        self.seen_at = now
        if self.most_per_s and not self._believable(value, before, now):
            return UNCERTAIN_SENSOR_NOT_ACCURATE
        self.good, self.good_at = value, now
        return UNCERTAIN_LAST_USABLE if self.stuck_ns and now - self.moved_at >= self.stuck_ns else GOOD

    def forget(self) -> None:
        """The value was Bad: what comes next is no leap. Standing still is counted on, unless nothing came for as long as that takes."""
        self.value = self.good = math.nan
        self.near = 0

    def _believable(self, value: float, before: float, now: int) -> bool:
        since_s = (now - self.good_at) / SECOND
        if math.isnan(self.good) or abs(value - self.good) <= self.most_per_s * max(since_s, 0.0):
            self.near = 0
            return True
        self.near = self.near + 1 if abs(value - before) <= self.most_per_s else 1        # near: within what a second allows
        if self.near < self.settle:
            return False
        self.near = 0
        return True
