"""The ways south to Modbus devices: a socket, a socket in TLS, a serial port. Each opens one wire and says why it could not.

    >>> way = Socket("10.0.0.5", 802, tls=Credentials(ca="plant.pem", certificate="gw.pem", key="gw.key"))
    >>> wire = await way.open(link)

Modbus/TCP Security is the frame of Modbus TCP inside TLS 1.2 or later, both sides with a certificate. Who may do what is
decided by the server from the role in ours (OID 1.3.6.1.4.1.50316.802.1).

Source: Modbus/TCP Security Protocol Specification V2.1 (MB-TCP-Security-v21) clauses 7 and 8.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, Protocol

import msgspec

from gateway.config import models
from gateway.links.rtu_wire import RtuWire
from gateway.links.serial import Line, SerialPort
from gateway.links.transport import Owner, Wire


class Way(Protocol):
    """How a link gets a wire."""

    @property
    def place(self) -> str:
        """Where it leads, for people."""
        ...

    async def open(self, owner: Owner) -> Wire:
        """One attempt. Raises OSError with the reason."""
        ...


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Files (PEM) with which a link proves itself and judges the server. ``server_name``: what its certificate must say, "": the host."""

    ca: str
    certificate: str
    key: str
    server_name: str = ""

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 or later, nobody trusted but the given CA. Raises OSError naming the file that cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_verify_locations(cafile=self.ca)
        except OSError as why:
            raise OSError(f"CA {self.ca} cannot be used: {_reason(why)}") from None
        try:
            context.load_cert_chain(self.certificate, self.key)
        except OSError as why:
            raise OSError(f"certificate {self.certificate} with key {self.key} cannot be used: {_reason(why)}") from None
        return context


class Socket(msgspec.Struct, frozen=True):
    """A TCP connection. ``wire``: which frames it carries; ``tls``: files are read at each attempt, so a renewed one counts at the next."""

    host: str
    port: int
    wire: type[Wire] = Wire
    tls: Credentials | None = None

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"

    async def open(self, owner: Owner) -> Wire:
        """One attempt. Raises OSError with the reason."""
        options: dict[str, Any] = {}
        if self.tls is not None:
            options = {"ssl": await asyncio.to_thread(self.tls.context), "server_hostname": self.tls.server_name or self.host}
        loop = asyncio.get_running_loop()
        try:
            _, wire = await loop.create_connection(lambda: self.wire(owner), self.host, self.port, **options)
        except ssl.SSLCertVerificationError as why:
            raise OSError(f"the server's certificate is refused: {why.verify_message}") from None
        except ssl.SSLError as why:
            raise OSError(f"TLS: {_reason(why)}") from None
        return wire


class Port(msgspec.Struct, frozen=True):
    """A serial port, opened by its path each time: an adapter that was unplugged comes back under the same name."""

    path: str
    line: Line

    @property
    def place(self) -> str:
        return self.path

    async def open(self, owner: Owner) -> Wire:
        """One attempt. Raises OSError with the reason."""
        wire = RtuWire(owner)
        SerialPort(asyncio.get_running_loop(), self.path, self.line, wire)
        return wire


def way_of(link: models.Link) -> Way:
    """The way of a Modbus link as it is configured."""
    if link.kind == "modbus_rtu":
        return Port(link.path or "", Line(baud=link.baud, parity=link.parity, stop_bits=link.stop_bits))
    if link.kind == "modbus_rtu_tcp":
        return Socket(link.host, link.tcp_port, RtuWire)
    tls = None
    if link.kind == "modbus_tls":
        tls = Credentials(ca=link.ca or "", certificate=link.certificate or "", key=link.key or "", server_name=link.server_name or "")
    return Socket(link.host, link.tcp_port, tls=tls)


def _reason(why: OSError) -> str:
    """What OpenSSL or the system says, without its place in the source of OpenSSL."""
    reason = why.reason if isinstance(why, ssl.SSLError) else why.strerror
    return (reason or str(why)).replace("_", " ").lower()
