"""Certificates for tests: keys are made once, because each takes a quarter of a second."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from gateway.links.pki import Pki, file_name, self_signed
from gateway.links.security import Security
from simulators.serve_opcua import URI, Secured

NOW = datetime(2026, 1, 1, tzinfo=UTC)              # when the loop of the wire begins
HERE = (x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1")))
YEAR = timedelta(days=365)


@functools.cache
def pair(
    name: str, *, now: datetime = NOW, uri: str = URI, names: tuple[x509.GeneralName, ...] = HERE, valid: timedelta = YEAR,
    begins: datetime | None = None,
) -> tuple[bytes, bytes]:
    """A self-signed certificate (DER) and its key (PEM)."""
    return self_signed(now, uri=uri, names=names, common_name=name, valid=valid, begins=begins)


def certificate(pair: tuple[bytes, bytes]) -> x509.Certificate:
    return x509.load_der_x509_certificate(pair[0])


def revoking(issuer: tuple[bytes, bytes], *serials: int) -> bytes:
    """A revocation list (DER) of one issuer."""
    named = certificate(issuer)
    builder = x509.CertificateRevocationListBuilder().issuer_name(named.subject).last_update(NOW).next_update(NOW + YEAR)
    for serial in serials:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW).build())
    return builder.sign(_key(issuer[1]), hashes.SHA256()).public_bytes(Encoding.DER)


@functools.cache
def authority(
    name: str = "Plant authority", begins: datetime = NOW - YEAR, valid: timedelta = 10 * YEAR, ca: bool = True
) -> tuple[bytes, bytes]:
    """An authority that signs certificates (or a certificate that only looks like one)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    made = _builder(name, name, key, begins, valid, x509.BasicConstraints(ca=ca, path_length=None)).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.DER), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def issued(by: tuple[bytes, bytes], name: str = "analyser", bits: int = 2048, ca: bool = False) -> tuple[bytes, bytes]:
    """A certificate that an authority signed."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    builder = _builder(name, "", key, NOW - timedelta(days=1), YEAR, x509.BasicConstraints(ca=ca, path_length=None))
    builder = builder.issuer_name(certificate(by).subject).add_extension(
        x509.SubjectAlternativeName([x509.UniformResourceIdentifier(URI), *HERE]), critical=False)
    made = builder.sign(_key(by[1]), hashes.SHA256())
    return made.public_bytes(Encoding.DER), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _builder(name: str, issuer: str, key: rsa.RSAPrivateKey, begins: datetime, valid: timedelta, basic: x509.BasicConstraints):
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = (
        x509.CertificateBuilder().subject_name(named(name)).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(begins).not_valid_after(begins + valid).add_extension(basic, critical=True))
    return builder.issuer_name(named(issuer)) if issuer else builder


def _key(pem: bytes) -> rsa.RSAPrivateKey:
    key = load_pem_private_key(pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


class Papers:
    """The certificates of a gateway and of a server, each in a folder of its own."""

    def __init__(self, folder: Path, server: tuple[bytes, bytes], *, known: bool = True, policy: str = "Basic256Sha256",
                 mode: str = "SignAndEncrypt") -> None:
        self.pki, self.served, self.policy, self.mode = Pki(folder / "pki"), folder / "server", policy, mode
        self.server = server
        self.ours = pair("lagan", uri="urn:plant:lagan", valid=5 * YEAR)
        self.pki.own(NOW, make=lambda now: self.ours)
        (self.served / "trusted").mkdir(parents=True)
        (self.served / "own.der").write_bytes(server[0])
        (self.served / "own.key").write_bytes(server[1])
        (self.served / "trusted" / "lagan.der").write_bytes(self.ours[0])
        if known:
            self.trust(server)

    def trust(self, server: tuple[bytes, bytes]) -> None:
        (self.pki.trusted / file_name(certificate(server))).write_bytes(server[0])

    def security(self, **others: object) -> Security:
        return Security(**{"policy": self.policy, "mode": self.mode, "pki": self.pki, "host": "127.0.0.1", **others})  # type: ignore[arg-type]

    @property
    def demanded(self) -> Secured:
        return Secured(self.policy, self.mode, self.served)
