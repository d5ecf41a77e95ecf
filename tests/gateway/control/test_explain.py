"""Why a tag is what it is, in words a person can act on."""

from __future__ import annotations

import pytest

from gateway.control.explain import explain
from tests.gateway.control.small import LI, Small


def test_a_forced_output_names_what_forces_it_and_what_would_free_it():
    plant = Small().started()
    plant.ask("output.set", "XV", value=1)
    plant.run(4)
    plant.show(LI, 95.0)
    plant.run(4)
    told = explain(plant.scan, "XV", plant.now)
    assert (told["wanted"], told["commanded"], told["read_back"]) == (0.0, 0.0, 0.0)
    assert (told["owner"], told["because"]) == ("interlock", "interlock level_high")
    assert told["blocked_by"] == ["level_high"]
    assert told["would_free_it"] == ["level_high: its cause stands; remove it, then reset"]


@pytest.mark.parametrize(("known", "words"), [(False, "its cause is unknown; bring its inputs back, then reset"), (True, "reset it")])
def test_the_way_out_depends_on_what_is_known_of_the_cause(known: bool, words: str):
    plant = Small().started()
    plant.show(LI, 95.0)
    plant.run(4)
    if known:
        plant.show(LI, 50.0)
    else:
        plant.lose(LI)
    plant.run(2)
    assert explain(plant.scan, "XV", plant.now)["would_free_it"] == [f"level_high: {words}"]


def test_during_start_up_an_output_says_so():
    plant = Small()
    plant.lose(LI)
    plant.run(2)
    assert explain(plant.scan, "XV", plant.now)["would_free_it"] == ["the first full image"]


def test_a_reading_tells_its_quality_and_age():
    plant = Small().started()
    plant.lose(LI)
    plant.run(4)
    told = explain(plant.scan, "LI", plant.now)
    assert (told["value"], told["quality"], told["age_s"]) == (50.0, "BadNoCommunication", 2.0)


def test_a_loop_tells_mode_setpoint_and_who_set_it():
    plant = Small().started()
    plant.ask("loop.set", "JIC", mode="AUTO", sp=40.0, why="warm up")
    plant.run(4)
    told = explain(plant.scan, "JIC", plant.now)
    assert (told["mode"], told["sp"], told["owner"], told["because"]) == ("AUTO", 40.0, "operator", "warm up")
    assert set(told["terms"]) == {"p", "i", "d", "ff"}


def test_a_bypassed_interlock_tells_for_how_long_and_by_whom():
    plant = Small().started()
    plant.ask("interlock.bypass", "level_high", minutes=5, why="calibration")
    plant.run(3)
    told = explain(plant.scan, "level_high", plant.now)
    assert (told["bypassed_by"], told["bypassed_for_s"], told["cause_is"]) == ("Ann", 298, "false")
    assert told["forces"] == {"XV": 0.0, "TV": 0.0}


def test_an_alarm_tells_its_state_and_what_to_do():
    plant = Small().started()
    assert explain(plant.scan, "level_alarm", plant.now)["state"] == "NORM"


def test_a_name_that_nobody_knows_is_an_error():
    with pytest.raises(KeyError):
        explain(Small().scan, "NOPE", Small().now)
