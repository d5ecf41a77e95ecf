"""The process image: one scalar per tag with its quality and times, in plain list columns.

    >>> image = Image(["TT-1011A"], max_age_ns=[5_000_000_000])
    >>> image.put(0, 61.5, GOOD, asked=10, seen=20, source=0)
    >>> image.age(5_000_000_021); image.quality[0] == BAD_NO_COMMUNICATION
    True
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from devices.quality import BAD_NO_COMMUNICATION, BAD_WAITING_FOR_INITIAL_DATA, GOOD
from gateway.control.uncertainty import Doubts

__all__ = ["GOOD", "BAD_NO_COMMUNICATION", "Image", "Now", "Reading", "SECOND"]

SECOND = 1_000_000_000


class Now(msgspec.Struct, frozen=True, gc=False):
    """One instant: ``mono`` decides (plant time, ns: nobody sets it, and it goes on while the machine sleeps), ``utc`` is written down
    (ns since 1970).
    """

    mono: int
    utc: int


class Reading(msgspec.Struct, frozen=True):
    """A value with its quality and the two times: when it was true at its source and when we saw it (ns)."""

    value: float
    quality: int
    source_utc: int
    seen_mono: int


class Image:
    """Columns over tags: ``value``, ``quality``, ``source`` (UTC ns), ``seen`` and ``asked`` (monotonic ns).

    ``asked`` is when the reading was requested: only a reading asked for after a write can verify it.
    A tag older than its ``max_age`` turns Bad by itself (``age``); the last good value is never live again until a new
    reading arrives. Time does not run backwards: a reading is never seen before the last ``age``.
    """

    __slots__ = ("_old_at", "_shortest", "asked", "doubts", "index", "max_age", "names", "quality", "seen", "source", "value")

    def __init__(self, names: Sequence[str], max_age_ns: Sequence[int]) -> None:
        n = len(names)
        self.names = list(names)
        self.index = {name: i for i, name in enumerate(names)}
        self.max_age = list(max_age_ns)
        self.value: list[float] = [0.0] * n
        self.quality: list[int] = [BAD_WAITING_FOR_INITIAL_DATA] * n
        self.source: list[int] = [0] * n
        self.seen: list[int] = [0] * n
        self.asked: list[int] = [0] * n
        self.doubts = Doubts(self.value, self.quality)    # how well the values are known
        self._shortest = min(self.max_age, default=0)
        self._old_at = 0                    # no tag can be too old before

    def put(self, i: int, value: float, quality: int, *, asked: int, seen: int, source: int) -> None:
        """Take in one reading of tag ``i``."""
        self.value[i] = value
        self.quality[i] = quality
        self.asked[i] = asked
        self.seen[i] = seen
        self.source[i] = source

    def spoil(self, indices: Sequence[int], quality: int) -> None:
        """Make tags Bad at once, keeping the time they were last seen."""
        for i in indices:
            self.quality[i] = quality

    def age(self, now_mono: int) -> None:
        """Turn every tag Bad whose reading is older than it may be."""
        if now_mono <= self._old_at:
            return
        quality, seen = self.quality, self.seen
        old_at = now_mono + self._shortest          # of what is read from now on
        for i, limit in enumerate(self.max_age):
            if quality[i] < 0x80000000:
                if now_mono - seen[i] > limit:
                    quality[i] = BAD_NO_COMMUNICATION
                elif seen[i] + limit < old_at:
                    old_at = seen[i] + limit
        self._old_at = old_at

    def reading(self, name: str) -> Reading:
        """The reading of a tag by name. Raises KeyError for an unknown tag."""
        i = self.index[name]
        return Reading(self.value[i], self.quality[i], self.source[i], self.seen[i])
