"""Suspended protection: where a row may be bypassed or a tag forced, an alarm tells that it is."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.checks.votes import parsed
from gateway.config.draft import Draft
from gateway.config.faults import Fault
from gateway.config.scope import Scope


def announced(draft: Draft) -> Iterator[Fault]:
    """What is suspended is told: an alarm on ``bypasses.<unit>``, ``demands.<unit>`` and ``forces.<unit>`` where there can be such."""
    told = _told(draft)
    bypassable = {row.unit for row in draft.interlocks.values() if row.bypass}
    for name, unit in draft.units.items():
        forcible = any(tag in draft.tags and draft.tags[tag].device is not None for tag in unit.roles.values())
        for kind, possible in (("bypasses", name in bypassable), ("demands", name in bypassable), ("forces", forcible)):
            if possible and f"{kind}.{name}" not in told:
                wanted = f"an alarm on a tag with 'internal: {kind}.{name}'"
                yield draft.fault(("units", name), _UNTOLD[kind], (wanted,))


def _told(draft: Draft) -> set[str]:
    """Internal figures that an alarm looks at."""
    found: set[str] = set()
    for alarm in draft.alarms.values():
        when, scope = parsed(alarm.when) if alarm.of is None else None, Scope(draft, alarm.unit)
        for tag in {scope.tag(name) for name in when.names} if when else ():
            internal = draft.tags[tag].internal if tag in draft.tags else None
            found |= {internal} if internal else set()
    return found


_UNTOLD = {
    "bypasses": "an interlock of it may be bypassed, and no alarm tells when one is",
    "demands": "an interlock of it may be bypassed, and no alarm tells when its cause stands all the same",
    "forces": "tags of it may be forced, and no alarm tells when one is",
}
CHECKS = (announced,)
