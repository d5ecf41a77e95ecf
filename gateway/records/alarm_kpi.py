"""How well the alarms do: the figures of ISA-18.2 and EEMUA 191, folded out of the journal.

    >>> kpis(journal.read()).per_10_min
    0.125

Every change of an alarm is an entry, so that nothing is sampled and nothing missed. The definitions, where a standard leaves them open:

- *annunciated*: an alarm came to UNACK, for the first time or again, or an interlock tripped, which a person is told of in the same
  list and has to answer too; its time is that of the entry. A trip is not acknowledged but reset, and has no time to acknowledge;
- *intervals* of ten minutes stand side by side from the beginning of the time; a *flood interval* has more than 10 annunciated alarms;
- *chattering*: 3 and more of one alarm within 60 s (PAS, "Fixing chattering and fleeting alarms": a good starting criterion);
- *fleeting*: back to normal within 10 s (assumed; the standards say "shortly") and not chattering;
- *stale*: stood, without a break, for more than 24 h, some of it in the time looked at (ISA-18.2-2016, 16.5);
- *time to acknowledge*: from when it first sounded, unacknowledged, to the person; the 95 % figure is the nearest rank.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter, deque
from collections.abc import Iterable

import msgspec

from gateway.control.chain import AlarmChanged, AlarmFlood, InterlockChanged, Stored

SECOND = 1_000_000_000
INTERVAL_S, FLOOD_ABOVE = 600, 10
CHATTER_S, CHATTER_TIMES = 60, 3
FLEETING_S = 10
STALE_S = 86_400
TOP = 10

_STANDING = ("UNACK", "ACKED")
_ASIDE = {"SHLVD": "shelved", "OOSRV": "out_of_service", "DSUPR": "suppressed"}


class Often(msgspec.Struct, frozen=True):
    """One of those that sounded most often. ``share``: of all annunciated, %."""

    alarm: str
    count: int
    share: float


class Aside(msgspec.Struct, frozen=True):
    """How often alarms were put aside in the time, and how many are so at its end."""

    times: int = 0
    at_end: int = 0


class Kpis(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a time. Shares in %, durations in s, stale alarms in h; None where there is nothing to count."""

    start_utc: int
    end_utc: int
    hours: float
    annunciated: int
    trips: int                                  # of these
    intervals: int
    per_10_min: float                           # mean
    most_in_10_min: int
    flood_share: float                          # of the intervals
    floods: int                                 # as the plant process told them, begun in the time
    flood_s: float
    per_day: float
    priorities: dict[str, Often]
    top: list[Often]
    top_share: float
    chattering: dict[str, int]                  # alarm -> most within a minute
    fleeting: dict[str, int]                    # alarm -> how often
    stale: dict[str, float]                     # alarm -> longest, h
    acknowledged: int
    ack_median_s: float | None
    ack_95_s: float | None
    waiting: int                                # not acknowledged at the end
    shelved: Aside
    out_of_service: Aside
    suppressed: Aside


class _Alarm:
    """What the fold remembers of one alarm; times are UTC ns, 0: none."""

    __slots__ = ("aside", "chatter", "fleeting", "most", "sounded", "standing", "stale_ns", "waiting")

    def __init__(self) -> None:
        self.sounded = self.standing = self.waiting = 0
        self.stale_ns = 0
        self.aside = ""
        self.chatter: deque[int] = deque()
        self.most = self.fleeting = 0


def kpis(stored: Iterable[Stored], start_utc: int | None = None, end_utc: int | None = None, unit: str = "") -> Kpis:
    """The figures from ``start_utc`` to ``end_utc``, both included (default: first and last entry); of one unit or of all.

    What stood at the beginning is taken from the entries before it.
    """
    fold = _Fold(start_utc, unit)
    for item in stored:
        if end_utc is not None and item.utc > end_utc:
            break
        fold.take(item)
    return fold.told(fold.last_utc if end_utc is None else end_utc)


class _Fold:
    """One pass over the journal."""

    def __init__(self, start_utc: int | None, unit: str) -> None:
        self.start, self.unit = start_utc, unit
        self.last_utc = start_utc or 0
        self.alarms: dict[str, _Alarm] = {}
        self.times: list[int] = []
        self.names: Counter[str] = Counter()
        self.priorities: Counter[str] = Counter()
        self.acks: list[int] = []
        self.aside: Counter[str] = Counter()
        self.trips = self.floods = self.flood_ns = self.flood_since = 0

    def take(self, item: Stored) -> None:
        """One entry."""
        self.start = item.utc if self.start is None else self.start
        self.last_utc = max(self.last_utc, item.utc)
        if isinstance(item.entry, AlarmFlood):
            self._flood(item.entry, item.utc)
        elif isinstance(item.entry, AlarmChanged) and self.unit in ("", item.entry.unit):
            self._alarm(item.entry, item.utc)
        elif isinstance(item.entry, InterlockChanged) and item.entry.event == "tripped" and self.unit in ("", item.entry.unit):
            self._trip(item.entry, item.utc)

    def _inside(self, utc: int) -> bool:
        return self.start is not None and utc >= self.start

    def _flood(self, entry: AlarmFlood, utc: int) -> None:
        if entry.event == "began":
            self.flood_since = utc
            self.floods += self._inside(utc)
        else:
            self._flood_until(utc)

    def _flood_until(self, utc: int) -> None:
        if self.flood_since:
            self.flood_ns += max(utc - max(self.flood_since, self.start or 0), 0)
        self.flood_since = 0

    def _alarm(self, entry: AlarmChanged, utc: int) -> None:
        mine = self.alarms.setdefault(entry.alarm, _Alarm())
        if entry.who and entry.now in ("ACKED", "NORM", "LATCHED_ACKED") and mine.waiting:
            if self._inside(mine.waiting):
                self.acks.append(utc - mine.waiting)
            mine.waiting = 0
        if entry.was in _STANDING and entry.now not in _STANDING:
            self._over(mine, entry, utc)
        if entry.now == "UNACK":
            self._sounds(mine, entry, utc)
        mine.aside = _ASIDE.get(entry.now, "")
        if mine.aside:
            mine.waiting = 0
            self.aside[mine.aside] += self._inside(utc)

    def _trip(self, entry: InterlockChanged, utc: int) -> None:
        if self._inside(utc):
            self.trips += 1
            name = f"{entry.interlock} (trip)"  # many an alarm has the name of the trip that comes after it
            self._told_of(self.alarms.setdefault(name, _Alarm()), name, entry.priority or "unknown", utc)

    def _sounds(self, mine: _Alarm, entry: AlarmChanged, utc: int) -> None:
        mine.sounded = mine.standing = utc
        mine.waiting = mine.waiting or utc
        if self._inside(utc):
            self._told_of(mine, entry.alarm, entry.priority, utc)

    def _told_of(self, mine: _Alarm, name: str, priority: str, utc: int) -> None:
        self.times.append(utc)
        self.names[name] += 1
        self.priorities[priority] += 1
        mine.chatter.append(utc)
        while utc - mine.chatter[0] > CHATTER_S * SECOND:
            mine.chatter.popleft()
        mine.most = max(mine.most, len(mine.chatter))

    def _over(self, mine: _Alarm, entry: AlarmChanged, utc: int) -> None:
        """It no longer stands: back to normal, or put aside."""
        if self._inside(utc):
            mine.stale_ns = max(mine.stale_ns, utc - mine.standing)
        back = not _ASIDE.get(entry.now)
        if back and self._inside(mine.sounded) and utc - mine.sounded <= FLEETING_S * SECOND:
            mine.fleeting += 1
        mine.standing = 0

    def told(self, end: int) -> Kpis:
        """The figures at the end of the time."""
        start = self.start or 0
        self._flood_until(end)
        span_s = max(end - start, 0) / SECOND
        count, intervals = len(self.times), max(math.ceil(span_s / INTERVAL_S), 1)
        filled = Counter(min((utc - start) // (INTERVAL_S * SECOND), intervals - 1) for utc in self.times)
        mean = count / max(span_s / INTERVAL_S, 1.0)
        stale = {name: longest for name, mine in self.alarms.items() if (longest := _longest_s(mine, end)) > STALE_S}
        chattering = {name: mine.most for name, mine in self.alarms.items() if mine.most >= CHATTER_TIMES}
        top = [_often(name, times, count) for name, times in sorted(self.names.items(), key=lambda each: (-each[1], each[0]))[:TOP]]
        aside = {what: Aside(self.aside[what], sum(mine.aside == what for mine in self.alarms.values())) for what in _ASIDE.values()}
        return Kpis(
            start_utc=start, end_utc=end, hours=span_s / 3600, annunciated=count, trips=self.trips, intervals=intervals, per_10_min=mean,
            most_in_10_min=max(filled.values(), default=0),
            flood_share=100.0 * sum(each > FLOOD_ABOVE for each in filled.values()) / intervals,
            floods=self.floods, flood_s=self.flood_ns / SECOND, per_day=mean * 144,
            priorities={name: _often(name, times, count) for name, times in sorted(self.priorities.items())},
            top=top, top_share=sum(each.share for each in top),
            chattering=chattering,
            fleeting={name: mine.fleeting for name, mine in self.alarms.items() if mine.fleeting and name not in chattering},
            stale={name: longest / 3600 for name, longest in stale.items()},
            acknowledged=len(self.acks),
            ack_median_s=statistics.median(self.acks) / SECOND if self.acks else None,
            ack_95_s=sorted(self.acks)[math.ceil(0.95 * len(self.acks)) - 1] / SECOND if self.acks else None,
            waiting=sum(bool(mine.waiting) for mine in self.alarms.values()),
            shelved=aside["shelved"], out_of_service=aside["out_of_service"], suppressed=aside["suppressed"],
        )


def _often(name: str, times: int, of: int) -> Often:
    return Often(name, times, 100.0 * times / of)


def _longest_s(mine: _Alarm, end: int) -> float:
    standing = end - mine.standing if mine.standing else 0
    return max(mine.stale_ns, standing) / SECOND
