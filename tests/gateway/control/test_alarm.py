"""Alarms to ISA-18.2 in plant time: delays, acknowledgement, latch, shelf, suppression, and what a restart keeps."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.control.alarm import SHELVED_AT_MOST_NS, AlarmRow, Alarms
from gateway.control.chain import AlarmChanged
from gateway.control.image import SECOND, Now

Truth = bool | None


class Rig:
    """One alarm that is looked at once a second."""

    def __init__(self, **row: Any) -> None:
        self.alarms = Alarms([AlarmRow(**{"name": "lel_high", "unit": "R-101", "priority": "high", **row})])
        self.item = self.alarms.items[0]
        self.now = Now(0, 10**18)
        self.log: list[AlarmChanged] = []

    def scan(self, truth: Truth, *, hide: Truth = False, times: int = 1, wall_s: float = 1.0) -> str:
        for _ in range(times):
            self.now = Now(self.now.mono + SECOND, self.now.utc + round(wall_s * SECOND))
            self.log += [e for e in self.alarms.update([truth], [hide], self.now) if isinstance(e, AlarmChanged)]
        return self.item.state

    def command(self, event: str, why: str = "", minutes: float = 60, seen: str = "") -> str:
        found = self.alarms.command("lel_high", event, "operator", why, self.now, round(minutes * 60 * SECOND), seen)
        if isinstance(found, str):
            return found
        self.log += [e for e in found if isinstance(e, AlarmChanged)]
        return ""


def test_an_alarm_begins_as_one_that_never_sounded_and_that_nobody_has_touched():
    item = Rig().item
    assert (item.state, item.live, item.first_out, item.sounded_utc) == ("NORM", False, False, 0)
    assert (item.who, item.why, item.asked_utc) == ("", "", 0)


def test_an_alarm_waits_for_its_delay_and_starts_anew_when_the_condition_breaks():
    rig = Rig(on_delay_ns=3 * SECOND)
    assert rig.scan(True, times=3) == "NORM"
    assert rig.scan(False) == "NORM"
    assert rig.scan(True, times=3) == "NORM"
    assert rig.scan(True) == "UNACK"


def test_an_alarm_cleared_before_it_was_acknowledged_waits_for_that():
    rig = Rig()
    rig.scan(True)
    assert rig.scan(False) == "RTNUN"
    assert rig.command("ACK") == ""
    assert rig.item.state == "NORM"


def test_an_acknowledged_alarm_goes_when_its_cause_goes_and_not_before_its_off_delay():
    rig = Rig(off_delay_ns=5 * SECOND)
    rig.scan(True)
    assert rig.command("ACK") == ""
    assert rig.scan(False, times=5) == "ACKED"
    assert rig.scan(False) == "NORM"


def test_a_latching_alarm_waits_for_acknowledgement_and_reset():
    rig = Rig(latch=True)
    rig.scan(True)
    assert rig.scan(False) == "LATCHED"
    assert "RESET is not possible in LATCHED" in rig.command("RESET")
    assert rig.command("ACK") == ""
    assert rig.command("RESET") == ""
    assert rig.item.state == "NORM"


def test_an_unknown_condition_neither_raises_nor_clears():
    rig = Rig()
    assert rig.scan(None, times=10) == "NORM"
    assert rig.scan(True) == "UNACK"
    assert rig.scan(None, times=10) == "UNACK"


def test_an_alarm_on_a_lost_reading_is_raised_by_not_knowing():
    assert Rig(on_unknown=True).scan(None) == "UNACK"


def test_a_suppressed_alarm_is_not_seen_and_comes_back_to_what_is_so():
    rig = Rig()
    rig.scan(True)
    assert rig.scan(True, hide=True) == "DSUPR"
    assert rig.scan(True, hide=None) == "NORM"  # what suppresses is no longer known: it suppresses no longer
    assert rig.scan(True) == "UNACK"


@pytest.mark.fault("T01")
@pytest.mark.parametrize("jump_s", [3600.0, -3600.0])
def test_a_shelved_alarm_returns_after_its_time_whatever_the_wall_clock_does(jump_s: float):
    rig = Rig()
    rig.scan(True)
    assert rig.command("SHELVE", "sensor is being changed", minutes=1) == ""
    rig.scan(True, wall_s=jump_s)
    assert rig.scan(True, times=58) == "SHLVD"
    rig.scan(True)
    assert rig.scan(True) == "UNACK"


@pytest.mark.parametrize(("event", "why", "minutes", "refusal"), [
    ("SHELVE", " ", 60, "shelve needs a reason"),
    ("DISABLE", "", 60, "disable needs a reason"),
    ("SHELVE", "chatter", SHELVED_AT_MOST_NS / SECOND / 60 + 1, "at most 720 min"),
    ("SHELVE", "chatter", -1, "more than 0"),
    ("ACK", "", 60, "ACK is not possible in NORM"),
    ("NORMAL", "", 60, "nobody may normal an alarm"),
    ("SUPPRESS", "quiet, please", 60, "nobody may suppress an alarm"),
])  # fmt: skip
def test_what_a_person_may_not_do_is_refused_with_a_sentence(event: str, why: str, minutes: float, refusal: str):
    rig = Rig()
    assert refusal in rig.command(event, why, minutes)
    assert rig.log == []


@pytest.mark.fault("O06")
def test_acknowledging_an_alarm_that_has_changed_since_it_was_seen_is_refused():
    rig = Rig()
    rig.scan(True)
    rig.scan(False)
    assert rig.command("ACK", seen="UNACK") == "lel_high is RTNUN by now, not UNACK"
    assert rig.command("ACK", seen="RTNUN") == ""


def test_an_alarm_out_of_service_stays_silent_until_somebody_puts_it_back():
    rig = Rig()
    assert rig.command("DISABLE", "detector sent in") == ""
    assert rig.scan(True, times=100) == "OOSRV"
    assert rig.command("ENABLE") == ""
    assert rig.scan(True) == "UNACK"


def test_what_happens_by_itself_is_recorded_with_unit_and_priority_and_names_no_person():
    rig = Rig()
    rig.scan(True)
    rig.scan(False)
    assert rig.log == [
        AlarmChanged(alarm="lel_high", was="NORM", now="UNACK", priority="high", unit="R-101"),
        AlarmChanged(alarm="lel_high", was="UNACK", now="RTNUN", priority="high", unit="R-101"),
    ]


def test_what_a_person_does_is_recorded_with_name_reason_and_for_a_shelf_its_end():
    rig = Rig()
    rig.scan(True)
    for event, why in (("ACK", ""), ("SHELVE", "sensor is being changed"), ("DISABLE", "no spare")):
        assert rig.command(event, why, minutes=1) == ""
    said: dict[str, Any] = {"alarm": "lel_high", "priority": "high", "unit": "R-101", "who": "operator"}
    assert rig.log[1:] == [
        AlarmChanged(was="UNACK", now="ACKED", **said),
        AlarmChanged(was="ACKED", now="SHLVD", why="sensor is being changed", until_utc=rig.now.utc + 60 * SECOND, **said),
        AlarmChanged(was="SHLVD", now="OOSRV", why="no spare", **said),
    ]


def test_a_shelf_lasts_a_shift_at_most_and_always_has_an_end():
    rig = Rig()
    assert "more than 0" in rig.command("SHELVE", "chatter", minutes=0)
    assert "more than 0" in str(rig.alarms.command("lel_high", "SHELVE", "operator", "chatter", rig.now))
    assert rig.command("SHELVE", "chatter", minutes=12 * 60) == ""


def test_an_alarm_is_raised_while_another_one_stays_in_its_deadband():
    rows = [AlarmRow(name=name, unit="R-101", priority="high", stays=name == "level") for name in ("level", "lel")]
    alarms = Alarms(rows)
    alarms.update([True, False], [False, False], Now(SECOND, 10**18), [True])
    alarms.update([False, True], [False, False], Now(2 * SECOND, 10**18), [True])
    assert [item.state for item in alarms.items] == ["UNACK", "UNACK"]


@pytest.mark.parametrize(("truths", "hidden", "stays"), [
    ([True], [False] * 2, [None]), ([True] * 2, [False], [None]), ([True] * 2, [False] * 2, []),
])  # fmt: skip
def test_a_scan_that_has_lost_a_condition_is_no_scan(truths: list[Truth], hidden: list[Truth], stays: list[Truth]):
    alarms = Alarms([AlarmRow(name=name, unit="R-101", priority="high", stays=name == "a") for name in "ab"])
    with pytest.raises(ValueError, match="shorter"):
        alarms.update(truths, hidden, Now(SECOND, 10**18), stays)


# --- restart -----------------------------------------------------------------------------------------------------------
def restarted(rig: Rig) -> Rig:
    """The same alarm in a new process that has read the journal."""
    after = Rig(latch=rig.item.row.latch)
    for entry in rig.log:
        after.item.restore(entry, rig.now.utc)
    after.now = rig.now
    return after


def test_an_acknowledged_alarm_is_not_announced_again_by_a_restart():
    rig = Rig()
    rig.scan(True)
    rig.command("ACK")
    after = restarted(rig)
    assert after.scan(None, times=5) == "ACKED"
    assert after.scan(True, times=5) == "ACKED"
    assert after.scan(False) == "NORM"
    assert [e.now for e in after.log] == ["NORM"]


def test_a_shelf_ends_after_a_restart_too():
    rig = Rig()
    rig.scan(True)
    rig.command("SHELVE", "sensor is being changed", minutes=1)
    rig.scan(True, times=30)
    after = restarted(rig)
    assert after.scan(True, times=29) == "SHLVD"
    after.scan(True, times=3)
    assert after.item.state == "UNACK"


def test_every_state_of_a_live_alarm_is_the_fold_of_its_entries():
    rig = Rig(latch=True)
    for truth in (True, False, True, None, False):
        rig.scan(truth)
        assert restarted(rig).item.state == rig.item.state
    for event in ("ACK", "RESET", "SHELVE", "UNSHELVE", "DISABLE", "ENABLE"):
        assert rig.command(event, "for the test") == ""
        assert restarted(rig).item.state == rig.item.state
