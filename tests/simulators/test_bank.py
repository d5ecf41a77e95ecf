"""A simulated device answers as its profile says, and its outputs do what they must when the master is gone."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from devices.exchange import Read, ReadNodes, Write
from devices.modbus import plan
from devices.profile import Access, Block, CommLoss, Kind, Limits, Point, Profile, Table, Verified, Watchdog, WordOrder
from simulators.bank import Bank

SECOND = 1_000_000_000
RW = Access.READ_WRITE
PROFILE = Profile(
    name="device", maker="none", model="none", protocol="modbus", source="assumed", verified=Verified.ASSUMED,
    limits=Limits(gap=2, read_registers=20),
    points=(
        Point("a", Table.INPUT, 100, Kind.FLOAT32, order=WordOrder.CDAB),
        Point("b", Table.INPUT, 104, Kind.INT16, scale=0.1, not_available=(-32768,)),
        Point("far", Table.INPUT, 110),
        Point("block", Table.INPUT, 200),
        Point("out", Table.HOLDING, 0, Kind.INT16, access=RW, scale=0.1, low=0.0, high=100.0),
        Point("pair", Table.HOLDING, 1, Kind.UINT32, access=RW),
        Point("secret", Table.HOLDING, 3, access=Access.WRITE),
        Point("fixed", Table.HOLDING, 4),
        Point("bit0", Table.HOLDING, 5, Kind.BIT, bit=0, access=RW),
        Point("bit9", Table.HOLDING, 5, Kind.BIT, bit=9, access=RW),
        Point("name", Table.HOLDING, 20, Kind.ASCII, length=4),
        Point("valve", Table.COIL, 3, Kind.BIT, access=RW),
        Point("pump", Table.COIL, 4, Kind.BIT, access=RW),
        Point("switch", Table.DISCRETE, 8, Kind.BIT),
    ),
    blocks=(Block(Table.INPUT, 199, 4),),
    watchdog=Watchdog(timeout_s=3.0, actions={"valve": CommLoss.ZERO, "pump": CommLoss.HOLD, "out": CommLoss.PRESET},
                      presets={"out": 12.5}),
)


def ask(bank: Bank, function: int, address: int, count: int = 1, now: int = 0) -> bytes | int | None:
    """Payload or exception of one read."""
    reply = bank.answer(Read(1, function, address, count), now)
    return reply.payload if reply.ok else reply.exception


def tell(bank: Bank, function: int, address: int, *values: int, now: int = 0) -> int | None:
    """Exception of one write, None when it was done."""
    return bank.answer(Write(1, function, address, values), now).exception


@pytest.mark.parametrize(("name", "value"), [("a", -12.625), ("b", -100.1), ("far", 65535), ("out", 55.5), ("pair", 4e9), ("bit9", 1),
                                             ("valve", 1), ("switch", 1)])
def test_what_is_set_is_what_is_read_back(name: str, value: float):
    bank = Bank(PROFILE)
    bank.set(name, value)
    assert bank.get(name) == pytest.approx(value)


def test_registers_travel_big_endian_in_the_points_word_order_and_bits_packed():
    bank = Bank(PROFILE)
    bank.set("a", 1.0)
    assert ask(bank, 4, 100, 2) == bytes.fromhex("00003f80")
    bank.set("switch", 1)
    bank.set("pump", 1)
    assert (ask(bank, 2, 8), ask(bank, 1, 3, 2)) == (b"\x01", b"\x02")


def test_values_saturate_and_nan_becomes_not_available():
    bank = Bank(PROFILE)
    bank.set("b", 1e9)
    assert bank.raw("b") == 32767
    bank.set("b", math.nan)
    assert bank.raw("b") == -32768
    bank.set("a", math.nan)
    assert math.isnan(bank.get("a"))
    bank.set("out", math.inf)
    assert bank.raw("out") == 32767
    bank.set_text("name", "GW-1")
    assert ask(bank, 3, 20, 4) == b"GW-1\0\0\0\0"


@pytest.mark.parametrize(("function", "address", "count", "exception"), [
    (4, 100, 5, None), (4, 104, 7, 2), (4, 99, 1, 2), (4, 111, 1, 2), (4, 199, 4, None), (4, 200, 1, 2), (4, 199, 3, 2), (4, 198, 6, 2),
    (3, 3, 1, 2), (3, 0, 3, None), (3, 0, 5, 2), (4, 100, 0, 3), (4, 100, 21, 3), (4, 65535, 2, 2), (7, 0, 1, 1), (1, 3, 2, None),
    (1, 0, 5, 2),
])
def test_only_what_is_declared_can_be_read_and_only_whole_blocks(function: int, address: int, count: int, exception: int | None):
    answer = ask(Bank(PROFILE), function, address, count)
    assert answer == exception if exception else isinstance(answer, bytes)


@pytest.mark.parametrize(("function", "address", "values", "exception"), [
    (6, 0, (500,), None), (6, 0, (1001,), 3), (6, 0, (0xFFFF,), 3), (6, 0, (0x1_0000,), 3), (16, 0, (1, 0, 7), None), (6, 1, (5,), 2),
    (16, 1, (0, 7), None), (16, 0, (1001, 0, 7), 3), (6, 4, (1,), 2), (16, 3, (1, 1), 2), (6, 3, (1,), None), (6, 9, (1,), 2),
    (6, 5, (0x0201,), None), (5, 3, (1,), None), (5, 3, (2,), 3), (15, 3, (1, 1), None), (15, 3, (1, 1, 1), 2), (22, 0, (1,), 1),
    (16, 0, (), 3), (5, 3, (1, 1), 3),
])
def test_a_write_is_done_whole_or_refused(function: int, address: int, values: tuple[int, ...], exception: int | None):
    bank = Bank(PROFILE)
    before = [bank.raw(p.name) for p in PROFILE.points if p.kind is not Kind.ASCII]
    assert tell(bank, function, address, *values) == exception
    if exception:
        assert [bank.raw(p.name) for p in PROFILE.points if p.kind is not Kind.ASCII] == before


def test_a_function_the_device_lacks_is_refused_and_one_memory_may_have_one_door():
    bank = Bank(replace(PROFILE, limits=Limits(read_functions=(3,), write_functions=(16,))))
    assert ask(bank, 4, 100, 2) == 1
    assert tell(bank, 6, 0, 1) == 1
    bank.set("a", 1.0)
    assert ask(bank, 3, 100, 2) == bytes.fromhex("00003f80")


def test_the_blocks_that_the_planner_makes_are_answered():
    bank = Bank(PROFILE)
    wanted = [p for p in PROFILE.points if p.access is not Access.WRITE and p.kind is not Kind.ASCII and p.address not in (4, 5)]
    for block in plan(PROFILE, wanted):
        assert isinstance(ask(bank, block.function, block.address, block.count), bytes)


def test_a_request_of_another_protocol_is_a_fault_of_the_caller():
    with pytest.raises(TypeError, match="speaks Modbus"):
        Bank(PROFILE).answer(ReadNodes(("a",)), 0)


# ---------------------------------------------------------------------------------------------------------- watchdog
def commanded(**changes: object) -> Bank:
    """A bank with every output on, heard from at 0 s."""
    bank = Bank(replace(PROFILE, **changes) if changes else PROFILE)
    tell(bank, 15, 3, 1, 1)
    tell(bank, 6, 0, 800)
    return bank


def test_outputs_take_their_action_when_the_master_is_gone_and_keep_it_until_a_new_command():
    bank = commanded()
    bank.step(3 * SECOND)
    assert not bank.expired
    bank.step(3 * SECOND + 1)
    assert bank.expired
    assert (bank.get("valve"), bank.get("pump"), bank.get("out")) == (0, 1, 12.5)
    ask(bank, 4, 100, 2, now=4 * SECOND)
    bank.step(5 * SECOND)
    assert not bank.expired
    assert bank.get("valve") == 0, "a read does not bring an output back"
    tell(bank, 5, 3, 1, now=5 * SECOND)
    bank.step(6 * SECOND)
    assert bank.get("valve") == 1


def test_any_request_feeds_a_watchdog_that_any_request_feeds():
    bank = commanded()
    for k in range(1, 20):
        ask(bank, 4, 100, 2, now=k * 2 * SECOND)
        bank.step(k * 2 * SECOND)
    assert bank.get("valve") == 1


def test_only_a_write_of_its_point_feeds_a_watchdog_fed_by_writes():
    bank = commanded(watchdog=Watchdog(timeout_s=3.0, fed_by="write", point="out", actions={"valve": CommLoss.ZERO}))
    tell(bank, 5, 4, 1, now=2 * SECOND)
    ask(bank, 4, 100, 2, now=3 * SECOND)
    tell(bank, 6, 0, 9999, now=3 * SECOND)
    bank.step(3 * SECOND + 1)
    assert bank.expired
    tell(bank, 6, 0, 800, now=4 * SECOND)
    assert not bank.expired


def test_the_plants_own_settings_replace_those_of_the_profile():
    bank = Bank(PROFILE, timeout_s=1.0, comm_loss={"valve": "hold", "pump": "on", "out": "on"})
    tell(bank, 5, 3, 1)
    bank.step(1 * SECOND + 1)
    assert (bank.get("valve"), bank.get("pump"), bank.get("out")) == (1, 1, 100.0)


def test_a_device_that_was_never_spoken_to_waits():
    bank = Bank(PROFILE)
    bank.step(100 * SECOND)
    assert not bank.expired


def test_a_device_shows_the_identity_its_profile_names():
    assert Bank(replace(PROFILE, identity=("fixed", 4711))).raw("fixed") == 4711


@given(st.sampled_from([1, 2, 3, 4, 5, 6, 7, 15, 16]), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF),
       st.lists(st.integers(0, 0xFFFF), max_size=5))
def test_every_request_is_answered_or_refused_never_failed(function: int, address: int, count: int, values: list[int]):
    bank = Bank(PROFILE)
    answer = ask(bank, function, address, count)
    assert answer in (1, 2, 3) or isinstance(answer, bytes)
    assert tell(bank, function, address, *values) in (None, 1, 2, 3)
