"""Serial lines without hardware: two ptys joined back to back, and a device server that puts one of them on the network."""

from __future__ import annotations

import asyncio
import os
import tty
from types import TracebackType

CHUNK = 512


class NullModem:
    """What is written to ``here`` is read at ``there``, and back; both stay while programs come and go."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ends = [os.openpty(), os.openpty()]
        for master, slave in self._ends:
            tty.setraw(slave)
            os.set_blocking(master, False)
        self.here, self.there = (os.ttyname(slave) for _, slave in self._ends)

    def __enter__(self) -> NullModem:
        (one, _), (other, _) = self._ends
        self._loop.add_reader(one, self._pass, one, other)
        self._loop.add_reader(other, self._pass, other, one)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for master, slave in self._ends:
            self._loop.remove_reader(master)
            os.close(master)
            os.close(slave)

    @staticmethod
    def _pass(source: int, sink: int) -> None:
        os.write(sink, os.read(source, CHUNK))


class DeviceServer(asyncio.Protocol):
    """Bytes of one TCP connection onto a serial port, and back: what a serial device server is in its raw mode."""

    def __init__(self, port: str) -> None:
        self._loop, self._path = asyncio.get_running_loop(), port
        self._fd = -1
        self._transport: asyncio.Transport | None = None
        self.port = 0

    async def __aenter__(self) -> DeviceServer:
        self._fd = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._loop.add_reader(self._fd, self._hear)
        self._server = await self._loop.create_server(lambda: self, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.close()
        if self._transport is not None:
            self._transport.abort()
        self._loop.remove_reader(self._fd)
        os.close(self._fd)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        os.write(self._fd, data)

    def _hear(self) -> None:
        data = os.read(self._fd, CHUNK)
        if self._transport is not None:
            self._transport.write(data)
