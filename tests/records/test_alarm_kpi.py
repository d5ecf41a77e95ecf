"""The figures of the alarms against three files that were worked out by hand; and the definitions, each at its edge.

How the answers came about (s from the beginning of the time):

quiet_shift: 8 h are 28,800 s, 48 intervals of 600 s. Six alarms sound: 6 / 48 = 0.125 per 10 min, times 144 intervals a day = 18.
    3600 and 3900 lie in the same interval (3600 to 4200), every other one is alone: at most 2. Four of six are low: 66.67 %.
    Acknowledged after 330 - 300 = 30, 3700 - 3600 = 100, 4300 - 3900 = 400, 10,020 - 10,000 = 20 and 20,200 - 20,000 = 200 s; in order
    20 30 100 200 400: the middle one is 100, the 95 % one is number ceil(0.95 * 5) = 5: 400. One is still waiting.
flood: 2 h are 12 intervals. 24 alarms, one every 5 s from 1800, lie in the interval 1800 to 2400; 5 from 2465, every 60 s, in the next.
    29 / 12 = 2.4167 per 10 min, times 144 = 348 a day; one interval of twelve has more than ten: 8.33 %. 22 of 29 are medium: 75.86 %,
    5 low: 17.24 %, one each high and critical: 3.45 %. The k-th is acknowledged after 600 + 5 k s, k = 0 to 23: the median lies between
    k = 11 and 12, 655 and 660: 657.5; the 95 % one is number ceil(22.8) = 23, k = 22: 710. Ten of 29 are 34.48 %. The flood that the
    process told lasted 2900 - 1850 = 1050 s.
nuisance: 72 h are 432 intervals; 3 + 1 + 1 + 2 + 1 = 8 alarms sound: 8 / 432 = 0.0185, times 144 = 2.667. ph_lost sounds at 1000, 1020 and
    1050: three times within 50 s, so it chatters; that it was back after 10 s does not make it fleeting too. The scrubber's was back after
    4 s and came once: fleeting. nitrogen_low stood from 10,000 to 110,000 s: 27.78 h; level_lost had stood since 50,000 s before the
    beginning, until 40,000: 25 h; TK-211 stood from 200,000 to the end: 59,200 s are no day. Acknowledged after 100 (from the first of
    the three), 30, 60, 10 and 600 s: median 60, the 95 % one 600. reagent_low was shelved once and unshelved, then taken out of service
    and is so at the end; the hydraulics were suppressed twice and are so at the end.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from gateway.commands.alarm_kpi import show_kpis
from gateway.control.chain import AlarmChanged, AlarmFlood, Entry, InterlockChanged, Note, Stored
from gateway.control.image import SECOND
from gateway.records.alarm_kpi import Kpis, kpis

ORACLES = sorted((Path(__file__).parent / "alarm_kpi").glob("*.json"))
BEGIN = 1_767_225_600 * SECOND


def stored(entries: Sequence[tuple[float, Entry]]) -> list[Stored]:
    return [Stored(k, BEGIN + round(at * SECOND), 0, entry) for k, (at, entry) in enumerate(entries, start=1)]


def change(alarm: str, was: str, now: str, priority: str = "medium", who: str = "") -> AlarmChanged:
    return AlarmChanged(alarm=alarm, was=was, now=now, priority=priority, unit=alarm.partition(".")[0], who=who)


def journal(oracle: dict[str, Any]) -> list[Stored]:
    entries: list[tuple[float, Entry]] = [(at, change(alarm, was, now, prio, who)) for at, alarm, prio, was, now, who in oracle["events"]]
    entries += [(at, AlarmFlood(event=event, count=11)) for at, event in oracle["floods"]]
    return stored(sorted(entries, key=lambda each: each[0]))


def over(oracle: dict[str, Any], unit: str = "") -> Kpis:
    return kpis(journal(oracle), BEGIN + oracle["from_s"] * SECOND, BEGIN + oracle["to_s"] * SECOND, unit)


def plain(found: Kpis) -> dict[str, Any]:
    """The figures in the form of the oracle's answers."""
    answers = {name: getattr(found, name) for name in found.__struct_fields__ if name not in ("start_utc", "end_utc", "hours")}
    answers["priorities"] = {name: [each.count, each.share] for name, each in found.priorities.items()}
    answers["top"] = [[each.alarm, each.count] for each in found.top]
    for what in ("shelved", "out_of_service", "suppressed"):
        answers[what] = [answers[what].times, answers[what].at_end]
    return answers


def close(value: Any) -> Any:
    """The answers were worked out to four places and more."""
    if isinstance(value, dict):
        return {key: close(each) for key, each in value.items()}
    if isinstance(value, list):
        return [close(each) for each in value]
    return pytest.approx(value, abs=1e-4) if isinstance(value, float) else value


@pytest.mark.parametrize("path", ORACLES, ids=lambda path: path.stem)
def test_the_figures_equal_those_worked_out_by_hand(path: Path):
    oracle = json.loads(path.read_text())
    found = plain(over(oracle))
    assert found.keys() == oracle["answers"].keys()
    for name, answer in oracle["answers"].items():
        assert found[name] == close(answer), name


def test_there_are_three_oracles():
    assert [path.stem for path in ORACLES] == ["flood", "nuisance", "quiet_shift"]


def test_the_figures_of_one_unit_count_its_alarms_alone():
    found = over(json.loads(ORACLES[1].read_text()), unit="R-101")
    assert (found.annunciated, list(found.chattering), found.stale, found.out_of_service.times) == (3, ["R-101.ph_lost"], {}, 0)


@pytest.mark.parametrize(("apart_s", "chatters"), [(30.0, True), (30.001, False)])
def test_three_times_within_a_minute_is_chatter_and_a_moment_more_is_not(apart_s: float, chatters: bool):
    moves = [(k * apart_s, change("A.x", "NORM" if k == 0 else "RTNUN", "UNACK")) for k in range(3)]
    backs = [(k * apart_s + 1, change("A.x", "UNACK", "RTNUN")) for k in range(3)]
    found = kpis(stored(sorted(moves + backs, key=lambda each: each[0])))
    assert bool(found.chattering) is chatters
    assert bool(found.fleeting) is not chatters


@pytest.mark.parametrize(("stood_s", "fleeting"), [(10.0, 1), (10.001, 0)])
def test_what_is_back_within_ten_seconds_was_fleeting(stood_s: float, fleeting: int):
    found = kpis(stored([(0, change("A.x", "NORM", "UNACK")), (stood_s, change("A.x", "UNACK", "RTNUN"))]))
    assert sum(found.fleeting.values()) == fleeting


def test_what_was_shelved_at_once_was_not_fleeting():
    found = kpis(stored([(0, change("A.x", "NORM", "UNACK")), (3, change("A.x", "UNACK", "SHLVD", who="Ann"))]))
    assert found.fleeting == {}


@pytest.mark.parametrize(("stood_s", "stale"), [(86_400, 0), (86_401, 1)])
def test_what_stands_for_more_than_a_day_is_stale_acknowledged_or_not(stood_s: float, stale: int):
    sounding = [(0, change("A.x", "NORM", "UNACK")), (60, change("A.x", "UNACK", "ACKED", who="Ann"))]
    assert len(kpis(stored([*sounding, (stood_s, Note(text="now"))])).stale) == stale


def test_ten_alarms_in_ten_minutes_are_no_flood_interval_and_eleven_are():
    def interval(count: int) -> Kpis:
        return kpis(stored([(k, change(f"A.{k}", "NORM", "UNACK")) for k in range(count)] + [(600, Note(text="end"))]))

    assert (interval(10).flood_share, interval(11).flood_share) == (0.0, 100.0)


def trip(name: str, priority: str = "high") -> InterlockChanged:
    return InterlockChanged(interlock=name, unit=name.partition(".")[0], event="tripped", priority=priority)


def test_a_trip_counts_as_what_a_person_was_told_and_its_reset_does_not():
    """10 trips and one alarm in ten minutes are a flood interval; the trips have no time to acknowledge and wait for nobody."""
    trips = [(k, trip(f"A.{k % 5}")) for k in range(10)]
    after = [(11, InterlockChanged(interlock="A.0", unit="A", event="reset", who="Ann")), (12, change("A.x", "NORM", "UNACK"))]
    found = kpis(stored([*trips, *after, (600, Note(text="end"))]))
    assert (found.annunciated, found.trips, found.flood_share, found.waiting, found.acknowledged) == (11, 10, 100.0, 1, 0)
    assert (found.priorities["high"].count, found.priorities["medium"].count) == (10, 1)
    assert [(each.alarm, each.count) for each in found.top[:2]] == [("A.0 (trip)", 2), ("A.1 (trip)", 2)]


def test_trips_of_another_unit_or_before_the_time_do_not_count():
    entries = stored([(0, trip("A.a")), (10, trip("A.a")), (20, trip("B.a"))])
    assert kpis(entries, BEGIN + 5 * SECOND, unit="A").trips == 1


def test_an_alarm_and_a_trip_of_the_same_name_are_two():
    found = kpis(stored([(0, change("A.a", "NORM", "UNACK")), (1, trip("A.a")), (20, change("A.a", "RTNUN", "UNACK"))]))
    assert (found.chattering, [(each.alarm, each.count) for each in found.top]) == ({}, [("A.a", 2), ("A.a (trip)", 1)])


def test_a_trip_of_a_journal_that_did_not_say_its_priority_is_counted_as_unknown():
    assert list(kpis(stored([(0, trip("A.a", ""))])).priorities) == ["unknown"]


def test_a_trip_that_comes_again_and_again_chatters():
    assert kpis(stored([(k * 20, trip("A.a")) for k in range(3)])).chattering == {"A.a (trip)": 3}


def test_a_journal_without_alarms_has_figures_too():
    found = kpis(stored([(0, Note(text="a")), (3600, Note(text="b"))]))
    assert (found.annunciated, found.per_10_min, found.ack_median_s, found.top_share, found.hours) == (0, 0.0, None, 0.0, 1.0)
    assert kpis([]).annunciated == 0


def test_what_sounded_before_the_time_is_no_alarm_of_it_and_its_acknowledgement_no_figure():
    found = kpis(stored([(0, change("A.x", "NORM", "UNACK")), (100, change("A.x", "UNACK", "ACKED", who="Ann"))]), BEGIN + 50 * SECOND)
    assert (found.annunciated, found.acknowledged) == (0, 0)


def test_what_sounded_before_the_time_and_was_back_at_once_is_none_of_its_fleeting_ones():
    found = kpis(stored([(0, change("A.x", "NORM", "UNACK")), (6, change("A.x", "UNACK", "RTNUN"))]), BEGIN + 3 * SECOND)
    assert found.fleeting == {}


def test_what_was_put_aside_before_the_time_is_so_at_its_end_and_not_one_of_its_times():
    found = kpis(stored([(0, change("A.x", "NORM", "OOSRV", who="Ann")), (100, Note(text="end"))]), BEGIN + 50 * SECOND)
    assert (found.out_of_service.times, found.out_of_service.at_end) == (0, 1)


def test_of_a_flood_that_began_before_the_time_only_what_lies_in_it_is_counted():
    flood = [(0, AlarmFlood(event="began", count=11)), (300, AlarmFlood(event="ended", count=4))]
    found = kpis(stored(flood), BEGIN + 100 * SECOND)
    assert (found.floods, found.flood_s) == (0, 200.0)


def test_a_flood_that_lasts_is_counted_until_the_end_of_the_time():
    found = kpis(stored([(0, Note(text="a")), (100, AlarmFlood(event="began", count=11)), (400, Note(text="b"))]))
    assert (found.floods, found.flood_s) == (1, 300.0)


def test_the_table_names_every_figure_with_its_target_and_says_what_is_not_met():
    out = io.StringIO()
    show_kpis(over(json.loads(ORACLES[0].read_text())), Console(file=out, width=80))
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert lines[0] == "2026-01-01 00:00:00 to 2026-01-01 02:00:00 UTC, 2.0 h, 29 alarms annunciated"
    assert "alarms per 10 min, mean 2.42 about 1, at most 2 NOT MET" in lines
    assert "10 min intervals with more than 10 8.3 % < 1 % NOT MET" in lines
    assert "of priority medium 75.9 % about 15 %" in lines  # of 29 alarms a share says nothing yet
    assert "chattering alarms (3 in 60 s) 0 0 met" in lines
    assert "time to acknowledge, median 658 s -" in lines


@pytest.mark.parametrize(("high", "verdict"), [(5, "met"), (6, "NOT MET")])
def test_shares_are_judged_once_there_are_a_hundred_alarms(high: int, verdict: str):
    found = kpis(stored([(1000 * k, change(f"A.{k}", "NORM", "UNACK", "high" if k < high else "low")) for k in range(100)]))
    out = io.StringIO()
    show_kpis(found, Console(file=out, width=80))
    assert f"of priority high {high}.0 % about 5 % {verdict}" in [" ".join(line.split()) for line in out.getvalue().splitlines()]
