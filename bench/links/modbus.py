"""Python programs under test, each in a process of its own: 125 input registers, 62 float32 of them decoded.

    python -m bench.links.modbus ours|rtu|pymodbus|bare CONNECTIONS SECONDS PERIOD_MS

``ours`` is the whole gateway side as the plant process runs it: conversation, link, check, decode into one image; ``rtu``
the same with RTU frames on TCP and no silence between them; ``pymodbus`` is ``AsyncModbusTcpClient.read_input_registers``
and one ``convert_from_registers``; ``bare`` the least that asyncio can do, which looks at nothing. PERIOD_MS 0: the next
round as soon as the last is over; else one round each period, all devices on one tick.
"""

from __future__ import annotations

import asyncio
import random
import struct
import sys
from collections.abc import Awaitable, Callable

from pymodbus.client import AsyncModbusTcpClient

from bench.links.counted import Counted
from devices.profile import Block, Kind, Point, Profile, Table, Verified
from gateway.control.conversation import Binding, Conversation
from gateway.control.image import SECOND, Image, Now
from gateway.links.bus_link import BusLink
from gateway.links.modbus import ModbusLink
from gateway.links.rtu_wire import RtuWire
from gateway.links.ways import Socket
from gateway.ticker import Clock, Ticker

PORT, RTU_PORT = 25_020, 25_021
VALUES, REGISTERS = 62, 125
SCAN_NS = 100_000_000
WARM = 20                       # rounds before the measurement
Round = Callable[[], Awaitable[None]]


def profile() -> Profile:
    """62 float32 in a block of 125 registers."""
    points = tuple(Point(f"v{k}", Table.INPUT, 2 * k, Kind.FLOAT32, low=-1e6, high=1e6) for k in range(VALUES))
    return Profile(name="bench", maker="-", model="-", protocol="modbus", source="assumed", verified=Verified.ASSUMED,
                   points=points, blocks=(Block(Table.INPUT, 0, REGISTERS),))


class Leaping:
    """Plant time that leaps by a scan of 100 ms a round, so that everything is due in each."""

    def __init__(self) -> None:
        self._now = Now(SECOND, SECOND)

    def now(self) -> Now:
        return self._now

    def leap(self) -> None:
        self._now = Now(self._now.mono + SCAN_NS, self._now.utc + SCAN_NS)


class Ours:
    """So many devices, each behind a link of its own, their tags in one image."""

    def __init__(self, connections: int, period_ms: int, rtu: bool) -> None:
        self.clock = Clock() if period_ms else Leaping()
        self.rounds = 0
        self.image = Image([f"T{n}" for n in range(VALUES * connections)], [5 * SECOND] * VALUES * connections)
        self.talks: list[Conversation] = []
        self.links: list[ModbusLink] = []
        for k in range(connections):
            period = period_ms * 1_000_000 or SCAN_NS
            bindings = [Binding(point=f"v{n}", tag=VALUES * k + n, period_ns=period) for n in range(VALUES)]
            talk = Conversation(f"D{k}", profile(), self.image, bindings)
            self.talks.append(talk)
            self.links.append(self._link(k, talk, rtu))
        answers = [(talk.health, link) for talk, link in zip(self.talks, self.links, strict=True)]
        self.latest = answers[::-1]             # who is asked last mostly answers last: then all have answered
        self.tasks = [asyncio.create_task(link.run()) for link in self.links]

    def _link(self, k: int, talk: Conversation, rtu: bool) -> ModbusLink:
        clock, rng = self.clock.now, random.Random(k)
        if rtu:
            return BusLink(f"L{k}", Socket("127.0.0.1", RTU_PORT, RtuWire), 1.0, [talk], gap_s=0.0, clock=clock, rng=rng)
        return ModbusLink(f"L{k}", Socket("127.0.0.1", PORT), 1.0, [talk], clock=clock, rng=rng)

    async def connected(self) -> None:
        for _ in range(500):
            if all(link.up for link in self.links):
                return
            await asyncio.sleep(0.01)
        raise TimeoutError("not every link is up")

    async def round(self) -> None:
        """What the scan and the runtime do at a tick, until everything is answered."""
        if isinstance(self.clock, Leaping):
            self.clock.leap()
        now = self.clock.now().mono
        self.image.age(now)
        for talk in self.talks:
            talk.beat(now)
        for link in self.links:
            link.poke(now)
        self.rounds += 1
        for health, link in self.latest:
            if health.answered < self.rounds:
                await link.drain()

    async def close(self) -> None:
        assert all(talk.health.answered == self.rounds for talk in self.talks), "every round was answered"
        assert all(quality == 0 for quality in self.image.quality), "every tag is Good"
        assert all(20.0 <= value < 1044.0 for value in self.image.value), "and has the value that was sent"
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def ours(connections: int, span_s: float, period_ms: int, rtu: bool = False) -> None:
    """Our links and conversations."""
    devices = Ours(connections, period_ms, rtu)
    await devices.connected()
    await counted(devices.round, connections, span_s, period_ms)
    await devices.close()


async def counted(each: Round, connections: int, span_s: float, period_ms: int) -> None:
    """Rounds, warm ones first, then as many as the span holds."""
    count, done = Counted(), 0
    ticker = Ticker(period_ms * 1_000_000) if period_ms else None
    warm = WARM if ticker is None else 2
    for k in range(warm + 1):
        if k == warm:
            count.begin()
        if ticker is not None:
            await ticker.wait()
        await each()
    done = 1
    while not count.over(span_s):
        if ticker is not None:
            await ticker.wait()
        await each()
        done += 1
    count.end(done * connections)


async def pymodbus(connections: int, span_s: float, period_ms: int) -> None:
    """The pymodbus client, all connections at once."""
    clients = [AsyncModbusTcpClient("127.0.0.1", port=PORT, timeout=1, retries=0) for _ in range(connections)]
    for client in clients:
        await client.connect()

    async def read(client: AsyncModbusTcpClient) -> None:
        answer = await client.read_input_registers(0, count=REGISTERS, device_id=1)
        client.convert_from_registers(answer.registers[:2 * VALUES], client.DATATYPE.FLOAT32)

    async def together() -> None:
        await asyncio.gather(*(read(client) for client in clients))

    async def freely() -> None:
        """Nobody waits for the slowest: so many requests of each connection, one after the other."""
        async def several(client: AsyncModbusTcpClient) -> None:
            for _ in range(10):
                await read(client)

        await asyncio.gather(*(several(client) for client in clients))

    await (counted(together, connections, span_s, period_ms) if period_ms else counted(freely, 10 * connections, span_s, 0))
    for client in clients:
        client.close()


class Bare(asyncio.BufferedProtocol):
    """Sends a prebuilt frame, receives into one buffer, sends the next."""

    def __init__(self) -> None:
        self.frame, self.left, self.buffer = struct.pack(">HHHBBHH", 1, 0, 6, 1, 4, 0, REGISTERS), 0, memoryview(bytearray(4096))
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.left -= 1
        if self.left:
            self.transport.write(self.frame)
        else:
            self.done.set_result(None)

    def ask(self, times: int) -> asyncio.Future[None]:
        self.left, self.done = times, asyncio.get_running_loop().create_future()
        self.transport.write(self.frame)
        return self.done


async def bare(connections: int, span_s: float, period_ms: int) -> None:
    """The bare transport of asyncio."""
    loop = asyncio.get_running_loop()
    peers = [(await loop.create_connection(Bare, "127.0.0.1", PORT))[1] for _ in range(connections)]
    times = 1 if period_ms else 10

    async def each() -> None:
        for done in [peer.ask(times) for peer in peers]:
            await done

    await counted(each, times * connections, span_s, period_ms)
    for peer in peers:
        peer.transport.close()


async def rtu(connections: int, span_s: float, period_ms: int) -> None:
    """Ours, to buses behind a device server."""
    await ours(connections, span_s, period_ms, rtu=True)


PROGRAMS = {each.__name__: each for each in (ours, rtu, pymodbus, bare)}

if __name__ == "__main__":
    asyncio.run(PROGRAMS[sys.argv[1]](int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
