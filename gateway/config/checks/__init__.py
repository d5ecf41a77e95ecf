"""Cross-checks: what each entry says about the others. Each check is a small function yielding faults of a draft."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set

from gateway.config.checks import derived, devices, loops, lots, matrix, outputs, recipes, simulation, site, tags, units
from gateway.config.draft import Draft
from gateway.config.faults import Fault

Check = Callable[[Draft], Iterator[Fault]]
ROOMS = (site, devices, tags, outputs, derived, units, loops, matrix, recipes, lots, simulation)
CHECKS: tuple[Check, ...] = tuple(check for room in ROOMS for check in room.CHECKS)


def check(draft: Draft, variables: Set[str] | None = None) -> list[Fault]:
    """Everything that does not fit together in a draft; ``variables`` are those of the simulated world, if at hand."""
    faults = [fault for each in CHECKS for fault in each(draft)]
    if variables is not None:
        faults += simulation.variables_exist(draft, variables)
    return faults


def check_at_last(draft: Draft) -> list[Fault]:
    """What can only be tried when all else is right."""
    return [fault for each in lots.AT_LAST for fault in each(draft)]
