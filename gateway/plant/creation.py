"""From a start command to a batch: recipe, lot, unit and formula fit together, or a sentence says why they do not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gateway.batch.engine import Engine
from gateway.batch.recipe import RecipeRefused, Signature, instantiate, recipe_hash
from gateway.batch.state import METALLIC
from gateway.config.models import Config
from gateway.config.phases import PHASES
from gateway.control.chain import BatchCreated
from gateway.control.checks import Checks
from gateway.control.command import Command
from gateway.control.image import Now
from gateway.control.machine import ENDED
from gateway.plant.checking import leans_on

_BATCH_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Creation:
    """Makes a batch from a start command: recipe, lot, unit, formula; a sentence when it cannot be."""

    def __init__(self, config: Config, units: Mapping[str, Engine], checks: Checks) -> None:
        self.config, self.units, self.checks = config, units, checks
        self.signatures = {
            name: {key: Signature(p.unit, p.low, p.high, p.default) for key, p in phase.parameters.items()}
            for name, phase in PHASES.items()
        }

    def __call__(self, command: Command, now: Now) -> BatchCreated | str:
        a = command.arguments
        recipe, lot, unit = self.config.recipes.get(a["recipe"]), self.config.lots.get(a["lot"]), a.get("unit", "R-101")
        if recipe is None or lot is None or unit not in self.units:
            missing = f"recipe {a['recipe']!r}" if recipe is None else f"lot {a['lot']!r}" if lot is None else f"unit {unit!r}"
            return f"no {missing}"
        refused = self._refuse(command.target, recipe, lot, unit)
        refused = refused or self.checks.forbids(leans_on(self.config, unit, recipe.recipe), lot.feed_state, now.utc)
        if refused:
            return refused
        figures = {"number": float(self.config.units[unit].number), **self.config.units[unit].parameters}
        plain_lot = lot.model_dump(mode="json")
        try:
            control = instantiate(recipe.model_dump(mode="json"), plain_lot, unit, figures, self.signatures, a.get("formula"))
        except RecipeRefused as error:
            return str(error)
        return BatchCreated(
            batch=command.target,
            unit=unit,
            recipe=recipe.recipe,
            recipe_hash=recipe_hash(control),
            control_recipe=control,
            lot=plain_lot,
            who=command.who,
            checks=self.checks.stood(leans_on(self.config, unit, recipe.recipe), lot.feed_state, now.utc),
        )

    def _refuse(self, batch: str, recipe: Any, lot: Any, unit: str) -> str | None:
        running = self.units[unit].batch
        if running is not None and running.state not in (*ENDED, "IDLE"):
            return f"{unit} carries batch {running.id} ({running.state})"
        if not _BATCH_NAME.fullmatch(batch):
            return f"{batch!r} is no name for a batch: letters, digits, dot, dash and underscore, at most 64"
        if recipe.status in ("draft", "retired"):
            return f"recipe {recipe.recipe} is {recipe.status}: only test or released recipes run"
        if lot.feed_state in METALLIC and any(
            e.batch is not None and (e.batch.metal or (e.batch.state not in ENDED and e.batch.lot.get("feed_state") in METALLIC))
            for name, e in self.units.items()
            if name != unit
        ):
            return "one tank with metal at a time: they share one fan"
        return None
