"""Keeping one connection: made, lost and made again, or at rest because its device wants to be left alone between two scans.

What is asked over it is for whoever builds on this (``modbus``). A connection that is lost costs every device behind it at
once; one that cannot be made, at the third try.
"""

from __future__ import annotations

import abc
import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from devices.exchange import Read, Reply, Write
from gateway.control.health import Health
from gateway.control.image import Now
from gateway.links.transport import Wire
from gateway.links.ways import Way

CONNECT_S = 3.0
BACKOFF_S = (0.1, 4.0)          # first delay and cap: with the scan that then asks, a device is Good 5 s after its return
TRIES_BEFORE_LOST = 3


class Talker(Protocol):
    """What a link needs of a conversation. ``pause_s``: wall time the device wants between two requests, ``settle_s`` before the
    first of a connection; ``keep``: whether it lets a connection stand; ``quiet``: it has nothing to ask until something happens
    to it; ``patience_s``: of its watchdog, if it has one; ``reads``: what it asks for.
    """

    health: Health
    pause_s: float
    settle_s: float
    keep: bool
    read_only: bool
    quiet: bool
    unit: int
    events: list[tuple[str, str]]
    patience_s: float | None

    @property
    def reads(self) -> tuple[Read, ...]: ...
    @property
    def state(self) -> str: ...
    @property
    def urgent(self) -> bool: ...
    def due(self, now: int) -> Read | Write | None: ...
    def absorb(self, reply: Reply, now: Now) -> None: ...
    def lost(self, now: Now, why: str) -> None: ...
    def connected(self, now: int) -> None: ...
    def resumed(self) -> None: ...


class Tally(msgspec.Struct):
    """What happened on a link that no device can be blamed for."""

    connects: int = 0
    failures: int = 0           # connection attempts that failed since the last that did not
    losses: int = 0
    timeouts: int = 0
    late: int = 0               # answers to requests that had timed out: the timeout is too short
    surplus: int = 0            # answers to nothing, or a second one
    strange: int = 0            # right transaction, wrong unit
    malformed: int = 0
    garbage: int = 0
    garbled: int = 0            # on a bus: answers with a wrong CRC
    noise: int = 0              # bytes that were part of no frame
    canaries: int = 0           # reads that went before a request


class Flight(msgspec.Struct, gc=False):
    """One request on its way: whose, what, the frame as sent, and when (loop time, s)."""

    conversation: Talker
    request: Read | Write
    frame: bytes
    sent_at: float


class Calling(abc.ABC):
    """See the module. ``connect_s``: of one attempt to connect; ``backoff_s``: first delay and cap before the way is tried again."""

    __slots__ = (
        "_alarm", "_backoff", "_clock", "_drained", "_flights", "_gone", "_keep", "_loop", "_overdue", "_paused", "_resting", "_rng",
        "_settle_s", "_silence", "_silent", "_wanted", "_wire", "backoff_s", "connect_s", "conversations", "name", "tally", "way",
    )  # fmt: skip

    def __init__(self, name: str, way: Way, conversations: Sequence[Talker], *, clock: Callable[[], Now], rng: random.Random,
                 connect_s: float, backoff_s: tuple[float, float]) -> None:
        self.name, self.way, self.conversations = name, way, tuple(conversations)
        self.connect_s, self.backoff_s = connect_s, backoff_s
        self.tally = Tally()
        self._backoff = backoff_s[0]
        self._clock, self._rng = clock, rng
        self._loop: asyncio.AbstractEventLoop
        self._wire: Wire | None = None
        self._gone: asyncio.Future[str] | None = None
        self._drained: list[asyncio.Future[None]] = []
        self._flights: dict[int, Flight] = {}       # by transaction, oldest first
        self._alarm: asyncio.TimerHandle | None = None
        self._paused: asyncio.TimerHandle | None = None
        self._overdue: dict[int, Talker] = {}
        self._silence = 0                   # timeouts since the last answer of any unit (of lost ones only when all are lost)
        self._silent: set[int] = set()      # and whose they were
        self._settle_s = max((each.settle_s for each in self.conversations), default=0.0)
        self._keep = all(each.keep for each in self.conversations)
        self._resting, self._wanted = False, asyncio.Event()    # closed by us until there is something to ask

    @abc.abstractmethod
    def _next(self, now: int) -> None:
        """Ask what is due."""

    @abc.abstractmethod
    def _resume(self) -> None:
        """A pause is over."""

    # ------------------------------------------------------------------------------------------ what a wire tells its owner
    @abc.abstractmethod
    def received(self, transaction: int, unit: int, pdu: bytes) -> None:
        """One whole frame came in."""

    @abc.abstractmethod
    def settled(self) -> None:
        """All whole frames of a segment have been handed over."""

    def garbage(self, what: str) -> None:
        """The wire closes itself because it no longer makes sense."""
        self.tally.garbage += 1

    def disconnected(self, why: str) -> None:
        """The connection is gone: the request in flight fails now, and every device behind it is lost."""
        if self._wire is None:
            return
        self._wire = None
        self.tally.losses += 1
        self._lose(f"{self.name} {self.way.place}: {why}")
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(why)

    # ---------------------------------------------------------------------------------------------------------- its life
    async def run(self) -> None:
        """Connect, and connect again whenever the connection is gone, until cancelled."""
        try:
            while True:
                up = await self._connect()
                if up and self._gone is not None:
                    await self._gone
                if up and self._resting:
                    await self._wanted.wait()
                else:
                    await asyncio.sleep(self._next_delay())
        finally:
            wire = self._wire
            if wire is not None:
                self.disconnected("stopped")
                wire.abort("stopped")

    @property
    def up(self) -> bool:
        """Whether there is a connection."""
        return self._wire is not None

    @property
    def _busy(self) -> bool:
        if self._wire is None:
            return self._resting and self._wanted.is_set()
        return bool(self._flights) or self._paused is not None

    def _rest(self) -> None:
        """Nothing is asked now: who waits for that is told, unless something is still out; a device may want to be left alone."""
        if self._flights:
            return
        self._release()
        wire = self._wire
        if not self._keep and wire is not None and self._gone is not None and all(each.quiet for each in self.conversations):
            self._wire, self._resting = None, True
            self._still()
            wire.close()
            self._gone.set_result("at rest")

    async def _connect(self) -> bool:
        """One attempt. A third failure in a row is a loss; the conversations of a link that was up know already."""
        loop = asyncio.get_running_loop()
        self._gone = loop.create_future()
        try:
            async with asyncio.timeout(self.connect_s):
                wire = await self.way.open(self)
        except (OSError, TimeoutError) as why:
            return self._unreached(str(why) or "no answer to the connection request")
        if not wire.open:
            return self._unreached("closed as soon as it was accepted")
        self.attach(wire, loop)
        return True

    def attach(self, wire: Wire, loop: asyncio.AbstractEventLoop) -> None:
        """There is a connection: every conversation starts afresh on it, unless we had only closed it for a while.

        ``loop`` gives wall time and timers.
        """
        self._wire, self._loop = wire, loop
        self.tally.connects += 1
        self.tally.failures = 0
        now = self._clock().mono
        for conversation in self.conversations:
            if self._resting:
                conversation.resumed()
            else:
                conversation.connected(now)
        self._resting = False
        self._wanted.clear()
        if self._settle_s > 0:
            self._paused = loop.call_later(self._settle_s, self._resume)
        else:
            self._next(now)

    def _unreached(self, why: str) -> bool:
        self.tally.failures += 1
        if self.tally.failures == TRIES_BEFORE_LOST:
            self._resting = False
            self._lose(f"{self.name} {self.way.place}: {why}")
        self._release()
        return False

    def _lose(self, why: str) -> None:
        self._still()
        now = self._clock()
        for conversation in self.conversations:
            conversation.lost(now, why)
        self._release()

    def _still(self) -> None:
        """Nothing is in flight any more, and no timer runs."""
        self._flights.clear()
        for timer in (self._alarm, self._paused):
            if timer is not None:
                timer.cancel()
        self._alarm = self._paused = None
        self._overdue.clear()
        self._silent.clear()
        self._silence = 0

    def _release(self) -> None:
        for drained in self._drained:
            if not drained.done():
                drained.set_result(None)
        self._drained.clear()

    def _next_delay(self) -> float:
        """Doubling with jitter up to the cap; it starts afresh only when a device has answered, not when one has accepted."""
        delay = self._backoff * (0.5 + 0.5 * self._rng.random())
        self._backoff = min(2 * self._backoff, self.backoff_s[1])
        return delay
