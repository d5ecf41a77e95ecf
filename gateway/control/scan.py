"""One scan: image in, decisions out. The same pass live and rehearsed; it never waits for a device or a disk.

Order: what became durable is applied; image ages, forced values go in; commands; derived values; interlocks; batches; loops; alarms;
arbitration. Trips act in the scan that sees them. Everything that changes an owner, a mode, a setpoint or a batch acts
in the first scan after its entry is durable, and is arbitrated then.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec

from devices.quality import BAD_NO_COMMUNICATION, BAD_OUT_OF_RANGE
from gateway.control.chain import (
    AlarmChanged,
    AlarmFlood,
    BatchCreated,
    Checked,
    CommandReceived,
    DeviceChanged,
    Entry,
    ForceChanged,
    IcpResult,
    InterlockChanged,
    LoopMode,
    LoopTuned,
    LoopTuning,
    Note,
    OutputChanged,
    SampleRequested,
    StepState,
)
from gateway.control.command import Answer, Command
from gateway.control.decide import Commands
from gateway.control.driving import Driving
from gateway.control.image import GOOD, Now
from gateway.control.interlock import Row
from gateway.control.parts import Parts
from gateway.control.release import latched, seated_in_manual
from gateway.control.witness import alarm_seen, trip_seen

COMMANDS_PER_SCAN = 20                          # more than people can give; the rest waits, the scan does not
URGENT = ("batch.hold", "batch.stop", "batch.abort")    # these do not wait behind a flood of others


class Result(msgspec.Struct):
    """What one scan leaves behind."""

    entries: list[Entry]
    answers: list[Answer]


class Scan:
    """The plant process's decision maker. ``run`` is one pass; ``submitted`` tells under which ticket its entries went."""

    __slots__ = (
        "_holding", "_last", "_last_now", "_totals", "armed", "commands", "count", "driving", "inbox", "parts",
        "slept_s", "started",
    )  # fmt: skip

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.inbox: deque[Command] = deque()
        self.count = 0
        self.started: int | None = None
        self.armed = False
        self._last: list[Entry] = []
        self._last_now = Now(0, 0)
        self.driving = Driving(parts)
        self.commands = Commands(parts, self.driving.tunings)
        self.slept_s = 0.0                      # for how long the machine was suspended before this scan
        self._holding = False                   # an output is held by a person
        self._totals = {parts.image.names[d.row.tag]: d for d in parts.derived if d.row.kind == "total"}

    # --- one pass -----------------------------------------------------------------------------------------------
    def run(self, now: Now, committed: int) -> Result:
        """One pass at ``now``; entries up to ticket ``committed`` are durable."""
        parts, image = self.parts, self.parts.image
        entries: list[Entry] = []
        armed = self.armed                      # outputs leave safe one scan later, when every cause was judged for good
        parts.forces.lift(image)
        self._apply_durable(committed, now)
        if parts.outgoing.waited_s > parts.late_hold_s:
            self._hold("*", f"the record is late: what it was told {parts.outgoing.waited_s:.1f} s ago is not on the disk")
        image.age(now.mono)
        if self.slept_s:
            self._woke(entries)
        parts.outputs.show(image)
        self._force(now, entries)
        if len(self.inbox) > COMMANDS_PER_SCAN:
            self.inbox = deque(sorted(self.inbox, key=_in_turn))
        answers = [self.commands.carry_out(self.inbox.popleft(), now, entries) for _ in range(min(len(self.inbox), COMMANDS_PER_SCAN))]
        parts.checks.look(now.utc)
        self._figures(now)
        for derived in parts.derived:
            derived.update(image, now)
        self._news(entries)
        self._trips(parts.interlocks.update(parts.conditions(image.value, image.quality), now), now, entries)
        self._start_up(now, entries)
        for where, name in parts.interlocks.holds:
            self._hold(where, f"interlock {name}")
        for unit in parts.units.values():
            entries += unit.scan(now)
            if parts.forces.standing:           # what the batch stops stays off when it has stopped
                entries += parts.forces.give_way(unit.stilled(), f"batch {unit.batch.id if unit.batch else ''} stops dosing")
        if self.armed:
            entries += self.driving.step(now, self.count)
            entries += self._alarms(now)        # not before the first full image: nobody learns from that
        parts.outputs.arbitrate(image, now, *self.forced(), armed)
        if parts.outputs.failures:
            entries += parts.outputs.failures
            parts.outputs.failures = []
        for talk in parts.talks:
            talk.beat(now.mono)
        self.count += 1
        self._last, self._last_now = entries, now
        return Result(entries, answers)

    def submitted(self, ticket: int) -> None:
        """The entries of the last pass went to the journal under this ticket."""
        if self._last:
            self.parts.outgoing.submitted(ticket, self._last_now, self._last)
            self._last = []

    def idle(self) -> bool:
        """Whether nothing waits for the disk."""
        return not self.parts.outgoing

    # --- the journal's side -------------------------------------------------------------------------------------
    def _apply_durable(self, committed: int, now: Now) -> None:
        for when, entries in self.parts.outgoing.durable(committed, now):
            for entry in entries:
                self.apply(entry, Now(now.mono, when.utc), live=True, asked=when.mono)

    def apply(self, entry: Entry, now: Now, *, live: bool, asked: int | None = None) -> None:
        """Fold one durable entry into loops, outputs and batches; on replay (not ``live``) also into latches and alarms.

        ``asked``: live, the monotonic time of the scan that made it.
        """
        parts = self.parts
        if isinstance(entry, LoopMode):
            if entry.loop in parts.loops:       # the configuration may have lost it since
                self.driving.tunings.taken(entry)
                parts.loops[entry.loop].apply(entry)
        elif isinstance(entry, LoopTuning | LoopTuned):
            self.driving.tunings.apply(entry)
        elif isinstance(entry, OutputChanged):
            if entry.tag in parts.outputs.by_name:
                parts.outputs.by_name[entry.tag].apply(entry)
        elif isinstance(entry, Checked):
            parts.checks.apply(entry)
        elif isinstance(entry, InterlockChanged):
            parts.checks.saw(entry, now.utc)
            if entry.event == "tripped" and not live:
                parts.alarms.flood.sounded_before(now.utc)
            if live and entry.event in ("reset", "bypassed"):
                self._release(entry)
            if (entry.who or not live) and entry.interlock in parts.interlocks.by_name:
                parts.interlocks.apply(entry, now.utc, asked)       # what happened by itself has acted at once
        elif isinstance(entry, ForceChanged):
            if entry.who or not live:
                parts.forces.apply(entry, now.utc, asked)
        elif isinstance(entry, AlarmChanged):
            if not live:
                parts.alarms.restore(entry, now.utc)
        elif isinstance(entry, AlarmFlood):
            if not live:
                parts.alarms.flood.apply(entry, now.utc)
        elif isinstance(entry, CommandReceived) and entry.key:
            self.commands.remember(entry)
        elif isinstance(entry, StepState) and not live:
            for name, total in entry.totals.items():
                if name in self._totals:
                    self._totals[name].total = total
        if isinstance(entry, SampleRequested) and live:
            parts.start_sample(entry, now)
        self._to_unit(entry, now, live)

    def _release(self, entry: InterlockChanged) -> None:
        """What was on its way to the record when a reset was decided is not given back either."""
        row, cause = latched(self.parts, entry.interlock), f"interlock {entry.interlock} {entry.event}"
        if row is not None:
            for kept in seated_in_manual(self.parts, row, cause):           # of the others the record says it next
                self.apply(kept, self._last_now, live=True)
            self.parts.forces.yield_to(row.effects, cause)

    def _to_unit(self, entry: Entry, now: Now, live: bool) -> None:
        batch = getattr(entry, "batch", "")
        if isinstance(entry, BatchCreated):
            self.commands.created(entry)
            if entry.unit in self.parts.units:
                self.parts.units[entry.unit].apply(entry, now)
            for derived in self.parts.derived:
                if derived.row.reset == entry.unit:
                    derived.restart()
        elif batch:
            for unit in self.parts.units.values():
                if unit.batch is not None and unit.batch.id == batch:
                    unit.apply(entry, now)
        if live:
            for unit in self.parts.units.values():
                unit.settled(entry)

    # --- forced values ------------------------------------------------------------------------------------------
    def _force(self, now: Now, entries: list[Entry]) -> None:
        """Forces that have had their time end; what still stands takes the place of what is measured or wanted."""
        parts = self.parts
        changes = parts.forces.update(now)
        entries += changes
        for change in changes:
            if isinstance(change, ForceChanged) and change.event == "ended" and change.cause == "expired":
                entries += self.commands.let_go(change)
        parts.forces.lay(parts.image)
        held = parts.forces.held
        if held or self._holding:
            self._holding = bool(held)
            for item in parts.outputs.items:
                item.held = held.get(item.row.tag)

    # --- what arrived -------------------------------------------------------------------------------------------
    def _figures(self, now: Now) -> None:
        image = self.parts.image
        for i, show, low, high in self.parts.figures:
            value = show()
            if value is None or not math.isfinite(value):
                image.quality[i] = 0x80000000
                image.seen[i] = now.mono
            else:
                image.put(i, value, GOOD if low <= value <= high else BAD_OUT_OF_RANGE, asked=now.mono, seen=now.mono, source=now.utc)

    def _news(self, entries: list[Entry]) -> None:
        parts = self.parts
        for talk in parts.talks:
            if talk.outcomes:
                for outcome in talk.outcomes:
                    parts.outputs.outcome(outcome.tag, outcome.value, outcome.result, outcome.detail)
                talk.outcomes.clear()
            if talk.events:
                entries += [DeviceChanged(device=talk.device, event=event, detail=detail) for event, detail in talk.events]
                talk.events.clear()
        for document in parts.documents():
            entries.append(self._result(document))

    def _result(self, document: Any) -> IcpResult:
        context: dict[str, float] = {}
        for unit in self.parts.units.values():
            if unit.batch is not None and document.sample in unit.batch.requests:
                context = unit.batch.requests[document.sample].context
        values, u = ({e: x for e, x in figures.items() if math.isfinite(x)} for figures in (document.values, document.u))
        return IcpResult(sample=document.sample, batch=document.batch, stream=document.stream, purpose=document.purpose,
                         taken_utc=document.taken_utc, measured_utc=document.measured_utc, values=values, u=u,
                         unit=document.unit, qc=document.qc, quality=document.quality, context=context)

    def _start_up(self, now: Now, entries: list[Entry]) -> None:
        """Arm once every trip tag has been heard (or the time is up): from then on trips latch and outputs leave safe."""
        if self.armed:
            return
        if self.started is None:
            self.started = now.mono
        image = self.parts.image
        late = now.mono - self.started >= self.parts.startup_ns
        if not late and any(image.quality[i] & 0x80000000 for i in self.parts.trip_tags):
            return
        self.armed = True
        self.parts.interlocks.arm()
        self.parts.outputs.take_over(image)
        if late:
            entries.append(Note(text="start-up ended by its timeout: " + ", ".join(
                image.names[i] for i in self.parts.trip_tags if image.quality[i] & 0x80000000)))
        entries += self.driving.start()

    def _alarms(self, now: Now) -> list[Entry]:
        """Conditions, suppressions and what keeps alarms standing, in this order; in every scan, for the first-outs."""
        parts, image = self.parts, self.parts.image
        found = parts.alarm_conditions(image.value, image.quality)
        m = len(parts.alarms.items)
        truths, suppressed, stays = found[:m], found[m:2 * m], found[2 * m:]
        parts.comms.judge(truths, suppressed, [item.state for item in parts.alarms.items])
        changes, by_name = parts.alarms.update(truths, suppressed, now, stays), parts.alarms.by_name
        return [alarm_seen(each, by_name[each.alarm].row, image) if isinstance(each, AlarmChanged) else each for each in changes]

    def _trips(self, changes: list[Entry], now: Now, entries: list[Entry]) -> None:
        """What the interlocks changed; a trip takes its outputs from whoever wanted them otherwise, also one that lets go by itself.

        A person is told of it as of an alarm, so that it counts in a flood.
        """
        for change in changes:
            if not (isinstance(change, InterlockChanged) and change.event in ("tripped", "demanded")):
                entries.append(change)
                continue
            row = self.parts.interlocks.by_name[change.interlock].row
            entries.append(trip_seen(change, row, self.parts.image))
            if change.event == "tripped":
                self.parts.alarms.flood.sounded(now.mono)
                entries += self.parts.forces.give_way(row.effects, f"interlock {row.name}")
                entries += self.parts.outputs.take(row.effects, f"interlock {row.name}")
                if not row.latch:               # it may let go before anybody looks: then a loop in MANUAL does not go back either
                    entries += self._seat(row)

    def _seat(self, row: Row) -> list[Entry]:
        """Loops in MANUAL stand where a trip puts their outputs, at once."""
        entries = seated_in_manual(self.parts, row, f"interlock {row.name}")
        return [self.parts.loops[entry.loop].at_once(entry) for entry in entries]

    def _woke(self, entries: list[Entry]) -> None:
        """The machine was suspended: nothing that was read before is known, and every batch holds as after a restart."""
        cause, self.slept_s = f"the machine slept for {self.slept_s:.1f} s", 0.0
        self.parts.image.spoil(range(len(self.parts.image.names)), BAD_NO_COMMUNICATION)
        self._hold("*", cause)
        entries.append(Note(text=cause))

    def _hold(self, where: str, cause: str) -> None:
        """The batch of a unit, or of every one ("*"): from the decision on nothing is dosed, also while the disk does not answer."""
        for unit, engine in self.parts.units.items():
            if where in ("*", unit):
                engine.want_hold(cause)

    def forced(self) -> tuple[dict[int, float], dict[int, list[str]]]:
        """What interlocks force, and what is still because its batch is on its way to a halt; interlocks come last."""
        forced, reasons = self.parts.interlocks.forced, self.parts.interlocks.reasons
        for unit in self.parts.units.values():
            still = unit.stilled()
            if still:
                forced = {**still, **forced}
                reasons = {**{tag: [f"batch {unit.batch.id} stops dosing"] for tag in still}, **reasons}
        return forced, reasons


def _in_turn(command: Command) -> bool:
    return command.verb not in URGENT


def replay(scan: Scan, stored: Sequence[Any]) -> None:
    """Fold a journal into a fresh scan: loops, latches, alarms and batches as they were; outputs wait for somebody to want them."""
    for item in stored:
        scan.apply(item.entry, Now(0, item.utc), live=False)
    scan.parts.outputs.forget()
    scan.driving.tunings.ended = []                     # what ended then, the record tells
    scan.parts.forces.forget()


def remaining(scan: Scan, now: Now) -> None:
    """What was suspended before a restart lasts for what is left of it: bypasses, forces, shelved alarms.

    ``now``: its UTC is not before the last entry of the record; a clock that was set back gives nobody hours anew.
    """
    parts = scan.parts
    for item in parts.interlocks.items:
        if item.bypass_until:
            item.bypass_over(now, parts.interlocks.bypass_max_ns)
    for force in parts.forces.standing.values():
        force.left(now, parts.forces.longest_ns)
    for alarm in parts.alarms.items:
        if alarm.state == "SHLVD":
            alarm.shelf_over(now)
