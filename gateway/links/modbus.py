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

from devices.exchange import Read, Reply, Write
from gateway.control.image import Now
from gateway.links.calling import BACKOFF_S, CONNECT_S, Calling, Flight, Talker
from gateway.links.judge import Judge
from gateway.links.transport import Wire, frame_of, reply_of
from gateway.links.ways import Way

SILENT_UNITS = 3                # so many units silent in a row (or all there are): it is the link, not a unit
OVERDUE = 64                    # transactions without an answer that are remembered, to know a late answer from a strange one


class ModbusLink(Calling):
    """See the module. ``timeout_s``: of one request, ``connect_s``: of one attempt to connect; ``read_only``: no write goes out.

    ``backoff_s``: first delay and cap before the way is tried again.

    ``window``: requests that the other end queues (1 unless its maker says more). A device never has more than one in
    flight: the window serves the units behind a gateway.
    """

    __slots__ = (
        "_after", "_frames", "_heard", "_heard_at", "_ill", "_now", "_only", "_put_off", "_rings", "_silent_units", "_tardy",
        "_transaction", "_turn", "judge", "read_only", "timeout_s", "window",
    )  # fmt: skip

    def __init__(self, name: str, way: Way, timeout_s: float, conversations: Sequence[Talker], *,
                 clock: Callable[[], Now], rng: random.Random, read_only: bool = False, connect_s: float = CONNECT_S,
                 window: int = 1, backoff_s: tuple[float, float] = BACKOFF_S) -> None:
        super().__init__(name, way, conversations, clock=clock, rng=rng, connect_s=connect_s, backoff_s=backoff_s)
        self.timeout_s, self.read_only, self.window = timeout_s, read_only, window
        self._transaction = 0
        self._frames: dict[Read, bytes] = {}
        self._heard = False                         # something was answered in the segment being read,
        self._heard_at, self._now = 0.0, Now(0, 0)  # when (loop time, s; plant time): one instant for all of it
        self._tardy: Talker | None = None           # whose late answer was the last
        self._ill = False                           # there is something to judge
        self.judge = Judge(f"{name} {way.place}", timeout_s, self.conversations[0].health.standing if self.conversations else {})
        self._turn = self._put_off = 0
        all_of = self.conversations
        self._rings = [all_of[k:] + all_of[:k] for k in range(len(all_of))] or [()]
        self._after = {id(each): (k + 1) % len(all_of) for k, each in enumerate(all_of)}
        self._only = all_of[0] if len(all_of) == window == 1 else None      # who alone is asked here, one thing at a time
        self._silent_units = min(SILENT_UNITS, len(self.conversations))
        for conversation in self.conversations:
            conversation.read_only = conversation.read_only or read_only

    # ---------------------------------------------------------------------------------------------------- outside
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

    def attach(self, wire: Wire, loop: asyncio.AbstractEventLoop) -> None:
        """There is a connection: nothing has been heard on it."""
        self._heard = False
        super().attach(wire, loop)

    # --------------------------------------------------------------------------------------------------- exchange
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



def _lost(conversation: Talker) -> bool:
    return conversation.state == "lost"
