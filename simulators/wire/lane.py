"""How bytes travel one way: what the weather of a lane is, and the bytes of one connection that are under way in it."""

from __future__ import annotations

import enum
import random
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulators.wire.end import End
    from simulators.wire.loop import VirtualLoop
    from simulators.wire.trace import Trace

WINDOW = 256 * 1024         # bytes that may be under way or unread; what is written beyond waits at its sender


class Signal(enum.Enum):
    """What ends a stream."""

    FIN = "fin"
    RST = "rst"


class Lane:
    """One direction of a cable; a setting holds from the next write on, for all its connections.

    ``latency_s`` and up to ``jitter_s`` more, drawn, order kept; ``lost``: bytes, FIN and RST vanish and nobody is told;
    ``gather_s``: what is written waits so long and leaves as one; ``cut``: smallest and largest piece a write is cut into
    (None: not cut), ``gap_s`` between pieces; ``tap``: sees each write and returns what goes on instead of it.
    """

    __slots__ = ("cut", "gap_s", "gather_s", "jitter_s", "latency_s", "lost", "rng", "tap", "_closures")

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.latency_s = self.jitter_s = self.gather_s = self.gap_s = 0.0
        self.lost = False
        self.cut: tuple[int, int] | None = None
        self.tap: Callable[[bytes], bytes] | None = None
        self._closures: list[tuple[float, float]] = []

    def close_between(self, from_s: float, until_s: float) -> None:
        """What is sent or would arrive in these seconds of loop time arrives afterwards: TCP sends it again."""
        self._closures = sorted([*self._closures, (from_s, until_s)])

    def delay_s(self) -> float:
        """Of the next segment."""
        return self.latency_s + (self.rng.random() * self.jitter_s if self.jitter_s else 0.0)

    def arrival_s(self, sent_s: float) -> float:
        """When what is sent now arrives."""
        arrival = sent_s + self.delay_s()
        for from_s, until_s in self._closures:
            if sent_s < until_s and arrival >= from_s:
                arrival = max(arrival, until_s + self.delay_s())
        return arrival

    def pieces(self, data: bytes) -> list[bytes]:
        """The data as it is cut."""
        if self.cut is None:
            return [data]
        pieces: list[bytes] = []
        start = 0
        while start < len(data):
            size = self.rng.randint(*self.cut)
            pieces.append(data[start:start + size])
            start += size
        return pieces


class Flow:
    """The bytes of one connection on their way from ``source`` to ``target``. ``unread``: sent and not yet taken by the target."""

    __slots__ = ("lane", "name", "source", "target", "unread", "_armed", "_gathered", "_last_s", "_loop", "_queue", "_trace")

    def __init__(self, loop: VirtualLoop, lane: Lane, trace: Trace, name: str) -> None:
        self.lane, self.name, self.unread = lane, name, 0
        self.source: End
        self.target: End
        self._loop, self._trace = loop, trace
        self._queue: deque[tuple[float, bytes | Signal, bool]] = deque()
        self._armed = False
        self._gathered: list[bytes] | None = None
        self._last_s = 0.0

    def send(self, data: bytes) -> None:
        """One write of the source."""
        if self.lane.tap is not None:
            data = self.lane.tap(data)
        if not data:
            return
        self.unread += len(data)
        if self.lane.gather_s <= 0:
            self._leave(data)
        elif self._gathered is None:
            self._gathered = [data]
            self._loop.call_later(self.lane.gather_s, self._flush)
        else:
            self._gathered.append(data)

    def signal(self, signal: Signal) -> None:
        """The end of the stream, behind all that was written."""
        self._flush()
        self._trace.note(self._loop.time(), self.name, "lost " + signal.value if self.lane.lost else signal.value)
        if not self.lane.lost:
            self._queue_up(self._arrival(), signal, False)

    def taken(self, size: int) -> None:
        """The target has read so many bytes."""
        self.unread -= size
        self.source.room(WINDOW - self.unread)

    def _flush(self) -> None:
        gathered, self._gathered = self._gathered, None
        if gathered:
            self._leave(b"".join(gathered))

    def _leave(self, data: bytes) -> None:
        now, lane = self._loop.time(), self.lane
        self._trace.note(now, self.name, "lost" if lane.lost else "sent", len(data))
        if lane.lost:
            return
        arrival = self._arrival()
        if lane.cut is None:
            self._queue_up(arrival, data, False)
            return
        for piece in lane.pieces(data):
            self._queue_up(arrival, piece, True)
            self._last_s = arrival = arrival + lane.gap_s

    def _arrival(self) -> float:
        return max(self.lane.arrival_s(self._loop.time()), self._last_s)

    def _queue_up(self, arrival: float, what: bytes | Signal, apart: bool) -> None:
        self._last_s = arrival
        self._queue.append((arrival, what, apart))
        if not self._armed:
            self._arm()

    def _arm(self) -> None:
        self._armed = True
        if self._queue[0][0] <= self._loop.time():
            self._loop.call_soon(self._arrive)
        else:
            self._loop.call_at(self._queue[0][0], self._arrive)

    def _arrive(self) -> None:
        """All whose time has come reaches the target; pieces that were cut stay apart."""
        self._armed = False
        now = self._loop.time() + 1e-9
        queue = self._queue
        while queue and queue[0][0] <= now:
            _, what, apart = queue.popleft()
            self.target.arrived(what, apart)
        if queue and not self._armed:
            self._arm()
