"""Who listens at an address: what ``create_server`` returns on the network in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from simulators.wire.nosocket import NoSocket

if TYPE_CHECKING:
    from simulators.wire.end import End
    from simulators.wire.loop import VirtualLoop

Address = tuple[str, int]
Factory = Callable[[], asyncio.BaseProtocol]


class Listener(asyncio.AbstractServer):
    """``factory`` makes the protocol of each connection. ``wait_closed`` waits for its connections too, as Python 3.12 and later do."""

    def __init__(self, loop: VirtualLoop, listeners: dict[Address, Listener], factory: Factory, address: Address) -> None:
        self.factory, self.address = factory, address
        self._loop, self._listeners = loop, listeners
        self._ends: list[End] = []
        self._closed = False
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def sockets(self) -> tuple[NoSocket, ...]:
        """Empty once closed."""
        return () if self._closed else (NoSocket(self.address),)

    async def start_serving(self) -> None:
        """Calls find it from now on."""
        self._listeners[self.address] = self

    def is_serving(self) -> bool:
        return self._listeners.get(self.address) is self

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
                del self._listeners[self.address]
            self._wake()

    async def wait_closed(self) -> None:
        """Until it is closed and its last connection gone."""
        if not self._closed or self._ends:
            waiter: asyncio.Future[None] = self.get_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def close_clients(self) -> None:
        """Close every connection in order."""
        for end in list(self._ends):
            end.close()

    def abort_clients(self) -> None:
        """Close every connection at once."""
        for end in list(self._ends):
            end.abort()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def accepted(self, end: End) -> None:
        """One more connection."""
        self._ends.append(end)

    def left(self, end: End) -> None:
        """One is gone."""
        self._ends.remove(end)
        self._wake()

    def _wake(self) -> None:
        if self._closed and not self._ends:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiters.clear()
