"""Alarm floods: when more alarms sound than a person can take in, and when that is over.

    >>> flood = Flood()
    >>> for second in range(11):
    ...     flood.sounded(second * SECOND)
    >>> flood.judge(Now(10 * SECOND, 0)).event
    'began'

A flood begins with more than 10 alarms annunciated within 10 minutes and ends when fewer than 5 were. Source: ANSI/ISA-18.2-2016
clause 16.5 and EEMUA 191 (edition 3) give both figures for one operator; from their tables as generally quoted, not read again here.

Alarms are counted by the second, so that ten minutes are at most 601 numbers, however many alarms there are.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from gateway.control.chain import AlarmFlood
from gateway.control.image import SECOND, Now

WINDOW_S = 600
BEGINS_ABOVE = 10                               # annunciated alarms in the window
ENDS_BELOW = 5


class Flood:
    """Whether there is a flood. ``count``: annunciated in the last ten minutes; ``peak``: the most of that, ``total``: all of a flood."""

    __slots__ = ("_before", "_seconds", "active", "count", "peak", "since_utc", "total")

    def __init__(self) -> None:
        self.active = False
        self.since_utc = 0
        self.count = self.peak = self.total = 0
        self._seconds: deque[tuple[int, int]] = deque()         # monotonic second, how many sounded in it
        self._before: deque[tuple[int, int]] = deque()          # likewise in UTC, of an earlier life of the process

    def sounded(self, mono: int) -> None:
        """One alarm was annunciated."""
        _count(self._seconds, mono // SECOND)
        self.count += 1
        self.total += 1

    def judge(self, now: Now) -> AlarmFlood | None:
        """Forget what is older than the window; the entry, already applied, when a flood begins or ends."""
        if self._before:
            self._go_on(now)
        horizon = now.mono // SECOND - WINDOW_S
        while self._seconds and self._seconds[0][0] <= horizon:
            self.count -= self._seconds.popleft()[1]
        if not self.active and self.count > BEGINS_ABOVE:
            self.total = self.count
            return self._to("began", now)
        self.peak = max(self.peak, self.count)
        if self.active and self.count < ENDS_BELOW:
            return self._to("ended", now)
        return None

    def _to(self, event: str, now: Now) -> AlarmFlood:
        lasted_s = 0 if event == "began" else max(now.utc - self.since_utc, 0) // SECOND
        peak = self.count if event == "began" else self.peak
        entry = AlarmFlood(event=event, count=self.count, total=self.total, peak=peak, lasted_s=lasted_s)
        self.apply(entry, now.utc)
        return entry

    def apply(self, entry: AlarmFlood, utc: int) -> None:
        """Fold one entry: the same code live and on replay."""
        self.active = entry.event == "began"
        self.since_utc = utc if self.active else 0
        self.total = entry.total
        self.peak = entry.peak if self.active else 0

    # --- restart ------------------------------------------------------------------------------------------------
    def sounded_before(self, utc: int) -> None:
        """One alarm was annunciated before the restart, as the journal says."""
        second = utc // SECOND
        _count(self._before, second)
        self.total += 1
        while self._before[0][0] <= second - WINDOW_S:
            self._before.popleft()

    def _go_on(self, now: Now) -> None:
        """What the journal told, on the monotonic clock: so long ago as UTC says, and not in the future; what is too old goes at once."""
        for second, count in self._before:
            ago = max(now.utc // SECOND - second, 0)
            self._seconds.appendleft((now.mono // SECOND - ago, count))
            self.count += count
        self._before.clear()
        self._seconds = deque(sorted(self._seconds))

    def told(self) -> dict[str, Any]:
        """How it stands, for a person."""
        return {"active": self.active, "since_utc": self.since_utc, "in_10_min": self.count, "peak": self.peak, "total": self.total}


def _count(seconds: deque[tuple[int, int]], second: int) -> None:
    if seconds and seconds[-1][0] == second:
        seconds[-1] = (second, seconds[-1][1] + 1)
    else:
        seconds.append((second, 1))
