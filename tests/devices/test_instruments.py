"""What every profile owes: a table that holds together, values that come back, and an answer to a lost gateway."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.codec import INTEGER_RANGES, decode, decode_text, encode, encode_text, resolution
from devices.instruments import PROFILES
from devices.modbus import plan
from devices.profile import Access, CommLoss, Kind, Point, Profile, Verified
from devices.quality import GOOD, NAMES
from devices.render import profile_json, register_table
from devices.units import UNITS

MODBUS = sorted(name for name, profile in PROFILES.items() if profile.protocol == "modbus")
EVERY_POINT = [(profile, point) for profile in PROFILES.values() for point in profile.points]
EVERY_PROFILE = pytest.mark.parametrize("name", sorted(PROFILES))
EVERY_MODBUS = pytest.mark.parametrize("name", MODBUS)


def span(point: Point) -> tuple[float, float]:
    """The values a point may take: its range, or what its registers carry."""
    if point.kind in INTEGER_RANGES:
        ends = sorted(max(min(raw, 1 << 50), -(1 << 50)) * point.scale + point.offset for raw in INTEGER_RANGES[point.kind])
    else:
        ends = [-1e6, 1e6]
    low = ends[0] if point.low is None else max(point.low, ends[0])
    return low, ends[1] if point.high is None else min(point.high, ends[1])


@given(which=st.sampled_from(EVERY_POINT), data=st.data())
def test_every_point_of_every_instrument_carries_its_range(which: tuple[Profile, Point], data: st.DataObject):
    profile, point = which
    if point.kind is Kind.ASCII:
        text = data.draw(st.text("ABC123", max_size=2 * point.width))
        assert decode_text(point, encode_text(point, text)) == text
        return
    if point.kind is Kind.BIT:
        assert decode(point, profile.order, encode(point, profile.order, 1)) == 1
        return
    low, high = span(point)
    value = data.draw(st.floats(low, high))
    step = resolution(point) if point.kind in INTEGER_RANGES else max(abs(value), 1e-30) * 2 ** -23
    assert decode(point, profile.order, encode(point, profile.order, value)) == pytest.approx(value, abs=0.501 * step + 1e-9)


@EVERY_MODBUS
def test_no_two_points_lie_over_one_another(name: str):
    """Bits share their register; a write-only point may be another name for a command word."""
    profile = PROFILES[name]
    solid = [p for p in profile.points if p.kind is not Kind.BIT and p.access is not Access.WRITE]
    for i, a in enumerate(solid):
        for b in solid[i + 1:]:
            apart = a.table is not b.table or a.address + a.width <= b.address or b.address + b.width <= a.address
            assert apart, f"{a.name} and {b.name}"
    bits = [(p.table, p.address, p.bit) for p in profile.points if p.kind is Kind.BIT]
    assert len(set(bits)) == len(bits)


@EVERY_PROFILE
def test_names_are_unique_short_and_lower_case(name: str):
    names = [p.name for p in PROFILES[name].points] + [n.name for n in PROFILES[name].nodes]
    assert len(set(names)) == len(names)
    assert all(n == n.lower() and len(n) <= 24 and n.replace("_", "").isalnum() for n in names)


@EVERY_PROFILE
def test_every_value_has_a_unit_of_the_list_and_a_word_about_where_it_stands(name: str):
    profile = PROFILES[name]
    assert {p.unit for p in (*profile.points, *profile.nodes)} <= set(UNITS)
    assert all(p.note for p in profile.points)


@EVERY_PROFILE
def test_every_output_says_what_it_does_when_the_gateway_is_gone(name: str):
    profile = PROFILES[name]
    writable = [p for p in profile.points if p.access is not Access.READ]
    actions = profile.watchdog.actions if profile.watchdog else {}
    assert set(actions) <= {p.name for p in writable}
    for point in writable:
        assert point.name in actions or "comm loss:" in point.note, point.name


@EVERY_PROFILE
def test_what_a_profile_refers_to_exists(name: str):
    profile = PROFILES[name]
    rules = [rule for p in profile.points for rule in p.statuses]
    for rule in rules:
        assert profile.point(rule.point).kind in {*INTEGER_RANGES, Kind.BIT}
        assert rule.quality in NAMES
        assert rule.meaning
    for point in profile.points:
        assert point.feedback is None or profile.point(point.feedback)
    if profile.identity is not None:
        assert profile.point(profile.identity[0]).kind in INTEGER_RANGES
        assert profile.identity[1] & profile.identity_mask == profile.identity[1]
    if profile.watchdog is not None and profile.watchdog.point is not None:
        assert profile.point(profile.watchdog.point).access is not Access.READ


@EVERY_MODBUS
def test_the_whole_instrument_is_read_in_a_few_requests(name: str):
    profile = PROFILES[name]
    readable = [p for p in profile.points if p.access is not Access.WRITE and p.kind is not Kind.ASCII]
    blocks = plan(profile, readable)
    assert len(blocks) <= 3
    for block in blocks:
        decoder = block.compile()
        values, _ = decoder.decode(bytes(decoder.size))
        assert all(math.isfinite(value) for value in values)


def test_a_station_of_remote_io_is_two_reads():
    station = PROFILES["adam_5000_tcp"]
    assert [(b.function, b.address, b.count) for b in plan(station, station.points)] == [(1, 48, 48), (3, 0, 20)]


@EVERY_PROFILE
def test_a_profile_claims_no_more_than_it_knows(name: str):
    profile = PROFILES[name]
    assert profile.source
    assert profile.verified in (Verified.ASSUMED, Verified.MANUAL)


def test_the_acid_pump_and_the_screw_stop_within_three_seconds_by_themselves():
    for name, point in (("prominent_gamma_x", "run"), ("abb_acs580", "run"), ("grundfos_cim", "run"), ("adam_5000_tcp", "do_5_0")):
        watchdog = PROFILES[name].watchdog
        assert watchdog is not None
        assert watchdog.timeout_s <= 3
        assert watchdog.actions[point] is CommLoss.ZERO


def test_a_drive_is_started_by_three_words_and_a_pump_trigger_by_its_own():
    assert PROFILES["abb_acs580"].point("run").sequences[1] == (0x0476, 0x0477, 0x047F)
    assert PROFILES["prominent_gamma_x"].point("acknowledge").trigger == 0x5555


def test_what_wears_out_memory_is_never_written_cyclically():
    assert not PROFILES["eurotherm_epc3016"].point("target_sp").cyclic


def test_gas_detectors_show_who_they_are_whatever_their_address():
    for name in ("honeywell_xnx", "sensepoint_xrl"):
        profile = PROFILES[name]
        assert profile.identity is not None
        assert (profile.identity[1] | 0x08) & profile.identity_mask == profile.identity[1]


@EVERY_PROFILE
def test_the_printed_table_names_every_point_and_its_comm_loss_action(name: str):
    profile = PROFILES[name]
    text = register_table(profile)
    lines = {line.split()[0] for line in text.splitlines() if line}
    assert {p.name for p in (*profile.points, *profile.nodes)} <= lines
    assert ("watchdog      none" in text) == (profile.watchdog is None)
    assert text.splitlines()[-1].endswith(str(profile.verified))


@EVERY_PROFILE
def test_a_profile_survives_json(name: str):
    assert msgspec.json.decode(profile_json(PROFILES[name]), type=Profile) == PROFILES[name]


def test_good_is_what_a_healthy_reading_is():
    assert GOOD == 0
