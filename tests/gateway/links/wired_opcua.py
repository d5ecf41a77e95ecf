"""An OPC UA link and the simulated analyser behind it on the wire rehearsal, with plant time on the loop's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, TypeVar

from asyncua import ua

from devices.exchange import Reply
from devices.instruments.icp_lads import ELEMENTS, PROFILE
from devices.quality import is_good
from gateway.control.analyzer import OpcUaConversation
from gateway.control.conversation import Binding
from gateway.control.image import SECOND, Image, Now
from gateway.links.opcua import OpcUaLink
from gateway.links.security import NONE, Security
from gateway.ticker import Clock
from simulators.analyzer import IcpDevice, Measured
from simulators.serve_opcua import OpcUaServer
from simulators.wire import Network, run
from tests.gateway.links.running import Running

PORT = 15060
TIMEOUT_S = 2.0
POINTS = ("state", "qc_fail", "stream")
STATE, QC_FAIL, STREAM = range(3)
T = TypeVar("T")


class Laboratory:
    """Every sample has 10 g/L of everything."""

    def measure(self, sample: Any, template: str, stream: int) -> Measured:
        return Measured(dict(sample or {}), dict.fromkeys(sample or {}, 0.1), {"ccv_pct": 100.0, "icv_pct": 99.0, "rsd_pct": 0.4})


class Watched(OpcUaConversation):
    """``turned`` waits for a quality of all tags; ``told`` counts what came without being asked, ``heard`` keeps it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.told = 0
        self.heard: list[tuple[str, Any]] = []
        self._moved = asyncio.Event()

    @property
    def quality(self) -> int:
        """The worst of the tags."""
        return max(self.image.quality)

    def absorb(self, reply: Reply, now: Now) -> None:
        if self._flight is None or self._flight[0] is not reply.request:
            self.told += 1
            self.heard += [(name, told[0]) for name, told in reply.document.items()]
        super().absorb(reply, now)
        self._moved.set()

    def lost(self, now: Now, why: str) -> None:
        super().lost(now, why)
        self._moved.set()

    def refused(self, why: str) -> None:
        super().refused(why)
        self._moved.set()

    def served(self, state: int | None, level: int | None, time_utc: int | None, now: Now) -> None:
        super().served(state, level, time_utc, now)
        self._moved.set()

    def of(self, kind: str) -> list[str]:
        """What is on record of one kind of event."""
        return [detail for event, detail in self.events if event == kind]

    async def turned(self, wanted: Callable[[], bool], within_s: float) -> float:
        """Seconds until it is so, looked at after every step of the conversation. Raises TimeoutError."""
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(within_s):
            while not wanted():
                self._moved.clear()
                await self._moved.wait()
        return round(asyncio.get_running_loop().time() - began, 6)


class WiredOpcUa:
    """One analyser, one link, scans each half second."""

    def __init__(self, net: Network, *, serve: bool = True, seed: int = 1, period_s: float = 1.0, age_s: float = 60.0,
                 security: Security = NONE, skew_s: float = 0.0, points: tuple[str, ...] = POINTS, **served: Any) -> None:
        self.net, self.serve, self.cable, self.clock, self._served = net, serve, net.cable(PORT), Clock(), served
        first = self.clock.now()
        self.device = IcpDevice(Laboratory(), lambda template, stream: dict.fromkeys(ELEMENTS, 10.0),
                                utc_ns=first.utc - first.mono + round(skew_s * SECOND))
        bindings = [Binding(point=point, tag=k, period_ns=round(period_s * SECOND)) for k, point in enumerate(points)]
        self.talk = Watched("AE-501", PROFILE, Image(points, [round(age_s * SECOND)] * len(points)), bindings)
        self.server = self.made()
        self.link = OpcUaLink("AE-501", self.server.url, self.talk, self.clock.now, security=security, timeout_s=TIMEOUT_S, seed=seed)

    def made(self, **options: Any) -> OpcUaServer:
        """A server for the device, not started."""
        return OpcUaServer(self.device, lambda: self.clock.now().mono, port=PORT, **{**self._served, **options})

    @property
    def inside(self) -> Any:
        """The server as asyncua knows it."""
        return self.server._server.iserver

    async def __aenter__(self) -> WiredOpcUa:
        if self.serve:
            await self.server.start()
        self._running = Running(self.link.run(), self._scan())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        await self._running.end(self.server.stop)

    async def _scan(self) -> None:
        while True:
            await self.net.lapse(0.5)
            now = self.clock.now().mono
            self.talk.image.age(now)
            self.device.step(now)
            self.link.poke(now)

    async def good(self, within_s: float = 30.0) -> float:
        """Seconds until every tag is Good."""
        return await self.talk.turned(lambda: is_good(self.talk.quality), within_s)

    async def show(self, name: str, value: float, status: int = 0, ahead_s: float = 0.0) -> None:
        """The device shows another value, true now by its own clock, which is so much ahead."""
        node, kind = self.server._shown[name]
        await self.server._write(node, kind, value, status, self.clock.now().utc + round(ahead_s * SECOND))

    async def say(self, what: int, value: Any, kind: ua.VariantType) -> None:
        """The server itself shows something: its state, its service level."""
        await self.server._server.get_node(ua.NodeId(ua.Int32(what))).write_value(ua.DataValue(ua.Variant(value, kind)))

    async def start_by_hand(self) -> None:
        """Somebody starts a run at the instrument: its state becomes Running (5)."""
        self.device.start_program("LIQUOR", {"Stream": "3"}, "", "by-hand", ({"SampleId": "by-hand"},), self.clock.now().mono)
        await self.server.publish()


def live(scenario: Callable[[WiredOpcUa], Awaitable[T]], *, limit_s: float = 3600.0, seed: int = 1, **options: Any) -> T:
    """The result of a scenario, played on a wire of its own."""
    async def main(net: Network) -> T:
        async with WiredOpcUa(net, seed=seed, **options) as wired:
            return await scenario(wired)

    return run(main, seed=seed, limit_s=limit_s)
