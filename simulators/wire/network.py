"""The network in memory: addresses, who listens at them, and the cable to each.

``localhost`` is 127.0.0.1, and who listens on any address is found at each. Source of the error texts: Linux, asyncio.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
from collections.abc import Callable
from typing import Any

from simulators.wire.cable import Cable, Connection
from simulators.wire.end import End, NoSocket
from simulators.wire.lane import Flow, Lane
from simulators.wire.loop import VirtualLoop
from simulators.wire.trace import Trace

LOOPBACK = "127.0.0.1"
SYN_AGAIN_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)       # Linux repeats a call six times and gives up after 127 s
_ANY = ("", "0.0.0.0", "::")
_FIRST_CLIENT_PORT, _FIRST_SERVER_PORT = 49_152, 20_000
Address = tuple[str, int]
Factory = Callable[[], asyncio.BaseProtocol]


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
        return Listener(self, factory, address)

    # --- a call --------------------------------------------------------------------------------------------------
    async def connect(self, factory: Factory, host: str, port: int, local: Address | None = None) -> tuple[End, Any]:
        """As loop.create_connection: there and back once, then both ends are made. Raises OSError."""
        cable = self.cable(port, host)
        cable.calls += 1
        who = f"{cable.name} #{cable.calls}"
        self._note(who, "call")
        await self._heard(cable, (host, port))
        await self._arrive(cable.to_server)
        listener = self._who_listens(_address(host, port))
        await self._arrive(cable.to_client)
        if cable.answer == "refuse" or listener is None:
            self._note(who, "refused")
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"Connect call failed {(host, port)!r}")
        return await self._join(cable, listener, factory, local or (LOOPBACK, next(self._client_port)))

    async def _join(self, cable: Cable, listener: Listener, factory: Factory, local: Address) -> tuple[End, Any]:
        self._note(f"{cable.name} #{cable.calls}", "open")
        connection = Connection(cable.calls)
        out, back = (Flow(self.loop, lane, self.trace, f"{cable.name} #{cable.calls} {word}")
                     for lane, word in zip(cable.lanes, ("to server", "to client"), strict=True))

        def forget(end: End) -> None:
            if connection.client.gone and connection.server.gone:
                cable.connections.remove(connection)
            if end is connection.server:
                listener.left()

        answering = asyncio.Protocol() if cable.answer == "hang up" else listener.factory()
        connection.server = End(self.loop, answering, NoSocket(listener.address, local), back, out, forget)
        protocol = factory()
        connection.client = End(self.loop, protocol, NoSocket(local, listener.address), out, back, forget)
        cable.connections.append(connection)
        listener.entered()
        self.loop.call_soon(connection.server.made)
        self.loop.call_soon(connection.client.made)
        if cable.answer == "hang up":
            self.loop.call_soon(connection.server.close)
        waiter: asyncio.Future[None] = self.loop.create_future()
        self.loop.call_soon(lambda: waiter.done() or waiter.set_result(None))
        try:
            await waiter
        except asyncio.CancelledError:
            connection.client.close()
            raise
        return connection.client, protocol

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

    def _note(self, who: str, what: str) -> None:
        self.trace.note(self.loop.time(), who, what)


class Listener(asyncio.AbstractServer):
    """What create_server returns. ``wait_closed`` waits for its connections too, as Python 3.12 and later do."""

    def __init__(self, network: Network, factory: Factory, address: Address) -> None:
        self.factory, self.address = factory, address
        self._network = network
        self._open = 0
        self._closed = False
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def sockets(self) -> tuple[NoSocket, ...]:
        """Empty once closed."""
        return () if self._closed else (NoSocket(self.address),)

    async def start_serving(self) -> None:
        """Calls find it from now on."""
        self._network.listeners[self.address] = self

    def is_serving(self) -> bool:
        return self._network.listeners.get(self.address) is self

    async def serve_forever(self) -> None:
        """Until cancelled; then closed."""
        await self.start_serving()
        try:
            await self.get_loop().create_future()
        finally:
            self.close()
            await self.wait_closed()

    def close(self) -> None:
        """Calls are refused from now on; connections live on."""
        if not self._closed:
            self._closed = True
            if self.is_serving():
                del self._network.listeners[self.address]
            self._wake()

    async def wait_closed(self) -> None:
        """Until it is closed and its last connection gone."""
        if not self._closed or self._open:
            waiter: asyncio.Future[None] = self.get_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def close_clients(self) -> None:
        """Close every connection in order."""
        for end in self._ends():
            end.close()

    def abort_clients(self) -> None:
        """Close every connection at once."""
        for end in self._ends():
            end.abort()

    def _ends(self) -> list[End]:
        return [connection.server for cable in self._network.cables.values() for connection in cable.connections
                if connection.server.get_extra_info("sockname") == self.address]

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._network.loop

    def entered(self) -> None:
        """A connection was accepted."""
        self._open += 1

    def left(self) -> None:
        """One is gone."""
        self._open -= 1
        self._wake()

    def _wake(self) -> None:
        if self._closed and not self._open:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiters.clear()


def _address(host: str, port: int) -> Address:
    return LOOPBACK if host == "localhost" else host, port
