"""Nothing moves unasked: what an output does after a reset, a restart, a panel, a force, a lost reading."""

from __future__ import annotations

from typing import Any

from gateway.control.scan import replay
from tests.gateway.control.small import JI, LI, NAMES, TV, Small


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
    assert last(plant, "TV") == 0.0
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
