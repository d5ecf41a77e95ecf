"""First-out, shelving of what matters most, several acknowledged at once, and a thousand alarms in ten seconds."""

from __future__ import annotations

import random

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


def thousand() -> Small:
    """A value that rises by a hundred a second past a thousand limits, whose rows stand in any order, in fifty groups."""
    rng = random.Random(18)
    limits = list(range(THOUSAND))
    rng.shuffle(limits)
    urgency = ("critical", "high", "medium", "low")
    rows = [AlarmRow(name=f"above_{limit:03d}", unit=f"R-{limit % 3 + 1}", group=f"g{limit % 50}", priority=urgency[min(limit % 20, 3)])
            for limit in limits]  # fmt: skip
    return Small(alarms=[(row, f"(None if Q[{FI}] else V[{FI}] > {limit}.0)") for row, limit in zip(rows, limits, strict=True)])


def rise(plant: Small) -> list[Entry]:
    found: list[Entry] = plant.started().run(0)
    for k in range(1, 21):
        plant.show(FI, 50.0 * k)
        found += plant.run()
    return found + plant.run(4)


def test_a_thousand_alarms_in_ten_seconds_are_all_in_the_journal_in_the_order_in_which_they_were_detected():
    plant = thousand()
    rise(plant)
    stored = [(item.mono, item.entry.alarm) for item in plant.journal.read() if isinstance(item.entry, AlarmChanged)]
    assert len(stored) == len({name for _, name in stored}) == THOUSAND
    assert stored[-1][0] - stored[0][0] <= 10 * SECOND
    assert [at for at, _ in stored] == sorted(at for at, _ in stored)
    scans: dict[int, list[int]] = {}
    for at, name in stored:
        scans.setdefault(at, []).append(int(name[-3:]))
    passed = [limit for limits in scans.values() for limit in sorted(limits)]
    assert passed == list(range(THOUSAND))  # every scan tells what came since the one before it, and nothing later


def test_in_a_thousand_alarms_the_first_of_every_group_is_the_one_that_came_first():
    plant = thousand()
    entries = [entry for entry in rise(plant) if isinstance(entry, AlarmChanged)]
    firsts = {entry.alarm for entry in entries if entry.first_out}
    came: dict[int, str] = {}
    for entry in entries:
        came.setdefault(int(entry.alarm[-3:]) % 50, entry.alarm)
    assert firsts == set(came.values())
    assert len(firsts) == 50


def test_the_flood_of_a_thousand_begins_with_the_scan_of_the_eleventh_and_ends_when_it_is_quiet():
    plant = thousand()
    entries = rise(plant)
    begun = next(k for k, entry in enumerate(entries) if isinstance(entry, AlarmFlood))
    before = [entry for entry in entries[:begun] if isinstance(entry, AlarmChanged)]
    assert entries[begun] == AlarmFlood(event="began", count=len(before), total=len(before), peak=len(before))
    assert 10 < len(before) <= 100  # those of the first second
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
