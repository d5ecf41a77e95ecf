"""The one road to an output: owners, limits, forcing, what is sent, what comes back, and what a trip never gives up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.quality import BAD_NO_COMMUNICATION, GOOD
from gateway.control.chain import OutputChanged, WriteFailed
from gateway.control.demand import Output, OutputRow, Outputs
from gateway.control.image import SECOND, Image, Now

VALVE, SWITCH = 0, 1


class Rig:
    """One output with its read-back, a scan every half second, and a device that may or may not follow."""

    def __init__(self, started: bool = True, follows: bool = True, **row: Any) -> None:
        self.image = Image(["XV", "ZSO"], [10 * SECOND] * 2)
        self.sent: list[float] = []
        given = {"name": "XV", "tag": VALVE, "readback": SWITCH, "settle_ns": 2 * SECOND, **row}
        self.outputs = Outputs([OutputRow(**given)], lambda tag, value, now, expires: self.sent.append(value))
        self.item: Output = self.outputs.items[0]
        self.now = Now(0, 10**18)
        self.started, self.follows = started, follows
        self.forced: dict[int, float] = {}
        self.quality = GOOD

    def want(self, value: float, owner: str = "program", again: bool = False) -> str:
        found = self.outputs.request(VALVE, value, owner, "test", again=again)
        if isinstance(found, OutputChanged):
            self.item.apply(found)
        return found if isinstance(found, str) else ""

    def scan(self, times: int = 1, shown: float | None = None) -> Rig:
        for _ in range(times):
            self.now = Now(self.now.mono + SECOND // 2, self.now.utc + SECOND // 2)
            reasons = {tag: ["level"] for tag in self.forced}
            self.outputs.arbitrate(self.image, self.now, self.forced, reasons, self.started)
            if shown is not None:
                value = shown
            else:
                value = self.sent[-1] if self.follows and self.sent else self.image.value[SWITCH]
            asked = self.now.mono + 1
            self.image.put(SWITCH, value, self.quality, asked=asked, seen=asked, source=0)
        return self

    @property
    def failures(self) -> list[tuple[str, float | None]]:
        return [(f.outcome, f.readback) for f in self.outputs.failures if isinstance(f, WriteFailed)]


def test_nothing_is_written_until_somebody_wants_it():
    assert Rig().scan(100).sent == []


def test_during_start_up_outputs_go_to_their_safe_value_whatever_is_wanted():
    rig = Rig(started=False)
    rig.want(1.0)
    assert rig.scan(5).sent == [0.0]
    assert rig.item.blocked == ("start-up",)


def test_an_output_without_a_safe_value_is_left_alone_during_start_up():
    rig = Rig(started=False, safe=None)
    rig.want(1.0)
    assert rig.scan(5).sent == []


def test_a_value_is_written_once_and_verified_by_a_reading_asked_for_later():
    rig = Rig()
    rig.want(1.0)
    assert rig.scan().item.state == "sent"
    assert rig.scan(50).sent == [1.0]
    assert rig.item.state == "verified"


@pytest.mark.parametrize("value", [1.01, -0.01, float("nan"), float("inf")])
def test_a_value_outside_its_range_is_refused(value: float):
    rig = Rig()
    assert "outside 0..1; nothing written" in rig.want(value)
    assert rig.scan(5).sent == []


def test_a_trip_stands_above_the_recipe():
    rig = Rig()
    rig.want(1.0)
    rig.scan(4)
    rig.forced = {VALVE: 0.0}
    rig.want(1.0, "operator")
    assert rig.scan(10).sent == [1.0, 0.0]
    assert rig.item.blocked == ("level",)


@pytest.mark.parametrize("rate", [None, 10.0])
def test_what_is_still_wanted_when_a_permissive_is_back_is_written_again(rate: float | None):
    rig = Rig(rate_per_s=rate)
    rig.want(1.0)
    rig.scan(4)
    rig.forced = {VALVE: 0.0}
    rig.scan(4)
    rig.forced = {}
    assert rig.scan(4).sent == [1.0, 0.0, 1.0]


def test_after_the_reset_of_a_trip_nothing_moves_until_somebody_wants_it_anew():
    rig = Rig()
    rig.want(1.0, "operator")
    rig.scan(4)
    rig.forced = {VALVE: 0.0}
    taken = rig.outputs.take(rig.forced, "interlock level")
    assert [(e.wanted, e.was, e.owner) for e in taken if isinstance(e, OutputChanged)] == [(0.0, 1.0, "interlock")]
    for entry in taken:
        assert isinstance(entry, OutputChanged)
        rig.item.apply(entry)
    rig.scan(10)
    rig.forced = {}
    assert rig.scan(10).sent == [1.0, 0.0]
    rig.want(1.0, "operator")
    assert rig.scan().sent == [1.0, 0.0, 1.0]


def test_a_trip_takes_nothing_from_a_loop_nor_what_is_wanted_so_already():
    rig = Rig()
    rig.want(0.0)
    assert rig.outputs.take({VALVE: 0.0}, "x") == []
    rig.item.owner = "loop"
    assert rig.outputs.take({VALVE: 1.0}, "x") == []


def test_after_a_restart_nobody_wants_anything_and_what_had_no_safe_value_stays_as_it_is():
    rig = Rig(safe=None)
    rig.want(1.0)
    rig.outputs.forget()
    assert rig.scan(20).sent == []


# --- what comes back ---------------------------------------------------------------------------------------------------
@pytest.mark.fault("P02")
def test_a_stuck_valve_is_asked_once_more_then_told_and_left_alone():
    rig = Rig(follows=False)
    rig.want(1.0)
    assert rig.scan(60).sent == [1.0, 1.0]
    assert rig.item.state == "diverged"
    assert rig.failures == [("diverged", 0.0)]


@pytest.mark.fault("P02")
def test_a_stuck_valve_under_a_trip_is_asked_again_and_again_and_told_once():
    rig = Rig(reassert=False).scan()
    rig.forced = {VALVE: 0.0}
    rig.scan(60, shown=1.0)
    assert len(rig.sent) >= 10
    assert set(rig.sent) == {0.0}
    assert rig.failures == [("diverged", 1.0)]


@pytest.mark.fault("P03")
@pytest.mark.parametrize(("reassert", "sent"), [(True, [1.0, 1.0]), (False, [1.0])])
def test_what_is_changed_at_the_device_is_reasserted_once_or_left_by_policy(reassert: bool, sent: list[float]):
    rig = Rig(reassert=reassert)
    rig.want(1.0)
    rig.scan(6)
    assert rig.scan(40, shown=0.0).sent == sent
    assert rig.failures == [("diverged", 0.0)]


def test_a_reading_that_is_not_good_proves_nothing():
    rig = Rig()
    rig.want(1.0)
    rig.quality = BAD_NO_COMMUNICATION
    assert rig.scan(60).item.state == "sent"
    rig.quality = GOOD
    assert rig.scan(2).item.state == "verified"


def test_what_was_given_up_is_written_again_when_it_is_wanted_anew():
    rig = Rig(follows=False)
    rig.want(1.0)
    rig.scan(60)
    rig.sent.clear()
    assert rig.want(1.0) == ""
    assert rig.scan().sent == []
    rig.want(1.0, again=True)
    assert rig.scan().sent == [1.0]


@pytest.mark.parametrize("result", ["rejected", "expired", "unverified"])
def test_a_trip_writes_although_the_same_value_failed_before(result: str):
    rig = Rig(follows=False)
    rig.want(0.0)
    rig.scan(shown=1.0)
    rig.outputs.outcome(VALVE, 0.0, result, "exception 4")
    before = len(rig.scan(2, shown=1.0).sent)
    rig.forced = {VALVE: 0.0}
    assert len(rig.scan(shown=1.0).sent) == before + 1
    rig.outputs.outcome(VALVE, 0.0, result, "exception 4")
    assert len(rig.scan(10, shown=1.0).sent) > before + 1


def test_a_failure_is_recorded_once_and_again_after_it_worked_between():
    rig = Rig()
    rig.want(1.0)
    rig.scan()
    for _ in range(20):
        rig.outputs.outcome(VALVE, 1.0, "unverified", "timeout")
    assert rig.failures == [("unverified", None)]
    rig.scan(4)
    rig.outputs.outcome(VALVE, 1.0, "unverified", "timeout")
    assert len(rig.failures) == 2


def test_the_end_of_an_overtaken_write_says_nothing_of_the_output():
    rig = Rig()
    rig.want(1.0)
    rig.scan()
    rig.want(0.0)
    rig.scan()
    rig.outputs.outcome(VALVE, 1.0, "rejected", "too late")
    assert rig.item.state == "sent"
    assert rig.failures == []


# --- how it moves ------------------------------------------------------------------------------------------------------
def test_a_rate_limit_holds_for_the_first_move_after_a_long_rest_too():
    rig = Rig(high=100.0, rate_per_s=10.0)
    rig.want(20.0)
    rig.scan(600)
    rig.want(80.0)
    rig.sent.clear()
    rig.scan()
    assert rig.sent == [pytest.approx(25.0)]
    rig.scan(30)
    assert rig.sent[-1] == 80.0
    assert all(abs(b - a) <= 5.0 + 1e-9 for a, b in zip(rig.sent, rig.sent[1:], strict=False))


def test_a_slow_ramp_arrives_although_the_device_is_coarse():
    rig = Rig(high=100.0, rate_per_s=0.1, quantum=0.5)
    rig.want(0.0)
    rig.scan()
    rig.want(10.0)
    assert rig.scan(2 * 101).sent[-1] == 10.0


def test_a_trip_knows_no_ramp():
    rig = Rig(high=100.0, rate_per_s=1.0)
    rig.want(50.0)
    rig.scan(4)
    rig.forced = {VALVE: 0.0}
    assert rig.scan().sent[-1] == 0.0


def test_moves_inside_the_deadband_are_spared_but_the_ends_are_reached():
    rig = Rig(high=1.0, deadband=0.1)
    for value in (0.5, 0.55, 0.45, 0.7, 0.95, 1.0):
        rig.want(value)
        rig.scan()
    assert rig.sent == [0.5, 0.7, 0.95, 1.0]


@given(st.lists(st.floats(-10, 200), min_size=1, max_size=30), st.sampled_from((0.0, 0.5, 7.0)), st.sampled_from((None, 5.0)))
def test_whatever_a_loop_asks_for_what_is_sent_is_inside_the_range(asks: list[float], quantum: float, rate: float | None):
    rig = Rig(low=10.0, high=90.0, quantum=quantum, rate_per_s=rate, safe=10.0)
    rig.item.owner = "loop"
    for ask in asks:
        rig.item.loop = ask
        rig.scan()
    assert all(10.0 <= value <= 90.0 for value in rig.sent)


# --- a command and what came of it -------------------------------------------------------------------------------------
def test_a_tag_that_stands_for_a_command_shows_it_although_the_device_answers_otherwise():
    rig = Rig(told=True, follows=False)
    rig.want(1.0)
    rig.scan()
    rig.image.put(VALVE, 0.0, GOOD, asked=1, seen=1, source=0)  # the drive says: not running
    rig.outputs.show(rig.image)
    assert rig.image.value[VALVE] == 1.0


def test_what_runs_when_the_start_up_is_over_counts_as_commanded_and_nothing_is_written():
    rig = Rig(told=True, safe=None)
    rig.scan(shown=1.0)
    rig.outputs.take_over(rig.image)
    assert rig.item.commanded == 1.0
    assert rig.scan(10, shown=1.0).sent == []
    rig.scan(shown=0.0)
    rig.outputs.show(rig.image)
    assert rig.image.value[VALVE] == 1.0  # told to run, and it does not: for an interlock to see


# --- worked at its own panel --------------------------------------------------------------------------------------------
LOCAL = 2


class Panel(Rig):
    """The same with a switch between local (0) and remote (1)."""

    def __init__(self, **row: Any) -> None:
        super().__init__(local=LOCAL, high=100.0, tolerance=0.5, **row)
        self.image = Image(["XV", "ZSO", "HS"], [10 * SECOND] * 3)
        self.turn(1.0)

    def turn(self, to: float, quality: int = GOOD) -> None:
        self.image.put(LOCAL, to, quality, asked=1, seen=1, source=0)

    @property
    def handed(self) -> list[tuple[str, float]]:
        return [(e.owner, e.wanted) for e in self.outputs.failures if isinstance(e, OutputChanged)]


def worked() -> Panel:
    rig = Panel()
    rig.want(40.0)
    rig.scan(10)
    rig.turn(0.0)
    rig.scan(4)
    return rig


def test_in_local_nothing_is_written_and_what_it_does_is_what_is_wanted():
    rig = worked()
    rig.scan(40, shown=75.0)
    assert rig.sent == [40.0]
    assert (rig.item.wanted, rig.item.commanded, rig.item.owner) == (75.0, 75.0, "local")
    assert rig.handed == [("local", 40.0)]
    assert rig.failures == []                   # and it is no drift


def test_back_in_remote_it_goes_on_from_where_it_was_left_until_somebody_wants_it_anew():
    rig = worked()
    rig.scan(4, shown=75.0)
    rig.turn(1.0)
    rig.scan(40, shown=75.0)
    assert rig.sent == [40.0]
    assert rig.handed == [("local", 40.0), ("none", 75.0)]
    assert rig.want(20.0) == ""
    assert rig.scan(4).sent == [40.0, 20.0]


def test_what_is_asked_while_it_is_worked_at_its_panel_is_refused():
    rig = worked()
    assert "worked at its panel, HS stands in local" in rig.want(20.0, "operator")
    assert rig.scan(10).sent == [40.0]


def test_an_interlock_is_written_in_local_too_and_takes_it_from_the_panel():
    rig = worked()
    rig.forced = {VALVE: 0.0}
    assert rig.scan(4).sent == [40.0, 0.0]
    assert rig.item.panel == ""


@pytest.mark.parametrize(("before", "panel"), [(1.0, False), (0.0, True)])
def test_an_unknown_switch_changes_nothing(before: float, panel: bool):
    rig = Panel()
    rig.want(40.0)
    rig.scan(4)
    rig.turn(before)
    rig.scan(4)
    rig.turn(1.0 - before, BAD_NO_COMMUNICATION)
    rig.scan(4)
    assert bool(rig.item.panel) is panel
