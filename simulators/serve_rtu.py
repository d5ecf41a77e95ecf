"""Banks on a serial bus: what its units answer to bytes, and the bus behind a serial device server that passes RTU frames over TCP.

    >>> servers = RtuServers({15021: {1: temperature_bank, 2: ph_bank}}, clock=lambda: plant_now_ns)
    >>> await servers.start()

Framer and CRC are pymodbus's, so that the gateway's own are proved against others. On a bus nobody answers for a unit that is
not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU

from simulators.bank import Bank
from simulators.serve_modbus import REQUESTS, answered, word_of

_LONGEST = 256


class RtuUnits:
    """The units of one bus. ``heard`` is given what was on the line and says what is answered, and how much later."""

    def __init__(self, banks: Mapping[int, Bank], clock: Callable[[], int]) -> None:
        self.banks, self.clock = banks, clock
        decoder = DecodePDU(True)
        for each in REQUESTS:
            decoder.register(each)
        self._decoder, self._framer = decoder, FramerRTU(decoder)
        self._line = b""

    def heard(self, data: bytes) -> list[tuple[float, bytes]]:
        """Delay (s) and frame of each answer to the requests that are whole now."""
        self._line += data
        answers: list[tuple[float, bytes]] = []
        while self._line:
            used, unit, _, pdu = self._framer.decode(self._line)
            if not used:
                break
            self._line = self._line[used:]
            request = self._decoder.decode(pdu) if pdu else None
            bank = self.banks.get(unit)
            if request is None or bank is None or bank.silent:
                continue
            answers.append((bank.delay_s, self._framer.encode(answered(bank, word_of(request, unit), self.clock()), unit, 0)))
        self._line = self._line[-_LONGEST:]
        return answers


class _Connection(asyncio.Protocol):
    """One client of a device server."""

    def __init__(self, server: RtuServers, units: RtuUnits) -> None:
        self._server, self._units = server, units

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connections.add(transport)

    def data_received(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        for delay_s, frame in self._units.heard(data):
            if delay_s > 0:
                loop.call_later(delay_s, self._send, frame)
            else:
                self._send(frame)

    def _send(self, frame: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self._transport)


class RtuServers:
    """All device servers of a simulated line. ``ports``: port -> unit -> bank; ``clock``: plant time in ns, feeds the watchdogs."""

    def __init__(self, ports: Mapping[int, Mapping[int, Bank]], clock: Callable[[], int], host: str = "127.0.0.1") -> None:
        self.ports, self.clock, self.host = ports, clock, host
        self.connections: set[asyncio.Transport] = set()
        self._servers: list[asyncio.AbstractServer] = []

    async def start(self) -> None:
        """Open every port. Raises OSError when one is taken; none stays open then."""
        loop = asyncio.get_running_loop()
        for port, banks in self.ports.items():
            units = RtuUnits(banks, self.clock)
            try:
                self._servers.append(await loop.create_server(lambda units=units: _Connection(self, units), self.host, port))
            except OSError:
                await self.stop()
                raise

    async def stop(self) -> None:
        """Close every port and every connection."""
        for transport in list(self.connections):
            transport.abort()
        while self._servers:
            self._servers.pop().close()
        await asyncio.sleep(0)
