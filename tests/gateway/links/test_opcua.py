"""The OPC UA link against the simulated device on a real socket: values, an analysis, loss and return."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from devices.exchange import Reply
from devices.instruments.icp_lads import ELEMENTS, PROFILE
from devices.opcua import BAD_USER_ACCESS_DENIED
from devices.quality import GOOD, is_bad, is_good
from gateway.control.analyzer import OpcUaConversation
from gateway.control.conversation import Binding
from gateway.control.image import SECOND, Image, Now
from gateway.links.opcua import OpcUaLink
from gateway.links.security import NONE, Security
from simulators.analyzer import IcpDevice, Measured
from simulators.serve_opcua import OpcUaServer

BEGAN = datetime(2023, 11, 14, tzinfo=UTC)
UTC_NS = round(BEGAN.timestamp()) * SECOND
POINTS = ("nd", "tree", "state", "qc_fail", "stream")
SHOWN = ("state", "qc_fail", "stream")
LIMIT_S = 20.0


class Plant:
    """Time that a test moves, and the device that lives in it."""

    def __init__(self, began: datetime = BEGAN) -> None:
        self.mono, self.utc = 0, round(began.timestamp()) * SECOND
        self.device = IcpDevice(self, self.sample, utc_ns=self.utc)

    def now(self) -> Now:
        return Now(self.mono, self.utc + self.mono)

    def sample(self, template: str, stream: int) -> dict[str, float]:
        return dict.fromkeys(ELEMENTS, 10.0 + stream)

    def measure(self, sample: Any, template: str, stream: int) -> Measured:
        qc = {"ccv_pct": 100.0, "icv_pct": 99.0, "rsd_pct": 0.4}
        return Measured(dict(sample or {}), dict.fromkeys(sample or {}, 0.1), qc)


class Watched(OpcUaConversation):
    """Says when something was absorbed."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.seen = asyncio.Condition()
        self.turned_away = asyncio.Event()
        self._told: set[asyncio.Task[None]] = set()

    def absorb(self, reply: Reply, now: Now) -> None:
        super().absorb(reply, now)
        task = asyncio.ensure_future(self._tell())
        self._told.add(task)
        task.add_done_callback(self._told.discard)

    def refused(self, why: str) -> None:
        super().refused(why)
        self.turned_away.set()

    async def _tell(self) -> None:
        async with self.seen:
            self.seen.notify_all()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def conversation() -> Watched:
    bindings = [Binding(point=point, tag=i, period_ns=SECOND // 10) for i, point in enumerate(POINTS)]
    return Watched("AE-501", PROFILE, Image(POINTS, [60 * SECOND] * len(POINTS)), bindings)


@contextlib.asynccontextmanager
async def running(link: OpcUaLink) -> AsyncIterator[None]:
    task = asyncio.create_task(link.run())
    try:
        async with asyncio.timeout(LIMIT_S):
            yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def turn(link: OpcUaLink, server: OpcUaServer, plant: Plant, seconds: float) -> None:
    """One lockstep turn: the plant moves on, the device shows it, the link asks all that is due."""
    plant.mono += int(seconds * SECOND)
    plant.device.step(plant.mono)
    await server.publish()
    link.poke(plant.mono)
    await link.drain()


@pytest.mark.fault("U01")
@pytest.mark.fault("U08")
async def test_values_an_analysis_a_loss_and_a_return_under_other_namespace_indices():
    plant, each, port = Plant(), conversation(), free_port()
    server = OpcUaServer(plant.device, lambda: plant.mono, port=port)
    await server.start()
    link = OpcUaLink("AE-501", server.url, each, plant.now, security=NONE, polled=True, backoff_s=(0.01,))
    async with running(link):
        await link.connected.wait()
        await link.drain()
        assert [each.image.quality[each.image.index[name]] for name in SHOWN] == [GOOD] * 3
        assert is_bad(each.image.quality[0])                # nothing was measured yet

        each.start_program("S-1", "B-1", "R-102", "leach", {}, plant.mono)
        await turn(link, server, plant, 5)
        assert each.analyses.open["S-1"].state == "running"
        assert plant.device.state == "Running"
        for _ in range(40):
            await turn(link, server, plant, 10)
        (found,) = each.documents
        assert (found.sample, found.batch, found.values["Nd"], found.u["Nd"]) == ("S-1", "B-1", 12.0, 0.1)
        assert is_good(found.quality)
        assert found.taken_utc == UTC_NS + 5 * SECOND
        assert found.measured_utc > found.taken_utc
        assert (each.image.value[0], each.image.value[4], each.image.quality[0]) == (12.0, 2.0, GOOD)

        await server.stop()
        await link.down.wait()
        assert all(is_bad(quality) for quality in each.image.quality)

        again = OpcUaServer(plant.device, lambda: plant.mono, port=port, namespaces_before=("urn:one", "urn:two"))
        await again.start()
        await link.connected.wait()
        await turn(link, again, plant, 5)
        assert [each.image.quality[i] for i in range(5)] == [GOOD] * 5
        each.start_program("S-2", "B-1", "R-101", "leach", {}, plant.mono)
        for _ in range(40):
            await turn(link, again, plant, 10)
        assert [document.sample for document in each.documents] == ["S-1", "S-2"]
        assert [kind for kind, _ in each.events] == ["lost", "regained"]
        await again.stop()


async def test_a_subscription_tells_a_change_without_being_asked():
    plant, each = Plant(), conversation()
    server = OpcUaServer(plant.device, lambda: plant.mono, port=free_port())
    await server.start()
    link = OpcUaLink("AE-501", server.url, each, plant.now, security=NONE)
    async with running(link):
        await link.connected.wait()
        await link.drain()
        assert each.sampling_ns >= SECOND // 10
        plant.device.start_program("LIQUOR", {"Stream": "3"}, "", "by-hand", ({"SampleId": "by-hand"},), plant.mono)
        await server.publish()
        async with each.seen:
            await each.seen.wait_for(lambda: each.image.value[each.image.index["state"]] == 5.0)
    await server.stop()


@pytest.mark.fault("U18")
async def test_nothing_of_the_simulated_device_can_be_written_and_a_read_only_link_calls_nothing():
    plant, each = Plant(), conversation()
    server = OpcUaServer(plant.device, lambda: plant.mono, port=free_port())
    await server.start()
    link = OpcUaLink("AE-501", server.url, each, plant.now, security=NONE, polled=True)
    async with running(link):
        await link.connected.wait()
        each.write(0, 1.0, plant.mono, plant.mono + SECOND)
        link.poke(plant.mono)
        await link.drain()
        assert [(outcome.result, outcome.detail) for outcome in each.outcomes] == [("rejected", f"0x{BAD_USER_ACCESS_DENIED:08X}")]
    quiet = OpcUaLink("AE-501", server.url, each, plant.now, security=NONE, polled=True, read_only=True)
    async with running(quiet):
        await quiet.connected.wait()
        each.start_program("S-1", "B-1", "R-101", "leach", {}, plant.mono)
        await turn(quiet, server, plant, 5)
        await turn(quiet, server, plant, 5)
        assert plant.device.state == "Stopped"
        assert [is_bad(document.quality) for document in each.documents] == [True]
    await server.stop()


class Silent(asyncio.Protocol):
    """Accepts, reads and never answers."""

    def __init__(self, third: asyncio.Event, made: list[asyncio.BaseTransport]) -> None:
        self.third, self.made = third, made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made.append(transport)
        if len(self.made) == 3:
            self.third.set()


@pytest.mark.fault("U02")
async def test_a_server_that_accepts_and_says_nothing_never_holds_the_link():
    each, plant, third, made = conversation(), Plant(), asyncio.Event(), []
    silent = await asyncio.get_running_loop().create_server(lambda: Silent(third, made), "127.0.0.1", 0)
    url = f"opc.tcp://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    link = OpcUaLink("AE-501", url, each, plant.now, security=NONE, timeout_s=0.05, backoff_s=(0.01,))
    async with running(link):
        await third.wait()
    assert each.state == "lost"
    assert all(is_bad(quality) for quality in each.image.quality)
    assert link.attempts >= 3
    for transport in made:
        transport.close()
    silent.close()
    await silent.wait_closed()


def test_security_is_on_unless_none_is_written_out():
    plant = Plant()
    with pytest.raises(ValueError, match="write policy none to do without"):
        OpcUaLink("AE-501", "opc.tcp://127.0.0.1:1", conversation(), plant.now)
    OpcUaLink("AE-501", "opc.tcp://127.0.0.1:1", conversation(), plant.now, security=NONE)


async def test_a_server_with_users_takes_no_stranger(monkeypatch: pytest.MonkeyPatch):
    plant, each = Plant(), conversation()
    monkeypatch.setenv("RIGHT", "correct horse")
    monkeypatch.setenv("WRONG", "wrong")
    server = OpcUaServer(plant.device, lambda: plant.mono, port=free_port(), users={"gateway": "correct horse"})
    await server.start()
    known = Security(policy="none", user="gateway", password_env="RIGHT")
    link = OpcUaLink("AE-501", server.url, each, plant.now, security=known, polled=True)
    async with running(link):
        await link.connected.wait()
    stranger = OpcUaLink(
        "AE-501", server.url, each, plant.now, security=Security(policy="none", user="gateway", password_env="WRONG"), backoff_s=(0.01,))
    async with running(stranger):
        await each.turned_away.wait()
    await server.stop()
    assert [why for kind, why in each.events if kind == "refused"] == ["the server refuses user gateway (0x801F0000)"]
