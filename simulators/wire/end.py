"""One end of a connection: an asyncio transport that behaves as one on a TCP socket does, without the socket.

Source: CPython 3.11 to 3.13 asyncio/selector_events.py (order of callbacks, flow control, what close and abort do);
RFC 9293 3.10.7 (a segment for a closed connection is answered by RST).
"""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simulators.wire.lane import WINDOW, Flow, Signal
from simulators.wire.nosocket import NoSocket

if TYPE_CHECKING:
    from simulators.wire.loop import VirtualLoop

HIGH_WATER = 64 * 1024


class End(asyncio.Transport):
    """See the module. ``way_out``, ``way_in``: the flows; ``forget``: called once when the end is gone."""

    max_size = 256 * 1024

    def __init__(
        self, loop: VirtualLoop, protocol: asyncio.BaseProtocol, sock: NoSocket, way_out: Flow, way_in: Flow, forget: Callable[[End], None]
    ) -> None:
        super().__init__({"socket": sock, "sockname": sock.getsockname(), "peername": sock.getpeername()})
        self._loop, self._protocol, self._sock = loop, protocol, sock
        self._out, self._in, self._forget = way_out, way_in, forget
        way_out.source = way_in.target = self
        self._inbox: deque[tuple[bytes | Signal, bool]] = deque()
        self._unsent = bytearray()
        self._low, self._high = HIGH_WATER // 4, HIGH_WATER
        self._held_up = False               # the protocol was asked to pause writing
        self._paused = True                 # until connection_made was called
        self._reading = False               # _read is on its way
        self._closing = self._ending = self._eof = self._said_fin = False
        self.gone = False

    def __repr__(self) -> str:
        state = "gone" if self.gone else "closing" if self._closing else "open"
        return f"<End {self._out.name} {state}>"

    def made(self) -> None:
        """The connection is there: tell the protocol, then read."""
        self._protocol.connection_made(self)
        if not self._closing:
            self._paused = False
            self._look()

    # --- reading -------------------------------------------------------------------------------------------------
    def arrived(self, what: bytes | Signal, apart: bool) -> None:
        """Something came in; what is already waiting unread is read together with it, unless it was cut apart."""
        if self.gone or self._ending:
            if self.gone and isinstance(what, bytes):
                self._out.signal(Signal.RST)
            return
        inbox = self._inbox
        if inbox and not apart and isinstance(what, bytes) and isinstance(inbox[-1][0], bytes) and not inbox[-1][1]:
            inbox[-1] = (inbox[-1][0] + what, False)
        else:
            inbox.append((what, apart))
        self._look()

    def _look(self) -> None:
        if self._inbox and not self._reading and not self._paused and not self._closing:
            self._reading = True
            self._loop.call_soon(self._read)

    def _read(self) -> None:
        """One receive, as much as fits; the rest in the next pass of the loop."""
        self._reading = False
        if self._closing or self._paused or not self._inbox:
            return
        what, apart = self._inbox.popleft()
        try:
            if isinstance(what, Signal):
                self._ended(what)
            else:
                taken = self._hand_over(what)
                if taken < len(what):
                    self._inbox.appendleft((what[taken:], apart))
                self._in.taken(taken)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fatal(error)
        self._look()

    def _hand_over(self, data: bytes) -> int:
        protocol: Any = self._protocol         # pymodbus's is a bare BaseProtocol with the right methods
        if isinstance(protocol, asyncio.BufferedProtocol):
            buffer: Any = protocol.get_buffer(-1)
            size = min(len(buffer), len(data))
            if not size:
                raise RuntimeError("get_buffer() returned an empty buffer")
            buffer[:size] = data[:size]
            protocol.buffer_updated(size)
            return size
        piece = data[:self.max_size]
        protocol.data_received(piece)
        return len(piece)

    def _ended(self, signal: Signal) -> None:
        if signal is Signal.RST:
            self.fail(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))
            return
        protocol: Any = self._protocol
        if protocol.eof_received():
            self._paused = True
        else:
            self.close()

    def _fatal(self, error: BaseException) -> None:
        if not isinstance(error, OSError):
            self._loop.call_exception_handler({
                "message": "Fatal error: the protocol raised on what it received", "exception": error,
                "transport": self, "protocol": self._protocol})
        self._end(error if isinstance(error, Exception) else None)

    def pause_reading(self) -> None:
        """What arrives waits; beyond the window it waits at the sender."""
        self._paused = True

    def resume_reading(self) -> None:
        """Read on."""
        if not self._closing:
            self._paused = False
            self._look()

    def is_reading(self) -> bool:
        return not self._closing and not self._paused

    # --- writing -------------------------------------------------------------------------------------------------
    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send; what the window does not take waits here. Raises RuntimeError after write_eof."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data must be bytes-like, not {type(data).__name__}")
        if self._eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        if not data or self._ending:
            return
        if self._unsent or len(data) > WINDOW - self._out.unread:
            self._unsent += data
            self.room(WINDOW - self._out.unread)
            self._hold_up()
        else:
            self._out.send(bytes(data))

    def room(self, size: int) -> None:
        """The window has so many bytes left: send what waits, and what was to happen after it."""
        if self._unsent and size > 0 and not self._ending:
            part = bytes(self._unsent[:size])
            del self._unsent[:size]
            self._out.send(part)
        if self._held_up and len(self._unsent) <= self._low:
            self._held_up = False
            self._protocol.resume_writing()
        if not self._unsent:
            if self._closing and not self._ending:
                self._end(None)
            elif self._eof:
                self._say_fin()

    def _hold_up(self) -> None:
        if not self._held_up and len(self._unsent) > self._high:
            self._held_up = True
            self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return len(self._unsent)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """As asyncio's: bytes."""
        self._high = high if high is not None else 4 * low if low is not None else HIGH_WATER
        self._low = low if low is not None else self._high // 4
        self._hold_up()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """No more from here; the other way stays open."""
        if not self._closing and not self._eof:
            self._eof = True
            if not self._unsent:
                self._say_fin()

    def _say_fin(self) -> None:
        if not self._said_fin:
            self._said_fin = True
            self._out.signal(Signal.FIN)

    # --- the end -------------------------------------------------------------------------------------------------
    def close(self) -> None:
        """Once what was written is on its way."""
        if not self._closing:
            self._closing = True
            if not self._unsent:
                self._end(None)

    def abort(self) -> None:
        """At once; what waits is dropped."""
        self._end(None)

    def fail(self, error: Exception) -> None:
        """At once, and the protocol is told why."""
        self._sock.resets, self._said_fin = False, True         # whoever was reset says nothing more
        self._end(error)

    def _end(self, error: Exception | None) -> None:
        if not self._ending:
            self._closing = self._ending = True
            self._unsent.clear()
            self._loop.call_soon(self._lost, error)

    def _lost(self, error: Exception | None) -> None:
        try:
            self._protocol.connection_lost(error)
        finally:
            self.gone = True
            if not self._said_fin:          # unread bytes or SO_LINGER 0 make the kernel say RST
                unread = any(isinstance(what, bytes) for what, _ in self._inbox)
                self._out.signal(Signal.RST if self._sock.resets or unread else Signal.FIN)
            self._inbox.clear()
            self._forget(self)

    def is_closing(self) -> bool:
        return self._closing

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Who hears from now on."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol
