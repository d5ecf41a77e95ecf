"""A unit as its phases see it: its instruments, outputs and loops by role, its questions, its samples. What they want becomes entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from devices.quality import GOOD_LOCAL_OVERRIDE
from gateway.batch.density import Analysed, last_analysis
from gateway.batch.dosed import Dosed
from gateway.batch.procedure import BadInput, Hold, Phase
from gateway.batch.state import Batch
from gateway.control import loop as loops
from gateway.control.chain import Charged, Entry, IcpResult, LoopMode, MeterFell, Prompted, SampleRequested
from gateway.control.demand import Outputs
from gateway.control.image import SECOND, Image, Now
from gateway.control.loop import Loop
from gateway.control.machine import ENDED


class UnitWiring(msgspec.Struct, frozen=True):
    """What a unit gives its batches: roles to image tags, loops by role, stream of the analyzer, figures."""

    unit: str
    roles: dict[str, int]
    loops: dict[str, str]
    streams: dict[str, str]                     # number of the stream selector -> what it draws from
    volume_full_l: float
    parameters: dict[str, float]
    totals: dict[str, int] = {}                 # totals that this process computes: tag -> image index
    shared: dict[str, tuple[str, ...]] = {}     # phase -> units it uses that other tanks use too


class Unit:
    """One unit and the batch on it. ``outbox`` gathers the entries of this scan."""

    def __init__(self, wiring: UnitWiring, image: Image, outputs: Outputs, loop_table: Mapping[str, Loop], loop_of: Mapping[int, str],
                 interlocked: Callable[[str], list[str]]) -> None:
        self.wiring, self.image, self.outputs = wiring, image, outputs
        self.loops, self.loop_of = loop_table, loop_of
        self._interlocked = interlocked
        self.batch: Batch | None = None
        self.outbox: list[Entry] = []
        self.wanted: set[str] = set()           # loops that the active phases set in every scan
        self.now = Now(0, 0)
        self.acid: Dosed | None = None          # of this batch; None: not looked at yet in this life of the process
        self._seen: tuple[int, str, Analysed | None] = (0, "", None)       # results known, of which batch, what they say

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
        self.wanted.add(name)
        entry = loops.request(loop, mode, setpoint, "program", cause, out, rate)
        if isinstance(entry, LoopMode) and entry.mode not in ("MANUAL", loop.mode) and loop.blind(self.image):
            raise BadInput(name, "without a good pv")
        self._take(entry)

    def _take(self, entry: Entry | str | None) -> None:
        if isinstance(entry, str):
            raise Hold(entry)
        if entry is not None:
            self.emit(entry)

    def at_rest(self, phase: Phase) -> dict[int, float]:
        """The outputs of a phase when it doses nothing: image index -> value. A role that the unit does not have is left out."""
        tags = [self.wiring.roles[role] for role in phase.zeros if role in self.wiring.roles]
        found = {tag: 0.0 for tag in tags if tag in self.outputs.by_tag}
        for role in phase.feeds:
            loop = self.loops.get(self.wiring.loops.get(role, ""))
            if loop is not None and loop.row.output is not None:
                found[loop.row.output] = loop.row.share(0.0)
        return found

    def resting(self, role: str) -> float:
        """The output of a loop at which it does nothing. Raises Hold for a loop the unit does not have."""
        name = self.wiring.loops.get(role)
        if name is None:
            raise Hold(f"{self.wiring.unit} has no {role} loop")
        return self.loops[name].row.safe_out

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
        density = self.wiring.roles.get("liquor_density")
        if density is not None and self.image.quality[density] & 0xC0000000 == 0:
            figures["density_kg_m3"] = round(self.image.value[density], 3)
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
        """What an internal tag shows of the unit's batch (``config.phases.BATCH_FIGURES``); None when it is not known.

        Also ``phase.FILTER``, a step with that phase has begun and not ended, and ``state.HELD`` (IDLE without a batch).
        """
        batch = self.batch
        kind, _, which = name.partition(".")
        if kind == "phase":
            return float(batch is not None and any(run.phase == which for run in batch.active))
        if kind == "state":
            return float((batch.state if batch is not None else "IDLE") == which)
        running = batch is not None and batch.state not in (*ENDED, "IDLE")
        if name == "active":
            return float(running)
        if name == "metal":
            return float(batch is not None and batch.metal)
        if name.startswith("icp_"):
            return self._analysed(name) if running else None
        if batch is not None and name == "acid_dosed" and (running or batch.metal):     # over metal acid waits, batch or none
            return self._acid_dosed(batch)
        if batch is None or not running:
            return 0.0
        computed = batch.control_recipe["computed"]
        strength = batch.control_recipe["formula"].get("acid_strength", 0.0)
        return computed.get("acid", 0.0) / strength if strength else 0.0

    def _acid_dosed(self, batch: Batch) -> float | None:
        """By the meter's own total, which may fall (``Dosed``); None without it. A forced total is shown and not counted."""
        total = self.wiring.roles.get("acid_total")
        if total is None or self.image.quality[total] & 0xC0000000:
            return None
        if "acid_start_l" not in batch.shared:
            return 0.0
        reading = self.image.value[total]
        if self.acid is None:
            self.acid = Dosed(*(batch.acid or (0.0, batch.shared["acid_start_l"])))
        if self.image.quality[total] == GOOD_LOCAL_OVERRIDE:
            return self.acid.amount + reading - self.acid.reading
        was = self.acid.reading
        if self.acid.take(reading, self.image.asked[total]):
            self.emit(MeterFell(batch=batch.id, tag=self.image.names[total], was=was, now=reading, counted=round(self.acid.amount, 6)))
        return self.acid.amount

    def _analysed(self, name: str) -> float | None:
        """A figure of the last analysis of this unit's liquor; None before there is one."""
        batch = self.batch
        assert batch is not None
        if len(batch.results) != self._seen[0] or batch.id != self._seen[1]:
            self._seen = (len(batch.results), batch.id, last_analysis(batch.results, batch.requests, self.wiring.unit))
        last = self._seen[2]
        if last is None:
            return None
        if name == "icp_age":
            return max(self.now.utc - batch.asked_utc[last.sample], 0) / (60 * SECOND)
        return {"icp_tree": last.tree, "icp_tree_u": last.u, "icp_density": last.density, "icp_slope": last.slope,
                "icp_slope_u": last.slope_u}[name]  # fmt: skip
