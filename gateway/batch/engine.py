"""The batch engine of one unit: a control recipe carried out step by step, held, restarted, stopped and recorded.

Every change of state is an entry. Entries are applied (``apply``) only when they are durable, and the engine does not
move while one is on its way: what the record says and what the batch is are the same thing, live and after a restart.
Going to rest does not wait for that: from the decision to hold, stop or abort the dosing is still (``stilled``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gateway.batch.balance import balance, closing_heel
from gateway.batch.gather import gather, unassayed_heel
from gateway.batch.phases import PHASES
from gateway.batch.procedure import BadInput, Context, Hold, Phase
from gateway.batch.state import ACID_DOSED, ACID_TOTAL, Batch, StepRun
from gateway.batch.unit import Unit, UnitWiring
from gateway.control.chain import Balance, BatchCreated, BatchState, Entry, LoopMode, Note, OutputChanged, StepState
from gateway.control.demand import Outputs
from gateway.control.image import SECOND, Image, Now
from gateway.control.loop import Loop
from gateway.control.machine import ENDED, PROCEDURAL, allowed, step

COMMANDS = ("HOLD", "RESTART", "STOP", "ABORT")             # what a person may ask of a batch that has begun
URGENCY = {"HOLD": 0, "STOP": 1, "ABORT": 2}                # these are never refused because something is being recorded
AT_REST = ("HELD", *ENDED)


_NOTHING = Phase()                              # a phase that this program does not have: nothing of it can be on


def _phase(run: StepRun) -> Phase:
    """The code of a step. Raises Hold where this program has none."""
    if run.phase not in PHASES:
        raise Hold(f"no phase {run.phase} in this program")
    return PHASES[run.phase]


def _reason(error: Exception) -> str:
    if isinstance(error, BadInput):
        return f"input {error}"
    return str(error) if isinstance(error, Hold) else f"{type(error).__name__}: {error}"


class Engine(Unit):
    """Runs at most one batch on its unit. ``neighbours``: the engines that share equipment with it."""

    def __init__(self, wiring: UnitWiring, image: Image, outputs: Outputs, loop_table: Mapping[str, Loop], loop_of: Mapping[int, str],
                 interlocked: Callable[[str], list[str]]) -> None:
        super().__init__(wiring, image, outputs, loop_table, loop_of, interlocked)
        self.neighbours: list[Engine] = []
        self.pending = 0
        self.sent: list[Entry] = []
        self.hold_wanted = ""
        self.asked: tuple[str, str, str] | None = None          # event, cause, who: waits for the record
        self.stopping = False                                   # to HELD, STOPPED or ABORTED, decided and not yet there
        self.waiting = ""                                       # for which shared equipment the next step waits
        self._claiming: set[str] = set()                        # by a step that is on its way to the record

    # --- commands -----------------------------------------------------------------------------------------------
    def command(self, event: str, who: str, why: str) -> str | None:
        """HOLD, RESTART, STOP or ABORT; a sentence when it is refused.

        While something is on its way to the record a RESTART is refused; the others wait for it, the most urgent of them wins.
        """
        batch = self.batch
        if batch is None:
            return f"no batch on {self.wiring.unit}"
        possible = [known for known in allowed(PROCEDURAL, batch.state) if known in COMMANDS]
        if event not in possible:
            return f"{batch.id}: {event} is not possible in {batch.state}; possible: {', '.join(possible) or 'nothing'}"
        if event == "RESTART" and (standing := self.interlocked()):
            return "interlocks stand: " + ", ".join(standing)
        if not self.pending and not self.outbox:
            self._batch_to(event, why or event.lower(), who)
        elif event == "RESTART":
            return "a change of state is being recorded; try again"
        else:
            self.stopping = True
            if self.asked is None or URGENCY[event] > URGENCY[self.asked[0]]:
                self.asked = (event, why or event.lower(), who)
        return None

    def want_hold(self, cause: str) -> None:
        """Hold as soon as nothing is on its way to the record; the dosing is still at once."""
        self.hold_wanted = self.hold_wanted or cause
        self.stopping = self.stopping or (self.batch is not None and "HOLD" in PROCEDURAL[self.batch.state])

    def hold(self, cause: str) -> None:
        """Take a running batch to HOLDING (interlock, failure monitor, restart of the process)."""
        self.hold_wanted = ""
        if self.batch and "HOLD" in PROCEDURAL[self.batch.state] and not any(isinstance(e, BatchState) for e in self.outbox):
            self._batch_to("HOLD", cause, "")

    def _batch_to(self, event: str, cause: str, who: str) -> None:
        assert self.batch is not None
        after = step(PROCEDURAL, self.batch.state, event)
        moved = {entry.step for entry in self.outbox if isinstance(entry, StepState) and entry.was != entry.now}
        self.emit(BatchState(batch=self.batch.id, was=self.batch.state, now=after, cause=cause, who=who))
        self.stopping = self.stopping or event in URGENCY
        if event != "DONE":
            for run in self.batch.active:
                if event in PROCEDURAL[run.state] and run.name not in moved:
                    self._step_to(run, event, cause)

    def _step_to(self, run: StepRun, event: str, cause: str = "") -> None:
        assert self.batch is not None
        self._record(run, step(PROCEDURAL, run.state, event), cause)

    def _record(self, run: StepRun, after: str, cause: str = "") -> None:
        assert self.batch is not None
        memory = self._memory(run)
        report = dict(run.context.report) if run.context else {}
        shared = dict(self.batch.shared)
        run.recorded = (memory, shared)
        self.emit(StepState(batch=self.batch.id, step=run.name, phase=run.phase, was=run.state, now=after, cause=cause, report=report,
                            memory=memory, shared=shared, totals=self._totals()))

    def _memory(self, run: StepRun) -> dict[str, Any]:
        """What a step must not forget; after a restart, before it has worked again, what the record says."""
        assert self.batch is not None
        if run.context is None:
            return dict(self.batch.saved.get(run.name, ({}, 0))[0])
        return {key: value for key, value in run.context.memory.items() if not key.startswith("~")}

    def _totals(self) -> dict[str, float]:
        totals = {name: round(self.image.value[i], 6) for name, i in self.wiring.totals.items()}
        return totals if self.acid is None else {**totals, ACID_DOSED: round(self.acid.amount, 6), ACID_TOTAL: round(self.acid.reading, 6)}

    # --- one scan -----------------------------------------------------------------------------------------------
    def scan(self, now: Now) -> list[Entry]:
        """One pass: let the active steps work in their states; returns the entries, which act when they are durable."""
        self.now = now
        batch = self.batch
        if batch is None or batch.state in ENDED or batch.state == "IDLE":
            self.hold_wanted, self.asked, self.stopping = "", None, False       # meant for a batch that is no more
            return self._flush()
        if self.pending or any(isinstance(entry, BatchState) for entry in self.outbox):
            return self._flush()                # also in the scan in which a person holds it: what a phase did then would overtake the hold
        if self.asked is not None:
            (event, cause, who), self.asked = self.asked, None
            if event in PROCEDURAL[batch.state]:
                self._batch_to(event, cause, who)
                return self._flush()
        if self.hold_wanted:
            if not self.outbox:                 # else when the record has caught up: a RESTART decided before the trip may be on its way
                self.hold(self.hold_wanted)
            return self._flush()
        active = batch.active
        self.wanted.clear()
        if batch.state == "RUNNING":
            if not active:
                self._next_group()
            for run in active:
                self._work(run, now)
                if any(isinstance(entry, BatchState) for entry in self.outbox):
                    break                       # the batch holds: nobody else works in this scan
        elif batch.state in ("HOLDING", "RESTARTING", "STOPPING", "ABORTING"):
            self._transit(active, now)
        return self._flush()

    def stilled(self) -> dict[int, float]:
        """Outputs that are at rest because the batch is on its way to HELD, STOPPED or ABORTED, whatever the record says so far."""
        if not self.stopping or self.batch is None:
            return {}
        return {tag: value for run in self.batch.active for tag, value in self.at_rest(PHASES.get(run.phase, _NOTHING)).items()}

    def drives(self, loop: str) -> bool:
        """Whether a phase that runs wants a loop in every scan: what a person set it to would be undone in the next."""
        return loop in self.wanted and self.batch is not None and self.batch.state == "RUNNING" and not self.stopping

    def _flush(self) -> list[Entry]:
        entries, self.outbox = self.outbox, []
        self.pending += len(entries)
        self.sent += entries
        return entries

    def _context(self, run: StepRun, now: Now) -> Context:
        assert self.batch is not None
        ctx = run.context
        if ctx is None:
            memory, started = self.batch.saved.get(run.name, ({}, now.utc))
            ctx = run.context = Context(self, self.batch.id, run.name, run.phase, run.parameters, self.batch.shared)
            ctx.memory = dict(memory)
            ctx.started = now.mono - max(now.utc - started, 0)
            ctx.state_since = now.mono
            run.recorded = (dict(memory), dict(self.batch.shared))
        ctx.now = now
        ctx.shared = self.batch.shared
        return ctx

    def _work(self, run: StepRun, now: Now) -> None:
        before = len(self.outbox)
        try:
            ctx = self._context(run, now)
            phase = _phase(run)
            for role in phase.needs:
                ctx.value(role)
            done = phase.running(ctx)
        except Exception as error:
            self.outbox[before:] = [entry for entry in self.outbox[before:] if not isinstance(entry, OutputChanged | LoopMode)]
            self.hold(f"{run.name}: {_reason(error)}")          # what it wanted before it stumbled is not wanted
            return
        if done:
            self._step_to(run, "DONE")
        elif now.mono - ctx.started > run.timeout_ns and not ctx.memory.get("timed_out"):
            ctx.memory["timed_out"] = True
            self.hold(f"{run.name}: not finished after {run.timeout_ns / 60 / SECOND:g} min")
        else:
            self._save(run)

    def _save(self, run: StepRun) -> None:
        """Record the phase's memory when it has changed, so that a restart finds it."""
        assert self.batch is not None
        if (self._memory(run), self.batch.shared) != run.recorded:
            self._record(run, run.state)

    def _transit(self, active: list[StepRun], now: Now) -> None:
        assert self.batch is not None
        verb = self.batch.state.lower()
        for run in active:
            if run.state != self.batch.state:
                continue
            try:
                done = getattr(PHASES.get(run.phase, _NOTHING), verb)(self._context(run, now))
            except Exception as error:
                done = False
                if verb == "restarting":
                    self.hold(f"{run.name}: cannot restart: {_reason(error)}")
                    return
                if run.stuck != verb:           # tried again in every scan, told once
                    run.stuck = verb
                    self.emit(Note(batch=self.batch.id, text=f"{run.name}: {verb} does not end: {_reason(error)}"))
            if done:
                self._step_to(run, "DONE")
        if all(run.state != self.batch.state for run in active) and not self.outbox:
            self._batch_to("DONE", self.batch.cause, "")

    def claims(self) -> set[str]:
        """Shared units that are this unit's batch's, also where the record does not say so yet."""
        return self._claiming | (self.batch.claims(self.wiring.shared) if self.batch is not None else set[str]())

    def _taken(self, steps: list[StepRun]) -> str:
        """Which equipment that these steps need belongs to another batch, and to which; "" when they may begin."""
        wanted = {unit for run in steps for unit in self.wiring.shared.get(run.phase, ())}
        for other in self.neighbours:
            for unit in sorted(wanted & other.claims()):
                return f"{unit}, which belongs to batch {other.batch.id if other.batch else other.wiring.unit}"
        self._claiming = wanted
        return ""

    def _next_group(self) -> None:
        """Start the next step and those that run beside it, once the equipment is free; the batch is complete when none is left."""
        assert self.batch is not None
        beside = {name for run in self.batch.steps.values() for name in run.parallel}
        for run in self.batch.steps.values():
            if run.state == "IDLE" and run.name not in beside:
                group = [self.batch.steps[name] for name in (run.name, *run.parallel)]
                was, self.waiting = self.waiting, self._taken(group)
                if self.waiting and self.waiting != was:
                    self.emit(Note(batch=self.batch.id, text=f"{run.name} waits for {self.waiting}"))
                if not self.waiting:
                    for each in group:
                        self._record(each, "RUNNING")
                return
        try:
            self.emit(self._balance())
        except Exception as error:              # a batch that has ended has ended, whatever can be said of its masses
            self.emit(Note(batch=self.batch.id, text=f"no balance: {_reason(error)}"))
        self._batch_to("DONE", "procedure finished", "")

    def _balance(self) -> Balance:
        """Per element: what came in, where it went, how sure we are."""
        assert self.batch is not None
        given = gather(self.batch.lot, self.batch.charges, self.batch.results, opening=self.batch.opening)
        result = balance(given)
        measured = {element for each in self.batch.results for element in each.values}      # what the analyser does not see has no balance
        elements = {element: row for element, row in result.plain().items() if element in measured}
        flags = {element: flag for element, flag in result.flags.items() if element in measured}
        if self.batch.opening is None:
            flags["*"] = ["nobody knows what the batch before left in the tank: it ended without a balance"]
        inputs: dict[str, Any] = {"route": result.route, "flags": flags}
        if unassayed_heel(self.batch.charges, given):
            flags["*"] = [*flags.get("*", []), "what the solids left in the tank hold is not known: neither cake nor residue was analysed"]
        else:
            inputs["closing_heel"] = closing_heel(given)
        return Balance(batch=self.batch.id, elements=elements, inputs=inputs)

    def recover(self, now: Now) -> bool:
        """After a restart: a batch that was under way goes to HELD, with its dosing stopped; a person restarts it."""
        self.now = now
        batch = self.batch
        if batch is None or batch.state in (*ENDED, "IDLE", "HELD"):
            return False
        self.want_hold("the plant process restarted")
        return True

    def apply(self, entry: Entry, now: Now) -> None:
        """Fold a durable entry of this unit's batch."""
        if isinstance(entry, BatchCreated):
            earlier, self.batch, self.waiting, self.acid = self.batch, Batch(entry, now.utc), "", None
            if earlier is not None:
                self.batch.follows(earlier)
            self.batch.shared = dict(entry.control_recipe.get("shared", {}))
        elif self.batch is not None:
            self.batch.apply(entry, now.utc)
            if isinstance(entry, BatchState):
                self.waiting = ""
                self.stopping = self.stopping and entry.now not in AT_REST
            if isinstance(entry, StepState):
                run = self.batch.steps[entry.step]
                if run.context is not None and entry.was != entry.now:
                    run.context.state_since = now.mono
                    run.context.memory = {key: value for key, value in run.context.memory.items() if not key.startswith("~")}

    def settled(self, entry: Entry) -> None:
        """One of the entries that this engine sent, if it is one, has been applied."""
        for i, mine in enumerate(self.sent):
            if mine is entry:
                del self.sent[i]
                self.pending -= 1
                if not self.pending:
                    self._claiming = set()
                return
