"""A Modbus TCP peer that does as it is told, and a link with a conversation in front of it."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Callable
from types import TracebackType

from devices.profile import Access, Kind, Limits, Point, Profile, Table, Verified
from gateway.control.conversation import Binding, Conversation
from gateway.control.image import SECOND, Image, Now
from gateway.links.modbus import ModbusLink
from gateway.links.ways import Socket
from simulators.bank import Bank

PATIENCE_S = 5.0
PROFILE = Profile(
    name="peer", maker="none", model="none", protocol="modbus", source="assumed", verified=Verified.ASSUMED, limits=Limits(gap=0),
    points=(
        Point("level", Table.INPUT, 0, Kind.FLOAT32, low=0.0, high=100.0),
        Point("count", Table.INPUT, 2, Kind.UINT32),
        Point("setpoint", Table.HOLDING, 8, Kind.INT16, access=Access.WRITE, scale=0.1),
        Point("rate", Table.HOLDING, 10, Kind.FLOAT32, access=Access.WRITE),
        Point("valve", Table.COIL, 0, Kind.BIT, access=Access.WRITE),
    ),
)
LEVEL, COUNT, SETPOINT, RATE, VALVE = range(5)


def frame(transaction: int, unit: int, pdu: bytes, protocol: int = 0, length: int | None = None) -> bytes:
    """An MBAP frame, also an impossible one."""
    return struct.pack(">HHHB", transaction, protocol, len(pdu) + 1 if length is None else length, unit) + pdu


class Asked:
    """One request that the peer received."""

    def __init__(self, raw: bytes, writer: asyncio.StreamWriter) -> None:
        self.raw, self.writer = raw, writer
        self.transaction, _, _, self.unit = struct.unpack(">HHHB", raw[:7])
        self.pdu = raw[7:]

    def say(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)

    def good(self, value: float = 50.0, count: int = 7) -> bytes:
        """The right answer to a read of the four input registers, or the echo of a write."""
        if self.pdu[0] == 4:
            return frame(self.transaction, self.unit, bytes((4, 8)) + struct.pack(">fI", value, count))
        return frame(self.transaction, self.unit, self.pdu[:5])

    def reset(self) -> None:
        """Close with RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Peer:
    """A listener on loopback. ``asked``: requests as they arrive; ``accepted``: connections."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[Asked] = asyncio.Queue()
        self.accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        self.port = 0
        self.close_at_once = False
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Start to listen, on the same port as before if there was one."""
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
            for writer in self._writers:
                writer.transport.abort()
            await self._server.wait_closed()
            self._server = None

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.accepted.put_nowait(writer)
        if self.close_at_once:
            writer.close()
            return
        try:
            while True:
                head = await reader.readexactly(6)
                self.asked.put_nowait(Asked(head + await reader.readexactly(int.from_bytes(head[4:6], "big")), writer))
        except (asyncio.IncompleteReadError, OSError):
            writer.transport.abort()


class Listening(Conversation):
    """A conversation that also tells a test when its link comes and goes."""

    def __init__(self, unit: int, *, read_only: bool = False, profile: Profile = PROFILE) -> None:
        image = Image(["level", "count", "setpoint", "rate", "valve"], [5 * SECOND] * 5)
        bound = [Binding(point=point.name, tag=k) for k, point in enumerate(PROFILE.points)]
        super().__init__(f"D-{unit}", profile, image, bound, unit=unit, read_only=read_only)
        self.came, self.went = asyncio.Event(), asyncio.Event()

    def connected(self, now: int) -> None:
        super().connected(now)
        self.came.set()

    def lost(self, now: Now, why: str) -> None:
        super().lost(now, why)
        self.went.set()

    @property
    def results(self) -> list[str]:
        return [outcome.result for outcome in self.outcomes]


class Rig:
    """Peer, link and conversations; ``at`` is plant time and moves one second a scan."""

    def __init__(self, timeout_s: float = 0.05, units: int = 1, listen: bool = True, **options: object) -> None:
        self.peer, self.listen, self.at = Peer(), listen, SECOND
        self.devices = [Listening(k + 1) for k in range(units)]
        self.device = self.devices[0]
        self._make = lambda port: ModbusLink("GW", Socket("127.0.0.1", port), timeout_s, self.devices, clock=self.now,
                                                rng=random.Random(1), **options)  # type: ignore[arg-type]

    def now(self) -> Now:
        return Now(self.at, self.at)

    async def __aenter__(self) -> Rig:
        await self.peer.open()
        if not self.listen:
            await self.peer.close()
        self.link = self._make(self.peer.port)
        self.task = asyncio.create_task(self.link.run())
        if self.listen:
            await self.met()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.peer.close()

    async def met(self) -> None:
        """Until the link is connected (again)."""
        async with asyncio.timeout(PATIENCE_S):
            await self.device.came.wait()
        self.device.came.clear()

    async def parted(self) -> None:
        """Until the devices know that the link is gone."""
        async with asyncio.timeout(PATIENCE_S):
            await self.device.went.wait()
        self.device.went.clear()

    def scan(self, seconds: int = 1) -> None:
        """One scan: its token lets the polls out."""
        self.at += seconds * SECOND
        for device in self.devices:
            device.beat(self.at)
        self.link.poke()

    def write(self, tag: int, value: float) -> None:
        """Ask for a write and send it."""
        self.device.write(tag, value, self.at, self.at + 10 * SECOND)
        self.link.poke()

    async def request(self) -> Asked:
        """The next request that reaches the peer."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.peer.asked.get()

    async def idle(self) -> None:
        """Until nothing is in flight."""
        async with asyncio.timeout(PATIENCE_S):
            await self.link.drain()

    async def answered_by(self, say: Callable[[Asked], bytes | None]) -> None:
        """Until nothing is in flight, every request answered by ``say`` (None: not at all)."""
        idle = asyncio.create_task(self.link.drain())
        while not idle.done():
            heard = asyncio.create_task(self.peer.asked.get())
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.wait({idle, heard}, return_when=asyncio.FIRST_COMPLETED)
            if heard.done() and (answer := say(heard.result())) is not None:
                heard.result().say(answer)
            heard.cancel()

    async def good_turn(self, value: float = 50.0) -> None:
        """One scan with right answers from every unit."""
        self.scan()
        for _ in self.devices:
            asked = await self.request()
            asked.say(asked.good(value))
        await self.idle()
        assert [device.image.value[LEVEL] for device in self.devices] == [value] * len(self.devices)


def bank_of(unit: int, profile: Profile = PROFILE) -> Bank:
    """A bank of the same profile."""
    return Bank(profile, unit)
