"""One reply block to values and qualities in one pass.

A block is unpacked by precompiled ``struct.Struct``s with pad bytes over the gaps: one in nearly every block. CDAB is
read as little-endian after one swap of the bytes inside each word (measured: 0.5 us for eight floats, against 2.9 us when
two words are joined for each); only a block that mixes orders, or whose points lie over one another, needs a second struct.

Quality of a value, the worst of: its status rules, "not available" raw values, NaN, infinity and denormal floats (the
value then reads 0.0, so that no NaN travels further), failure limits, more than 5 % of span outside its range, outside
its range, a state that nobody described, a scale that is none. A denormal float is no measurement: it is what a round
number looks like with its words swapped.

    >>> decoder = block.compile(block.points)
    >>> values, qualities = decoder.decode(reply.payload)
"""

from __future__ import annotations

import functools
import math
import re
import struct
from array import array
from collections.abc import Callable, Sequence
from itertools import pairwise
from operator import itemgetter, le
from typing import Any

from devices.codec import BIT_TABLES, FORMATS, INTEGER_RANGES, order_of
from devices.lanes import TINY, lanes_of
from devices.profile import Kind, Point, Table, WordOrder
from devices.quality import (
    BAD_CONFIGURATION_ERROR,
    BAD_NOT_CONNECTED,
    BAD_SENSOR_FAILURE,
    BAD_WAITING_FOR_INITIAL_DATA,
    GOOD,
    UNCERTAIN_EU_EXCEEDED,
    worse,
)

_LARGEST = 1.7976931348623157e308
_ALIKE = re.compile(r"(?<!\d)([a-zA-Z])\1+")     # the same field again and again
_FLOATS = ("f", "d")
_FAILURE_SHARE = 0.05                 # of span outside the range
_MOST_DECIMALS = 10                   # SunSpec: exponents go from -10 to 10
_EIGHT = [tuple(byte >> bit & 1 for bit in range(8)) for byte in range(256)]

Said = tuple[Sequence[float], Sequence[int]]
"""What a block said: values and qualities of its points."""
_Raws = tuple[Any, ...]


class BlockDecoder:
    """Turns the payload of one block into values and qualities of its points, in the order they were given.

    What the status words say of each point is remembered and judged anew only when one of the words changes; a payload that
    is the last one again says the same again: most blocks of switches and commands stand still most of the time.
    """

    __slots__ = (
        "_board", "_floats", "_floors", "_gains", "_highs", "_judges", "_lanes", "_last", "_lows", "_offsets", "_pick", "_posts",
        "_repeats", "_said", "_scaled", "_standing", "_statuses", "_unpack", "_words", "points", "size",
    )  # fmt: skip

    def __init__(self, table: Table, address: int, count: int, points: Sequence[Point], statuses: Sequence[Point],
                 order: WordOrder, board: dict[str, int], posted: Sequence[str]) -> None:
        self.points = tuple(points)
        bits = table in BIT_TABLES
        self.size = -(-count // 8) if bits else 2 * count
        read = {point.name: point for point in (*points, *statuses)}
        for point in read.values():
            _check_inside(point, table, address, count)
        fields = {name: point.address - address if bits else i for i, (name, point) in enumerate(read.items())}
        self._unpack = _unpack_bits if bits else _registers(address, count, [*read.values()], order)
        self._board = board
        self._posts = [(name, fields[name], _inside(read[name])) for name in posted]
        mine = [fields[point.name] for point in points]
        self._pick = None if not bits and mine == [*range(len(read))] else _picker(mine)
        self._gains = [1.0 if point.kind is Kind.BIT else float(point.scale) for point in points]
        self._offsets = [0.0 if point.kind is Kind.BIT else float(point.offset) for point in points]
        self._floats = all(FORMATS[p.kind] in _FLOATS and p.scale == 1 and p.offset == 0 for p in points)
        self._judges = [_Judge(point) for point in points]
        self._lows = [each.low if each.plain else math.inf for each in self._judges]         # none is within: judged by itself
        self._highs = [each.high if each.plain else -math.inf for each in self._judges]
        self._floors = [max(low, TINY) if FORMATS[p.kind] in _FLOATS else low for p, low in zip(points, self._lows, strict=True)]
        starts = [point.address - address for point in points]
        laid = self._floats and all(p.kind is Kind.FLOAT32 and order_of(p, order) is WordOrder.ABCD for p in points)
        apart = all(b - a >= 2 for a, b in pairwise(sorted(starts)))
        self._lanes = lanes_of(count, tuple(zip(starts, self._lows, self._highs, strict=True))) if laid and apart else None
        self._scaled = [(k, _Scale(point, fields[point.name], read[point.scaled.point], fields[point.scaled.point]))
                        for k, point in enumerate(points) if point.scaled is not None]
        self._statuses = _Statuses(points, read, fields, board) if any(point.statuses for point in points) else None
        self._words: _Raws | None = None
        self._standing = [GOOD] * len(self._judges)
        self._repeats = self._statuses is None or not self._statuses.far      # words in other blocks change by themselves
        self._last: bytes | None = None             # the payload that ``_said`` stands for
        self._said: Said = ([], [])

    def decode(self, payload: bytes) -> Said:
        """Values (in the points' units) and OPC UA status codes, to be read only: the same two sequences while nothing changes.

        Raises: ValueError for a payload of the wrong length.
        """
        if payload == self._last:
            return self._said
        if len(payload) != self.size:
            raise ValueError(f"reply of {len(payload)} bytes where {self.size} belong ({', '.join(p.name for p in self.points[:4])})")
        raws = self._unpack(payload)
        for name, field, (mask, shift) in self._posts:
            self._board[name] = (raws[field] & mask) >> shift
        if self._statuses is not None:
            words = self._statuses.words(raws)
            if words != self._words:
                self._words, self._standing = words, self._statuses.standing(words)
        said = raws if self._pick is None else self._pick(raws)
        if self._lanes is not None:
            self._said = (said, self._standing) if self._lanes.hold(payload) else self._judged(raws, said, said)
        else:
            values = said if self._floats else [
                raw * gain + offset for raw, gain, offset in zip(said, self._gains, self._offsets, strict=True)]
            self._said = (values, self._standing) if self._plain(values) else self._judged(raws, said, values)
        if self._repeats:
            self._last = payload
        return self._said

    def _plain(self, values: Sequence[float]) -> bool:
        """Whether every value is inside its range and none is so small that it must be looked at: most blocks, most of the time."""
        return all(map(le, self._floors, values)) and all(map(le, values, self._highs))

    def _judged(self, raws: _Raws, mine: _Raws, values: Sequence[float]) -> Said:
        """One by one. ``raws``: all numbers of the block; ``mine``: those of the points."""
        found, qualities = [value + 0.0 for value in values], [*self._standing]         # no zero is negative
        for k, (value, low, high) in enumerate(zip(values, self._lows, self._highs, strict=True)):
            if not low <= value <= high or (value < TINY and value > -TINY and value):
                found[k], qualities[k] = self._judges[k].verdict(mine[k], value, qualities[k])
        for k, scale in self._scaled:
            found[k], qualities[k] = scale.verdict(raws, self._standing[k])
        return found, qualities

    def forget(self) -> None:
        """Take this block's status words off the board: after a failed read they are unknown, and never good news."""
        self._last = None
        for name, _, _ in self._posts:
            self._board.pop(name, None)


class _Statuses:
    """The status rules of all points of a block: words from the same block, or as another block last posted them."""

    __slots__ = ("_board", "_fields", "_near", "_pick", "_points", "far")

    def __init__(self, points: Sequence[Point], read: dict[str, Point], fields: dict[str, int], board: dict[str, int]) -> None:
        names = list(dict.fromkeys(rule.point for point in points for rule in point.statuses))
        self._points = points
        self._near = [name for name in names if name in read]
        self.far = [name for name in names if name not in read]
        for name in self._near:
            if read[name].kind is not Kind.BIT and read[name].kind not in INTEGER_RANGES:
                raise ValueError(f"status point {name} is {read[name].kind}, not an integer")
        self._pick = _picker([fields[name] for name in self._near])
        self._fields = [_inside(read[name]) for name in self._near]
        self._board = board

    def words(self, raws: _Raws) -> _Raws:
        """The status words as they stand; None for one that is not known (yet, or any more)."""
        if not self.far:
            return self._pick(raws)
        return (*self._pick(raws), *[self._board.get(name) for name in self.far])

    def standing(self, words: _Raws) -> list[int]:
        """What the words say of each point."""
        near = {name: (word & mask) >> shift for name, (mask, shift), word in zip(self._near, self._fields, words, strict=False)}
        known = near | dict(zip(self.far, words[len(near):], strict=True))
        return [_standing(point, known) for point in self._points]


def _standing(point: Point, known: dict[str, int | None]) -> int:
    quality = GOOD
    for rule in point.statuses:
        word = known[rule.point]
        if word is None:
            quality = worse(quality, BAD_WAITING_FOR_INITIAL_DATA)
        elif rule.fires(word):
            quality = worse(quality, rule.quality)
    return quality


class _Judge:
    """Quality of one point where it is more than a plain number inside its range."""

    __slots__ = ("fail_high", "fail_low", "high", "low", "mask", "missing", "plain", "shift", "states")

    def __init__(self, point: Point) -> None:
        self.mask, self.shift = _inside(point) if point.bit is not None and point.kind is Kind.BIT else (0, 0)
        self.missing = frozenset(point.not_available)
        self.states = frozenset(point.states)
        self.low = -_LARGEST if point.low is None else point.low
        self.high = _LARGEST if point.high is None else point.high
        self.fail_low, self.fail_high = _failure_limits(point)
        self.plain = not (self.mask or self.missing or self.states or point.scaled)

    def verdict(self, raw: Any, value: float, quality: int) -> tuple[float, int]:
        """The value as it travels on, and the worse of what its status says and what it says itself."""
        if self.mask:
            raw = (raw & self.mask) >> self.shift
            value = float(raw)
        if raw in self.missing:
            return 0.0, worse(quality, BAD_NOT_CONNECTED)
        if self.states and raw not in self.states:
            return value, worse(quality, UNCERTAIN_EU_EXCEEDED)
        if not -_LARGEST <= value <= _LARGEST or (value and -TINY < value < TINY):
            return 0.0, worse(quality, BAD_SENSOR_FAILURE)
        if self.low <= value <= self.high:
            return value, quality
        failed = value <= self.fail_low or value >= self.fail_high
        return value, worse(quality, BAD_SENSOR_FAILURE if failed else UNCERTAIN_EU_EXCEEDED)


class _Scale:
    """A value that a register beside it scales."""

    __slots__ = ("_at", "_by", "_field", "_gain", "_judge", "_missing", "_offset")

    def __init__(self, point: Point, field: int, scale: Point, at: int) -> None:
        assert point.scaled is not None
        self._field, self._gain, self._offset, self._judge = field, point.scale, point.offset, _Judge(point)
        self._by, self._at, self._missing = point.scaled.by, at, frozenset(scale.not_available)

    def verdict(self, raws: _Raws, quality: int) -> tuple[float, int]:
        """Value and quality under the scale that came with it."""
        raw, scale = raws[self._field], raws[self._at]
        none = scale == 0 if self._by == "factor" else abs(scale) > _MOST_DECIMALS
        if none or scale in self._missing:
            return 0.0, worse(quality, BAD_CONFIGURATION_ERROR)
        if self._by == "factor":
            value = raw * self._gain * scale
        else:
            value = raw * self._gain * 10.0 ** (scale if self._by == "exponent" else -scale)
        return self._judge.verdict(raw, value + self._offset, quality)


def _inside(point: Point) -> tuple[int, int]:
    """Mask and shift of what a status or bit point holds of its register."""
    return (-1, 0) if point.bit is None else (point.mask, point.bit)


def _failure_limits(point: Point) -> tuple[float, float]:
    """The values at or beyond which a reading is Bad: as stated, or just over 5 % of span outside, or none."""
    low, high = -math.inf, math.inf
    if point.low is not None and point.high is not None:
        margin = _FAILURE_SHARE * (point.high - point.low)
        low, high = math.nextafter(point.low - margin, -math.inf), math.nextafter(point.high + margin, math.inf)
    return low if point.fail_low is None else point.fail_low, high if point.fail_high is None else point.fail_high


def _check_inside(point: Point, table: Table, address: int, count: int) -> None:
    if point.kind is Kind.ASCII:
        raise ValueError(f"{point.name}: text has no numeric value; read it once with decode_text")
    if point.table is not table or not address <= point.address <= point.address + point.width <= address + count:
        raise ValueError(f"{point.name} ({point.table} {point.address}) is not in {table} {address}..{address + count - 1}")


def _unpack_bits(payload: bytes) -> _Raws:
    """All bits of a packed payload, lowest first."""
    found: _Raws = ()
    for byte in payload:
        found += _EIGHT[byte]
    return found


def _registers(address: int, count: int, points: Sequence[Point], order: WordOrder) -> Callable[[bytes], _Raws]:
    """An unpacker of register bytes; field i of its result is the raw number of point i."""
    straight = all(p.width == 1 or order_of(p, order) is WordOrder.ABCD for p in points)
    layers: list[_Layer] = []
    place: list[tuple[int, int]] = []
    for point in points:
        view = (False, ">") if straight else _view(point, order_of(point, order))
        start = point.address - address
        layer = next((i for i, one in enumerate(layers) if one.view == view and one.takes(start, point)), len(layers))
        if layer == len(layers):
            layers.append(_Layer(view))
        place.append((layer, layers[layer].add(start, point)))
    return _one(layers[0], count, place) if len(layers) == 1 else _several(layers, count, place)


def _view(point: Point, order: WordOrder) -> tuple[bool, str]:
    """How bytes must be seen: with the bytes inside each word swapped or not, and then big- or little-endian."""
    if point.width == 1 or order is WordOrder.CDAB:
        return True, "<"
    return {WordOrder.ABCD: (False, ">"), WordOrder.DCBA: (False, "<"), WordOrder.BADC: (True, ">")}[order]


class _Layer:
    """Fields that one struct can hold: same view, none over another (the same field twice is one field)."""

    def __init__(self, view: tuple[bool, str]) -> None:
        self.view = view
        self.fields: dict[tuple[int, int, str], int] = {}      # start, width, format -> key

    def takes(self, start: int, point: Point) -> bool:
        mine = (start, point.width, FORMATS[point.kind])
        return mine in self.fields or all(start >= at + width or start + point.width <= at for at, width, _ in self.fields)

    def add(self, start: int, point: Point) -> int:
        return self.fields.setdefault((start, point.width, FORMATS[point.kind]), len(self.fields))

    def layout(self, count: int) -> tuple[struct.Struct, dict[int, int]]:
        """The struct over the block, and where each key stands in what it unpacks."""
        parts, at, rank = [self.view[1]], 0, dict[int, int]()
        for (start, width, code), key in sorted(self.fields.items()):
            parts.append(f"{2 * (start - at)}x{code}" if start > at else code)
            rank[key] = len(rank)
            at = start + width
        return _struct("".join(parts) + f"{2 * (count - at)}x"), rank


@functools.cache
def _struct(layout: str) -> struct.Struct:
    """One for all devices of a profile; of what is alike in a row it says how many, which is small and quickly read."""
    return struct.Struct(_ALIKE.sub(lambda row: f"{len(row[0])}{row[1]}", layout))


def _swapped(payload: bytes) -> array[int]:
    words = array("H", payload)
    words.byteswap()
    return words


def _one(layer: _Layer, count: int, place: Sequence[tuple[int, int]]) -> Callable[[bytes], _Raws]:
    layout, rank = layer.layout(count)
    picks = [rank[key] for _, key in place]
    pick, unpack = _picker(picks), layout.unpack
    if not layer.view[0]:
        if picks == list(range(len(rank))):
            return unpack
        return lambda payload: pick(unpack(payload))
    return lambda payload: pick(unpack(_swapped(payload)))


def _several(layers: Sequence[_Layer], count: int, place: Sequence[tuple[int, int]]) -> Callable[[bytes], _Raws]:
    layouts = [layer.layout(count) for layer in layers]
    starts = [sum(len(rank) for _, rank in layouts[:i]) for i in range(len(layouts))]
    pick = _picker([starts[layer] + layouts[layer][1][key] for layer, key in place])
    steps = [(layer.view[0], layout.unpack) for layer, (layout, _) in zip(layers, layouts, strict=True)]

    def unpack(payload: bytes) -> _Raws:
        found: _Raws = ()
        for swap, read in steps:
            found += read(_swapped(payload) if swap else payload)
        return pick(found)

    return unpack


def _picker(picks: Sequence[int]) -> Callable[[_Raws], _Raws]:
    """A prepared choice of fields, in this order."""
    if len(picks) > 1:
        return itemgetter(*picks)
    return lambda raws: tuple([raws[i] for i in picks])
