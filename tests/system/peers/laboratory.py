"""The gateway's side of an analyser that somebody else serves: a link, a conversation with every sensor, a scan at the pace of the clock.

    async with Laboratory("opc.tcp://127.0.0.1:4840", security=NONE) as laboratory:
        await laboratory.good()
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from devices.instruments.icp_lads import PROFILE
from devices.profile import Node
from devices.quality import is_good
from gateway.control.conversation import Binding
from gateway.control.image import SECOND, Image
from gateway.links.opcua import OpcUaLink
from gateway.links.security import Security
from gateway.ticker import Clock
from tests.gateway.links.running import Running
from tests.gateway.links.wired_opcua import Watched

SCAN_S, PERIOD_S = 0.1, 0.2
PATIENCE_S = 20.0
SENSORS: dict[str, Node] = {node.name: node for node in PROFILE.nodes if "lads:FunctionSet" in node.path}
POINTS = (*SENSORS, "device_state", "state", "running_state", "active_runtime")


class Laboratory:
    """See the module. ``age_s``: how old a value may be; every point is read twice as often, or every 5 s."""

    def __init__(self, url: str, *, security: Security, age_s: float = 60.0) -> None:
        self.clock = Clock()
        bound = [Binding(point=name, tag=k, period_ns=round(PERIOD_S * SECOND)) for k, name in enumerate(POINTS)]
        self.talk = Watched("AE-501", PROFILE, Image(POINTS, [round(age_s * SECOND)] * len(POINTS)), bound)
        self.link = OpcUaLink("AE-501", url, self.talk, self.clock.now, security=security, seed=1)

    async def __aenter__(self) -> Laboratory:
        self._running = Running(self.link.run(), self._scan())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._running.end()

    async def _scan(self) -> None:
        while True:
            now = self.clock.now().mono
            self.talk.image.age(now)
            self.link.poke(now)
            await asyncio.sleep(SCAN_S)

    # --- what a test says ----------------------------------------------------------------------------------------
    def shows(self, name: str) -> float:
        """The value of a point, which must be Good."""
        seen = self.talk.image.reading(name)
        assert is_good(seen.quality), f"{name}: 0x{seen.quality:08X}; {self.talk.events}"
        return seen.value

    async def good(self, within_s: float = PATIENCE_S) -> float:
        """Seconds until every point is Good."""
        return await self.turned(lambda: all(map(is_good, self.talk.image.quality)), within_s)

    async def turned(self, wanted: Callable[[], bool], within_s: float = PATIENCE_S) -> float:
        """Seconds until it is so. Raises AssertionError with what there is instead."""
        try:
            return await self.talk.turned(wanted, within_s)
        except TimeoutError:
            image = self.talk.image
            shown = [f"{name} {value:g} 0x{quality:08X}" for name, value, quality in
                     zip(image.names, image.value, image.quality, strict=True)]
            raise AssertionError(f"not within {within_s:g} s: {shown}; {self.talk.events}; {self.link.tally}") from None

    def start(self, sample: str, batch: str, stream: str) -> None:
        """Ask for an analysis."""
        self.talk.start_program(sample, batch, stream, "leach", {}, self.clock.now().mono)
