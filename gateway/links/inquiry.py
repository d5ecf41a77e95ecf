"""Questions to a Modbus device at commissioning: one at a time, each checked as strictly as the plant's own, none repeated.

    async with Inquiry(Socket("127.0.0.1", 15011)) as device:
        reply = await device.ask(Read(4, 4, 106, 2))
        ranges = await device.map(4, 4, 0, 200)
        names = await device.identify(4)

Not for a running plant: whoever scans is a second master on the bus.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from pymodbus.pdu import ExceptionResponse
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest, ReadDeviceInformationResponse

from devices.exchange import Read, Reply, Write
from gateway.links import transport
from gateway.links.quiet import Bus
from gateway.links.transport import Wire, frame_of, reply_of
from gateway.links.ways import Way

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
SILENT = (10, 11)                               # a gateway's word for a unit that does not answer
BASIC, REGULAR = 1, 2                           # levels of identification


class Inquiry:
    """One connection over a way south. ``timeout_s``: of each question; ``gap_s``: the silence of a serial bus, None elsewhere.

    On a bus a question without an answer is followed by quiet, so that a late answer meets no other question.
    """

    def __init__(self, way: Way, timeout_s: float = 1.0, gap_s: float | None = None) -> None:
        self.way, self.timeout_s = way, timeout_s
        self.asked = 0
        self.answer_s = 0.0                     # how long the last answer took
        self._bus = None if gap_s is None else Bus(timeout_s, gap_s)
        self._transaction = self._unit = 0
        self._wire: Wire
        self._answer: asyncio.Future[bytes] | None = None
        self._gone = ""

    async def __aenter__(self) -> Inquiry:
        async with asyncio.timeout(max(self.timeout_s, 3.0)):
            self._wire = await self.way.open(self)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._wire.abort("done")

    async def ask(self, request: Read | Write) -> Reply:
        """One request; what went wrong is in the reply. Raises ConnectionError when the connection is gone."""
        frame = frame_of(request)
        pdu = await self._exchange(request.unit, frame)
        return Reply(request, failure="timeout") if pdu is None else reply_of(request, frame, pdu)

    async def _exchange(self, unit: int, frame: bytes) -> bytes | None:
        """Function and data of the answer to a frame; None when none came in time. Strangers' answers are thrown away."""
        self.asked += 1
        loop, bus = asyncio.get_running_loop(), self._bus
        if bus is not None:
            await asyncio.sleep(max(bus.ready_at - loop.time(), 0.0))
        if self._gone:
            raise ConnectionError(self._gone)
        self._transaction = self._transaction % 0xFFFF + 1
        self._unit, self._answer = unit, loop.create_future()
        sent_at = loop.time()
        self._wire.write(self._transaction.to_bytes(2, "big") + frame[2:])
        try:
            async with asyncio.timeout(self.timeout_s):
                answer = await self._answer
                self.answer_s = loop.time() - sent_at
                return answer
        except TimeoutError:
            self._answer = None
            if bus is not None:
                bus.ready_at = loop.time() + bus.quiet_s
            return None

    # --- what its wire tells -------------------------------------------------------------------------------------------
    def received(self, transaction: int, unit: int, pdu: bytes) -> None:
        """One whole frame: the answer that is waited for, or nobody's."""
        if self._answer is not None and not self._answer.done() and (transaction, unit) == (self._transaction, self._unit):
            self._answer.set_result(pdu)

    def settled(self) -> None:
        """What came in has been looked at."""
        if self._bus is not None:
            self._bus.heard(asyncio.get_running_loop().time())

    def garbage(self, what: str) -> None:
        """The wire closes itself and says why."""

    def disconnected(self, why: str) -> None:
        """The connection is gone, and with it the question that is out."""
        self._gone = why
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(why))

    async def identify(self, unit: int) -> dict[int, str] | None:
        """What a device says of itself (function 43/14): object id -> text; None when it does not know the question.

        Source: Modbus Application Protocol V1.1b3 clause 6.21. 0 vendor, 1 product code, 2 revision, 3 URL, 4 product, 5 model.
        """
        found: dict[int, str] = {}
        level, first = REGULAR, 0
        for _ in range(8):                      # a device may tell its objects in several answers
            pdu = await self._exchange(unit, transport.frame(ReadDeviceInformationRequest(read_code=level, object_id=first, dev_id=unit)))
            answer = None if pdu is None else transport.decoded(pdu)
            if isinstance(answer, ExceptionResponse) and level == REGULAR and answer.exception_code == ILLEGAL_VALUE:
                level = BASIC
                continue
            if not isinstance(answer, ReadDeviceInformationResponse):
                return found or None
            found |= {number: _text(value) for number, value in answer.information.items()}
            if not answer.more_follows or answer.next_object_id <= first:
                return found
            first = answer.next_object_id
        return found

    async def answers(self, unit: int) -> str:
        """Whether a unit is there: "" if it is not, else by what it showed itself."""
        for function in (3, 4, 1):
            reply = await self.ask(Read(unit, function, 0, 1))
            if reply.failure is not None or reply.exception in SILENT:
                return ""
            if reply.exception != ILLEGAL_FUNCTION:
                return f"function {function}" if reply.exception is None else f"exception {reply.exception} to function {function}"
        return "exception 1 to functions 3, 4 and 1"

    async def map(self, unit: int, function: int, first: int, last: int, most: int = 64) -> list[tuple[int, bytes]]:
        """What can be read between two addresses: (address, payload) of each readable range, found by halving what is refused.

        Where nothing is it costs two questions a register. ``function``: 3 or 4. Raises ConnectionError when the unit falls silent.
        """
        found: list[tuple[int, bytes]] = []
        todo = [(at, min(most, last + 1 - at)) for at in range(first, last + 1, most)]
        while todo:
            address, count = todo.pop(0)
            reply = await self.ask(Read(unit, function, address, count))
            if reply.failure is not None or reply.exception in SILENT:
                raise ConnectionError(f"unit {unit} does not answer a read of {address}+{count}: {reply.failure or reply.exception}")
            if reply.ok:
                found.append((address, reply.payload))
            elif count > 1:
                todo[:0] = [(address, count // 2), (address + count // 2, count - count // 2)]
        return _joined(found)


def _joined(ranges: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Register ranges that touch are one."""
    joined: list[tuple[int, bytes]] = []
    for address, payload in ranges:
        if joined and joined[-1][0] + len(joined[-1][1]) // 2 == address:
            joined[-1] = (joined[-1][0], joined[-1][1] + payload)
        else:
            joined.append((address, payload))
    return joined


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_text(each) for each in value)
    return value.decode("ascii", "replace").strip("\0 ") if isinstance(value, bytes) else str(value)
