"""A link to a bus: what ``ModbusLink`` does, one request at a time, under the rules of a line without transactions (``quiet``).

What a conversation asks is held back while the bus is quiet or a canary goes before it; it is sent once or not at all. A
request whose canary is not answered ends as one without an answer.

Who is asked next: a write; a device whose watchdog has gone a third of its time without a request, the most urgent first;
then the units in turn. A unit that owes an answer waits until there is time to lose, unless a write for it is waiting.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence

from devices.exchange import Read, Reply, Write
from gateway.control.image import Now
from gateway.links.calling import CONNECT_S, Flight, Talker
from gateway.links.modbus import ModbusLink
from gateway.links.quiet import Bus
from gateway.links.rtu_wire import RtuWire
from gateway.links.transport import Wire, frame_of
from gateway.links.ways import Way

CANARIES = 2                    # before one request; then it counts as one without an answer
RETURN_S = (0.1, 2.0)           # first delay and cap of opening again: with quiet time, canary and scan a unit is Good within 5 s
_JOT = 1e-6                     # s; timers may come so much early


class BusLink(ModbusLink):
    """See the module. ``gap_s``: silence before a frame; ``usual_s``: what the quiet follows from where it is not the timeout."""

    __slots__ = ("_canaries", "_fed", "_held", "bus")

    def __init__(self, name: str, way: Way, timeout_s: float, conversations: Sequence[Talker], *, gap_s: float,
                 clock: Callable[[], Now], rng: random.Random, read_only: bool = False, connect_s: float = CONNECT_S,
                 usual_s: float | None = None) -> None:
        super().__init__(name, way, timeout_s, conversations, clock=clock, rng=rng, read_only=read_only, connect_s=connect_s,
                         backoff_s=RETURN_S)
        self._only = None                                   # nobody is: what is held back goes out though nobody wants anything
        self._silent_units = len(self.conversations)        # units may die together, of one fuse; a port is at fault when all are silent
        self.bus = Bus(timeout_s if usual_s is None else usual_s, gap_s)
        self._held: Flight | None = None            # what is sent when its canary, out now or answered, has proved the bus
        self._canaries = 0                          # before it so far
        self._fed: dict[int, float] = {}            # unit -> when it last answered

    # ----------------------------------------------------------------------------------------------------- what goes out
    def _next(self, now: int) -> None:
        """One request, when the bus is ready for it."""
        at = self._loop.time()
        if self._held is None and all(each.quiet for each in self.conversations):
            return self._rest()
        if at < self.bus.ready_at - _JOT:
            self._paused = self._loop.call_at(self.bus.ready_at, self._resume)
            return
        self.bus.silent_since()
        frame = self._go_on_with(self._held, at) if self._held is not None else None
        frame = self._chosen(now, at) if frame is None else frame
        if frame is not None and self._wire is not None:
            self.judge.asked += 1
            self._wire.write(frame)
        else:
            self._rest()

    def _go_on_with(self, held: Flight, at: float) -> bytes | None:
        """What was held back, or another canary; None when it is given up."""
        if self._canaries < CANARIES or self.bus.canary(held.request, held.conversation.reads) is None:
            return self._launch(held.conversation, held.request, held.frame, at)
        self._held = None
        held.conversation.absorb(Reply(held.request, failure="timeout"), self._clock())
        return None

    def _chosen(self, now: int, at: float) -> bytes | None:
        """What is asked next. Who goes out of turn does not move the turn, or the last units of a full bus would never have one."""
        self._canaries = 0
        turn = self._turn
        ring = [each for each in self._rings[turn] if not each.quiet]
        ring = [each for each in ring if self.bus.may(each.unit, at) or (each.urgent and each.state != "lost")]
        for conversation in self._pressed(ring, at):
            if (frame := self._ask(conversation, now, at)) is not None:
                self._turn = turn
                return frame
        for conversation in ring:
            if (frame := self._ask(conversation, now, at)) is not None:
                return frame
        return None

    def _pressed(self, ring: Sequence[Talker], at: float) -> Iterator[Talker]:
        """Who cannot wait for his turn: writes, then watchdogs, the most urgent first."""
        yield from (each for each in ring if each.urgent)
        deadlines = sorted((self._fed.get(each.unit, 0.0) + each.patience_s, k) for k, each in enumerate(ring)
                           if each.patience_s is not None and at - self._fed.get(each.unit, 0.0) >= each.patience_s / 3)
        yield from (ring[k] for _, k in deadlines)

    def _launch(self, conversation: Talker, request: Read | Write, frame: bytes, sent_at: float) -> bytes:
        """The request, or the canary that goes before it."""
        canary = self.bus.canary(request, conversation.reads)
        if canary is None:
            self._held = None
            return super()._launch(conversation, request, frame, sent_at)
        self._held = Flight(conversation, request, frame, sent_at)
        self._canaries += 1
        self.tally.canaries += 1
        return super()._launch(conversation, canary, frame_of(canary), sent_at)

    # ----------------------------------------------------------------------------------------------------- what comes in
    def received(self, transaction: int, unit: int, pdu: bytes) -> None:
        """A whole frame: the answer to what is out, a canary's, or one that answers nothing."""
        flight = self._flights.get(transaction)
        at = self._loop.time()
        if flight is None:
            return self._stray(unit, pdu, at)
        malformed = self.tally.malformed
        if self._held is None:
            super().received(transaction, unit, pdu)
        else:
            del self._flights[transaction]
            self._answers()
            self._heard = True
        if self.tally.malformed != malformed:
            return self.bus.missed(flight.request, flight.sent_at, at)
        self._fed[unit] = at
        self.bus.answered(flight.request, pdu[0] > 0x80, flight.sent_at, at)
        self.bus.ready_at = max(self.bus.ready_at, at + flight.conversation.pause_s)

    def settled(self) -> None:
        """What came in has been looked at: count what it was besides, keep the silence after it, go on."""
        at = self._loop.time()
        self.bus.heard(at)
        if isinstance(self._wire, RtuWire):
            framer, tally = self._wire.framer, self.tally
            self.judge.garbled += framer.crc_errors
            self._ill = self._ill or framer.crc_errors > 0
            tally.garbled += framer.crc_errors
            tally.noise += framer.noise
            framer.crc_errors = framer.noise = 0
        super().settled()

    def _stray(self, unit: int, pdu: bytes, at: float) -> None:
        """A frame that answers nothing: late, a second answer, or somebody else on the bus."""
        late = self.bus.stray(unit, pdu, at)
        owner = next((each for each in self.conversations if each.unit == unit), None)
        if owner is None:
            self.tally.strange += 1
            self.judge.strange += 1
            self._ill = True
        elif late:
            self._came_late(owner)
        else:
            self.tally.surplus += 1

    def _timeout(self, transaction: int) -> None:
        flight = self._flights[transaction]
        self.bus.missed(flight.request, flight.sent_at, self._loop.time())
        if self._held is not None:              # the request behind a canary was not sent; to its device it is one without an answer
            self._flights[transaction], self._held = self._held, None
        if isinstance(self._wire, RtuWire):
            self._wire.forget()
        super()._timeout(transaction)

    # ------------------------------------------------------------------------------------------------------- connection
    def attach(self, wire: Wire, loop: asyncio.AbstractEventLoop) -> None:
        """The port is open: quiet, then a canary, because nobody knows what was asked before."""
        self.bus.opened(loop.time())
        super().attach(wire, loop)

    def _lose(self, why: str) -> None:
        self._held = None
        super()._lose(why)
