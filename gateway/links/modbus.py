"""A Modbus link: one wire, the conversations of the units behind it, one request in flight (or a window of them).

    >>> link = ModbusLink("GW-101", Socket("127.0.0.1", 15011), 0.5, conversations, clock=clock, rng=random.Random(1))
    >>> task = asyncio.create_task(link.run())            # connects, supervises and reconnects until it is cancelled
    >>> link.poke()                                       # the scan says that something may be due
    >>> await link.drain()                                # lockstep: nothing is due or in flight any more

From the receipt of an answer the next request is sent in the same call, without a task or a future in between. Nothing
is ever repeated here: a request without an answer is reported to its conversation, which decides.

Plant time comes from ``clock`` and is only passed on; time-outs, pauses and back-off are wall time of the event loop.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from devices.exchange import Read, Reply, Write
from gateway.control.health import Health
from gateway.control.image import Now
from gateway.links.judge import Judge
from gateway.links.transport import Wire, frame_of, reply_of
from gateway.links.ways import Way

CONNECT_S = 3.0
BACKOFF_S = (0.1, 4.0)          # first delay and cap: with the scan that then asks, a device is Good 5 s after its return
TRIES_BEFORE_LOST = 3
SILENT_UNITS = 3                # so many units silent in a row (or all there are): it is the link, not a unit
OVERDUE = 64                    # transactions without an answer that are remembered, to know a late answer from a strange one


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


class ModbusLink:
    """See the module. ``timeout_s``: of one request, ``connect_s``: of one attempt to connect; ``read_only``: no write goes out.

    ``backoff_s``: first delay and cap before the way is tried again.

    ``window``: requests that the other end queues (1 unless its maker says more). A device never has more than one in
    flight: the window serves the units behind a gateway.
    """

    __slots__ = (
        "_after", "_alarm", "_backoff", "_clock", "_drained", "_flights", "_frames", "_gone", "_heard", "_heard_at", "_ill", "_keep",
        "_loop", "_now", "_only", "_overdue", "_paused", "_put_off", "_resting", "_rings", "_rng", "_settle_s", "_silence",
        "_silent", "_silent_units", "_tardy", "_transaction", "_turn", "_wanted", "_wire", "backoff_s", "connect_s",
        "conversations", "judge", "name", "read_only", "tally", "timeout_s", "way", "window",
    )  # fmt: skip

    def __init__(self, name: str, way: Way, timeout_s: float, conversations: Sequence[Talker], *,
                 clock: Callable[[], Now], rng: random.Random, read_only: bool = False, connect_s: float = CONNECT_S,
                 window: int = 1, backoff_s: tuple[float, float] = BACKOFF_S) -> None:
        self.name, self.way, self.timeout_s = name, way, timeout_s
        self.conversations, self.read_only, self.connect_s = tuple(conversations), read_only, connect_s
        self.tally = Tally()
        self._clock, self._rng = clock, rng
        self._loop: asyncio.AbstractEventLoop
        self._wire: Wire | None = None
        self._gone: asyncio.Future[str] | None = None
        self._drained: list[asyncio.Future[None]] = []
        self._transaction = 0
        self._frames: dict[Read, bytes] = {}
        self.window = window
        self._flights: dict[int, Flight] = {}       # by transaction, oldest first
        self._heard = False                         # something was answered in the segment being read,
        self._heard_at, self._now = 0.0, Now(0, 0)  # when (loop time, s; plant time): one instant for all of it
        self._alarm: asyncio.TimerHandle | None = None
        self._paused: asyncio.TimerHandle | None = None
        self._overdue: dict[int, Talker] = {}
        self._tardy: Talker | None = None           # whose late answer was the last
        self._ill = False                           # there is something to judge
        self.judge = Judge(f"{name} {way.place}", timeout_s, self.conversations[0].health.standing if self.conversations else {})
        self._silence = 0                   # timeouts since the last answer of any unit (of lost ones only when all are lost)
        self._silent: set[int] = set()      # and whose they were
        self._turn = self._put_off = 0
        all_of = self.conversations
        self._rings = [all_of[k:] + all_of[:k] for k in range(len(all_of))] or [()]
        self._after = {id(each): (k + 1) % len(all_of) for k, each in enumerate(all_of)}
        self._only = all_of[0] if len(all_of) == window == 1 else None      # who alone is asked here, one thing at a time
        self._settle_s = max((each.settle_s for each in all_of), default=0.0)
        self._keep = all(each.keep for each in all_of)
        self._resting, self._wanted = False, asyncio.Event()    # closed by us until there is something to ask
        self._silent_units = min(SILENT_UNITS, len(self.conversations))
        self.backoff_s = backoff_s
        self._backoff = backoff_s[0]
        for conversation in self.conversations:
            conversation.read_only = conversation.read_only or read_only

    # ---------------------------------------------------------------------------------------------------- outside
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

    def poke(self, now: int | None = None) -> None:
        """Something may be due: send it, unless the window is full. ``now``: plant time (ns), else asked of the clock."""
        if len(self._flights) < self.window and self._wire is not None and self._paused is None:
            self._next(self._clock().mono if now is None else now)
        elif self._resting and any(not each.quiet for each in self.conversations):
            self._wanted.set()

    async def drain(self) -> None:
        """Until nothing is due or in flight, or the link is down."""
        self.poke()
        if self._busy:
            drained: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._drained.append(drained)
            await drained

    @property
    def up(self) -> bool:
        """Whether there is a connection."""
        return self._wire is not None

    # --------------------------------------------------------------------------------------------------- exchange
    @property
    def _busy(self) -> bool:
        if self._wire is None:
            return self._resting and self._wanted.is_set()
        return bool(self._flights) or self._paused is not None

    def _next(self, now: int) -> None:
        """Fill the window: writes of any unit first, then the units in turn; all of it leaves in one segment."""
        if self._only is None:
            ring = [each for each in self._rings[self._turn] if not each.quiet]
            if self.window == 1:
                self._put_off_the_lost(ring)
            frame = b"".join(self._fill(ring, now)) if ring else None
        else:
            frame = None if self._only.quiet else self._ask(self._only, now, self._loop.time())
        if frame and self._wire is not None:
            self._wire.write(frame)
        elif self._drained or not self._keep:
            self._rest()

    def _put_off_the_lost(self, ring: list[Talker]) -> None:
        """Who is silent costs a timeout: he is asked when the others have been, unless that has not come about for two rounds."""
        if any(each.state == "lost" for each in ring):
            self._put_off += 1
            if self._put_off <= 2 * len(self.conversations):
                ring.sort(key=_lost)
        else:
            self._put_off = 0

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

    def _fill(self, ring: Sequence[Talker], now: int) -> list[bytes]:
        """Frames of what these conversations want, up to the window."""
        frames: list[bytes] = []
        room, sent_at = self.window - len(self._flights), self._loop.time()
        for conversation in ring:
            if len(frames) < room and conversation.urgent and (frame := self._ask(conversation, now, sent_at)) is not None:
                frames.append(frame)
        asking: Sequence[Talker] = ring
        while asking and len(frames) < room:    # a conversation that has handed a read out may have another
            answered: list[Talker] = []
            for conversation in asking:
                if len(frames) < room and not conversation.quiet and (frame := self._ask(conversation, now, sent_at)) is not None:
                    frames.append(frame)
                    answered.append(conversation)
            asking = answered
        return frames

    def _ask(self, conversation: Talker, now: int, sent_at: float) -> bytes | None:
        """The frame of what one conversation wants next, now in flight; None when it wants nothing."""
        request = conversation.due(now)
        while request is not None and self.read_only and type(request) is Write:
            conversation.absorb(Reply(request, failure="refused"), self._clock())
            request = conversation.due(now)
        if request is None:
            return None
        if type(request) is Read:
            if self._only is None:
                self._turn = self._after[id(conversation)]
            frame = self._frames.get(request)
            if frame is None:
                frame = self._frames[request] = frame_of(request)
        else:
            frame = frame_of(request)
        return self._launch(conversation, request, frame, sent_at)

    def _launch(self, conversation: Talker, request: Read | Write, frame: bytes, sent_at: float) -> bytes:
        """A request is in flight from now on; its frame with a transaction of its own."""
        self._transaction = transaction = self._transaction % 0xFFFF + 1
        self._flights[transaction] = Flight(conversation, request, frame, sent_at)
        if self._alarm is None:
            self._alarm = self._loop.call_at(sent_at + self.timeout_s, self._check)
        return transaction.to_bytes(2, "big") + frame[2:]

    def received(self, transaction: int, unit: int, pdu: bytes) -> None:
        """A whole frame: an answer in flight, or something to count and throw away."""
        flight = self._flights.get(transaction)
        if flight is None:
            return self._unexpected(transaction)
        conversation, request = flight.conversation, flight.request
        if unit != request.unit:
            self.tally.strange += 1
            return
        del self._flights[transaction]
        if not self._heard:
            self._heard, self._heard_at, self._now = True, self._loop.time(), self._clock()
        conversation.health.took(self._heard_at - flight.sent_at)
        reply = reply_of(request, flight.frame, pdu)
        if reply.failure is not None:
            self.tally.malformed += 1
        elif self._silence or self._backoff != self.backoff_s[0]:
            self._answers()
        conversation.absorb(reply, self._now)
        if conversation.pause_s > 0 and self._wire is not None and self._paused is None:
            self._paused = self._loop.call_later(conversation.pause_s, self._resume)

    def _answers(self) -> None:
        """Somebody answers: the way is not at fault."""
        if self._silence:
            self._silence = 0
            self._silent.clear()
        self._backoff = self.backoff_s[0]

    def settled(self) -> None:
        """All frames of a segment have been taken in: judge what they tell of the wire, go on with what is due."""
        if self._ill:
            self._judge()
        if self._heard:
            self._heard = False
            if self._only is None or not self._only.quiet or self._drained or not self._keep:
                self._go_on()

    def _judge(self) -> None:
        """Tell the plant of a noisy wire, of a timeout that is too short or of another master, each once in a while."""
        for event, detail in self.judge.look(self._loop.time()):
            about = self._tardy if event == "late_answers" and self._tardy is not None else self.conversations[0]
            about.events.append((event, detail))
        self._ill = not self.judge.idle

    def _go_on(self) -> None:
        if self._wire is not None and self._paused is None and len(self._flights) < self.window:
            self._next(self._clock().mono)

    def _resume(self) -> None:
        self._paused = None
        self.poke()

    def _unexpected(self, transaction: int) -> None:
        owner = self._overdue.pop(transaction, None)
        if owner is None:
            self.tally.surplus += 1
        else:
            self._came_late(owner)

    def _came_late(self, owner: Talker) -> None:
        """An answer to a request of this device that had been given up."""
        owner.health.late += 1
        self.tally.late += 1
        self.judge.late += 1
        self._ill = True
        self._tardy = owner

    # --------------------------------------------------------------------------------------------------- timeouts
    def _check(self) -> None:
        """The one timer of a link: it is moved to the deadline in flight rather than set and cancelled per request."""
        self._alarm = None
        if not self._flights or self._wire is None:
            return
        transaction = next(iter(self._flights))
        deadline = self._flights[transaction].sent_at + self.timeout_s
        if self._loop.time() < deadline:
            self._alarm = self._loop.call_at(deadline, self._check)
        else:
            self._timeout(transaction)
            if self._flights and self._alarm is None:
                self._alarm = self._loop.call_at(next(iter(self._flights.values())).sent_at + self.timeout_s, self._check)

    def _timeout(self, transaction: int) -> None:
        flight = self._flights.pop(transaction)
        conversation = flight.conversation
        self.tally.timeouts += 1
        if len(self._overdue) >= OVERDUE:
            self._overdue.pop(next(iter(self._overdue)))
        self._overdue[transaction] = conversation
        if conversation.state != "lost" or all(each.state == "lost" for each in self.conversations):
            self._silence += 1
            self._silent.add(id(conversation))
        conversation.absorb(Reply(flight.request, failure="timeout"), self._clock())
        wire = self._wire
        if wire is not None and wire.partial:
            wire.abort("a frame broke off")
        elif wire is not None and self._silence >= 2 and len(self._silent) >= self._silent_units:
            wire.abort(f"{self._silence} requests in a row without an answer")
        elif wire is not None and conversation.pause_s > 0 and self._paused is None:
            self._paused = self._loop.call_later(conversation.pause_s, self._resume)
        else:
            self._go_on()

    # ------------------------------------------------------------------------------------------------- connection
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
        self._wire, self._loop, self._heard = wire, loop, False
        self.tally.connects += 1
        self.tally.failures = 0
        now = self._clock().mono
        for conversation in () if self._resting else self.conversations:
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


def _lost(conversation: Talker) -> bool:
    return conversation.state == "lost"
