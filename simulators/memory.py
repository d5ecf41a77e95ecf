"""The tables of a simulated Modbus device: bytes as on the wire, and which addresses may be read."""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Callable, Iterable, Sequence

from devices.codec import unpacker
from devices.profile import Access, Block, Point, Profile, Table, WordOrder

SECOND = 1_000_000_000
_BITS = (Table.COIL, Table.DISCRETE)
_BITS_PER_REGISTER = 16


class Register:
    """Where the value of a numeric point lies. ``shown``: what stands there, if nobody else ever writes it (NaN: not known)."""

    __slots__ = ("_alone", "_at", "_buffer", "_end", "_pack", "shown")

    def __init__(self, pack: Callable[[float], bytes], buffer: bytearray, at: int, width: int, alone: bool) -> None:
        self._pack, self._buffer, self._at, self._end, self._alone = pack, buffer, at, at + 2 * width, alone
        self.shown = math.nan

    def put(self, value: float) -> None:
        """Write a finite value."""
        self._buffer[self._at:self._end] = self._pack(value)
        if self._alone:
            self.shown = value


class Memory:
    """One register table from its lowest to its highest declared address: big-endian, ready to be sliced into an answer."""

    __slots__ = ("_blocks", "_bytes", "_low", "_may_read")

    def __init__(self, points: Sequence[Point], blocks: Sequence[Block], gap: int) -> None:
        self._blocks = [(block.address, block.count) for block in blocks]
        inside = [range(block.address, block.address + block.count) for block in blocks]
        spans = [range(p.address, p.address + p.width) for p in points]
        every = [*spans, *inside]
        self._low = min((span.start for span in every), default=0)
        high = max((span.stop for span in every), default=0)
        self._may_read = bytearray(high - self._low)
        readable = [range(p.address, p.address + p.width) for p in points if p.access is not Access.WRITE]
        _mark(self._may_read, self._low, [*readable, *inside])
        closed = [range(p.address, p.address + p.width) for p in points if p.access is Access.WRITE]
        _fill_gaps(self._may_read, gap, {a - self._low for span in closed for a in span})
        self._bytes = bytearray(2 * (high - self._low))

    def readable(self, address: int, count: int) -> bool:
        """Whether one request may read this range: all of it exists, and a whole-only block is asked for exactly."""
        start = address - self._low
        if start < 0 or not all(self._may_read[start:start + count]) or start + count > len(self._may_read):
            return False
        return all((at, size) == (address, count) or at >= address + count or address >= at + size for at, size in self._blocks)

    def has(self, address: int) -> bool:
        """Whether an address lies in the table."""
        return 0 <= 2 * (address - self._low) < len(self._bytes)

    def span(self, address: int, count: int) -> Callable[[], bytes]:
        """A prepared reader of a range as on the wire."""
        start = 2 * (address - self._low)
        return memoryview(self._bytes)[start:start + 2 * count].tobytes

    def words(self, address: int, count: int) -> tuple[int, ...]:
        """The range as 16-bit numbers."""
        return struct.unpack_from(f">{count}H", self._bytes, 2 * (address - self._low))

    def at(self, address: int) -> tuple[bytearray, int]:
        """The buffer and the place in it of an address, for whoever writes bytes as on the wire."""
        return self._bytes, 2 * (address - self._low)

    def reader(self, point: Point, order: WordOrder) -> Callable[[], int | float]:
        """A prepared reader of the number in a point's registers, before scale and offset. Raises ValueError for a text point."""
        return functools.partial(unpacker(point, order), *self.at(point.address))

    def put(self, address: int, words: Sequence[int]) -> None:
        """Set a range."""
        struct.pack_into(f">{len(words)}H", self._bytes, 2 * (address - self._low), *words)


class BitMemory(Memory):
    """One bit table; its answer is packed, lowest address in the lowest bit."""

    __slots__ = ("_packed",)

    def __init__(self, points: Sequence[Point], blocks: Sequence[Block], gap: int) -> None:
        super().__init__(points, blocks, gap * _BITS_PER_REGISTER)
        self._packed = 0

    def span(self, address: int, count: int) -> Callable[[], bytes]:
        shift, mask, size = address - self._low, (1 << count) - 1, (count + 7) // 8
        return lambda: (self._packed >> shift & mask).to_bytes(size, "little")

    def words(self, address: int, count: int) -> tuple[int, ...]:
        return tuple(self._packed >> (address - self._low + k) & 1 for k in range(count))

    def reader(self, point: Point, order: WordOrder) -> Callable[[], int | float]:
        shift = point.address - self._low
        return lambda: self._packed >> shift & 1

    def put(self, address: int, words: Sequence[int]) -> None:
        for k, bit in enumerate(words, address - self._low):
            self._packed = self._packed | 1 << k if bit else self._packed & ~(1 << k)


def tables_of(profile: Profile) -> dict[Table, Memory]:
    """The memory of a device. Where it reads only with function 3 or only with 4, both register tables are one memory."""
    memory: dict[Table, Memory] = {}
    for table in Table:
        memory[table] = _table(profile, (table,))
    registers = {3, 4} & set(profile.limits.read_functions)
    if len(registers) == 1:
        memory[Table.HOLDING] = memory[Table.INPUT] = _table(profile, (Table.HOLDING, Table.INPUT))
    return memory


def _table(profile: Profile, tables: tuple[Table, ...]) -> Memory:
    points = [point for point in profile.points if point.table in tables]
    blocks = [block for block in profile.blocks if block.table in tables]
    return (BitMemory if tables[0] in _BITS else Memory)(points, blocks, profile.limits.gap)


def _mark(flags: bytearray, low: int, spans: Iterable[range]) -> None:
    for span in spans:
        for address in span:
            flags[address - low] = 1


def _fill_gaps(flags: bytearray, gap: int, closed: set[int]) -> None:
    """Make the holes readable that the profile says may be read over, except registers that can only be written."""
    last = None
    for k, flag in enumerate(bytes(flags)):
        if not flag:
            continue
        if last is not None and 1 < k - last <= gap + 1:
            for hole in set(range(last + 1, k)) - closed:
                flags[hole] = 1
        last = k
