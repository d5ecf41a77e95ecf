"""Alarms to ISA-18.2: delays, acknowledge, latch, shelve, suppress; states from one table.

An alarm's condition that is unknown neither raises nor clears it, unless ``on_unknown`` says that it raises.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.control.chain import AlarmChanged, Entry
from gateway.control.image import Now
from gateway.control.machine import ALARM, LATCHING_ALARM, Illegal, step


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
    """The state of one alarm. ``live`` is the delayed condition, ``state`` the ISA-18.2 state."""

    __slots__ = ("row", "state", "live", "since", "shelved_until", "table")

    def __init__(self, row: AlarmRow) -> None:
        self.row = row
        self.state = "NORM"
        self.live = False
        self.since: int | None = None
        self.shelved_until = 0
        self.table = LATCHING_ALARM if row.latch else ALARM

    def apply(self, entry: AlarmChanged) -> None:
        """Fold one entry into the state."""
        self.state = entry.now


class Alarms:
    """All alarms, evaluated once per scan."""

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
        elif state == "SHLVD" and item.shelved_until and now.utc >= item.shelved_until:
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

    def _send(self, item: Alarm, event: str, entries: list[Entry], who: str = "", why: str = "") -> None:
        entry = AlarmChanged(alarm=item.row.name, was=item.state, now=step(item.table, item.state, event),
                             priority=item.row.priority, unit=item.row.unit, who=who, why=why)
        item.apply(entry)
        entries.append(entry)

    def command(self, name: str, event: str, who: str, why: str, until_utc: int = 0) -> list[Entry] | str:
        """ACK, RESET, SHELVE, UNSHELVE, DISABLE or ENABLE by a person; a sentence when it is refused."""
        item = self.by_name[name]
        if event == "SHELVE" and not why.strip():
            return f"{name}: shelving needs a reason"
        entries: list[Entry] = []
        try:
            self._send(item, event, entries, who, why)
        except Illegal as error:
            return f"{name}: {error}"
        if event == "SHELVE":
            item.shelved_until = until_utc
        return entries
