"""Phases and states of batches as conditions may name them: ``phase.FILTER``, ``R-101.state.HELD``.

``phase.X`` is 1 while a step with that phase has begun and not ended, also while it is held: of the unit's own batch, and for
equipment that tanks share, of whichever batch runs that phase on it. ``state.X`` is 1 while the batch of the unit is in that state
(IDLE without a batch). Each such name that a row uses becomes an internal tag, so that it has a value, a quality and a history.

    >>> named("phase.FILTER", "R-101")
    ('R-101', 'phase.FILTER')
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.config.draft import Draft
from gateway.config.models import Tag
from gateway.config.phases import PHASES
from gateway.control.conditions import ConditionError, parse
from gateway.control.machine import PROCEDURAL

BATCH_CLASS = "leach_tank"                      # the equipment class whose units run batches
_NAME = re.compile(r"(?:(.+)\.)?((?:phase|state)\.[A-Z_]+)\Z")


def named(name: str, unit: str | None) -> tuple[str, str] | None:
    """Unit and figure of a name, seen from a unit; None for a name of another kind."""
    found = _NAME.match(name)
    where = None if found is None else found[1] or unit
    return None if found is None or where is None else (where, found[2])


def figures_of(draft: Draft, unit: str) -> set[str]:
    """Every phase and state that may be asked of a unit."""
    found = draft.units.get(unit)
    if found is None:
        return set()
    if found.equipment_class == BATCH_CLASS:
        return {f"phase.{phase}" for phase in PHASES} | {f"state.{state}" for state in PROCEDURAL}
    alike = {name for name, other in draft.units.items() if other.equipment_class == found.equipment_class}  # one may be in nobody's use
    shorts = {short for other in draft.units.values() for short, used in other.uses.items() if used in alike}
    return {f"phase.{phase.name}" for phase in PHASES.values() if shorts & set(phase.uses)}


def add_states(draft: Draft) -> None:
    """Make the internal tag of every phase and state that a row of the draft names, where there is such a one."""
    for unit, text in _texts(draft):
        try:
            names = parse(text).names
        except ConditionError:
            continue                            # told by the check of that text
        for name in names:
            where, figure = named(name, unit) or ("", "")
            if figure in figures_of(draft, where):
                tag = f"{where}.{figure}"
                draft.tags[tag] = Tag.model_validate(
                    {"description": f"{figure.replace('.', ' ')} of {where}", "internal": f"batch.{tag}", "states": {0: "no", 1: "yes"}}
                )
                draft.declared["tags"].add(tag)
                draft.generated.add(tag)


def _texts(draft: Draft) -> Iterator[tuple[str | None, str]]:
    """Every condition of the draft and the unit from which it is seen."""
    for row in draft.interlocks.values():
        yield row.unit, row.cause
        if row.reset is not None:
            yield row.unit, row.reset
    for alarm in draft.alarms.values():
        for text in (alarm.when if alarm.of is None else None, alarm.suppressed_when, alarm.clear_when):
            if text is not None:
                yield alarm.unit, text


def split(rest: str) -> tuple[str, str]:
    """Unit and figure of what stands behind ``batch.``: ``R-101.metal``, ``R-101.phase.FILTER``."""
    found = _NAME.match(rest)
    if found is not None and found[1]:
        return found[1], found[2]
    unit, _, figure = rest.rpartition(".")
    return unit, figure
