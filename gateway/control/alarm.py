"""Alarms to ISA-18.2: delays, deadband, acknowledge, latch, shelve, suppress, first-out; states from one table.

An alarm's condition that is unknown neither raises nor clears it, unless ``on_unknown`` says that it raises. A shelved
alarm comes back by itself when its time is over, by the monotonic clock; an alarm that stood before a restart stands after it.

Alarms that sound in one scan are told in the order in which their conditions began; those that also began in one scan are a tie, which
goes by the order of the rows. Of a first-out group the first that sounds while no other of it is in the list is marked, until it leaves
the list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from gateway.control.chain import AlarmChanged, Entry, Note
from gateway.control.flood import Flood
from gateway.control.image import SECOND, Now
from gateway.control.machine import ALARM, LATCHING_ALARM, Illegal, step

PEOPLE = ("ACK", "RESET", "SHELVE", "UNSHELVE", "DISABLE", "ENABLE")     # what a person may ask; the rest is the plant's own
SHELVED_AT_MOST_NS = 12 * 3600 * SECOND         # one shift: assumed
NEVER_SHELVED = ("critical",)                   # docs/how-to/live-with-alarms.md says why
LISTED = frozenset({"UNACK", "ACKED", "RTNUN", "LATCHED", "LATCHED_ACKED"})     # what a person is shown, and has not done with
_STANDING = ("UNACK", "ACKED")


class AlarmRow(msgspec.Struct, frozen=True, kw_only=True):
    """One rationalised alarm, ready to be evaluated.

    ``stays``: it has a condition of its own to stay (a deadband, or ``clear_when``); ``group``: of the alarms whose first is told;
    ``pv``: the one value that its condition looks at, where that is one.
    """

    name: str
    unit: str
    priority: str
    on_delay_ns: int = 0
    off_delay_ns: int = 0
    latch: bool = False
    on_unknown: bool = False
    stays: bool = False
    group: str = ""
    pv: int | None = None
    cause: str = ""
    consequence: str = ""
    action: str = ""
    response_min: float = 0.0


class Group:
    """How many alarms of a first-out group are in the list."""

    __slots__ = ("listed",)

    def __init__(self) -> None:
        self.listed = 0


class Alarm:
    """The state of one alarm. ``live`` is the delayed condition, ``state`` the ISA-18.2 state.

    ``since``: monotonic ns since which the condition wants to change ``live``; ``began``: since which it has been so.
    ``sounded_utc``: when it was last annunciated; ``who``, ``why``, ``asked_utc``: the last that a person did with it.
    ``shelved_until``: UTC ns as recorded; ``shelf_end``: the same moment on the monotonic clock (None: not worked out yet).
    """

    __slots__ = (
        "asked_utc", "began", "first_out", "group", "live", "row", "shelf_end", "shelved_until", "since", "sounded_utc", "state", "table",
        "who", "why",
    )  # fmt: skip

    def __init__(self, row: AlarmRow, group: Group | None = None) -> None:
        self.row = row
        self.group = group or Group()
        self.state = "NORM"
        self.live = False
        self.since: int | None = None
        self.began = 0
        self.first_out = False
        self.sounded_utc = self.asked_utc = 0
        self.who = self.why = ""
        self.shelved_until = 0
        self.shelf_end: int | None = None
        self.table = LATCHING_ALARM if row.latch else ALARM

    def apply(self, entry: AlarmChanged, utc: int) -> None:
        """Fold one entry, of ``utc``, into the state."""
        self.group.listed += (entry.now in LISTED) - (self.state in LISTED)
        self.state = entry.now
        if entry.now == "UNACK":
            self.first_out, self.sounded_utc = entry.first_out, utc
        elif entry.now not in LISTED:
            self.first_out = False
        if entry.now == "SHLVD":
            self.shelved_until, self.shelf_end = entry.until_utc, None
        if entry.who:
            self.who, self.why, self.asked_utc = entry.who, entry.why, utc

    def restore(self, entry: AlarmChanged, utc: int) -> None:
        """The same on replay, where the condition itself is not known yet: what stood is taken to stand until it is seen not to."""
        self.apply(entry, utc)
        self.live = entry.now in _STANDING

    def first(self) -> bool:
        """Whether it is, or would be, the first of its group: no other one is in the list."""
        return bool(self.row.group) and (self.first_out or self.group.listed == (self.state in LISTED))

    def shelf_over(self, now: Now) -> bool:
        """Whether a shelving has had its time; after a restart what UTC says is left of it."""
        if self.shelf_end is None:
            self.shelf_end = now.mono + min(self.shelved_until - now.utc, SHELVED_AT_MOST_NS)
        return now.mono >= self.shelf_end


class Alarms:
    """All alarms, evaluated in every scan; ``flood`` counts what they annunciate."""

    __slots__ = ("_stays", "by_name", "flood", "items")

    def __init__(self, rows: Sequence[AlarmRow]) -> None:
        groups = {row.group: Group() for row in rows if row.group}
        self.items = [Alarm(row, groups.get(row.group)) for row in rows]
        self.by_name = {item.row.name: item for item in self.items}
        self.flood = Flood()
        self._stays = [item for item in self.items if item.row.stays]

    def update(self, truths: Sequence[bool | None], suppressed: Sequence[bool | None], now: Now,
               stays: Sequence[bool | None] = ()) -> list[Entry]:
        """Take in conditions and suppressions, in the order of the rows; returns the changes, applied.

        ``stays``: for the rows that say so, in order, whether an alarm that is live stays so.
        """
        staying = {id(item): stay for item, stay in zip(self._stays, stays, strict=True) if item.live}
        entries: list[Entry] = []
        sounding: list[Alarm] = []
        for item, truth, hide in zip(self.items, truths, suppressed, strict=True):
            if truth is False and item.state == "NORM" and item.since is None and not hide and not item.live:
                continue
            if staying:
                truth = staying.get(id(item), truth)
            if self._judge(item, truth, hide is True, now, entries):
                sounding.append(item)
        for item in sorted(sounding, key=_began):
            self._send(item, "ALARM", now, entries)
            self.flood.sounded(now.mono)
        flood = self.flood.judge(now)
        return entries if flood is None else [*entries, flood]

    def _judge(self, item: Alarm, truth: bool | None, hide: bool, now: Now, entries: list[Entry]) -> bool:
        """One alarm; whether it is to sound, which waits until all have been looked at."""
        self._live(item, truth, now)
        state = item.state
        if hide and state not in ("DSUPR", "OOSRV"):
            self._send(item, "SUPPRESS", now, entries)
        elif not hide and state == "DSUPR":
            self._send(item, "UNSUPPRESS", now, entries)
        elif state == "SHLVD" and item.shelf_over(now):
            self._send(item, "UNSHELVE", now, entries)
        elif item.live and state in ("NORM", "RTNUN", "LATCHED", "LATCHED_ACKED"):
            return True
        elif not item.live and state in ("UNACK", "ACKED"):
            self._send(item, "NORMAL", now, entries)
        return False

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
            item.live, item.began, item.since = wanted, item.since, None

    def _send(self, item: Alarm, event: str, now: Now, entries: list[Entry], who: str = "", why: str = "", until_utc: int = 0) -> None:
        entry = AlarmChanged(alarm=item.row.name, was=item.state, now=step(item.table, item.state, event),
                             priority=item.row.priority, unit=item.row.unit, who=who, why=why, until_utc=until_utc,
                             first_out=event == "ALARM" and item.first())
        item.apply(entry, now.utc)
        entries.append(entry)

    # --- people -------------------------------------------------------------------------------------------------
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
        if event == "SHELVE" and (refusal := _not_shelved(item.row, shelve_ns)):
            return refusal
        entries: list[Entry] = []
        try:
            self._send(item, event, now, entries, who, why, now.utc + shelve_ns if event == "SHELVE" else 0)
        except Illegal as error:
            return f"{name}: {error}"
        if event == "SHELVE":
            item.shelf_end = now.mono + shelve_ns
        return entries

    def acknowledge(self, seen: Mapping[str, str], who: str, why: str, now: Now) -> list[Entry] | str:
        """Acknowledge several alarms, each in the state in which the person saw it; a sentence when that is possible for none.

        What has changed since, or is not there, is left alone, and a note says so.
        """
        entries: list[Entry] = []
        left: list[str] = []
        for name, state in seen.items():
            found = self.command(name, "ACK", who, why, now, seen=state) if name in self.by_name else f"no alarm {name}"
            if isinstance(found, str):
                left.append(found)
            else:
                entries += found
        if not entries:
            return "; ".join(left) or "no alarm is named"
        return [*entries, Note(text="not acknowledged: " + "; ".join(left), who=who)] if left else entries

    # --- restart ------------------------------------------------------------------------------------------------
    def restore(self, entry: AlarmChanged, utc: int) -> None:
        """Fold an entry of the journal after a restart; an alarm that the configuration has lost since still counts in the flood."""
        if entry.alarm in self.by_name:
            self.by_name[entry.alarm].restore(entry, utc)
        if entry.now == "UNACK":
            self.flood.sounded_before(utc)


def _began(item: Alarm) -> int:
    return item.began


def _not_shelved(row: AlarmRow, shelve_ns: int) -> str:
    if row.priority in NEVER_SHELVED:
        return f"{row.name} is {row.priority} and is not shelved; take it out of service with a reason while something else watches"
    if not 0 < shelve_ns <= SHELVED_AT_MOST_NS:
        return f"{row.name}: shelving lasts more than 0 and at most {SHELVED_AT_MOST_NS // (60 * SECOND)} min"
    return ""
