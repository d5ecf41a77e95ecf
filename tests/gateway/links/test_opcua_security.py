"""A secured OPC UA link against a server that demands it: whom it believes, what it says of the others, what nobody can read.

On the wire of the rehearsal, where the day of a certificate's end is a minute away; once over sockets.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.crypto.permission_rules import User, UserRole
from cryptography import x509

from devices.quality import GOOD, is_bad
from gateway.config.security import Security as Configured
from gateway.control.image import SECOND
from gateway.links.certificates import fingerprint
from gateway.links.opcua import OpcUaLink
from gateway.links.security import Security, configured
from gateway.ticker import Clock
from simulators.serve_opcua import URI, OpcUaServer, Secured
from tests.gateway.links.papers import NOW, YEAR, Papers, certificate, pair, revoking
from tests.gateway.links.test_opcua import Plant, conversation, free_port, running
from tests.gateway.links.wired_opcua import STATE, WiredOpcUa, live

BACK_S = 6.0
DAY_S = 86_400.0
SECRET = "correct horse battery"
HUNG_UP = "the server hangs up instead of opening a secured channel: it may refuse our certificate or policy; have pki/own approved there"


pytestmark = pytest.mark.usefixtures("quiet")


def refused(papers: Papers, *, for_s: float = 30.0) -> list[str]:
    """The reasons on record after a while, in which no tag may be anything but Bad."""
    async def scenario(wired: WiredOpcUa) -> list[str]:
        await wired.talk.turned(lambda: bool(wired.talk.of("refused")), 10)
        for _ in range(round(for_s)):
            await wired.net.lapse(1)
            assert all(is_bad(quality) for quality in wired.talk.image.quality)
        assert wired.link.attempts > for_s / 6, "it never gives up"
        return wired.talk.of("refused")

    return live(scenario, security=papers.security(), secured=papers.demanded)


@pytest.mark.parametrize("mode", ["SignAndEncrypt", "Sign"])
@pytest.mark.parametrize("policy", ["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"])
def test_values_and_a_run_over_every_policy_and_nobody_on_the_cable_reads_them_if_encrypted(tmp_path: Path, policy: str, mode: str):
    papers = Papers(tmp_path, pair("analyser"), policy=policy, mode=mode)
    seen: list[bytes] = []

    def tap(data: bytes) -> bytes:
        seen.append(data)
        return data

    async def scenario(wired: WiredOpcUa) -> float:
        wired.cable.to_client.tap = tap
        await wired.good()
        await wired.start_by_hand()
        await wired.talk.turned(lambda: wired.talk.image.value[STATE] == 5.0, 5)
        return await wired.talk.turned(lambda: "RUN-000001" in str(wired.talk.analyses._active), 10)

    live(scenario, security=papers.security(), secured=papers.demanded)
    assert (b"RUN-000001" in b"".join(seen)) == (mode == "Sign")


@pytest.mark.fault("U13")
def test_an_unknown_server_is_refused_once_on_record_and_good_within_6_s_of_its_approval(tmp_path: Path):
    papers = Papers(tmp_path, pair("analyser"), known=False)
    mark = fingerprint(certificate(papers.server))[:16]

    async def scenario(wired: WiredOpcUa) -> tuple[list[str], float]:
        await wired.net.lapse(60)
        assert all(is_bad(quality) for quality in wired.talk.image.quality)
        said = wired.talk.of("refused")
        papers.pki.approve(mark)
        return said, await wired.good(60)

    said, good_s = live(scenario, security=papers.security(), secured=papers.demanded)
    assert said == [
        f"server certificate {mark}: unknown: neither it nor its issuer is trusted; kept as pki/rejected/analyser-{mark}.der for approval"]
    assert good_s <= BACK_S


@pytest.mark.fault("U12")
@pytest.mark.parametrize(
    ("server", "words"),
    [
        (pair("expired", begins=NOW - 2 * YEAR), "expired on 2025-01-01"),
        (pair("early", begins=NOW + YEAR), "not yet valid: it begins 2027-01-01"),
        (pair("elsewhere", names=(x509.DNSName("icp.other"),)), "wrong host: it is for icp.other, the server was called as 127.0.0.1"),
        (pair("impostor", uri="urn:impostor"), f"wrong application: it is for urn:impostor, the server is {URI}"),
    ],
    ids=["expired", "not yet valid", "wrong host", "wrong application"],
)
def test_a_trusted_server_with_a_wrong_certificate_is_refused_with_its_reason(tmp_path: Path, server: tuple[bytes, bytes], words: str):
    (why,) = refused(Papers(tmp_path, server))
    assert why == f"server certificate {fingerprint(certificate(server))[:16]}: {why.partition(': ')[2]}"
    assert words in why
    assert "approval" not in why, "an approval would not help"


@pytest.mark.fault("U13")
def test_a_revoked_server_is_refused_at_its_next_connection(tmp_path: Path):
    papers = Papers(tmp_path, pair("analyser"))

    async def scenario(wired: WiredOpcUa) -> list[str]:
        await wired.good()
        (papers.pki.crl / "plant.crl").write_bytes(revoking(papers.server, certificate(papers.server).serial_number))
        wired.cable.reset()
        await wired.net.lapse(60)
        assert all(is_bad(quality) for quality in wired.talk.image.quality)
        return wired.talk.of("refused")

    (why,) = live(scenario, security=papers.security(), secured=papers.demanded)
    assert why.endswith(": revoked by analyser")


@pytest.mark.fault("U13")
def test_who_shows_a_trusted_certificate_without_its_key_gets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A machine in the middle has seen the certificate; the password must not come to it."""
    papers = Papers(tmp_path, (pair("analyser")[0], pair("thief")[1]))
    papers.trust(pair("analyser"))
    monkeypatch.setenv("PASSWORD", SECRET)
    asked: list[object] = []

    async def scenario(wired: WiredOpcUa) -> None:
        wired.server._users = {"ann": SECRET}
        for _ in range(60):
            await wired.net.lapse(1)
            asked.extend(wired.inside._external_sessions)
            assert all(is_bad(quality) for quality in wired.talk.image.quality)
        assert wired.link.attempts > 5

    live(scenario, security=papers.security(user="ann", password_env="PASSWORD"), secured=papers.demanded, users={"ann": SECRET})
    assert asked == []


@pytest.mark.fault("U13")
def test_a_server_that_offers_less_is_not_followed_down(tmp_path: Path):
    papers = Papers(tmp_path, pair("analyser"))

    async def scenario(wired: WiredOpcUa) -> list[str]:
        await wired.net.lapse(60)
        assert all(is_bad(quality) for quality in wired.talk.image.quality)
        return wired.talk.of("refused")

    security = papers.security(policy="Aes256_Sha256_RsaPss")
    assert live(scenario, security=security, secured=papers.demanded) == [
        "the server does not offer Aes256_Sha256_RsaPss SignAndEncrypt; it offers Basic256Sha256 SignAndEncrypt"]
    assert live(scenario, security=security) == ["the server does not offer Aes256_Sha256_RsaPss SignAndEncrypt; it offers None None"]


@pytest.mark.fault("U12")
def test_the_server_must_be_the_application_that_is_written(tmp_path: Path):
    papers = Papers(tmp_path, pair("analyser"))

    async def scenario(wired: WiredOpcUa) -> list[str]:
        await wired.net.lapse(20)
        assert all(is_bad(quality) for quality in wired.talk.image.quality)
        return wired.talk.of("refused")

    (why,) = live(scenario, security=papers.security(server_uri="urn:the:right:one"), secured=papers.demanded)
    assert why.endswith(f": wrong application: the server is {URI}, expected urn:the:right:one")


@pytest.mark.fault("U12")
def test_the_end_of_either_certificate_is_told_30_7_and_1_days_before_and_once_it_is_over(tmp_path: Path):
    ends = {"analyser": 40, "lagan": 5 * 365}
    papers = Papers(tmp_path, pair("analyser-40", valid=timedelta(days=ends["analyser"])))
    mark = fingerprint(certificate(papers.server))[:16]

    async def scenario(wired: WiredOpcUa) -> list[tuple[int, str]]:
        await wired.good()
        told: list[tuple[int, str]] = []
        for day in range(1, 42):
            wired.net.loop.utc_s += DAY_S
            await wired.net.lapse(10)
            told += [(day, said) for said in wired.talk.of("expiring")[len(told):]]
        wired.cable.reset()                     # what reconnects after it is told nothing twice, and is refused
        await wired.net.lapse(30)
        assert len(wired.talk.of("expiring")) == len(told)
        assert "expired on 2026-02-10" in wired.talk.of("refused")[0]
        return told

    told = live(scenario, security=papers.security(), secured=papers.demanded, limit_s=1e9)
    assert [day for day, _ in told] == [10, 33, 39, 40]
    assert [said for _, said in told] == [
        f"server certificate {mark} ends on 2026-02-10, in 29 days",
        f"server certificate {mark} ends on 2026-02-10, in 6 days",
        f"server certificate {mark} ends on 2026-02-10, in 0 days",
        f"server certificate {mark} ended on 2026-02-10: the next connection will be refused",
    ]


@pytest.mark.fault("U13")
def test_a_server_that_does_not_know_us_says_so_in_words(tmp_path: Path):
    papers = Papers(tmp_path, pair("analyser"))
    (papers.served / "trusted" / "lagan.der").unlink()
    assert refused(papers) == ["the server refuses our certificate or policy (0x801A0000): have pki/own approved there"]
    assert [path.read_bytes() for path in (papers.served / "rejected").iterdir()] == [papers.ours[0]]


@pytest.mark.fault("U13")
@pytest.mark.parametrize("said", [b"", b"ERRF" + struct.pack("<III", 0x3F, 3, 47) + b"http://opcfoundation.org/UA/SecurityPolicy#Some"])
def test_a_server_that_hangs_up_instead_of_a_secured_channel_may_not_know_us(tmp_path: Path, said: bytes, caplog: pytest.LogCaptureFixture):
    """Some say nothing, some answer with an ErrorMessage in a form that is none: node-opcua sends that of a secured message."""
    papers = Papers(tmp_path, pair("analyser"))

    async def scenario(wired: WiredOpcUa) -> tuple[list[str], float]:
        def hang_up(data: bytes) -> bytes:
            if not data.startswith(b"OPN") or b"#Basic256Sha256" not in data:
                return data
            (connection,) = wired.cable.connections
            if said:
                connection.server.write(said)
            connection.server.close()
            return b""

        wired.cable.to_server.tap = hang_up
        await wired.net.lapse(30)
        assert all(is_bad(quality) for quality in wired.talk.image.quality)
        wired.cable.to_server.tap = None
        return wired.talk.of("refused"), await wired.good()

    why, back_s = live(scenario, security=papers.security(), secured=papers.demanded)
    assert why == [HUNG_UP]
    assert back_s <= BACK_S
    assert [record for record in caplog.records if record.name.startswith(("asyncua.client", "asyncua.uaprotocol"))] == []


def test_a_user_comes_in_with_its_password_which_stands_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    papers = Papers(tmp_path, pair("analyser"))
    monkeypatch.setenv("RIGHT", SECRET)
    monkeypatch.setenv("WRONG", f"{SECRET} no")

    async def good(wired: WiredOpcUa) -> list[tuple[str, str]]:
        await wired.good()
        return wired.talk.events

    async def denied(wired: WiredOpcUa) -> list[tuple[str, str]]:
        await wired.net.lapse(30)
        assert all(is_bad(quality) for quality in wired.talk.image.quality)
        return wired.talk.events

    options = {"secured": papers.demanded, "users": {"ann": SECRET}}
    events = live(good, security=papers.security(user="ann", password_env="RIGHT"), **options)
    events += live(denied, security=papers.security(user="ann", password_env="WRONG"), **options)
    assert [why for kind, why in events if kind == "refused"] == ["the server refuses user ann (0x801F0000)"]
    out = capsys.readouterr()
    assert SECRET not in f"{events}{out.out}{out.err}{papers.security(user='ann', password_env='RIGHT')}"


def test_a_user_comes_in_with_a_certificate_of_its_own_and_without_its_key_not_at_all(tmp_path: Path):
    papers, user, shown = Papers(tmp_path, pair("analyser")), pair("ann"), []
    (tmp_path / "ann.der").write_bytes(user[0])
    for name, key in (("ann.key", user[1]), ("thief.key", pair("thief")[1])):
        (tmp_path / name).write_bytes(key)
        (tmp_path / name).chmod(0o600)

    class Users:
        """Takes whom asyncua has verified."""

        def get_user(self, iserver: Any, username: str | None = None, password: str | None = None, certificate: Any = None) -> User:
            shown.append(certificate)
            return User(role=UserRole.User, name="ann")

    async def comes_in(wired: WiredOpcUa) -> bool:
        await wired.net.lapse(0)
        wired.inside.supported_tokens, wired.inside.user_manager = (ua.X509IdentityToken,), Users()
        await wired.net.lapse(20)
        return wired.link.up

    def security(key: str) -> Security:
        return papers.security(user_certificate=tmp_path / "ann.der", user_key=tmp_path / key)

    assert live(comes_in, security=security("ann.key"), secured=papers.demanded)
    assert shown
    shown.clear()
    assert not live(comes_in, security=security("thief.key"), secured=papers.demanded)
    assert shown == []
    (tmp_path / "ann.key").chmod(0o644)
    assert not live(comes_in, security=security("ann.key"), secured=papers.demanded)


@pytest.mark.fault("U13")
async def test_over_sockets_two_ends_make_their_certificates_are_approved_by_hand_and_talk(tmp_path: Path):
    now = datetime.fromtimestamp(Clock().now().utc / SECOND, UTC)
    security = configured(Configured(), "127.0.0.1", tmp_path, now)
    demanded = Secured("Aes256_Sha256_RsaPss", "SignAndEncrypt", tmp_path / "icp")
    assert security.pki is not None
    plant, each = Plant(now + timedelta(hours=1)), conversation()
    server = OpcUaServer(plant.device, lambda: plant.mono, port=free_port(), secured=demanded)
    await server.start()
    link = OpcUaLink("AE-501", server.url, each, plant.now, security=security, polled=True, backoff_s=(0.01,))
    try:
        async with running(link):
            await each.turned_away.wait()
            assert "unknown: neither it nor its issuer is trusted" in each.events[0][1]
            each.turned_away.clear()
            security.pki.approve("simulated_analyser")
            await each.turned_away.wait()
            assert "the server refuses our certificate" in each.events[-1][1]
            for path in (tmp_path / "icp/rejected").iterdir():
                path.rename(tmp_path / "icp/trusted" / path.name)
            await link.connected.wait()
            await link.drain()
            assert [each.image.quality[each.image.index[name]] for name in ("state", "qc_fail", "stream")] == [GOOD] * 3
    finally:
        await server.stop()
    assert (tmp_path / "icp/own.key").stat().st_mode & 0o777 == 0o600
