"""The list of alarms as a person reads it: what is worst first; in a flood what can wait is folded, and nothing critical ever is.

    lines = listed(alarms.items, says, fold=alarms.flood.active)
    lines[0].alarm, lines[0].first_out, lines[0].action

Order: priority, then what is not acknowledged, then what sounded last. A fold stands for the alarms of one priority, unit and
first-out group that are medium or low; it names the first-out of them, or else the one that sounded first, and counts the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from gateway.control.alarm import LISTED, Alarm

PRIORITIES = ("critical", "high", "medium", "low")      # the worst first
FOLDED = ("medium", "low")                              # what can wait in a flood
_UNSEEN = ("UNACK", "RTNUN", "LATCHED")
_LAST = len(PRIORITIES)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a list. ``others``: names of alarms that the line stands for beside its own."""

    alarm: str
    unit: str
    state: str
    priority: str
    since_utc: int                              # when it last sounded
    group: str = ""
    first_out: bool = False
    says: str = ""                              # what a link or device says of it
    cause: str = ""
    consequence: str = ""
    action: str = ""
    response_min: float = 0.0
    who: str = ""                               # the last that a person did with it
    why: str = ""
    asked_utc: int = 0
    until_utc: int = 0                          # end of a shelving
    others: tuple[str, ...] = ()


Says = Callable[[Alarm], str]


def listed(items: Sequence[Alarm], says: Says, *, fold: bool = False, unit: str = "") -> list[Line]:
    """The alarms that wait for somebody, of one unit or of all; folded in a flood."""
    shown = sorted((item for item in items if item.state in LISTED and unit in ("", item.row.unit)), key=worst_first)
    if not fold:
        return [_line(item, says) for item in shown]
    folds: dict[tuple[str, str, str], list[Alarm]] = {}
    for item in shown:
        row = item.row
        key = (row.priority, row.unit, row.group) if row.priority in FOLDED else (row.priority, row.unit, row.name)
        folds.setdefault(key, []).append(item)
    return [_fold(together, says) for together in folds.values()]


def aside(items: Sequence[Alarm], says: Says, state: str, unit: str = "") -> list[Line]:
    """The alarms that are shelved (SHLVD), out of service (OOSRV) or suppressed by design (DSUPR)."""
    return [_line(item, says) for item in sorted(items, key=worst_first) if item.state == state and unit in ("", item.row.unit)]


def worst_first(item: Alarm) -> tuple[int, bool, int, str]:
    """Where an alarm stands in a list."""
    priority = item.row.priority
    return PRIORITIES.index(priority) if priority in PRIORITIES else _LAST, item.state not in _UNSEEN, -item.sounded_utc, item.row.name


def _fold(together: list[Alarm], says: Says) -> Line:
    head = min(together, key=lambda item: (not item.first_out, item.sounded_utc))
    return _line(head, says, tuple(item.row.name for item in together if item is not head))


def _line(item: Alarm, says: Says, others: tuple[str, ...] = ()) -> Line:
    row = item.row
    return Line(alarm=row.name, unit=row.unit, state=item.state, priority=row.priority, since_utc=item.sounded_utc, group=row.group,
                first_out=item.first_out, says=says(item), cause=row.cause, consequence=row.consequence, action=row.action,
                response_min=row.response_min, who=item.who, why=item.why, asked_utc=item.asked_utc,
                until_utc=item.shelved_until if item.state == "SHLVD" else 0, others=others)
