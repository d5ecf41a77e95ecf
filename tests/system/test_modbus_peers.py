"""Modbus devices that somebody else wrote: what the gateway shows is what they say they hold, and what it writes arrives.

libmodbus (C) over TCP, over a serial line, and over a serial line behind a device server; modbus-serial (JavaScript) over TCP.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import struct
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from devices.profile import Access, Kind, Limits, Point, Table
from devices.quality import (
    BAD_COMMUNICATION_ERROR,
    BAD_CONFIGURATION_ERROR,
    BAD_DEVICE_FAILURE,
    BAD_NO_COMMUNICATION,
    UNCERTAIN_NO_COMMUNICATION_LAST_USABLE,
    is_bad,
)
from gateway.links.calling import Tally
from gateway.links.rtu_wire import RtuWire
from gateway.links.serial import Line
from gateway.links.ways import Port, Socket, Way
from tests.system.peers.gate import BAUD, BITS, BITS_AT, FIRST, PROFILE, SIZE, Gate, writing_with
from tests.system.peers.lines import DeviceServer, NullModem
from tests.system.peers.program import FOLDER, Program, compiled, free_port

pytestmark = pytest.mark.system

GONE_S = 2.0                    # a device is away for so long
BACK_S = 5.0                    # from its return until it is Good
VALUES: dict[Kind, tuple[float, ...]] = {
    Kind.INT16: (-2, 0x1234, -0x8000), Kind.UINT16: (0xFEDC, 0x8000, 1),
    Kind.INT32: (-0x0123_4568, 0x1234_5678, -0x8000_0000), Kind.UINT32: (0xFEDC_BA98, 0x8000_0000, 1),
    Kind.INT64: (-0x0012_3456_789A_BCDE, 0x0012_3456_789A_BCDE, -1), Kind.UINT64: (0x0012_3456_789A_BCDE, 0x001F_FFFF_FFFF_FFFF, 1),
    Kind.FLOAT32: (1.1, -3.1e7, 1e-30), Kind.FLOAT64: (1.1, -1.25e100, 1e-30),
}  # a double carries each exactly, and no two bytes of the first are alike
EXCEPTIONS = {
    **dict.fromkeys((1, 2, 3), BAD_CONFIGURATION_ERROR), **dict.fromkeys((4, 8), BAD_DEVICE_FAILURE), 7: BAD_COMMUNICATION_ERROR,
    **dict.fromkeys((5, 6), UNCERTAIN_NO_COMMUNICATION_LAST_USABLE), **dict.fromkeys((10, 11), BAD_NO_COMMUNICATION),
}
NUMBERS = [point for point in PROFILE.points if point.kind is not Kind.BIT]
BIT_TABLES = [point for point in PROFILE.points if point.table in (Table.COIL, Table.DISCRETE)]


class Bench:
    """A peer and the way to it."""

    def __init__(self, peer: Program, way: Way) -> None:
        self.peer, self.way = peer, way

    @property
    def on_bus(self) -> bool:
        return not isinstance(self.way, Socket) or self.way.wire is RtuWire

    async def put(self, point: Point, value: float) -> None:
        """Let the peer hold a value."""
        await self.peer.ask(f"put {_place(point)} {value!r}")

    async def holds(self, point: Point) -> float:
        """What the peer says that it holds."""
        said = float(await self.peer.ask(f"get {_place(point)}"))
        return _float32(said) if point.kind is Kind.FLOAT32 else said

    async def put_word(self, table: Table, word: int) -> None:
        """The register whose bits are points."""
        await self.peer.ask(f"put {table} uint16 ABCD {BITS_AT} {word}")

    async def word(self) -> int:
        """The register whose bits are written."""
        return int(await self.peer.ask(f"get holding uint16 ABCD {BITS_AT}"))

    async def asked(self) -> set[int]:
        """Functions that it was asked with since this was last asked."""
        return {int(each.split(":")[0]) for each in (await self.peer.ask("asked")).split()}


def _place(point: Point) -> str:
    return f"{point.table} {point.kind} {point.order or 'ABCD'} {point.address}"


def _float32(value: float) -> float:
    return struct.unpack("f", struct.pack("f", value))[0]


@pytest.fixture(scope="session")
def libmodbus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server on libmodbus, compiled here."""
    return compiled(FOLDER / "libmodbus_peer.c", tmp_path_factory.mktemp("libmodbus") / "peer", "-lmodbus")


PEERS = ["libmodbus", "libmodbus on a serial line", "libmodbus behind a device server", "modbus-serial"]
slow = pytest.mark.parametrize("bench", [peer for peer in PEERS if "device server" not in peer], indirect=True)    # that one adds nothing


@pytest.fixture(params=PEERS)
async def bench(request: pytest.FixtureRequest, libmodbus: Path, tmp_path: Path) -> AsyncIterator[Bench]:
    """One of the peers, running."""
    async with contextlib.AsyncExitStack() as stack:
        port = free_port()
        if request.param == "libmodbus":
            peer, way = Program([libmodbus, "tcp", port], tmp_path), Socket("127.0.0.1", port)
        elif request.param == "modbus-serial":
            peer, way = Program([shutil.which("node") or "node", "modbus_serial_peer.js", "tcp", port], tmp_path), Socket("127.0.0.1", port)
        else:
            line = stack.enter_context(NullModem())
            peer, way = Program([libmodbus, "rtu", line.there, BAUD, 1], tmp_path), Port(line.here, Line(baud=BAUD, parity="none"))
            if "device server" in request.param:
                server = await stack.enter_async_context(DeviceServer(line.here))
                way = Socket("127.0.0.1", server.port, RtuWire)
        yield Bench(await stack.enter_async_context(peer), way)


async def test_every_kind_of_value_is_shown_as_the_peer_holds_it(bench: Bench):
    async with Gate(bench.way) as gate:
        for turn in range(3):
            for point in NUMBERS:
                await bench.put(point, VALUES[point.kind][turn])
            for k, point in enumerate(BIT_TABLES):
                await bench.put(point, (k + turn) % 3 == 0)
            words = {Table.HOLDING: (0x8101, 0x7EFE, 0x0080)[turn], Table.INPUT: (0x0180, 0xFFFF, 0x8001)[turn]}
            for table, word in words.items():
                await bench.put_word(table, word)
            await gate.fresh()
            shown = {point.name: gate.shows(point.name) for point in NUMBERS + BIT_TABLES}
            assert shown == {point.name: await bench.holds(point) for point in NUMBERS + BIT_TABLES}
            assert [shown[point.name] for point in NUMBERS if point.kind is not Kind.FLOAT32] == [
                VALUES[point.kind][turn] for point in NUMBERS if point.kind is not Kind.FLOAT32]
            for table, word in words.items():
                assert [gate.shows(f"{table}_bit_{bit}") for bit in BITS] == [word >> bit & 1 for bit in BITS]


@pytest.mark.parametrize("functions", [(5, 6, 16), (15, 16)])
async def test_every_write_arrives_as_it_was_meant(bench: Bench, functions: tuple[int, ...]):
    await _writes(bench, functions)


@pytest.mark.parametrize("bench", ["libmodbus", "libmodbus on a serial line"], indirect=True)
async def test_so_does_one_under_a_mask_and_one_that_is_read_in_the_same_request(bench: Bench):
    await _writes(bench, (15, 22, 23))


async def _writes(bench: Bench, functions: tuple[int, ...]) -> None:
    async with Gate(bench.way, writing_with(*functions)) as gate:
        await bench.put_word(Table.HOLDING, 0x5A5A)
        await gate.fresh()
        await bench.asked()
        written = [point for point in NUMBERS if point.access is Access.READ_WRITE]
        coils = [point for point in BIT_TABLES if point.table is Table.COIL]
        for turn in range(3):
            wanted = {point.name: VALUES[point.kind][turn] for point in written}
            wanted |= {point.name: float((k + turn) % 3 == 0) for k, point in enumerate(coils)}
            for name, value in wanted.items():
                assert (await gate.write(name, value)).result == "accepted"
            held = {point.name: await bench.holds(point) for point in written + coils}
            assert held == {name: _float32(value) if PROFILE.point(name).kind is Kind.FLOAT32 else value for name, value in wanted.items()}
            await gate.fresh()
            assert {name: gate.shows(name) for name in wanted} == held
        for bit in BITS:
            before = await bench.word()
            assert (await gate.write(f"holding_bit_{bit}", 1 - (before >> bit & 1))).result == "accepted"
            assert await bench.word() == before ^ 1 << bit
        assert await bench.asked() == {1, 2, 3, 4, *functions}


@pytest.mark.parametrize("bench", ["libmodbus", "modbus-serial"], indirect=True)
async def test_answers_to_requests_that_were_in_flight_together_are_told_apart(bench: Bench):
    piecemeal = msgspec.structs.replace(PROFILE, limits=Limits(read_registers=4, read_bits=4))
    async with Gate(bench.way, piecemeal, window=8) as gate:
        for turn in range(3):
            for point in NUMBERS:
                await bench.put(point, VALUES[point.kind][turn] if point.kind is not Kind.UINT16 else point.address + turn)
            await gate.fresh()
            assert len(gate.talk.polling.polls) > 50
            assert {point.name: gate.shows(point.name) for point in NUMBERS} == {point.name: await bench.holds(point) for point in NUMBERS}
        assert msgspec.structs.asdict(gate.link.tally) == msgspec.structs.asdict(Tally(connects=1))


async def test_what_a_device_does_not_have_costs_its_own_tag_and_no_other(bench: Bench):
    end = FIRST + SIZE
    points = (
        Point("last", Table.HOLDING, end - 4, access=Access.READ_WRITE), Point("beyond", Table.HOLDING, end, access=Access.READ_WRITE),
        Point("last_coil", Table.COIL, end - 1, Kind.BIT, access=Access.READ_WRITE),
        Point("beyond_coil", Table.COIL, end, Kind.BIT, access=Access.READ_WRITE),
    )
    async with Gate(bench.way, msgspec.structs.replace(PROFILE, points=points)) as gate:
        await bench.put(points[0], 0x1234)
        await bench.put(points[2], 1)
        await gate.fresh("last", "last_coil")
        assert (gate.shows("last"), gate.shows("last_coil")) == (0x1234, 1)
        for name in ("beyond", "beyond_coil"):
            await gate.turned(BAD_CONFIGURATION_ERROR.__eq__, name, BACK_S)
            outcome = await gate.write(name, 1)
            assert (outcome.result, outcome.detail.split(" on ")[0]) == ("rejected", "exception 2")
        refused = [detail for event, detail in gate.talk.events if event == "refused"]
        assert [detail.split(": ")[1].split(";")[0] for detail in refused] == ["beyond_coil", "beyond"]
        await gate.fresh("last", "last_coil")


@slow
async def test_every_exception_is_shown_as_what_it_means(bench: Bench):
    point = Point("level", Table.INPUT, FIRST)
    for code, quality in EXCEPTIONS.items():
        if bench.on_bus and code not in (2, 6, 11):         # one of each meaning: a bus is slow to open
            continue
        async with Gate(bench.way, msgspec.structs.replace(PROFILE, points=(point,))) as gate:
            await gate.fresh()
            await bench.peer.ask(f"refuse {code}")
            await gate.turned(quality.__eq__, "level", 10.0)
            assert gate.talk.health.last_error.startswith(f"exception {code} on read 4 of {FIRST}+1")
            await bench.peer.ask("refuse 0")


@slow
async def test_a_device_that_was_killed_is_good_within_5_s_of_its_return(bench: Bench):
    async with Gate(bench.way) as gate:
        await gate.fresh()
        await bench.peer.kill()
        await gate.turned(is_bad, "input_uint16_ABCD", BACK_S)
        await asyncio.sleep(GONE_S)
        assert all(is_bad(quality) for quality in gate.image.quality)
        await bench.peer.start()
        back = time.monotonic()
        await bench.put(PROFILE.point("input_uint16_ABCD"), 0xFEDC)
        await gate.fresh(within_s=BACK_S)
        assert time.monotonic() - back <= BACK_S
        assert gate.shows("input_uint16_ABCD") == 0xFEDC
        assert (await gate.write("holding_int32_CDAB", -7)).result == "accepted"
        assert await bench.holds(PROFILE.point("holding_int32_CDAB")) == -7
