"""A serial bus behind a device server on the wire rehearsal, and the link to it: the same weather for RTU as for Modbus TCP."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TypeVar

from msgspec.structs import replace

from devices.exchange import Read
from devices.profile import Watchdog
from devices.quality import is_good
from gateway.control.image import SECOND
from gateway.links.bus_link import BusLink
from gateway.links.rtu_wire import RtuWire
from gateway.links.ways import Socket
from gateway.ticker import Clock
from simulators.bank import Bank
from simulators.serve_rtu import RtuServers
from simulators.wire import Network, run
from tests.gateway.links.peer import PROFILE, bank_of
from tests.gateway.links.running import Running
from tests.gateway.links.wired import Watched

PORT = 15021
TIMEOUT_S, GAP_S, SCAN_S = 0.25, 0.002, 0.5
WATCHDOG_S = 2.0
T = TypeVar("T")


class Reticent(Watched):
    """A device of which no readable block is known."""

    @property
    def reads(self) -> tuple[Read, ...]:
        return ()


class Bused:
    """``units`` on one bus, scanned twice a second. ``asked``: (second, frame) of every request that left.

    ``watched``: every unit has a watchdog of 2 s that any request feeds; ``expired``: units whose watchdog has run out.
    """

    def __init__(self, net: Network, *, units: int = 3, timeout_s: float = TIMEOUT_S, seed: int = 1, watched: bool = False,
                 reticent: bool = False) -> None:
        self.net = net
        self.cable = net.cable(PORT)
        self.cable.set(latency_s=0.002)
        self.cable.to_server.tap = self._note
        self.asked: list[tuple[float, bytes]] = []
        self.banks = {unit: bank_of(unit) for unit in range(1, units + 1)}
        self.servers = RtuServers({PORT: self.banks}, lambda: self.clock.now().mono)
        self.devices = [(Reticent if reticent else Watched)(unit, self.seconds) for unit in self.banks]
        self.expired: set[int] = set()
        if watched:
            profile = replace(PROFILE, watchdog=Watchdog(timeout_s=WATCHDOG_S))
            self.banks |= {unit: Bank(profile, unit) for unit in self.banks}
            for device in self.devices:
                device.patience_s = WATCHDOG_S
        self.device, self.bank = self.devices[0], self.banks[1]
        self.clock = Clock()
        self.link = BusLink("BUS", Socket("127.0.0.1", PORT, RtuWire), timeout_s, self.devices, gap_s=GAP_S, clock=self.clock.now,
                            rng=random.Random(seed))

    def _note(self, data: bytes) -> bytes:
        self.asked.append((self.seconds(), data))
        return data

    def seconds(self) -> float:
        """Plant time since the start."""
        return self.net.loop.elapsed_s

    async def __aenter__(self) -> Bused:
        await self.servers.start()
        self._running = Running(self.link.run(), self._scan())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        await self._running.end(self.servers.stop)

    async def _scan(self) -> None:
        for tick in range(1_000_000):
            now = self.clock.now().mono
            for unit, bank in self.banks.items():
                bank.set("level", float(unit))
                bank.set("count", float(int(self.seconds())))
                bank.step(now)
                if bank.expired:
                    self.expired.add(unit)
            for device in self.devices:
                device.image.age(now)
                device.look()
                device.beat(now)
            self.link.poke(now)
            await self.net.lapse((tick + 1) * SCAN_S - self.seconds())

    # --- what a test says ----------------------------------------------------------------------------------------
    async def good(self, within_s: float = 10.0) -> float:
        """Seconds until every device is Good."""
        return max([await device.turned(is_good, within_s) for device in self.devices])

    def once(self, change: Callable[[bytes], bytes]) -> None:
        """Change the next answer and no other."""
        def tap(data: bytes) -> bytes:
            self.cable.to_client.tap = None
            return change(data)

        self.cable.to_client.tap = tap

    def requests(self, unit: int, *functions: int) -> list[float]:
        """Seconds at which this unit was asked with one of these functions (any)."""
        return [at for at, data in self.asked if data[0] == unit and (not functions or data[1] in functions)]

    def write(self, tag: int, value: float) -> None:
        """Ask for a write and send it."""
        now = self.clock.now().mono
        self.device.write(tag, value, now, now + 10 * SECOND)
        self.link.poke(now)


def live(scenario: Callable[[Bused], Awaitable[T]], *, limit_s: float = 3600.0, seed: int = 1, **options: object) -> T:
    """The result of a scenario, played on a bus of its own."""
    async def main(net: Network) -> T:
        async with Bused(net, seed=seed, **options) as bused:  # type: ignore[arg-type]
            return await scenario(bused)

    return run(main, seed=seed, limit_s=limit_s)
