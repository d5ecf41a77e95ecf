"""First-out, shelving of what matters most, several acknowledged at once, and a thousand alarms in ten seconds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from gateway.control.alarm import AlarmRow, Alarms
from gateway.control.chain import AlarmChanged, AlarmFlood, CommandReceived, Entry, Note
from gateway.control.image import SECOND, Now
from gateway.control.scan import replay
from gateway.records.alarm_kpi import kpis
from tests.gateway.control.small import FI, Small

Truth = bool | None


class Rig:
    """Three alarms that one cause sets off, and one beside them."""

    def __init__(self, priority: str = "high", delays_s: tuple[int, ...] = (0, 0, 0, 0)) -> None:
        self.alarms = Alarms([AlarmRow(name=f"A{k}", unit="R-101", priority=priority, group="g" if k < 3 else "", on_delay_ns=s * SECOND)
                              for k, s in enumerate(delays_s)])  # fmt: skip
        self.now = Now(SECOND, 10**18)

    def scan(self, *standing: int, times: int = 1) -> list[AlarmChanged]:
        found: list[Entry] = []
        for _ in range(times):
            self.now = Now(self.now.mono + SECOND, self.now.utc + SECOND)
            found += self.alarms.update([k in standing for k in range(4)], [False] * 4, self.now)
        return [entry for entry in found if isinstance(entry, AlarmChanged)]

    def ask(self, event: str, k: int, why: str = "test", minutes: float = 10) -> str:
        found = self.alarms.command(f"A{k}", event, "Ann", why, self.now, round(minutes * 60 * SECOND))
        return found if isinstance(found, str) else ""

    def first(self) -> list[str]:
        return [item.row.name for item in self.alarms.items if item.first_out]


# --- first-out ---------------------------------------------------------------------------------------------------------
def test_the_first_of_a_group_is_marked_in_its_entry_and_those_after_it_are_not():
    rig = Rig()
    assert [(e.alarm, e.first_out) for e in rig.scan(1)] == [("A1", True)]
    assert [(e.alarm, e.first_out) for e in rig.scan(0, 1, 2, 3)] == [("A0", False), ("A2", False), ("A3", False)]
    assert rig.first() == ["A1"]


def test_the_mark_stays_while_its_alarm_is_in_the_list_also_when_the_cause_was_short():
    rig = Rig()
    rig.scan(1)
    rig.scan()
    assert [(e.alarm, e.first_out) for e in rig.scan(0)] == [("A0", False)]
    rig.scan(0, 1)
    assert rig.first() == ["A1"]
    rig.scan()
    for k in (0, 1):
        assert rig.ask("ACK", k) == ""
    assert rig.first() == []
    assert [(e.alarm, e.first_out) for e in rig.scan(0)] == [("A0", True)]


def test_of_those_that_sound_in_one_scan_the_one_whose_condition_began_first_is_told_first():
    rig = Rig(delays_s=(0, 0, 5, 0))
    rig.scan(2, times=5)
    assert [(e.alarm, e.first_out) for e in rig.scan(0, 1, 2)] == [("A2", True), ("A0", False), ("A1", False)]


@pytest.mark.parametrize("aside", ["SHELVE", "DISABLE"])
def test_an_alarm_that_is_put_aside_takes_the_mark_from_nobody(aside: str):
    rig = Rig()
    rig.scan(0)
    assert rig.ask(aside, 0) == ""
    assert [(e.alarm, e.first_out) for e in rig.scan(0, 1)] == [("A1", True)]


# --- what people may do ------------------------------------------------------------------------------------------------
def test_a_critical_alarm_is_not_shelved_but_taken_out_of_service_with_a_reason():
    rig = Rig("critical")
    rig.scan(0)
    assert "is critical and is not shelved" in rig.ask("SHELVE", 0)
    assert rig.alarms.items[0].state == "UNACK"
    assert "needs a reason" in rig.ask("DISABLE", 0, why=" ")
    assert rig.ask("DISABLE", 0, why="detector sent in, hand-held one at the tank") == ""
    assert (rig.alarms.items[0].who, rig.alarms.items[0].why) == ("Ann", "detector sent in, hand-held one at the tank")


def test_several_are_acknowledged_at_once_each_as_it_was_seen():
    rig = Rig()
    rig.scan(0, 1, 2)
    rig.scan(0, 1)
    found = rig.alarms.acknowledge({"A0": "UNACK", "A1": "UNACK", "A2": "UNACK", "A9": "UNACK"}, "Ann", "", rig.now)
    assert not isinstance(found, str)
    assert [entry.alarm for entry in found if isinstance(entry, AlarmChanged)] == ["A0", "A1"]
    (note,) = [entry for entry in found if isinstance(entry, Note)]
    assert note == Note(text="not acknowledged: A2 is RTNUN by now, not UNACK; no alarm A9", who="Ann")
    assert [item.state for item in rig.alarms.items] == ["ACKED", "ACKED", "RTNUN", "NORM"]


def test_where_all_could_be_acknowledged_nothing_else_is_noted():
    rig = Rig()
    rig.scan(0, 1)
    found = rig.alarms.acknowledge({"A0": "UNACK", "A1": "UNACK"}, "Ann", "", rig.now)
    assert [type(entry) for entry in found] == [AlarmChanged, AlarmChanged]


@pytest.mark.parametrize(
    ("seen", "refusal"), [({}, "no alarm is named"), ({"A3": "UNACK"}, "A3 is NORM by now"), ({"A9": ""}, "no alarm A9")]
)
def test_acknowledging_several_of_which_none_can_be_is_refused(seen: dict[str, str], refusal: str):
    rig = Rig()
    assert refusal in rig.alarms.acknowledge(seen, "Ann", "", rig.now)


def test_one_command_acknowledges_several_and_both_it_and_they_are_in_the_journal():
    plant = Small(alarms=[(AlarmRow(name=f"A{k}", unit="R-1", priority="high"), "True") for k in range(3)]).started()
    plant.run(4)
    assert plant.ask("alarm.ack", "R-1", alarms={"A0": "UNACK", "A2": "UNACK"}) == ""
    entries = [item.entry for item in plant.journal.read()]
    (command,) = [entry for entry in entries if isinstance(entry, CommandReceived)]
    assert command.arguments == {"alarms": {"A0": "UNACK", "A2": "UNACK"}}
    assert [(e.alarm, e.who) for e in entries if isinstance(e, AlarmChanged) and e.now == "ACKED"] == [("A0", "Ann"), ("A2", "Ann")]


@pytest.mark.parametrize(("verb", "alarms", "refusal"), [
    ("alarm.shelve", {"A0": "UNACK"}, "shelve is done alarm by alarm"),
    ("alarm.ack", 7, "alarms are named with the state"),
    ("alarm.ack", ["A0"], "alarms are named with the state"),
    ("alarm.ack", {"A0": 7}, "A0 is UNACK by now, not 7"),
])  # fmt: skip
def test_what_is_no_list_of_alarms_is_refused_and_recorded(verb: str, alarms: object, refusal: str):
    plant = Small(alarms=[(AlarmRow(name="A0", unit="R-1", priority="high"), "True")]).started()
    plant.run(4)
    assert refusal in plant.ask(verb, "R-1", alarms=alarms)
    assert plant.parts.alarms.items[0].state == "UNACK"
    assert [item.entry.outcome for item in plant.journal.read() if isinstance(item.entry, CommandReceived)] == ["refused"]


# --- a thousand alarms in ten seconds ----------------------------------------------------------------------------------
THOUSAND = 1000
A_SCAN = 50                                     # so many limits are passed in a scan of half a second


class Limit(NamedTuple):
    """One alarm of the thousand: above ``at`` for ``delay`` scans it sounds. ``row``: where it stands in the table."""

    row: int
    at: int
    delay: int
    group: int

    @property
    def name(self) -> str:
        return f"above_{self.at:03d}"

    @property
    def passed(self) -> int:
        """The scan in which the value stands above it, by how the value rises."""
        return self.at // A_SCAN

    @property
    def sounds(self) -> int:
        """The scan in which it has stood for its delay."""
        return self.passed + self.delay


def limits(longest: int = 0, groups: int = 50) -> list[Limit]:
    """A thousand limits whose rows stand in any order, with delays of up to so many scans."""
    rng = random.Random(18)
    places = list(range(THOUSAND))
    rng.shuffle(places)
    return [Limit(row, at, rng.randint(0, longest), at % groups) for row, at in enumerate(places)]


def thousand(table: Sequence[Limit] | None = None) -> Small:
    """A value that rises by a hundred a second past a thousand limits."""
    urgency = ("critical", "high", "medium", "low")
    rows = [AlarmRow(name=each.name, unit=f"R-{each.at % 3 + 1}", group=f"g{each.group}", priority=urgency[min(each.at % 20, 3)],
                     on_delay_ns=each.delay * SECOND // 2) for each in table or limits()]  # fmt: skip
    return Small(alarms=[(row, f"(None if Q[{FI}] else V[{FI}] > {row.name[-3:].lstrip('0') or '0'}.0)") for row in rows])


def rise(plant: Small, after: int = 4, waits: int = 0) -> list[Entry]:
    found: list[Entry] = plant.started().run(waits)
    for k in range(1, THOUSAND // A_SCAN + 1):
        plant.show(FI, float(A_SCAN * k))
        found += plant.run()
    return found + plant.run(after)


def told(entries: Sequence[Entry]) -> list[str]:
    return [entry.alarm for entry in entries if isinstance(entry, AlarmChanged)]


def marked(entries: Sequence[Entry]) -> set[str]:
    return {entry.alarm for entry in entries if isinstance(entry, AlarmChanged) and entry.first_out}


def in_turn(table: Sequence[Limit]) -> list[Limit]:
    """In which order they have to be told: by scan, in it by when the condition began; what is left of ties goes by the rows."""
    return sorted(table, key=lambda each: (each.sounds, each.passed, each.row))


def test_a_thousand_alarms_in_ten_seconds_are_all_in_the_journal_each_in_its_own_scan_and_in_the_order_of_the_value():
    plant = thousand()
    rise(plant, after=4)
    began = plant.now.mono - (THOUSAND // A_SCAN + 4 - 1) * SECOND // 2     # what comes between two scans, the second of them reads
    stored = [(item.mono, item.entry.alarm) for item in plant.journal.read() if isinstance(item.entry, AlarmChanged)]
    assert stored == [(began + (each.passed + 1) * SECOND // 2, each.name) for each in in_turn(limits())]
    assert stored[-1][0] - stored[0][0] <= 10 * SECOND


@pytest.mark.parametrize("waits", [0, 1], ids=["on the second", "between two seconds"])
def test_in_a_thousand_alarms_the_first_of_every_group_is_the_one_whose_limit_was_passed_first(waits: int):
    entries = rise(thousand(), waits=waits)
    assert marked(entries) == {f"above_{at:03d}" for at in range(50)}       # one of each group, all in the first scan


@pytest.mark.parametrize(("longest", "groups"), [(7, 50), (7, 7), (0, 7), (3, 400)])
def test_whatever_the_delays_the_first_of_a_group_is_the_one_that_has_stood_for_its_delay_in_the_earliest_scan(longest: int, groups: int):
    table = limits(longest, groups)
    entries = rise(thousand(table), after=longest + 2)
    assert told(entries) == [each.name for each in in_turn(table)]
    firsts: dict[int, str] = {}
    for each in in_turn(table):
        firsts.setdefault(each.group, each.name)
    assert marked(entries) == set(firsts.values())
    earliest = {group: min(each.sounds for each in table if each.group == group) for group in firsts}
    assert all(each.sounds == earliest[each.group] for each in table if each.name in marked(entries))


def test_what_begins_and_sounds_in_one_scan_is_a_tie_and_goes_by_the_rows():
    table = [Limit(0, 40, 0, 1), Limit(1, 10, 0, 1), Limit(2, 60, 0, 1)]
    entries = rise(thousand(table))
    assert told(entries) == ["above_040", "above_010", "above_060"]
    assert marked(entries) == {"above_040"}


@pytest.mark.parametrize("waits", [0, 1])
def test_a_cause_of_one_scan_is_told_in_whichever_half_of_the_second_it_is(waits: int):
    plant = thousand([Limit(0, 10, 0, 1)])
    plant.started().run(waits)
    plant.show(FI, 20.0)
    entries = plant.run()
    plant.show(FI, 0.0)
    assert [e.now for e in [*entries, *plant.run(4)] if isinstance(e, AlarmChanged)] == ["UNACK", "RTNUN"]


def test_the_flood_of_a_thousand_begins_with_the_scan_of_the_eleventh_and_ends_when_it_is_quiet():
    plant = thousand()
    entries = rise(plant)
    begun = next(k for k, entry in enumerate(entries) if isinstance(entry, AlarmFlood))
    before = [entry for entry in entries[:begun] if isinstance(entry, AlarmChanged)]
    assert entries[begun] == AlarmFlood(event="began", count=len(before), total=len(before), peak=len(before))
    assert len(before) == A_SCAN    # those of the first scan
    later = plant.run(2 * 600)
    (ended,) = [entry for entry in later if isinstance(entry, AlarmFlood)]
    assert (ended.event, ended.total, ended.peak) == ("ended", THOUSAND, THOUSAND)
    assert ended.count < 5
    assert 600 <= ended.lasted_s <= 612


def test_the_figures_of_the_journal_say_what_the_thousand_were():
    plant = thousand()
    rise(plant)
    plant.run(2 * 600)
    found = kpis(plant.journal.read())
    assert (found.annunciated, found.most_in_10_min, found.floods, found.waiting) == (THOUSAND, THOUSAND, 1, THOUSAND)
    assert 600 <= found.flood_s <= 612
    assert found.top_share == pytest.approx(1.0)


def test_a_restart_in_the_flood_finds_every_alarm_its_first_outs_and_the_flood():
    plant = thousand()
    rise(plant)
    after = thousand()
    replay(after.scan, list(plant.journal.read()))
    live, found = plant.parts.alarms, after.parts.alarms
    assert [item.state for item in found.items] == [item.state for item in live.items]
    assert [item.first_out for item in found.items] == [item.first_out for item in live.items]
    assert [item.sounded_utc for item in found.items] == [item.sounded_utc for item in live.items]
    assert found.flood.active
    after.now = plant.now
    after.show(FI, 1000.0)
    assert [entry for entry in after.run(20) if isinstance(entry, AlarmChanged | AlarmFlood)] == []
    assert found.flood.count == THOUSAND
