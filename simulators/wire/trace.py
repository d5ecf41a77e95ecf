"""What happened on the wire, in order: proof that a seed plays the same run again, and the first thing to read when one fails."""

from __future__ import annotations

import hashlib
from collections import deque
from typing import NamedTuple

KEPT = 100_000          # events that are kept to be read; the digest covers all of them


class Event(NamedTuple):
    """One thing on the wire. ``at_s``: loop time; ``who``: connection and direction; ``size``: bytes, 0 where there are none."""

    at_s: float
    who: str
    what: str
    size: int = 0

    def __str__(self) -> str:
        return f"{self.at_s:14.6f}  {self.who:32} {self.what}{f' {self.size} B' if self.size else ''}"


class Trace:
    """All events so far. ``count``: of all, also of those no longer kept."""

    __slots__ = ("count", "events", "_hash")

    def __init__(self) -> None:
        self.count = 0
        self.events: deque[Event] = deque(maxlen=KEPT)
        self._hash = hashlib.blake2b(digest_size=16)

    def note(self, at_s: float, who: str, what: str, size: int = 0) -> None:
        """Write one event down."""
        self.count += 1
        self.events.append(Event(at_s, who, what, size))
        self._hash.update(f"{at_s!r} {who} {what} {size}\n".encode())

    @property
    def digest(self) -> str:
        """Two runs with the same digest had the same events in the same order at the same times."""
        return self._hash.hexdigest()

    def of(self, what: str, who: str = "") -> list[Event]:
        """The kept events of one kind, of those whose ``who`` begins with this."""
        return [event for event in self.events if event.what == what and event.who.startswith(who)]

    def tail(self, count: int = 12) -> str:
        """The last events, one a line."""
        return "\n".join(str(event) for event in list(self.events)[-count:])
