"""Votes: a vote goes on with one input lost, so somebody must be told that it is lost."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.draft import Draft
from gateway.config.faults import Fault
from gateway.config.scope import Scope
from gateway.control.conditions import ConditionError, Expression, parse


def degraded(draft: Draft) -> Iterator[Fault]:
    """What a trip votes with has an alarm on its loss: ``bad(TAG)`` or ``not good(TAG)`` in the condition of an alarm."""
    watched = _watched(draft)
    told: set[str] = set()
    for name, row in draft.interlocks.items():
        scope, cause = Scope(draft, row.unit), parsed(row.cause)
        for voter in sorted(cause.names_in("vote")) if cause else ():
            tag = scope.tag(voter)
            if tag is not None and tag not in watched and tag not in told:
                told.add(tag)
                says = f"votes with {voter} ({tag}), and no alarm tells when it is lost: the vote would be one short and nobody knew"
                yield draft.fault(("interlocks", name, "cause"), says, (f"an alarm with 'when: bad({voter})'",))


def _watched(draft: Draft) -> set[str]:
    """Tags whose loss an alarm tells by itself."""
    found: set[str] = set()
    for alarm in draft.alarms.values():
        when = parsed(alarm.when) if alarm.of is None else None
        scope = Scope(draft, alarm.unit)
        found |= {tag for name in (when.names_in("bad", "good") if when else ()) if (tag := scope.tag(name))}
    return found


def parsed(text: str) -> Expression | None:
    """The expression of a text; None when it cannot be read."""
    try:
        return parse(text)
    except ConditionError:
        return None                             # told where it stands


CHECKS = (degraded,)
