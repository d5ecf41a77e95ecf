"""Equipment that batches share: recipes take it in one order, or two batches could wait for one another for ever.

A batch has a shared unit from the first step whose phase uses it to the end of the last (``gateway.batch.state``).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from gateway.config.draft import Draft
from gateway.config.faults import Fault
from gateway.config.models import Recipe
from gateway.config.phases import PHASES, QUEUED


class Taking(msgspec.Struct, frozen=True):
    """A recipe takes ``wanted`` at ``step`` while it has ``held``."""

    recipe: str
    step: str
    held: str
    wanted: str


def takings(name: str, recipe: Recipe) -> Iterator[Taking]:
    """Every unit that a recipe takes while it has another; what begins together is taken together."""
    beside = {other: main for main, step in recipe.procedure.items() for other in step.parallel}
    at = {key: i for i, key in enumerate(recipe.procedure)}
    first: dict[str, tuple[int, str]] = {}
    last: dict[str, int] = {}
    for key, step in recipe.procedure.items():
        when = at[beside.get(key, key)] if beside.get(key, key) in at else at[key]
        for unit in PHASES[step.phase].uses if step.phase in PHASES else ():
            if unit not in QUEUED:
                first.setdefault(unit, (when, key))
                last[unit] = when
    for held, (begun, _) in first.items():
        for wanted, (when, key) in first.items():
            if begun < when <= last[held]:
                yield Taking(name, key, held, wanted)


def one_order(draft: Draft) -> Iterator[Fault]:
    """No unit is taken while another is held that some recipe takes, at last, while it holds the first."""
    every = [taking for name, recipe in draft.recipes.items() for taking in takings(name, recipe)]
    for each in every:
        against = _reaches(every, each.wanted, each.held)
        if against is not None:
            here = f"takes {each.wanted} while the batch has {each.held}"
            there = f"{against.recipe} takes {against.wanted} while it has {against.held}"
            path = ("recipes", each.recipe, "procedure", each.step)
            yield draft.fault(path, f"{here}; {there}: two batches could wait for one another for ever")


def _reaches(every: list[Taking], start: str, goal: str) -> Taking | None:
    """The last taking of a chain from one unit to another; None where there is none."""
    seen, ahead = {start}, [start]
    while ahead:
        here = ahead.pop()
        for each in every:
            if each.held == here and each.wanted == goal:
                return each
            if each.held == here and each.wanted not in seen:
                seen.add(each.wanted)
                ahead.append(each.wanted)
    return None


CHECKS = (one_order,)
