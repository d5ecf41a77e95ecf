"""Few reads, each within what the device allows, each value whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.modbus import plan, read_function
from devices.profile import Access, Block, Kind, Limits, Point, Profile, StatusRule, Table, Verified
from devices.quality import BAD_OUT_OF_SERVICE

KINDS = [Kind.INT16, Kind.UINT32, Kind.FLOAT32, Kind.FLOAT64]


def profile(points: tuple[Point, ...], limits: Limits | None = None, blocks: tuple[Block, ...] = ()) -> Profile:
    return Profile(name="device", maker="", model="", protocol="modbus", source="", verified=Verified.ASSUMED, points=points,
                   limits=limits or Limits(), blocks=blocks)


@st.composite
def devices(draw: st.DrawFn) -> Profile:
    """Points strewn over three tables, some of them inside ranges that are read whole only."""
    limits = Limits(gap=draw(st.integers(0, 20)), read_registers=draw(st.integers(8, 125)), read_bits=draw(st.integers(8, 256)))
    points: list[Point] = []
    blocks: list[Block] = []
    for table in (Table.COIL, Table.HOLDING, Table.INPUT):
        at = 0
        for i in range(draw(st.integers(0, 12))):
            at += draw(st.integers(0, 40))
            kind = Kind.BIT if table is Table.COIL else draw(st.sampled_from(KINDS))
            point = Point(f"{table}{i}", table, at, kind)
            if table is Table.INPUT and draw(st.integers(0, 4)) == 0:
                blocks.append(Block(table, at, 8))
                points.append(point)
                at += 8
            else:
                points.append(point)
                at += point.width
    return profile(tuple(points), limits, tuple(blocks))


@pytest.mark.fault("D07")
@given(devices())
def test_every_point_is_read_once_and_whole_within_the_limits(device: Profile):
    blocks = plan(device, device.points)
    assert sorted(p.name for b in blocks for p in b.points) == sorted(p.name for p in device.points)
    for block in blocks:
        most = device.limits.read_bits if block.table is Table.COIL else device.limits.read_registers
        assert block.count <= most
        for point in block.points:
            assert point.table is block.table
            assert block.address <= point.address
            assert point.address + point.width <= block.address + block.count


@given(devices())
def test_a_range_that_is_answered_only_whole_is_read_whole_and_alone(device: Profile):
    for read in plan(device, device.points):
        for whole in device.blocks:
            end, whole_end = read.address + read.count, whole.address + whole.count
            apart = read.table is not whole.table or read.address >= whole_end or end <= whole.address
            assert apart or (read.address, read.count) == (whole.address, whole.count)


@given(devices())
def test_a_decoder_of_every_block_answers_every_point(device: Profile):
    for block in plan(device, device.points):
        decoder = block.compile()
        values, qualities = decoder.decode(bytes(decoder.size))
        assert [*values] == [0.0] * len(block.points)
        assert len(qualities) == len(block.points)


def test_a_gap_that_costs_less_than_a_request_is_read_over():
    near = Point("a", Table.HOLDING, 0), Point("b", Table.HOLDING, 17), Point("c", Table.HOLDING, 40)
    assert [(b.address, b.count) for b in plan(profile(near), near)] == [(0, 18), (40, 1)]


def test_a_device_with_function_4_only_is_read_with_it():
    device = profile((Point("a", Table.HOLDING, 0),), Limits(read_functions=(4,)))
    assert read_function(device, Table.HOLDING) == 4
    with pytest.raises(ValueError, match="none of them reads the coil table"):
        read_function(device, Table.COIL)


def test_a_status_word_is_read_with_the_value_it_qualifies_and_first_when_it_lies_elsewhere():
    rule = StatusRule(point="state", quality=BAD_OUT_OF_SERVICE)
    gas = Point("gas", Table.HOLDING, 102, Kind.FLOAT32, statuses=(rule,))
    device = profile((gas, Point("state", Table.INPUT, 10)))
    first, second = plan(device, (gas,))
    assert (first.function, first.address, second.function) == (4, 10, 3)
    assert first.points == ()


@pytest.mark.parametrize(
    ("point", "text"),
    [(Point("x", Table.HOLDING, 0, access=Access.WRITE), "can only be written"), (Point("x", Table.COIL, 0, Kind.UINT16), "carries a bit"),
     (Point("x", Table.HOLDING, 0, Kind.FLOAT64), "wider than one read"), (Point("x", Table.INPUT, 9, Kind.UINT32), "across the edge")],
)
def test_a_point_that_cannot_be_read_is_refused_by_name(point: Point, text: str):
    device = profile((point,), Limits(read_registers=3), (Block(Table.INPUT, 8, 2),))
    with pytest.raises(ValueError, match=rf"device\.x.*{text}"):
        plan(device, device.points)
