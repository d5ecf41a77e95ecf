"""What registers may mean, where nobody has said it yet: every kind and word order, and which of them fits a known reading.

    >>> fitting((0x0000, 0x3FA0), 1.25)
    [(<Kind.FLOAT32: 'float32'>, <WordOrder.CDAB: 'CDAB'>, 1.0)]
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from devices.codec import decode
from devices.profile import Kind, Point, Table, WordOrder

WIDTHS = {1: (Kind.UINT16, Kind.INT16), 2: (Kind.FLOAT32, Kind.UINT32, Kind.INT32), 4: (Kind.FLOAT64, Kind.UINT64, Kind.INT64)}
SCALES = (1.0, 0.1, 0.01, 0.001, 10.0, 100.0)
_TINY = 1e-30


def readings(registers: Sequence[int]) -> Iterator[tuple[Kind, WordOrder, float]]:
    """Every number that these registers (1, 2 or 4 of them) carry, by kind and word order; equal ones of a kind once."""
    for kind in WIDTHS.get(len(registers), ()):
        seen: set[float] = set()
        for order in WordOrder if len(registers) > 1 else (WordOrder.ABCD,):
            value = decode(Point("x", Table.HOLDING, 0, kind), order, registers)
            if value not in seen and value == value:
                seen.add(value)
                yield kind, order, value


def fitting(registers: Sequence[int], known: float, tolerance: float = 0.005) -> list[tuple[Kind, WordOrder, float]]:
    """Kinds, word orders and scales under which the registers read as a known value. ``tolerance``: relative."""
    near = tolerance * max(abs(known), _TINY)
    found: list[tuple[Kind, WordOrder, float]] = []
    for kind, order, value in readings(registers):
        for scale in (1.0,) if kind in (Kind.FLOAT32, Kind.FLOAT64) else SCALES:
            if math.isfinite(value) and abs(value * scale - known) <= near:
                found.append((kind, order, scale))
                break
    return found


def plausible(value: float) -> bool:
    """Whether a float looks like a measurement: finite, and neither tiny nor huge."""
    return math.isfinite(value) and (value == 0 or 1e-6 <= abs(value) <= 1e9)
