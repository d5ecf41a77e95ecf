"""The little of an event loop that a link uses, with time moved by hand: for hundreds of thousands of exchanges in one test."""

from __future__ import annotations


class Timer:
    """A timer of the hand-moved loop."""

    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class HandLoop:
    """The little of an event loop that a link uses, with time moved by hand."""

    def __init__(self) -> None:
        self.at = 0.0
        self.timers: list[tuple[float, int, Timer, object, tuple[object, ...]]] = []
        self._number = 0

    def time(self) -> float:
        return self.at

    def call_at(self, when: float, call: object, *arguments: object) -> Timer:
        self._number += 1
        timer = Timer()
        self.timers.append((when, self._number, timer, call, arguments))
        return timer

    def step(self) -> None:
        """Go to the next timer and run it."""
        first = min(self.timers, key=lambda each: each[:2])
        self.timers.remove(first)
        when, _, timer, call, arguments = first
        self.at = max(self.at, when)
        if not timer.cancelled:
            call(*arguments)  # type: ignore[operator]
