"""Forced values: what everything sees, what is kept beside it, who may not, when it ends, and what never moves by itself."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from devices.quality import BAD_NO_COMMUNICATION, GOOD, GOOD_LOCAL_OVERRIDE
from gateway.control.chain import CommandReceived, ForceChanged, InterlockChanged, OutputChanged
from gateway.control.explain import explain
from gateway.control.image import SECOND
from gateway.control.reasons import suspended
from gateway.control.scan import replay
from tests.gateway.control.small import JI, LI, NAMES, TV, XV, Small


def of(kind: type[Any], entries: list[Any]) -> list[Any]:
    return [entry for entry in entries if isinstance(entry, kind)]


def kept(plant: Small, kind: type[Any]) -> list[Any]:
    return of(kind, [stored.entry for stored in plant.journal.read()])


def forced(tag: str = "LI", value: float = 40.0, minutes: float = 10.0, **options: Any) -> Small:
    plant = Small(**options).started()
    assert plant.ask("force.set", tag, value=value, minutes=minutes) == ""
    plant.run(2)
    return plant


def shown(plant: Small, tag: int) -> tuple[float, int]:
    values, qualities = plant.parts.forces.columns(plant.image)
    return values[tag], qualities[tag]


# --- inputs ------------------------------------------------------------------------------------------------------------
def test_a_forced_level_is_what_everything_sees_and_it_is_marked():
    plant = forced()
    plant.show(LI, 95.0)
    plant.run(10)
    assert plant.parts.interlocks.forced == {}
    told = explain(plant.scan, "LI", plant.now)
    assert (told["value"], told["quality"]) == (40.0, "GoodLocalOverride")
    assert (told["forced"]["measured"], told["forced"]["by"], told["forced"]["why"]) == (95.0, "Ann", "test")


def test_a_level_forced_above_its_trip_trips():
    plant = forced(value=95.0)
    assert plant.parts.interlocks.forced == {XV: 0.0, TV: 0.0}


def test_before_it_is_accepted_a_force_says_what_it_does_to_the_interlocks():
    plant = Small().started()
    plant.ask("force.set", "LI", value=95.0, minutes=10)
    assert plant.answers[-1].body == {"reads": ["level_high"], "trips": ["level_high"]}
    plant = Small().started()
    plant.ask("force.set", "LI", value=40.0, minutes=10)
    assert plant.answers[-1].body == {"reads": ["level_high"], "blinds": ["level_high"]}
    plant = Small().started()
    plant.show(LI, 95.0)
    plant.run(3)
    plant.ask("force.set", "LI", value=40.0, minutes=10)
    assert plant.answers[-1].body == {"reads": ["level_high"], "frees": ["level_high"]}
    plant.run(3)
    assert kept(plant, ForceChanged)[0].effect == {"reads": ["level_high"], "frees": ["level_high"]}


def test_forcing_a_cause_away_resets_nothing_by_itself():
    plant = Small().started()
    plant.show(LI, 95.0)
    plant.run(3)
    plant.ask("force.set", "LI", value=40.0, minutes=10)
    plant.run(10)
    assert plant.parts.interlocks.forced == {XV: 0.0, TV: 0.0}
    assert plant.ask("interlock.reset", "level_high") == ""


def test_a_value_that_is_forced_again_says_its_effect_against_what_is_measured():
    plant = forced(value=40.0)
    plant.show(LI, 95.0)
    plant.run(2)
    plant.ask("force.set", "LI", value=41.0, minutes=10)
    assert plant.answers[-1].body["frees"] == ["level_high"]
    plant.run(2)
    assert shown(plant, LI) == (41.0, GOOD_LOCAL_OVERRIDE)
    plant.ask("force.end", "LI")
    plant.run(3)
    assert shown(plant, LI) == (95.0, GOOD)


def test_the_true_reading_is_back_in_the_scan_in_which_the_end_is_durable():
    plant = forced()
    plant.lose(LI)
    plant.run(10)                               # longer than it may be old: under the force it has turned Bad
    assert shown(plant, LI) == (40.0, GOOD_LOCAL_OVERRIDE)
    assert explain(plant.scan, "LI", plant.now)["forced"]["measured_quality"] == "BadNoCommunication"
    assert plant.ask("force.end", "LI") == ""
    assert shown(plant, LI) == (40.0, GOOD_LOCAL_OVERRIDE)
    plant.run(2)
    assert shown(plant, LI) == (50.0, BAD_NO_COMMUNICATION)
    assert plant.parts.interlocks.forced == {XV: 0.0, TV: 0.0}


def test_a_reading_that_is_spoiled_under_a_force_stays_spoiled_beneath_it():
    plant = forced()
    plant.image.spoil([LI], BAD_NO_COMMUNICATION)
    del plant.readings[LI]
    plant.run(2)
    assert shown(plant, LI) == (40.0, GOOD_LOCAL_OVERRIDE)
    assert plant.parts.forces.true(LI, plant.image) == (50.0, BAD_NO_COMMUNICATION)


# --- outputs -----------------------------------------------------------------------------------------------------------
def test_a_held_output_does_not_follow_its_loop_which_follows_it():
    plant = Small().started()
    plant.ask("loop.set", "JIC", mode="AUTO", sp=80.0)
    plant.run(40)
    plant.show(JI, 80.0)
    plant.ask("force.set", "TV", value=12.0, minutes=10)
    plant.run(1000)
    assert plant.sent[-1] == ("TV", 12.0)
    plant.ask("force.end", "TV")
    before = len(plant.sent)
    plant.run(4)
    assert all(abs(value - 12.0) < 1.0 for tag, value in plant.sent[before:] if tag == "TV")
    plant.show(JI, 79.0)
    plant.run(10)
    assert plant.sent[-1][1] > 13.0


def test_interlocks_win_over_a_held_output_and_a_trip_ends_the_hold():
    plant = forced("XV", 1.0)
    assert plant.sent[-1] == ("XV", 1.0)
    plant.show(LI, 95.0)
    entries = plant.run(3)
    assert ("XV", 0.0) in plant.sent[-2:]
    assert [(e.tag, e.event, e.cause) for e in of(ForceChanged, entries)] == [("XV", "ended", "interlock level_high")]
    plant.show(LI, 50.0)
    plant.run(2)
    plant.ask("interlock.reset", "level_high")
    plant.run(20)
    assert [value for tag, value in plant.sent if tag == "XV"][-1] == 0.0


@pytest.mark.parametrize("way", ["by a person", "by time"])
def test_a_valve_that_nobody_else_wants_open_shuts_when_it_is_no_longer_forced(way: str):
    plant = forced("XV", 1.0, minutes=1.0)
    if way == "by a person":
        assert plant.ask("force.end", "XV") == ""
    else:
        plant.run(120)
    plant.run(4)
    assert plant.sent[-1] == ("XV", 0.0)
    assert [e.cause for e in kept(plant, OutputChanged)] == ["no longer forced"]


def test_an_output_goes_back_to_what_was_wanted_of_it():
    plant = Small().started()
    plant.ask("output.set", "XV", value=1)
    plant.run(3)
    plant.ask("force.set", "XV", value=0.0, minutes=1)
    plant.run(4)
    assert plant.sent[-1] == ("XV", 0.0)
    assert plant.ask("output.set", "XV", value=1) == "XV is forced: end that first"
    plant.run(130)
    assert plant.sent[-1] == ("XV", 1.0)


# --- who may not -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("tag", "arguments", "reason"), [
    ("TI", {"value": 20, "minutes": 10}, "TI may not be forced: hydrogen_high may not be bypassed"),
    ("LI", {"value": 101, "minutes": 10}, "LI: 101 outside -inf..100; nothing forced"),
    ("LI", {"value": math.nan, "minutes": 10}, "LI: nan outside -inf..100; nothing forced"),
    ("LI", {"value": 50, "minutes": 8 * 60 + 1}, "at most 28800 s"),
    ("LI", {"value": 50, "minutes": 0}, "more than 0"),
    ("LI", {"value": 50, "minutes": math.inf}, "OverflowError"),
    ("LI", {"value": "full", "minutes": 10}, "could not convert"),
    ("LI", {"minutes": 10}, "unknown name 'value'"),
    ("LI", {"value": 50, "minutes": 10, "why": "  "}, "a forced value needs a reason"),
    ("FQ", {"value": 50, "minutes": 10}, "FQ may not be forced: it is computed"),
    ("NOPE", {"value": 50, "minutes": 10}, "no tag NOPE"),
])  # fmt: skip
def test_a_refused_force_is_recorded_as_refused_and_changes_nothing(tag: str, arguments: dict[str, Any], reason: str):
    plant = Small().started()
    assert reason in plant.ask("force.set", tag, **arguments)
    assert kept(plant, CommandReceived)[-1].outcome == "refused"
    plant.run(5)
    assert (kept(plant, ForceChanged), plant.parts.forces.standing) == ([], {})
    assert plant.ask("force.end", "LI") == "LI is not forced"


# --- time --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("lag", [1, 20])
def test_a_force_acts_and_ends_only_when_it_is_durable_and_takes_no_second_request_meanwhile(lag: int):
    plant = Small(lag=lag).started()
    plant.run(lag)
    assert plant.ask("force.set", "LI", value=40.0, minutes=10) == ""
    if lag > 1:
        plant.run(lag - 2)
        assert shown(plant, LI) == (50.0, GOOD)
        assert plant.ask("force.set", "LI", value=41.0, minutes=10) == "LI: a request is being recorded; try again"
    plant.run(3)
    assert plant.image.quality[LI] == GOOD or lag == 1
    plant.run(1)
    assert shown(plant, LI)[0] in (40.0, 50.0)
    assert plant.parts.forces.standing[LI].value == 40.0


@pytest.mark.fault("P11")
@pytest.mark.parametrize("jump_s", [0, 3600, -3600, -(10**9)])
def test_a_forgotten_force_ends_by_itself_whatever_the_wall_clock_does(jump_s: int):
    plant = forced(minutes=1.0)
    plant.show(LI, 95.0)
    plant.now = type(plant.now)(plant.now.mono, plant.now.utc + jump_s * SECOND)
    plant.run(116)
    assert plant.parts.interlocks.forced == {}
    plant.run(6)
    assert plant.parts.interlocks.forced == {XV: 0.0, TV: 0.0}
    assert [(e.event, e.cause) for e in kept(plant, ForceChanged)] == [("set", ""), ("ended", "expired")]


def test_a_force_and_a_bypass_are_announced_again_fifteen_minutes_before_their_end():
    plant = forced(minutes=20.0)
    plant.ask("interlock.bypass", "level_high", minutes=20.0, why="calibration")
    ends = plant.now.mono + 20 * 60 * SECOND
    entries = plant.run(2 * 60 * 6)
    told = [*of(ForceChanged, entries), *(e for e in of(InterlockChanged, entries) if e.event == "bypass_ending")]
    assert [e.event for e in told] == ["ending", "bypass_ending"]
    at = [stored.mono for stored in plant.journal.read() if stored.entry in told]
    assert all(14.9 * 60 * SECOND < ends - mono <= 15.1 * 60 * SECOND for mono in at)
    assert of(ForceChanged, plant.run(100)) == []


def test_a_short_force_is_not_announced_twice():
    plant = forced(minutes=10.0)
    plant.run(600)
    assert [e.event for e in kept(plant, ForceChanged)] == ["set"]


# --- restart -----------------------------------------------------------------------------------------------------------
def test_a_forced_input_survives_a_restart_for_what_is_left_of_its_time():
    plant = forced(minutes=1.0)
    plant.run(60)
    after = Small(plant.journal)
    after.now = plant.now
    replay(after.scan, list(plant.journal.read()))
    after.started()
    after.show(LI, 95.0)
    after.run(40)
    assert shown(after, LI)[0] == 40.0 or after.parts.forces.standing[LI].value == 40.0
    assert after.parts.interlocks.forced == {}
    after.run(20)
    assert after.parts.interlocks.forced == {XV: 0.0, TV: 0.0}


def test_no_output_is_held_after_a_restart():
    plant = forced("XV", 1.0)
    after = Small(plant.journal)
    after.now = plant.now
    replay(after.scan, list(plant.journal.read()))
    after.started()
    after.run(20)
    assert ("XV", 1.0) not in after.sent
    assert [(e.event, e.cause) for e in kept(after, ForceChanged)][-1] == ("ended", "restart")


def test_what_is_folded_from_the_journal_is_what_was_live():
    plant = forced(minutes=30.0)
    plant.ask("force.set", "JI", value=33.0, minutes=2.0)
    plant.ask("force.set", "XV", value=1.0, minutes=2.0)
    plant.run(5)
    plant.ask("force.end", "JI")
    plant.run(5)
    after = Small(plant.journal)
    replay(after.scan, list(plant.journal.read()))
    live, folded = ([(t, f.value, f.who, f.why, f.until) for t, f in p.parts.forces.standing.items()] for p in (plant, after))
    assert len(folded) == 2
    assert folded == live


def test_a_journal_that_forces_what_the_configuration_lost_is_still_read():
    plant = Small()
    plant.journal.append([ForceChanged(tag="GONE", event="set", value=1.0, who="Ann", until_utc=1)], plant.now)
    replay(plant.scan, list(plant.journal.read()))
    assert plant.started().parts.forces.standing == {}


# --- what is told ------------------------------------------------------------------------------------------------------
def test_what_is_forced_and_bypassed_is_listed_with_by_whom_why_and_until_when():
    plant = forced(minutes=10.0)
    plant.ask("interlock.bypass", "level_high", minutes=5, why="calibration", who="Bob")
    plant.run(3)
    told = suspended(plant.parts, plant.now)
    assert (told["bypasses"]["level_high"]["by"], told["bypasses"]["level_high"]["why"]) == ("Bob", "calibration")
    assert 290 < told["bypasses"]["level_high"]["left_s"] <= 300
    assert (told["forces"]["LI"]["to"], told["forces"]["LI"]["measured"], told["forces"]["LI"]["unit"]) == (40.0, 50.0, "R-1")
    assert (plant.parts.forces.count("R-1"), plant.parts.interlocks.bypassed("R-1")) == (1, 1)


# --- at random ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_a_tag_shows_what_is_forced_or_what_was_last_measured(seed: int):
    """Readings that come, go and are spoiled, forces that are set and end: against a book kept beside."""
    rng = random.Random(seed)
    plant = Small().started()
    truth = {LI: (50.0, GOOD), JI: (20.0, GOOD)}
    for _ in range(1500):
        tag = rng.choice((LI, JI))
        roll = rng.random()
        if roll < 0.3:
            value = round(rng.uniform(0.0, 80.0), 2)
            truth[tag] = (value, GOOD)
            plant.show(tag, value)
        elif roll < 0.4 and tag in plant.readings:
            del plant.readings[tag]
            plant.image.spoil([tag], BAD_NO_COMMUNICATION)
            truth[tag] = (truth[tag][0], BAD_NO_COMMUNICATION)
        elif roll < 0.5:
            plant.ask("force.set", NAMES[tag], value=round(rng.uniform(0.0, 80.0), 2), minutes=rng.choice((0.1, 1.0)))
        elif roll < 0.55:
            plant.ask("force.end", NAMES[tag])
        fresh, plant.readings = plant.readings, {}
        plant.run(1)                            # the image as the scan left it, before the next readings
        for each, force in plant.parts.forces.standing.items():
            assert (plant.image.value[each], plant.image.quality[each]) == (force.value, GOOD_LOCAL_OVERRIDE)
        plant.readings = fresh
        plant.run(2)
        for each, expected in truth.items():
            if each in plant.readings:
                assert plant.parts.forces.true(each, plant.image) == expected
            if each not in plant.parts.forces.standing and each in plant.readings:
                assert shown(plant, each) == expected
            if each not in plant.readings:
                assert plant.parts.forces.true(each, plant.image) == expected
