"""The least that can talk on a wire: a protocol that writes down what asyncio tells it, and a pair of them."""

from __future__ import annotations

import asyncio
from typing import Any

from simulators.wire import Network

PORT = 15011


class Noting(asyncio.Protocol):
    """``log``: what happened, with loop time; ``got``: the pieces received. ``keep_open``: the answer to a FIN."""

    def __init__(self, keep_open: bool = False) -> None:
        self.keep_open = keep_open
        self.log: list[tuple[float, str]] = []
        self.got: list[bytes] = []
        self.transport: Any = None
        self.error: Exception | None = None
        self.over = asyncio.Event()

    def _note(self, what: str) -> None:
        self.log.append((round(asyncio.get_running_loop().time() - 1000.0, 9), what))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._note("made")

    def data_received(self, data: bytes) -> None:
        self.got.append(data)
        self._note(f"got {len(data)}")

    def eof_received(self) -> bool:
        self._note("eof")
        return self.keep_open

    def pause_writing(self) -> None:
        self._note("pause")

    def resume_writing(self) -> None:
        self._note("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self._note("lost")
        self.over.set()

    @property
    def events(self) -> list[str]:
        return [what for _, what in self.log]


class Reading(asyncio.BufferedProtocol):
    """Receives into a buffer of so many bytes."""

    def __init__(self, size: int) -> None:
        self.buffer = bytearray(size)
        self.got: list[bytes] = []

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.got.append(bytes(self.buffer[:nbytes]))


async def pair(net: Network | None, client: Any = None, server: Any = None) -> tuple[Any, Any]:
    """A client and a server protocol, connected; without a network on the running loop's own. The listener is gone again."""
    loop, port = (net.loop, PORT) if net is not None else (asyncio.get_running_loop(), 0)
    there, here = server or Noting(), client or Noting()
    listener = await loop.create_server(lambda: there, "127.0.0.1", port)
    await loop.create_connection(lambda: here, *listener.sockets[0].getsockname())  # type: ignore[attr-defined]
    listener.close()
    return here, there
