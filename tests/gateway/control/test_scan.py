"""One scan: what acts at once, what waits for the disk, what is refused, and what a restart finds."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from devices.quality import BAD_NO_COMMUNICATION, BAD_OUT_OF_RANGE, GOOD
from gateway.control import decide
from gateway.control.alarm import AlarmRow
from gateway.control.chain import (
    AlarmChanged,
    BatchCreated,
    CommandReceived,
    ForceChanged,
    IcpResult,
    InterlockChanged,
    LoopMode,
    Note,
    OutputChanged,
)
from gateway.control.command import Command
from gateway.control.conditions import compile_set
from gateway.control.image import SECOND
from gateway.control.interlock import Interlocks, Row
from gateway.control.scan import COMMANDS_PER_SCAN, replay
from tests.gateway.control.small import FI, FQ, JI, LI, TI, TV, XV, Small


def of(kind: type[Any], entries: list[Any]) -> list[Any]:
    return [entry for entry in entries if isinstance(entry, kind)]


# --- start-up ----------------------------------------------------------------------------------------------------------
def test_until_every_trip_tag_is_heard_outputs_are_safe_and_nothing_latches_or_rings():
    plant = Small()
    plant.lose(LI)
    entries = plant.run(10)
    assert plant.sent == [("XV", 0.0), ("TV", 0.0)]
    assert of(InterlockChanged, entries) == []
    assert not plant.scan.armed
    plant.show(LI, 50.0)
    assert plant.run(3) == []
    assert plant.scan.armed


@pytest.mark.fault("P10")
def test_a_start_up_that_takes_too_long_ends_and_what_is_unknown_trips():
    plant = Small()
    plant.lose(LI)
    entries = plant.run(62)
    assert [e.event for e in of(InterlockChanged, entries)] == ["tripped"]
    assert "LI" in of(Note, entries)[0].text
    assert plant.parts.interlocks.forced == {XV: 0.0, TV: 0.0}


def test_no_output_leaves_safe_in_the_scan_that_ends_the_start_up():
    plant = Small()
    plant.show(LI, 95.0)
    plant.ask("output.set", "XV", value=1)
    plant.run(20)
    assert ("XV", 1.0) not in plant.sent


def test_after_a_start_every_loop_is_in_manual_at_what_its_output_does():
    plant = Small().started()
    plant.ask("loop.set", "JIC", mode="AUTO", sp=40.0)
    plant.ask("loop.set", "TIC", mode="AUTO", sp=60.0)
    plant.run(20)
    after = Small(plant.journal)
    after.readings[TV], after.readings[JI] = (0.0, 0), (33.0, 0)
    replay(after.scan, list(plant.journal.read()))
    assert after.loops["JIC"].mode == "AUTO"
    after.started()
    assert (after.loops["JIC"].mode, after.loops["JIC"].out) == ("MANUAL", 0.0)
    assert (after.loops["TIC"].mode, after.loops["TIC"].out) == ("MANUAL", 33.0)


def test_after_a_restart_nothing_that_was_wanted_before_moves_by_itself():
    plant = Small().started()
    plant.ask("output.set", "XV", value=1)
    plant.run(4)
    assert plant.sent[-1] == ("XV", 1.0)
    after = Small(plant.journal)
    replay(after.scan, list(plant.journal.read()))
    after.run(40)
    assert set(after.sent) == {("XV", 0.0), ("TV", 0.0)}


# --- trips and the disk ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("lag", [1, 40])
def test_a_trip_acts_in_the_scan_that_sees_it_and_waits_for_no_disk(lag: int):
    plant = Small(lag=lag).started()
    plant.ask("output.set", "XV", value=1)
    plant.run(50)
    plant.show(LI, 95.0)
    plant.run(2)  # one to read it, one to see it
    assert plant.sent[-1] == ("XV", 0.0)


def test_a_command_acts_only_when_its_entry_is_durable():
    plant = Small(lag=10).started()
    plant.run(12)
    plant.ask("output.set", "XV", value=1)
    plant.run(9)
    assert ("XV", 1.0) not in plant.sent
    plant.run(3)
    assert ("XV", 1.0) in plant.sent


def test_who_closes_a_valve_does_not_wait_for_the_disk_and_what_was_asked_before_does_not_open_it_again():
    plant = Small(lag=10).started()
    plant.run(12)
    plant.ask("output.set", "XV", value=1)
    plant.run(15)
    assert plant.sent[-1] == ("XV", 1.0)
    plant.ask("output.set", "XV", value=0)
    assert plant.sent[-1] == ("XV", 0.0)        # in the same scan
    plant.run(15)
    plant.ask("output.set", "XV", value=1)      # on its way to the record
    plant.ask("output.set", "XV", value=0)
    plant.run(40)
    assert plant.sent[-1] == ("XV", 0.0)
    plant.ask("output.set", "XV", value=1)
    plant.ask("output.set", "XV", value=0)
    plant.ask("output.set", "XV", value=1)      # the last word
    plant.run(15)
    assert plant.sent[-1] == ("XV", 1.0)
    assert plant.parts.outputs.by_name["XV"].owner == "operator"


def test_a_reset_waits_for_the_disk_like_any_command():
    plant = Small(lag=10).started()
    plant.run(12)
    plant.show(LI, 95.0)
    plant.run(3)
    plant.show(LI, 50.0)
    plant.run(2)
    assert plant.ask("interlock.reset", "level_high") == ""
    plant.run(8)
    assert plant.parts.interlocks.forced
    plant.run(4)
    assert not plant.parts.interlocks.forced


def test_after_a_trip_and_its_reset_the_valve_stays_shut_until_somebody_opens_it():
    plant = Small().started()
    plant.ask("output.set", "XV", value=1)
    plant.run(4)
    plant.show(LI, 95.0)
    entries = plant.run(4)
    assert [(e.tag, e.wanted, e.owner) for e in of(OutputChanged, entries)] == [("XV", 0.0, "interlock")]
    plant.show(LI, 50.0)
    plant.run(2)
    assert plant.ask("interlock.reset", "level_high") == ""
    plant.run(20)
    assert plant.sent[-1] == ("XV", 0.0)
    plant.ask("output.set", "XV", value=1)
    plant.run(3)
    assert plant.sent[-1] == ("XV", 1.0)


def unlatched(lag: int) -> Small:
    """The small plant with a row that lets go by itself, and a valve that a person has opened."""
    plant = Small(lag=lag).started()
    item = plant.parts.interlocks.by_name["level_high"]
    item.row = msgspec.structs.replace(item.row, latch=False)
    plant.run(lag + 2)
    return plant


def test_a_trip_that_lets_go_by_itself_before_the_disk_knows_of_it_opens_no_valve():
    plant = unlatched(10)
    plant.ask("output.set", "XV", value=1)
    plant.run(20)
    assert plant.sent[-1] == ("XV", 1.0)
    plant.show(LI, 95.0)
    plant.run(1)
    plant.show(LI, 50.0)
    plant.run(30)
    assert plant.sent[-1] == ("XV", 0.0)
    assert plant.parts.interlocks.forced == {}


def test_what_was_asked_for_just_before_such_a_trip_opens_no_valve_after_it():
    plant = unlatched(10)
    plant.ask("output.set", "XV", value=1)
    plant.show(LI, 95.0)
    plant.run(1)
    plant.show(LI, 50.0)
    plant.run(30)
    assert ("XV", 1.0) not in plant.sent
    plant.ask("output.set", "XV", value=1)
    plant.run(12)
    assert plant.sent[-1] == ("XV", 1.0)


def blip(plant: Small) -> None:
    """The level is high for two scans."""
    plant.show(LI, 95.0)
    plant.run(2)
    plant.show(LI, 50.0)


def test_a_valve_that_somebody_was_just_closing_does_not_open_again_after_such_a_trip():
    plant = unlatched(10)
    plant.ask("output.set", "XV", value=1)
    plant.run(20)
    before = len(plant.sent)
    plant.ask("output.set", "XV", value=0)
    blip(plant)
    plant.run(30)
    assert plant.sent[before:] == [("XV", 0.0)]


def test_a_force_that_was_on_its_way_ends_as_it_begins_after_such_a_trip():
    plant = unlatched(10)
    assert plant.ask("force.set", "XV", value=1, minutes=10) == ""
    blip(plant)
    entries = plant.run(30)
    assert ("XV", 1.0) not in plant.sent
    assert [(e.event, e.cause) for e in of(ForceChanged, entries)] == [("ended", "interlock level_high")]
    assert plant.ask("force.set", "XV", value=1, minutes=10) == ""         # a later one is its own
    plant.run(14)
    assert plant.sent[-1] == ("XV", 1.0)


@pytest.mark.parametrize("asked_before", [False, True])
def test_a_loop_in_manual_does_not_go_back_to_its_output_after_such_a_trip(asked_before: bool):
    plant = unlatched(10)
    plant.ask("loop.set", "JIC", mode="MANUAL", out=50)
    plant.run(0 if asked_before else 20)
    before = len(plant.sent)
    blip(plant)
    plant.run(30)
    assert ("TV", 50.0) not in plant.sent[before:]
    assert (plant.loops["JIC"].mode, plant.loops["JIC"].out) == ("MANUAL", 0.0)
    plant.ask("loop.set", "JIC", mode="MANUAL", out=50)
    plant.run(14)
    assert plant.sent[-1] == ("TV", 50.0)


def test_a_loop_in_automatic_goes_on_after_such_a_trip():
    plant = unlatched(1)
    plant.ask("loop.set", "JIC", mode="AUTO", sp=80)
    plant.run(20)
    blip(plant)
    plant.run(20)
    assert plant.loops["JIC"].mode == "AUTO"
    assert plant.sent[-1][1] > 0.0


@pytest.mark.parametrize("lag", [1, 10])
def test_who_changes_his_mind_in_time_opens_nothing_and_leaves_a_loop_where_it_was(lag: int):
    plant = Small(lag=lag).started()
    plant.ask("output.set", "XV", value=0)
    plant.ask("loop.set", "JIC", mode="MANUAL", out=0)
    plant.run(lag + 2)
    before = len(plant.sent)
    for verb, target, first, then in (("output.set", "XV", {"value": 1}, {"value": 0}),
                                      ("loop.set", "JIC", {"mode": "AUTO", "sp": 80}, {"mode": "MANUAL", "out": 0})):
        for arguments in (first, then):
            plant.scan.inbox.append(Command(verb=verb, target=target, who="Ann", arguments=arguments))
    plant.run(lag + 20)
    assert [answer.entry.outcome for answer in plant.answers[-4:]] == ["accepted"] * 4
    assert ("XV", 1.0) not in plant.sent[before:]
    assert (plant.loops["JIC"].mode, plant.loops["JIC"].out) == ("MANUAL", 0.0)


def test_what_is_asked_while_an_older_wish_acts_and_a_newer_one_is_on_its_way_is_heard():
    plant = Small(lag=4).started()
    for value, out, scans in ((0, 0, 8), (1, 5, 3), (0, 9, 3), (1, 5, 20)):         # at the last, what stands is (1, 5), of the second
        plant.scan.inbox.append(Command(verb="output.set", target="XV", who="Ann", arguments={"value": value}))
        plant.scan.inbox.append(Command(verb="loop.set", target="JIC", who="Ann", arguments={"mode": "MANUAL", "out": out}))
        plant.run(scans)
    assert plant.loops["JIC"].out == 5.0
    assert plant.parts.outputs.by_name["XV"].wanted == 1.0


def test_the_reset_of_one_row_does_not_give_back_what_another_has_taken():
    plant = Small(lag=4)
    rows = [Row(name="level_high", unit="R-1", group="R-1", effects={XV: 0.0}, inputs={"LI": LI}),
            Row(name="jacket", unit="R-1", group="R-1", effects={XV: 0.0}, inputs={"JI": JI}, latch=False)]
    plant.parts.interlocks = Interlocks(rows, {XV: 0.0, TV: 0.0}, 8 * 3600 * SECOND)
    plant.parts.conditions = compile_set([f"(None if Q[{i}] & 0xC0000000 else V[{i}] > 90.0)" for i in (LI, JI)])
    plant.started()
    plant.ask("output.set", "XV", value=1)
    plant.run(8)
    plant.show(LI, 95.0)
    plant.run(8)
    plant.show(LI, 50.0)
    plant.run(3)
    plant.ask("output.set", "XV", value=1)      # while it stands
    plant.run(8)
    before = len(plant.sent)
    assert plant.ask("interlock.reset", "level_high") == ""
    assert plant.ask("output.set", "XV", value=1) == ""         # anew, after the reset, and then the other one trips
    plant.show(JI, 95.0)
    plant.run(2)
    plant.show(JI, 20.0)
    plant.run(30)
    assert plant.parts.interlocks.forced == {}
    assert ("XV", 1.0) not in plant.sent[before:]


@pytest.mark.parametrize("verb", ["interlock.unbypass", "interlock.bypass"])
def test_a_bypass_has_its_time_and_no_more_whatever_is_on_its_way(verb: str):
    plant = Small(lag=20).started()
    assert plant.ask("interlock.bypass", "level_high", minutes=0.3) == ""
    began = plant.now.mono
    plant.run(22)
    plant.show(LI, 95.0)
    plant.run(8)
    assert plant.ask(verb, "level_high", minutes=0.3) == ""
    while not plant.parts.interlocks.forced:
        plant.run()
        assert plant.now.mono - began <= 18.5 * SECOND
    ended = of(InterlockChanged, [s.entry for s in plant.journal.read()])[-2:]
    assert [(e.event, e.cause) for e in ended] == [("bypass_ended", "expired"), ("tripped", "true")]


def test_a_force_has_its_time_and_no_more_whatever_is_on_its_way():
    plant = Small(lag=20).started()
    assert plant.ask("force.set", "XV", value=1, minutes=0.3) == ""
    began = plant.now.mono
    plant.run(30)
    assert plant.sent[-1] == ("XV", 1.0)
    assert plant.ask("force.end", "XV") == ""
    while plant.sent[-1] == ("XV", 1.0):
        plant.run()
        assert plant.now.mono - began <= 18.5 * SECOND
    assert plant.sent[-1] == ("XV", 0.0)


def test_a_trip_says_what_it_saw_and_an_alarm_what_its_value_was():
    row = AlarmRow(name="level_alarm", unit="R-1", priority="high", pv=LI)
    plant = Small(alarms=[(row, f"(None if Q[{LI}] & 0xC0000000 else V[{LI}] > 80.0)")]).started()
    plant.show(LI, 95.0)
    entries = plant.run(6)
    assert [(e.event, e.inputs) for e in of(InterlockChanged, entries)] == [("tripped", {"LI": [95.0, "Good"]})]
    assert [(e.now, e.value) for e in of(AlarmChanged, entries)] == [("UNACK", 95.0)]


@pytest.mark.parametrize("value", [math.nan, math.inf, 50.0])
def test_a_trip_for_want_of_a_reading_says_that_it_saw_none(value: float):
    row = AlarmRow(name="level_alarm", unit="R-1", priority="high", pv=LI, on_unknown=True)
    plant = Small(alarms=[(row, f"(None if Q[{LI}] & 0xC0000000 else V[{LI}] > 80.0)")]).started()
    plant.show(LI, value, BAD_NO_COMMUNICATION)
    entries = plant.run(6)
    assert [e.inputs for e in of(InterlockChanged, entries)] == [{"LI": [None, "BadNoCommunication"]}]
    assert [(e.now, e.value) for e in of(AlarmChanged, entries)] == [("UNACK", None)]


def test_trips_are_told_to_a_person_and_count_in_a_flood_also_after_a_restart():
    plant = unlatched(1)
    for _ in range(11):
        plant.show(LI, 95.0)
        plant.run(2)
        plant.show(LI, 50.0)
        plant.run(2)
    flood = plant.parts.alarms.flood
    assert (flood.active, flood.count >= 11) == (True, True)
    after = Small(plant.journal)
    replay(after.scan, list(plant.journal.read()))
    after.now = plant.now
    after.started()
    after.run(2)
    assert after.parts.alarms.flood.count == flood.count


# --- commands ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("verb", "target", "arguments", "reason"), [
    ("output.set", "XV", {"value": 2}, "XV: 2 outside 0..1; nothing written"),
    ("output.set", "XV", {"value": math.nan}, "XV: nan outside 0..1; nothing written"),
    ("output.set", "XV", {"value": "open"}, "could not convert string to float: 'open'"),
    ("output.set", "XV", {}, "unknown name 'value'"),
    ("output.set", "NOPE", {"value": 1}, "unknown name 'NOPE'"),
    ("output.set", "TV", {"value": 1}, "TV belongs to loop JIC: set the loop"),
    ("loop.set", "TIC", {"mode": "AUTO", "sp": 132.0}, "TIC.sp: 132 outside 0..90; nothing changed"),
    ("loop.set", "TIC", {"mode": "SIDEWAYS"}, "TIC: no mode 'SIDEWAYS'; there are MANUAL, AUTO, CASCADE"),
    ("loop.set", "TIC", {"mode": "CASCADE"}, "TIC: no loop drives it; nothing changed"),
    ("loop.set", "TIC", {"mode": "AUTO", "sp": 10**400}, "int too large to convert to float"),
    ("interlock.reset", "level_high", {}, "level_high is not tripped"),
    ("interlock.bypass", "level_high", {"minutes": 1e9}, "at most 28800 s"),
    ("interlock.bypass", "level_high", {"minutes": math.inf}, "OverflowError"),
    ("alarm.normal", "level_alarm", {}, "unknown verb 'alarm.normal'"),
    ("batch.done", "B-1", {}, "unknown verb 'batch.done'"),
    ("batch.pause", "B-1", {}, "unknown verb 'batch.pause'"),
    ("batch.hold", "B-1", {}, "no batch B-1"),
    ("prompt.answer", "B-1/tipped", {"answer": "yes"}, "no batch B-1"),
    ("interlock.wish", "level_high", {}, "unknown verb"),
    ("alarm.shelve", "level_alarm", {"minutes": math.inf}, "OverflowError"),
    ("", "", {}, "unknown verb ''"),
])  # fmt: skip
def test_a_refused_command_is_recorded_as_refused_and_changes_nothing(verb: str, target: str, arguments: dict[str, Any], reason: str):
    plant = Small().started()
    sent = list(plant.sent)
    assert reason in plant.ask(verb, target, **arguments)
    stored = [item.entry for item in plant.journal.read() if isinstance(item.entry, CommandReceived)][-1]
    assert (stored.outcome, stored.who) == ("refused", "Ann")
    plant.run(5)
    assert plant.sent == sent


@pytest.mark.parametrize(
    "argument", [b"\xff", msgspec.msgpack.Ext(5, b"x"), {b"k": 1}, "x" * 100_000, object(), [math.nan], {"deep": [[[]]]}]
)
def test_whatever_stands_in_a_command_the_scan_goes_on_and_the_journal_reads_back(argument: Any):
    plant = Small().started()
    plant.ask("output.set", "XV", value=argument)
    plant.run(3)
    assert len(list(plant.journal.read())) == plant.journal.head.seq
    assert ("XV", 1.0) not in plant.sent


@pytest.mark.fault("O05")
def test_the_same_key_is_carried_out_once_also_across_a_restart():
    plant = Small().started()
    assert plant.ask("output.set", "XV", key="k1", value=1) == ""
    assert plant.ask("output.set", "XV", key="k1", value=1) == ""
    plant.run(3)
    assert len(of(CommandReceived, [item.entry for item in plant.journal.read()])) == 1
    after = Small(plant.journal).started()
    replay(after.scan, list(plant.journal.read()))
    assert after.ask("output.set", "XV", key="k1", value=1) == ""
    after.run(5)
    assert ("XV", 1.0) not in after.sent


def test_keys_are_remembered_in_a_bounded_number(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(decide, "KEYS", 3)
    small = Small().started()
    for k in range(6):
        small.ask("output.set", "XV", key=f"k{k}", value=k % 2)
    assert small.ask("output.set", "TV", key="k5", value=1) == "key 'k5' was used by Ann for output.set XV"
    assert small.ask("output.set", "XV", key="k0", value=1) == ""  # long ago: a new command


def test_a_key_that_was_used_for_something_else_is_refused():
    plant = Small().started()
    plant.ask("output.set", "XV", key="k1", value=1)
    assert "was used by Ann for output.set XV" in plant.ask("output.set", "XV", key="k1", value=0)
    assert "was used by Ann for output.set XV" in plant.ask("output.set", "XV", key="k1", value=1, who="Bob")


def test_a_flood_of_commands_is_taken_in_portions():
    plant = Small().started()
    plant.scan.inbox.extend(Command(verb="output.set", target="XV", who="Ann", arguments={"value": 1}) for _ in range(100))
    plant.run()
    assert len(plant.answers) == COMMANDS_PER_SCAN
    plant.run(10)
    assert len(plant.answers) == 100


@pytest.mark.fault("O04")
def test_two_batches_started_at_once_on_one_unit_are_one():
    plant = Small().started()
    for name in ("B-1", "B-2"):
        plant.scan.inbox.append(Command(verb="batch.start", target=name, who="Ann", arguments={"unit": "R-1"}))
    entries = plant.run()
    assert [e.batch for e in of(BatchCreated, entries)] == ["B-1"]
    assert plant.answers[-1].entry.reason == "a batch for R-1 is being recorded"
    assert plant.ask("batch.start", "B-1", unit="R-2") == "batch B-1 exists"


def test_read_only_refuses_everything_but_an_acknowledgement():
    plant = Small(read_only=True).started()
    assert plant.ask("output.set", "XV", value=1) == "the service runs read-only"
    plant.show(LI, 85.0)
    plant.run(4)
    assert plant.ask("alarm.ack", "level_alarm") == ""


# --- loops in the scan -------------------------------------------------------------------------------------------------
def cascade(plant: Small) -> None:
    plant.ask("loop.set", "TIC", mode="AUTO", sp=60.0)
    plant.ask("loop.set", "JIC", mode="CASCADE")


def test_a_cascade_begins_without_a_bump():
    plant = Small().started()
    plant.ask("loop.set", "JIC", mode="MANUAL", out=30.0)
    plant.run(4)
    cascade(plant)
    before = len(plant.sent)
    plant.run(3)
    assert plant.loops["JIC"].mode == "CASCADE"
    assert all(abs(value - 30.0) < 3.0 for tag, value in plant.sent[before:] if tag == "TV")


@pytest.mark.fault("P01")
def test_an_outer_loop_that_loses_its_pv_sends_its_inner_loop_to_the_safe_side():
    plant = Small().started()
    cascade(plant)
    plant.run(20)
    plant.lose(TI)
    plant.run(20)
    assert plant.loops["TIC"].mode == "MANUAL"
    assert plant.loops["JIC"].sp == 5.0


def test_a_loop_without_its_pv_is_not_taken_out_of_manual():
    plant = Small().started()
    plant.lose(JI)
    assert plant.ask("loop.set", "JIC", mode="AUTO", sp=40.0) == "JIC stays in MANUAL: its pv is not good"


def test_a_forced_output_does_not_wind_its_loop_up():
    plant = Small().started()
    plant.ask("loop.set", "JIC", mode="AUTO", sp=80.0)
    plant.run(10)
    plant.show(LI, 95.0)
    plant.run(600)
    plant.show(LI, 50.0)
    plant.show(JI, 80.0)
    plant.run(4)
    plant.ask("interlock.reset", "level_high")
    before = len(plant.sent)
    plant.run(4)
    assert all(value < 10.0 for tag, value in plant.sent[before:] if tag == "TV")


# --- what arrives ------------------------------------------------------------------------------------------------------
@pytest.mark.fault("D01")
def test_an_analysis_with_numbers_that_are_none_is_recorded_without_them():
    plant = Small().started()
    document = SimpleNamespace(
        sample="S1",
        batch="B-1",
        stream="R-1",
        purpose="leach-sample",
        taken_utc=1,
        measured_utc=2,
        unit="g/L",
        qc={},
        values={"Nd": 20.0, "Pr": math.nan},
        u={"Nd": 0.2, "Pr": math.inf},
        quality=BAD_NO_COMMUNICATION,
    )
    plant.documents = [document]
    (result,) = of(IcpResult, plant.run())
    assert (result.values, result.u) == ({"Nd": 20.0}, {"Nd": 0.2})
    assert len(list(plant.journal.read())) == plant.journal.head.seq


def test_a_figure_that_is_no_number_is_bad():
    plant = Small()
    plant.parts.figures.append((FQ, lambda: math.nan, -math.inf, math.inf))
    plant.run()
    assert plant.image.quality[FQ] & 0x80000000


@pytest.mark.parametrize(("value", "quality"), [(-1.01, BAD_OUT_OF_RANGE), (-1.0, GOOD), (300.0, GOOD), (300.01, BAD_OUT_OF_RANGE)])
def test_a_figure_outside_its_range_is_shown_and_bad(value: float, quality: int):
    plant = Small()
    plant.parts.derived.clear()
    plant.parts.figures.append((FQ, lambda: value, -1.0, 300.0))
    plant.run()
    assert (plant.image.value[FQ], plant.image.quality[FQ]) == (value, quality)


# --- replay ------------------------------------------------------------------------------------------------------------
def test_what_is_folded_from_the_journal_is_what_was_live():
    plant = Small().started()
    plant.show(LI, 95.0)
    plant.run(4)
    plant.ask("alarm.ack", "level_alarm")
    plant.ask("interlock.bypass", "level_high", minutes=5, why="calibration")
    plant.ask("loop.set", "TIC", mode="AUTO", sp=60.0)
    plant.run(4)
    after = Small(plant.journal)
    replay(after.scan, list(plant.journal.read()))
    live, folded = plant.parts, after.parts
    for name, item in live.interlocks.by_name.items():
        again = folded.interlocks.by_name[name]
        assert (again.tripped, again.bypass_until, again.first_out) == (item.tripped, item.bypass_until, item.first_out)
    assert {a.row.name: a.state for a in folded.alarms.items} == {a.row.name: a.state for a in live.alarms.items}
    assert {n: (lp.mode, lp.sp, lp.owner) for n, lp in folded.loops.items()} == {
        n: (lp.mode, lp.sp, lp.owner) for n, lp in live.loops.items()
    }


def test_a_journal_that_names_what_the_configuration_lost_is_still_read():
    plant = Small()
    lost = [
        LoopMode(loop="GONE", mode="AUTO", was="MANUAL"),
        OutputChanged(tag="GONE", wanted=1.0, was=0.0, owner="program"),
        InterlockChanged(interlock="GONE", event="tripped"),
        BatchCreated(batch="B", unit="GONE", recipe="r", recipe_hash="", control_recipe={}, lot={}, who=""),
    ]
    plant.journal.append(lost, plant.now)
    replay(plant.scan, list(plant.journal.read()))
    assert plant.started().scan.armed


@pytest.mark.fault("T01")
@pytest.mark.parametrize("jump_s", [3600, -3600, -(10**9)])
def test_a_jump_of_the_wall_clock_moves_no_output_and_no_loop(jump_s: int):
    def life(jump: int) -> tuple[list[tuple[str, float]], float]:
        plant = Small().started()
        plant.show(FI, 2.0)
        plant.ask("loop.set", "JIC", mode="AUTO", sp=40.0)
        plant.run(20)
        plant.now = type(plant.now)(plant.now.mono, plant.now.utc + jump * SECOND)
        plant.run(100)
        return plant.sent, plant.image.value[FQ]

    assert life(jump_s) == life(0)
