"""Cross-checks: what each entry says about the others. Each check is a small function yielding faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set

from gateway.config.draft import Draft
from gateway.config.faults import Fault

Check = Callable[[Draft], Iterator[Fault]]
CHECKS: tuple[Check, ...] = ()


def check(draft: Draft, variables: Set[str] | None = None) -> list[Fault]:
    """Everything that does not fit together in a draft."""
    return [fault for each in CHECKS for fault in each(draft)]
