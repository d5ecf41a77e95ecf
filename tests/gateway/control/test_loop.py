"""Loops: no bump when they are taken over, nothing held longer than allowed on a bad pv, a feed that takes the least."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.quality import BAD_NO_COMMUNICATION, GOOD, UNCERTAIN
from gateway.control.chain import LoopMode
from gateway.control.image import SECOND, Image
from gateway.control.loop import LimitRow, Loop, LoopRow, request

PV, LEL, RISE = 0, 1, 2


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
])  # fmt: skip
@pytest.mark.fault("O02")
def test_what_a_loop_cannot_do_is_refused(mode: str, sp: float | None, more: dict[str, float], refusal: str):
    rig = Rig(sp_low=0.0, sp_high=95.0)
    assert refusal in rig.set(mode, sp, **more)
    assert rig.loop.mode == "MANUAL"


def test_an_unlimited_setpoint_must_still_be_a_number():
    assert "outside" in Rig().set("AUTO", float("inf"))


def test_asking_for_what_is_so_already_is_no_entry():
    rig = Rig()
    rig.set("AUTO", 60.0)
    assert request(rig.loop, "AUTO", 60.0, "operator", "again") is None
    assert request(rig.loop, "AUTO", None, "operator", "again") is None
    assert isinstance(request(rig.loop, "AUTO", 61.0, "operator", "more"), LoopMode)
    assert isinstance(request(rig.loop, "AUTO", 60.0, "program", "taken over"), LoopMode)


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
    assert (entry.mode, entry.was, entry.cause) == ("MANUAL", "AUTO", "pv not good")
    assert rig.out == (held if expected is None else expected)


def test_a_pv_that_comes_back_in_time_changes_nothing():
    rig = Rig()
    rig.set("MANUAL", out=40.0)
    rig.set("AUTO", 60.0)
    rig.scan(60.0, times=4)
    for _ in range(10):
        assert rig.scan(-999.0, BAD_NO_COMMUNICATION, times=5) is None
        rig.scan(60.0)
    assert rig.out == pytest.approx(40.0, abs=0.01)


@pytest.mark.parametrize(("kind", "blind"), [("pid", True), ("on_off", True), ("feed", False), ("direct", False)])
def test_only_a_loop_that_needs_its_pv_is_blind_without_it(kind: str, blind: bool):
    rig = Rig(kind=kind)
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


@pytest.mark.parametrize("quality", [UNCERTAIN, BAD_NO_COMMUNICATION])
def test_a_limit_that_is_not_good_lets_nothing_in(quality: int):
    rig = feed()
    rig.image.quality[LEL] = quality
    rig.scan()
    assert (rig.out, rig.loop.limited_by) == (0.0, "hydrogen (not good)")


def test_an_on_off_loop_has_hysteresis_and_is_off_when_it_cannot_see():
    rig = Rig(kind="on_off", gain=10.0, out_high=1.0)
    rig.set("AUTO", 9.5)
    assert (rig.scan(9.4), rig.out) == (None, 1.0)
    assert (rig.scan(9.8), rig.out) == (None, 1.0)
    assert (rig.scan(10.1), rig.out) == (None, 0.0)
    rig.scan(9.0)
    assert rig.out == 1.0
    rig.scan(9.0, BAD_NO_COMMUNICATION)
    assert rig.out == 0.0


def test_a_direct_loop_passes_its_setpoint_on_with_its_ramp():
    rig = Rig(kind="direct", out_high=400.0, sp_rate_per_s=10.0)
    rig.set("AUTO", 300.0)
    rig.scan(times=20)
    assert rig.out == pytest.approx(100.0)
    rig.scan(times=60)
    assert rig.out == 300.0


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
        now = k * SECOND // 2 + (k * 7919 % 5_000_000)  # up to 5 ms late
        if rig.loop.due(now):
            turns += 1
            rig.loop.update(rig.image, now, None)
    assert turns == 100
