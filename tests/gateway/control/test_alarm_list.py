"""The list of alarms: the worst first, nothing critical ever hidden, and in a flood what can wait is folded and counted."""

from __future__ import annotations

import random

import pytest

from gateway.control.alarm import AlarmRow, Alarms
from gateway.control.alarm_list import PRIORITIES, Line, aside, listed
from gateway.control.image import SECOND, Now

START = Now(SECOND, 10**18)


def later(seconds: int) -> Now:
    return Now(START.mono + seconds * SECOND, START.utc + seconds * SECOND)


def sounded(*rows: AlarmRow, seed: int | None = None) -> Alarms:
    """Alarms that sound one a second, in the order given; their rows may stand in any other."""
    order = list(rows)
    if seed is not None:
        random.Random(seed).shuffle(order)
    alarms = Alarms(order)
    names: set[str] = set()
    for k, row in enumerate(rows):
        names.add(row.name)
        alarms.update([each.name in names for each in order], [False] * len(order), later(k))
    return alarms


def row(name: str, priority: str = "medium", unit: str = "R-101", group: str = "") -> AlarmRow:
    return AlarmRow(name=name, unit=unit, priority=priority, group=group, action=f"see to {name}", response_min=5)


def lines(alarms: Alarms, *, fold: bool = False, unit: str = "") -> list[Line]:
    return listed(alarms.items, lambda item: "", fold=fold, unit=unit)


def test_what_is_worst_stands_first_then_what_nobody_has_seen_then_what_sounded_last():
    alarms = sounded(row("m1"), row("l1", "low"), row("h1", "high"), row("h2", "high"), row("c1", "critical"), row("h3", "high"), seed=1)
    alarms.command("h3", "ACK", "Ann", "", later(9))
    assert [line.alarm for line in lines(alarms)] == ["c1", "h2", "h1", "h3", "m1", "l1"]


def test_a_line_says_what_to_do_how_long_there_is_and_whether_it_came_first():
    alarms = sounded(row("a", group="g"), row("b", group="g"))
    first = next(line for line in lines(alarms) if line.alarm == "a")
    assert (first.action, first.response_min, first.first_out, first.since_utc, first.group) == ("see to a", 5, True, START.utc, "g")
    assert not next(line for line in lines(alarms) if line.alarm == "b").first_out


def test_in_a_flood_medium_and_low_are_folded_by_unit_and_group_behind_their_first():
    heat = (row("a2", group="heat"), row("a1", group="heat"), row("x", unit="R-102", group="heat"))
    alarms = sounded(*heat, row("b1", group="gas"), row("h", "high"), seed=3)
    folded = {line.alarm: line.others for line in lines(alarms, fold=True)}
    assert folded == {"h": (), "x": (), "b1": (), "a2": ("a1",)}
    assert lines(alarms, fold=True)[0].alarm == "h"


def test_a_fold_is_named_after_the_first_out_also_when_that_sounded_again_later():
    alarms = sounded(row("first", group="g"), row("second", group="g"))
    alarms.update([False, True], [False, False], later(3))
    alarms.update([True, True], [False, False], later(4))
    (line,) = lines(alarms, fold=True)
    assert (line.alarm, line.others) == ("first", ("second",))


@pytest.mark.parametrize("seed", range(5))
def test_no_flood_hides_anything_critical_or_high_and_no_alarm_is_uncounted(seed: int):
    rng = random.Random(seed)
    rows = [row(f"A{k:03d}", rng.choice(PRIORITIES), f"R-10{rng.randrange(3)}", rng.choice(["", "g", "h"])) for k in range(200)]
    alarms = sounded(*rows, seed=seed)
    found = lines(alarms, fold=True)
    shown = {line.alarm for line in found}
    assert {each.name for each in rows if each.priority in ("critical", "high")} <= shown
    every = [name for line in found for name in (line.alarm, *line.others)]
    assert sorted(every) == sorted(each.name for each in rows)
    ranks = [PRIORITIES.index(line.priority) for line in found]
    assert ranks == sorted(ranks)
    assert len(found) < len(rows)
    priority = {each.name: (each.priority, each.unit, each.group) for each in rows}
    assert all(priority[name] == (line.priority, line.unit, line.group) for line in found for name in line.others)


def test_the_list_of_a_unit_shows_its_alarms_alone():
    alarms = sounded(row("a"), row("b", unit="R-102"))
    assert [line.alarm for line in lines(alarms, unit="R-102")] == ["b"]


def test_what_is_put_aside_is_listed_apart_with_who_did_it_and_why():
    alarms = sounded(row("a"), row("b"), row("c"))
    alarms.command("a", "SHELVE", "Ann", "chatters, wire ordered", later(5), 3600 * SECOND)
    alarms.command("b", "DISABLE", "Bob", "probe sent in", later(6))
    alarms.update([True] * 3, [False, False, True], later(7))
    assert [line.alarm for line in lines(alarms)] == []
    (shelved,) = aside(alarms.items, lambda item: "", "SHLVD")
    assert (shelved.alarm, shelved.who, shelved.why, shelved.until_utc) == ("a", "Ann", "chatters, wire ordered", later(3605).utc)
    (out,) = aside(alarms.items, lambda item: "", "OOSRV")
    assert (out.alarm, out.who, out.why, out.asked_utc, out.until_utc) == ("b", "Bob", "probe sent in", later(6).utc, 0)
    assert [line.alarm for line in aside(alarms.items, lambda item: "", "DSUPR")] == ["c"]
