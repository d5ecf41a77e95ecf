"""Interlocks: unknown trips, latches wait for a person, a bypass ends; and a truth table written a second time."""

from __future__ import annotations

import random

import msgspec
import pytest

from gateway.control.chain import InterlockChanged
from gateway.control.force import REMIND_NS
from gateway.control.image import SECOND, Now
from gateway.control.interlock import Interlocks, Row

ACID, GATE, PURGE = 0, 1, 2
SAFE = {ACID: 0.0, GATE: 0.0}
MAX = 8 * 3600 * SECOND
Truth = bool | None


def row(
    name: str = "level",
    *,
    delay_s: float = 0,
    latch: bool = True,
    permissive: bool = False,
    unit: str = "R-101",
    hold: str = "unit",
    bypassable: bool = True,
    effects: dict[int, float] | None = None,
) -> Row:
    return Row(
        name=name,
        unit=unit,
        group=unit,
        effects={ACID: 0.0} if effects is None else effects,
        delay_ns=round(delay_s * SECOND),
        latch=latch,
        permissive=permissive,
        hold=hold,
        bypassable=bypassable,
    )


class Rig:
    """Interlocks with a clock of half-second scans; entries of people act one scan later, as when they are durable."""

    def __init__(self, *rows: Row, armed: bool = True) -> None:
        self.interlocks = Interlocks(rows, SAFE, MAX)
        self.now = Now(0, 10**18)
        self.log: list[InterlockChanged] = []
        if armed:
            self.interlocks.arm()

    def scan(self, *truths: Truth, times: int = 1, wall_s: float = 0.5) -> Rig:
        for _ in range(times):
            self.now = Now(self.now.mono + SECOND // 2, self.now.utc + round(wall_s * SECOND))
            self.log += [e for e in self.interlocks.update(truths, self.now) if isinstance(e, InterlockChanged)]
        return self

    def ask(self, asked: InterlockChanged | str) -> str:
        """The refusal, or "" after the entry has become durable."""
        if isinstance(asked, str):
            return asked
        self.log.append(asked)
        self.interlocks.apply(asked, self.now.utc)
        return ""

    def reset(self, name: str = "level") -> str:
        return self.ask(self.interlocks.reset(name, "operator", "seen to"))

    def bypass(self, minutes: float, why: str = "calibration", name: str = "level") -> str:
        return self.ask(self.interlocks.bypass(name, "operator", why, round(minutes * 60 * SECOND), self.now))

    @property
    def forced(self) -> dict[int, float]:
        return self.interlocks.forced

    def events(self) -> list[str]:
        return [entry.event for entry in self.log]


def shown(rig: Rig) -> tuple[object, ...]:
    """What is told of the first row: yes or no, never nothing."""
    item = rig.interlocks.items[0]
    return item.tripped, item.active, item.first_out, item.bypass_until, item.bypass_by, item.bypass_why


def test_a_row_begins_untripped_and_not_bypassed_and_forces_nothing():
    rig = Rig(row(), armed=False)
    found = rig.interlocks
    assert shown(rig) == (False, False, False, 0, "", "")
    assert (found.armed, found.forced, found.reasons, found.holds) == (False, {}, {}, [])
    assert (found.bypassed("R-101"), found.demanded("R-101")) == (0, 0)


def test_a_true_cause_forces_its_outputs_and_latches():
    rig = Rig(row()).scan(False)
    assert rig.forced == {}
    rig.scan(True)
    assert rig.forced == {ACID: 0.0}
    assert rig.interlocks.reasons == {ACID: ["level"]}
    assert rig.scan(False, times=10).forced == {ACID: 0.0}
    assert rig.events() == ["tripped"]


@pytest.mark.fault("P10")
def test_an_unknown_cause_trips_without_waiting_for_the_delay():
    rig = Rig(row(delay_s=60)).scan(False).scan(None)
    assert rig.forced == {ACID: 0.0}
    assert rig.log[0].cause == "unknown"


def test_a_cause_must_stand_without_a_break_for_its_delay():
    rig = Rig(row(delay_s=5)).scan(True, times=9).scan(False).scan(True, times=10)
    assert rig.forced == {}
    assert rig.scan(True).forced == {ACID: 0.0}


def test_a_reset_needs_a_cause_that_is_seen_to_be_gone():
    rig = Rig(row()).scan(True)
    assert rig.reset() == "level: its cause is still true"
    assert rig.scan(None).reset() == "level: its cause is unknown"
    assert rig.scan(False).reset() == ""
    assert rig.scan(False).forced == {}
    assert shown(rig)[:3] == (False, False, False)
    assert rig.reset() == "level is not tripped"


def test_a_reset_waits_for_what_is_still_unmet():
    rig = Rig(row()).scan(True).scan(False)
    refused = rig.ask(rig.interlocks.reset("level", "operator", "seen to", "LI < 80 %; now LI 85"))
    assert refused == "level: may be reset when LI < 80 %; now LI 85"
    assert rig.reset() == ""


def test_nobody_resets_what_nobody_has_looked_at_since_the_start():
    rig = Rig(row())
    rig.interlocks.apply(InterlockChanged(interlock="level", event="tripped"), 1)  # from the journal
    assert rig.reset() == "level: its cause is unknown"


def test_a_reset_acts_when_it_is_durable_and_not_before():
    rig = Rig(row()).scan(True).scan(False)
    asked = rig.interlocks.reset("level", "operator", "")
    assert isinstance(asked, InterlockChanged)
    assert rig.scan(False).forced == {ACID: 0.0}
    assert rig.interlocks.reset("level", "operator", "") == "level: a request is being recorded; try again"
    rig.interlocks.apply(asked, rig.now.utc)
    assert rig.scan(False).forced == {}


def test_a_cause_that_returns_while_the_reset_is_recorded_keeps_the_outputs_forced():
    rig = Rig(row(delay_s=2)).scan(True, times=6).scan(False)
    asked = rig.interlocks.reset("level", "operator", "")
    assert isinstance(asked, InterlockChanged)
    rig.scan(True, times=4)
    rig.interlocks.apply(asked, rig.now.utc)
    assert rig.scan(True).forced == {ACID: 0.0}
    assert rig.events() == ["tripped", "tripped"]


def test_a_trip_says_how_urgent_it_is_and_what_ends_it_does_not():
    rig = Rig(msgspec.structs.replace(row(latch=False), priority="critical"))
    rig.scan(False).scan(True).scan(False)
    assert [(e.event, e.priority) for e in rig.log] == [("tripped", "critical"), ("cleared", "")]


def test_without_latch_a_row_lets_go_by_itself():
    rig = Rig(row(latch=False)).scan(True).scan(False)
    assert rig.forced == {}
    assert rig.events() == ["tripped", "cleared"]


def test_a_permissive_forbids_while_it_is_not_known_to_be_met_and_is_no_event():
    rig = Rig(row(permissive=True, latch=False)).scan(None)
    assert rig.forced == {ACID: 0.0}
    assert rig.scan(True).forced == {ACID: 0.0}
    assert rig.scan(False).forced == {}
    assert shown(rig)[:3] == (False, False, False)
    assert rig.events() == []
    assert rig.interlocks.holds == []


def test_the_first_of_a_group_is_marked_and_the_others_are_not():
    rig = Rig(row("a"), row("b"), row("c", unit="R-102")).scan(False, False, False).scan(False, True, True).scan(True, True, True)
    assert [(e.interlock, e.first_out) for e in rig.log] == [("b", True), ("c", True), ("a", False)]


def test_what_happens_by_itself_is_recorded_with_unit_and_cause_and_names_no_person():
    rig = Rig(row(latch=False)).scan(True).scan(False)
    assert rig.log == [
        InterlockChanged(interlock="level", unit="R-101", event="tripped", first_out=True, cause="true"),
        InterlockChanged(interlock="level", unit="R-101", event="cleared"),
    ]


def test_what_a_person_asks_is_recorded_with_unit_name_and_reason():
    rig = Rig(row()).scan(True).scan(False)
    assert rig.reset() == ""
    assert rig.bypass(60) == ""
    assert rig.ask(rig.interlocks.unbypass("level", "operator", "done")) == ""
    until = rig.now.utc + 3600 * SECOND
    assert rig.log[1:] == [
        InterlockChanged(interlock="level", unit="R-101", event="reset", who="operator", why="seen to"),
        InterlockChanged(interlock="level", unit="R-101", event="bypassed", who="operator", why="calibration", until_utc=until),
        InterlockChanged(interlock="level", unit="R-101", event="bypass_ended", who="operator", why="done"),
    ]


def test_a_request_of_nobody_is_one_of_somebody_unknown_and_does_not_block_the_row_for_ever():
    rig = Rig(row()).scan(True).scan(False)
    assert rig.ask(rig.interlocks.reset("level", "", "")) == ""
    assert rig.log[-1].who == "unknown"
    assert rig.bypass(60) == ""


def test_a_row_that_was_seen_to_be_well_says_so():
    item = Rig(row()).scan(None).interlocks.items[0]
    assert item.truth is None
    assert Rig(row()).scan(False).interlocks.items[0].truth is False


def test_a_scan_that_has_lost_a_cause_is_no_scan():
    with pytest.raises(ValueError, match="shorter"):
        Rig(row("a"), row("b")).scan(True)


@pytest.mark.parametrize(("hold", "where"), [("unit", "R-101"), ("all", "*"), ("none", "")])
def test_a_trip_says_who_has_to_hold(hold: str, where: str):
    rig = Rig(row(hold=hold)).scan(True)
    assert rig.interlocks.holds == [(where, "level")]
    assert rig.scan(True).interlocks.holds == []


def test_where_rows_disagree_the_safe_value_wins():
    rig = Rig(row("open", effects={ACID: 1.0}), row("shut", effects={ACID: 0.0})).scan(True, True)
    assert rig.forced == {ACID: 0.0}
    assert rig.interlocks.reasons[ACID] == ["open", "shut"]


def test_before_the_first_full_image_a_trip_acts_and_does_not_latch():
    rig = Rig(row(), armed=False).scan(True)
    assert rig.forced == {ACID: 0.0}
    assert rig.scan(False).forced == {}
    rig.scan(None, times=100)
    assert rig.events() == []
    rig.interlocks.arm()
    assert rig.scan(None).events() == ["tripped"]


def test_what_stands_as_the_start_up_ends_trips_and_latches_in_the_next_scan():
    rig = Rig(row(), armed=False).scan(True, times=3)
    assert shown(rig)[:3] == (False, True, False)
    rig.interlocks.arm()
    assert shown(rig)[:3] == (False, False, False)
    assert rig.scan(True).events() == ["tripped"]
    assert rig.interlocks.holds == [("R-101", "level")]
    assert rig.scan(False).forced == {ACID: 0.0}


def test_what_was_latched_before_a_restart_is_latched_after_it():
    rig = Rig(row(), armed=False)
    rig.interlocks.apply(InterlockChanged(interlock="level", event="tripped", first_out=True), 1)
    rig.scan(False)
    rig.interlocks.arm()
    assert rig.scan(False).forced == {ACID: 0.0}
    assert rig.interlocks.standing("R-101") == ["level"]


def test_what_let_go_by_itself_before_a_restart_is_not_latched_after_it_although_the_row_latches_by_now():
    rig = Rig(row(latch=True), armed=False)
    for event in ("tripped", "cleared"):
        rig.interlocks.apply(InterlockChanged(interlock="level", event=event), 1)
    rig.interlocks.arm()
    assert rig.scan(False).forced == {}


# --- bypass ------------------------------------------------------------------------------------------------------------
def test_a_bypass_has_a_reason_a_longest_time_and_a_row_that_allows_it():
    rig = Rig(row(), row("hydrogen", bypassable=False)).scan(False, False)
    assert rig.bypass(10, name="hydrogen") == "hydrogen may not be bypassed"
    assert rig.bypass(10, why="  ") == "level: a bypass needs a reason"
    assert "at most 28800 s" in rig.bypass(8 * 60 + 1)
    assert "more than 0" in rig.bypass(0)
    assert rig.bypass(8 * 60) == ""


@pytest.mark.fault("P11")
def test_a_forgotten_bypass_ends_by_itself_and_the_cause_trips_again():
    rig = Rig(row()).scan(False)
    assert rig.bypass(1) == ""
    assert rig.scan(True, times=119).forced == {}
    assert rig.interlocks.standing("R-101") == []
    rig.scan(True)
    assert rig.forced == {ACID: 0.0}
    assert [(e.event, e.cause) for e in rig.log] == [
        ("bypassed", ""), ("demanded", "true"), ("bypass_ended", "expired"), ("tripped", "true")]


def tripped_and_bypassed(minutes: float, delay_s: float = 0, latch: bool = True) -> Rig:
    rig = Rig(row(delay_s=delay_s, latch=latch)).scan(True, times=11)
    assert rig.forced == {ACID: 0.0}
    assert rig.bypass(minutes) == ""
    rig.scan(True)
    rig.log.clear()
    return rig


@pytest.mark.fault("P11")
@pytest.mark.parametrize(("truth", "cause"), [(True, "true"), (None, "unknown"), (False, "latched")])
@pytest.mark.parametrize("ended_by", ["time", "a person"])
def test_a_bypass_that_ends_over_a_row_that_nobody_has_reset_is_a_trip_like_any_other(truth: Truth, cause: str, ended_by: str):
    rig = tripped_and_bypassed(1, delay_s=5)
    rig.scan(truth, times=100)
    assert (rig.forced, rig.interlocks.holds) == ({}, [])
    if ended_by == "a person":
        assert rig.ask(rig.interlocks.unbypass("level", "operator", "done")) == ""
        rig.scan(truth)
    else:
        rig.scan(truth, times=19)
    assert rig.forced == {ACID: 0.0}
    assert rig.interlocks.holds == [("R-101", "level")]
    assert [(e.event, e.cause, e.first_out) for e in rig.log[-2:]] == [
        ("bypass_ended", "expired" if ended_by == "time" else "", False), ("tripped", cause, True)]
    assert rig.scan(truth, times=100).interlocks.holds == []


def test_a_bypass_that_ends_over_a_row_that_was_reset_or_has_let_go_is_no_trip():
    rig = tripped_and_bypassed(1)
    rig.scan(False)
    assert rig.reset() == ""
    rig.scan(False, times=120)
    assert (rig.forced, rig.events()) == ({}, ["reset", "bypass_ended"])
    rig = tripped_and_bypassed(1, latch=False)
    rig.scan(False, times=120)
    assert (rig.forced, rig.events()) == ({}, ["cleared", "bypass_ended"])


def test_the_first_out_stays_so_through_a_bypass_and_who_came_later_does_not_become_it():
    rig = Rig(row("a"), row("b")).scan(True, False).scan(True, True)
    for name in "ba":
        assert rig.bypass(1 / 60, name=name) == ""
    rig.scan(True, True, times=3)
    assert [(e.interlock, e.first_out) for e in rig.log[-4:] if e.event == "tripped"] == [("a", True), ("b", False)]


def test_a_row_that_was_under_a_bypass_when_the_plant_stopped_trips_once_the_plant_is_up():
    rig = Rig(row(), armed=False)
    for event, until in (("tripped", 0), ("bypassed", rig.now.utc + SECOND)):
        entry = InterlockChanged(interlock="level", event=event, first_out=True, who="operator", until_utc=until)
        rig.interlocks.apply(entry, rig.now.utc)
    rig.scan(False, times=4)
    assert (rig.forced, rig.events()) == ({ACID: 0.0}, ["bypass_ended"])
    rig.interlocks.arm()
    assert rig.scan(False).events() == ["bypass_ended", "tripped"]


def test_a_row_that_was_reset_after_its_bypass_waits_for_its_delay_again():
    """As a journal has it that tells of no trip at the end of a bypass."""
    rig = Rig(row(delay_s=8), armed=False)
    for event, who in (("tripped", ""), ("bypassed", "Ann"), ("bypass_ended", "Ann"), ("reset", "Ann")):
        rig.interlocks.apply(InterlockChanged(interlock="level", event=event, who=who, until_utc=rig.now.utc + SECOND), rig.now.utc)
    rig.interlocks.arm()
    assert rig.scan(False).scan(True, times=16).forced == {}
    assert rig.scan(True).forced == {ACID: 0.0}


@pytest.mark.fault("P11")
def test_a_cause_that_stands_under_a_bypass_is_told_once_and_counted_until_it_goes():
    level = msgspec.structs.replace(row(delay_s=2), priority="critical")
    rig = Rig(level, row("speed", permissive=True)).scan(False, False)
    for name in ("level", "speed"):
        assert rig.bypass(10, name=name) == ""
    rig.scan(True, True, times=4)
    assert (rig.events()[2:], rig.interlocks.demanded("R-101")) == ([], 0)
    rig.scan(True, True)
    assert [(e.event, e.cause, e.interlock, e.priority) for e in rig.log[2:]] == [("demanded", "true", "level", "critical")]
    assert (rig.interlocks.demanded("R-101"), rig.interlocks.demanded("R-102"), rig.forced) == (1, 0, {})
    rig.scan(True, True, times=50)
    assert len(rig.log) == 3
    assert rig.scan(False, True).interlocks.demanded("R-101") == 0
    assert [e.cause for e in rig.scan(None, True).log[3:]] == ["unknown"]
    assert rig.ask(rig.interlocks.unbypass("level", "operator", "done")) == ""
    assert rig.scan(None, True).interlocks.demanded("R-101") == 0


@pytest.mark.fault("T01")
@pytest.mark.parametrize("jump_s", [3600.0, -3600.0, -1e9])
def test_a_jump_of_the_wall_clock_changes_no_bypass(jump_s: float):
    rig = Rig(row()).scan(False)
    assert rig.bypass(1) == ""
    rig.scan(True).scan(True, wall_s=jump_s)
    assert rig.scan(True, times=117).forced == {}
    assert rig.scan(True).forced == {ACID: 0.0}


def test_after_a_restart_a_bypass_lasts_as_long_as_was_left_of_it():
    rig = Rig(row(), armed=False)
    rig.interlocks.apply(
        InterlockChanged(interlock="level", event="bypassed", who="operator", until_utc=rig.now.utc + 10 * SECOND), rig.now.utc
    )
    rig.interlocks.arm()
    assert rig.scan(True, times=19).forced == {}
    assert rig.scan(True).forced == {ACID: 0.0}


@pytest.mark.fault("P11")
def test_the_end_of_a_bypass_is_announced_once_as_long_before_as_the_site_wants_it():
    rig = Rig(row()).scan(False)
    assert rig.bypass(REMIND_NS / SECOND / 60 + 1) == ""
    assert rig.scan(False, times=119).events() == ["bypassed"]
    assert rig.scan(False).events() == ["bypassed", "bypass_ending"]
    assert rig.scan(False, times=100).events() == ["bypassed", "bypass_ending"]
    assert rig.log[1].until_utc == rig.log[0].until_utc


def test_the_end_of_a_bypass_that_is_no_longer_than_the_announcement_was_announced_as_it_began():
    rig = Rig(row()).scan(False)
    assert rig.bypass(REMIND_NS / SECOND / 60) == ""
    rig.scan(False, times=round(2 * REMIND_NS / SECOND) + 2)
    assert rig.events() == ["bypassed", "bypass_ended"]


def test_a_bypass_is_counted_where_it_is_and_nothing_is_left_of_it_when_it_has_ended():
    rig = Rig(row("level"), row("speed", unit="R-102")).scan(False, False)
    assert (rig.interlocks.bypassed("R-101"), rig.interlocks.bypassed("R-102")) == (0, 0)
    assert rig.bypass(1) == ""
    rig.scan(False, False)
    item = rig.interlocks.by_name["level"]
    assert (rig.interlocks.bypassed("R-101"), rig.interlocks.bypassed("R-102")) == (1, 0)
    assert (item.bypass_by, item.bypass_why) == ("operator", "calibration")
    rig.scan(False, False, times=121)
    assert rig.interlocks.bypassed("R-101") == 0
    assert (item.bypass_by, item.bypass_why) == ("", "")


@pytest.mark.parametrize("permissive", [True, False])
def test_a_bypass_that_ends_as_the_cause_goes_leaves_nothing_forced(permissive: bool):
    rig = Rig(row(permissive=permissive, latch=False)).scan(True)
    assert rig.bypass(1 / 60) == ""
    rig.scan(True).scan(False, times=2)
    assert rig.forced == {}


def test_a_bypass_of_a_tripped_row_lets_go_and_its_end_forces_again():
    rig = Rig(row()).scan(True)
    assert rig.bypass(60) == ""
    assert rig.scan(True).forced == {}
    assert rig.ask(rig.interlocks.unbypass("level", "operator", "done")) == ""
    assert rig.scan(True).forced == {ACID: 0.0}
    assert rig.ask(rig.interlocks.unbypass("level", "operator", "done")) == "level is not bypassed"


def test_the_line_does_not_restart_while_a_row_of_another_unit_holds_all_of_it():
    rig = Rig(row("a", unit="R-102"), row("b", unit="FP-201", hold="all")).scan(True, True)
    assert rig.interlocks.standing("R-101") == ["b"]


def test_what_a_row_of_the_site_forces_stands_for_every_unit_and_what_another_unit_has_does_not():
    rig = Rig(row("estop", unit=""), row("speed", unit="R-102")).scan(True, True)
    assert rig.interlocks.standing("R-101") == ["estop"]
    assert rig.interlocks.standing("R-102") == ["estop", "speed"]


# --- against a truth table ---------------------------------------------------------------------------------------------
class Oracle:
    """One row by the book: what it does in a scan, from what it did and saw before."""

    def __init__(self, given: Row) -> None:
        self.row, self.truth, self.stood, self.latched, self.acting, self.bypassed = given, None, 0.0, False, False, 0.0

    def scan(self, truth: Truth) -> bool:
        """Whether it forces now. ``stood``: seconds that the cause has stood; ``bypassed``: seconds that are left."""
        self.truth = truth
        self.bypassed = max(self.bypassed - 0.5, 0.0)
        self.stood = 0.0 if truth is False else self.stood + 0.5
        if truth is False:
            self.acting = self.acting and self.latched
        due = truth is None or (truth and self.stood - 0.5 >= self.row.delay_ns / SECOND)
        if due and not self.bypassed:
            self.acting = True
            self.latched = self.latched or self.row.latch
        return self.acting and not self.bypassed

    def reset(self) -> None:
        if self.latched and self.truth is False:
            self.latched = self.acting = False


def agree(seed: int, scans: int) -> None:
    rng = random.Random(seed)
    rows = [row(f"r{i}", delay_s=rng.choice((0, 1, 2.5)), latch=i % 4 < 2, permissive=i % 4 == 3, effects={i: 0.0}) for i in range(8)]
    rig, oracles = Rig(*rows), [Oracle(r) for r in rows]
    truths: list[Truth] = [False] * 8
    for _ in range(scans):
        truths = [rng.choice((True, False, False, None)) if rng.random() < 0.2 else truth for truth in truths]
        for i, oracle in enumerate(oracles):
            if rng.random() < 0.05:
                rig.reset(f"r{i}")
                oracle.reset()
            if rng.random() < 0.01 and not oracle.bypassed:
                minutes = rng.choice((0.05, 0.5))
                assert rig.bypass(minutes, name=f"r{i}") == ""
                oracle.bypassed = minutes * 60
        rig.scan(*truths)
        assert rig.forced == {i: 0.0 for i, oracle in enumerate(oracles) if oracle.scan(truths[i])}


@pytest.mark.parametrize("seed", range(5))
def test_rows_do_what_the_truth_table_says(seed: int):
    agree(seed, 2_000)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 150))
def test_rows_do_what_the_truth_table_says_for_long(seed: int):
    agree(seed, 20_000)
