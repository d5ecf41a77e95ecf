"""A Modbus link and the simulated device behind it on the wire rehearsal: what a fault does, to the millisecond of plant time."""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TypeVar

from devices.exchange import Reply
from devices.profile import Profile
from devices.quality import is_good
from gateway.control.image import SECOND, Now
from gateway.links.modbus import ModbusLink
from gateway.links.ways import Socket
from gateway.ticker import Clock
from simulators.serve_modbus import ModbusServers
from simulators.wire import Network, run
from tests.gateway.links.peer import COUNT, LEVEL, PROFILE, Listening, bank_of
from tests.gateway.links.running import Running

PORT = 15011
TIMEOUT_S, SCAN_S = 0.5, 1.0
BAD_AT_ONCE_S = max(TIMEOUT_S, SCAN_S) + 0.1        # the catalogue's "Bad!"
T = TypeVar("T")
Tap = Callable[[bytes], bytes]


class Watched(Listening):
    """A conversation whose every step is looked at: ``turned`` waits for a quality, no Good value may be a wrong one."""

    def __init__(self, unit: int, seconds: Callable[[], float], profile: Profile = PROFILE) -> None:
        super().__init__(unit, profile=profile)
        self.seconds = seconds
        self.checks = 0
        self._moved = asyncio.Event()

    @property
    def quality(self) -> int:
        return self.image.quality[LEVEL]

    def absorb(self, reply: Reply, now: Now) -> None:
        super().absorb(reply, now)
        self.look()

    def lost(self, now: Now, why: str) -> None:
        super().lost(now, why)
        self.look()

    def look(self) -> None:
        """The device shows the second it is asked in as count and its unit as level: a Good value is no older than the image allows."""
        if is_good(self.quality) or is_good(self.image.quality[COUNT]):
            self.checks += 1
            assert self.image.value[LEVEL] == self.unit
            assert -1e-6 <= self.seconds() - self.image.value[COUNT] <= 6.0
        self._moved.set()

    async def turned(self, wanted: Callable[[int], bool], within_s: float) -> float:
        """Seconds until the level's quality is as wanted. Raises TimeoutError."""
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(within_s):
            while not wanted(self.quality):
                self._moved.clear()
                await self._moved.wait()
        return round(asyncio.get_running_loop().time() - began, 6)


class Wired:
    """``units`` behind one link, scanned each second on the second. ``asked``: (second, frame) of every request that left."""

    def __init__(self, net: Network, *, units: int = 1, port: int = PORT, timeout_s: float = TIMEOUT_S, window: int = 1,
                 serve: bool = True, seed: int = 1, settle_s: float = 0.0, keep: bool = True,
                 profile: Profile = PROFILE) -> None:
        self.net, self.port, self.serve = net, port, serve
        self.cable = net.cable(port)
        self.cable.to_server.tap = self._note
        self.asked: list[tuple[float, bytes]] = []
        self.banks = {unit: bank_of(unit, profile) for unit in range(1, units + 1)}
        self.servers = ModbusServers({port: self.banks}, lambda: self.clock.now().mono)     # type: ignore[arg-type]
        self.devices = [Watched(unit, self.seconds, profile) for unit in self.banks]
        for device in self.devices:
            device.settle_s, device.keep = settle_s, keep
        self.device, self.bank = self.devices[0], self.banks[1]
        self.clock = Clock()
        self.link = ModbusLink("GW", Socket("127.0.0.1", port), timeout_s, self.devices, clock=self.clock.now, rng=random.Random(seed),
                                  window=window)

    def _note(self, data: bytes) -> bytes:
        self.asked.append((self.seconds(), data))
        return data

    def seconds(self) -> float:
        """Plant time since the start."""
        return self.net.loop.elapsed_s

    async def __aenter__(self) -> Wired:
        if self.serve:
            await self.servers.start()
        self._running = Running(self.link.run(), self._scan())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        await self._running.end(self.servers.stop)

    async def _scan(self) -> None:
        for second in range(100_000):
            for unit, bank in self.banks.items():
                bank.set("level", float(unit))
                bank.set("count", float(second))
            now = self.clock.now().mono
            for device in self.devices:
                device.image.age(now)
                device.look()
                device.beat(now)
            self.link.poke(now)
            await self.net.lapse(second + 1 - self.seconds())

    # --- what a test says ----------------------------------------------------------------------------------------
    async def good(self, within_s: float = 10.0) -> float:
        """Seconds until every device is Good."""
        return max([await device.turned(is_good, within_s) for device in self.devices])

    async def in_flight(self) -> None:
        """Until 20 ms after the next scan's request has left; the answer takes 200 ms."""
        self.bank.delay_s = 0.2
        await self.net.lapse(1.02 - self.seconds() % 1.0)
        assert self.asked[-1][0] == int(self.seconds())

    def once(self, change: Tap, unit: int | None = None) -> None:
        """Change the next answer (of a unit) and no other."""
        def tap(data: bytes) -> bytes:
            if unit is not None and data[6] != unit:
                return data
            self.cable.to_client.tap = None
            return change(data)

        self.cable.to_client.tap = tap

    def always(self, change: Tap, unit: int | None = None) -> None:
        """Change every answer (of a unit) from now on."""
        self.cable.to_client.tap = lambda data: change(data) if unit is None or data[6] == unit else data

    def requests(self, unit: int, *functions: int) -> list[float]:
        """Seconds at which this unit was asked with one of these functions (any)."""
        return [at for at, data in self.asked if data[6] == unit and (not functions or data[7] in functions)]

    def write(self, tag: int, value: float) -> None:
        """Ask for a write and send it."""
        now = self.clock.now().mono
        self.device.write(tag, value, now, now + 10 * SECOND)
        self.link.poke(now)


def reframed(data: bytes, *, pdu: bytes | None = None, transaction: int | None = None, unit: int | None = None, protocol: int = 0,
             length: int | None = None) -> bytes:
    """An answer with some of its fields replaced."""
    tid, _, _, uid = struct.unpack(">HHHB", data[:7])
    body = data[7:] if pdu is None else pdu
    head = (tid if transaction is None else transaction, protocol, len(body) + 1 if length is None else length)
    return struct.pack(">HHHB", *head, uid if unit is None else unit) + body


def refusing(code: int) -> Tap:
    """The answer becomes this exception."""
    return lambda data: reframed(data, pdu=bytes((data[7] | 0x80, code)))


def live(scenario: Callable[[Wired], Awaitable[T]], *, limit_s: float = 3600.0, seed: int = 1, **options: object) -> T:
    """The result of a scenario, played on a wire of its own."""
    async def main(net: Network) -> T:
        async with Wired(net, seed=seed, **options) as wired:  # type: ignore[arg-type]
            return await scenario(wired)

    return run(main, seed=seed, limit_s=limit_s)
