"""The network in memory: addresses, who listens at them, and the cable to each.

``localhost`` is 127.0.0.1, and who listens on any address is found at each. Source of the error texts: Linux, asyncio.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
from typing import Any

from simulators.wire.cable import Cable, Connection
from simulators.wire.end import End
from simulators.wire.lane import Flow, Lane
from simulators.wire.listener import Address, Factory, Listener
from simulators.wire.loop import VirtualLoop
from simulators.wire.nosocket import NoSocket
from simulators.wire.trace import Trace

LOOPBACK = "127.0.0.1"
SYN_AGAIN_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)       # Linux repeats a call six times and gives up after 127 s
_ANY = ("", "0.0.0.0", "::")
_FIRST_CLIENT_PORT, _FIRST_SERVER_PORT = 49_152, 20_000


class Network:
    """See the module. ``trace``: all that happened; ``seed``: with it, and the same program, the same happens again."""

    def __init__(self, loop: VirtualLoop, seed: int) -> None:
        self.loop, self.seed, self.trace = loop, seed, Trace()
        self.cables: dict[Address, Cable] = {}
        self.listeners: dict[Address, Listener] = {}
        self._client_port = itertools.count(_FIRST_CLIENT_PORT)
        self._server_port = itertools.count(_FIRST_SERVER_PORT)
        loop.network = self

    async def lapse(self, seconds: float) -> None:
        """Let so many virtual seconds pass."""
        await asyncio.sleep(seconds)

    def cable(self, port: int, host: str = LOOPBACK) -> Cable:
        """The cable to an address; it lies there before anybody listens or calls."""
        address = _address(host, port)
        if address not in self.cables:
            self.cables[address] = Cable(f"{address[0]}:{port}", self.seed)
        return self.cables[address]

    def open_ends(self) -> list[End]:
        """Every end that is not gone."""
        return [end for cable in self.cables.values() for connection in cable.connections for end in connection.ends if not end.gone]

    def listener(self, factory: Factory, host: str | None, port: int | None) -> Listener:
        """A listener for an address, not yet listening. Raises OSError when it is taken."""
        address = _address(host or "", port or next(self._server_port))
        if address in self.listeners:
            raise OSError(errno.EADDRINUSE, f"error while attempting to bind on address {address!r}: address already in use")
        return Listener(self.loop, self.listeners, factory, address)

    # --- a call --------------------------------------------------------------------------------------------------
    async def connect(self, factory: Factory, host: str, port: int, local: Address | None = None) -> tuple[End, Any]:
        """As loop.create_connection: there and back once, then both ends are made. Raises OSError."""
        cable, address = self.cable(port, host), _address(host, port)
        cable.calls += 1
        number = cable.calls
        self._note(cable, number, "call")
        await self._heard(cable, (host, port))
        await self._arrive(cable.to_server)
        listener = self._who_listens(address)
        await self._arrive(cable.to_client)
        if cable.answer == "refuse" or listener is None:
            self._note(cable, number, "refused")
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"Connect call failed {(host, port)!r}")
        self._note(cable, number, "open")
        connection = self._joined(cable, number, listener, factory, local or (LOOPBACK, next(self._client_port)), address)
        waiter: asyncio.Future[None] = self.loop.create_future()
        self.loop.call_soon(lambda: waiter.done() or waiter.set_result(None))
        try:
            await waiter
        except asyncio.CancelledError:
            connection.client.close()
            raise
        return connection.client, connection.client.get_protocol()

    def _joined(self, cable: Cable, number: int, listener: Listener, factory: Factory, local: Address, address: Address) -> Connection:
        """Both ends, with their protocols told in the next pass of the loop, the server's first."""
        connection = Connection(number)
        out, back = (Flow(self.loop, lane, self.trace, f"{cable.name} #{number} {word}")
                     for lane, word in zip(cable.lanes, ("to server", "to client"), strict=True))

        def forget(end: End) -> None:
            if connection.client.gone and connection.server.gone:
                cable.connections.remove(connection)
            if end is connection.server:
                listener.left(end)

        hangs_up = cable.answer == "hang up"
        answering = asyncio.Protocol() if hangs_up else listener.factory()
        connection.server = End(self.loop, answering, NoSocket(address, local), back, out, forget)
        connection.client = End(self.loop, factory(), NoSocket(local, address), out, back, forget)
        cable.connections.append(connection)
        listener.accepted(connection.server)
        self.loop.call_soon(connection.server.made)
        self.loop.call_soon(connection.client.made)
        if hangs_up:
            self.loop.call_soon(connection.server.close)
        return connection

    async def _heard(self, cable: Cable, address: Address) -> None:
        """Until a call comes through. Raises TimeoutError when none does for as long as Linux tries."""
        for pause_s in SYN_AGAIN_S:
            if cable.answer != "void" and not cable.to_server.lost and not cable.to_client.lost:
                return
            await self.lapse(pause_s)
        raise TimeoutError(errno.ETIMEDOUT, f"Connect call failed {address!r}")

    async def _arrive(self, lane: Lane) -> None:
        now = self.loop.time()
        await self.lapse(lane.arrival_s(now) - now)

    def _who_listens(self, address: Address) -> Listener | None:
        for host in (address[0], *_ANY):
            if (host, address[1]) in self.listeners:
                return self.listeners[host, address[1]]
        return None

    def _note(self, cable: Cable, number: int, what: str) -> None:
        self.trace.note(self.loop.time(), f"{cable.name} #{number}", what)


def _address(host: str, port: int) -> Address:
    return LOOPBACK if host == "localhost" else host, port
