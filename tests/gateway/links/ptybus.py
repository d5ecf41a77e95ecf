"""A serial port that is a pty, what answers at its other end, and a link that owns it."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from gateway.control.image import SECOND, Now
from gateway.links.bus_link import BusLink
from gateway.links.quiet import gap_s
from gateway.links.serial import Line
from gateway.links.ways import Port
from simulators.serve_rtu import RtuUnits
from tests.gateway.links.peer import PATIENCE_S, Listening, bank_of

LINE = Line(baud=115_200, parity="none")


class Far:
    """The far end of a pty: units that answer. ``path``: the port's name, which stays when the adapter is plugged in again.

    ``say``: what goes on the line instead of an answer; ``echo``: the adapter hears what is sent; ``asked``: requests.
    """

    def __init__(self, path: Path, units: int) -> None:
        self.path = path
        self.banks = {unit: bank_of(unit) for unit in range(1, units + 1)}
        self.asked: asyncio.Queue[bytes] = asyncio.Queue()
        self.say: Callable[[bytes], bytes] = bytes
        self.echo = False
        self._loop = asyncio.get_running_loop()
        self._master = -1

    def plug(self) -> None:
        """The adapter is there, under its name."""
        self._master, slave = os.openpty()
        os.set_blocking(self._master, False)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(slave))
        self._units = RtuUnits(self.banks, lambda: 0)
        self._slave = slave                     # kept open, or the master hears of every close
        self._loop.add_reader(self._master, self._hear)

    def unplug(self) -> None:
        """The adapter is gone."""
        if self._master >= 0:
            self._loop.remove_reader(self._master)
            os.close(self._master)
            os.close(self._slave)
            self._master = -1

    def send(self, data: bytes) -> None:
        """Put bytes on the line."""
        if self._master >= 0:
            os.write(self._master, data)

    def _hear(self) -> None:
        data = os.read(self._master, 512)
        self.asked.put_nowait(data)
        if self.echo:
            self.send(data)
        for delay_s, answer in self._units.heard(data):
            if delay_s > 0:
                self._loop.call_later(delay_s, self.send, self.say(answer))
            else:
                self.send(self.say(answer))


class Ported:
    """Far end, link and devices; ``at`` is plant time and moves one second a scan."""

    def __init__(self, tmp_path: Path, *, units: int = 1, timeout_s: float = 0.1, plugged: bool = True) -> None:
        self.far, self.plugged, self.at = Far(tmp_path / "port", units), plugged, SECOND
        self.devices = [Listening(unit) for unit in self.far.banks]
        self.device = self.devices[0]
        self.link = BusLink("BUS", Port(str(self.far.path), LINE), timeout_s, self.devices, gap_s=gap_s(LINE.baud), clock=self.now,
                            rng=random.Random(1))

    def now(self) -> Now:
        return Now(self.at, self.at)

    async def __aenter__(self) -> Ported:
        if self.plugged:
            self.far.plug()
        self.task = asyncio.create_task(self.link.run())
        if self.plugged:
            await self.met()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.far.unplug()

    async def met(self) -> None:
        """Until the port is open (again)."""
        async with asyncio.timeout(PATIENCE_S):
            await self.device.came.wait()
        self.device.came.clear()

    async def parted(self) -> None:
        """Until the devices know that the port is gone."""
        async with asyncio.timeout(PATIENCE_S):
            await self.device.went.wait()
        self.device.went.clear()

    async def turn(self, level: float) -> None:
        """One scan in which every unit shows this level, until nothing is due or in flight."""
        self.at += SECOND
        for device in self.devices:
            self.far.banks[device.unit].set("level", level)
            device.beat(self.at)
        async with asyncio.timeout(PATIENCE_S):
            await self.link.drain()
