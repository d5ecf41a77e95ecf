"""Somebody else's Modbus master reads the devices' registers; the gateway shows the same values."""

from __future__ import annotations

import asyncio
import re
import shutil
import statistics
from pathlib import Path

import msgspec
import pytest

from gateway.client import Client
from gateway.config.loading import load
from tests.system.site import Site, reap

pytestmark = pytest.mark.system

LOOKS = 7
_VALUE = re.compile(r"^\[(\d+)\]:\s+(\S+)", re.MULTILINE)


class Row(msgspec.Struct, frozen=True):
    """One tag as mbpoll reads it. ``reference``: one-based; ``kind``: mbpoll's -t; ``gain``, ``offset``: to the tag's unit."""

    tag: str
    device: str
    kind: str
    reference: int
    within: float
    gain: float = 1.0
    offset: float = 0.0
    bit: int | None = None
    big: bool = False


# The numbers stand in the instruments' manuals, one-based as mbpoll counts; none of them is taken from our profiles.
ROWS = (
    Row("TT-1011A", "TC-101", "4", 2, 0.3, gain=0.1),                                         # EPC3016: 1, one decimal
    Row("TT-1011B", "IO-101", "4", 1, 0.3, gain=20.0 / 65535 * 130.0 / 16.0, offset=-10.0 - 4.0 * 130.0 / 16.0),   # ADAM 40001, 0..20 mA
    Row("WIT-1011", "IO-101", "4", 5, 5.0, gain=20.0 / 65535 * 1500.0 / 16.0, offset=-4.0 * 1500.0 / 16.0),        # ADAM 40005
    Row("LIT-1011", "LC-101", "3:float", 107, 1.0, gain=100.0 / 1.411),                       # VEGAPULS: 106, CDAB
    Row("DIT-1011", "FC-101", "4:float", 5053, 2.0),                                          # Promass: 5053, 1-0-3-2
    Row("FQI-1011", "FC-101", "4:float", 5057, 0.01),                                         # Promass: totaliser
    Row("AIT-1012", "AC-101", "3:float", 1, 0.1, big=True),                                   # Liquiline: 30001, ABCD
    Row("AIT-1013", "AC-101", "3:float", 5, 15.0, big=True),                                  # Liquiline: 30005; its noise is 5 mV
    Row("ST-1011", "M-101", "4", 5, 5.0, gain=0.005 * 4.0),                                   # ACS580: 400005, 20000 = 100 % = 400 rpm
    Row("XI-1011", "M-101", "4:hex", 4, 0.0, bit=2),                                          # ACS580: 400004, status word
    Row("ZSC-1011", "IO-101", "0", 50, 0.0),                                                  # ADAM: slot 3, second input
    Row("ZSO-1011", "IO-101", "0", 49, 0.0),                                                  # ADAM: slot 3, first input
    Row("XS-302", "IO-300", "0", 81, 0.0),                                                    # ADAM: slot 5, first output
    Row("FQI-121", "P-121", "4:float", 1034, 0.01, big=True),                                 # gamma/ X: 1034, ABCD
)  # fmt: skip


class Mbpoll:
    """The program, asking the devices of one configuration."""

    def __init__(self, config: Path) -> None:
        self.config = load(config)

    async def read(self, row: Row) -> float:
        """One value in the tag's unit."""
        device = self.config.devices[row.device]
        link = self.config.links[device.link]
        arguments = ["mbpoll", "-m", "tcp", "-p", link.port, "-a", device.unit_id, "-t", row.kind, "-r", row.reference, "-c", 1, "-1"]
        arguments += ["-B"] if row.big else []
        process = await asyncio.create_subprocess_exec(
            *map(str, arguments), link.host, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            async with asyncio.timeout(20.0):
                said = (await process.communicate())[0].decode()
        finally:
            await reap(process)
        found = _VALUE.search(said)
        assert process.returncode == 0, said
        assert found is not None, said
        assert int(found[1]) == row.reference
        number = float(int(found[2], 16)) if found[2].startswith("0x") else float(found[2])
        return float(int(number) >> row.bit & 1) if row.bit is not None else number * row.gain + row.offset


async def shown(plant: Client, tag: str) -> float:
    """What the gateway shows, which must be Good."""
    seen = await plant.ask("explain", tag)
    assert seen["quality"] == "Good", seen
    return seen["value"]


async def test_mbpoll_reads_what_the_gateway_shows(site: Site, config: Path):
    assert shutil.which("mbpoll"), "mbpoll missing: apt-get install mbpoll"
    mbpoll = Mbpoll(config)
    plant = await site.start_gateway()

    async def up() -> bool:
        return (await plant.ask("status"))["armed"]

    await site.until_true(up, 60.0, "the first full image")
    differ: dict[str, tuple[float, float]] = {}
    for row in ROWS:
        pairs = [(await shown(plant, row.tag), await mbpoll.read(row)) for _ in range(LOOKS if row.within else 1)]
        ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        if not abs(ours - theirs) <= row.within:
            differ[row.tag] = (ours, theirs)
    assert differ == {}
    assert await shown(plant, "TT-1011A") > 50.0
    assert await shown(plant, "LIT-1011") > 50.0
    assert await shown(plant, "XI-1011") == 1.0
