"""Five minutes of a wire: what is found is told once, stands as long as it goes on, and ends after five clean minutes."""

from __future__ import annotations

import pytest

from gateway.links.judge import JUDGED_S, Judge


def judge() -> Judge:
    return Judge("BUS", 0.25, {})


@pytest.mark.fault("M33")
def test_noise_is_told_when_it_is_more_than_one_answer_in_a_hundred_and_no_accident():
    j = judge()
    j.asked, j.garbled = 10, 4
    assert j.look(1.0) == []
    j.asked, j.garbled = 500, 5
    assert j.look(2.0) == []
    j.garbled = 6
    assert j.look(3.0) == [("noisy_bus", "BUS: 6 garbled answers to 500 requests")]
    j.garbled = 60
    assert j.look(4.0) == []
    assert set(j.standing) == {"noisy_bus"}


@pytest.mark.fault("M37")
def test_it_stands_while_it_goes_on_and_ends_after_five_clean_minutes():
    j = judge()
    j.strange = 5
    assert [event for event, _ in j.look(10.0)] == ["second_master"]
    j.look(JUDGED_S + 11.0)                     # a new five minutes, clean so far
    assert set(j.standing) == {"second_master"}
    j.strange = 7
    assert [event for event, _ in j.look(JUDGED_S + 20.0)] == ["second_master"]        # told again: it goes on
    j.look(2 * JUDGED_S + 12.0)
    assert set(j.standing) == {"second_master"}
    j.look(3 * JUDGED_S + 13.0)
    assert j.standing == {}
    assert j.idle


def test_after_a_long_silence_nothing_of_before_stands_and_what_others_noted_stays():
    j = judge()
    j.late = 5
    j.look(1.0)
    j.standing["expiring"] = "in 3 days"
    j.look(1.0 + 5 * JUDGED_S)
    assert set(j.standing) == {"expiring"}


def test_what_comes_after_a_long_clean_stretch_counts():
    j = judge()
    j.look(1000.0)
    j.strange = 6
    assert [event for event, _ in j.look(1000.0 + 3 * JUDGED_S)] == ["second_master"]
