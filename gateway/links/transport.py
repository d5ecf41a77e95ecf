"""Modbus TCP on a socket: frames out, whole frames in, on a fixed buffer.

Stock asyncio allocates 256 KiB for every receive, which costs three times the rest of the path; a ``BufferedProtocol``
receives into one 4 KiB buffer for the life of the connection. Coding of requests is pymodbus's; an answer is its function,
a count and register bytes that are kept as they are. Framing and answers are checked here more strictly than pymodbus does.

Source: Modbus Messaging on TCP/IP Implementation Guide V1.0b clause 3.1.3 (MBAP header).
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Protocol

from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.bit_message import (
    ReadCoilsRequest,
    ReadDiscreteInputsRequest,
    WriteMultipleCoilsRequest,
    WriteSingleCoilRequest,
)
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest
from pymodbus.pdu.register_message import (
    MaskWriteRegisterRequest,
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    ReadWriteMultipleRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from devices.exchange import Read, Reply, Write
from devices.identification import FUNCTION, MEI, objects_of

BUFFER = 4096
LARGEST_LENGTH = 254            # unit, function and 252 bytes: a longer MBAP length is garbage
_header = struct.Struct(">HHHBB").unpack_from
_READS = {1: ReadCoilsRequest, 2: ReadDiscreteInputsRequest, 3: ReadHoldingRegistersRequest, 4: ReadInputRegistersRequest}


_DECODER = DecodePDU(False)
_FRAMER = FramerSocket(_DECODER)


def frame_of(request: Read | Write) -> bytes:
    """The request on the wire, with transaction 0 in its first two bytes. Raises ValueError for an impossible request."""
    if request.function == FUNCTION and isinstance(request, Read):
        pdu: ModbusPDU = ReadDeviceInformationRequest(read_code=request.count, object_id=request.address, dev_id=request.unit)
    elif isinstance(request, Read):
        pdu = _READS[request.function](address=request.address, count=request.count, dev_id=request.unit)
    elif request.function in (5, 15):
        coils = WriteSingleCoilRequest if request.function == 5 else WriteMultipleCoilsRequest
        pdu = coils(address=request.address, bits=[bool(value) for value in request.values], dev_id=request.unit)
    elif request.function == 22:
        and_mask, or_mask = request.values
        pdu = MaskWriteRegisterRequest(address=request.address, and_mask=and_mask, or_mask=or_mask, dev_id=request.unit)
    elif request.function == 23:
        address, count = request.back
        pdu = ReadWriteMultipleRegistersRequest(read_address=address, read_count=count, write_address=request.address,
                                                write_registers=list(request.values), dev_id=request.unit)
    else:
        registers = WriteSingleRegisterRequest if request.function == 6 else WriteMultipleRegistersRequest
        pdu = registers(address=request.address, registers=list(request.values), dev_id=request.unit)
    return _FRAMER.buildFrame(pdu)


def frame(pdu: ModbusPDU) -> bytes:
    """Any PDU on the wire, with transaction 0."""
    return _FRAMER.buildFrame(pdu)


def decoded(pdu: bytes) -> ModbusPDU | None:
    """A PDU (function and data) decoded; None when it makes no sense."""
    try:
        return _DECODER.decode(pdu)
    except Exception:                           # the library raises whatever its parser stumbles over
        return None


def reply_of(request: Read | Write, sent: bytes, pdu: bytes) -> Reply:
    """The reply in an answer (function and data) to a frame that was sent: checked for function, count and echo.

    What does not belong to the request is "malformed" and never becomes a value.
    """
    function = request.function
    if pdu[0] == function | 0x80 and len(pdu) == 2:
        return Reply(request, exception=pdu[1])
    if pdu[0] != function:
        return Reply(request, failure="malformed")
    if function == FUNCTION:
        return _introduced(request, pdu)
    if type(request) is Read:
        wanted = 2 * request.count if function > 2 else (request.count + 7) // 8
        whole = len(pdu) == wanted + 2 and pdu[1] == wanted
        return Reply(request, pdu[2:]) if whole else Reply(request, failure="malformed")
    if isinstance(request, Write) and function == 23:
        wanted = 2 * request.back[1]
        return Reply(request, pdu[2:]) if len(pdu) == wanted + 2 and pdu[1] == wanted else Reply(request, failure="malformed")
    repeated = sent[7:14] if function == 22 else sent[7:12]                                 # 5, 6, 22: the request; 15, 16: its head
    return Reply(request) if pdu == repeated else Reply(request, failure="malformed")


def _introduced(request: Read | Write, pdu: bytes) -> Reply:
    """An identification: its code, and lengths that fit; the payload is the objects with their number."""
    try:
        fits = isinstance(request, Read) and len(pdu) > 6 and pdu[1:3] == bytes((MEI, request.count)) and bool(objects_of(pdu[6:]))
    except ValueError:
        fits = False
    return Reply(request, pdu[6:]) if fits else Reply(request, failure="malformed")


class Owner(Protocol):
    """Who hears of frames and of the end."""

    def received(self, transaction: int, unit: int, pdu: bytes) -> None:
        """One whole frame came in."""

    def settled(self) -> None:
        """All whole frames of what came in have been handed over."""

    def garbage(self, what: str) -> None:
        """The stream is not Modbus TCP: the wire has closed itself."""

    def disconnected(self, why: str) -> None:
        """The connection is gone."""


class Wire(asyncio.BufferedProtocol):
    """One connection. ``partial``: whether the beginning of a frame waits for its rest."""

    __slots__ = ("_buffer", "_filled", "_transport", "_view", "_why", "owner", "write")

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.write: Callable[[bytes], None] = _nowhere
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray(BUFFER)
        self._view = memoryview(self._buffer)
        self._filled = 0
        self._why = ""

    @property
    def open(self) -> bool:
        return self._transport is not None

    @property
    def partial(self) -> bool:
        return self._filled > 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.write = transport.write

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view[self._filled:] if self._filled else self._view

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        filled, start = self._filled, 0
        while filled - start >= 8:
            transaction, protocol, length, unit, _ = _header(self._buffer, start)
            if protocol != 0 or not 2 <= length <= LARGEST_LENGTH:
                return self._reject(f"no Modbus TCP header: {self._buffer[start:start + 8].hex(' ')}")
            end = start + 6 + length
            if end > filled:
                break
            pdu = bytes(self._view[start + 7:end])
            start = end
            if start == filled:
                self._filled = filled = start = 0
            self.owner.received(transaction, unit, pdu)
            if self._transport is None:
                return
        if start:
            self._buffer[:filled - start] = self._buffer[start:filled]
            self._filled -= start
        self.owner.settled()
        if 6 <= self._filled < 8 and self._transport is not None:
            self._early()

    def eof_received(self) -> None:
        self._why = "closed by the device"
        if self._transport is not None and self._transport.get_extra_info("ssl_object") is not None and not any(self._buffer[:8]):
            self._why += " before it said anything: it may refuse our certificate"       # since TLS 1.3 it judges it after we are connected

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.write = _nowhere
        self.owner.disconnected(self._why or (str(exc) if exc else "closed"))

    def close(self) -> None:
        """We are done with it: what is unsent still goes, and nobody hears of the end."""
        self.write, self.owner = _nowhere, _Nobody()
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def abort(self, why: str) -> None:
        """Close at once; what is unsent is dropped."""
        self._why = self._why or why
        self.write = _nowhere
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def _early(self) -> None:
        """A header whose length is impossible (0 or 1) never grows to the eight bytes a frame has."""
        _, protocol, length = struct.unpack_from(">HHH", self._buffer, 0)
        if protocol != 0 or not 2 <= length <= LARGEST_LENGTH:
            self._reject(f"no Modbus TCP header: {self._buffer[:6].hex(' ')}")

    def _reject(self, what: str) -> None:
        self._filled = 0
        self.owner.garbage(what)
        self.abort(what)


class _Nobody:
    """The owner of a wire that was closed."""

    def received(self, transaction: int, unit: int, pdu: bytes) -> None: ...
    def settled(self) -> None: ...
    def garbage(self, what: str) -> None: ...
    def disconnected(self, why: str) -> None: ...


def _nowhere(frame: bytes) -> None:
    """The connection is gone: nothing is sent."""
