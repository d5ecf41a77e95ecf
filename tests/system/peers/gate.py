"""The gateway's side of a Modbus peer: a link, one conversation with a point of every kind, and a scan at the pace of the clock.

    async with Gate(Socket("127.0.0.1", port)) as gate:
        await gate.fresh()
        assert gate.shows("holding_int16_ABCD") == -2
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable
from types import TracebackType

import msgspec

from devices.exchange import Reply
from devices.profile import Access, Kind, Limits, Point, Profile, Table, Verified, WordOrder
from devices.quality import is_good
from gateway.control.conversation import Binding, Conversation, Outcome
from gateway.control.image import SECOND, Image, Now
from gateway.links.bus_link import BusLink
from gateway.links.modbus import ModbusLink
from gateway.links.quiet import gap_s
from gateway.links.rtu_wire import RtuWire
from gateway.links.ways import Port, Socket, Way
from gateway.ticker import Clock
from tests.gateway.links.running import Running

SCAN_S = 0.1
TIMEOUT_S = 0.5
PATIENCE_S = 10.0
BAUD = 115_200
FIRST, SIZE = 100, 400           # addresses of a peer, in every table
_NARROW = (Kind.INT16, Kind.UINT16)
_WIDE = (Kind.INT32, Kind.UINT32, Kind.FLOAT32, Kind.INT64, Kind.UINT64, Kind.FLOAT64)
BITS_AT = FIRST + 120
BITS = (0, 7, 8, 15)


def _points() -> list[Point]:
    """Every kind in every order, in both tables of registers; bits of a register and of both tables of bits."""
    found: list[Point] = []
    laid = [(kind, WordOrder.ABCD) for kind in _NARROW] + list(itertools.product(_WIDE, WordOrder))
    for table in (Table.HOLDING, Table.INPUT):
        access = Access.READ_WRITE if table is Table.HOLDING else Access.READ
        for k, (kind, order) in enumerate(laid):
            found.append(Point(f"{table}_{kind}_{order}", table, FIRST + 4 * k, kind, order=order, access=access))
        found += [Point(f"{table}_bit_{bit}", table, BITS_AT, Kind.BIT, bit=bit, access=access) for bit in BITS]
    for k in range(11):                                     # more than a byte, and no whole number of bytes
        found.append(Point(f"coil_{k}", Table.COIL, FIRST + k, Kind.BIT, access=Access.READ_WRITE))
        found.append(Point(f"discrete_{k}", Table.DISCRETE, FIRST + k, Kind.BIT))
    return found


PROFILE = Profile(name="peer", maker="none", model="none", protocol="modbus", source="assumed", verified=Verified.ASSUMED,
                  points=tuple(_points()))


def writing_with(*functions: int) -> Profile:
    """The profile of a device that knows only these functions for writing."""
    return msgspec.structs.replace(PROFILE, limits=Limits(write_functions=functions))


class Heard(Conversation):
    """``moved`` after every step of it."""

    def __init__(self, image: Image, profile: Profile, depth: int) -> None:
        self.moved = asyncio.Event()
        bound = [Binding(point=name, tag=k, period_ns=round(SCAN_S * SECOND)) for k, name in enumerate(image.names)]
        super().__init__("PEER", profile, image, bound, unit=1, depth=depth)

    def beat(self, now: int) -> None:
        super().beat(now)
        self.moved.set()

    def absorb(self, reply: Reply, now: Now) -> None:
        super().absorb(reply, now)
        self.moved.set()


class Gate:
    """See the module. ``way``: to one unit, or to the bus that it is on; ``window``: requests in flight at once, on TCP."""

    def __init__(self, way: Way, profile: Profile = PROFILE, window: int = 1) -> None:
        self.clock = Clock()
        names = [point.name for point in profile.points]
        self.image = Image(names, [5 * SECOND] * len(names))
        self.talk = Heard(self.image, profile, window)
        rng, on_bus = random.Random(1), isinstance(way, Port) or (isinstance(way, Socket) and way.wire is RtuWire)
        if on_bus:
            self.link: ModbusLink = BusLink("PEER", way, TIMEOUT_S, [self.talk], gap_s=gap_s(BAUD), clock=self.clock.now, rng=rng)
        else:
            self.link = ModbusLink("PEER", way, TIMEOUT_S, [self.talk], clock=self.clock.now, rng=rng, window=window)

    async def __aenter__(self) -> Gate:
        self._running = Running(self.link.run(), self._scan())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._running.end()

    async def _scan(self) -> None:
        while True:
            now = self.clock.now().mono
            self.image.age(now)
            self.talk.beat(now)
            self.link.poke(now)
            await asyncio.sleep(SCAN_S)

    # --- what a test says ----------------------------------------------------------------------------------------
    def shows(self, name: str) -> float:
        """The value of a point, which must be Good."""
        seen = self.image.reading(name)
        assert is_good(seen.quality), f"{name}: 0x{seen.quality:08X}; {self.talk.events}"
        return seen.value

    def quality(self, name: str) -> int:
        return self.image.reading(name).quality

    async def fresh(self, *names: str, within_s: float = PATIENCE_S) -> None:
        """Until these points (all) are Good as asked from now on."""
        now = self.clock.now().mono
        tags = [self.image.index[name] for name in names or self.image.names]
        await self._until(lambda: all(self.image.asked[tag] > now and is_good(self.image.quality[tag]) for tag in tags), within_s)

    async def turned(self, wanted: Callable[[int], bool], name: str, within_s: float) -> None:
        """Until the quality of a point is as wanted."""
        await self._until(lambda: wanted(self.quality(name)), within_s)

    async def write(self, name: str, value: float) -> Outcome:
        """What became of one write."""
        now = self.clock.now().mono
        self.talk.outcomes.clear()
        self.talk.write(self.image.index[name], value, now, now + 5 * SECOND)
        self.link.poke(now)
        await self._until(lambda: bool(self.talk.outcomes), PATIENCE_S)
        return self.talk.outcomes.pop()

    async def _until(self, wanted: Callable[[], bool], within_s: float) -> None:
        """Looked at after every step of the conversation. Raises AssertionError with what there is instead."""
        try:
            async with asyncio.timeout(within_s):
                while not wanted():
                    self.talk.moved.clear()
                    await self.talk.moved.wait()
        except TimeoutError:
            shown = [f"{name} 0x{quality:08X}" for name, quality in zip(self.image.names, self.image.quality, strict=True)]
            raise AssertionError(f"not within {within_s:g} s: {shown[:5]}; {self.talk.events}; {self.link.tally}") from None
