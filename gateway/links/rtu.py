"""Modbus RTU without a port: bytes of a bus in, whole frames out; of them only the answer to the request that is out counts.

    >>> framer = Framer()
    >>> framer.expect(adu(bytes.fromhex("01 04 00 00 00 02")))
    >>> framer.feed(noise + adu(bytes.fromhex("01 04 04 42 48 00 00")))
    [Heard(answers=True, unit=1, pdu=b'\\x04\\x04BH\\x00\\x00')]

An RTU frame has neither a beginning nor a number. It is found by what it must be: unit, function and length of the answer
to the request that is out, then the CRC. What stands before it is noise, or a frame of somebody else, which is told and
never believed. Silence ends nothing here: adapters and serial device servers keep no time.

Source: Modbus over Serial Line V1.02 clause 2.5.1 (frame, CRC) and 6.2.2 (its generation).
"""

from __future__ import annotations

from typing import NamedTuple

LONGEST = 256                   # bytes of a frame, CRC included
_IDENTIFY = 0x2B


def _table() -> tuple[int, ...]:
    table: list[int] = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
        table.append(value)
    return tuple(table)


_TABLE = _table()


def crc(data: bytes | bytearray | memoryview) -> int:
    """CRC-16 of Modbus; it travels with its low byte first."""
    value, table = 0xFFFF, _TABLE
    for byte in data:
        value = value >> 8 ^ table[(value ^ byte) & 0xFF]
    return value


def adu(body: bytes) -> bytes:
    """Unit, function and data with their CRC: what goes on the bus."""
    return body + crc(body).to_bytes(2, "little")


class Heard(NamedTuple):
    """One whole frame. ``answers``: whether it is the answer to the request that is out."""

    answers: bool
    unit: int
    pdu: bytes


class Framer:
    """See the module. ``crc_errors``: answers of the right unit, function and length with a wrong CRC; ``noise``: bytes that
    were part of no frame; ``echoes``: whether the adapter repeats what is sent (None: not known yet).
    """

    __slots__ = ("_buffer", "_echo_due", "_garbled", "_request", "crc_errors", "echoes", "noise")

    def __init__(self) -> None:
        self.crc_errors = 0
        self.noise = 0
        self.echoes: bool | None = None
        self._buffer = bytearray()
        self._request = b""             # what is out, and unanswered
        self._echo_due = False
        self._garbled = False

    def expect(self, request: bytes) -> None:
        """This frame is being sent; what is left of before belongs to nobody."""
        self._drop(len(self._buffer))
        self._request, self._echo_due, self._garbled = request, bool(self.echoes) or _tells(request), False

    def forget(self) -> None:
        """Nothing is out any more: whatever comes is too late."""
        if self._request:
            self._request, self.echoes = b"", bool(self.echoes)

    def feed(self, data: bytes | memoryview) -> list[Heard]:
        """The frames that are whole now, in order."""
        heard: list[Heard] = []
        for at in range(0, len(data), LONGEST):
            heard += self._taken_in(data[at:at + LONGEST])
        return heard

    def _taken_in(self, data: bytes | memoryview) -> list[Heard]:
        self._buffer += data
        heard: list[Heard] = []
        if self._echo_due and self._request:
            self._take_echo()
        if self._request:
            at, size = self._answer()
            if size:
                heard += self._strangers(at)
                at, size = self._answer()
                heard.append(self._take(at, size, True))
                self.forget()
            else:
                heard += self._strangers(at)
        if not self._request:
            heard += self._strangers(len(self._buffer))
        if len(self._buffer) > LONGEST:
            self._drop(len(self._buffer) - LONGEST)
        return heard

    # ----------------------------------------------------------------------------------------------------- what is awaited
    def _take_echo(self) -> None:
        """A two-wire adapter hears its own request; for a write that is what its answer looks like, so the first one is taken off."""
        at = self._buffer.find(self._request)
        if at >= 0:
            del self._buffer[at:at + len(self._request)]
            self.echoes, self._echo_due = True, False

    def _answer(self) -> tuple[int, int]:
        """Place and size of the answer. When it is not whole: the place where it may have begun (or the end), and 0."""
        buffer, unit = self._buffer, self._request[0]
        begun, garbled = -1, False
        at = buffer.find(unit)
        while at >= 0:
            size = answer_size(buffer, at, self._request)
            if size and at + size > len(buffer):
                begun = at if begun < 0 else begun
            elif size and _checks(buffer, at, size):
                return at, size
            elif size and begun < 0:
                garbled = True
            at = buffer.find(unit, at + 1)
        if garbled and not self._garbled:
            self._garbled = True
            self.crc_errors += 1
        return (len(buffer) if begun < 0 else begun), 0

    def _take(self, at: int, size: int, answers: bool) -> Heard:
        self._drop(at)
        unit, pdu = self._buffer[0], bytes(self._buffer[1:size - 2])
        del self._buffer[:size]
        return Heard(answers, unit, pdu)

    # ------------------------------------------------------------------------------------------------------- what is not
    def _strangers(self, end: int) -> list[Heard]:
        """Whole frames of somebody else before ``end``; what stands between them stays."""
        heard: list[Heard] = []
        at, buffer = 0, self._buffer
        while at < end and at + 4 <= len(buffer):
            size = next((size for size in _sizes(buffer, at) if at + size <= end and _checks(buffer, at, size)), 0)
            if not size:
                at += 1
                continue
            heard.append(self._take(at, size, False))
            end -= at + size
            at = 0
        return heard

    def _drop(self, size: int) -> None:
        self.noise += size
        del self._buffer[:size]


def _checks(buffer: bytearray, at: int, size: int) -> bool:
    end = at + size
    return crc(memoryview(buffer)[at:end - 2]) == buffer[end - 2] | buffer[end - 1] << 8


def _tells(request: bytes) -> bool:
    """Whether an echo of this request cannot be taken for its answer: any read but one whose answer is as long as the request."""
    return request[1] <= 4 and 5 + _wanted(request) != len(request)


def _wanted(request: bytes) -> int:
    """The byte count that the answer to a read (function 1 to 4, 23) must state."""
    count = int.from_bytes(request[4:6], "big")
    return 2 * count if request[1] > 2 else (count + 7) // 8


def answer_size(buffer: bytes | bytearray, at: int, request: bytes) -> int:
    """Bytes of the answer to ``request`` if it begins at ``at``: 0 if it does not; more than there are while it cannot be told."""
    more = len(buffer) - at + 1
    if buffer[at] != request[0]:
        return 0
    if more <= 2:
        return more
    function, asked = buffer[at + 1], request[1]
    if function == asked | 0x80:
        return 5
    if function != asked:
        return 0
    if function <= 4 or function == 23:
        wanted = _wanted(request)
        return more if more <= 3 else 5 + wanted if buffer[at + 2] == wanted else 0
    if function == _IDENTIFY:
        return _identity_size(buffer, at, more)
    return 10 if function == 22 else 8


def _identity_size(buffer: bytes | bytearray, at: int, more: int) -> int:
    """Function 43/14 states no length: its objects are counted off. Source: Modbus Application Protocol V1.1b3 clause 6.21."""
    if len(buffer) < at + 8:
        return max(more, 10)
    end = at + 8
    for _ in range(buffer[at + 7]):
        if len(buffer) < end + 2:
            return len(buffer) - at + 1
        end += 2 + buffer[end + 1]
    return end + 2 - at if end + 2 - at <= LONGEST else 0


def _sizes(buffer: bytearray, at: int) -> tuple[int, ...]:
    """Sizes that a frame beginning here may have: an answer, or the request of another master."""
    function = buffer[at + 1]
    if buffer[at] > 247:
        return ()
    if function & 0x80:
        return (5,)
    if function in (1, 2, 3, 4):
        return (5 + buffer[at + 2], 8)
    if function in (5, 6):
        return (8,)
    if function in (15, 16):
        return (8, 9 + buffer[at + 6]) if at + 6 < len(buffer) else (8,)
    if function == 22:
        return (10,)
    if function == 23:
        return (5 + buffer[at + 2], 13 + buffer[at + 10]) if at + 10 < len(buffer) else (5 + buffer[at + 2],)
    return ()
