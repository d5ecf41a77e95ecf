"""The ways south: TLS accepts the right server alone and is accepted with the right certificate alone; a refusal says why."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import itertools
import random
import re
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devices.exchange import Read
from gateway.config.models import Link
from gateway.control.image import SECOND, Now
from gateway.links.calling import BACKOFF_S
from gateway.links.inquiry import Inquiry
from gateway.links.modbus import ModbusLink
from gateway.links.rtu_wire import RtuWire
from gateway.links.serial import Line
from gateway.links.ways import Credentials, Port, Socket, Way, way_of
from simulators.secured import server_context
from simulators.serve_modbus import ModbusServers
from tests.gateway.links.certificates import Authority
from tests.gateway.links.peer import LEVEL, PATIENCE_S, VALVE, Listening, bank_of

HOST = "127.0.0.1"


class Secured:
    """A secured server with one unit, and the authority of the plant."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.bank = bank_of(1)
        with socket.socket() as free:
            free.bind((HOST, 0))
            self.port = free.getsockname()[1]
        self._servers: ModbusServers | None = None

    async def serve(self, host: str = HOST, until: datetime.datetime | None = None, tls: ssl.TLSVersion | None = None) -> None:
        """Listen, with a certificate for this host."""
        certificate, key = self.authority.issue("server", host=host, **({} if until is None else {"until": until}))
        context = server_context(self.authority.file, certificate, key)
        if tls is not None:
            context.maximum_version = tls
        self._servers = ModbusServers({self.port: {1: self.bank}}, lambda: 0, tls={self.port: context})
        await self._servers.start()

    async def stop(self) -> None:
        if self._servers is not None:
            await self._servers.stop()

    def link(self, credentials: Credentials | None, device: Listening) -> ModbusLink:
        return ModbusLink("SEC", Socket(HOST, self.port, tls=credentials), 1.0, [device], clock=lambda: Now(SECOND, SECOND),
                          rng=random.Random(1))

    async def why_not(self, credentials: Credentials | None) -> tuple[str, ModbusLink, list[float]]:
        """What a link says that is refused, itself, and when it called."""
        device = Listening(1)
        link = self.link(credentials, device)
        calls: list[float] = []
        opened = link.way.open

        class Counted:
            place = link.way.place

            async def open(self, owner: ModbusLink) -> object:
                calls.append(asyncio.get_running_loop().time())
                return await opened(owner)

        link.way = Counted()  # type: ignore[assignment]
        task = asyncio.create_task(link.run())
        async with asyncio.timeout(PATIENCE_S):
            await device.went.wait()
            while len(calls) < 4:
                device.went.clear()
                await asyncio.wait({task, asyncio.ensure_future(device.went.wait())}, timeout=0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert device.image.seen[LEVEL] == 0, "nothing was heard"
        return next(detail for kind, detail in device.events if kind == "lost"), link, calls


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[Secured]:
    secured = Secured(tmp_path)
    yield secured
    await secured.stop()


@pytest.mark.parametrize("tls", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_link_with_the_right_certificate_reads_and_writes(secured: Secured, tls: ssl.TLSVersion):
    await secured.serve(tls=tls)
    secured.bank.set("level", 61.5)
    device = Listening(1)
    link = secured.link(secured.authority.client(), device)
    task = asyncio.create_task(link.run())
    async with asyncio.timeout(PATIENCE_S):
        await device.came.wait()
        device.beat(SECOND)
        await link.drain()
        device.write(VALVE, 1, SECOND, 2 * SECOND)
        await link.drain()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert device.image.value[LEVEL] == 61.5
    assert device.results == ["accepted"]


async def test_a_server_is_known_by_the_name_in_its_certificate(secured: Secured):
    await secured.serve(host="gw-1.plant")
    async with Inquiry(Socket(HOST, secured.port, tls=secured.authority.client(server_name="gw-1.plant"))) as device:
        assert (await device.ask(Read(1, 4, 0, 2))).ok


async def refused(secured: Secured, credentials: Credentials | None) -> str:
    """Why a link is refused; it was counted, and the back-off was kept."""
    why, link, calls = await secured.why_not(credentials)
    gaps = [b - a for a, b in itertools.pairwise(calls)]
    assert link.tally.failures + link.tally.losses >= 3
    assert all(gap >= 0.5 * min(BACKOFF_S[0] * 2**k, BACKOFF_S[1]) for k, gap in enumerate(gaps))
    return why


async def test_a_server_of_another_authority_is_refused(secured: Secured, tmp_path: Path):
    await secured.serve()
    stranger = Authority(tmp_path, "stranger")
    why = await refused(secured, secured.authority.client(trusts=stranger.file))
    assert re.search("the server's certificate is refused: (self-signed certificate in|unable to get local issuer)", why)


async def test_a_server_whose_certificate_has_expired_is_refused(secured: Secured):
    await secured.serve(until=datetime.datetime(2021, 1, 1, tzinfo=datetime.UTC))
    assert "the server's certificate is refused: certificate has expired" in await refused(secured, secured.authority.client())


@pytest.mark.parametrize("name", ["", "gw-2.plant"])
async def test_a_server_of_another_name_is_refused(secured: Secured, name: str):
    await secured.serve(host="gw-1.plant")
    why = await refused(secured, secured.authority.client(server_name=name))
    assert "mismatch, certificate is not valid for" in why


async def test_a_link_whose_certificate_the_server_does_not_trust_is_refused_and_says_so(secured: Secured, tmp_path: Path):
    await secured.serve()
    why = await refused(secured, secured.authority.client(signed_by=Authority(tmp_path, "stranger")))
    assert "closed by the device before it said anything: it may refuse our certificate" in why


@pytest.mark.parametrize("tls", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_what_a_server_says_of_our_certificate_is_told(secured: Secured, tmp_path: Path, tls: ssl.TLSVersion):
    certificate, key = secured.authority.issue("server", host=HOST)
    context = server_context(secured.authority.file, certificate, key)
    context.maximum_version = tls
    with socket.create_server((HOST, secured.port)) as listener:

        def judge() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with contextlib.suppress(OSError), context.wrap_socket(peer, server_side=True) as talk:
                    talk.recv(1)

        thread = threading.Thread(target=judge, daemon=True)
        thread.start()
        why = await refused(secured, secured.authority.client(signed_by=Authority(tmp_path, "stranger")))
        listener.shutdown(socket.SHUT_RDWR)
        await asyncio.to_thread(thread.join, PATIENCE_S)
    assert "unknown ca" in why.lower()


async def test_a_question_without_tls_is_not_answered(secured: Secured):
    await secured.serve()
    async with Inquiry(Socket(HOST, secured.port)) as device:
        with pytest.raises(ConnectionError):
            await device.ask(Read(1, 4, 0, 2))


async def test_a_client_without_a_certificate_is_refused_by_the_server(secured: Secured):
    await secured.serve()
    context = ssl.create_default_context(cafile=secured.authority.file)
    reader, writer = await asyncio.open_connection(HOST, secured.port, ssl=context, server_hostname=HOST)
    writer.write(bytes(12))
    heard = b""
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        heard = await reader.read(1)
    assert heard == b""
    assert secured.bank.answered == 0
    writer.transport.abort()


async def test_a_file_that_is_missing_or_no_certificate_is_named_and_looked_for_again(secured: Secured, tmp_path: Path):
    await secured.serve()
    right = secured.authority.client()
    missing = Credentials(ca=right.ca, certificate=str(tmp_path / "none.pem"), key=right.key)
    assert "none.pem" in await refused(secured, missing)
    (tmp_path / "text.pem").write_text("no certificate")
    wrong = Credentials(ca=str(tmp_path / "text.pem"), certificate=right.certificate, key=right.key)
    assert "text.pem cannot be used" in await refused(secured, wrong)


@pytest.mark.parametrize(("link", "way"), [
    ({"kind": "modbus_tcp", "host": "h", "port": 5}, Socket("h", 5)),
    ({"kind": "modbus_rtu_tcp", "host": "h", "port": 4001}, Socket("h", 4001, RtuWire)),
    ({"kind": "modbus_rtu", "path": "/dev/x", "baud": 9600, "parity": "odd"}, Port("/dev/x", Line(baud=9600, parity="odd"))),
    ({"kind": "modbus_tls", "host": "h", "ca": "/a", "certificate": "/b", "key": "/c"},
     Socket("h", 802, tls=Credentials(ca="/a", certificate="/b", key="/c"))),
])  # fmt: skip
def test_a_configured_link_has_its_way(link: dict[str, object], way: Way):
    assert way_of(Link.model_validate(link)) == way
