"""Where commands are decided, and nowhere else. Refused is recorded too.

    answer = commands.carry_out(Command(verb="batch.hold", target="B-1", who="a.byrne"), now, entries)
    answer.entry.outcome, answer.entry.reason

Consequences are entries; they act when they are durable, but for the end of a force and a person's return of an output to its safe
value, which act at once. The same key is carried out once.
"""

from __future__ import annotations

import functools
from typing import Any, cast

import msgspec

from gateway.control import loop as loops
from gateway.control.chain import (
    BatchCreated,
    BatchState,
    CommandReceived,
    Entry,
    ForceChanged,
    InterlockChanged,
    LoopMode,
    OutputChanged,
    Prompted,
)
from gateway.control.command import VERBS, Answer, Command
from gateway.control.foresee import foresee
from gateway.control.image import SECOND, Now
from gateway.control.parts import Parts
from gateway.control.reasons import unmet
from gateway.control.release import latched, stay
from gateway.control.tuning.experiment import Tunings

ARGUMENT_BYTES = 64 * 1024
KEYS = 10_000                                   # of commands, remembered so that none is carried out twice; the oldest are forgotten


class Commands:
    """Decides commands over the parts of a scan; remembers what was asked before."""

    def __init__(self, parts: Parts, tunings: Tunings) -> None:
        self.parts, self.tunings = parts, tunings
        self._keys: dict[str, CommandReceived] = {}
        self._batches: set[str] = set()         # every batch there ever was
        self._creating: set[str] = set()        # units whose next batch is on its way to the record

    def created(self, entry: BatchCreated) -> None:
        """A batch stands in the record."""
        self._batches.add(entry.batch)
        self._creating.discard(entry.unit)

    def carry_out(self, command: Command, now: Now, entries: list[Entry]) -> Answer:
        """Decide a command; its consequences are entries, which act when they are durable. Refused is recorded too."""
        known = self._keys.get(command.key) if command.key else None
        if known is not None and _same(known, command):
            return Answer(command, known)
        arguments = command.arguments
        outcome: list[Entry] | str
        if known is not None:
            outcome = f"key {command.key!r} was used by {known.who} for {known.verb} {known.target}"
        elif not _recordable(arguments):
            arguments, outcome = {"unreadable": repr(arguments)[:200]}, "arguments that cannot be written down"
        elif self.parts.read_only and command.verb != "alarm.ack":
            outcome = "the service runs read-only"
        else:
            outcome = self._outcome(command, now)
        refused = outcome if isinstance(outcome, str) else ""
        entry = CommandReceived(verb=command.verb, target=command.target, who=command.who, role=command.role, why=command.why,
                                arguments=arguments, outcome="refused" if refused else "accepted", reason=refused, key=command.key)
        if command.key:
            self.remember(entry)
        entries.append(entry)
        if isinstance(outcome, str):
            return Answer(command, entry)
        entries += outcome
        return Answer(command, entry, _told(command, outcome))

    def remember(self, entry: CommandReceived) -> None:
        self._keys.setdefault(entry.key, entry)
        if len(self._keys) > KEYS:
            del self._keys[next(iter(self._keys))]

    def _outcome(self, command: Command, now: Now) -> list[Entry] | str:
        """What a command leads to. Whatever is wrong with it is a refusal: nobody's words may stop the scan."""
        try:
            return self._decide(command, now)
        except KeyError as error:
            return f"unknown name {error}"
        except (TypeError, ValueError) as error:
            return str(error)
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    def _decide(self, command: Command, now: Now) -> list[Entry] | str:
        if command.verb not in VERBS:
            return f"unknown verb {command.verb!r}; there are {', '.join(sorted(VERBS))}"
        area, _, event = command.verb.partition(".")
        if area == "batch":
            return self._batch_command(command, event, now)
        if area == "prompt":
            return self._answer(command)
        if area == "interlock":
            return self._interlock_command(command, event, now)
        if area == "alarm":
            return self._alarm_command(command, event, now)
        if area == "force":
            return self._force_command(command, event, now)
        if area == "loop":
            return self._loop_command(command) if event == "set" else self.tunings.decide(command, event)
        if area == "check":
            return _listed(self.parts.checks.record(command, now))
        return self._output_command(command)

    def _loop_command(self, command: Command) -> list[Entry] | str:
        loop, a = self.parts.loops[command.target], command.arguments
        for unit in self.parts.units.values():
            if unit.drives(command.target):
                return f"{command.target} belongs to batch {unit.batch.id}: hold it first"
        entry = loops.request(loop, str(a["mode"]), a.get("sp"), "operator", command.why or command.who, a.get("out"))
        if isinstance(entry, LoopMode) and entry.mode not in ("MANUAL", loop.mode) and loop.blind(self.parts.image):
            return f"{command.target} stays in {loop.mode}: its pv is not good"
        return _listed(entry or self.tunings.stop(command.target, command.who, command.why))

    def _batch_command(self, command: Command, event: str, now: Now) -> list[Entry] | str:
        if event == "start":
            if command.target in self._batches:
                return f"batch {command.target} exists"
            created = self.parts.create(command, now)
            if isinstance(created, str):
                return created
            if created.unit in self._creating:
                return f"a batch for {created.unit} is being recorded"
            self._creating.add(created.unit)
            self._batches.add(created.batch)
            from_idle = {"batch": created.batch, "was": "IDLE", "now": "RUNNING"}
            return [created, _batch_state(from_idle, command)]
        for unit in self.parts.units.values():
            if unit.batch is not None and unit.batch.id == command.target:
                refused = unit.command(event.upper(), command.who, command.why)
                return refused if refused is not None else []
        return f"no batch {command.target}"

    def _answer(self, command: Command) -> list[Entry] | str:
        batch_id, _, prompt = command.target.partition("/")
        for unit in self.parts.units.values():
            if unit.batch is not None and unit.batch.id == batch_id:
                if prompt not in unit.batch.prompts:
                    return f"{batch_id} asks no {prompt}"
                return [Prompted(batch=batch_id, prompt=prompt, event="answered", answer=str(command.arguments["answer"]), who=command.who)]
        return f"no batch {batch_id}"

    def _interlock_command(self, command: Command, event: str, now: Now) -> list[Entry] | str:
        interlocks = self.parts.interlocks
        if command.target not in interlocks.by_name:
            return f"no interlock {command.target}"
        if event == "reset":
            waits_for = unmet(self.parts, interlocks.by_name[command.target])
            return self._released(interlocks.reset(command.target, command.who, command.why, waits_for))
        if event == "bypass":
            duration = round(float(command.arguments["minutes"]) * 60 * SECOND)
            return self._released(interlocks.bypass(command.target, command.who, command.why, duration, now))
        return _listed(interlocks.unbypass(command.target, command.who, command.why))

    def _released(self, entry: InterlockChanged | str) -> list[Entry] | str:
        """A trip that is reset or bypassed gives nothing back: what it forced stays, whatever was asked for, held or set meanwhile."""
        if isinstance(entry, str):
            return entry
        row, cause = latched(self.parts, entry.interlock), f"interlock {entry.interlock} {entry.event}"
        return [entry] if row is None else [entry, *self.parts.forces.give_way(row.effects, cause), *stay(self.parts, row, cause)]

    def _alarm_command(self, command: Command, event: str, now: Now) -> list[Entry] | str:
        alarms, a = self.parts.alarms, command.arguments
        if "alarms" in a:                       # several, each with the state in which it was seen
            if event != "ack":
                return f"{event} is done alarm by alarm"
            if not isinstance(a["alarms"], dict):
                return "alarms are named with the state in which each was seen"
            seen = {str(name): str(state) for name, state in cast("dict[Any, Any]", a["alarms"]).items()}
            return alarms.acknowledge(seen, command.who, command.why, now)
        shelve_ns = round(float(a.get("minutes", 60)) * 60 * SECOND)
        return alarms.command(command.target, event.upper(), command.who, command.why, now, shelve_ns, str(a.get("seen", "")))

    def _force_command(self, command: Command, event: str, now: Now) -> list[Entry] | str:
        forces, name = self.parts.forces, command.target
        if name not in forces.by_name:
            return f"{name} may not be forced: it is computed" if name in self.parts.image.index else f"no tag {name}"
        if event == "set":
            value, duration = float(command.arguments["value"]), round(float(command.arguments["minutes"]) * 60 * SECOND)
            effect = functools.partial(foresee, self.parts)
            return _listed(forces.request(name, value, command.who, command.why, duration, now, effect))
        ended = forces.end(name, command.who, command.why)
        return ended if isinstance(ended, str) else [ended, *self.let_go(ended)]

    def let_go(self, ended: ForceChanged) -> list[Entry]:
        """What is wanted, from the end of the force on, of an output that was held and that nobody else wants anywhere: its safe value."""
        item = self.parts.outputs.by_name.get(ended.tag)
        if item is None or item.wanted is not None or item.owner == "loop" or item.row.safe is None:
            return []
        safe = OutputChanged(tag=ended.tag, wanted=item.row.safe, was=ended.value, owner="none", cause="no longer forced")
        return [item.at_once(safe)]

    def _output_command(self, command: Command) -> list[Entry] | str:
        item = self.parts.outputs.by_name[command.target]
        if item.row.tag in self.parts.forces.held:
            return f"{command.target} is forced: end that first"
        if item.owner == "loop":
            return f"{command.target} belongs to loop {item.cause.split(' ')[0]}: set the loop"
        if item.owner == "program" and item.batch and self._batch_runs(item.batch):
            return f"{command.target} belongs to batch {item.batch}: hold it first"
        value = float(command.arguments["value"])
        entry = self.parts.outputs.request(item.row.tag, value, "operator", command.why or command.who, again=True)
        if isinstance(entry, OutputChanged) and value == item.row.safe:
            item.at_once(entry)                 # who closes a valve does not wait for a disk
        return _listed(entry)

    def _batch_runs(self, batch: str) -> bool:
        batches = [unit.batch for unit in self.parts.units.values() if unit.batch is not None]
        return any(found.id == batch and found.state in ("RUNNING", "RESTARTING") for found in batches)


def _listed(outcome: Entry | str | None) -> list[Entry] | str:
    return outcome if isinstance(outcome, str) else [] if outcome is None else [outcome]


def _told(command: Command, made: list[Entry]) -> dict[str, Any]:
    """What the asker is told: what a force does to interlocks; which loops a reset or a bypass leaves in MANUAL."""
    forced = [entry.effect for entry in made if isinstance(entry, ForceChanged)]
    left = [entry.loop for entry in made if isinstance(entry, LoopMode)] if command.verb.startswith("interlock.") else []
    return dict(forced[0]) if forced else {"manual": left} if left else {}


def _same(known: CommandReceived, command: Command) -> bool:
    """Whether a command with a known key is that command again."""
    return (known.verb, known.target, known.who, known.arguments) == (command.verb, command.target, command.who, command.arguments)


def _recordable(arguments: dict[str, Any]) -> bool:
    """Whether arguments can be written down and read back; they may hold anything that MessagePack can."""
    try:
        return len(msgspec.json.encode(arguments, order="deterministic")) <= ARGUMENT_BYTES
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return False


def _batch_state(fields: dict[str, str], command: Command) -> Entry:
    return BatchState(**fields, cause=command.why or "start", who=command.who)
