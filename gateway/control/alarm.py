"""Alarms to ISA-18.2: delays, acknowledge, latch, shelve, suppress; states from one table.

An alarm's condition that is unknown neither raises nor clears it, unless ``on_unknown`` says that it raises. A shelved
alarm comes back by itself when its time is over, by the monotonic clock; an alarm that stood before a restart stands after it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.control.chain import AlarmChanged, Entry
from gateway.control.image import SECOND, Now
from gateway.control.machine import ALARM, LATCHING_ALARM, Illegal, step

PEOPLE = ("ACK", "RESET", "SHELVE", "UNSHELVE", "DISABLE", "ENABLE")     # what a person may ask; the rest is the plant's own
SHELVED_AT_MOST_NS = 12 * 3600 * SECOND         # one shift: assumed
_STANDING = ("UNACK", "ACKED")


class AlarmRow(msgspec.Struct, frozen=True, kw_only=True):
    """One rationalised alarm, ready to be evaluated."""

    name: str
    unit: str
    priority: str
    on_delay_ns: int = 0
    off_delay_ns: int = 0
    latch: bool = False
    on_unknown: bool = False
    cause: str = ""
    consequence: str = ""
    action: str = ""


class Alarm:
    """The state of one alarm. ``live`` is the delayed condition, ``state`` the ISA-18.2 state.

    ``shelved_until``: UTC ns as recorded; ``shelf_end``: the same moment on the monotonic clock (None: not worked out yet).
    """

    __slots__ = ("row", "state", "live", "since", "shelved_until", "shelf_end", "table")

    def __init__(self, row: AlarmRow) -> None:
        self.row = row
        self.state = "NORM"
        self.live = False
        self.since: int | None = None
        self.shelved_until = 0
        self.shelf_end: int | None = None
        self.table = LATCHING_ALARM if row.latch else ALARM

    def apply(self, entry: AlarmChanged) -> None:
        """Fold one entry into the state."""
        self.state = entry.now
        if entry.now == "SHLVD":
            self.shelved_until, self.shelf_end = entry.until_utc, None

    def restore(self, entry: AlarmChanged) -> None:
        """The same on replay, where the condition itself is not known yet: what stood is taken to stand until it is seen not to."""
        self.apply(entry)
        self.live = entry.now in _STANDING

    def shelf_over(self, now: Now) -> bool:
        """Whether a shelving has had its time; after a restart what UTC says is left of it."""
        if self.shelf_end is None:
            self.shelf_end = now.mono + min(self.shelved_until - now.utc, SHELVED_AT_MOST_NS)
        return now.mono >= self.shelf_end


class Alarms:
    """All alarms, evaluated once per scan."""

    __slots__ = ("by_name", "items")

    def __init__(self, rows: Sequence[AlarmRow]) -> None:
        self.items = [Alarm(row) for row in rows]
        self.by_name = {item.row.name: item for item in self.items}

    def update(self, truths: Sequence[bool | None], suppressed: Sequence[bool | None], now: Now) -> list[Entry]:
        """Take in this scan's conditions and suppressions, in the order of the rows; returns the changes, applied."""
        entries: list[Entry] = []
        for item, truth, hide in zip(self.items, truths, suppressed, strict=True):
            if truth is False and item.state == "NORM" and item.since is None and not hide and not item.live:
                continue
            self._judge(item, truth, hide is True, now, entries)
        return entries

    def _judge(self, item: Alarm, truth: bool | None, hide: bool, now: Now, entries: list[Entry]) -> None:
        self._live(item, truth, now)
        state = item.state
        if hide and state not in ("DSUPR", "OOSRV"):
            self._send(item, "SUPPRESS", entries)
        elif not hide and state == "DSUPR":
            self._send(item, "UNSUPPRESS", entries)
        elif state == "SHLVD" and item.shelf_over(now):
            self._send(item, "UNSHELVE", entries)
        elif item.live and state in ("NORM", "RTNUN", "LATCHED", "LATCHED_ACKED"):
            self._send(item, "ALARM", entries)
        elif not item.live and state in ("UNACK", "ACKED"):
            self._send(item, "NORMAL", entries)

    def _live(self, item: Alarm, truth: bool | None, now: Now) -> None:
        wanted = item.row.on_unknown if truth is None else truth
        if truth is None and not item.row.on_unknown:
            wanted = item.live
        if wanted == item.live:
            item.since = None
            return
        if item.since is None:
            item.since = now.mono
        if now.mono - item.since >= (item.row.on_delay_ns if wanted else item.row.off_delay_ns):
            item.live, item.since = wanted, None

    def _send(self, item: Alarm, event: str, entries: list[Entry], who: str = "", why: str = "", until_utc: int = 0) -> None:
        entry = AlarmChanged(alarm=item.row.name, was=item.state, now=step(item.table, item.state, event),
                             priority=item.row.priority, unit=item.row.unit, who=who, why=why, until_utc=until_utc)
        item.apply(entry)
        entries.append(entry)

    def command(self, name: str, event: str, who: str, why: str, now: Now, shelve_ns: int = 0, seen: str = "") -> list[Entry] | str:
        """ACK, RESET, SHELVE, UNSHELVE, DISABLE or ENABLE by a person; a sentence when it is refused.

        ``seen``: the state that the person saw; refused when it is another one by now.
        """
        item = self.by_name[name]
        if event not in PEOPLE:
            return f"{name}: nobody may {event.lower()} an alarm; there are {', '.join(PEOPLE)}"
        if seen and seen != item.state:
            return f"{name} is {item.state} by now, not {seen}"
        if event in ("SHELVE", "DISABLE") and not why.strip():
            return f"{name}: {event.lower()} needs a reason"
        if event == "SHELVE" and not 0 < shelve_ns <= SHELVED_AT_MOST_NS:
            return f"{name}: shelving lasts more than 0 and at most {SHELVED_AT_MOST_NS // (60 * SECOND)} min"
        entries: list[Entry] = []
        try:
            self._send(item, event, entries, who, why, now.utc + shelve_ns if event == "SHELVE" else 0)
        except Illegal as error:
            return f"{name}: {error}"
        if event == "SHELVE":
            item.shelf_end = now.mono + shelve_ns
        return entries
