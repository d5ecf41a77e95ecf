"""A reply becomes values with quality; what is not surely right is never Good."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.instruments import PROFILES
from devices.modbus import BlockDecoder, encode, plan
from devices.profile import Kind, Point, Profile, StatusRule, Table, Verified, WordOrder
from devices.quality import (
    BAD_CONFIGURATION_ERROR,
    BAD_DEVICE_FAILURE,
    BAD_NOT_CONNECTED,
    BAD_OUT_OF_SERVICE,
    BAD_SENSOR_FAILURE,
    BAD_WAITING_FOR_INITIAL_DATA,
    GOOD,
    UNCERTAIN_EU_EXCEEDED,
    UNCERTAIN_SENSOR_NOT_ACCURATE,
    UNCERTAIN_SUBNORMAL,
)


def profile(*points: Point, order: WordOrder = WordOrder.ABCD) -> Profile:
    return Profile(name="device", maker="", model="", protocol="modbus", source="", verified=Verified.ASSUMED, points=points, order=order)


def reply(device: Profile, *names: str, **raws: float) -> tuple[list[float], list[int]]:
    """Decode the named points from a memory in which some points hold a value and the rest is zero."""
    block, = plan(device, [device.point(name) for name in names])
    registers = [0] * block.count
    for name, value in raws.items():
        point = device.point(name)
        for i, word in enumerate(encode(point, device.order, value)):
            registers[point.address - block.address + i] |= word
    values, qualities = block.compile([device.point(name) for name in names]).decode(struct.pack(f">{block.count}H", *registers))
    return [*values], [*qualities]


@given(orders=st.lists(st.sampled_from(list(WordOrder)), min_size=1, max_size=6),
       kinds=st.lists(st.sampled_from([k for k in Kind if k not in (Kind.BIT, Kind.ASCII)]), min_size=6, max_size=6),
       values=st.lists(st.integers(0, 30_000), min_size=6, max_size=6), gap=st.integers(0, 5))
def test_a_block_of_mixed_kinds_and_orders_gives_what_was_put_in(orders: list[WordOrder], kinds: list[Kind], values: list[int], gap: int):
    points: list[Point] = []
    at = 100
    for i, (order, kind) in enumerate(zip(orders, kinds, strict=False)):
        points.append(Point(f"p{i}", Table.INPUT, at, kind, order=order))
        at += points[-1].width + gap
    device = profile(*points)
    wanted = [float(value) for value in values[:len(points)]]
    got, qualities = reply(device, *[p.name for p in points], **{p.name: v for p, v in zip(points, wanted, strict=True)})
    assert got == wanted
    assert qualities == [GOOD] * len(points)


def test_values_come_in_the_order_they_were_asked_for():
    device = profile(Point("a", Table.HOLDING, 0), Point("b", Table.HOLDING, 1), Point("b_again", Table.HOLDING, 1, scale=0.1))
    assert reply(device, "b_again", "b", "a", a=1, b=20)[0] == [2.0, 20.0, 1.0]


def test_a_reply_of_the_wrong_length_is_no_reply():
    device = profile(Point("a", Table.HOLDING, 0))
    block, = plan(device, device.points)
    with pytest.raises(ValueError, match="reply of 3 bytes where 2 belong"):
        block.compile().decode(b"\0\0\0")


def test_coils_are_packed_lowest_first():
    points = [Point(f"c{i}", Table.COIL, 40 + i, Kind.BIT) for i in (0, 1, 9)]
    block, = plan(profile(*points), points)
    assert block.compile().decode(b"\x02\x02") == ([0.0, 1.0, 1.0], [GOOD] * 3)


@pytest.mark.fault("D01")
@pytest.mark.parametrize("bits", [0x7FA00000, 0x7F800000, 0xFF800000, 0x7FC00001, 0x00000001, 0x80003FC0])
def test_a_value_that_is_no_number_is_bad_and_travels_as_zero(bits: int):
    p = Point("pv", Table.INPUT, 0, Kind.FLOAT32)
    block, = plan(profile(p), (p,))
    assert block.compile().decode(struct.pack(">I", bits)) == ([0.0], [BAD_SENSOR_FAILURE])


@pytest.mark.fault("D03")
@pytest.mark.parametrize(
    ("value", "quality"),
    [(0.0, GOOD), (100.0, GOOD), (100.5, UNCERTAIN_EU_EXCEEDED), (-5.0, UNCERTAIN_EU_EXCEEDED), (105.5, BAD_SENSOR_FAILURE),
     (-5.5, BAD_SENSOR_FAILURE)],
)
def test_outside_its_range_a_value_is_doubtful_and_far_outside_bad(value: float, quality: int):
    device = profile(Point("pv", Table.INPUT, 0, Kind.FLOAT32, low=0, high=100))
    assert reply(device, "pv", pv=value) == ([value], [quality])


@pytest.mark.fault("D03")
@pytest.mark.parametrize(
    ("milliamps", "quality"),
    [(0.0, BAD_SENSOR_FAILURE), (3.59, BAD_SENSOR_FAILURE), (3.7, UNCERTAIN_EU_EXCEEDED), (3.81, GOOD), (12.0, GOOD), (19.99, GOOD),
     (20.0, BAD_SENSOR_FAILURE)],
)
def test_a_current_loop_fails_as_namur_ne_43_says_and_a_saturated_input_is_bad(milliamps: float, quality: int):
    assert reply(PROFILES["adam_5000_tcp"], "ai_0_3", ai_0_3=milliamps)[1] == [quality]


def test_not_available_is_never_a_value():
    device = PROFILES["grundfos_cim"]
    block, = plan(device, [device.point("speed")])
    assert block.compile().decode(b"\xff\xff") == ([0.0], [BAD_NOT_CONNECTED])


@pytest.mark.fault("D02")
@pytest.mark.parametrize("ph", [0.9, 1.5, 3.5, 7.0])
def test_a_script_that_reads_the_arc_sensor_high_word_first_is_found_out(ph: float):
    device = PROFILES["hamilton_ph_arc"]
    ph_point = device.point("ph")
    low_word_first = struct.pack(">2H", *encode(ph_point, WordOrder.CDAB, ph))
    bare = Point("ph", Table.HOLDING, 2091, Kind.FLOAT32, "pH", low=0, high=14)
    wrong = BlockDecoder(Table.HOLDING, 2091, 2, (bare,), (), WordOrder.ABCD, {}, ())
    assert wrong.decode(low_word_first)[1] == [BAD_SENSOR_FAILURE]


def arc(**raws: float) -> int:
    return reply(PROFILES["hamilton_ph_arc"], "ph", ph=1.5, **raws)[1][0]


def test_the_arc_sensor_says_how_it_is():
    assert arc(ph_unit=0x1000) == GOOD
    assert arc(ph_unit=0x1000, ph_status=0x04) == UNCERTAIN_SENSOR_NOT_ACCURATE
    assert arc(ph_unit=0x1000, ph_status=0x14) == BAD_SENSOR_FAILURE
    assert arc(ph_unit=0x200000) == BAD_CONFIGURATION_ERROR


@pytest.mark.fault("D02")
def test_an_arc_sensor_with_swapped_words_has_no_valid_unit_code():
    device = PROFILES["hamilton_ph_arc"]
    block, = plan(device, [device.point("ph")])
    honest = b"".join(struct.pack(">2H", *encode(p, WordOrder.ABCD, v)) for p, v in (
        (device.point("ph_unit"), 0x1000), (Point("v", Table.HOLDING, 0, Kind.FLOAT32), 1.5), (device.point("ph_status"), 0)))
    assert block.compile().decode(honest + bytes(8))[1] == [BAD_CONFIGURATION_ERROR]


def test_liquiline_tells_good_uncertain_bad_and_not_assigned():
    found = [reply(PROFILES["liquiline_cm44x"], "ph", ph=1.5, ph_status=status)[1][0] for status in range(5)]
    assert found == [GOOD, UNCERTAIN_SENSOR_NOT_ACCURATE, BAD_SENSOR_FAILURE, BAD_NOT_CONNECTED, BAD_SENSOR_FAILURE]


@pytest.mark.parametrize(
    ("state", "quality"),
    [(1, GOOD), (2, BAD_OUT_OF_SERVICE), (3, BAD_OUT_OF_SERVICE), (7, GOOD), (8, BAD_DEVICE_FAILURE), (10, BAD_OUT_OF_SERVICE),
     (11, BAD_OUT_OF_SERVICE), (12, BAD_OUT_OF_SERVICE), (0, BAD_OUT_OF_SERVICE), (200, BAD_OUT_OF_SERVICE)],
)
def test_an_xnx_that_does_not_measure_never_says_clean_air(state: int, quality: int):
    assert reply(PROFILES["honeywell_xnx"], "pv", pv=0.0, state=state, unit=5)[1] == [quality]


def test_an_xnx_reports_fault_warning_and_a_foreign_unit():
    device = PROFILES["honeywell_xnx"]
    assert reply(device, "pv", pv=2, state=1, unit=5, fault=1103)[1] == [BAD_DEVICE_FAILURE]
    assert reply(device, "pv", pv=2, state=7, unit=5, fault=12)[1] == [UNCERTAIN_SUBNORMAL]
    assert reply(device, "pv", pv=2, state=1, unit=4)[1] == [BAD_CONFIGURATION_ERROR]


@pytest.mark.parametrize("state", [2, 3, 12, 0])
def test_an_xrl_that_holds_its_last_value_is_out_of_service(state: int):
    assert reply(PROFILES["sensepoint_xrl"], "pv", pv=4.0, state=state, unit=1) == ([4.0], [BAD_OUT_OF_SERVICE])


@pytest.mark.parametrize(
    ("code", "quality"),
    [(0, GOOD), (0x4632, BAD_DEVICE_FAILURE), (0x4331, BAD_OUT_OF_SERVICE), (0x5338, UNCERTAIN_SENSOR_NOT_ACCURATE), (0x4D31, GOOD)],
)
def test_a_promass_qualifies_its_flow_by_the_letter_of_its_diagnosis(code: int, quality: int):
    assert reply(PROFILES["promass_300"], "flow", flow=0.5, diagnosis_class=code)[1] == [quality]


def test_a_radar_set_to_millimetres_is_refused():
    assert reply(PROFILES["vegapuls_c21"], "level", level=0.8, level_unit=45)[1] == [GOOD]
    assert reply(PROFILES["vegapuls_c21"], "level", level=0.8, level_unit=49)[1] == [BAD_CONFIGURATION_ERROR]
    assert reply(PROFILES["vegapuls_c21"], "level", level=0.8, level_unit=45, status=1)[1] == [BAD_SENSOR_FAILURE]


def far_apart() -> tuple[BlockDecoder, BlockDecoder]:
    rule = StatusRule(point="state", quality=BAD_OUT_OF_SERVICE, unless=(1,))
    device = profile(Point("gas", Table.HOLDING, 102, Kind.UINT16, statuses=(rule,)), Point("state", Table.INPUT, 10))
    state, gas = plan(device, [device.point("gas")])
    return state.compile(), gas.compile()


def test_a_status_word_of_another_block_must_be_known_before_the_value_counts():
    state, gas = far_apart()
    assert gas.decode(b"\0\x05")[1] == [BAD_WAITING_FOR_INITIAL_DATA]
    state.decode(b"\0\x01")
    assert gas.decode(b"\0\x05") == ([5.0], [GOOD])
    state.decode(b"\0\x03")
    assert gas.decode(b"\0\x05")[1] == [BAD_OUT_OF_SERVICE]


def test_a_status_word_that_could_not_be_read_again_is_unknown():
    state, gas = far_apart()
    state.decode(b"\0\x01")
    state.forget()
    assert gas.decode(b"\0\x05")[1] == [BAD_WAITING_FOR_INITIAL_DATA]


def test_two_devices_of_one_profile_do_not_share_their_status():
    (state, _), (_, other_gas) = far_apart(), far_apart()
    state.decode(b"\0\x01")
    assert other_gas.decode(b"\0\x05")[1] == [BAD_WAITING_FOR_INITIAL_DATA]


def test_a_status_point_that_is_no_integer_is_refused():
    rule = StatusRule(point="s", quality=BAD_OUT_OF_SERVICE)
    device = profile(Point("v", Table.INPUT, 0, statuses=(rule,)), Point("s", Table.INPUT, 2, Kind.FLOAT32))
    block, = plan(device, [device.point("v")])
    with pytest.raises(ValueError, match="status point s is float32"):
        block.compile()


def test_a_bit_of_a_status_register_may_be_a_status_itself():
    rule = StatusRule(point="fault", quality=BAD_DEVICE_FAILURE)
    device = profile(Point("v", Table.INPUT, 0, statuses=(rule,)), Point("fault", Table.INPUT, 1, Kind.BIT, bit=6))
    assert reply(device, "v", v=3)[1] == [GOOD]
    assert reply(device, "v", v=3, fault=1)[1] == [BAD_DEVICE_FAILURE]


@given(raw=st.binary(min_size=4, max_size=4))
def test_no_bytes_whatever_make_a_number_that_is_not_finite(raw: bytes):
    p = Point("pv", Table.INPUT, 0, Kind.FLOAT32, scale=1e30)
    block, = plan(profile(p), (p,))
    values, _ = block.compile().decode(raw)
    assert math.isfinite(values[0])
