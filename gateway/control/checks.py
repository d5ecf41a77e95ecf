"""Calibrations and proof tests as records: what was shown, when it is due again, and which starts it stands in the way of.

A ``Checked`` entry holds the raw readings and what this process computed from them; the same reducer (``apply``) takes it live and on
replay, so that due dates survive a restart. Nothing on record is not proven. A record is never changed: a later one ``corrects`` it
and takes its place.

UTC decides here, and nowhere else in control: a check is due on a day, whether or not the process ran. A check that was done later
than now (the clock was set back) is not valid until the clock has caught up with it or it is done again; a clock that runs ahead
makes checks due too early.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.control.chain import Checked, InterlockChanged
from gateway.control.command import Command
from gateway.control.fitness import KINDS, figures, missing, outside
from gateway.control.image import SECOND, Now

DAY = 86_400 * SECOND
PROVED_NS = DAY                                 # a proof test is written down within a day of its trip (assumed)
USABLE = ("valid", "due_soon")


class CheckRow(msgspec.Struct, frozen=True, kw_only=True):
    """One check. ``of``: tag, device or interlock; ``parts``: elements or outputs it is about; times in ns.

    ``blocks``: whether it stands in the way of a start with one of ``feeds``. ``effects``: of a proof test, output -> (value, tolerance).
    """

    name: str
    what: str                                   # a kind of ``fitness.KINDS``
    of: str
    unit: str
    interval_ns: int
    warn_ns: int
    blocks: bool
    feeds: tuple[str, ...] = ()                 # none: every feed
    limits: dict[str, tuple[float, float]] = {}
    parts: tuple[str, ...] = ()
    effects: dict[str, tuple[float, float]] = {}


class Standing(msgspec.Struct, frozen=True):
    """How a check stands: never | future | failed | overdue | due_soon | valid, and why in words."""

    state: str
    why: str
    last: Checked | None = None

    @property
    def usable(self) -> bool:
        """Whether the instrument may be relied on."""
        return self.state in USABLE


class Checks:
    """The checks of a plant and what the record says of them."""

    def __init__(self, rows: Iterable[CheckRow] = (), told: Mapping[str, str] | None = None) -> None:
        self.rows = {row.name: row for row in rows}
        self.told = dict(told or {})            # alarm -> unit whose checks it is about
        self._records: dict[str, dict[int, Checked]] = {}       # check -> place in its order -> what stands there
        self._numbers: dict[str, int] = {}
        self._tripped: dict[str, int] = {}      # interlock -> UTC of its last trip
        self._coming: set[str] = set()          # checks whose record is on its way to the disk
        self._counts: dict[str, dict[str, int]] = {}
        self._counted_from = self._counted_until = 0

    # --- the record ---------------------------------------------------------------------------------------------
    def record(self, command: Command, now: Now) -> Checked | str:
        """What a person found and left, judged; a sentence when it cannot be taken."""
        row = self.rows.get(command.target)
        if row is None:
            return f"no check {command.target}"
        if row.name in self._coming:
            return f"a record of {row.name} is on its way to the journal"
        a = command.arguments
        reference, found, left = (_numbers(a.get(key) or {}, key) for key in ("reference", "as_found", "as_left"))
        refused = missing(row.what, row.parts, reference, found) or (missing(row.what, row.parts, reference, left) if left else "")
        refused = refused or self._unproved(row, now) or _untraced(row, a)
        if refused:
            return refused
        corrects = int(a.get("corrects") or 0)
        corrected = self._stands(row.name).get(corrects) if corrects else None
        if corrects and corrected is None:
            return f"{row.name} has no record {corrects} to correct; there are {', '.join(map(str, self._stands(row.name))) or 'none'}"
        return self._judged(row, command, (reference, found, left), corrected, now)

    def _judged(self, row: CheckRow, command: Command, raw: tuple[dict[str, float], ...], corrected: Checked | None, now: Now) -> Checked:
        reference, found, left = raw
        shown = figures(row.what, reference, found, row.effects)
        after = figures(row.what, reference, left, row.effects) if left else {}
        at = now.utc if corrected is None else corrected.at_utc
        number = self._numbers.get(row.name, 0) + 1
        place = number if corrected is None else corrected.place
        self._coming.add(row.name)
        return Checked(
            check=row.name, what=row.what, of=row.of, unit=row.unit, number=number, place=place, who=command.who, why=command.why,
            corrects=0 if corrected is None else corrected.number, reference=reference, as_found=found, as_left=left,
            found=shown, left=after, found_faults=outside(shown, row.limits), faults=outside(after or shown, row.limits),
            at_utc=at, due_utc=at + row.interval_ns, certificate=str(command.arguments.get("certificate") or ""),
            method=str(command.arguments.get("method") or ""))  # fmt: skip

    def _unproved(self, row: CheckRow, now: Now) -> str:
        """A proof test trips its row for real: the trip stands in the journal too."""
        if row.what != "proof_test":
            return ""
        tripped = self._tripped.get(row.of, 0)
        if not 0 <= now.utc - tripped <= PROVED_NS:
            return f"{row.of} did not trip within the last {PROVED_NS // (3600 * SECOND)} h: a proof test trips it for real"
        return ""

    def apply(self, entry: Checked) -> None:
        """Fold one durable record, live and on replay; of a check that the configuration lost it is kept too."""
        self._coming.discard(entry.check)
        self._records.setdefault(entry.check, {})[entry.place] = entry
        self._numbers[entry.check] = max(self._numbers.get(entry.check, 0), entry.number)
        self._counted_until = 0

    def saw(self, entry: InterlockChanged, utc: int) -> None:
        """Remember when an interlock tripped by what it watches, not by a lost reading: a proof test must have done that."""
        if entry.event == "tripped" and entry.cause not in ("unknown", "latched"):
            self._tripped[entry.interlock] = utc

    def _stands(self, name: str) -> dict[int, Checked]:
        """What stands on record by its number; what was corrected does not."""
        return {entry.number: entry for entry in self._records.get(name, {}).values()}

    # --- how they stand -----------------------------------------------------------------------------------------
    def standing(self, name: str, utc: int) -> Standing:
        """How a check stands at ``utc`` (ns)."""
        row, places = self.rows[name], self._records.get(name)
        if not places:
            return Standing("never", "has no result on record")
        last = places[max(places)]
        if last.at_utc > utc:
            return Standing("future", f"was done on {when(last.at_utc)}, which is still to come: the clock was set back", last)
        if last.faults:
            return Standing("failed", f"failed on {when(last.at_utc)}: {'; '.join(last.faults)}", last)
        due = last.at_utc + row.interval_ns     # by the interval that is configured now
        if utc > due:
            return Standing("overdue", f"is overdue since {when(due)}", last)
        return Standing("due_soon" if utc > due - row.warn_ns else "valid", f"is due on {when(due)}", last)

    def forbids(self, units: Collection[str], feed: str, utc: int) -> str:
        """Why a batch of this feed on these units may not start; "" when every check in its way stands."""
        told = [f"check {row.name} of {row.of} {standing.why}" for row in self._in_the_way(units, feed)
                if not (standing := self.standing(row.name, utc)).usable]
        first = next((row.name for row in self._in_the_way(units, feed) if not self.standing(row.name, utc).usable), "")
        more = f" (and {len(told) - 3} more: lagan checks --due)" if len(told) > 3 else ""
        return f"{'; '.join(told[:3])}{more}; do it and record it: lagan calibrate {first}" if told else ""

    def stood(self, units: Collection[str], feed: str, utc: int) -> dict[str, dict[str, Any]]:
        """What stood at the start of a batch, for its record: of every check of its units, the record it stood on."""
        found: dict[str, dict[str, Any]] = {}
        for row in self.rows.values():
            if row.unit in units:
                standing = self.standing(row.name, utc)
                last = standing.last
                about = {} if last is None else {"number": last.number, "done_utc": last.at_utc, "due_utc": last.at_utc + row.interval_ns,
                                                 "figures": last.left or last.found, "certificate": last.certificate, "who": last.who}
                in_the_way = row.blocks and (not row.feeds or feed in row.feeds)
                found[row.name] = {"of": row.of, "what": row.what, "state": standing.state, "needed": in_the_way, **about}
        return found

    def _in_the_way(self, units: Collection[str], feed: str) -> list[CheckRow]:
        return [row for row in self.rows.values() if row.blocks and row.unit in units and (not row.feeds or feed in row.feeds)]

    # --- figures, lists -----------------------------------------------------------------------------------------
    def look(self, utc: int) -> None:
        """Count what is due, when something may have become so; the clock may go either way."""
        if self._counted_from <= utc < self._counted_until:
            return
        self._counts = {}
        for name, row in self.rows.items():
            state, counts = self.standing(name, utc).state, self._counts.setdefault(row.unit, {"overdue": 0, "due_soon": 0})
            counts["due_soon"] += state == "due_soon"
            counts["overdue"] += state not in USABLE
        self._counted_from, self._counted_until = utc, utc + 60 * SECOND

    def count(self, unit: str, figure: str) -> Callable[[], float | None]:
        """What the internal tag ``checks.<unit>.<figure>`` shows: how many are overdue (never done and failed ones too), or due soon."""
        return lambda: float(self._counts.get(unit, {}).get(figure, 0))

    def says(self, alarm: str, utc: int) -> str:
        """Which checks an alarm is about; "" when it is about something else."""
        unit = self.told.get(alarm)
        states = [(row.name, self.standing(row.name, utc)) for row in self.rows.values() if row.unit == unit]
        return "; ".join(f"{name} {standing.why}" for name, standing in states if standing.state != "valid")

    def listed(self, utc: int) -> list[dict[str, Any]]:
        """Every check with its last record, as plain values."""
        return [self.told_of(name, utc) for name in self.rows]

    def told_of(self, name: str, utc: int) -> dict[str, Any]:
        """One check with its last record, as plain values."""
        row, standing = self.rows[name], self.standing(name, utc)
        last = standing.last
        due = None if last is None else last.at_utc + row.interval_ns
        return {
            "check": name, "of": row.of, "what": row.what, "unit": row.unit, "state": standing.state, "why": standing.why,
            "blocks": "start" if row.blocks else "nothing", "feeds": list(row.feeds), "due_utc_ns": due,
            "limits": {key: list(reach) for key, reach in row.limits.items()},
            "needs": {"reference": [*KINDS[row.what].reference, *(row.parts if row.what == "icp" else ())],
                      "as_found": [*KINDS[row.what].readings[0], *row.parts]},
            "last": None if last is None else {name: getattr(last, name) for name in last.__struct_fields__},
        }  # fmt: skip

    def last_of(self, tag: str, utc: int) -> dict[str, Any]:
        """The checks of a tag, device or interlock in short, for who asks why it is what it is; nothing where it has none."""
        mine = [(row, self.standing(row.name, utc)) for row in self.rows.values() if row.of == tag]
        return {"checks": [{"check": row.name, "state": standing.state, "why": standing.why,
                            **({} if standing.last is None else standing.last.left or standing.last.found)}
                           for row, standing in mine]} if mine else {}  # fmt: skip


def when(utc: int) -> str:
    """UTC ns as a day and a minute."""
    return datetime.fromtimestamp(utc // SECOND, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _numbers(given: Any, what: str) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise TypeError(f"{what}: names with their readings are needed")
    numbers = {str(key): float(value) for key, value in given.items()}  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
    for key, value in numbers.items():
        if not math.isfinite(value):
            raise ValueError(f"{what}: {key} is {value}; a number is needed")
    return numbers


def _untraced(row: CheckRow, arguments: Mapping[str, Any]) -> str:
    """Of what was applied somebody must be able to say what it was."""
    if KINDS[row.what].traced and not str(arguments.get("certificate") or "").strip():
        return "no certificate: which buffer, gas, weight or control sample was it?"
    return ""
