"""Forced values: a person puts a number in the place of a reading, or holds an output, for a time and for a reason.

    forces.lift(image)            # the true readings back, so that they age like all others
    image.age(now)
    forces.lay(image)             # what is forced in their place, Good but marked GoodLocalOverride

A forced input is what everything sees, interlocks too; the true reading is kept beside it. An input that a row without
bypass looks at is never forced: that would be the bypass through the back door. A forced output is what is wanted of it,
below interlocks and below a batch that stops dosing.

A force has a person, a reason and an end on the monotonic clock. What a person asks acts when it is durable; its end acts
at once. A held output does not outlive a trip that wants it otherwise, nor a restart: nothing moves again by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import msgspec

from devices.quality import GOOD_LOCAL_OVERRIDE
from gateway.control.chain import Entry, ForceChanged
from gateway.control.image import SECOND, Image, Now

REMIND_NS = 15 * 60 * SECOND                    # a force or bypass is announced again so long before its end (assumed)


class ForceRow(msgspec.Struct, frozen=True, kw_only=True):
    """One tag that may be forced. ``rows``: interlocks that read it, also through what is computed from it.

    ``closed``: the ones that may not be bypassed, of these and of those whose reset reads it; ``loops``: loops that measure it, are
    limited by it, or look at it otherwise. ``counted``: what a batch counts by it.
    """

    name: str
    tag: int
    unit: str = ""
    output: bool = False
    low: float = -math.inf
    high: float = math.inf
    rows: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    loops: tuple[str, ...] = ()
    counted: int | None = None


class Force:
    """One standing force. ``until``: its end as recorded (UTC ns); ``end``: the same on the monotonic clock, None until worked out."""

    __slots__ = ("announced", "end", "row", "true", "until", "value", "who", "why")

    def __init__(self, row: ForceRow, entry: ForceChanged, utc: int, mono: int | None) -> None:
        self.row, self.value, self.who, self.why, self.until = row, entry.value, entry.who, entry.why, entry.until_utc
        self.end = None if mono is None else mono + entry.until_utc - utc
        self.announced = entry.until_utc - utc <= REMIND_NS     # a short one was announced as it began
        self.true: tuple[float, int, int] | None = None         # value, quality, seen of the reading that it stands for

    def left(self, now: Now, longest_ns: int) -> int:
        """Nanoseconds left, by the monotonic clock; after a restart what UTC says is left."""
        if self.end is None:
            self.end = now.mono + min(self.until - now.utc, longest_ns)
        return self.end - now.mono


class Forces:
    """All tags that may be forced, and the forces that stand: ``standing`` by image index."""

    __slots__ = ("_asked", "_barred", "_over", "by_name", "longest_ns", "standing")

    def __init__(self, rows: Sequence[ForceRow] = (), longest_ns: int = 0) -> None:
        self.by_name = {row.name: row for row in rows}
        self.longest_ns = longest_ns
        self.standing: dict[int, Force] = {}
        self._asked: set[str] = set()           # tags with a request on its way to the record
        self._barred: dict[str, str] = {}       # of these, outputs that a trip has taken meanwhile -> which
        self._over: list[tuple[Force, str]] = []                # ended by what happened: told in the next scan

    # --- the image ----------------------------------------------------------------------------------------------
    def lift(self, image: Image) -> None:
        """Put the true readings back; one that arrived meanwhile is already there."""
        for tag, force in self.standing.items():
            image.value[tag], image.quality[tag] = self.true(tag, image)
            force.true = None

    def lay(self, image: Image) -> None:
        """Put what is forced in the place of what is measured."""
        for tag, force in self.standing.items():
            if not force.row.output:
                force.true = (image.value[tag], image.quality[tag], image.seen[tag])
                image.value[tag], image.quality[tag] = force.value, GOOD_LOCAL_OVERRIDE

    def true(self, tag: int, image: Image) -> tuple[float, int]:
        """Value and quality as measured, whatever is forced; what arrived or was spoiled since the last scan counts."""
        force = self.standing.get(tag)
        kept = force.true if force is not None else None
        if kept is None or image.seen[tag] != kept[2]:
            return image.value[tag], image.quality[tag]
        return kept[0], kept[1] if image.quality[tag] == GOOD_LOCAL_OVERRIDE else image.quality[tag]

    def columns(self, image: Image) -> tuple[list[float], list[int]]:
        """Values and qualities as the scan sees them, also when readings have arrived since: copies."""
        values, qualities = list(image.value), list(image.quality)
        for tag, force in self.standing.items():
            if not force.row.output:
                values[tag], qualities[tag] = force.value, GOOD_LOCAL_OVERRIDE
        return values, qualities

    @property
    def held(self) -> dict[int, float]:
        """Output -> the value at which it is held."""
        return {tag: force.value for tag, force in self.standing.items() if force.row.output}

    def count(self, unit: str) -> int:
        """How many tags of a unit are forced."""
        return sum(force.row.unit == unit for force in self.standing.values())

    # --- time and events ----------------------------------------------------------------------------------------
    def update(self, now: Now) -> list[Entry]:
        """What ends by itself, and what is announced before its end; applied at once."""
        entries: list[Entry] = []
        for force, cause in self._over:
            if self.standing.get(force.row.tag) is force:
                entries.append(self._end(force, cause))
        self._over.clear()
        for force in list(self.standing.values()):
            left = force.left(now, self.longest_ns)
            if left <= 0:                       # whatever is asked of it meanwhile
                entries.append(self._end(force, "expired"))
            elif left <= REMIND_NS and not force.announced:
                entries.append(self._note(force, "ending"))
        return entries

    def _end(self, force: Force, cause: str) -> ForceChanged:
        entry = ForceChanged(tag=force.row.name, event="ended", value=force.value, unit=force.row.unit, cause=cause)
        self.apply(entry, 0)
        return entry

    def _note(self, force: Force, event: str) -> ForceChanged:
        entry = ForceChanged(tag=force.row.name, event=event, value=force.value, unit=force.row.unit, until_utc=force.until)
        self.apply(entry, 0)
        return entry

    def give_way(self, effects: Mapping[int, float], cause: str) -> list[Entry]:
        """A trip takes its outputs also from who holds them otherwise; a force that is on its way to the record ends as it begins."""
        for name in self._asked:
            row = self.by_name[name]
            if row.output and row.tag in effects:
                self._barred[name] = cause
        return [self._end(force, cause) for force in self._against(effects)]

    def yield_to(self, effects: Mapping[int, float], cause: str) -> None:
        """The same between two scans: they end, and are told of, in the next."""
        self._over += [(force, cause) for force in self._against(effects)]

    def _against(self, effects: Mapping[int, float]) -> list[Force]:
        held = self.held
        return [self.standing[tag] for tag, value in effects.items() if held.get(tag, value) != value]

    def forget(self) -> None:
        """After a restart no output is held: it would move by itself. Inputs stay forced for what is left of their time."""
        self._over += [(force, "restart") for force in self.standing.values() if force.row.output]

    def apply(self, entry: ForceChanged, utc: int, mono: int | None = None) -> None:
        """Fold one entry: the same code live and on replay; ``mono``: live, when it was asked for. A lost tag is left alone."""
        row = self.by_name.get(entry.tag)
        if row is None:
            return
        before = self.standing.get(row.tag)
        if entry.event == "set":
            self.standing[row.tag] = Force(row, entry, utc, mono)
            if before is not None:
                self.standing[row.tag].true = before.true
        elif entry.event == "ended" and before is not None:
            before.value = math.nan             # nobody reads it any more
            del self.standing[row.tag]
        elif entry.event == "ending" and before is not None:
            before.announced = True
        if entry.who:
            self._asked.discard(entry.tag)
            cause = self._barred.pop(entry.tag, "")
            if cause and row.tag in self.standing:
                self._over.append((self.standing[row.tag], cause))

    # --- people -------------------------------------------------------------------------------------------------
    def request(self, name: str, value: float, who: str, why: str, duration_ns: int, now: Now,
                effect: Callable[[ForceRow, float], Mapping[str, list[str]]]) -> ForceChanged | str:
        """The entry that would force a tag, with its effect on interlocks as ``effect`` foresees it; a sentence when it is refused."""
        row = self.by_name[name]
        refused = self._refuse(row, value, why, duration_ns)
        if refused:
            return refused
        self._asked.add(name)
        found = {key: names for key, names in effect(row, value).items() if names}
        return ForceChanged(tag=name, event="set", value=value, unit=row.unit, who=who or "unknown", why=why,
                            until_utc=now.utc + duration_ns, effect=found)

    def _refuse(self, row: ForceRow, value: float, why: str, duration_ns: int) -> str | None:
        name = row.name
        if row.closed and not row.output:
            return f"{name} may not be forced: {', '.join(row.closed)} may not be bypassed"
        if name in self._asked:
            return f"{name}: a request is being recorded; try again"
        if not why.strip():
            return f"{name}: a forced value needs a reason"
        if not (math.isfinite(value) and row.low <= value <= row.high):
            return f"{name}: {value:g} outside {row.low:g}..{row.high:g}; nothing forced"
        if not 0 < duration_ns <= self.longest_ns:
            return f"{name}: a forced value lasts more than 0 and at most {self.longest_ns // SECOND} s"
        return None

    def end(self, name: str, who: str, why: str) -> ForceChanged | str:
        """The entry that ends a force before its time."""
        row = self.by_name[name]
        force = self.standing.get(row.tag)
        if name in self._asked:
            return f"{name}: a request is being recorded; try again"
        if force is None:
            return f"{name} is not forced"
        self._asked.add(name)
        return ForceChanged(tag=name, event="ended", value=force.value, unit=row.unit, who=who or "unknown", why=why)
