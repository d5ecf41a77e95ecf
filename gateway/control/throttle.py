"""A device that talks without end must not fill the record: so many words a minute, then only how many there were.

    >>> few = Throttle(2)
    >>> few.let(SECOND), few.let(SECOND), few.let(SECOND), few.let(70 * SECOND)
    ((True, 0), (True, 0), (False, 0), (True, 1))
"""

from __future__ import annotations

SECOND = 1_000_000_000
MINUTE_NS = 60 * SECOND


class Throttle:
    """See the module. ``most``: words of one minute that are let through."""

    __slots__ = ("_began_at", "_said", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self._said, self._began_at = 0, -MINUTE_NS

    def let(self, now: int) -> tuple[bool, int]:
        """Whether the next word goes through, and how many of the minute before it were kept back. ``now``: monotonic ns."""
        kept = 0
        if now - self._began_at >= MINUTE_NS:
            kept, self._said, self._began_at = max(self._said - self.most, 0), 0, now
        self._said += 1
        return self._said <= self.most, kept
