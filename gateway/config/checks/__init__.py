"""Cross-checks: what each entry says about the others. Each check is a small function yielding faults of a draft."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set

from gateway.config.checks import (
    alarms,
    derived,
    devices,
    fitness,
    instruments,
    links,
    loops,
    lots,
    matrix,
    outputs,
    recipes,
    security,
    sharing,
    simulation,
    site,
    suspensions,
    tags,
    units,
    votes,
)
from gateway.config.draft import Draft
from gateway.config.faults import Fault

Check = Callable[[Draft], Iterator[Fault]]
ROOMS = (
    site, instruments, links, devices, security, tags, outputs, derived, units, loops, matrix, votes, suspensions, fitness, alarms, recipes,
    sharing, lots, simulation,
)  # fmt: skip
CHECKS: tuple[Check, ...] = tuple(check for room in ROOMS for check in room.CHECKS)


def check(draft: Draft, variables: Set[str] | None = None) -> list[Fault]:
    """Everything that does not fit together in a draft; ``variables`` are those of the simulated world, if at hand."""
    faults: list[Fault] = []
    for room in ROOMS:
        faults += [fault for each in room.CHECKS for fault in each(draft)]
        draft.doubtful |= {name for fault in faults if (name := _doubtful(fault))}
    if variables is not None:
        faults += simulation.variables_exist(draft, variables)
    return faults


def _doubtful(fault: Fault) -> str | None:
    """The name of a tag whose unit, or of a lot whose assay, is in doubt: others that hang on it are not judged."""
    section, _, rest = fault.path.partition(".")
    name, _, key = rest.partition(".")
    if section in ("tags", "derived"):
        return name if key in ("unit", "of", "device", "point") else None
    return name if section == "lots" else None


def check_at_last(draft: Draft) -> list[Fault]:
    """What can only be tried when all else is right."""
    return [fault for each in lots.AT_LAST for fault in each(draft)]
