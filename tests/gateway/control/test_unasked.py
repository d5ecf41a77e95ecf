"""Nothing moves unasked: what an output does after a reset, a restart, a panel, a force, a lost reading."""

from __future__ import annotations

import math
import random
from typing import Any

import msgspec
import pytest

from gateway.control.chain import CommandReceived, InterlockChanged, LoopMode
from gateway.control.command import Command
from gateway.control.dosing import DoseRow, Dosing
from gateway.control.image import GOOD, SECOND, Image
from gateway.control.loop import LimitRow, Loop, LoopRow
from gateway.control.scan import replay
from tests.gateway.control.small import JI, LI, NAMES, STEP, TI, TV, Small


def changed(owner: Any, **fields: Any) -> None:
    """Another row for a loop or an output."""
    owner.row = type(owner.row)(**{**{f: getattr(owner.row, f) for f in owner.row.__struct_fields__}, **fields})


def last(plant: Small, tag: str) -> float | None:
    return next((value for name, value in reversed(plant.sent) if name == tag), None)


def by_hand(out: float = 60.0) -> Small:
    plant = Small().started()
    assert plant.ask("loop.set", "JIC", mode="MANUAL", out=out) == ""
    plant.run(4)
    assert last(plant, "TV") == out
    return plant


def tripped(plant: Small) -> Small:
    plant.show(LI, 95.0)
    plant.run(4)
    assert last(plant, "TV") in (None, 0.0)
    return plant


def reset(plant: Small) -> Small:
    plant.show(LI, 50.0)
    plant.run(2)
    assert plant.ask("interlock.reset", "level_high") == ""
    plant.run(10)
    assert plant.parts.interlocks.forced == {}
    return plant


# --- after a trip ------------------------------------------------------------------------------------------------------
def test_after_the_reset_a_loop_in_manual_stays_where_the_trip_has_put_its_output():
    plant = reset(tripped(by_hand()))
    assert (last(plant, "TV"), plant.loops["JIC"].out) == (0.0, 0.0)


def test_what_was_asked_while_a_trip_stood_does_not_open_a_valve_at_its_reset():
    plant = tripped(by_hand())
    plant.ask("output.set", "XV", value=1)
    plant.run(4)
    assert last(reset(plant), "XV") in (None, 0.0)


def test_an_output_forced_while_a_trip_stood_does_not_move_at_its_reset():
    plant = tripped(by_hand())
    plant.ask("force.set", "XV", value=1.0, minutes=10)
    plant.run(4)
    assert last(reset(plant), "XV") in (None, 0.0)


@pytest.mark.parametrize("verb", ["output.set", "force.set"])
def test_a_row_that_lets_go_by_itself_gives_nothing_back_either(verb: str):
    """As when the switch at a tank is turned to local and back: nobody stands there expecting a valve to open."""
    plant = Small()
    changed(plant.parts.interlocks.by_name["level_high"], latch=False)
    plant.started()
    assert plant.ask(verb, "XV", value=1, minutes=60) == ""
    plant.run(4)
    assert last(plant, "XV") == 1.0
    plant.show(LI, 95.0)
    plant.run(6)
    plant.show(LI, 50.0)
    plant.run(20)
    assert plant.parts.interlocks.forced == {}
    assert last(plant, "XV") == 0.0


@pytest.mark.parametrize("ends", ["by time", "by reset"])
def test_what_was_asked_while_a_trip_stood_does_not_open_a_valve_at_its_bypass(ends: str):
    plant = tripped(by_hand())
    plant.ask("output.set", "XV", value=1)
    plant.ask("interlock.bypass", "level_high", minutes=1)
    plant.run(10)
    assert plant.parts.interlocks.forced == {}
    assert (last(plant, "XV"), last(plant, "TV")) == (0.0, 0.0)
    plant.ask("output.set", "XV", value=1)      # but what is asked under the bypass is done,
    plant.run(4)
    assert last(plant, "XV") == 1.0
    plant.show(LI, 50.0)
    if ends == "by reset":
        plant.run(2)
        assert plant.ask("interlock.reset", "level_high") == ""
        plant.run(10)
        assert last(plant, "XV") == 1.0         # and stays as it is
        return
    plant.run(130)                              # until the time is over: still latched, it forces again
    assert last(plant, "XV") == 0.0
    plant.ask("interlock.reset", "level_high")
    plant.run(10)
    assert last(plant, "XV") == 0.0


def test_a_command_that_was_on_its_way_to_the_record_when_a_reset_was_asked_opens_nothing():
    plant = tripped(Small(lag=6).started())
    plant.show(LI, 50.0)
    plant.run(8)
    plant.ask("output.set", "XV", value=1)
    plant.ask("loop.set", "JIC", mode="MANUAL", out=60.0)
    plant.ask("force.set", "XV", value=1.0, minutes=5)
    assert plant.ask("interlock.reset", "level_high") == ""
    plant.run(30)
    assert plant.parts.interlocks.forced == {}
    assert (last(plant, "XV"), last(plant, "TV")) == (0.0, 0.0)


# --- after a restart ---------------------------------------------------------------------------------------------------
def test_after_a_restart_a_loop_whose_output_cannot_be_read_stands_at_its_safe_output():
    plant = by_hand()
    after = Small(plant.journal)
    after.now = plant.now
    replay(after.scan, list(plant.journal.read()))
    after.lose(TV)
    after.parts.outputs.send = lambda tag, value, now, expires: after.sent.append((NAMES[tag], value))
    after.started()
    after.run(10)
    assert last(after, "TV") in (None, 0.0)


# --- panel -------------------------------------------------------------------------------------------------------------
def test_back_from_its_panel_an_output_of_a_loop_in_manual_stays_as_it_was_left():
    plant = Small()
    changed(plant.parts.outputs.by_tag[TV], local=5)
    plant.show(5, 1.0)
    plant.started()
    plant.ask("loop.set", "JIC", mode="MANUAL", out=60.0)
    plant.run(4)
    plant.show(5, 0.0)
    plant.run(4)
    plant.show(TV, 10.0)                        # at the panel
    plant.run(10)
    plant.show(5, 1.0)
    before = len(plant.sent)
    plant.run(10)
    assert plant.sent[before:] == []
    assert plant.loops["JIC"].out == 10.0


def test_back_from_its_panel_a_speed_goes_up_along_its_ramp_from_where_it_was_left():
    plant = Small()
    row = LoopRow(name="JIC", kind="direct", unit="R-1", period_ns=STEP, output=TV, sp_low=0.0, sp_high=90.0, sp_rate_per_s=2.0)
    plant.loops["JIC"] = Loop(row)
    changed(plant.parts.outputs.by_tag[TV], local=5)
    plant.show(5, 1.0)
    plant.started()
    plant.ask("loop.set", "JIC", mode="AUTO", sp=60.0)
    plant.run(80)
    assert last(plant, "TV") == 60.0
    plant.show(5, 0.0)
    plant.run(4)
    plant.show(TV, 10.0)
    plant.run(10)
    plant.show(5, 1.0)
    before = len(plant.sent)
    plant.run(3)
    assert all(10.0 <= value <= 14.0 for _, value in plant.sent[before:])
    plant.run(80)
    assert last(plant, "TV") == 60.0


# --- lost readings -----------------------------------------------------------------------------------------------------
def test_a_ramp_to_safe_is_not_cut_short_by_the_record_of_it():
    plant = Small()
    changed(plant.loops["JIC"], bad_out="ramp", out_rate_per_s=1.0)
    plant.started()
    plant.ask("loop.set", "JIC", mode="AUTO", sp=80.0)
    plant.run(100)
    assert plant.loops["JIC"].out > 50.0
    plant.lose(JI)
    plant.run(7 + 10)
    assert plant.loops["JIC"].mode == "MANUAL"
    assert plant.loops["JIC"].out > 30.0


def overridden() -> Small:
    """Two controllers over one valve by a low selector: one wants it wide open, the other, a limit, keeps it down."""
    plant = Small()
    loops = plant.loops

    def pid(name: str, pv: int, action: float) -> Loop:
        return Loop(LoopRow(name=name, kind="pid", unit="R-1", period_ns=STEP, pv=pv, inner="UY", gain=action, ti_s=60.0,
                            sp_low=0.0, sp_high=90.0))  # fmt: skip

    loops.clear()
    loops |= {"TIC": pid("TIC", TI, 2.0), "JIC": pid("JIC", JI, 2.0),
              "UY": Loop(LoopRow(name="UY", kind="select", unit="R-1", period_ns=STEP, output=TV, pick="low"))}  # fmt: skip
    plant.parts.loop_order[:] = ["TIC", "JIC", "UY"]
    plant.started()
    plant.show(JI, 50.0)
    for name, sp in (("TIC", 90.0), ("JIC", 50.0)):
        plant.ask("loop.set", name, mode="AUTO", sp=sp)
    plant.ask("loop.set", "UY", mode="AUTO")
    plant.run(40)
    return plant


def test_a_limiting_controller_that_goes_blind_does_not_give_the_output_to_the_one_it_limits():
    plant = overridden()
    assert plant.loops["UY"].limited_by == "JIC"
    before = plant.loops["UY"].out
    plant.lose(JI)
    plant.run(60)
    assert plant.loops["JIC"].mode == "MANUAL"
    assert plant.loops["UY"].out <= before
    assert plant.loops["UY"].limited_by == "JIC"
    plant.ask("loop.set", "JIC", mode="MANUAL", out=0.0)           # a person takes it out of the choice
    plant.run(4)
    assert plant.loops["UY"].limited_by == "TIC"


def test_where_the_greatest_counts_a_controller_that_goes_blind_offers_what_is_safe_there():
    """As two that ask for cooling, of which the more counts: the one that has lost its reading asks for all of it."""
    plant = overridden()
    for name in ("TIC", "JIC"):
        plant.loops[name].row = msgspec.structs.replace(plant.loops[name].row, safe_out=100.0)
    plant.loops["UY"].row = msgspec.structs.replace(plant.loops["UY"].row, pick="high")
    plant.show(TI, 90.0)                        # the other one asks for no more
    plant.run(20)
    assert plant.loops["UY"].out < 90.0
    plant.lose(JI)
    plant.run(60)
    assert (plant.loops["UY"].out, plant.loops["UY"].limited_by) == (100.0, "JIC")


# --- commands that cross -----------------------------------------------------------------------------------------------
def test_an_experiment_does_not_begin_where_the_loop_was_before_somebody_set_it():
    plant = Small()
    plant.loops["JIC"].row = LoopRow(name="JIC", kind="pid", unit="R-1", period_ns=STEP, pv=JI, output=TV, gain=3.0, ti_s=60.0,
                                     sp_low=5.0, sp_high=90.0)  # fmt: skip
    plant.started()
    plant.ask("loop.set", "JIC", mode="MANUAL", out=60.0)
    plant.run(4)
    plant.scan.inbox.append(Command(verb="loop.set", target="JIC", who="Ann", arguments={"mode": "MANUAL", "out": 0.0}))
    plant.scan.inbox.append(Command(verb="loop.tune", target="JIC", who="Bob", why="test", arguments={
        "amplitude": 10.0, "hysteresis": 0.5, "pv_low": 0.0, "pv_high": 90.0, "longest_s": 600.0}))  # fmt: skip
    plant.run(10)
    assert plant.loops["JIC"].out == 0.0
    assert last(plant, "TV") == 0.0


# --- dosing ------------------------------------------------------------------------------------------------------------
def test_a_total_that_is_cleared_while_it_is_dosed_is_not_dosed_a_second_time():
    dose = Dosing(DoseRow(fast=1.0, slow=0.2, slow_below=0.5))
    assert [dose.rate(total, 10.0, now=0) for total in (0.0, 4.0, 8.0)] == [1.0, 1.0, 1.0]
    assert [dose.rate(total, 10.0, now=0) for total in (0.0, 0.0, 1.0, 9.0)] == [0.0] * 4
    assert dose.rate(1.0, 11.0, now=0) == 1.0   # somebody wants another target


def test_a_total_that_is_no_number_doses_nothing():
    dose = Dosing(DoseRow(fast=1.0, slow=0.2, slow_below=0.5))
    assert dose.rate(math.nan, 10.0, now=0) == 0.0


def test_a_ramped_ratio_begins_at_the_ratio_that_the_output_has_and_not_at_the_wild_flow():
    loop = Loop(LoopRow(name="FFC", kind="ratio", unit="R-1", period_ns=STEP, pv=0, output=1, sp_low=0.0, sp_high=1.0,
                        sp_rate_per_s=0.001))  # fmt: skip
    image = Image(["FI", "FY"], [10 * SECOND] * 2)
    image.put(0, 50.0, GOOD, asked=0, seen=0, source=0)
    loop.apply(LoopMode(loop="FFC", mode="AUTO", was="MANUAL", setpoint=0.5, owner="operator"))
    loop.update(image, STEP, None)
    assert loop.out < 1.0


def test_a_limit_that_is_no_number_lets_nothing_in():
    limits = (LimitRow(name="hydrogen", pv=0, full=6.0, zero=10.0),)
    loop = Loop(LoopRow(name="FIC", kind="feed", unit="R-1", period_ns=STEP, output=1, out_high=0.75, limits=limits))
    image = Image(["AIT", "FY"], [10 * SECOND] * 2)
    image.put(0, math.nan, GOOD, asked=0, seen=0, source=0)
    loop.apply(LoopMode(loop="FIC", mode="AUTO", was="MANUAL", setpoint=0.5, owner="operator"))
    loop.update(image, STEP, None)
    assert (loop.out, loop.limited_by) == (0.0, "hydrogen (not good)")


# --- at random ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("latch", [True, False])
@pytest.mark.parametrize("lag", [1, 4, 12])
@pytest.mark.parametrize("seed", range(6))
def test_whatever_people_and_trips_do_a_valve_opens_only_for_who_asked_since_the_last_trip_or_reset(seed: int, lag: int, latch: bool):
    rng = random.Random(seed)
    plant = Small(lag=lag).started()
    level = plant.parts.interlocks.by_name["level_high"]
    level.row = msgspec.structs.replace(level.row, latch=latch)
    asked, opened = False, 0
    for _ in range(3000):
        roll = rng.random()
        if roll < 0.15:
            plant.show(LI, rng.choice((50.0, 50.0, 95.0)))
        for verb, target, ways in (each[1:] for each in WAYS if roll < each[0]):
            if verb:
                arguments = {key: rng.choice(values) for key, values in ways.items()}
                plant.scan.inbox.append(Command(verb=verb, target=target, who="Ann", why="test", arguments=arguments))
            break
        before = len(plant.sent)
        for entry in plant.run():
            if isinstance(entry, CommandReceived) and entry.verb in ("output.set", "force.set"):
                asked = asked or (entry.outcome == "accepted" and entry.arguments["value"] == 1)
            elif isinstance(entry, InterlockChanged) and entry.event in ("tripped", "reset"):
                asked = False
        if ("XV", 1.0) in plant.sent[before:]:
            opened += 1
            assert asked, f"after {plant.now.mono // SECOND - 1000} s"
    assert opened > 10
    plant.show(LI, 50.0)
    plant.run(3 * lag + 6)
    output = plant.parts.outputs.by_name["XV"]
    assert (output.ahead, output.asked) == (None, None)
    after = Small(plant.journal)
    replay(after.scan, list(plant.journal.read()))
    assert kept(after) == kept(plant)


def kept(plant: Small) -> list[Any]:
    """What a restart must find as it was."""
    parts = plant.parts
    return [[(item.tripped, item.bypass_until) for item in parts.interlocks.items],
            {tag: (force.value, force.until) for tag, force in parts.forces.standing.items()},
            {name: (loop.mode, loop.sp, loop.out) for name, loop in parts.loops.items()}]  # fmt: skip


WAYS: list[tuple[float, str, str, dict[str, tuple[Any, ...]]]] = [
    (0.15, "", "", {}),
    (0.25, "output.set", "XV", {"value": (0, 1)}),
    (0.32, "force.set", "XV", {"value": (0, 1), "minutes": (0.1, 1)}),
    (0.36, "force.end", "XV", {}),
    (0.46, "interlock.reset", "level_high", {}),
    (0.50, "loop.set", "JIC", {"mode": ("MANUAL",), "out": (0.0, 30.0, 60.0)}),
]
