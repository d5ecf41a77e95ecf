"""Banks behind real Modbus TCP sockets, served by pymodbus's server: one server a port, one bank a unit.

    >>> servers = ModbusServers({15011: {1: temperature_bank, 2: ph_bank}}, clock=lambda: plant_now_ns)
    >>> await servers.start()

What pymodbus 3.16.1 does by itself per request is a task through ``run_coroutine_threadsafe`` (which also wakes the loop
through its own socket) and one ``struct`` call per register. Here its transport, framer, decoder and connection handling
are used, the request classes are our own (registered with ``custom_pdu``) and a request is answered in the callback; a read
that came before is known by its bytes.
"""

from __future__ import annotations

import abc
import asyncio
import ssl
import struct
from collections.abc import Callable, Mapping

from pymodbus.exceptions import ModbusIOException
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest
from pymodbus.server import ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice
from pymodbus.transaction import TransactionManager
from pymodbus.transport import CommParams, CommType

from devices.exchange import Read, Write
from devices.identification import BASIC, FUNCTION, MEI
from simulators.bank import Bank

_NO_SUCH_UNIT = 11              # gateway target device failed to respond
_TWO = struct.Struct(">HH")
_THREE = struct.Struct(">HHH")
_MANY = struct.Struct(">HHB")
_RECEIVE = 4096
_KNOWN = 1024                   # reads of one client that are known by their bytes; the rest pymodbus reads every time


class Request(ModbusPDU, abc.ABC):
    """A request that becomes one of our words; pymodbus formats each PDU for a debug line, hence the cheap ``__str__``."""

    @abc.abstractmethod
    def word(self, unit: int) -> Read | Write:
        """The request as the bank knows it."""

    def __str__(self) -> str:
        return type(self).__name__


class _ReadRequest(Request):
    rtu_frame_size = 8

    def decode(self, data: bytes) -> None:
        self.address, self.count = _TWO.unpack(data)

    def word(self, unit: int) -> Read:
        return Read(unit, self.function_code, self.address, self.count)


class _WriteOne(Request):
    rtu_frame_size = 8

    def decode(self, data: bytes) -> None:
        self.address, self.value = _TWO.unpack(data)

    def word(self, unit: int) -> Write:
        value = {0: 0, 0xFF00: 1}.get(self.value, 2) if self.function_code == 5 else self.value
        return Write(unit, self.function_code, self.address, (value,))


class _WriteMany(Request):
    rtu_byte_count_pos = 6

    def decode(self, data: bytes) -> None:
        self.address, self.count, size = _MANY.unpack_from(data)
        self.body = data[5:]
        bits = self.function_code == 15
        if size != len(self.body) or size != ((self.count + 7) // 8 if bits else 2 * self.count):
            self.count, self.body = 0, b""              # a byte count that lies is an illegal value

    def word(self, unit: int) -> Write:
        if self.function_code == 16:
            return Write(unit, 16, self.address, struct.unpack(f">{self.count}H", self.body))
        packed = int.from_bytes(self.body, "little")
        return Write(unit, 15, self.address, tuple(packed >> k & 1 for k in range(self.count)))


class _WriteMask(Request):
    rtu_frame_size = 10

    def decode(self, data: bytes) -> None:
        self.address, *self.masks = _THREE.unpack(data)

    def word(self, unit: int) -> Write:
        return Write(unit, 22, self.address, tuple(self.masks))


class _WriteAndRead(Request):
    rtu_byte_count_pos = 10

    def decode(self, data: bytes) -> None:
        self.back = _TWO.unpack_from(data)
        self.address, self.count, size = _MANY.unpack_from(data, 4)
        self.body = data[9:]
        if size != len(self.body) or size != 2 * self.count:
            self.count, self.body = 0, b""              # a byte count that lies is an illegal value

    def word(self, unit: int) -> Write:
        return Write(unit, 23, self.address, struct.unpack(f">{self.count}H", self.body), self.back)


def _request_class(base: type[Request], function: int) -> type[ModbusPDU]:
    return type(f"{base.__name__}{function}", (base,), {"function_code": function})


REQUESTS = [*(_request_class(_ReadRequest, f) for f in (1, 2, 3, 4)), *(_request_class(_WriteOne, f) for f in (5, 6)),
             *(_request_class(_WriteMany, f) for f in (15, 16)), _request_class(_WriteMask, 22), _request_class(_WriteAndRead, 23)]


class _Connection(ServerRequestHandler):
    """One client. ``handle_later`` is where pymodbus goes from bytes to the datastore; we go to the bank and answer there.

    A read that was heard before is known by its bytes: a gateway asks for the same blocks again and again, and pymodbus
    takes longer to read such a request than the bank to answer it.
    """

    server: _Server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._known: dict[bytes, Read] = {}         # frames without their transaction
        transport.max_size = _RECEIVE  # type: ignore[attr-defined]    # stock asyncio allocates 256 KiB at every receive

    def data_received(self, data: bytes) -> None:
        """Every whole request of a segment is answered, and all answers leave in one segment (pymodbus takes one per segment)."""
        heard = self.recv_buffer + data
        at, answers = 0, list[bytes]()
        while at < len(heard):
            end = at + 6 + int.from_bytes(heard[at + 4:at + 6], "big")
            read = self._known.get(heard[at + 2:end])
            if read is None:
                used = self._decode(heard[at:], answers)
                if not used:
                    break
                at += used
            else:
                answers += self._answers(read, int.from_bytes(heard[at:at + 2], "big"))
                at = end
        self.recv_buffer = heard[at:] if len(heard) - at <= self.max_buffer_size else b""
        if answers and self.transport:
            self.transport.write(b"".join(answers))  # type: ignore[attr-defined]

    def handle_later(self) -> None:
        """The request was answered where it was read."""

    def _decode(self, heard: bytes, answers: list[bytes]) -> int:
        """Let pymodbus read one request and answer it; how many bytes it took."""
        try:
            used = TransactionManager.callback_data(self, heard)        # framer and decoder, without a call per request
        except ModbusIOException:
            used = self.callback_data(heard)                            # pymodbus answers what it cannot decode
        request = self.last_pdu
        if request is not None:
            unit = request.dev_id
            word = word_of(request, unit)
            answers += self._answers(word, request.transaction_id)
            if type(word) is Read and len(self._known) < _KNOWN:
                self._known[heard[2:used]] = word
        return used

    def _answers(self, request: Read | Write, transaction: int) -> tuple[bytes, ...]:
        """The answer to one request as it goes on the wire; none from a silent or a slow device."""
        bank = self.server.banks.get(request.unit)
        if bank is None:
            return (self.framer.encode(bytes((request.function | 0x80, _NO_SUCH_UNIT)), request.unit, transaction),)
        if bank.silent:
            return ()
        frame = self.framer.encode(answered(bank, request, self.server.clock()), request.unit, transaction)
        if bank.delay_s > 0:
            self.loop.call_later(bank.delay_s, self._send, frame)
            return ()
        return (frame,)

    def _send(self, frame: bytes) -> None:
        if self.transport:
            self.transport.write(frame)  # type: ignore[attr-defined]


def word_of(request: ModbusPDU, unit: int) -> Read | Write:
    """A request as the bank knows it; what is none of ours is one that no device has."""
    if isinstance(request, ReadDeviceInformationRequest):
        return Read(unit, FUNCTION, request.object_id, request.read_code)
    return request.word(unit) if isinstance(request, Request) else Read(unit, request.function_code, 0, 0)


def answered(bank: Bank, request: Read | Write, now: int) -> bytes:
    """The bank's answer to a request: function and data."""
    reply = bank.answer(request, now)
    if reply.exception is not None:
        return bytes((request.function | 0x80, reply.exception))
    if request.function == FUNCTION:
        return bytes((FUNCTION, MEI, BASIC, BASIC, 0, 0)) + reply.payload
    if type(request) is Read or request.function == 23:
        return bytes((request.function, len(reply.payload))) + reply.payload
    assert isinstance(request, Write)
    if request.function == 22:
        return bytes((22,)) + _THREE.pack(request.address, *request.values)
    return bytes((request.function,)) + _TWO.pack(request.address, _echo(request))


def _echo(request: Write) -> int:
    """What the answer to a write repeats: the value as it was sent, or how many there were."""
    if request.function in (15, 16):
        return len(request.values)
    return 0xFF00 * request.values[0] if request.function == 5 else request.values[0]


class _Server(ModbusTcpServer):
    """One port."""

    def __init__(self, banks: Mapping[int, Bank], clock: Callable[[], int], host: str, port: int, tls: ssl.SSLContext | None) -> None:
        if tls is not None:                     # Modbus/TCP Security: the same frames inside TLS
            self.tls_setup = CommParams(comm_type=CommType.TLS, comm_name="server_listener", reconnect_delay=0.0, reconnect_delay_max=0.0,
                                        timeout_connect=0.0, sslctx=tls)
        unused = SimDevice(0, simdata=[SimData(0, values=0, datatype=DataType.REGISTERS)])      # the server insists on a datastore
        super().__init__(unused, address=(host, port), custom_pdu=REQUESTS)
        self.banks, self.clock = banks, clock

    def callback_new_connection(self) -> ServerRequestHandler:
        return _Connection(self, self.trace_packet, self.trace_pdu, self.trace_connect)


class ModbusServers:
    """All ports of a simulated line. ``ports``: port -> unit -> bank; ``clock``: plant time in ns, feeds the watchdogs;
    ``tls``: of the ports that are secured.

    A unit that is not there is answered as a gateway does, with exception 11. ``Bank.silent`` and ``Bank.delay_s`` are honoured.
    """

    def __init__(self, ports: Mapping[int, Mapping[int, Bank]], clock: Callable[[], int], host: str = "127.0.0.1",
                 tls: Mapping[int, ssl.SSLContext] | None = None) -> None:
        self.ports, self.clock, self.host, self.tls = ports, clock, host, tls or {}
        self._servers: list[_Server] = []

    async def start(self) -> None:
        """Open every port. Raises OSError when one is taken; none stays open then."""
        for port, banks in self.ports.items():
            server = _Server(banks, self.clock, self.host, port, self.tls.get(port))
            self._servers.append(server)
            try:
                await server.serve_forever(background=True)
            except RuntimeError as why:
                await self.stop()
                raise OSError(f"cannot serve {self.host}:{port}: {why}") from why

    async def stop(self) -> None:
        """Close every port and every connection."""
        while self._servers:
            await self._servers.pop().shutdown()
        await asyncio.sleep(0)
