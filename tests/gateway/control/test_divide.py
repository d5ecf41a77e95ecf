"""A register that a device does not have costs its own tag and no other: the block is asked for in parts."""

from __future__ import annotations

import random

import pytest

from devices.exchange import Read, Reply
from devices.profile import Block, Kind, Limits, Point, Profile, StatusRule, Table, Verified
from devices.quality import BAD_CONFIGURATION_ERROR, BAD_SENSOR_FAILURE, GOOD
from gateway.control.conversation import Binding, Conversation
from gateway.control.image import SECOND, Image, Now

TICK = SECOND // 2


def profile(points: tuple[Point, ...], **more: object) -> Profile:
    return Profile(name="x", maker="x", model="x", protocol="modbus", source="assumed", verified=Verified.ASSUMED, points=points,
                   **{"limits": Limits(gap=16), **more})  # type: ignore[arg-type]


class Device:
    """Answers reads of holding registers; ``missing`` are refused with ``code``."""

    def __init__(self, points: tuple[Point, ...], missing: set[int], code: int = 2, **more: object) -> None:
        self.points, self.missing, self.code = points, missing, code
        names = [point.name for point in points]
        self.image = Image(names, [5 * SECOND] * len(names))
        bound = [Binding(point=name, tag=i, period_ns=TICK) for i, name in enumerate(names)]
        self.c = Conversation("D-1", profile(points, **more), self.image, bound)
        self.at, self.asked = SECOND, 0

    def turn(self) -> None:
        self.at += TICK
        self.c.beat(self.at)
        while (request := self.c.due(self.at)) is not None:
            assert isinstance(request, Read)
            self.asked += 1
            assert self.asked < 100_000
            span = range(request.address, request.address + request.count)
            if self.missing.intersection(span):
                reply = Reply(request, exception=self.code)
            else:
                reply = Reply(request, b"".join(address.to_bytes(2, "big") for address in span))
            self.c.absorb(reply, Now(self.at, self.at))

    def qualities(self) -> dict[str, int]:
        return dict(zip(self.image.names, self.image.quality, strict=True))

    def refused(self) -> list[tuple[str, str]]:
        events, self.c.events = self.c.events, []
        return events


def registers(count: int, step: int = 1) -> tuple[Point, ...]:
    return tuple(Point(f"r{i * step}", Table.HOLDING, i * step) for i in range(count))


@pytest.mark.fault("M23")
@pytest.mark.parametrize("code", [2, 3])
def test_in_the_tick_that_refuses_a_block_all_but_the_missing_point_are_read(code: int):
    device = Device(registers(60), {37}, code)
    device.turn()
    assert [name for name, quality in device.qualities().items() if quality != GOOD] == ["r37"]
    assert device.qualities()["r37"] == BAD_CONFIGURATION_ERROR
    assert device.image.value[36] == 36.0
    kinds = [(kind, detail) for kind, detail in device.refused() if kind == "refused"]
    assert len(kinds) == 1
    assert "r37; asked again every 60 s" in kinds[0][1]


def test_afterwards_the_plan_is_kept_and_the_missing_point_is_asked_once_a_minute():
    device = Device(registers(60), {37})
    device.turn()
    device.asked = 0
    for _ in range(119):
        device.turn()
    a_tick = device.asked / 119
    assert a_tick <= 8  # 60 registers around one hole: a block for each halving
    device.refused()
    device.missing.clear()
    for _ in range(2):
        device.turn()
    assert set(device.qualities().values()) == {GOOD}


@pytest.mark.fault("M23")
def test_a_device_that_was_only_starting_up_has_its_whole_blocks_back_within_a_minute():
    device = Device(registers(40), set(range(40)))
    for _ in range(4):
        device.turn()
    device.missing.clear()
    for _ in range(120):
        device.turn()
    assert (set(device.qualities().values()), len(device.c.polling.polls)) == ({GOOD}, 1)
    device.asked = 0
    device.turn()
    assert device.asked == 1


def test_a_block_that_was_due_again_when_it_was_divided_is_asked_again_as_a_whole():
    """A slow device: the next tick has queued the block before the refusal of the last one came."""
    device = Device(registers(8), set())
    (poll,) = device.c.polling.polls
    device.c.polling.tick(SECOND)
    assert poll.queued
    assert device.c.polling.divide(poll, SECOND)
    assert poll not in device.c.polling.queue
    device.at += 61 * SECOND
    device.turn()
    assert (device.c.polling.polls, device.asked) == ([poll], 1)
    assert set(device.qualities().values()) == {GOOD}


def test_one_that_refuses_the_whole_again_goes_on_with_the_parts_that_were_found():
    device = Device(registers(60), {37})
    device.turn()
    device.turn()
    found = [poll.request for poll in device.c.polling.polls]
    device.asked = 0
    for _ in range(120):
        device.turn()
        assert [name for name, quality in device.qualities().items() if quality != GOOD] == ["r37"]
    assert [poll.request for poll in device.c.polling.polls] == found
    assert device.asked <= 120 * (len(found) - 1) + 2


def test_bits_of_one_register_are_not_lost_with_a_missing_neighbour():
    bits = tuple(Point(f"b{bit}", Table.HOLDING, 10, Kind.BIT, bit=bit) for bit in (0, 1))
    device = Device((*bits, Point("word", Table.HOLDING, 11)), {11})
    device.turn()
    assert [name for name, quality in device.qualities().items() if quality != GOOD] == ["word"]


def test_a_gap_that_must_not_be_read_over_costs_nobody():
    """Two islands of registers with a hole between them that nobody declared."""
    points = (*registers(4), *(Point(f"s{i}", Table.HOLDING, 10 + i) for i in range(4)))
    device = Device(points, {5, 6})
    device.turn()
    assert set(device.qualities().values()) == {GOOD}
    assert [kind for kind, _ in device.refused()] == ["divided"]


def test_a_new_connection_begins_with_the_whole_blocks():
    device = Device(registers(60), {37})
    device.turn()
    assert len(device.c.polling.polls) > 1
    device.missing.clear()
    device.c.connected(device.at)
    assert len(device.c.polling.polls) == 1
    device.turn()
    assert set(device.qualities().values()) == {GOOD}


def test_a_value_of_two_registers_is_never_torn_apart():
    points = tuple(Point(f"f{i}", Table.HOLDING, 2 * i, Kind.FLOAT32) for i in range(20))
    device = Device(points, {15})
    device.turn()
    assert [name for name, quality in device.qualities().items() if quality == BAD_CONFIGURATION_ERROR] == ["f7"]
    assert all(poll.request.count % 2 == 0 for poll in device.c.polling.polls)


def test_a_status_goes_with_its_value_into_either_half():
    rule = StatusRule(point="state", quality=BAD_SENSOR_FAILURE)
    points = (Point("state", Table.HOLDING, 0), *(Point(f"v{i}", Table.HOLDING, 1 + i, statuses=(rule,)) for i in range(8)))
    device = Device(points, {5})
    device.turn()
    assert [name for name, quality in device.qualities().items() if quality == BAD_CONFIGURATION_ERROR] == ["v4"]
    assert [name for name, quality in device.qualities().items() if quality == GOOD] == ["state", *(f"v{i}" for i in range(8) if i != 4)]


def test_a_range_that_is_answered_whole_only_is_left_whole():
    device = Device(registers(6), {3}, blocks=(Block(Table.HOLDING, 0, 6),))
    device.turn()
    assert set(device.qualities().values()) == {BAD_CONFIGURATION_ERROR}
    assert len(device.c.polling.polls) == 1


def test_a_function_that_the_device_does_not_have_is_not_asked_for_in_parts():
    device = Device(registers(60), set(range(60)), code=1)
    device.turn()
    assert device.asked == 1


def test_a_device_that_refuses_everything_is_not_stormed():
    device = Device(registers(60), set(range(60)))
    for _ in range(100):
        device.turn()
    assert device.asked == 2 * 60 - 1  # each halving once, then once a minute
    assert len([kind for kind, _ in device.refused() if kind == "refused"]) == 60


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_missing_exactly_that_is_bad(seed: int):
    rng = random.Random(seed)
    points = registers(rng.randint(2, 80), rng.choice((1, 1, 2, 5)))
    missing = {point.address for point in rng.sample(points, rng.randint(0, min(6, len(points))))}
    device = Device(points, set(missing))
    for _ in range(3):
        device.turn()
    bad = {point.address for point in points if device.qualities()[point.name] != GOOD}
    assert bad == missing
    assert all(device.image.value[i] == point.address for i, point in enumerate(points) if point.address not in missing)
