"""The certificates of the plant process: its own, those it trusts, those it was shown and refused.

    DATA/pki/own/lagan.der       certificate of the plant process, made at its first start, kept for good (DER)
    DATA/pki/own/lagan.key       its RSA key (PKCS 8, PEM), mode 0600
    DATA/pki/trusted/            servers and authorities that an operator approved (.der, .cer, .crt, .pem)
    DATA/pki/rejected/           servers that were refused because nobody has approved them yet (.der)
    DATA/pki/crl/                revocation lists (.crl, .der, .pem)

Files are read again at every connect: an approval needs no restart. A file that cannot be read is a refusal, not a gap.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.links.certificates import Refused, Trust, common_name, der, fingerprint, uris

BITS = 2048
VALID = timedelta(days=5 * 365)
MOST_REJECTED = 100                             # so that nobody fills the disk by knocking
CERTIFICATES = (".der", ".cer", ".crt", ".pem")
LISTS = (".crl", ".der", ".pem")
T = TypeVar("T")


class Identity(msgspec.Struct, frozen=True):
    """Who the plant process is: its certificate, its key (PEM, never shown) and its application URI."""

    certificate: x509.Certificate
    key: bytes
    uri: str

    def __repr__(self) -> str:
        return f"Identity({self.uri})"


class Pki:
    """One directory of certificates. ``name``: file name of the own pair."""

    def __init__(self, directory: Path, name: str = "lagan") -> None:
        self.directory = directory
        self.own_certificate, self.own_key = directory / "own" / f"{name}.der", directory / "own" / f"{name}.key"
        self.trusted, self.rejected, self.crl = (directory / each for each in ("trusted", "rejected", "crl"))

    # --- who we are ----------------------------------------------------------------------------------------------
    def own(self, now: datetime, make: Callable[[datetime], tuple[bytes, bytes]] | None = None) -> Identity:
        """The own pair; made when there is none (``make``: certificate and key from the time). Raises Refused when it is of no use."""
        for each in (self.own_key.parent, self.trusted, self.rejected, self.crl):
            each.mkdir(parents=True, exist_ok=True)
        if not self.own_key.exists() and not self.own_certificate.exists():
            certificate, key = (make or self_signed)(now)
            _write(self.own_key, key, 0o600)
            _write(self.own_certificate, certificate, 0o644)
        key = private(self.own_key)
        certificate = self.read(self.own_certificate)
        if load_pem_private_key(key, None).public_key() != certificate.public_key():
            raise Refused(f"{self.own_key} is not the key of {self.own_certificate}")
        return Identity(certificate, key, next(iter(uris(certificate)), ""))

    # --- whom we trust -------------------------------------------------------------------------------------------
    def trust(self) -> Trust:
        """Everything approved and everything revoked, as it is on the disk now. Raises Refused for a file that cannot be read."""
        return Trust(
            [certificate for _, certificate in self.listed(self.trusted)],
            [_one(path, x509.load_der_x509_crl, x509.load_pem_x509_crl) for path in _files(self.crl, LISTS)])

    def listed(self, folder: Path) -> list[tuple[Path, x509.Certificate]]:
        """The certificates of a folder by file. Raises Refused for a file that cannot be read."""
        return [(path, self.read(path)) for path in _files(folder, CERTIFICATES)]

    def reject(self, certificate: x509.Certificate) -> Path:
        """Keep a certificate for approval; the oldest make room."""
        path = self.rejected / file_name(certificate)
        if not path.exists():
            kept = sorted(_files(self.rejected, CERTIFICATES), key=lambda each: each.stat().st_mtime)
            for each in kept[: max(0, len(kept) - MOST_REJECTED + 1)]:
                each.unlink()
            _write(path, der(certificate), 0o644)
        return path

    def approve(self, which: str) -> Path:
        """Trust a certificate: a rejected one by the beginning of its file name or fingerprint, or any one by its file.

        Raises LookupError unless exactly one is meant.
        """
        path = Path(which)
        if path.is_file():
            certificate = self.read(path)
        else:
            path, certificate = self._meant(self.rejected, which)
        made = self.trusted / file_name(certificate)
        if not made.exists():
            _write(made, der(certificate), 0o644)
        if path.parent == self.rejected:
            path.unlink()
        return made

    def withdraw(self, which: str) -> Path:
        """Trust a certificate no longer; it goes back to the rejected. Raises LookupError unless exactly one is meant."""
        path, certificate = self._meant(self.trusted, which)
        made = self.reject(certificate)
        path.unlink()
        return made

    def _meant(self, folder: Path, which: str) -> tuple[Path, x509.Certificate]:
        known = self.listed(folder)
        wanted = which.lower().replace(":", "")
        found = [(path, each) for path, each in known if path.name.lower().startswith(wanted) or fingerprint(each).startswith(wanted)]
        if len(found) != 1 or not wanted:
            names = ", ".join(path.name for path, _ in (found or known)) or "none"
            raise LookupError(f"{which!r} means {len(found)} certificates in {folder}; there: {names}")
        return found[0]

    @staticmethod
    def read(path: Path) -> x509.Certificate:
        """One certificate, in either form. Raises Refused when it cannot be read."""
        return _one(path, x509.load_der_x509_certificate, x509.load_pem_x509_certificate)


def self_signed(
    now: datetime, *, uri: str = "", names: tuple[x509.GeneralName, ...] = (), common_name: str = "lagan", valid: timedelta = VALID,
    begins: datetime | None = None,
) -> tuple[bytes, bytes]:
    """A certificate (DER) and its new RSA key (PEM): ``urn:HOST:lagan`` and this host's name unless told otherwise.

    Source: OPC 10000-6 6.2.2: application URI and host names in subjectAltName, usages of both a client and a server.
    """
    host = socket.gethostname()
    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "lagan")])
    alternatives = [x509.UniformResourceIdentifier(uri or f"urn:{host}:lagan"), *(names or (x509.DNSName(host),))]
    usage = {each: each in ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_cert_sign")
             for each in ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                          "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")}
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins or now - timedelta(hours=1)).not_valid_after((begins or now) + valid)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return der(made), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def private(path: Path) -> bytes:
    """The content of a file that only its owner may read. Raises Refused for any other."""
    try:
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            raise Refused(f"{path} may be read by others (mode {mode:04o}): chmod 600")
        return path.read_bytes()
    except OSError as why:
        raise Refused(f"{path} cannot be read: {why.strerror}") from None


def file_name(certificate: x509.Certificate) -> str:
    """Common name and the beginning of the fingerprint: a name that a person finds again."""
    return f"{re.sub(r'[^A-Za-z0-9.-]+', '_', common_name(certificate))[:40]}-{fingerprint(certificate)[:16]}.der"


def _one(path: Path, from_der: Callable[[bytes], T], from_pem: Callable[[bytes], T]) -> T:
    try:
        content = path.read_bytes()
        return from_pem(content) if content.lstrip().startswith(b"-----") else from_der(content)
    except (OSError, ValueError) as why:
        raise Refused(f"{path} cannot be read: {why}") from None


def _files(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in endings) if folder.is_dir() else []


def _write(path: Path, content: bytes, mode: int) -> None:
    """A whole file or none, on the disk when this returns."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    part.replace(path)
