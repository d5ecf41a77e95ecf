"""What the journal says of one batch: a fold of its entries, the same code live and after a restart.

    batch = Batch(created, utc)
    for stored in entries:
        batch.apply(stored.entry, stored.utc)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.batch.procedure import Context
from gateway.control.chain import (
    Balance,
    BatchCreated,
    BatchState,
    Charged,
    Entry,
    IcpResult,
    MeterFell,
    Prompted,
    SampleRequested,
    StepState,
)
from gateway.control.image import SECOND
from gateway.control.machine import ENDED

Held = dict[str, tuple[float, float]]                       # element -> kg and its standard uncertainty
METALLIC = ("metal", "partly_oxidised")                     # feeds that make hydrogen: of a partly oxidised one a share is metal still
ACID_DOSED, ACID_TOTAL = "acid_dosed", "acid_total"         # what a step's totals say of the acid: litres dosed, and where the meter stood
EMPTIED = ("TO_BUFFER", "CHECK_UNIT")                       # phases whose end proves that nothing is left in the tank


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
        self.asked_utc: dict[str, int] = {}     # sample -> when it was drawn, by our own clock
        self.acid: tuple[float, float] | None = None            # dosed, and where its meter stood then
        self.prompts: dict[str, str | None] = {}
        self.prompt_texts: dict[str, str] = {}
        self.charges: list[Charged] = []
        self.saved: dict[str, tuple[dict[str, Any], int]] = {}      # step -> (memory, utc of its start)
        self.metal = False                                          # metallic feed lies in the tank, also after the batch has ended
        self.opening: Held | None = {}                              # what the batch before it left in the tank; None: nobody knows
        self.closing: Held | None = None                            # what this one leaves, once its balance is drawn

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
            if ACID_DOSED in entry.totals:
                self.acid = entry.totals[ACID_DOSED], entry.totals[ACID_TOTAL]
            if run.phase == "DOSE_SOLIDS" and entry.was == "IDLE":
                self.metal = self.metal or self.lot.get("feed_state") in METALLIC
            elif run.phase in EMPTIED and entry.now == "COMPLETE":
                self.metal = False
        elif isinstance(entry, MeterFell):
            self.acid = entry.counted, entry.now
        elif isinstance(entry, Prompted):
            self.prompts[entry.prompt] = entry.answer if entry.event == "answered" else None
            self.prompt_texts[entry.prompt] = entry.text or self.prompt_texts.get(entry.prompt, "")
        elif isinstance(entry, SampleRequested):
            self.requests[entry.sample] = entry
            self.asked_utc[entry.sample] = utc
        elif isinstance(entry, IcpResult):
            if entry.sample in self.requests and all(known.sample != entry.sample for known in self.results):
                self.results.append(entry)      # one result per sample that was asked for
        elif isinstance(entry, Charged):
            self.charges.append(entry)
        elif isinstance(entry, Balance):
            heel = entry.inputs.get("closing_heel")
            self.closing = None if heel is None else {element: (kg, u) for element, (kg, u) in heel.items()}

    def follows(self, earlier: Batch) -> None:
        """What an earlier batch on the unit left behind is in the tank when this one begins."""
        self.metal = earlier.metal              # until this batch's CHECK_UNIT finds the tank empty
        charged = any(each.material == "solids" for each in earlier.charges)
        self.opening = earlier.closing if earlier.closing is not None or charged else earlier.opening

    def claims(self, shared: Mapping[str, Sequence[str]]) -> set[str]:
        """Shared units that are this batch's: from the first step that uses one to the end of the last. ``shared``: phase -> units."""
        if self.state in ENDED:
            return set()
        found: set[str] = set()
        for unit in {unit for units in shared.values() for unit in units}:
            states = [run.state for run in self.steps.values() if unit in shared.get(run.phase, ())]
            if any(state != "IDLE" for state in states) and any(state not in ENDED for state in states):
                found.add(unit)
        return found

    @property
    def active(self) -> list[StepRun]:
        """Steps that have begun and not ended."""
        return [run for run in self.steps.values() if run.state not in ("IDLE", *ENDED)]

    @property
    def open_prompts(self) -> dict[str, str]:
        """Questions without an answer: prompt -> text."""
        return {name: self.prompt_texts[name] for name, answer in self.prompts.items() if answer is None}


def _step(name: str, spec: Mapping[str, Any]) -> StepRun:
    timeout_ns = round(spec["timeout_min"] * 60 * SECOND)
    return StepRun(name, spec["phase"], spec["operation"], spec["parameters"], timeout_ns, tuple(spec.get("parallel", ())))
