"""Registers and values: every kind, every word order, every scale."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.codec import INTEGER_RANGES, as_carried, decode, decode_text, encode, encode_text, resolution
from devices.profile import Kind, Point, Table, WordOrder

ORDERS = st.sampled_from(list(WordOrder))
SCALES = st.sampled_from([1.0, 0.1, 0.01, 0.005, 0.001, 2.0, 16 / 4095, -0.5])


def point(kind: Kind, **facts: object) -> Point:
    return Point("x", Table.HOLDING, 0, kind, **facts)  # pyright: ignore[reportArgumentType]


@given(kind=st.sampled_from(list(INTEGER_RANGES)), order=ORDERS, scale=SCALES, offset=st.sampled_from([0.0, 4.0, -10.0]), data=st.data())
def test_an_integer_point_carries_a_value_to_the_nearest_step(
    kind: Kind, order: WordOrder, scale: float, offset: float, data: st.DataObject,
):
    low, high = (max(end, -(1 << 50)) if end < 0 else min(end, 1 << 50) for end in INTEGER_RANGES[kind])
    steps = data.draw(st.integers(low, high))
    wanted = steps * scale + offset
    p = point(kind, scale=scale, offset=offset)
    assert decode(p, order, encode(p, order, wanted)) == pytest.approx(wanted, abs=abs(scale) / 2 + 1e-6, rel=1e-12)


@given(order=ORDERS, scale=SCALES, value=st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_point_carries_what_a_float_can(order: WordOrder, scale: float, value: float):
    p = point(Kind.FLOAT32, scale=scale)
    assert decode(p, order, encode(p, order, value * scale)) == pytest.approx(value * scale, rel=2e-7, abs=1e-44)


@given(order=ORDERS, value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_is_carried_exactly(order: WordOrder, value: float):
    p = point(Kind.FLOAT64)
    assert decode(p, order, encode(p, order, value)) == value


@given(bit=st.integers(0, 15), word=st.integers(0, 0xFFFF))
def test_a_bit_is_found_in_its_register_whatever_the_other_bits_say(bit: int, word: int):
    p = point(Kind.BIT, bit=bit)
    assert decode(p, WordOrder.CDAB, (word,)) == float(word >> bit & 1)
    assert encode(p, WordOrder.CDAB, 1.0) == (1 << bit,)


@pytest.mark.parametrize(
    ("order", "registers"),
    [(WordOrder.ABCD, (0x3F9D, 0xF3B6)), (WordOrder.CDAB, (0xF3B6, 0x3F9D)), (WordOrder.BADC, (0x9D3F, 0xB6F3)),
     (WordOrder.DCBA, (0xB6F3, 0x9D3F))],
)
def test_the_four_word_orders_are_those_of_the_manuals(order: WordOrder, registers: tuple[int, int]):
    assert encode(point(Kind.FLOAT32), order, struct.unpack(">f", b"\x3f\x9d\xf3\xb6")[0]) == registers


def test_a_point_that_states_its_own_order_keeps_it():
    p = point(Kind.UINT32, order=WordOrder.CDAB)
    assert encode(p, WordOrder.ABCD, 0x00010002) == (2, 1)


def test_a_setpoint_is_rounded_to_the_nearest_step_and_never_cut_off():
    p = point(Kind.INT16, unit="%", scale=0.1)
    assert encode(p, WordOrder.ABCD, 29.999999) == (300,)
    assert encode(p, WordOrder.ABCD, -0.07) == (0xFFFF,)
    assert as_carried(p, WordOrder.ABCD, 12.34) == pytest.approx(12.3)


def test_a_value_the_registers_cannot_carry_is_refused_by_name():
    p = Point("speed_sp", Table.HOLDING, 1, Kind.INT16, "%", scale=0.005)
    with pytest.raises(ValueError, match=r"speed_sp: 200 % outside -163.84..163.835 that int16 can carry"):
        encode(p, WordOrder.ABCD, 200)
    with pytest.raises(ValueError, match="more than float32 can carry"):
        encode(point(Kind.FLOAT32), WordOrder.ABCD, 1e39)


@pytest.mark.fault("D01")
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", [Kind.FLOAT32, Kind.UINT16, Kind.BIT])
def test_what_is_no_number_is_never_written(kind: Kind, value: float):
    with pytest.raises(ValueError, match="not a number"):
        encode(point(kind), WordOrder.ABCD, value)


def test_too_few_registers_are_no_value():
    with pytest.raises(ValueError, match="1 registers where 2 belong"):
        decode(point(Kind.FLOAT32), WordOrder.ABCD, (1,))


def test_the_resolution_is_the_step_of_the_device():
    assert resolution(point(Kind.INT16, scale=-0.1)) == 0.1
    assert resolution(point(Kind.BIT)) == 1.0
    assert resolution(point(Kind.FLOAT32, low=0, high=45)) == 2.0 ** (5 - 23)


@given(text=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=10))
def test_a_serial_number_is_read_as_it_was_written(text: str):
    p = point(Kind.ASCII, length=5)
    assert decode_text(p, encode_text(p, text)) == text


def test_text_is_no_number():
    with pytest.raises(ValueError, match="no numeric value"):
        decode(point(Kind.ASCII, length=1), WordOrder.ABCD, (0x4141,))
    with pytest.raises(ValueError, match="room for 2"):
        encode_text(point(Kind.ASCII, length=1), "abc")
