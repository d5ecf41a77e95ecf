"""A value that stands still when nothing living does, and one that leaps as no vessel can."""

from __future__ import annotations

import random

import pytest

from devices.quality import GOOD, UNCERTAIN_LAST_USABLE, UNCERTAIN_SENSOR_NOT_ACCURATE
from gateway.control.image import SECOND
from gateway.control.watch import Watch


@pytest.mark.fault("D04")
def test_a_frozen_value_is_uncertain_after_its_time_and_good_as_soon_as_it_moves():
    watch = Watch(stuck_ns=60 * SECOND)
    found = [watch.judge(7.01, t * SECOND) for t in range(62)]
    assert found.index(UNCERTAIN_LAST_USABLE) == 60
    assert watch.judge(7.02, 62 * SECOND) == GOOD
    assert watch.judge(7.02, 63 * SECOND) == GOOD


@pytest.mark.fault("D04")
def test_a_living_value_with_its_noise_is_never_called_frozen():
    rng = random.Random(3)
    watch = Watch(stuck_ns=60 * SECOND)
    assert all(watch.judge(round(7 + rng.gauss(0, 0.01), 2), t * SECOND) == GOOD for t in range(20_000))


@pytest.mark.fault("D06")
def test_a_spike_is_uncertain_and_what_follows_it_is_good():
    watch = Watch(most_per_s=1.0)
    found = [watch.judge(value, t * SECOND) for t, value in enumerate((60.0, 60.2, 78.0, 60.3, 60.1))]
    assert found == [GOOD, GOOD, UNCERTAIN_SENSOR_NOT_ACCURATE, GOOD, GOOD]


@pytest.mark.fault("D06")
def test_a_value_that_stays_where_it_leapt_is_believed_at_the_third_reading():
    watch = Watch(most_per_s=1.0)
    found = [watch.judge(value, t * SECOND) for t, value in enumerate((20.0, 80.0, 80.3, 80.1, 80.2))]
    assert found == [GOOD, UNCERTAIN_SENSOR_NOT_ACCURATE, UNCERTAIN_SENSOR_NOT_ACCURATE, GOOD, GOOD]


def test_noise_that_leaps_at_every_reading_is_never_believed():
    watch = Watch(most_per_s=1.0)
    watch.judge(20.0, 0)
    found = [watch.judge(20.0 + 50 * (1 + t % 2), t * SECOND) for t in range(1, 20)]
    assert GOOD not in found


def test_a_value_that_was_away_comes_back_as_it_comes():
    watch = Watch(stuck_ns=60 * SECOND, most_per_s=1.0)
    watch.judge(20.0, 0)
    watch.forget()
    assert watch.judge(95.0, SECOND) == GOOD


def test_a_bad_answer_now_and_then_does_not_hide_that_a_value_stands_still():
    watch = Watch(stuck_ns=600 * SECOND)
    watch.judge(7.01, 0)
    watch.forget()
    assert watch.judge(7.01, 500 * SECOND) == GOOD
    watch.forget()
    assert watch.judge(7.01, 700 * SECOND) == UNCERTAIN_LAST_USABLE


def test_after_a_silence_in_which_it_could_have_moved_a_value_begins_anew():
    watch = Watch(stuck_ns=600 * SECOND)
    watch.judge(7.01, 0)
    assert watch.judge(7.01, 700 * SECOND) == GOOD
    assert watch.judge(7.01, 1299 * SECOND) == GOOD
    assert watch.judge(7.01, 1300 * SECOND) == UNCERTAIN_LAST_USABLE


def test_what_is_not_watched_for_is_good():
    watch = Watch()
    assert [watch.judge(value, t * 1000 * SECOND) for t, value in enumerate((1.0, 1.0, 9e9, -9e9))] == [GOOD] * 4
