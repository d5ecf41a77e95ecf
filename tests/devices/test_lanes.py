"""A block of floats is called plain only where each value, judged alone, is."""

from __future__ import annotations

import math
import struct

from hypothesis import given
from hypothesis import strategies as st

from devices.lanes import TINY, Lanes
from devices.planner import plan
from devices.profile import Kind, Limits, Point, Profile, Table, Verified
from devices.quality import GOOD

EDGES = [0.0, 1.0, -1.0, 1e-37, 1e-38, -1e308, 1e308, 3.5e38, math.inf, -math.inf]


def number(bits: int) -> float:
    return struct.unpack(">f", struct.pack(">I", bits))[0]


def bits_of(value: float) -> int:
    return struct.unpack(">I", struct.pack(">f", value))[0]


limits = st.tuples(st.sampled_from(EDGES) | st.floats(-1e6, 1e6), st.sampled_from(EDGES) | st.floats(-1e6, 1e6)).map(sorted)
near_a_limit = st.sampled_from([bits_of(each) for each in EDGES if abs(each) < 3e38]).flatmap(lambda b: st.integers(max(b - 2, 0), b + 2))
a_float = st.integers(0, 2**32 - 1) | near_a_limit | st.floats(-1e6, 1e6, width=32).map(bits_of)


@given(rows=st.lists(st.tuples(limits, a_float, st.integers(0, 3)), min_size=1, max_size=8), tail=st.binary(max_size=8))
def test_what_holds_is_what_each_value_says_of_itself(rows: list[tuple[list[float], int, int]], tail: bytes):
    payload, values, register = b"", list[tuple[int, float, float]](), 0
    for (low, high), bits, gap in rows:
        values.append((register + gap, low, high))
        payload += b"\xff" * (2 * gap) + struct.pack(">I", bits)
        register += gap + 2
    payload += tail + b"\0" * (len(tail) % 2)
    exact = [low <= number(bits) <= high and not 0.0 < abs(number(bits)) < TINY for (low, high), bits, _ in rows]
    easy = [bits < 0x80000000 for _, bits, _ in rows]           # a negative number is never called plain: it is judged alone
    assert Lanes(len(payload) // 2, values).hold(payload) == (all(exact) and all(easy))


@given(bits=st.lists(a_float, min_size=3, max_size=3))
def test_points_that_lie_over_one_another_are_judged_each_by_its_own_range(bits: list[int]):
    ranges = [("a", 0, 0.0, 10.0), ("same", 0, 5.0, 100.0), ("across", 1, 0.0, 1e30), ("apart", 4, -1.0, 1.0)]
    points = tuple(Point(name, Table.INPUT, at, Kind.FLOAT32, low=low, high=high) for name, at, low, high in ranges)
    device = Profile(name="laid", maker="-", model="-", protocol="modbus", source="assumed", verified=Verified.ASSUMED, points=points,
                     limits=Limits())
    block, = plan(device, points)
    payload = struct.pack(">3I", *bits)[:2 * block.count]
    values, qualities = block.compile(points).decode(payload)
    for (_, at, low, high), value, quality in zip(ranges, values, qualities, strict=True):
        said = struct.unpack_from(">f", payload, 2 * at)[0]
        assert (quality == GOOD) == (low <= said <= high and not 0.0 < abs(said) < TINY)
        assert value == said or quality != GOOD


def test_no_zero_is_negative():
    point = Point("v", Table.INPUT, 0, Kind.FLOAT32, low=-1.0, high=1.0)
    device = Profile(name="one", maker="-", model="-", protocol="modbus", source="assumed", verified=Verified.ASSUMED, points=(point,))
    block, = plan(device, (point,))
    (value,), qualities = block.compile().decode(struct.pack(">f", -0.0))
    assert (repr(value), qualities) == ("0.0", [GOOD])
