"""Causes that hide something: a vote that goes on one input short, a trip that ends itself."""

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


def lets_go(draft: Draft) -> Iterator[Fault]:
    """A trip that lets go by itself does not look at what it forces: its effect would end its cause, and the output would pulse."""
    for name, row in draft.interlocks.items():
        if row.latch and not row.permissive:
            continue
        scope, cause = Scope(draft, row.unit), parsed(row.cause)
        looked_at = {scope.tag(each) for each in cause.names} if cause else set[str | None]()
        for effect in row.effects:
            tag = scope.tag(effect)
            if tag in looked_at and tag in draft.tags and draft.tags[tag].output is not None:
                says = f"looks at {effect} ({tag}), which it forces: it would let go and trip again; latch it, or leave {effect} out"
                yield draft.fault(("interlocks", name, "cause"), says)


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


CHECKS = (degraded, lets_go)
