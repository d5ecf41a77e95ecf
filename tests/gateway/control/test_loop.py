"""Loops: no bump when they are taken over, nothing held longer than allowed on a bad pv, a feed that takes the least."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.quality import BAD_NO_COMMUNICATION, GOOD, UNCERTAIN
from gateway.control.chain import LoopMode
from gateway.control.dosing import DoseRow
from gateway.control.image import SECOND, Image
from gateway.control.laws import KINDS, PidLaw
from gateway.control.linear import Zone, strong_acid
from gateway.control.loop import Forward, LimitRow, Loop, LoopRow, request, seat

PV, LEL, RISE = 0, 1, 2
DOSE = DoseRow(fast=10.0, slow=2.0, slow_below=1.0)


class Rig:
    """One loop with a scan every half second."""

    def __init__(self, **row: Any) -> None:
        self.image = Image(["pv", "lel", "rise"], [10 * SECOND] * 3)
        self.image.quality[:] = [GOOD] * 3
        self.loop = Loop(
            LoopRow(**{"name": "TIC", "kind": "pid", "unit": "R-101", "period_ns": SECOND // 2, "pv": PV, "gain": 2.0, "ti_s": 60.0, **row})
        )
        self.now = 0

    def set(self, mode: str, sp: float | None = None, **more: Any) -> str:
        """Ask for a mode; the refusal, or "" once it acts."""
        found = request(self.loop, mode, sp, "operator", "test", **more)
        if isinstance(found, LoopMode):
            self.loop.apply(found)
        return found if isinstance(found, str) else ""

    def scan(self, pv: float | None = None, quality: int = GOOD, times: int = 1, actual: float | None = None) -> LoopMode | None:
        entry = None
        for _ in range(times):
            self.now += SECOND // 2
            if pv is not None:
                self.image.value[PV] = pv
            self.image.quality[PV] = quality
            if self.loop.due(self.now):
                entry = self.loop.update(self.image, self.now, actual) or entry
        return entry

    @property
    def out(self) -> float:
        return self.loop.out


def test_a_loop_begins_in_manual_as_nobodys_at_its_safe_output():
    loop = Rig(safe_out=5.0).loop
    assert (loop.mode, loop.owner, loop.cause, loop.sp, loop.pv, loop.out) == ("MANUAL", "none", "", None, None, 5.0)
    assert (loop.law.show()["pv_seen"], loop.law.show()["tracking"]) == (0.0, None)


# --- modes -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("mode", "sp", "more", "refusal"), [
    ("AUTOMATIC", 60.0, {}, "no mode 'AUTOMATIC'"),
    ("CASCADE", None, {}, "no loop drives it"),
    ("AUTO", None, {}, "AUTO needs a setpoint"),
    ("AUTO", 132.0, {}, "TIC.sp: 132 outside 0..95"),
    ("AUTO", float("nan"), {}, "outside 0..95"),
    ("MANUAL", None, {"out": 101.0}, "TIC.out: 101 outside 0..100"),
    ("MANUAL", None, {"out": float("nan")}, "outside 0..100"),
    ("AUTO", 60.0, {"ramp_per_min": -1.0}, "no ramp"),
    ("AUTO", 60.0, {"ramp_per_min": 0.0}, "no ramp"),
    ("AUTO", 60.0, {"ramp_per_min": float("inf")}, "no ramp"),
])  # fmt: skip
@pytest.mark.fault("O02")
def test_what_a_loop_cannot_do_is_refused(mode: str, sp: float | None, more: dict[str, float], refusal: str):
    rig = Rig(sp_low=0.0, sp_high=95.0)
    assert refusal in rig.set(mode, sp, **more)
    assert rig.loop.mode == "MANUAL"


def test_the_ends_of_its_range_belong_to_it():
    rig = Rig(sp_low=20.0, sp_high=95.0, out_low=5.0, out_high=90.0)
    for sp, out in ((20.0, 5.0), (95.0, 90.0)):
        assert rig.set("AUTO", sp) == ""
        assert rig.set("MANUAL", out=out) == ""
    assert (rig.loop.sp, rig.out) == (95.0, 90.0)


def test_a_selector_is_not_driven_by_an_outer_loop():
    assert "AUTO or MANUAL" in Rig(kind="select", outer=True).set("CASCADE")


def test_an_unlimited_setpoint_must_still_be_a_number():
    assert "outside" in Rig().set("AUTO", float("inf"))


def test_asking_for_what_is_so_already_is_no_entry():
    rig = Rig()
    rig.set("AUTO", 60.0)
    assert request(rig.loop, "AUTO", 60.0, "operator", "again") is None
    assert request(rig.loop, "AUTO", None, "operator", "again") is None
    assert isinstance(request(rig.loop, "AUTO", 61.0, "operator", "more"), LoopMode)
    assert isinstance(request(rig.loop, "AUTO", 60.0, "program", "taken over"), LoopMode)


def test_another_ramp_is_a_change_the_same_one_is_none_and_in_manual_there_is_none():
    rig = Rig()
    rig.set("AUTO", 60.0, ramp_per_min=0.6)
    assert request(rig.loop, "AUTO", 60.0, "operator", "again", ramp_per_min=0.6) is None
    assert isinstance(request(rig.loop, "AUTO", 60.0, "operator", "faster", ramp_per_min=1.2), LoopMode)
    rig.set("AUTO", 60.0)
    rig.set("AUTO", 61.0)                       # at once from now on
    assert isinstance(request(rig.loop, "AUTO", 61.0, "operator", "slowly", ramp_per_min=60.0), LoopMode)
    rig.set("MANUAL")
    assert request(rig.loop, "MANUAL", None, "operator", "again", ramp_per_min=0.6) is None


def test_a_change_is_recorded_with_what_was_before_and_keeps_the_setpoint():
    rig = Rig(outer=True)
    rig.set("AUTO", 60.0)
    assert request(rig.loop, "AUTO", 70.0, "program", "step 3", ramp_per_min=0.6) == LoopMode(
        loop="TIC", mode="AUTO", was="AUTO", setpoint=70.0, setpoint_was=60.0, ramp_per_min=0.6, owner="program", cause="step 3"
    )
    assert request(rig.loop, "MANUAL", None, "operator", "test", out=20.0) == LoopMode(
        loop="TIC", mode="MANUAL", was="AUTO", setpoint=60.0, setpoint_was=60.0, out=20.0, owner="operator", cause="test"
    )
    assert request(rig.loop, "CASCADE", None, "operator", "test") == LoopMode(
        loop="TIC", mode="CASCADE", was="AUTO", setpoint=None, setpoint_was=60.0, owner="operator", cause="test"
    )


def test_a_record_that_says_nothing_of_the_setpoint_leaves_it_as_it_is():
    rig = Rig()
    rig.set("AUTO", 60.0)
    rig.loop.apply(LoopMode(loop="TIC", mode="MANUAL", was="AUTO"))
    assert rig.loop.sp == 60.0


def test_taken_from_manual_to_cascade_a_loop_waits_for_its_outer_one_and_follows_no_setpoint_of_before():
    rig = Rig(outer=True)
    rig.set("AUTO", 90.0)
    rig.set("MANUAL", out=30.0)
    rig.set("CASCADE")
    rig.scan(20.0, times=20)
    assert (rig.loop.mode, rig.loop.sp, rig.out) == ("CASCADE", None, 30.0)


def test_taken_from_auto_to_cascade_a_loop_goes_on_with_its_setpoint_until_its_outer_one_gives_another():
    rig = Rig(outer=True)
    rig.set("AUTO", 60.0)
    rig.set("CASCADE", 75.0)                    # which in CASCADE is not for a person to give
    assert rig.loop.sp == 60.0


def test_a_loop_that_is_taken_over_again_begins_where_its_output_is_by_then():
    rig = Rig(sp_rate_per_s=1.0)
    rig.set("MANUAL", out=40.0)
    rig.set("AUTO", 60.0)
    rig.scan(60.0, times=20)
    rig.set("MANUAL", out=70.0)
    rig.scan(30.0, times=20)
    rig.set("AUTO", 60.0)
    rig.scan(30.0)
    assert rig.out == pytest.approx(70.0, abs=0.1)
    assert rig.loop.ramped == pytest.approx(30.5)               # and the ramp from where pv is

@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 95), st.one_of(st.none(), st.floats(0.01, 2)))
def test_taking_a_loop_to_auto_and_back_does_not_move_its_output(out: float, pv: float, sp: float, rate: float | None):
    rig = Rig(sp_rate_per_s=rate)
    rig.set("MANUAL", out=out)
    rig.scan(pv, times=4)
    rig.set("AUTO", sp)
    rig.scan(pv)
    assert rig.out == pytest.approx(out, abs=0.01)
    before = rig.out
    rig.set("MANUAL")
    rig.scan(pv, times=4)
    assert rig.out == before


def test_auto_begins_from_what_the_actuator_does():
    rig = Rig()
    rig.set("AUTO", 60.0)
    rig.scan(50.0, actual=35.0)
    assert rig.out == pytest.approx(35.0)


def test_a_loop_that_stood_still_begins_anew_without_a_bump():
    rig = Rig(td_s=20.0)
    rig.set("MANUAL", out=40.0)
    rig.set("AUTO", 60.0)
    rig.scan(60.0, times=20)
    before = rig.out
    rig.now += 600 * SECOND
    rig.scan(30.0)  # ten minutes later the pv is elsewhere
    assert rig.out == pytest.approx(before, abs=0.01)


@pytest.mark.parametrize(("periods", "anew"), [(5, False), (6, True)])
def test_a_loop_that_was_late_by_a_few_periods_goes_on_and_one_that_stood_still_begins_anew(periods: int, anew: bool):
    rig = Rig(ti_s=1e6)
    rig.set("MANUAL", out=40.0)
    rig.set("AUTO", 60.0)
    rig.scan(60.0, times=20)
    rig.now += (periods - 1) * SECOND // 2
    rig.scan(55.0)
    assert rig.out == pytest.approx(40.0 if anew else 50.0, abs=0.01)       # gain 2, 5 K


def test_time_that_a_loop_was_not_looked_at_counts_as_two_periods_at_most():
    rig = Rig(kind="direct", out_high=400.0, sp_rate_per_s=10.0)
    rig.set("AUTO", 300.0)
    rig.scan(times=2)
    assert rig.out == pytest.approx(10.0)
    rig.now += 3 * SECOND // 2                  # 2 s since the last turn
    rig.scan()
    assert rig.out == pytest.approx(20.0)


def test_the_pv_a_loop_knows_is_the_last_good_one():
    rig = Rig(sp_track=True)
    rig.scan(55.0)
    rig.scan(-999.0, BAD_NO_COMMUNICATION)
    assert rig.loop.pv == 55.0


def test_while_it_is_not_known_where_its_inner_loop_stands_an_outer_one_stays_where_it_is():
    rig = Rig()
    rig.set("MANUAL", out=40.0)
    rig.set("AUTO", 60.0)
    rig.scan(55.0, times=2)
    before = rig.out
    for _ in range(20):
        rig.now += SECOND // 2
        rig.loop.update(rig.image, rig.now, None, cut=True)
    assert rig.out == before


def test_a_loop_that_keeps_up_with_somebody_else_takes_over_without_a_bump_in_any_coordinate():
    rig = Rig(straight=strong_acid, gain=100.0, ti_s=500.0, forward=Forward(LEL, gain=2.0))
    rig.image.value[LEL] = 5.0
    rig.set("AUTO", 3.5)
    rig.scan(2.0)
    rig.now += SECOND // 2
    rig.loop.update(rig.image, rig.now, 35.0, cut=True)
    assert (rig.out, rig.loop.law.show()["tracking"]) == (35.0, 35.0)
    rig.scan(2.0)
    assert rig.out == pytest.approx(35.0, abs=0.03)
    assert rig.loop.law.show()["tracking"] is None

@pytest.mark.parametrize(("out", "all_or_nothing"), [(10.0, True), (50.0, False), (90.0, True)])
def test_a_loop_can_do_no_more_at_either_end_of_its_range(out: float, all_or_nothing: bool):
    rig = Rig(out_low=10.0, out_high=90.0)
    rig.set("MANUAL", out=out)
    assert rig.loop.saturated is all_or_nothing


# --- setpoint ramp -----------------------------------------------------------------------------------------------------
def test_the_setpoint_ramps_from_where_pv_is_and_waits_for_it():
    rig = Rig(sp_rate_per_s=0.5 / 60, holdback=4.0)
    rig.set("AUTO", 60.0)
    rig.scan(20.0)
    assert rig.loop.ramped == pytest.approx(20.0, abs=0.01)
    rig.scan(20.0, times=2 * 3600)
    assert rig.loop.ramped == pytest.approx(24.0, abs=0.1)
    rig.scan(58.0, times=2 * 60 * 80)
    assert rig.loop.ramped == pytest.approx(60.0)


def test_a_recipe_may_ask_for_a_slower_ramp_and_it_ends_with_its_step():
    rig = Rig(sp_rate_per_s=1.0)
    rig.set("AUTO", 60.0, ramp_per_min=0.6)
    assert rig.loop.rate == pytest.approx(0.01)
    rig.set("AUTO", 70.0)
    assert rig.loop.rate == 1.0


# --- bad pv ------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("P01")
@pytest.mark.parametrize(("bad_out", "expected"), [("safe", 5.0), ("hold", None)])
@pytest.mark.parametrize("quality", [UNCERTAIN, BAD_NO_COMMUNICATION])
def test_on_a_bad_pv_the_output_is_held_for_a_while_then_the_loop_lets_go(quality: int, bad_out: str, expected: float | None):
    rig = Rig(bad_out=bad_out, safe_out=5.0, bad_hold_ns=3 * SECOND)
    rig.set("MANUAL", out=40.0)
    rig.set("AUTO", 60.0)
    rig.scan(55.0, times=4)
    held = rig.out
    assert rig.scan(-999.0, quality, times=6) is None
    assert rig.out == held
    entry = rig.scan(-999.0, quality)
    assert entry is not None
    assert entry == LoopMode(loop="TIC", mode="MANUAL", was="AUTO", setpoint=60.0, out=held if expected is None else expected,
                             owner="operator", cause="pv not good")
    assert rig.out == (held if expected is None else expected)


@pytest.mark.parametrize(("began", "ends"), [(20.0, 20.0), (50.0, 50.0), (80.0, 50.0)])
@pytest.mark.parametrize("bad_out", ["safe", "ramp"])
def test_without_pv_each_output_of_a_split_range_goes_to_its_own_safe_value(bad_out: str, began: float, ends: float):
    """The lower one is safe at what it does, the upper one shut."""
    rig = Rig(bad_out=bad_out, safe_out=50.0, output=1, output_low=2, keeps_low=True, out_rate_per_s=None if bad_out == "safe" else 100.0)
    rig.set("MANUAL", out=began)
    rig.set("AUTO", 60.0)
    rig.scan(60.0, times=4)
    rig.scan(60.0, BAD_NO_COMMUNICATION, times=10)
    assert rig.loop.mode == "MANUAL"
    assert rig.out == pytest.approx(ends, abs=0.01)


def test_a_pv_that_comes_back_in_time_and_stays_changes_nothing():
    rig = Rig(good_scans=3)
    rig.set("MANUAL", out=40.0)
    rig.set("AUTO", 60.0)
    rig.scan(60.0, times=4)
    for _ in range(10):
        assert rig.scan(-999.0, BAD_NO_COMMUNICATION, times=3) is None
        assert rig.scan(30.0, times=2) is None
        assert rig.out == pytest.approx(40.0, abs=0.01)         # Good again, but not for long enough yet
        rig.scan(60.0, times=4)
    assert rig.out == pytest.approx(40.0, abs=0.01)


def test_as_many_good_readings_as_it_takes_end_a_time_without():
    rig = Rig(good_scans=3, bad_hold_ns=3 * SECOND)
    rig.set("AUTO", 60.0)
    rig.scan(60.0, times=4)
    rig.scan(60.0, BAD_NO_COMMUNICATION, times=4)
    rig.scan(60.0, times=3)
    assert rig.scan(60.0, BAD_NO_COMMUNICATION, times=6) is None
    assert rig.scan(60.0, BAD_NO_COMMUNICATION) is not None


def test_after_a_time_without_pv_the_controller_goes_on_from_where_the_output_is():
    """The pv went elsewhere meanwhile: no kick by what was seen before."""
    rig = Rig(td_s=20.0)
    rig.set("MANUAL", out=40.0)
    rig.set("AUTO", 60.0)
    rig.scan(60.0, times=4)
    rig.scan(60.0, BAD_NO_COMMUNICATION, times=3)
    rig.scan(50.0, times=3)
    assert rig.out == pytest.approx(40.0, abs=0.01)


def test_a_pv_that_comes_and_goes_is_none():
    rig = Rig(bad_hold_ns=3 * SECOND, good_scans=3, safe_out=5.0)
    rig.set("MANUAL", out=40.0)
    rig.set("AUTO", 60.0)
    rig.scan(60.0, times=4)
    for _ in range(4):
        rig.scan(60.0, BAD_NO_COMMUNICATION)
        rig.scan(60.0)
    assert (rig.loop.mode, rig.out) == ("MANUAL", 5.0)


def test_a_pv_lost_for_good_may_ramp_the_output_to_safe():
    rig = Rig(bad_out="ramp", out_rate_per_s=2.0, safe_out=5.0, bad_hold_ns=SECOND)
    rig.set("MANUAL", out=40.0)
    rig.set("AUTO", 60.0)
    rig.scan(60.0, times=2)
    entry = rig.scan(60.0, BAD_NO_COMMUNICATION, times=3)
    assert entry is not None
    assert (entry.out, rig.out) == (5.0, pytest.approx(40.0, abs=0.01))
    rig.scan(60.0, BAD_NO_COMMUNICATION, times=10)
    assert rig.out == pytest.approx(30.0, abs=0.1)
    rig.scan(60.0, BAD_NO_COMMUNICATION, times=40)
    assert (rig.out, rig.loop.fading) == (5.0, False)


def test_a_person_ends_the_ramp_to_safe():
    rig = Rig(bad_out="ramp", out_rate_per_s=2.0, safe_out=5.0, bad_hold_ns=0)
    rig.set("MANUAL", out=40.0)
    rig.set("AUTO", 60.0)
    rig.scan(60.0)
    rig.scan(60.0, BAD_NO_COMMUNICATION, times=3)
    rig.set("MANUAL", out=20.0)
    rig.scan(60.0, BAD_NO_COMMUNICATION, times=10)
    assert rig.out == 20.0


@pytest.mark.parametrize(("kind", "blind"), [
    ("pid", True), ("on_off", True), ("ratio", True), ("total", True), ("feed", False), ("direct", False), ("select", False),
])  # fmt: skip
def test_only_a_loop_that_needs_its_pv_is_blind_without_it(kind: str, blind: bool):
    rig = Rig(kind=kind, dose=DOSE)
    rig.image.quality[PV] = BAD_NO_COMMUNICATION
    assert rig.loop.blind(rig.image) is blind


# --- the other kinds ---------------------------------------------------------------------------------------------------
def feed() -> Rig:
    limits = (LimitRow("hydrogen", LEL, 6.0, 10.0), LimitRow("heating", RISE, 0.3, 0.8))
    rig = Rig(kind="feed", out_high=0.75, limits=limits)
    rig.set("AUTO", 0.7)
    return rig


@pytest.mark.parametrize(("lel", "rise", "allowed", "by"), [
    (0.0, 0.0, 0.7, "recipe"), (8.0, 0.0, 0.375, "hydrogen"), (10.0, 0.0, 0.0, "hydrogen"),
    (40.0, 0.0, 0.0, "hydrogen"), (8.0, 0.7, 0.15, "heating"),
])  # fmt: skip
def test_a_feed_takes_the_least_of_the_recipe_and_every_limit(lel: float, rise: float, allowed: float, by: str):
    rig = feed()
    rig.image.value[LEL], rig.image.value[RISE] = lel, rise
    rig.scan()
    assert (rig.out, rig.loop.limited_by) == (pytest.approx(allowed), by)


def test_a_limit_that_allows_as_much_as_the_recipe_wants_limits_nothing():
    rig = feed()
    rig.set("AUTO", 0.75)
    rig.scan()
    assert (rig.out, rig.loop.limited_by) == (0.75, "recipe")


@pytest.mark.parametrize("quality", [UNCERTAIN, BAD_NO_COMMUNICATION])
def test_a_limit_that_is_not_good_lets_nothing_in(quality: int):
    rig = feed()
    rig.image.quality[LEL] = quality
    rig.scan()
    assert (rig.out, rig.loop.limited_by) == (0.0, "hydrogen (not good)")


def test_an_on_off_loop_has_hysteresis_and_is_off_when_it_cannot_see():
    rig = Rig(kind="on_off", hysteresis=0.5, out_high=1.0)
    rig.set("AUTO", 9.5)
    assert (rig.scan(9.4), rig.out) == (None, 1.0)
    assert (rig.scan(9.8), rig.out) == (None, 1.0)
    assert (rig.scan(10.1), rig.out) == (None, 0.0)
    rig.scan(9.0)
    assert rig.out == 1.0
    rig.scan(9.0, BAD_NO_COMMUNICATION)
    assert rig.out == 0.0


@pytest.mark.parametrize(("before", "stays"), [(9.0, 1.0), (11.0, 0.0)])
def test_an_on_off_loop_stays_as_it_is_from_its_setpoint_to_the_end_of_its_hysteresis(before: float, stays: float):
    rig = Rig(kind="on_off", hysteresis=0.5, out_high=1.0)
    rig.set("AUTO", 9.5)
    for pv in (before, 9.5, 10.0):
        rig.scan(pv)
        assert rig.out == stays


@pytest.mark.parametrize("out", [0.0, 1.0])
def test_an_on_off_loop_taken_over_between_its_limits_stays_as_it_is(out: float):
    rig = Rig(kind="on_off", hysteresis=0.5, out_high=1.0)
    rig.set("MANUAL", out=out)
    rig.set("AUTO", 9.5)
    rig.scan(9.7, times=3)
    assert rig.out == out


def test_a_direct_loop_passes_its_setpoint_on_with_its_ramp():
    rig = Rig(kind="direct", out_high=400.0, sp_rate_per_s=10.0)
    rig.set("AUTO", 300.0)
    rig.scan(times=20)
    assert rig.out == pytest.approx(100.0)
    rig.scan(times=60)
    assert rig.out == 300.0


def test_the_ramp_of_a_direct_loop_begins_at_its_output_whatever_is_measured():
    rig = Rig(kind="direct", out_high=400.0, sp_rate_per_s=10.0)
    rig.set("MANUAL", out=100.0)
    rig.set("AUTO", 300.0)
    rig.scan(250.0)
    assert rig.out == pytest.approx(105.0)


def test_where_an_output_is_held_moves_no_ramp_of_a_controllers_setpoint():
    rig = Rig(sp_rate_per_s=1.0)
    rig.set("AUTO", 60.0)
    rig.scan(20.0, times=10, actual=35.0)
    assert rig.loop.ramped == pytest.approx(25.0)


def test_a_direct_loop_ramps_from_where_a_trip_held_its_output():
    rig = Rig(kind="direct", out_high=400.0, sp_rate_per_s=10.0)
    rig.set("AUTO", 300.0)
    rig.scan(times=80)
    rig.scan(times=10, actual=0.0)
    assert rig.out == pytest.approx(5.0)        # what one step from there makes: still forced
    rig.scan(times=4)
    assert rig.out == pytest.approx(25.0)


def test_a_split_range_cools_below_the_middle_and_heats_above_it():
    row = LoopRow(name="TIC", kind="pid", unit="R-101", period_ns=SECOND, output=1, output_low=2)
    assert (row.share(50.0), row.share_low(50.0)) == (0.0, 0.0)
    assert (row.share(75.0), row.share_low(75.0)) == (50.0, 0.0)
    assert (row.share(0.0), row.share_low(0.0)) == (0.0, 100.0)


@given(st.floats(0, 100))
def test_a_split_range_and_its_whole_are_inverse(out: float):
    row = LoopRow(name="TIC", kind="pid", unit="R-101", period_ns=SECOND, output=1, output_low=2)
    assert row.whole(row.share(out), row.share_low(out)) == pytest.approx(out, abs=1e-9)


def test_a_loop_keeps_its_turn_when_ticks_come_late():
    rig = Rig(period_ns=SECOND)
    turns = 0
    for k in range(1, 201):
        now = k * SECOND // 2 + (k * 2_971_215 % 5_000_000)  # up to 5 ms late, now more and now less
        if rig.loop.due(now):
            turns += 1
            rig.loop.update(rig.image, now, None)
    assert turns == 100


# --- what a controller may be told besides ---------------------------------------------------------------------------------
def test_the_feed_forward_acts_at_once_and_stays_where_it_was_when_its_value_is_lost():
    rig = Rig(forward=Forward(LEL, gain=2.0, zero=10.0), ti_s=1e6)
    rig.image.value[LEL] = 10.0
    rig.set("MANUAL", out=40.0)
    rig.set("AUTO", 60.0)
    rig.scan(60.0, times=2)
    rig.image.value[LEL] = 15.0
    rig.scan(60.0)
    assert rig.out == pytest.approx(50.0, abs=0.01)
    rig.image.value[LEL], rig.image.quality[LEL] = 90.0, BAD_NO_COMMUNICATION
    rig.scan(60.0)
    assert rig.out == pytest.approx(50.0, abs=0.01)


def test_the_feed_forward_counts_from_its_zero_and_is_part_of_taking_over_without_a_bump():
    rig = Rig(forward=Forward(LEL, gain=2.0, zero=10.0))
    rig.image.value[LEL] = 15.0
    rig.set("MANUAL", out=40.0)
    rig.set("AUTO", 60.0)
    rig.scan(60.0)
    assert rig.out == pytest.approx(40.0)
    assert rig.loop.law.show()["terms"] == pytest.approx({"p": 0.0, "i": 30.0, "d": 0.0, "ff": 10.0})


def test_a_feed_forward_that_was_never_good_adds_nothing():
    rig = Rig(forward=Forward(LEL, gain=2.0))
    rig.image.value[LEL], rig.image.quality[LEL] = 15.0, BAD_NO_COMMUNICATION
    rig.set("AUTO", 60.0)
    rig.scan(60.0)
    assert rig.loop.law.show()["terms"] == pytest.approx({"p": 0.0, "i": 0.0, "d": 0.0, "ff": 0.0})


def test_a_gain_schedule_goes_by_its_own_pv_with_a_margin_and_changes_the_gain_alone():
    rig = Rig(zones=(Zone(50.0, 1.0), Zone(100.0, 0.5)), zones_margin=4.0, td_s=5.0, tf_s=2.0, b=0.7, gap=0.5)
    rig.set("AUTO", 60.0)
    for pv, gain in ((45.0, 2.0), (52.0, 2.0), (56.0, 1.0), (48.0, 1.0), (45.0, 2.0), (56.0, 1.0)):
        rig.scan(pv)
        shown = rig.loop.law.show()
        assert shown["tuning"] == {"gain": gain, "ti_s": 60.0, "td_s": 5.0, "tf_s": 2.0, "b": 0.7, "gap": 0.5}


@given(st.floats(0.0, 100.0), st.floats(0.02, 50.0))
def test_another_zone_of_the_gain_schedule_does_not_move_the_output(out: float, factor: float):
    rig = Rig(zones=(Zone(50.0, 1.0), Zone(100.0, factor)), zones_pv=LEL, ti_s=1e6)
    rig.image.value[LEL] = 20.0
    rig.set("MANUAL", out=out)
    rig.set("AUTO", 60.0)
    rig.scan(58.0, times=2)
    before = rig.out
    rig.image.value[LEL] = 80.0
    rig.scan(58.0)
    assert rig.out == pytest.approx(before, abs=0.01)
    law = rig.loop.law
    assert isinstance(law, PidLaw)
    assert law.pid.tuning.gain == pytest.approx(2.0 * factor)


def test_a_schedule_that_cannot_see_what_it_goes_by_leaves_the_gain_alone():
    rig = Rig(zones=(Zone(50.0, 1.0), Zone(100.0, 0.1)), zones_pv=LEL)
    rig.image.value[LEL], rig.image.quality[LEL] = 80.0, UNCERTAIN
    rig.set("AUTO", 60.0)
    rig.scan(58.0, times=2)
    assert isinstance(rig.loop.law, PidLaw)
    assert rig.loop.law.factor == 1.0


@pytest.mark.parametrize(("pv", "sp"), [(1.0, 3.5), (3.5, 1.0), (12.0, 3.0)])
def test_a_change_of_setpoint_in_another_coordinate_begins_without_a_bump(pv: float, sp: float):
    rig = Rig(straight=strong_acid, gain=100.0, ti_s=500.0)
    rig.set("MANUAL", out=30.0)
    rig.set("AUTO", sp)
    rig.scan(pv)
    assert rig.out == pytest.approx(30.0, abs=0.03)


@pytest.mark.parametrize(("pv", "sp"), [(3.0, 3.5), (4.0, 3.5), (1.5, 1.4)])
def test_a_loop_made_straight_answers_an_error_in_that_coordinate(pv: float, sp: float):
    rig = Rig(straight=strong_acid, gain=100.0, ti_s=1e9)
    rig.set("MANUAL", out=50.0)
    rig.set("AUTO", sp)
    rig.scan(sp, times=3)
    before = rig.out
    rig.scan(pv)
    assert rig.out - before == pytest.approx(100.0 * (strong_acid(sp) - strong_acid(pv)), rel=1e-6)


@given(st.floats(0, 100), st.floats(0, 95))
def test_a_loop_may_keep_the_pv_it_has(out: float, pv: float):
    rig = Rig(sp_track=True)
    rig.set("MANUAL", out=out)
    rig.scan(pv, times=2)
    assert rig.set("AUTO") == ""
    assert rig.loop.sp == pv
    rig.scan(pv, times=3)
    assert rig.out == pytest.approx(out, abs=0.01)


def test_the_output_goes_no_faster_than_its_rate():
    rig = Rig(out_rate_per_s=1.0)
    rig.set("MANUAL", out=40.0)
    rig.set("AUTO", 60.0)
    rig.scan(60.0, times=2)
    seen = [rig.out]
    for _ in range(20):
        rig.scan(20.0)
        seen.append(rig.out)
    assert max(abs(b - a) for a, b in itertools.pairwise(seen)) <= 0.5 + 1e-9
    assert rig.out > 45.0


def test_every_term_can_be_seen():
    rig = Rig(td_s=5.0, forward=Forward(LEL, 1.0))
    rig.set("MANUAL", out=40.0)
    rig.set("AUTO", 60.0)
    rig.scan(59.0, times=3)
    shown = rig.loop.law.show()
    assert set(shown) == {"terms", "tuning", "gain_factor", "pv_seen", "tracking"}
    assert sum(shown["terms"].values()) == pytest.approx(rig.out, abs=1e-9)  # pyright: ignore


# --- ratio, total, selection -------------------------------------------------------------------------------------------------
def test_a_ratio_follows_the_wild_flow():
    rig = Rig(kind="ratio", bias=1.0, out_high=50.0)
    rig.set("AUTO", 2.5)
    rig.scan(4.0)
    assert rig.out == pytest.approx(11.0)
    rig.scan(400.0)
    assert rig.out == 50.0


@pytest.mark.parametrize(("wild", "ratio"), [(4.0, 2.5), (0.0, 0.5), (-4.0, 0.5)])
def test_the_ramp_of_a_ratio_begins_at_the_ratio_that_its_output_has_and_without_a_flow_at_the_least(wild: float, ratio: float):
    rig = Rig(kind="ratio", bias=1.0, sp_low=0.5, sp_high=5.0, sp_rate_per_s=0.1)
    rig.set("MANUAL", out=11.0)
    rig.scan(wild)
    rig.set("AUTO", 3.0)
    rig.scan(wild)
    assert rig.loop.ramped == pytest.approx(ratio + 0.05)


# --- where its outputs stand ---------------------------------------------------------------------------------------------
def seated(high: float | None, low: float | None, **row: Any) -> LoopMode | None:
    rig = Rig(safe_out=5.0, output=1, **row)
    rig.set("MANUAL", out=40.0)
    rig.set("AUTO", 60.0)
    return seat(rig.loop, high, low, "test")


@pytest.mark.parametrize(("high", "low", "out"), [(30.0, None, 30.0), (130.0, None, 100.0), (None, None, 5.0)])
def test_a_loop_is_put_into_manual_where_its_output_stands_and_where_that_is_not_known_at_its_safe_one(
    high: float | None, low: float | None, out: float
):
    assert seated(high, low) == LoopMode(loop="TIC", mode="MANUAL", was="AUTO", setpoint=60.0, out=out, owner="operator", cause="test")


@pytest.mark.parametrize(("high", "low", "out"), [
    (40.0, 0.0, 70.0), (0.0, 40.0, 30.0), (0.0, 0.0, 50.0), (40.0, None, 5.0), (None, 40.0, 5.0),
])  # fmt: skip
def test_of_a_split_range_both_outputs_have_to_be_known(high: float | None, low: float | None, out: float):
    entry = seated(high, low, output_low=2)
    assert entry is not None
    assert entry.out == out


@pytest.mark.parametrize(("mode", "stands", "moved"), [("MANUAL", 40.0, False), ("MANUAL", 40.5, True), ("AUTO", 40.0, True)])
def test_a_loop_that_is_in_manual_where_its_output_stands_is_left_alone(mode: str, stands: float, moved: bool):
    rig = Rig(output=1)
    rig.set("MANUAL", out=40.0)
    rig.set(mode, 60.0)
    assert (seat(rig.loop, stands, None, "test") is not None) is moved


def test_a_ratio_without_its_wild_flow_lets_go():
    rig = Rig(kind="ratio", bad_hold_ns=2 * SECOND)
    rig.set("AUTO", 2.5)
    rig.scan(4.0)
    rig.scan(4.0, BAD_NO_COMMUNICATION, times=3)
    assert (rig.loop.mode, rig.out) == ("AUTO", 10.0)
    rig.scan(4.0, BAD_NO_COMMUNICATION, times=4)
    assert (rig.loop.mode, rig.out) == ("MANUAL", 0.0)


@pytest.mark.fault("P01")
def test_a_dose_closes_at_once_when_its_counter_is_lost():
    rig = Rig(kind="total", dose=DOSE)
    rig.set("AUTO", 20.0)
    rig.scan(3.0)
    assert rig.out == 10.0
    rig.scan(3.0, BAD_NO_COMMUNICATION)
    assert (rig.out, rig.loop.limited_by) == (0.0, "total not good")
    rig.scan(19.5)
    assert (rig.out, rig.loop.limited_by) == (2.0, "")
    rig.scan(20.0)
    assert rig.out == 0.0


def test_a_dose_whose_counter_was_cleared_closes_and_says_why():
    rig = Rig(kind="total", dose=DOSE)
    rig.set("AUTO", 20.0)
    rig.scan(15.0)
    rig.scan(0.0)
    assert (rig.out, rig.loop.limited_by) == (0.0, "total fell")


def test_what_runs_on_after_a_dose_is_learnt_and_shown():
    rig = Rig(kind="total", dose=DOSE)
    rig.set("AUTO", 20.0)
    rig.scan(20.0)
    assert rig.loop.law.show() == {"in_flight": 0.0, "closed": True}
    rig.scan(20.2, times=20)                    # 10 s: it is still by then
    assert rig.loop.law.show() == {"in_flight": pytest.approx(0.1), "closed": True}


def offering(name: str, out: float, mode: str = "AUTO") -> Loop:
    loop = Loop(LoopRow(name=name, kind="pid", unit="R-101", period_ns=SECOND, pv=PV, inner="UY"))
    loop.mode, loop.out = mode, out
    return loop


@pytest.mark.parametrize(("pick", "chosen", "out"), [("low", "FIC", 30.0), ("high", "TIC", 60.0)])
def test_a_selector_takes_the_least_or_the_greatest_of_those_not_in_manual(pick: str, chosen: str, out: float):
    rig = Rig(kind="select", pick=pick, safe_out=5.0)
    assert rig.set("AUTO") == ""
    rig.scan()
    assert (rig.out, rig.loop.limited_by) == (5.0, "nobody")
    for loop in (offering("TIC", 60.0), offering("FIC", 30.0), offering("PIC", 0.0, "MANUAL"), offering("QIC", 100.0, "MANUAL")):
        rig.loop.take(loop)
    rig.scan()
    assert (rig.out, rig.loop.limited_by) == (out, chosen)
    assert rig.loop.law.show() == {"offers": {"TIC": 60.0, "FIC": 30.0}}
    assert "no loop drives" in rig.set("CASCADE")


def test_there_is_a_law_for_every_kind_and_at_first_nothing_limits_it():
    for kind in KINDS:
        assert Loop(LoopRow(name="X", kind=kind, unit="R-101", period_ns=SECOND, pv=PV, dose=DOSE)).limited_by == ""
