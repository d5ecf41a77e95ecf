"""The batch record: one batch folded out of the journal, as data. ``page`` makes it a document.

    >>> [row.batch for row in batch_list(journal)]
    ['B-2026-0147-01']
    >>> record = batch_record(journal, "B-2026-0147-01")
    >>> record.state, record.balance["Nd"]["leach_extraction"]
    ('COMPLETE', 0.985)

Entries that name the batch belong to it wherever they stand; entries about the unit, its loops, alarms and devices belong to it
while it runs. ``belongs`` says which tags, loops and devices are the unit's; without it the record keeps all of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import msgspec

from devices.quality import is_good
from devices.quality import name as quality_name
from gateway.control.chain import (
    AlarmChanged,
    AlarmFlood,
    Balance,
    BatchCreated,
    BatchState,
    Charged,
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
    MeterFell,
    Note,
    OutputChanged,
    Prompted,
    SampleRequested,
    ServiceStarted,
    ServiceStopped,
    StepState,
    Stored,
    WriteFailed,
)
from gateway.control.machine import ENDED
from gateway.records.anchor import Head
from gateway.records.record import BatchRecord, Deviation, Listed, Question, Span


class Readable(Protocol):
    """A journal as a reader sees it."""

    @property
    def head(self) -> Head:
        """The last durable entry."""
        ...

    def read(self, after: int = 0) -> Iterator[Stored]:
        """Entries in order."""
        ...


def batch_list(journal: Readable) -> list[Listed]:
    """All batches in the order they were created."""
    found: dict[str, Listed] = {}
    for stored in journal.read():
        entry = stored.entry
        if isinstance(entry, BatchCreated):
            lot, owner = str(entry.lot.get("lot", "")), str(entry.lot.get("owner", ""))
            found[entry.batch] = Listed(entry.batch, entry.unit, entry.recipe, lot, owner, "IDLE", stored.utc)
        elif isinstance(entry, BatchState) and entry.batch in found:
            found[entry.batch].state = entry.now
            found[entry.batch].ended_utc = stored.utc if entry.now in ENDED else 0
    return list(found.values())


def batch_record(journal: Readable, batch: str, belongs: Callable[[str], bool] | None = None) -> BatchRecord:
    """The record of one batch. Raises KeyError when the journal knows no such batch."""
    fold = _Fold(batch, belongs or (lambda name: True))
    head = journal.head
    for stored in journal.read():
        fold.take(stored)
    if fold.record is None:
        raise KeyError(f"no batch {batch} in the journal (head at entry {head.seq})")
    fold.record.journal_seq, fold.record.journal_head = head.seq, head.hash.hex()
    return fold.record


def record_json(record: BatchRecord) -> bytes:
    """The record as JSON."""
    return msgspec.json.encode(record)


_PLAIN: dict[type, str] = {
    LoopMode: "setpoints", OutputChanged: "outputs", CommandReceived: "commands", AlarmChanged: "alarms", InterlockChanged: "interlocks",
    WriteFailed: "writes", DeviceChanged: "devices", ServiceStarted: "services", ServiceStopped: "services", Charged: "charged",
    SampleRequested: "samples", IcpResult: "results", Note: "notes",
}


class _Fold:
    """One pass over the journal for one batch."""

    def __init__(self, batch: str, belongs: Callable[[str], bool]) -> None:
        self.batch = batch
        self.belongs = belongs
        self.record: BatchRecord | None = None
        self.service = ServiceStarted(version="unknown", config_digest="")
        self._open: dict[str, Span] = {}

    def take(self, stored: Stored) -> None:
        """One entry."""
        entry = stored.entry
        if isinstance(entry, ServiceStarted):
            self.service = entry
        if isinstance(entry, BatchCreated) and entry.batch == self.batch:
            self.record = self._created(stored, entry)
        elif self.record is not None and self._concerns(entry):
            self._into(self.record, stored)

    def _created(self, stored: Stored, entry: BatchCreated) -> BatchRecord:
        service = self.service
        return BatchRecord(
            batch=entry.batch, unit=entry.unit, state="IDLE", recipe=entry.recipe, recipe_hash=entry.recipe_hash,
            control_recipe=entry.control_recipe, lot=entry.lot, created_by=entry.who, created_utc=stored.utc, last_utc=stored.utc,
            first_seq=stored.seq, last_seq=stored.seq, version=service.version, config_digest=service.config_digest,
            software=service.software, clock=service.clock, checks=entry.checks)

    def _concerns(self, entry: Entry) -> bool:
        """Whether an entry is about this batch."""
        record = self.record
        if record is None:
            return False
        named = getattr(entry, "batch", "")
        if named:
            return named == self.batch
        if record.ended_utc:
            return False
        match entry:
            case ForceChanged():
                return entry.unit == record.unit or self.belongs(entry.tag)
            case InterlockChanged() | AlarmChanged():
                return entry.unit in ("", record.unit)
            case LoopMode() | LoopTuning() | LoopTuned():
                return self.belongs(entry.loop)
            case OutputChanged() | WriteFailed():
                return self.belongs(entry.tag)
            case DeviceChanged():
                return self.belongs(entry.device)
            case Checked():
                return entry.unit == record.unit or self.belongs(entry.unit)
            case CommandReceived():
                return entry.target in (self.batch, record.unit) or self.belongs(entry.target)
            case _:
                return True

    def _into(self, record: BatchRecord, stored: Stored) -> None:
        entry = stored.entry
        record.last_seq = stored.seq
        if not record.ended_utc:
            record.last_utc = stored.utc
        match entry:
            case BatchState():
                self._state(record, stored, entry)
            case StepState():
                self._step(record, stored, entry)
            case Prompted():
                _prompt(record, stored, entry)
            case AlarmFlood():
                pass                            # a deviation, and no change of any one alarm
            case Balance():
                record.balance, record.balance_inputs = entry.elements, entry.inputs
            case ForceChanged():
                pass                            # a deviation, told below
            case _:
                getattr(record, _PLAIN.get(type(entry), "notes")).append(stored)
        record.deviations.extend(_deviations(stored))

    def _span(self, key: str, spans: list[Span], span: Span, ended: bool) -> None:
        """Close the open span of ``key`` and begin the next."""
        before = self._open.pop(key, None)
        if before is not None:
            before.end_utc = span.start_utc
            before.report = span.report or before.report
        if ended:
            span.end_utc = span.start_utc
        else:
            self._open[key] = span
        spans.append(span)

    def _state(self, record: BatchRecord, stored: Stored, entry: BatchState) -> None:
        span = Span(self.batch, entry.now, stored.utc, cause=entry.cause, who=entry.who)
        self._span("", record.states, span, entry.now in ENDED)
        record.state = entry.now
        if entry.now == "RUNNING" and not record.started_utc:
            record.started_utc = stored.utc
        if entry.now == "HOLDING":
            record.holds.append(Span(self.batch, "HELD", stored.utc, cause=entry.cause, who=entry.who))
        elif record.holds and not record.holds[-1].end_utc and entry.now in ("RESTARTING", "RUNNING", "STOPPING", "ABORTING"):
            record.holds[-1].end_utc = stored.utc
            record.holds[-1].who = entry.who or record.holds[-1].who
        record.ended_utc = stored.utc if entry.now in ENDED else 0

    def _step(self, record: BatchRecord, stored: Stored, entry: StepState) -> None:
        before = self._open.get(f"step {entry.step}")
        if before is not None and before.state == entry.now:      # the same state again: how far it has come
            before.report = entry.report or before.report
            return
        span = Span(entry.step, entry.now, stored.utc, phase=entry.phase, cause=entry.cause, report=entry.report)
        self._span(f"step {entry.step}", record.steps, span, entry.now in ENDED)


def _prompt(record: BatchRecord, stored: Stored, entry: Prompted) -> None:
    if entry.event == "asked":
        record.prompts.append(Question(entry.prompt, entry.text, stored.utc))
        return
    for question in reversed(record.prompts):
        if question.prompt == entry.prompt and not question.answered_utc:
            question.answered_utc, question.answer, question.who = stored.utc, entry.answer, entry.who
            return
    record.prompts.append(Question(entry.prompt, entry.text, stored.utc, stored.utc, entry.answer, entry.who))


def _deviations(stored: Stored) -> Iterable[Deviation]:
    """What an entry says that was not as planned."""
    said = _deviation(stored.entry)
    return [] if said is None else [Deviation(stored.seq, stored.utc, *said)]


def _deviation(entry: Entry) -> tuple[str, str, str] | None:
    """Kind, text and who."""
    match entry:
        case BatchState(now="HOLDING" | "STOPPING" | "ABORTING"):
            return entry.now.lower(), entry.cause, entry.who
        case InterlockChanged(event="tripped"):
            return "interlock", f"{entry.interlock} tripped{' (first out)' if entry.first_out else ''}: {entry.cause}", ""
        case InterlockChanged(event="demanded"):
            return "bypass", f"{entry.interlock} would have tripped: {entry.cause}", ""
        case InterlockChanged(event="bypassed"):
            return "bypass", f"{entry.interlock} bypassed: {entry.why}", entry.who
        case ForceChanged(event="set"):
            return "forced", f"{entry.tag} forced to {entry.value:g}: {entry.why}", entry.who
        case ForceChanged(event="ended"):
            return "forced", f"{entry.tag} no longer forced: {entry.cause or entry.why}", entry.who
        case WriteFailed():
            return "write", f"{entry.tag} = {entry.wanted:g} ended {entry.outcome}: {entry.detail}", ""
        case AlarmChanged(now="SHLVD" | "OOSRV") if entry.who:
            return "alarm", f"{entry.alarm} {'shelved' if entry.now == 'SHLVD' else 'out of service'}: {entry.why}", entry.who
        case AlarmFlood(event="began"):
            return "alarm flood", f"{entry.count} alarms within 10 min", ""
        case MeterFell():
            return "meter", f"{entry.tag} fell from {entry.was:.6g} to {entry.now:.6g}; the batch counts on from {entry.counted:.6g}", ""
        case DeviceChanged(event="lost"):
            return "device", f"{entry.device} lost: {entry.detail}", ""
        case IcpResult() if not is_good(entry.quality):
            return "analysis", f"{entry.sample} ({entry.purpose}): {quality_name(entry.quality)}", ""
        case ServiceStarted():
            return "restart", f"plant process started anew, version {entry.version}", ""
        case CommandReceived() if entry.verb in ("jump", "skip", "force", "set_output") and entry.outcome == "accepted":
            return "override", f"{entry.verb} {entry.target}: {entry.why}", entry.who
        case LoopTuning(event="begun"):
            return "tuning", f"{entry.loop}: relay experiment of {entry.amplitude:g} about {entry.out:g}: {entry.why}", entry.who
        case LoopTuned():
            was, now = (f"gain {k:g}, ti_s {ti}, td_s {td:g}" for k, ti, td in (
                (entry.gain_was, entry.ti_was_s, entry.td_was_s), (entry.gain, entry.ti_s, entry.td_s)))
            return "tuning", f"{entry.loop}: {was} became {now}: {entry.why}", entry.who
        case Checked() if entry.found_faults or entry.faults:
            return "check", f"{entry.check} of {entry.of} was found wrong: {'; '.join(entry.found_faults or entry.faults)}", entry.who
        case Note():
            return "note", entry.text, entry.who
        case _:
            return None


__all__ = ["BatchRecord", "Listed", "batch_list", "batch_record", "record_json"]
