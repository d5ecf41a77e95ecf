"""Registers to values and back: every kind, every word order, scale and rounding.

    >>> pv = Point("pv", Table.INPUT, 106, Kind.FLOAT32, unit="m", order=WordOrder.CDAB)
    >>> encode(pv, WordOrder.ABCD, 1.0)
    (0, 16256)
    >>> decode(pv, WordOrder.ABCD, (0, 16256))
    1.0

``order`` is the device's word order; a point that states its own keeps it. Registers are 16-bit numbers, bits 0 or 1.
Source: Modbus Application Protocol V1.1b3 (a register is big-endian); the order of words is every maker's own.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence

from devices.profile import Kind, Point, Table, WordOrder

BIT_TABLES = (Table.COIL, Table.DISCRETE)
INTEGER_RANGES: dict[Kind, tuple[int, int]] = {
    Kind.INT16: (-(1 << 15), (1 << 15) - 1), Kind.UINT16: (0, (1 << 16) - 1),
    Kind.INT32: (-(1 << 31), (1 << 31) - 1), Kind.UINT32: (0, (1 << 32) - 1),
    Kind.INT64: (-(1 << 63), (1 << 63) - 1), Kind.UINT64: (0, (1 << 64) - 1),
}
FORMATS: dict[Kind, str] = {
    Kind.BIT: "H", Kind.INT16: "h", Kind.UINT16: "H", Kind.INT32: "i", Kind.UINT32: "I", Kind.INT64: "q", Kind.UINT64: "Q",
    Kind.FLOAT32: "f", Kind.FLOAT64: "d",
}


def order_of(point: Point, order: WordOrder) -> WordOrder:
    """The word order a point travels in: its own, or the device's."""
    return point.order or order


def encode(point: Point, order: WordOrder, value: float) -> tuple[int, ...]:
    """The registers that carry a value, rounded to the nearest step of the device.

    A bit or field inside a register gives that register with only these bits: merge it with ``(register & ~mask) | encoded``.

    Raises: ValueError for NaN or infinity, for text, and for a value the registers cannot carry.
    """
    if not math.isfinite(value):
        raise ValueError(f"{point.name}: {value} is not a number a register can carry")
    if point.kind is Kind.BIT:
        return (_field(point, value) << (point.bit or 0),)
    if point.kind in INTEGER_RANGES:
        return _words(point, order, struct.pack(">" + FORMATS[point.kind], _steps(point, value)))
    return _words(point, order, _float_bytes(point, value))


def packer(point: Point, order: WordOrder) -> Callable[[float], bytes] | None:
    """A prepared encoder for a numeric register point: value -> bytes as on the wire, saturating at what the registers carry.

    For simulated devices, which show thousands of values a second; a gateway's write goes through ``encode`` and is
    refused where this saturates. None for bits, text and 64-bit values.
    """
    form, turn, scale, offset = FORMATS.get(point.kind), order_of(point, order), point.scale, point.offset
    pack = struct.Struct(">" + (form or "H")).pack
    if point.kind is Kind.FLOAT32:
        if turn is WordOrder.ABCD:
            return lambda value: pack((value - offset) / scale)
        if turn is WordOrder.CDAB:
            def swapped(value: float) -> bytes:
                straight = pack((value - offset) / scale)
                return straight[2:] + straight[:2]

            return swapped
        return lambda value: _arrange(pack((value - offset) / scale), turn)
    if point.kind not in (Kind.INT16, Kind.UINT16, Kind.INT32, Kind.UINT32):
        return None
    low, high = INTEGER_RANGES[point.kind]

    def stepped(value: float) -> bytes:
        steps = round((value - offset) / scale)
        return pack(steps if low <= steps <= high else low if steps < low else high)

    if point.width == 1 or turn is WordOrder.ABCD:
        return stepped
    return lambda value: _arrange(stepped(value), turn)


def unpacker(point: Point, order: WordOrder) -> Callable[[bytes | bytearray, int], int | float]:
    """A prepared ``raw`` of a numeric register point: buffer and place of its first byte -> number before scale and offset.

    Raises: ValueError for a text point.
    """
    if point.kind is Kind.ASCII:
        raise ValueError(f"{point.name}: text has no numeric value")
    turn, bit, ones = order_of(point, order), point.bit or 0, (1 << point.bits) - 1
    layout = struct.Struct(">" + FORMATS[point.kind])
    read, size = layout.unpack_from, layout.size
    if point.kind is Kind.BIT:
        return lambda buffer, at: read(buffer, at)[0] >> bit & ones
    if point.width == 1 or turn is WordOrder.ABCD:
        return lambda buffer, at: read(buffer, at)[0]
    return lambda buffer, at: read(_arrange(bytes(buffer[at:at + size]), turn))[0]


def decode(point: Point, order: WordOrder, registers: Sequence[int]) -> float:
    """The value in the point's unit. A float register may hold NaN or infinity: judging it is the decoder's part.

    Raises: ValueError when there are more or fewer registers than the point is wide.
    """
    if len(registers) != point.width:
        raise ValueError(f"{point.name}: {len(registers)} registers where {point.width} belong")
    if point.kind is Kind.BIT:
        return float((registers[0] & point.mask) >> (point.bit or 0))
    return raw(point, order, registers) * point.scale + point.offset


def raw(point: Point, order: WordOrder, registers: Sequence[int]) -> int | float:
    """The number in the registers before scale and offset (a status word, a counter).

    Raises: ValueError for a text point.
    """
    return unpacker(point, order)(struct.pack(f">{len(registers)}H", *registers), 0)


def as_carried(point: Point, order: WordOrder, value: float) -> float:
    """The value the device will read back after it was rounded to its own step."""
    return decode(point, order, encode(point, order, value))


def resolution(point: Point) -> float:
    """The smallest step of a point in its unit; for a float, its step at the far end of the range (default 1000)."""
    if point.kind is Kind.BIT:
        return 1.0
    if point.kind in INTEGER_RANGES:
        return abs(point.scale)
    ends = [abs(end) for end in (point.low, point.high) if end is not None]
    bits = 23 if point.kind is Kind.FLOAT32 else 52
    return math.ldexp(1.0, math.frexp(max(ends, default=1000.0) or 1.0)[1] - 1 - bits)


def encode_text(point: Point, text: str) -> tuple[int, ...]:
    """The registers of a text, two characters each, filled with zero bytes. Raises ValueError when it does not fit."""
    room = 2 * point.width
    coded = text.encode("ascii")
    if len(coded) > room:
        raise ValueError(f"{point.name}: {len(coded)} characters in room for {room}")
    return struct.unpack(f">{point.width}H", coded.ljust(room, b"\0"))


def decode_text(point: Point, registers: Sequence[int]) -> str:
    """The text in the registers up to the first zero byte, without trailing blanks; odd bytes become "?"."""
    coded = struct.pack(f">{len(registers)}H", *registers)
    return coded.split(b"\0", 1)[0].decode("ascii", "replace").replace("�", "?").rstrip()


def _field(point: Point, value: float) -> int:
    if point.bits == 1:
        return int(value != 0)
    number = round(value)
    if not 0 <= number < 1 << point.bits:
        raise ValueError(f"{point.name}: {value:g} outside 0..{(1 << point.bits) - 1} that {point.bits} bits can carry")
    return number


def _steps(point: Point, value: float) -> int:
    scaled = value if point.scale == 1 and point.offset == 0 else (value - point.offset) / point.scale
    steps = round(scaled)
    low, high = INTEGER_RANGES[point.kind]
    if not low <= steps <= high:
        ends = sorted((low * point.scale + point.offset, high * point.scale + point.offset))
        raise ValueError(f"{point.name}: {value:g} {point.unit} outside {ends[0]:g}..{ends[1]:g} that {point.kind} can carry")
    return steps


def _float_bytes(point: Point, value: float) -> bytes:
    if point.kind is Kind.ASCII:
        raise ValueError(f"{point.name}: text has no numeric value")
    try:
        return struct.pack(">" + FORMATS[point.kind], (value - point.offset) / point.scale)
    except OverflowError:
        raise ValueError(f"{point.name}: {value:g} {point.unit} is more than {point.kind} can carry") from None


def _words(point: Point, order: WordOrder, straight: bytes) -> tuple[int, ...]:
    arranged = _arrange(straight, order_of(point, order))
    return struct.unpack(f">{len(arranged) // 2}H", arranged)


def _arrange(straight: bytes, order: WordOrder) -> bytes:
    """Big-endian bytes into a word order, and back: every order is its own inverse."""
    if len(straight) == 2 or order is WordOrder.ABCD:
        return straight
    if order is WordOrder.DCBA:
        return straight[::-1]
    swapped = bytearray(len(straight))
    swapped[0::2], swapped[1::2] = straight[1::2], straight[0::2]
    return bytes(swapped) if order is WordOrder.BADC else bytes(swapped[::-1])
