"""What is on its way to the record: entries that were decided and do not act yet, in order.

    outgoing.submitted(ticket, now, entries)
    for when, entries in outgoing.durable(committed, now):      # what may act now
        ...
"""

from __future__ import annotations

from collections import deque

from gateway.control.chain import Entry
from gateway.control.image import SECOND, Now


class Outgoing:
    """``waited_s``: how long the oldest of them has waited, as of the last look; 0 when none waits.

    Only time in which scans came counts, at most ``longest_s`` from one to the next: a process that was stopped for a minute has a
    record that is not late.
    """

    __slots__ = ("_awake_s", "_looked", "_waiting", "longest_s", "waited_s")

    def __init__(self, longest_s: float = 1.0) -> None:
        self._waiting: deque[tuple[int, Now, list[Entry], float]] = deque()
        self._awake_s = 0.0
        self._looked: int | None = None
        self.longest_s = longest_s
        self.waited_s = 0.0

    def submitted(self, ticket: int, now: Now, entries: list[Entry]) -> None:
        """The entries of a scan went to the journal under this ticket."""
        self._waiting.append((ticket, now, entries, self._awake_s))

    def durable(self, committed: int, now: Now) -> list[tuple[Now, list[Entry]]]:
        """What has become durable up to ticket ``committed``, each with the time of its scan; it waits no more."""
        found: list[tuple[Now, list[Entry]]] = []
        while self._waiting and self._waiting[0][0] <= committed:
            _, when, entries, _ = self._waiting.popleft()
            found.append((when, entries))
        if self._looked is not None:
            self._awake_s += min((now.mono - self._looked) / SECOND, self.longest_s)
        self._looked = now.mono
        self.waited_s = self._awake_s - self._waiting[0][3] if self._waiting else 0.0
        return found

    def __bool__(self) -> bool:
        return bool(self._waiting)
