"""When a flood begins and ends, to the alarm and to the second, and what a restart keeps of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control.chain import AlarmFlood
from gateway.control.flood import BEGINS_ABOVE, ENDS_BELOW, WINDOW_S, Flood
from gateway.control.image import SECOND, Now

UTC = 10**18


def at(second: float) -> Now:
    return Now(round(second * SECOND), UTC + round(second * SECOND))


def sounded(flood: Flood, *seconds: float) -> list[str]:
    """Alarms at these seconds, each judged at once; what was told."""
    told: list[str] = []
    for second in seconds:
        flood.sounded(at(second).mono)
        entry = flood.judge(at(second))
        told += [entry.event] if entry is not None else []
    return told


def test_ten_alarms_in_ten_minutes_are_none_and_the_eleventh_begins_it():
    flood = Flood()
    assert sounded(flood, *range(1000, 1010)) == []
    assert sounded(flood, 1599.9) == ["began"]
    assert (flood.active, flood.count) == (True, 11)


def test_an_eleventh_alarm_after_ten_minutes_begins_none():
    flood = Flood()
    assert sounded(flood, *range(1000, 1010), 1600) == []
    assert flood.count == 10


def test_it_ends_when_fewer_than_five_are_left_in_ten_minutes():
    flood = Flood()
    sounded(flood, *range(1000, 1020))
    assert flood.judge(at(1614.9)) is None
    assert flood.count == 5
    entry = flood.judge(at(1615))
    assert entry is not None
    assert (entry.event, entry.count, entry.total, entry.peak, entry.lasted_s) == ("ended", 4, 20, 20, 605)
    assert not flood.active


def test_what_sounded_long_before_belongs_to_no_flood():
    flood = Flood()
    sounded(flood, *range(0, 20_000, 500))
    for second in range(30_000, 30_011):
        flood.sounded(at(second).mono)
    entry = flood.judge(at(30_010))
    assert entry is not None
    assert (entry.event, entry.count, entry.total, flood.told()["total"]) == ("began", 11, 11, 11)


def test_between_four_and_eleven_it_stays_as_it_is():
    flood = Flood()
    assert sounded(flood, *range(0, 6000, 100)) == []  # six in ten minutes: never
    flood = Flood()
    sounded(flood, *range(6000, 6020))
    assert sounded(flood, *range(6100, 12000, 100)) == []  # once begun it goes on with six in ten minutes


@given(seconds=st.lists(st.integers(0, 4000), max_size=60))
def test_the_count_is_always_that_of_the_last_ten_minutes_and_the_flood_what_the_figures_say(seconds: list[int]):
    flood, active = Flood(), False
    for k, second in enumerate(ordered := sorted(seconds)):
        flood.sounded(at(second).mono)
        flood.judge(at(second))
        count = sum(second - WINDOW_S < each <= second for each in ordered[: k + 1])
        active = count > BEGINS_ABOVE or (active and count >= ENDS_BELOW)
        assert (flood.count, flood.active) == (count, active)


def test_what_it_costs_does_not_grow_with_the_alarms():
    flood = Flood()
    for k in range(100_000):
        flood.sounded(at(k / 1000).mono)
    flood.judge(at(100))
    assert flood.count == 100_000
    assert len(flood._seconds) == 100  # one number a second, at most 601


@pytest.mark.parametrize(("down_s", "left"), [(30, 12), (595, 5), (596, 4), (100_000, 0)])
def test_after_a_restart_the_flood_goes_on_with_what_the_journal_says_of_the_last_ten_minutes(down_s: int, left: int):
    flood = Flood()
    for k in range(12):
        flood.sounded_before(UTC + k * SECOND)
    flood.apply(AlarmFlood(event="began", count=11, total=11, peak=11), UTC + 10 * SECOND)
    entry = flood.judge(Now(5 * SECOND, UTC + (11 + down_s) * SECOND))  # another monotonic clock
    assert flood.count == left
    assert flood.active is (left >= ENDS_BELOW)
    assert (entry is None) is flood.active


def test_a_wall_clock_that_was_set_back_makes_no_alarm_of_the_future():
    flood = Flood()
    flood.sounded_before(UTC + 3600 * SECOND)
    flood.judge(Now(5 * SECOND, UTC))
    assert flood.count == 1
    flood.judge(Now(605 * SECOND, UTC))
    assert flood.count == 0
