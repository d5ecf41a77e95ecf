"""What changes by entries alone, most of them when they are durable, some at once: an output, a loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from gateway.control.chain import Entry

E = TypeVar("E", bound=Entry)


class Folded(ABC, Generic[E]):
    """``asked``: the last that was asked of it, until that is in the record; ``ahead``: has acted before the record has it.

    What is on its way before ``ahead`` comes to nothing, as the fold of the record will have it.
    """

    __slots__ = ("ahead", "asked")

    def __init__(self) -> None:
        self.ahead: E | None = None
        self.asked: E | None = None

    def apply(self, entry: E) -> None:
        """Fold one entry that is durable."""
        self.asked = None if entry is self.asked else self.asked
        if self.ahead is None:
            self._fold(entry)
        elif entry is self.ahead:
            self.ahead = None

    def at_once(self, entry: E) -> E:
        """The same before the entry is durable, for what waits for nobody; returns the entry."""
        self._fold(entry)
        self.ahead, self.asked = entry, None
        return entry

    @abstractmethod
    def _fold(self, entry: E) -> None:
        """What an entry changes."""
