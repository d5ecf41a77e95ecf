"""Whether a server's certificate may be believed, in words that a plant engineer can act on.

    >>> complaints(certificate, host="10.0.0.7", uri="urn:icp", now=now, trust=trust)
    ['unknown: neither it nor its issuer is trusted']

Pure: certificates, lists and the time come in; nothing is read, written or remembered here. A self-signed certificate is
trusted when it is itself in the list; one of an authority also when an authority above it is. What an operator put
under ``crl`` counts by issuer and serial number, also after its next update is due.

Source: OPC 10000-4 6.1.3 (determining if a certificate is trusted), OPC 10000-6 6.2.2 (application instance certificate),
OPC 10000-7 (security policies: RSA of 2048 bits and more, SHA-256).
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

RSA_BITS = 2048
DIGEST = 32                                     # bytes that a signature's hash has at least: those of SHA-256
CHAIN = 8                                       # issuers above a certificate
UNTRUSTED = "unknown: neither it nor its issuer is trusted"


class Refused(RuntimeError):
    """The connection is refused by us, for the reason given; nothing that matters was sent."""


class Trust(msgspec.Struct):
    """What an operator has approved: certificates of servers and authorities, and lists of what was revoked."""

    certificates: list[x509.Certificate]
    revoked: list[x509.CertificateRevocationList]


def complaints(
    certificate: x509.Certificate, *, host: str, uri: str | None, now: datetime, trust: Trust
) -> list[str]:
    """Everything that is wrong with a server's certificate; nothing when it may be believed.

    ``host``: name or address under which the server was called; ``uri``: application URI that it claims, None where it is not known.
    """
    chain = _chain(certificate, trust.certificates, now)
    found = [] if chain is not None else [UNTRUSTED]
    found += _times(certificate, now)
    found += _names(certificate, host, uri)
    found += _strength(certificate)
    for each in chain or [certificate]:
        if any(_revokes(crl, each) for crl in trust.revoked):
            found.append(f"revoked by {_name(each.issuer)}" if each is certificate else f"its issuer {common_name(each)} is revoked")
    return found


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate, in hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def common_name(certificate: x509.Certificate) -> str:
    """The common name of its subject, or the whole subject where it has none."""
    return _name(certificate.subject)


def uris(certificate: x509.Certificate) -> list[str]:
    """The application URIs that it stands for."""
    return _alternatives(certificate, x509.UniformResourceIdentifier)


def hosts(certificate: x509.Certificate) -> list[str]:
    """The host names and addresses that it stands for."""
    return [*_alternatives(certificate, x509.DNSName), *map(str, _alternatives(certificate, x509.IPAddress))]


def _times(certificate: x509.Certificate, now: datetime) -> list[str]:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begins:
        return [f"not yet valid: it begins {begins:%Y-%m-%d %H:%M} UTC (or our clock is wrong)"]
    return [f"expired on {ends:%Y-%m-%d %H:%M} UTC"] if now > ends else []


def _names(certificate: x509.Certificate, host: str, uri: str | None) -> list[str]:
    found = []
    if not any(_same_host(each, host) for each in hosts(certificate)):
        found.append(f"wrong host: it is for {', '.join(hosts(certificate)) or 'none'}, the server was called as {host}")
    if uri is not None and uri not in uris(certificate):
        found.append(f"wrong application: it is for {', '.join(uris(certificate)) or 'none'}, the server is {uri}")
    return found


def _same_host(a: str, b: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(a) == ipaddress.ip_address(b)
    return a.lower().rstrip(".") == b.lower().rstrip(".")


def _strength(certificate: x509.Certificate) -> list[str]:
    key, signed = certificate.public_key(), certificate.signature_hash_algorithm
    found = []
    if not isinstance(key, rsa.RSAPublicKey):
        found.append("its key is not RSA")
    elif (bits := int(key.key_size)) < RSA_BITS:
        found.append(f"its key has {bits} bits, fewer than {RSA_BITS}")
    if signed is None or signed.digest_size < DIGEST:
        found.append(f"it is signed with {'nothing known' if signed is None else signed.name}, weaker than sha256")
    usage = _extension(certificate, x509.ExtendedKeyUsage)
    if usage is not None and ExtendedKeyUsageOID.SERVER_AUTH not in usage:
        found.append("it is not made for a server (extended key usage)")
    return found


def _chain(certificate: x509.Certificate, trusted: Sequence[x509.Certificate], now: datetime) -> list[x509.Certificate] | None:
    """The certificate and, as far as they are known, its issuers; None when neither it nor one of them is trusted."""
    chain = [certificate]
    while len(chain) <= CHAIN and chain[-1].issuer != chain[-1].subject:
        issuer = next((each for each in trusted if each not in chain and _issued(each, chain[-1], now)), None)
        if issuer is None:
            break
        chain.append(issuer)
    return chain if len(chain) > 1 or certificate in trusted else None


def _issued(issuer: x509.Certificate, certificate: x509.Certificate, now: datetime) -> bool:
    """Whether an authority, itself in time, signed a certificate."""
    basic = _extension(issuer, x509.BasicConstraints)
    if basic is None or not basic.ca or issuer == certificate or _times(issuer, now):
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _revokes(crl: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    return crl.issuer == certificate.issuer and crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None


def _alternatives(certificate: x509.Certificate, kind: Any) -> list[Any]:
    names = _extension(certificate, x509.SubjectAlternativeName)
    return [] if names is None else names.get_values_for_type(kind)


def _extension(certificate: x509.Certificate, kind: Any) -> Any:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, ValueError):
        return None


def _name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string() or "nobody"


def der(certificate: x509.Certificate) -> bytes:
    """The certificate as it travels."""
    return certificate.public_bytes(Encoding.DER)
