"""The certificates of the plant process on the disk: made once, kept, approved by people."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.config.security import Security as Configured
from gateway.links.certificates import Refused, fingerprint, hosts, uris
from gateway.links.pki import MOST_REJECTED, Pki, file_name, private
from gateway.links.security import NONE, Security, configured
from tests.gateway.links.papers import NOW, certificate, pair, revoking


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    """A directory with the own pair of a plant process (made beforehand)."""
    made = Pki(tmp_path / "pki")
    made.own(NOW, make=lambda now: pair("lagan"))
    return made


def test_the_own_certificate_is_made_at_the_first_start_and_kept(tmp_path: Path):
    first = configured(Configured(), "icp.plant", tmp_path, NOW)
    assert first.pki is not None
    own = first.pki.own(NOW)
    key = own.certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size >= 2048
    assert own.certificate.signature_hash_algorithm is not None
    assert own.certificate.signature_hash_algorithm.name == "sha256"
    assert uris(own.certificate) == [own.uri] == [f"urn:{socket.gethostname()}:lagan"]
    assert hosts(own.certificate) == [socket.gethostname()]
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "pki", "pki/crl", "pki/own", "pki/own/lagan.der", "pki/own/lagan.key", "pki/rejected", "pki/trusted"]
    assert (tmp_path / "pki/own/lagan.key").stat().st_mode & 0o777 == 0o600
    assert Pki(tmp_path / "pki").own(NOW).certificate == own.certificate


def test_an_open_link_makes_no_certificate(tmp_path: Path):
    assert configured(Configured(policy="none"), "h", tmp_path, NOW) is NONE
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_secured_as_it_is_written(tmp_path: Path, pki: Pki):
    given = Configured(policy="Basic256Sha256", mode="Sign", host="icp", server_uri="urn:icp", user="ann", password_file="ann.secret")
    made = configured(given, "10.0.0.7", tmp_path, NOW)
    assert (made.policy, made.mode, made.host, made.server_uri) == ("Basic256Sha256", "Sign", "icp", "urn:icp")
    assert (made.user, made.password_file) == ("ann", tmp_path / "ann.secret")
    assert configured(Configured(), "10.0.0.7", tmp_path, NOW).host == "10.0.0.7"


def test_a_key_that_others_may_read_is_refused(pki: Pki):
    pki.own_key.chmod(0o640)
    with pytest.raises(Refused, match=r"may be read by others \(mode 0640\): chmod 600"):
        pki.own(NOW)


def test_a_key_of_another_certificate_is_refused(pki: Pki):
    pki.own_key.write_bytes(pair("another")[1])
    with pytest.raises(Refused, match="is not the key of"):
        pki.own(NOW)


@pytest.mark.parametrize("lost", ["own_key", "own_certificate"])
def test_half_a_pair_is_never_replaced(pki: Pki, lost: str):
    getattr(pki, lost).unlink()
    with pytest.raises(Refused, match="cannot be read"):
        pki.own(NOW)


def test_the_key_is_never_shown(pki: Pki):
    assert "PRIVATE" not in repr(pki.own(NOW))


def test_an_approval_moves_a_certificate_from_rejected_to_trusted(pki: Pki):
    server = certificate(pair("analyser"))
    kept = pki.reject(server)
    assert kept.name == file_name(server) == f"analyser-{fingerprint(server)[:16]}.der"
    assert pki.approve(fingerprint(server)[:8].upper()).parent == pki.trusted
    assert pki.trust().certificates == [server]
    assert list(pki.rejected.iterdir()) == []
    assert pki.withdraw("analyser-").parent == pki.rejected
    assert pki.trust().certificates == []


def test_an_approval_that_means_several_or_none_changes_nothing(pki: Pki):
    for name in ("one", "two"):
        pki.reject(certificate(pair(name)))
    for which in ("", "three", "0x"):
        with pytest.raises(LookupError, match=r"means . certificates in"):
            pki.approve(which)
    assert pki.trust().certificates == []


def test_a_file_is_approved_in_either_form(pki: Pki, tmp_path: Path):
    server = certificate(pair("analyser"))
    given = tmp_path / "given.pem"
    given.write_bytes(server.public_bytes(Encoding.PEM))
    pki.approve(str(given))
    assert pki.trust().certificates == [server]
    assert given.exists()


def test_what_cannot_be_read_is_a_refusal_and_no_gap(pki: Pki):
    (pki.crl / "plant.crl").write_bytes(b"nonsense")
    with pytest.raises(Refused, match=r"crl/plant.crl cannot be read"):
        pki.trust()
    (pki.crl / "plant.crl").write_bytes(revoking(pair("analyser")))
    (pki.trusted / "x.der").write_bytes(b"nonsense")
    with pytest.raises(Refused, match=r"trusted/x.der cannot be read"):
        pki.trust()


def test_whoever_knocks_often_does_not_fill_the_disk(pki: Pki):
    for k in range(MOST_REJECTED + 5):
        (pki.rejected / f"old-{k:03}.der").write_bytes(pair("another")[0])
        os.utime(pki.rejected / f"old-{k:03}.der", (k, k))
    pki.reject(certificate(pair("analyser")))
    names = sorted(path.name for path in pki.rejected.iterdir())
    assert len(names) == MOST_REJECTED
    assert names[0] == file_name(certificate(pair("analyser")))
    assert names[1] == "old-006.der"


def test_a_password_is_in_a_file_of_its_own_or_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    secret.chmod(0o600)
    assert Security(policy="none", user="ann", password_file=secret).password() == "correct horse"
    monkeypatch.setenv("ANN", "battery")
    assert Security(policy="none", user="ann", password_env="ANN").password() == "battery"


def test_a_password_that_others_may_read_or_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    secret.chmod(0o644)
    with pytest.raises(Refused, match=r"secret may be read by others \(mode 0644\)") as refused:
        Security(policy="none", user="ann", password_file=secret).password()
    assert "horse" not in str(refused.value)
    monkeypatch.delenv("ANN", raising=False)
    with pytest.raises(Refused, match="the environment has no ANN"):
        Security(policy="none", user="ann", password_env="ANN").password()
    with pytest.raises(Refused, match="cannot be read: No such file"):
        private(tmp_path / "missing")
