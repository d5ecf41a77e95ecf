"""The batch engine of one unit: a control recipe carried out step by step, held, restarted, stopped and recorded.

Every change of state is an entry. Entries are applied (``apply``) only when they are durable, and the engine does not
move while one is on its way: what the record says and what the batch is are the same thing, live and after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.batch.balance import balance
from gateway.batch.gather import gather
from gateway.batch.phases import PHASES
from gateway.batch.procedure import BadInput, Context, Hold, Phase
from gateway.control import loop as loops
from gateway.control.chain import (
    Balance,
    BatchCreated,
    BatchState,
    Charged,
    Entry,
    IcpResult,
    LoopMode,
    Note,
    OutputChanged,
    Prompted,
    SampleRequested,
    StepState,
)
from gateway.control.demand import Outputs
from gateway.control.image import SECOND, Image, Now
from gateway.control.loop import Loop
from gateway.control.machine import ENDED, PROCEDURAL, allowed, step

COMMANDS = ("HOLD", "RESTART", "STOP", "ABORT")             # what a person may ask of a batch that has begun
URGENCY = {"HOLD": 0, "STOP": 1, "ABORT": 2}                # these are never refused because something is being recorded
EMPTIED = ("FILTER", "TO_BUFFER", "CHECK_UNIT")             # phases whose end proves that nothing is left in the tank


class StepRun:
    """One step of the procedure and where it stands."""

    __slots__ = ("name", "phase", "operation", "parameters", "timeout_ns", "parallel", "state", "context", "recorded", "stuck")

    def __init__(
        self, name: str, phase: str, operation: str, parameters: Mapping[str, float], timeout_ns: int, parallel: tuple[str, ...]
    ) -> None:
        self.name, self.phase, self.operation = name, phase, operation
        self.parameters = parameters
        self.timeout_ns = timeout_ns
        self.parallel = parallel
        self.state = "IDLE"
        self.context: Context | None = None
        self.recorded: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        self.stuck = ""                         # state whose work fails again and again


class Batch:
    """What the journal says about one batch: a fold of its entries."""

    def __init__(self, created: BatchCreated, utc: int) -> None:
        self.id, self.unit, self.lot = created.batch, created.unit, created.lot
        self.recipe, self.recipe_hash = created.recipe, created.recipe_hash
        self.control_recipe = created.control_recipe
        self.created_utc = utc
        self.state = "IDLE"
        self.cause = ""
        self.state_utc = utc
        self.shared: dict[str, Any] = {}
        self.steps = {name: _step(name, spec) for name, spec in created.control_recipe["procedure"].items()}
        self.results: list[IcpResult] = []
        self.requests: dict[str, SampleRequested] = {}
        self.prompts: dict[str, str | None] = {}
        self.prompt_texts: dict[str, str] = {}
        self.charges: list[Charged] = []
        self.saved: dict[str, tuple[dict[str, Any], int]] = {}      # step -> (memory, utc of its start)
        self.metal = False                                          # metallic feed lies in the tank, also after the batch has ended

    def apply(self, entry: Entry, utc: int) -> None:
        """Fold one entry of this batch."""
        if isinstance(entry, BatchState):
            self.state, self.cause, self.state_utc = entry.now, entry.cause, utc
        elif isinstance(entry, StepState):
            run = self.steps[entry.step]
            started = utc if entry.was == "IDLE" else self.saved.get(entry.step, ({}, utc))[1]
            run.state = entry.now
            self.saved[entry.step] = (entry.memory, started)
            self.shared = dict(entry.shared)
            if run.phase == "DOSE_SOLIDS" and entry.was == "IDLE":
                self.metal = self.metal or self.lot.get("feed_state") == "metal"
            elif run.phase in EMPTIED and entry.now == "COMPLETE":
                self.metal = False
        elif isinstance(entry, Prompted):
            self.prompts[entry.prompt] = entry.answer if entry.event == "answered" else None
            self.prompt_texts[entry.prompt] = entry.text or self.prompt_texts.get(entry.prompt, "")
        elif isinstance(entry, SampleRequested):
            self.requests[entry.sample] = entry
        elif isinstance(entry, IcpResult):
            if entry.sample in self.requests and all(known.sample != entry.sample for known in self.results):
                self.results.append(entry)      # one result per sample that was asked for
        elif isinstance(entry, Charged):
            self.charges.append(entry)

    @property
    def active(self) -> list[StepRun]:
        """Steps that have begun and not ended."""
        return [run for run in self.steps.values() if run.state not in ("IDLE", *ENDED)]

    @property
    def open_prompts(self) -> dict[str, str]:
        """Questions without an answer: prompt -> text."""
        return {name: self.prompt_texts[name] for name, answer in self.prompts.items() if answer is None}


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


def _step(name: str, spec: Mapping[str, Any]) -> StepRun:
    timeout_ns = round(spec["timeout_min"] * 60 * SECOND)
    return StepRun(name, spec["phase"], spec["operation"], spec["parameters"], timeout_ns, tuple(spec.get("parallel", ())))


class UnitWiring(msgspec.Struct, frozen=True):
    """What a unit gives its batches: roles to image tags, loops by role, stream of the analyzer, figures."""

    unit: str
    roles: dict[str, int]
    loops: dict[str, str]
    streams: dict[str, str]                     # number of the stream selector -> what it draws from
    volume_full_l: float
    parameters: dict[str, float]
    totals: dict[str, int] = {}                 # totals that this process computes: tag -> image index


class Engine:
    """Runs at most one batch on its unit. ``outbox`` gathers this scan's entries."""

    def __init__(self, wiring: UnitWiring, image: Image, outputs: Outputs, loop_table: Mapping[str, Loop], loop_of: Mapping[int, str],
                 interlocked: Callable[[str], list[str]]) -> None:
        self.wiring, self.image, self.outputs = wiring, image, outputs
        self.loops, self.loop_of = loop_table, loop_of
        self._interlocked = interlocked
        self.batch: Batch | None = None
        self.outbox: list[Entry] = []
        self.pending = 0
        self.sent: list[Entry] = []
        self.now = Now(0, 0)
        self.hold_wanted = ""
        self.asked: tuple[str, str, str] | None = None          # event, cause, who: waits for the record

    # --- the plant as a phase sees it ---------------------------------------------------------------------------
    def tag(self, role: str) -> int:
        """Image index of a role. Raises Hold for a role the unit does not have."""
        found = self.wiring.roles.get(role)
        if found is None:
            raise Hold(f"{self.wiring.unit} has no {role}")
        return found

    def set_output(self, role: str, value: float, cause: str, again: bool = False) -> None:
        """Want an output; one that a loop drives is wanted through its loop."""
        tag = self.tag(role)
        name = self.loop_of.get(tag)
        if name is not None:
            manual = value == 0.0 or self.loops[name].row.kind == "pid"
            self._loop(name, "MANUAL" if manual else "AUTO", None if manual else value, cause, value if manual else None, None)
            return
        entry = self.outputs.request(tag, value, "program", cause, self.batch.id if self.batch else "", again)
        self._take(entry)

    def set_loop(self, role: str, mode: str, setpoint: float | None, cause: str, out: float | None, rate_per_min: float | None) -> None:
        """Want a loop of the unit, by its role, in a mode."""
        name = self.wiring.loops.get(role)
        if name is None:
            raise Hold(f"{self.wiring.unit} has no {role} loop")
        self._loop(name, mode, setpoint, cause, out, rate_per_min)

    def _loop(self, name: str, mode: str, setpoint: float | None, cause: str, out: float | None, rate: float | None) -> None:
        loop = self.loops[name]
        entry = loops.request(loop, mode, setpoint, "program", cause, out, rate)
        if isinstance(entry, LoopMode) and entry.mode not in ("MANUAL", loop.mode) and loop.blind(self.image):
            raise BadInput(name, "without a good pv")
        self._take(entry)

    def _take(self, entry: Entry | str | None) -> None:
        if isinstance(entry, str):
            raise Hold(entry)
        if entry is not None:
            self.emit(entry)

    def loop_out(self, role: str) -> float:
        """What a loop asks for now."""
        return self.loops[self.wiring.loops[role]].out

    def emit(self, entry: Entry) -> None:
        """Put an entry into this scan's outbox."""
        self.outbox.append(entry)

    def charged(self, material: str, amount: float, unit: str, u: float, source: str, direction: str) -> None:
        """Record an amount that went in or out."""
        assert self.batch is not None
        lot = str(self.batch.lot.get("lot", "")) if material == "solids" else ""
        self.emit(Charged(batch=self.batch.id, material=material, amount=round(amount, 6), unit=unit, u=round(u, 6),
                          source=self.image.names[self.tag(source)], lot=lot, direction=direction))

    def request_sample(self, stream: str, purpose: str, context: Mapping[str, float]) -> str:
        """Ask the analyzer; returns the sample's id."""
        assert self.batch is not None
        sample = f"{self.batch.id}-S{len(self.batch.requests) + 1 + sum(isinstance(e, SampleRequested) for e in self.outbox):02d}"
        name = self.wiring.streams.get(stream, f"{stream} {self.wiring.unit}")
        figures = dict(context)
        level = self.wiring.roles.get("level")
        if level is not None and self.image.quality[level] & 0xC0000000 == 0:
            figures["volume_l"] = round(self.image.value[level] / 100.0 * self.wiring.volume_full_l, 3)
        self.emit(SampleRequested(batch=self.batch.id, sample=sample, stream=name, purpose=purpose, context=figures))
        return sample

    def result(self, sample: str) -> IcpResult | None:
        """The result of a sample, once it is in the record."""
        assert self.batch is not None
        return next((r for r in self.batch.results if r.sample == sample), None)

    def results(self, purpose: str) -> list[IcpResult]:
        """All results of a purpose, in order of arrival."""
        assert self.batch is not None
        return [r for r in self.batch.results if r.purpose == purpose]

    def liquor_samples(self) -> int:
        """How many samples of liquor were drawn from the unit."""
        assert self.batch is not None
        return sum(request.stream == self.wiring.unit for request in self.batch.requests.values())

    def ask(self, prompt: str, text: str) -> str | None:
        """Ask the operator once; the answer when there is one. An answer other than yes may be asked again after a hold."""
        assert self.batch is not None
        if prompt not in self.batch.prompts:
            self.emit(Prompted(batch=self.batch.id, prompt=prompt, event="asked", text=text))
            return None
        return self.batch.prompts[prompt]

    def interlocked(self) -> list[str]:
        """Names of the interlocks that stand on this unit or on the site."""
        return self._interlocked(self.wiring.unit)

    def parameter(self, name: str) -> float:
        """A figure of the unit or the site. Raises Hold when nobody gave it."""
        if name not in self.wiring.parameters:
            raise Hold(f"no figure {name} for {self.wiring.unit}")
        return self.wiring.parameters[name]

    def figure(self, name: str) -> float | None:
        """What an internal tag shows of the unit's batch: active, metal, acid_dosed and acid_target (L); None when it is not known."""
        batch = self.batch
        running = batch is not None and batch.state not in (*ENDED, "IDLE")
        if name == "active":
            return float(running)
        if name == "metal":
            return float(batch is not None and batch.metal)
        if batch is None or not running:
            return 0.0
        if name == "acid_dosed":
            total = self.wiring.roles.get("acid_total")
            if total is None or self.image.quality[total] & 0xC0000000:
                return None
            return self.image.value[total] - batch.shared.get("acid_start_l", self.image.value[total])
        computed = batch.control_recipe["computed"]
        strength = batch.control_recipe["formula"].get("acid_strength", 0.0)
        return computed.get("acid", 0.0) / strength if strength else 0.0

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
        elif self.asked is None or URGENCY[event] > URGENCY[self.asked[0]]:
            self.asked = (event, why or event.lower(), who)
        return None

    def want_hold(self, cause: str) -> None:
        """Hold as soon as nothing is on its way to the record (an interlock has already stopped what it must)."""
        self.hold_wanted = self.hold_wanted or cause

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
        return {name: round(self.image.value[i], 6) for name, i in self.wiring.totals.items()}

    # --- one scan -----------------------------------------------------------------------------------------------
    def scan(self, now: Now) -> list[Entry]:
        """One pass: let the active steps work in their states; returns the entries, which act when they are durable."""
        self.now = now
        batch = self.batch
        if batch is None or batch.state in ENDED or batch.state == "IDLE":
            self.hold_wanted, self.asked = "", None             # meant for a batch that is no more
            return self._flush()
        if self.pending:
            return self._flush()
        if self.asked is not None:
            (event, cause, who), self.asked = self.asked, None
            if event in PROCEDURAL[batch.state]:
                self._batch_to(event, cause, who)
                return self._flush()
        if self.hold_wanted:
            self.hold(self.hold_wanted)
            return self._flush()
        active = batch.active
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

    def _next_group(self) -> None:
        """Start the next step and those that run beside it; the batch is complete when none is left."""
        assert self.batch is not None
        beside = {name for run in self.batch.steps.values() for name in run.parallel}
        for run in self.batch.steps.values():
            if run.state == "IDLE" and run.name not in beside:
                for name in (run.name, *run.parallel):
                    self._record(self.batch.steps[name], "RUNNING")
                return
        try:
            self.emit(self._balance())
        except Exception as error:              # a batch that has ended has ended, whatever can be said of its masses
            self.emit(Note(batch=self.batch.id, text=f"no balance: {_reason(error)}"))
        self._batch_to("DONE", "procedure finished", "")

    def _balance(self) -> Balance:
        """Per element: what came in, where it went, how sure we are."""
        assert self.batch is not None
        given = gather(self.batch.lot, self.batch.charges, self.batch.results)
        result = balance(given)
        measured = {element for each in self.batch.results for element in each.values}      # what the analyser does not see has no balance
        elements = {element: row for element, row in result.plain().items() if element in measured}
        flags = {element: flag for element, flag in result.flags.items() if element in measured}
        return Balance(batch=self.batch.id, elements=elements, inputs={"route": result.route, "flags": flags})

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
            metal = self.batch is not None and self.batch.metal
            self.batch = Batch(entry, now.utc)
            self.batch.metal = metal            # until this batch's CHECK_UNIT finds the tank empty
            self.batch.shared = dict(entry.control_recipe.get("shared", {}))
        elif self.batch is not None:
            self.batch.apply(entry, now.utc)
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
                return
