"""Interlocks: causes that force outputs, three-valued, latched, with first-out, bypass and reset.

A cause that is true for its delay, or unknown, trips. While the plant starts up (no full image yet) trips act but do not
latch. A bypass has a person, a reason and an end; it never outlives its time, whatever happens to the wall clock. A cause that stands
under a bypass is told of. When a bypass ends over a row that stood tripped, that is a trip like any other.

Trips and what ends by itself act at once. What a person asks (reset, bypass, its end) is an entry that acts when it is
durable; until then the row takes no second request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from gateway.control.blame import Part
from gateway.control.chain import Entry, InterlockChanged
from gateway.control.force import REMIND_NS
from gateway.control.image import SECOND, Now


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One executable row of the cause-and-effect matrix. ``effects``: output index -> forced value."""

    name: str
    unit: str
    group: str
    effects: dict[int, float]
    delay_ns: int = 0
    latch: bool = True
    permissive: bool = False
    bypassable: bool = True
    hold: str = "unit"                          # unit | all | none
    priority: str = ""
    description: str = ""
    inputs: dict[str, int] = {}                 # what the cause names -> image index
    because: Part | None = None                 # the cause as a tree, to say what it hangs on
    ready: Part | None = None                   # what must be true before a person may reset it, likewise


class Interlock:
    """The state of one row: ``active`` forces now, ``tripped`` is latched, ``bypass_until`` (UTC ns) suspends it.

    ``bypass_end`` is the same moment on the monotonic clock (None: not worked out yet); ``asked``: a person's request on
    its way to the record; ``demanded``: it would have tripped, had it not been bypassed; ``again``: a bypass ended and it forces anew.
    """

    __slots__ = ("row", "truth", "since", "tripped", "active", "first_out", "bypass_until", "bypass_end", "bypass_by", "bypass_why",
                 "announced", "asked", "demanded", "again")

    def __init__(self, row: Row) -> None:
        self.row = row
        self.truth: bool | None = None          # nobody has looked yet
        self.since: int | None = None           # monotonic ns since which the cause stands
        self.tripped = False
        self.active = False
        self.first_out = False
        self.bypass_until = 0
        self.bypass_end: int | None = None
        self.bypass_by = ""
        self.bypass_why = ""
        self.announced = False                  # that the bypass is about to end
        self.asked = False
        self.demanded = False
        self.again = False

    def apply(self, entry: InterlockChanged, utc: int, mono: int | None = None) -> None:
        """Fold one entry into the durable state: the same code live and on replay. ``mono``: live, when it was asked for."""
        if entry.event == "tripped":
            self.tripped = self.active = True
            self.first_out, self.again = entry.first_out, False
        elif entry.event in ("reset", "cleared"):
            self.tripped = self.active = self.first_out = self.again = False
        elif entry.event == "bypassed":
            self.bypass_until, self.bypass_by, self.bypass_why = entry.until_utc, entry.who, entry.why
            self.bypass_end = None if mono is None else mono + entry.until_utc - utc     # the wall clock may jump before it is looked at
            self.announced = entry.until_utc - utc <= REMIND_NS                         # a short one was announced as it began
            self.again = False
        elif entry.event == "bypass_ending":
            self.announced = True
        elif entry.event == "bypass_ended":
            self.bypass_until, self.bypass_end, self.bypass_by, self.bypass_why = 0, None, "", ""
            self.demanded, self.again = False, self.tripped
        elif entry.event == "demanded":
            self.demanded = True
        if entry.who:
            self.asked = False

    def bypass_over(self, now: Now, longest_ns: int) -> bool:
        """Whether a bypass has had its time, by the monotonic clock; after a restart what UTC says is left of it."""
        if self.bypass_end is None:
            self.bypass_end = now.mono + min(self.bypass_until - now.utc, longest_ns)
        return now.mono >= self.bypass_end


class Interlocks:
    """All rows together, evaluated once per scan.

    ``forced``: output index -> value wanted by the active rows; ``reasons``: output index -> names of those rows;
    ``holds``: (unit or "*", row name) of every trip since the last scan.
    """

    __slots__ = (
        "_bypassed", "_demanded", "_stale", "_truths", "_waiting", "armed", "by_name", "bypass_max_ns", "forced", "holds", "items",
        "reasons", "safe",
    )  # fmt: skip

    def __init__(self, rows: Sequence[Row], safe: Mapping[int, float], bypass_max_ns: int) -> None:
        self.items = [Interlock(row) for row in rows]
        self.by_name = {item.row.name: item for item in self.items}
        self.safe = safe
        self.bypass_max_ns = bypass_max_ns
        self.armed = False
        self.forced: dict[int, float] = {}
        self.reasons: dict[int, list[str]] = {}
        self.holds: list[tuple[str, str]] = []
        self._bypassed: dict[str, int] = {}     # unit -> rows
        self._demanded: dict[str, int] = {}     # unit -> rows among them whose cause stands
        self._stale = True
        self._truths: Sequence[bool | None] = ()
        self._waiting = False                   # a delay or a bypass is running: time alone may change something

    def update(self, truths: Sequence[bool | None], now: Now) -> list[Entry]:
        """Take in this scan's causes, in the order of the rows; returns the changes, already applied."""
        entries: list[Entry] = []
        self.holds = []
        if truths == self._truths and not self._stale and not self._waiting:
            return entries
        self._truths, self._waiting = truths, False
        for item, truth in zip(self.items, truths, strict=True):
            if truth is False and not item.active and item.since is None and not item.bypass_until:
                item.truth = False
                continue
            before = len(entries)
            self._judge(item, truth, now, entries)
            if item.bypass_end is not None and not item.announced and item.bypass_end - now.mono <= REMIND_NS:
                entries.append(self._change(item, "bypass_ending", now, until_utc=item.bypass_until))
            if len(entries) > before or item.bypass_until or (item.since is not None and not item.active):
                self._waiting = True
        if self._stale or entries:
            self._gather()
        return entries

    def _judge(self, item: Interlock, truth: bool | None, now: Now, entries: list[Entry]) -> None:
        row = item.row
        item.truth = truth
        if truth is False:
            item.since = None
        elif item.since is None:
            item.since = now.mono
        if item.bypass_until and item.bypass_over(now, self.bypass_max_ns):
            entries.append(self._change(item, "bypass_ended", now, cause="expired"))
        if item.again and self.armed:
            entries.append(self._trip(item, now))
        if item.since is None:
            self._calm(item, now, entries)
            return
        due = truth is None or now.mono - item.since >= row.delay_ns
        if not due or (truth is None and not self.armed):
            return                              # until the first full image every output is safe: unknown adds nothing
        if item.bypass_until:
            if not item.demanded and not row.permissive and self.armed:
                entries.append(self._change(item, "demanded", now, cause=_because(truth)))
        elif not item.active:
            self._stale = True
            item.active = True
            if not row.permissive and self.armed:
                entries.append(self._trip(item, now))

    def _calm(self, item: Interlock, now: Now, entries: list[Entry]) -> None:
        """The cause does not stand."""
        self._stale |= item.demanded
        item.demanded = False
        if item.active and not (item.row.latch and item.tripped):
            self._stale = True
            item.active = False
            if item.tripped:
                entries.append(self._change(item, "cleared", now))

    def _trip(self, item: Interlock, now: Now) -> InterlockChanged:
        """A trip, or one that was under a bypass and forces anew."""
        row = item.row
        self.holds.append(("*" if row.hold == "all" else row.unit if row.hold == "unit" else "", row.name))
        first = item.first_out or not any(other.tripped and other.row.group == row.group for other in self.items if other is not item)
        return self._change(item, "tripped", now, first_out=first, cause=_because(item.truth))

    def _change(self, item: Interlock, event: str, now: Now, *, first_out: bool = False, cause: str = "",
                until_utc: int = 0) -> InterlockChanged:
        """What happens by itself: applied at once."""
        name, unit = item.row.name, item.row.unit
        priority = item.row.priority if event in ("tripped", "demanded") else ""
        entry = InterlockChanged(interlock=name, unit=unit, event=event, priority=priority, first_out=first_out, cause=cause,
                                 until_utc=until_utc)
        self.apply(entry, now.utc)
        return entry

    def apply(self, entry: InterlockChanged, utc: int, mono: int | None = None) -> None:
        """Fold one entry into its row; ``mono``: live, when a person asked for it."""
        self.by_name[entry.interlock].apply(entry, utc, mono)
        self._stale = True

    def _ask(self, item: Interlock, event: str, who: str, why: str, until_utc: int = 0) -> InterlockChanged:
        """What a person wants: applied when it is durable (``apply``)."""
        item.asked = True
        name, unit = item.row.name, item.row.unit
        return InterlockChanged(interlock=name, unit=unit, event=event, who=who or "unknown", why=why, until_utc=until_utc)

    def _gather(self) -> None:
        self._stale = False
        self.forced, self.reasons = {}, {}
        self._bypassed = Counter(item.row.unit for item in self.items if item.bypass_until)
        self._demanded = Counter(item.row.unit for item in self.items if item.bypass_until and item.demanded)
        for item in self.items:
            if not item.active or item.bypass_until:
                continue
            for output, value in item.row.effects.items():
                if output not in self.forced or value == self.safe.get(output):
                    self.forced[output] = value
                self.reasons.setdefault(output, []).append(item.row.name)

    def arm(self) -> None:
        """The first full image is there: from now on trips latch; what stands without latch is judged anew."""
        if not self.armed:
            self.armed = True
            for item in self.items:
                if not item.tripped:
                    item.active = False
            self._stale = True

    def reset(self, name: str, who: str, why: str, unmet: str = "") -> InterlockChanged | str:
        """Release a latched row. Refused (a sentence) while its cause is not false; ``unmet``: what its reset still waits for."""
        item = self.by_name[name]
        if item.asked:
            return f"{name}: a request is being recorded; try again"
        if not item.tripped:
            return f"{name} is not tripped"
        if item.truth is not False:
            return f"{name}: its cause is {'unknown' if item.truth is None else 'still true'}"
        if unmet:
            return f"{name}: may be reset when {unmet}"
        return self._ask(item, "reset", who, why)

    def bypass(self, name: str, who: str, why: str, duration_ns: int, now: Now) -> InterlockChanged | str:
        """Suspend a row for a time. Refused without a reason, beyond the site's maximum, or where the row forbids it."""
        item = self.by_name[name]
        if item.asked:
            return f"{name}: a request is being recorded; try again"
        if not item.row.bypassable:
            return f"{name} may not be bypassed"
        if not why.strip():
            return f"{name}: a bypass needs a reason"
        if not 0 < duration_ns <= self.bypass_max_ns:
            return f"{name}: a bypass lasts more than 0 and at most {self.bypass_max_ns // SECOND} s"
        return self._ask(item, "bypassed", who, why, now.utc + duration_ns)

    def unbypass(self, name: str, who: str, why: str) -> InterlockChanged | str:
        """End a bypass before its time."""
        item = self.by_name[name]
        if item.asked:
            return f"{name}: a request is being recorded; try again"
        if not item.bypass_until:
            return f"{name} is not bypassed"
        return self._ask(item, "bypass_ended", who, why)

    def bypassed(self, unit: str) -> int:
        """How many rows of a unit are bypassed."""
        return self._bypassed.get(unit, 0)

    def demanded(self, unit: str) -> int:
        """How many of these would have tripped: their cause stands."""
        return self._demanded.get(unit, 0)

    def standing(self, unit: str) -> list[str]:
        """Names of the rows of a unit, of the site or of the whole line that force something now."""
        return [
            i.row.name
            for i in self.items
            if i.active and not i.bypass_until and not i.row.permissive and (i.row.unit in (unit, "") or i.row.hold == "all")
        ]


def _because(truth: bool | None) -> str:
    """The cause of a trip as its entry tells it; "latched": a bypass ended over a row that nobody had reset."""
    return "unknown" if truth is None else "true" if truth else "latched"
