"""The scripted operator: brings the line up, tips the lot, answers prompts. For demos and rehearsals, never for a plant.

Every action is an ordinary command under the name ``scripted operator``; nothing is done that a person could not do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

WHO = "scripted operator"
SETTLE_NS = 60_000_000_000  # the operator waits a minute of plant time for fan and scrubber


class Action(msgspec.Struct, frozen=True):
    """One command: verb, target, why, arguments."""

    verb: str
    target: str
    why: str
    arguments: dict[str, Any] = {}


# Before any batch: extraction and scrubber on, caustic on pH. Setpoints: domain table of the flowsheet, scrubber row.
BRING_UP = (
    Action("output.set", "XS-302", "scrubber liquid on before any batch", {"value": 1}),
    Action("output.set", "XS-301", "extraction on before any batch", {"value": 1}),
    Action("loop.set", "SIC-301", "extraction on before any batch", {"mode": "AUTO", "sp": 80}),
    Action("loop.set", "AIC-301", "scrubber alkaline", {"mode": "AUTO", "sp": 9.5}),
)


class Operator:
    """Looks at the plant once per scan and says what to do. ``tip(lot, kg)`` moves the simulated drums."""

    def __init__(
        self,
        batch: str,
        recipe: str,
        lot: str,
        unit: str,
        tip: Callable[[str, float], None],
        begin: Callable[[str], None],
        formula: Mapping[str, float] | None = None,
        checks: Sequence[Action] = (),
    ) -> None:
        self.batch, self.recipe, self.lot, self.unit = batch, recipe, lot, unit
        self.tip, self.begin = tip, begin
        self.formula = dict(formula or {})
        self.checks = list(checks)      # calibrations to write down before the first batch
        self.first: int | None = None  # plant time (ns) at which the plant was first seen armed
        self.started = False
        self._answered: set[str] = set()

    def look(self, armed: bool, mono: int, prompts: Mapping[str, str], charge_kg: float) -> list[Action]:
        """What to do now. ``mono``: plant time, ns; ``prompts``: the batch's open questions; ``charge_kg``: wanted in the hopper."""
        if not armed:
            return []
        if self.first is None:
            self.first = mono
            return [*BRING_UP, *self.checks]
        if not self.started and mono - self.first >= SETTLE_NS:
            self.started = True
            self.begin(self.unit)
            return [
                Action(
                    "batch.start",
                    self.batch,
                    "demonstration batch",
                    {"recipe": self.recipe, "lot": self.lot, "unit": self.unit, "formula": self.formula},
                )
            ]
        actions: list[Action] = []
        for prompt in prompts:
            if prompt in self._answered:
                continue
            self._answered.add(prompt)
            if prompt == "lot-tipped":
                self.tip(self.lot, charge_kg)
            actions.append(Action("prompt.answer", f"{self.batch}/{prompt}", "seen to", {"answer": "yes"}))
        return actions
