"""Somebody else's Modbus master at simulated devices, on TCP and on a serial line: it reads what they hold, they hold what it wrote."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devices.exchange import Reply, Request, Write
from devices.profile import Access, Kind, Point, Profile, Table, Verified, WordOrder
from simulators.bank import Bank
from simulators.serve_modbus import ModbusServers
from tests.gateway.links.ptybus import Far
from tests.system.peers.program import free_port
from tests.system.site import reap

pytestmark = pytest.mark.system

RW = Access.READ_WRITE
BITS = 11                       # more than a byte, and no whole number of bytes
_VALUE = re.compile(r"^\[(\d+)\]:\s+(\S+)", re.MULTILINE)


def _points() -> tuple[Point, ...]:
    found: list[Point] = []
    for table, access in ((Table.HOLDING, RW), (Table.INPUT, Access.READ)):
        found += [Point(f"{table}_{k}", table, k, Kind.INT16 if k % 2 else Kind.UINT16, access=access) for k in range(4)]
        for k, kind in enumerate((Kind.INT32, Kind.FLOAT32)):
            found += [Point(f"{table}_{kind}_{order}", table, 4 + 4 * k + 2 * j, kind, order=order, access=access)
                      for j, order in enumerate((WordOrder.ABCD, WordOrder.CDAB))]
    found += [Point(f"coil_{k}", Table.COIL, k, Kind.BIT, access=RW) for k in range(BITS)]
    return (*found, *(Point(f"discrete_{k}", Table.DISCRETE, k, Kind.BIT) for k in range(BITS)))


PROFILE = Profile(name="tables", maker="none", model="none", protocol="modbus", source="assumed", verified=Verified.ASSUMED,
                  points=_points())


class Noted(Bank):
    """A device that notes the functions it is written with."""

    functions: list[int]

    def answer(self, request: Request, now: int) -> Reply:
        if isinstance(request, Write):
            self.functions.append(request.function)
        return super().answer(request, now)


class Mbpoll:
    """The program, at one device. ``bank``: what the device holds."""

    def __init__(self, place: list[object], bank: Noted) -> None:
        self.place, self.bank = place, bank

    async def say(self, kind: str, address: int, *arguments: object, values: tuple[object, ...] = ()) -> tuple[int, str]:
        """One request: its exit code and everything it says. ``address``: as on the wire."""
        words = ["mbpoll", "-0", "-1", "-a", 1, "-t", kind, "-r", address, *arguments, *self.place, *(("--", *values) if values else ())]
        process = await asyncio.create_subprocess_exec(
            *map(str, words), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        try:
            async with asyncio.timeout(20.0):
                said = (await process.communicate())[0].decode()
        finally:
            await reap(process)
        assert process.returncode is not None
        return process.returncode, said

    async def read(self, kind: str, address: int, count: int = 1, *arguments: object) -> list[float]:
        """Values as mbpoll shows them, the first at ``address``."""
        code, said = await self.say(kind, address, "-c", count, *arguments)
        assert code == 0, said
        found = _VALUE.findall(said)
        assert (len(found), int(found[0][0])) == (count, address), said
        return [float(int(text, 16)) if text.startswith("0x") else float(text) for _, text in found]

    async def write(self, kind: str, address: int, *values: object, big: bool = False) -> list[int]:
        """Write, and say with which functions that came."""
        self.bank.functions = []
        code, said = await self.say(kind, address, *(("-B",) if big else ()), values=values)
        assert code == 0, said
        return self.bank.functions


@pytest.fixture(params=["tcp", "serial line"])
async def mbpoll(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Mbpoll]:
    """mbpoll in front of one simulated device."""
    assert shutil.which("mbpoll"), "mbpoll missing: apt-get install mbpoll"
    bank = Noted(PROFILE, 1)
    bank.functions = []
    if request.param == "tcp":
        port = free_port()
        servers = ModbusServers({port: {1: bank}}, lambda: 0)
        await servers.start()
        yield Mbpoll(["-m", "tcp", "-p", port, "127.0.0.1"], bank)
        await servers.stop()
    else:
        far = Far(tmp_path / "port", 1)
        far.banks.update({1: bank})
        far.plug()
        yield Mbpoll(["-m", "rtu", "-b", 115_200, "-P", "none", far.path], bank)
        far.unplug()


async def test_mbpoll_reads_what_a_simulated_device_holds(mbpoll: Mbpoll):
    bank = mbpoll.bank
    for table, letter in ((Table.HOLDING, "4"), (Table.INPUT, "3")):
        for k, value in enumerate((0xFEDC, -2, 1, -0x8000)):
            bank.set(f"{table}_{k}", value)
        assert await mbpoll.read(f"{letter}:hex", 0, 4) == [0xFEDC, 0xFFFE, 1, 0x8000]
        for j, order in enumerate(("ABCD", "CDAB")):
            bank.set(f"{table}_int32_{order}", -0x0123_4568 + j)
            bank.set(f"{table}_float32_{order}", -1234.5 + j)
            big = ("-B",) if order == "ABCD" else ()
            assert await mbpoll.read(f"{letter}:int", 4 + 2 * j, 1, *big) == [-0x0123_4568 + j]
            assert await mbpoll.read(f"{letter}:float", 8 + 2 * j, 1, *big) == [-1234.5 + j]
    for table, letter, shift in ((Table.COIL, "0", 0), (Table.DISCRETE, "1", 1)):
        wanted = [float((k + shift) % 3 == 0) for k in range(BITS)]
        for k, value in enumerate(wanted):
            bank.set(f"{table}_{k}", value)
        assert await mbpoll.read(letter, 0, BITS) == wanted


async def test_a_simulated_device_holds_what_mbpoll_wrote(mbpoll: Mbpoll):
    bank = mbpoll.bank
    assert await mbpoll.write("4", 0, 0xFEDC) == [6]
    assert bank.get("holding_0") == 0xFEDC
    assert await mbpoll.write("4", 0, 7, 0xFFFE, 0x1234) == [16]
    assert [bank.get(f"holding_{k}") for k in range(3)] == [7, -2, 0x1234]      # mbpoll writes registers without a sign
    for j, order in enumerate(("ABCD", "CDAB")):
        assert await mbpoll.write("4:int", 4 + 2 * j, -0x0123_4568 - j, big=order == "ABCD") == [16]
        assert bank.get(f"holding_int32_{order}") == -0x0123_4568 - j
        assert await mbpoll.write("4:float", 8 + 2 * j, -1234.5 - j, big=order == "ABCD") == [16]
        assert bank.get(f"holding_float32_{order}") == -1234.5 - j
    assert await mbpoll.write("0", 2, 1) == [5]
    assert [bank.get(f"coil_{k}") for k in range(4)] == [0, 0, 1, 0]
    wanted = [float(k % 3 == 0) for k in range(BITS)]
    assert await mbpoll.write("0", 0, *map(int, wanted)) == [15]
    assert [bank.get(f"coil_{k}") for k in range(BITS)] == wanted
    assert bank.refused == 0


async def test_mbpoll_is_told_what_a_simulated_device_does_not_have(mbpoll: Mbpoll):
    code, said = await mbpoll.say("4", 900)
    assert (code != 0, "Illegal data address" in said) == (True, True), said
    code, said = await mbpoll.say("4", 900, values=(1,))
    assert "Illegal data address" in said
    assert (mbpoll.bank.refused, mbpoll.bank.written) == (2, 1)
