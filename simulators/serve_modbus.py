"""Banks behind real Modbus TCP sockets, served by pymodbus's server: one server a port, one bank a unit.

    >>> servers = ModbusServers({15011: {1: temperature_bank, 2: ph_bank}}, clock=lambda: plant_now_ns)
    >>> await servers.start()

What pymodbus 3.16.1 does by itself per request is a task through ``run_coroutine_threadsafe`` (which also wakes the loop
through its own socket) and one ``struct`` call per register. Here its transport, framer, decoder and connection handling
are used, the request classes are our own (registered with ``custom_pdu``) and a request is answered in the callback.
"""

from __future__ import annotations

import abc
import asyncio
import struct
from collections.abc import Callable, Mapping

from pymodbus.exceptions import ModbusIOException
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.server import ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice
from pymodbus.transaction import TransactionManager

from devices.exchange import Read, Write
from simulators.bank import ILLEGAL_FUNCTION, Bank

_NO_SUCH_UNIT = 11              # gateway target device failed to respond
_TWO = struct.Struct(">HH")
_MANY = struct.Struct(">HHB")
_RECEIVE = 4096


class _Request(ModbusPDU, abc.ABC):
    """A request that becomes one of our words; pymodbus formats each PDU for a debug line, hence the cheap ``__str__``."""

    @abc.abstractmethod
    def word(self, unit: int) -> Read | Write:
        """The request as the bank knows it."""

    def __str__(self) -> str:
        return type(self).__name__


class _ReadRequest(_Request):
    def decode(self, data: bytes) -> None:
        self.address, self.count = _TWO.unpack(data)

    def word(self, unit: int) -> Read:
        return Read(unit, self.function_code, self.address, self.count)


class _WriteOne(_Request):
    def decode(self, data: bytes) -> None:
        self.data = data
        self.address, self.value = _TWO.unpack(data)

    def word(self, unit: int) -> Write:
        value = {0: 0, 0xFF00: 1}.get(self.value, 2) if self.function_code == 5 else self.value
        return Write(unit, self.function_code, self.address, (value,))


class _WriteMany(_Request):
    def decode(self, data: bytes) -> None:
        self.data = data
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


class _Answer(ModbusPDU):
    """An answer whose bytes are ready."""

    def __init__(self, function: int, body: bytes) -> None:
        super().__init__()
        self.function_code = function
        self.body = body

    def encode(self) -> bytes:
        return self.body


def _request_class(base: type[_Request], function: int) -> type[ModbusPDU]:
    return type(f"{base.__name__}{function}", (base,), {"function_code": function})


_REQUESTS = [*(_request_class(_ReadRequest, f) for f in (1, 2, 3, 4)), *(_request_class(_WriteOne, f) for f in (5, 6)),
             *(_request_class(_WriteMany, f) for f in (15, 16))]


class _Connection(ServerRequestHandler):
    """One client. ``handle_later`` is where pymodbus goes from bytes to the datastore; we go to the bank and answer there."""

    server: _Server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        transport.max_size = _RECEIVE  # type: ignore[attr-defined]    # stock asyncio allocates 256 KiB at every receive

    def data_received(self, data: bytes) -> None:
        """Every whole request of a segment is answered, and all answers leave in one segment (pymodbus takes one per segment)."""
        self.recv_buffer += data
        answers: list[bytes] = []
        while self.recv_buffer:
            try:
                used = TransactionManager.callback_data(self, self.recv_buffer)     # framer and decoder, without a call per request
            except ModbusIOException:
                used = self.callback_data(self.recv_buffer)     # pymodbus answers what it cannot decode
            self.recv_buffer = self.recv_buffer[used:]
            if self.last_pdu is not None:
                answers += self._answers(self.last_pdu)
            if not used:
                break
        if len(self.recv_buffer) > self.max_buffer_size:
            self.recv_buffer = b""
        if answers and self.transport:
            self.transport.write(b"".join(answers))  # type: ignore[attr-defined]

    def handle_later(self) -> None:
        """The request was answered where it was read."""

    def _answers(self, request: ModbusPDU) -> tuple[bytes, ...]:
        """The answer to one request as it goes on the wire; none from a silent or a slow device."""
        bank = self.server.banks.get(request.dev_id)
        if bank is None:
            return (self._frame(request, ExceptionResponse(request.function_code, _NO_SUCH_UNIT)),)
        if bank.silent:
            return ()
        frame = self._frame(request, _answered(bank, request, self.server.clock()))
        if bank.delay_s > 0:
            self.loop.call_later(bank.delay_s, self._send, frame)
            return ()
        return (frame,)

    def _frame(self, request: ModbusPDU, response: ModbusPDU) -> bytes:
        response.transaction_id, response.dev_id = request.transaction_id, request.dev_id
        return self.framer.buildFrame(response)

    def _send(self, frame: bytes) -> None:
        if self.transport:
            self.transport.write(frame)  # type: ignore[attr-defined]


def _answered(bank: Bank, request: ModbusPDU, now: int) -> ModbusPDU:
    """The bank's answer to a request as a PDU."""
    function = request.function_code
    if not isinstance(request, _Request):
        return ExceptionResponse(function, ILLEGAL_FUNCTION)
    reply = bank.answer(request.word(request.dev_id), now)
    if reply.exception is not None:
        return ExceptionResponse(function, reply.exception)
    if isinstance(request, _ReadRequest):
        return _Answer(function, bytes((len(reply.payload),)) + reply.payload)
    assert isinstance(request, _WriteOne | _WriteMany)
    return _Answer(function, request.data[:4])


class _Server(ModbusTcpServer):
    """One port."""

    def __init__(self, banks: Mapping[int, Bank], clock: Callable[[], int], host: str, port: int) -> None:
        unused = SimDevice(0, simdata=[SimData(0, values=0, datatype=DataType.REGISTERS)])      # the server insists on a datastore
        super().__init__(unused, address=(host, port), custom_pdu=_REQUESTS)
        self.banks, self.clock = banks, clock

    def callback_new_connection(self) -> ServerRequestHandler:
        return _Connection(self, self.trace_packet, self.trace_pdu, self.trace_connect)


class ModbusServers:
    """All ports of a simulated line. ``ports``: port -> unit -> bank; ``clock``: plant time in ns, feeds the watchdogs.

    A unit that is not there is answered as a gateway does, with exception 11. ``Bank.silent`` and ``Bank.delay_s`` are honoured.
    """

    def __init__(self, ports: Mapping[int, Mapping[int, Bank]], clock: Callable[[], int], host: str = "127.0.0.1") -> None:
        self.ports, self.clock, self.host = ports, clock, host
        self._servers: list[_Server] = []

    async def start(self) -> None:
        """Open every port. Raises OSError when one is taken; none stays open then."""
        for port, banks in self.ports.items():
            server = _Server(banks, self.clock, self.host, port)
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
