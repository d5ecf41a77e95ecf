"""Which certificates of a server are believed, and what is said of the others."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509

from gateway.links.certificates import UNTRUSTED, Trust, complaints, hosts, uris
from simulators.serve_opcua import URI
from tests.gateway.links.papers import NOW, YEAR, authority, certificate, issued, pair, revoking

DAY = timedelta(days=1)


def said(server: tuple[bytes, bytes], *, trusted: tuple[tuple[bytes, bytes], ...] | None = None, revoked: tuple[bytes, ...] = (),
         host: str = "127.0.0.1", uri: str | None = URI, after: timedelta = DAY) -> list[str]:
    """What is said of a certificate that is trusted unless told otherwise."""
    known = (server,) if trusted is None else trusted
    trust = Trust([certificate(each) for each in known], [x509.load_der_x509_crl(each) for each in revoked])
    return complaints(certificate(server), host=host, uri=uri, now=NOW + after, trust=trust)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST."])
def test_a_certificate_that_was_approved_is_believed_under_each_of_its_names(host: str):
    assert said(pair("analyser"), host=host) == []


@pytest.mark.fault("U13")
def test_a_certificate_that_nobody_approved_is_unknown():
    assert said(pair("analyser"), trusted=()) == [UNTRUSTED]
    assert said(pair("analyser"), trusted=(pair("another"),)) == [UNTRUSTED]


@pytest.mark.fault("U12")
@pytest.mark.parametrize(
    ("after", "words"), [(-2 * DAY, "not yet valid: it begins 2025-12-31 23:00 UTC"), (2 * YEAR, "expired on 2027-01-01 00:00 UTC")])
def test_out_of_its_time_it_is_refused(after: timedelta, words: str):
    (complaint,) = said(pair("analyser"), after=after)
    assert complaint.startswith(words)


@pytest.mark.fault("U12")
def test_its_last_second_is_in_time_and_the_next_is_not():
    assert said(pair("analyser"), after=YEAR) == []
    assert len(said(pair("analyser"), after=YEAR + timedelta(seconds=1))) == 1


@pytest.mark.fault("U12")
@pytest.mark.parametrize("host", ["127.0.0.2", "icp.plant", "", "local"])
def test_under_another_name_it_is_refused(host: str):
    assert said(pair("analyser"), host=host) == [f"wrong host: it is for localhost, 127.0.0.1, the server was called as {host}"]


def test_an_address_is_an_address_however_it_is_written():
    six = pair("six", names=(x509.IPAddress(ip_address("fe80::1")), x509.DNSName("10.0.0.7")))
    assert said(six, host="FE80:0:0:0:0:0:0:1") == []
    assert said(six, host="10.0.0.7") == []
    assert said(six, host="10.0.0.8") != []


@pytest.mark.fault("U12")
def test_of_another_application_it_is_refused():
    assert said(pair("analyser"), uri="urn:other") == [f"wrong application: it is for {URI}, the server is urn:other"]
    assert said(pair("analyser"), uri=None) == []


def test_everything_that_is_wrong_is_said_at_once():
    assert len(said(pair("analyser"), trusted=(), host="x", uri="y", after=2 * YEAR)) == 4


@pytest.mark.fault("U13")
def test_what_its_issuer_took_back_is_refused_and_nothing_else_of_that_issuer():
    mine, server = authority(), issued(authority())
    serial = certificate(server).serial_number
    assert said(server, trusted=(mine,), revoked=(revoking(mine, 4711),)) == []
    assert said(server, trusted=(mine,), revoked=(revoking(mine, serial),)) == ["revoked by Plant authority"]
    assert said(server, revoked=(revoking(mine, serial),)) == ["revoked by Plant authority"], "also when it is trusted by itself"
    assert said(server, trusted=(mine,), revoked=(revoking(authority("Another"), serial),)) == []


@pytest.mark.fault("U13")
def test_what_a_trusted_authority_signed_is_believed():
    assert said(issued(authority()), trusted=(authority(),)) == []
    below = issued(authority(), "Below", ca=True)
    assert said(issued(below), trusted=(below,)) == []
    assert said(issued(below), trusted=(authority(),)) == [UNTRUSTED], "the one between is not known"


@pytest.mark.fault("U13")
def test_an_authority_that_is_none_or_is_out_of_time_vouches_for_nobody():
    false, late = authority("False", ca=False), authority("Late", begins=NOW - 2 * YEAR, valid=YEAR)
    assert said(issued(false), trusted=(false,)) == [UNTRUSTED]
    assert said(issued(late), trusted=(late,)) == [UNTRUSTED]


@pytest.mark.fault("U13")
def test_a_name_alone_is_no_signature():
    """Another authority of the same name."""
    forged = authority("Plant authority", begins=NOW - 2 * YEAR)
    assert said(issued(forged), trusted=(authority(),)) == [UNTRUSTED]


@pytest.mark.fault("U13")
def test_what_is_below_a_revoked_authority_is_refused():
    top = authority()
    below = issued(top, "Below", ca=True)
    revoked = revoking(top, certificate(below).serial_number)
    assert said(issued(below), trusted=(below, top), revoked=(revoked,)) == ["its issuer Below is revoked"]


def test_a_short_key_is_refused():
    assert said(issued(authority(), bits=1024)) == ["its key has 1024 bits, fewer than 2048"]


def test_names_and_addresses_are_read_from_the_certificate():
    made = certificate(pair("analyser"))
    assert (uris(made), hosts(made)) == ([URI], ["localhost", "127.0.0.1"])
