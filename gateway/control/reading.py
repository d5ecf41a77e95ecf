"""Which nodes of an OPC UA device are read when: all of them at the period of the bulk read, some more often.

    >>> reading = Reading(("nd", "state"), poll_ns=5_000, proof={"nd": 5_000, "state": 1_000})
    >>> reading.due(0), reading.due(500), reading.due(1_000), reading.due(5_000)
    (('nd', 'state'), (), ('state',), ('nd', 'state'))

A notification comes only with a change: a value that stands still is proved by reading it, at least twice within its
maximum age (``proof``). What the server takes in no subscription is polled at its own rate. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class Reading:
    """The read ticks of one device, on the shared grid of multiples of each period."""

    def __init__(self, names: tuple[str, ...], poll_ns: int, proof: Mapping[str, int]) -> None:
        self.names, self.poll_ns = names, poll_ns
        self._proof = dict(proof)
        self._periods = dict(proof)
        self._ticks: dict[int, int] = {}
        self._everything = True
        self._next: dict[str, None] = {}        # in order

    def reset(self) -> None:
        """A new connection: everything at once, nothing polled faster than its proof."""
        self._periods, self._everything = dict(self._proof), True
        self._next.clear()

    def poll(self, rates: Mapping[str, int]) -> None:
        """From now on these names are read at these periods, ns."""
        self._periods |= {name: min(self._periods.get(name, self.poll_ns), period) for name, period in rates.items()}

    def at_once(self, names: Iterable[str] | None = None) -> None:
        """These names (None: all) are due at the next question."""
        if names is None:
            self._everything = True
        else:
            self._next |= dict.fromkeys(names)

    def due(self, now: int) -> tuple[str, ...]:
        """The names to read now (monotonic ns), marked as asked for; none when none is due."""
        whole = self._everything or self._turned(self.poll_ns, now)
        names = dict(self._next)
        for period in {self.poll_ns, *self._periods.values()}:
            if whole or self._turned(period, now):
                self._ticks[period] = now // period
                names |= dict.fromkeys(name for name, each in self._periods.items() if each == period)
        self._everything = False
        self._next.clear()
        return self.names if whole else tuple(name for name in self.names if name in names)

    def idle(self, now: int) -> bool:
        """Whether nothing is due at ``now``."""
        return not (self._everything or self._next or any(self._turned(period, now) for period in {self.poll_ns, *self._periods.values()}))

    def _turned(self, period: int, now: int) -> bool:
        return self._ticks.get(period) != now // period
