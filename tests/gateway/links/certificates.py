"""A certificate authority for one test, and what it signs."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.links.ways import Credentials

EPOCH = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
FOREVER = datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC)


class Authority:
    """Signs certificates into a folder; files are named after who they are for."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.folder, self.name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = self._write(f"{name}.pem", self._signed(self._subject, self._key, ca=True).public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *, host: str = "", until: datetime.datetime = FOREVER) -> tuple[str, str]:
        """Files of a certificate and its key. ``host``: the name or address that it speaks for."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, host=host, until=until)
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return (self._write(f"{self.name}-{name}.pem", certificate.public_bytes(serialization.Encoding.PEM)),
                self._write(f"{self.name}-{name}.key", private))

    def client(self, name: str = "gateway", *, server_name: str = "", trusts: str = "", signed_by: Authority | None = None) -> Credentials:
        """What a link needs. ``trusts``: file of another authority; ``signed_by``: another than this one signs the client."""
        certificate, key = (signed_by or self).issue(name)
        return Credentials(ca=trusts or self.file, certificate=certificate, key=key, server_name=server_name)

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool = False, host: str = "",
                until: datetime.datetime = FOREVER) -> x509.Certificate:
        names: list[x509.GeneralName] = []
        if host:
            names = [x509.IPAddress(ipaddress.ip_address(host)) if host[0].isdigit() else x509.DNSName(host)]
        usage = x509.KeyUsage(digital_signature=True, key_cert_sign=ca, crl_sign=ca, content_commitment=False, key_encipherment=False,
                              data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False)
        made = (x509.CertificateBuilder().subject_name(subject).issuer_name(self._subject).public_key(key.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(EPOCH).not_valid_after(until)
                .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True).add_extension(usage, critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False))
        if names:
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return made.sign(self._key, hashes.SHA256())

    def _write(self, name: str, content: bytes) -> str:
        file = self.folder / name
        file.write_bytes(content)
        return str(file)
