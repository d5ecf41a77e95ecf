"""Fields of bits, enumerations and scaled values: put in by the simulated device, read by the gateway's plan and decoder."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.exchange import Read
from devices.modbus import encode, plan
from devices.profile import Access, Block, Kind, Limits, Point, Profile, Scaled, StatusRule, Table, Verified
from devices.quality import BAD_CONFIGURATION_ERROR, BAD_NOT_CONNECTED, BAD_SENSOR_FAILURE, GOOD, UNCERTAIN_EU_EXCEEDED
from devices.render import register_table
from simulators.bank import Bank

MODES = {0: "off", 1: "local", 3: "remote"}


def profile(*points: Point, limits: Limits | None = None, blocks: tuple[Block, ...] = ()) -> Profile:
    return Profile(name="device", maker="", model="", protocol="modbus", source="", verified=Verified.ASSUMED, points=points,
                   limits=limits or Limits(gap=0), blocks=blocks)


def said(device: Profile, bank: Bank, *names: str) -> list[tuple[float, int]]:
    """What the points read in one request say."""
    block, = plan(device, [device.point(name) for name in names])
    reply = bank.answer(Read(1, block.function, block.address, block.count), 0)
    assert reply.ok
    return list(zip(*block.compile([device.point(name) for name in names]).decode(reply.payload), strict=True))


@given(fast=st.integers(0, 1), mode=st.integers(0, 7), step=st.integers(0, 4095))
def test_fields_of_one_register_are_read_apart_and_put_without_touching_each_other(fast: int, mode: int, step: int):
    device = profile(Point("fast", Table.INPUT, 0, Kind.BIT, bit=0), Point("mode", Table.INPUT, 0, Kind.BIT, bit=1, bits=3),
                     Point("step", Table.INPUT, 0, Kind.BIT, bit=4, bits=12))
    bank = Bank(device)
    for name, value in (("step", step), ("fast", fast), ("mode", mode)):
        bank.set(name, value)
    assert said(device, bank, "fast", "mode", "step") == [(fast, GOOD), (mode, GOOD), (step, GOOD)]
    assert (bank.get("fast"), bank.get("mode"), bank.get("step")) == (fast, mode, step)


def test_a_field_carries_no_more_than_its_bits():
    mode = Point("mode", Table.HOLDING, 0, Kind.BIT, bit=1, bits=3)
    assert encode(mode, profile(mode).order, 5) == (0b1010,)
    for value in (8, -1):
        with pytest.raises(ValueError, match=r"outside 0\.\.7 that 3 bits can carry"):
            encode(mode, profile(mode).order, value)


def test_a_field_may_qualify_a_value():
    rule = StatusRule(point="sensor", quality=BAD_SENSOR_FAILURE, unless=(2,))
    device = profile(Point("v", Table.INPUT, 0, statuses=(rule,)), Point("sensor", Table.INPUT, 1, Kind.BIT, bit=4, bits=2))
    bank = Bank(device)
    bank.set("sensor", 2)
    assert said(device, bank, "v") == [(0.0, GOOD)]
    bank.set("sensor", 3)
    assert said(device, bank, "v") == [(0.0, BAD_SENSOR_FAILURE)]


@pytest.mark.parametrize("point", [Point("mode", Table.INPUT, 0, states=MODES),
                                   Point("mode", Table.INPUT, 0, Kind.BIT, bit=3, bits=2, states=MODES)])
def test_a_state_that_nobody_described_is_not_good(point: Point):
    device = profile(point)
    bank = Bank(device)
    for raw in range(4):
        bank.put_raw("mode", raw)
        assert said(device, bank, "mode") == [(float(raw), GOOD if raw in MODES else UNCERTAIN_EU_EXCEEDED)]
    assert "0 off, 1 local, 3 remote" in register_table(device)


# ---------------------------------------------------------------------------------------------------------------- scaled
POWER = (Point("power", Table.HOLDING, 10, Kind.INT16, "W", scaled=Scaled("power_sf"), not_available=(-32768,), low=0.0, high=20_000.0),
         Point("voltage", Table.HOLDING, 11, Kind.UINT16, "V", scaled=Scaled("voltage_dp", "decimals")),
         Point("current", Table.HOLDING, 12, Kind.INT32, "A", scaled=Scaled("current_k", "factor"), scale=0.001),
         Point("power_sf", Table.HOLDING, 14, Kind.INT16, not_available=(-32768,)),
         Point("voltage_dp", Table.HOLDING, 15), Point("current_k", Table.HOLDING, 16))


def meter(**scales: int) -> tuple[Profile, Bank]:
    device = profile(*POWER)
    bank = Bank(device)
    for name, raw in {"power_sf": 0, "voltage_dp": 0, "current_k": 1, **scales}.items():
        bank.put_raw(name, raw)
    return device, bank


def test_a_value_is_scaled_by_the_register_that_came_with_it():
    device, bank = meter(power_sf=1, voltage_dp=2, current_k=4)
    bank.set("power", 12340.0)
    bank.set("voltage", 230.12)
    bank.set("current", -280.0)
    assert [value for value, _ in said(device, bank, "power", "voltage", "current")] == pytest.approx([12340.0, 230.12, -280.0])
    bank.put_raw("power_sf", 0)
    assert said(device, bank, "power") == [(1234.0, GOOD)]


@pytest.mark.parametrize(("name", "scales"), [("power", {"power_sf": -32768}), ("power", {"power_sf": 11}), ("voltage", {"voltage_dp": 40}),
                                              ("current", {"current_k": 0})])
def test_a_scale_that_is_none_makes_its_value_bad(name: str, scales: dict[str, int]):
    device, bank = meter(**scales)
    assert said(device, bank, name) == [(0.0, BAD_CONFIGURATION_ERROR)]


def test_a_scaled_value_is_judged_like_any_other():
    device, bank = meter(power_sf=2)
    bank.set("power", 30_000.0)                 # more than 5 % of span beyond its range
    assert said(device, bank, "power")[0][1] == BAD_SENSOR_FAILURE
    block, = plan(device, [device.point("power")])
    payload = struct.pack(">hHihhH", -32768, 0, 0, 0, 0, 0)[: 2 * block.count]
    assert block.compile().decode(payload) == ([0.0], [BAD_NOT_CONNECTED])


@pytest.mark.fault("D07")
@given(at=st.integers(0, 60), scale_at=st.integers(61, 100), others=st.lists(st.integers(0, 110), max_size=8, unique=True),
       gap=st.integers(0, 4))
def test_a_value_and_its_scale_are_one_request_whatever_lies_between(at: int, scale_at: int, others: list[int], gap: int):
    points = [Point("v", Table.HOLDING, at, scaled=Scaled("sf")), Point("sf", Table.HOLDING, scale_at, Kind.INT16),
              *(Point(f"o{address}", Table.HOLDING, address) for address in others if address not in (at, scale_at))]
    device = profile(*points, limits=Limits(gap=gap, read_registers=101))
    blocks = plan(device, [point for point in points if point.name != "sf"])
    home, = [block for block in blocks if any(point.name == "v" for point in block.points)]
    assert home.address <= at
    assert scale_at < home.address + home.count
    assert all(block.count <= 101 for block in blocks)
    assert sorted(p.name for block in blocks for p in block.points) == sorted(p.name for p in points if p.name != "sf")


def test_a_scale_that_no_single_request_reaches_is_refused():
    points = (Point("v", Table.HOLDING, 0, scaled=Scaled("sf")), Point("sf", Table.HOLDING, 50, Kind.INT16))
    with pytest.raises(ValueError, match="further apart than one read reaches"):
        plan(profile(*points, limits=Limits(read_registers=50)), points[:1])
    with pytest.raises(ValueError, match="do not lie in one whole block"):
        plan(profile(*points, blocks=(Block(Table.HOLDING, 0, 4),)), points[:1])


def test_a_scaled_value_is_shown_with_its_scale_in_the_register_table():
    table = register_table(profile(*POWER, Point("f", Table.HOLDING, 20, Kind.BIT, bit=2, bits=3, access=Access.READ_WRITE)))
    assert "scaled by power_sf (exponent)" in table
    assert "20.2-4" in table
