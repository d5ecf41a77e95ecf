"""The TLS side of a simulated Modbus/TCP Security server: it proves itself and wants proof of its client.

Source: Modbus/TCP Security Protocol Specification V2.1 (MB-TCP-Security-v21) clause 8: mutual authentication, TLS 1.2 or later.
"""

from __future__ import annotations

import ssl


def server_context(ca: str, certificate: str, key: str) -> ssl.SSLContext:
    """TLS for a server. Raises OSError when a file cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cafile=ca)
    context.load_cert_chain(certificate, key)
    return context
