"""RTU on a connection that knows nothing of frames: a serial port, or the TCP socket of a serial device server.

To its owner it is a wire like that of Modbus TCP: the frame that is written carries a transaction, and the answer comes
back with it. On the bus there is none: the answer is what fits the request that is out, everything else has transaction 0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.links.rtu import Framer, adu
from gateway.links.transport import Owner, Wire

FLOOD = 4096                    # bytes without an answer or a request among them: no bus speaks like that
STRAY = 0                       # the transaction of a frame that answers nothing


class RtuWire(Wire):
    """One connection to a bus, one request out at a time. ``partial``: never, for what breaks off is drained and not waited for."""

    __slots__ = ("_out", "_transaction", "_unanswered", "framer")

    def __init__(self, owner: Owner) -> None:
        super().__init__(owner)
        self.framer = Framer()
        self._transaction = STRAY
        self._unanswered = 0
        self._out: Callable[[bytes], None]

    @property
    def partial(self) -> bool:
        return False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._out, self.write = self.write, self._ask

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        self._unanswered += nbytes
        if self._unanswered > FLOOD:
            return self._reject(f"{self._unanswered} bytes that answer nothing")
        for answers, unit, pdu in self.framer.feed(self._view[:nbytes]):
            if answers:
                self._unanswered = 0
            self.owner.received(self._transaction if answers else STRAY, unit, pdu)
            if self._transport is None:
                return
        self.owner.settled()

    def forget(self) -> None:
        """Nothing is out any more: whatever comes is too late."""
        self.framer.forget()

    def _ask(self, frame: bytes) -> None:
        """Send what would be one frame of Modbus TCP as one of RTU."""
        self._transaction = int.from_bytes(frame[:2], "big")
        request = adu(frame[6:])
        self.framer.expect(request)
        self._unanswered = 0
        self._out(request)
