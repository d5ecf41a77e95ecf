"""Whether all float32 of a block are inside their ranges, told by two subtractions over the whole block at once.

Positive IEEE 754 numbers stand in the order of their bits read as an integer, so a block is one long integer with a lane of
32 bits for each value. With the highest bit of every lane set no lane borrows from its neighbour, and that bit is left over
where the difference is not negative. A NaN, an infinity, a negative or a denormal number is never inside: such a block is
judged value by value, and so is one in which anything is out of its range.

    >>> lanes = Lanes(6, [(0, 0.0, 100.0), (2, 20.0, 30.0)])        # three floats, of which the first two count
    >>> lanes.hold(struct.pack(">fff", 0.0, 25.0, -1.0))
    True
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable

TINY = 1e-37                          # below it a float32 is denormal
_LARGEST = 3.4028234663852886e38
_TOP = 0x80000000


class Lanes:
    """See the module. ``count``: registers of the block; ``values``: first register, low and high of each float, high word first."""

    __slots__ = ("_high", "_low", "_one", "_top", "_zero")

    def __init__(self, count: int, values: Iterable[tuple[int, float, float]]) -> None:
        self._top = self._low = self._one = self._zero = 0
        self._high = (1 << 16 * count) - 1      # nothing is borrowed from registers that do not count
        for register, low, high in values:
            at = 16 * (count - register - 2)
            self._top |= _TOP << at
            self._one |= 1 << at
            self._zero |= _TOP << at if low <= 0.0 <= high else 0       # a zero is inside, which is below every positive number
            self._low |= _lowest(low) << at
            self._high ^= (_TOP - 1 - _highest(high)) << at

    def hold(self, payload: bytes) -> bool:
        """Whether every value is inside its range; False also where that is not told so easily."""
        lanes = int.from_bytes(payload, "big")
        top = self._top
        if lanes & top:
            return False
        topped = lanes | top
        inside, low_enough = self._high - lanes & top, topped - self._low
        return inside & low_enough == top or inside & (low_enough | (topped - self._one ^ top) & self._zero) == top


@functools.cache
def lanes_of(count: int, values: tuple[tuple[int, float, float], ...]) -> Lanes:
    """The same lanes for all blocks that are alike: devices of one profile share them."""
    return Lanes(count, values)


def _bits(value: float) -> int:
    return int.from_bytes(struct.pack(">f", value), "big")


def _float(bits: int) -> float:
    return struct.unpack(">f", bits.to_bytes(4, "big"))[0]


def _lowest(low: float) -> int:
    """The bits of the smallest positive float32, not denormal, that is not below ``low``."""
    if low > _LARGEST:
        return _TOP - 1                         # a NaN: nothing is inside
    bits = _bits(max(low, TINY))
    return bits if _float(bits) >= max(low, TINY) else bits + 1


def _highest(high: float) -> int:
    """The bits of the largest float32 that is not above ``high``; zero where that is no positive number."""
    if high <= 0.0:
        return 0
    bits = _bits(min(high, _LARGEST))
    return bits if _float(bits) <= high else bits - 1
