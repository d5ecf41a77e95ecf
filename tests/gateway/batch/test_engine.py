"""The batch engine: what the record says is what the batch is, and whatever goes wrong in a phase, the batch holds."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from devices.quality import BAD_NO_COMMUNICATION, GOOD, GOOD_LOCAL_OVERRIDE
from gateway.batch import engine as engines
from gateway.batch.dosed import STANDS
from gateway.batch.procedure import Context, Hold
from gateway.batch.state import Batch
from gateway.control.chain import (
    Balance,
    BatchCreated,
    BatchState,
    Charged,
    IcpResult,
    LoopMode,
    MeterFell,
    Note,
    OutputChanged,
    Prompted,
    SampleRequested,
    StepState,
)
from gateway.control.image import SECOND
from gateway.control.machine import ENDED, PROCEDURAL, allowed
from tests.gateway.batch.unit import LEVEL, PHASES, RUN, RUNS, TOTAL, VALVE, Unit, Working, fold


@pytest.fixture
def phase(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives the recipe's TEST phase its work."""

    def give(work: Any, name: str = "TEST", **more: Any) -> None:
        monkeypatch.setitem(PHASES, name, Working(work, **more))

    return give


def dose(ctx: Context) -> bool:
    full = ctx.value("level") >= 80.0
    ctx.output("valve", 0.0 if full else 1.0)
    return full


def of(kind: type[Any], entries: list[Any]) -> list[Any]:
    return [entry for entry in entries if isinstance(entry, kind)]


def test_steps_follow_one_another_and_the_batch_is_complete(phase: Any):
    phase(lambda ctx: ctx.elapsed_s >= 2)
    unit = Unit().create(one={}, two={}, three={})
    entries = unit.until("COMPLETE")
    assert [(e.step, e.now) for e in of(StepState, entries)] == [(n, s) for n in ("one", "two", "three") for s in ("RUNNING", "COMPLETE")]
    assert fold(unit) == ("COMPLETE", dict.fromkeys(("one", "two", "three"), "COMPLETE"))


def test_steps_side_by_side_begin_together_and_the_next_waits_for_both(phase: Any):
    phase(lambda ctx: ctx.elapsed_s >= (5 if ctx.step == "long" else 1))
    unit = Unit().create(short={"parallel": ["long"]}, long={}, last={})
    unit.scan(6)
    assert unit.steps() == {"short": "COMPLETE", "long": "RUNNING", "last": "IDLE"}
    unit.until("COMPLETE")


# --- holding -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("error", [Hold("too hot"), ValueError("bug"), ZeroDivisionError("bug"), KeyError("bug"), AssertionError()])
def test_whatever_a_phase_stumbles_over_the_batch_holds_and_dosing_stops(phase: Any, error: Exception):
    def stumble(ctx: Context) -> bool:
        if ctx.value("level") > 60.0:
            raise error
        return dose(ctx)

    phase(stumble)
    unit = Unit().create(one={})
    unit.scan(6)
    assert unit.wanted() == 1.0
    unit.image.value[LEVEL] = 70.0
    unit.until("HELD")
    assert unit.wanted() == 0.0
    assert unit.engine.batch is not None
    assert unit.engine.batch.cause.startswith("one: ")
    assert fold(unit) == ("HELD", {"one": "HELD"})


@pytest.mark.parametrize("quality", [BAD_NO_COMMUNICATION, 0x40940000])
def test_an_input_that_is_not_good_holds_the_batch_and_is_never_used(phase: Any, quality: int):
    seen: list[float] = []

    def look(ctx: Context) -> bool:
        seen.append(ctx.value("level"))
        return dose(ctx)

    phase(look)
    unit = Unit().create(one={})
    unit.scan(6)
    unit.image.value[LEVEL], unit.image.quality[LEVEL] = 999.0, quality
    unit.until("HELD")
    assert 999.0 not in seen
    assert unit.wanted() == 0.0


def test_what_a_phase_wanted_before_it_stumbled_is_not_wanted(phase: Any):
    def stumble(ctx: Context) -> bool:
        ctx.output("valve", 1.0)
        raise Hold("no")

    phase(stumble)
    unit = Unit().create(one={})
    entries = unit.until("HELD")
    assert [e.wanted for e in of(OutputChanged, entries)] == [0.0]


def test_while_one_of_two_steps_holds_the_other_neither_works_nor_ends(phase: Any):
    order: list[str] = []

    def work(ctx: Context) -> bool:
        order.append(ctx.step)
        if ctx.step == "a" and ctx.elapsed_s >= 2:
            raise Hold("a cannot go on")
        return ctx.step == "b" and ctx.elapsed_s >= 2

    phase(work)
    unit = Unit().create(a={"parallel": ["b"]}, b={})
    unit.until("HELD")
    assert fold(unit)[1] == {"a": "HELD", "b": "HELD"}
    assert order[-1] == "a"


def test_a_step_that_ends_in_the_scan_in_which_another_holds_stays_ended(phase: Any):
    def work(ctx: Context) -> bool:
        if ctx.step == "b" and ctx.elapsed_s >= 2:
            raise Hold("b cannot go on")
        return ctx.step == "a" and ctx.elapsed_s >= 2

    phase(work)
    unit = Unit().create(a={"parallel": ["b"]}, b={})
    unit.until("HELD")
    assert fold(unit)[1] == {"a": "COMPLETE", "b": "HELD"}


@pytest.mark.parametrize("how", ["input", "person", "interlock"])
def test_from_the_decision_to_hold_the_dosing_is_still_whatever_the_disk_does(phase: Any, how: str):
    phase(dose)
    unit = Unit(slow=8).create(it={})
    unit.scan(30)
    assert (unit.wanted(), unit.engine.stilled()) == (1.0, {})
    if how == "input":
        unit.image.quality[LEVEL] = BAD_NO_COMMUNICATION
        unit.scan()
    elif how == "person":
        assert unit.engine.command("HOLD", "Ann", "") is None
    else:
        unit.engine.want_hold("interlock x")
    assert (unit.state, unit.wanted(), unit.engine.stilled()) == ("RUNNING", 1.0, {VALVE: 0.0})
    unit.until("HELD", within=100)
    assert (unit.wanted(), unit.engine.stilled()) == (0.0, {})


@pytest.mark.parametrize("slow", [0, 3])
@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize(("event", "end"), [("HOLD", "HELD"), ("STOP", "STOPPED"), ("ABORT", "ABORTED")])
def test_what_a_phase_does_in_the_scan_in_which_a_person_stops_it_does_not_overtake_the_person(
        phase: Any, event: str, end: str, ends: bool, slow: int):  # fmt: skip
    came: list[bool] = []

    def work(ctx: Context) -> bool:
        ctx.memory["came"] = len(came)          # a progress, written down when it changes
        ctx.output("valve", 1.0)
        return ends and bool(came)

    phase(work)
    unit = Unit(slow=slow).create(it={}, next={})
    unit.scan(30)
    assert (unit.state, unit.engine.pending, unit.wanted()) == ("RUNNING", 0, 1.0)
    assert unit.engine.command(event, "Ann", "") is None
    came.append(True)
    unit.until(end, within=100)
    assert (unit.steps(), unit.wanted()) == ({"it": end, "next": "IDLE"}, 0.0)
    assert fold(unit) == (end, {"it": end})


@pytest.mark.parametrize("slow", [0, 3])
def test_a_trip_in_the_scan_that_decides_a_restart_holds_the_batch(phase: Any, slow: int):
    phase(dose)
    unit = Unit(slow=slow).create(it={})
    unit.scan(10)
    unit.engine.command("HOLD", "Ann", "")
    unit.until("HELD", within=60)
    unit.scan(10)
    assert unit.engine.command("RESTART", "Ann", "") is None
    unit.engine.want_hold("interlock bund")
    opened: list[float | None] = []
    for _ in range(60):
        unit.scan()
        opened.append(unit.wanted())
    assert unit.state == "HELD"
    assert unit.engine.batch is not None
    assert unit.engine.batch.cause == "interlock bund"
    assert set(opened) == {0.0}


# --- shared equipment --------------------------------------------------------------------------------------------------
SHARED = {"PRESS": ("FP-201", "TK-210"), "DRY": ("FP-201",), "PUMP": ("TK-210",)}


@pytest.fixture
def neighbours(phase: Any) -> tuple[Unit, Unit]:
    """Two units whose phases PRESS, DRY and PUMP use one press and one buffer."""
    for name in SHARED:
        phase(lambda ctx: ctx.elapsed_s >= 3, name)
    phase(lambda ctx: ctx.elapsed_s >= 3)
    units = (Unit(), Unit())
    for unit, other in (units, units[::-1]):
        unit.engine.wiring = msgspec.structs.replace(unit.engine.wiring, shared=SHARED)
        unit.engine.neighbours = [other.engine]
    return units


def press(unit: Unit) -> Unit:
    return unit.create(fill={"phase": "PRESS"}, dry={"phase": "DRY"}, rest={}, empty={"phase": "PUMP"})


def test_a_step_waits_for_equipment_of_another_batch_and_says_so_once(neighbours: tuple[Unit, Unit]):
    one, two = (press(unit) for unit in neighbours)
    for _ in range(4):
        one.scan()
        two.scan()
    assert (one.steps()["fill"], two.steps()["fill"]) == ("RUNNING", "IDLE")
    assert two.engine.waiting == "FP-201, which belongs to batch B-1"
    while one.state != "COMPLETE":
        assert two.steps()["fill"] == "IDLE" or one.engine.claims() == set()
        one.scan()
        two.scan()
    two.until("COMPLETE")
    notes = [entry.text for _, entry in two.log if isinstance(entry, Note)]
    assert notes == ["fill waits for FP-201, which belongs to batch B-1", "fill waits for TK-210, which belongs to batch B-1"]


def test_equipment_is_kept_from_the_first_step_that_uses_it_to_the_end_of_the_last(neighbours: tuple[Unit, Unit]):
    one = press(neighbours[0])
    seen: list[tuple[str, ...]] = []
    while one.state != "COMPLETE":
        one.scan()
        held = tuple(sorted(one.engine.claims()))
        if not seen or seen[-1] != held:
            seen.append(held)
    assert seen == [("FP-201", "TK-210"), ("TK-210",), ()]


@pytest.mark.parametrize("event", ["HOLD", "STOP", "ABORT"])
def test_a_held_batch_keeps_its_equipment_and_one_that_ends_gives_it_back(neighbours: tuple[Unit, Unit], event: str):
    one, two = (press(unit) for unit in neighbours)
    one.scan(2)
    assert one.engine.command(event, "Ann", "") is None
    one.until({"HOLD": "HELD", "STOP": "STOPPED", "ABORT": "ABORTED"}[event])
    two.scan(4)
    assert two.steps()["fill"] == ("IDLE" if event == "HOLD" else "RUNNING")


def test_after_a_power_cut_the_equipment_still_belongs_to_the_batch(neighbours: tuple[Unit, Unit]):
    one = press(neighbours[0])
    one.scan(3)
    after = one.power_cut()
    after.engine.wiring = one.engine.wiring
    assert after.engine.claims() == {"FP-201", "TK-210"}


def test_one_output_that_cannot_be_stopped_does_not_keep_the_others_running(phase: Any):
    phase(dose, zeros=("no_such_role", "valve"))
    unit = Unit().create(one={})
    unit.scan(6)
    unit.engine.command("HOLD", "Ann", "")
    entries = unit.scan(20)
    assert unit.wanted() == 0.0
    assert unit.state == "HOLDING"
    assert [e.text for e in of(Note, entries)] == ["one: holding does not end: R-1 has no no_such_role"]


def test_a_step_that_takes_too_long_holds_once(phase: Any):
    phase(lambda ctx: False)
    unit = Unit().create(one={"timeout_min": 0.1})
    unit.until("HELD")
    assert unit.engine.batch is not None
    assert "not finished after 0.1 min" in unit.engine.batch.cause
    unit.engine.command("RESTART", "Ann", "")
    unit.until("RUNNING")
    unit.scan(40)
    assert unit.state == "RUNNING"


def test_a_trip_that_came_while_no_batch_was_there_does_not_hold_the_next_one(phase: Any):
    phase(lambda ctx: False)
    unit = Unit()
    unit.engine.want_hold("interlock level")
    unit.scan()
    unit.create(one={}).scan(10)
    assert unit.state == "RUNNING"


def test_timers_begin_anew_with_every_state(phase: Any):
    phase(lambda ctx: ctx.steady("settled", True, 10.0))
    unit = Unit().create(one={})
    unit.scan(12)
    unit.engine.command("HOLD", "Ann", "")
    unit.until("HELD")
    unit.scan(40)
    unit.engine.command("RESTART", "Ann", "")
    unit.until("RUNNING")
    unit.scan(15)
    assert unit.state == "RUNNING"
    unit.until("COMPLETE")


# --- commands ----------------------------------------------------------------------------------------------------------
EVENTS = ("START", "HOLD", "RESTART", "STOP", "ABORT", "PAUSE", "RESUME", "RESET", "DONE", "NONSENSE")


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", sorted(PROCEDURAL))
def test_every_command_in_every_state_is_carried_out_or_refused_with_what_would_be_possible(phase: Any, state: str, event: str):
    phase(lambda ctx: False)
    unit = Unit().create(one={})
    unit.give(BatchState(batch="B-1", was="RUNNING", now=state, cause="test"))
    refusal = unit.engine.command(event, "Ann", "why")
    may = event in allowed(PROCEDURAL, state) and event in engines.COMMANDS
    assert (refusal is None) is may
    entries = unit.scan()
    if may:
        assert [(e.was, e.now, e.who) for e in of(BatchState, entries)] == [(state, PROCEDURAL[state][event], "Ann")]
    else:
        assert f"{event} is not possible in {state}" in (refusal or "")
        assert [e.who for e in of(BatchState, entries) if e.who] == []


def test_a_restart_is_refused_while_an_interlock_stands(phase: Any):
    phase(dose)
    unit = Unit().create(one={})
    unit.scan(4)
    unit.engine.command("HOLD", "Ann", "")
    unit.until("HELD")
    unit.standing = ["level_high"]
    assert unit.engine.command("RESTART", "Ann", "") == "interlocks stand: level_high"
    unit.standing = []
    assert unit.engine.command("RESTART", "Ann", "") is None
    unit.until("RUNNING")


@pytest.mark.parametrize(("asked", "end"), [(("HOLD",), "HELD"), (("STOP", "HOLD"), "STOPPED"), (("HOLD", "ABORT", "STOP"), "ABORTED")])
def test_an_urgent_command_is_not_refused_because_the_disk_is_slow(phase: Any, asked: tuple[str, ...], end: str):
    phase(dose)
    unit = Unit(slow=6).create(one={})
    unit.scan(8)
    assert unit.engine.pending
    for event in asked:
        assert unit.engine.command(event, "Ann", "") is None
    unit.until(end, within=200)
    assert fold(unit)[0] == end
    assert unit.wanted() in (0.0, None)


def test_stopping_closes_valves_and_takes_the_jacket_from_its_heating(phase: Any):
    phase(dose)
    unit = Unit().create(one={})
    unit.scan(4)
    unit.engine.command("STOP", "Ann", "")
    unit.until("STOPPED")
    assert unit.wanted() == 0.0
    assert unit.loops["JIC"].out == 0.0


def test_a_loop_without_its_pv_is_not_switched_on_by_a_phase(phase: Any):
    def heat(ctx: Context) -> bool:
        ctx.loop("temperature", "AUTO", 60.0)
        return False

    phase(heat, needs=())
    unit = Unit().create(one={})
    unit.image.quality[LEVEL] = BAD_NO_COMMUNICATION
    unit.until("HELD")
    assert unit.loops["TIC"].mode == "MANUAL"


# --- restart of the process --------------------------------------------------------------------------------------------
def counted(ctx: Context) -> bool:
    """Doses 100 L by a counter, and remembers where it began."""
    start = ctx.memory.setdefault("start_l", ctx.value("total"))
    done = ctx.value("total") - start
    ctx.progress("done_l", done, 10.0)
    ctx.output("valve", 1.0 if done < 100.0 else 0.0)
    return done >= 100.0


@pytest.mark.parametrize("seed", range(20))
def test_a_power_cut_at_any_moment_returns_the_batch_held_and_it_doses_no_more_than_it_should(phase: Any, seed: int):
    phase(counted)
    unit, rng = Unit().create(one={}, two={}), random.Random(seed)
    unit.image.value[TOTAL] = 500.0
    flowed, cuts = 0.0, sorted(rng.sample(range(5, 200), 3))
    for n in range(400):
        unit.scan()
        if unit.state in ENDED:
            break
        if unit.wanted() == 1.0:
            unit.image.value[TOTAL] += 1.0
            flowed += 1.0
        if n in cuts:
            total = unit.image.value[TOTAL]
            unit = unit.power_cut()
            unit.image.value[TOTAL] = total
            unit.until("HELD")
            assert unit.wanted() in (0.0, None)
            assert fold(unit)[0] == "HELD"
            unit.scan(10)
            assert unit.state == "HELD"
            unit.engine.command("RESTART", "Ann", "")
            unit.until("RUNNING")
    assert unit.state == "COMPLETE"
    assert flowed == pytest.approx(200.0, abs=8.0)


@pytest.mark.parametrize("state", sorted(set(PROCEDURAL) - {"IDLE"}))
def test_a_restart_in_every_state_ends_held_or_where_it_was_going(phase: Any, state: str):
    phase(dose)
    unit = Unit().create(one={})
    unit.scan(6)
    was = {"RUNNING": "RUNNING"}.get(state, "RUNNING")
    unit.give(
        BatchState(batch="B-1", was=was, now=state, cause="test"),
        StepState(batch="B-1", step="one", phase="TEST", was="RUNNING", now=state),
    )
    after = unit.power_cut()
    after.scan(20)
    ends = {"STOPPING": "STOPPED", "ABORTING": "ABORTED"} | {ended: ended for ended in ENDED}
    assert after.state == ends.get(state, "HELD")
    assert after.wanted() in (0.0, None)


def test_totals_go_into_the_record_with_the_progress_of_a_dosing(phase: Any):
    phase(counted)
    unit = Unit().create(one={})
    for _ in range(60):
        unit.scan()
        unit.image.value[TOTAL] += 1.0
    noted = [(e.memory["done_l"], e.totals["FQ"]) for e in of(StepState, [e for _, e in unit.log]) if "done_l" in e.memory]
    assert len(noted) >= 4
    assert all(done <= total for done, total in noted)


def test_loops_that_go_on_between_steps_are_wanted_again_by_a_restart_of_the_batch(phase: Any):
    phase(lambda ctx: ctx.keep("temperature", "AUTO", 60.0, 0.5) or True, "HEAT")
    phase(dose)
    unit = Unit().create(warm={"phase": "HEAT"}, one={})
    unit.scan(8)
    after = unit.power_cut()
    after.until("HELD")
    after.loops["TIC"].apply(LoopMode(loop="TIC", mode="MANUAL", was="AUTO", out=0.0))  # what the start-up does
    after.engine.command("RESTART", "Ann", "")
    after.until("RUNNING")
    assert (after.loops["TIC"].mode, after.loops["TIC"].sp) == ("AUTO", 60.0)


def test_the_agitator_is_proved_at_every_restart_for_its_whole_time(phase: Any):
    phase(dose, prove=True)
    unit = Unit().create(one={})
    unit.scan(4)
    assert unit.engine.batch is not None
    unit.engine.batch.shared["agitated"] = True
    for _ in range(2):
        unit.engine.command("HOLD", "Ann", "")
        unit.until("HELD")
        unit.image.value[RUNS] = 1.0
        unit.engine.command("RESTART", "Ann", "")
        began = unit.now.mono
        unit.until("RUNNING", within=60)
        assert unit.now.mono - began >= 10 * SECOND
    assert unit.outputs.by_tag[RUN].wanted == 1.0


# --- a meter that is cleared --------------------------------------------------------------------------------------------
def metered(phase: Any) -> Unit:
    """Metal lies in the tank, 6 L of acid have gone in since its meter stood at 850 L; a step that doses nothing runs."""
    phase(lambda ctx: False)
    phase(lambda ctx: ctx.elapsed_s >= 1, "DOSE_SOLIDS")
    unit = Unit().create(solids={"phase": "DOSE_SOLIDS"}, it={})
    assert unit.engine.batch is not None
    unit.engine.batch.shared["acid_start_l"] = 850.0
    unit.image.value[TOTAL] = 850.0
    unit.scan(6)
    assert look(unit) == 0.0
    unit.image.value[TOTAL] = 856.0
    assert look(unit) == 6.0
    return unit


def look(unit: Unit, readings: int = STANDS) -> float | None:
    """The batch's acid, as the scan asks for it, after so many readings of the meter, each with a scan."""
    dosed: float | None = None
    for _ in range(readings):
        unit.image.asked[TOTAL] += 1
        for _ in range(2):                      # a reading is looked at more than once
            dosed = unit.engine.figure("acid_dosed")
        unit.scan()
    return None if dosed is None else round(dosed, 3)


@pytest.mark.fault("D05")
def test_a_meter_that_shows_nothing_for_two_readings_was_not_cleared(phase: Any):
    unit = metered(phase)
    unit.image.value[TOTAL] = 0.0
    assert look(unit, STANDS - 1) == 6.0
    unit.image.value[TOTAL] = 857.0
    assert look(unit) == 7.0
    unit.image.value[TOTAL] = 0.0
    assert look(unit, STANDS - 1) == 7.0        # and begins anew
    unit.image.value[TOTAL] = 858.0
    assert look(unit) == 8.0
    assert of(MeterFell, [entry for _, entry in unit.log]) == []


@pytest.mark.fault("D05")
@pytest.mark.parametrize("state", ["RUNNING", "HELD", "ABORTED"])
def test_the_acid_of_a_batch_is_counted_on_when_its_meter_is_cleared_whatever_the_batch_does(phase: Any, state: str):
    unit = metered(phase)
    if state != "RUNNING":
        unit.engine.command({"HELD": "HOLD"}.get(state, "ABORT"), "Ann", "")
        unit.until(state)
    for reading, dosed in ((0.25, 6.25), (2.0, 8.0), (3.0, 9.0), (0.0, 9.0), (1.0, 10.0)):
        unit.image.value[TOTAL] = reading
        assert look(unit) == dosed
    assert unit.state == state
    fell = of(MeterFell, [entry for _, entry in unit.log])
    assert [(e.tag, e.was, e.now, e.counted) for e in fell] == [("FQ", 856.0, 0.25, 6.25), ("FQ", 3.0, 0.0, 9.0)]


@pytest.mark.fault("D05")
@pytest.mark.parametrize("after_s", [0, 5])
def test_a_restart_of_the_process_does_not_lose_what_a_cleared_meter_had_counted(phase: Any, after_s: int):
    unit = metered(phase)
    unit.image.value[TOTAL] = 0.0
    assert look(unit) == 6.0
    unit.scan(2 * after_s)
    after = unit.power_cut()
    after.image.value[TOTAL] = 1.5
    assert look(after) == 7.5


@pytest.mark.fault("D05")
def test_a_meter_that_was_cleared_while_nobody_looked_counts_on_from_the_record(phase: Any):
    unit = metered(phase)
    unit.engine.command("HOLD", "Ann", "")
    unit.until("HELD")
    after = unit.power_cut()
    after.image.value[TOTAL] = 0.5
    assert look(after) == 6.5
    assert [e.counted for e in of(MeterFell, [entry for _, entry in after.log])] == [6.5]


def test_the_acid_of_a_journal_that_knows_the_start_alone_is_what_the_meter_counted_since(phase: Any):
    unit = metered(phase)
    unit.engine.acid = None
    assert look(unit) == 6.0


def test_a_forced_total_is_shown_and_afterwards_the_meter_counts_on(phase: Any):
    unit = metered(phase)
    unit.image.value[TOTAL], unit.image.quality[TOTAL] = 0.0, GOOD_LOCAL_OVERRIDE
    assert look(unit) == -850.0
    unit.image.value[TOTAL], unit.image.quality[TOTAL] = 857.0, GOOD
    assert look(unit) == 7.0
    assert of(MeterFell, [entry for _, entry in unit.log]) == []


def test_without_its_meter_the_acid_of_a_batch_is_not_known_and_afterwards_it_is(phase: Any):
    unit = metered(phase)
    unit.image.quality[TOTAL] = BAD_NO_COMMUNICATION
    assert look(unit) is None
    unit.image.value[TOTAL], unit.image.quality[TOTAL] = 2.0, GOOD
    assert look(unit) == 8.0


def test_the_next_batch_counts_its_acid_anew(phase: Any):
    unit = metered(phase)
    unit.image.value[TOTAL] = 0.0
    look(unit)
    unit.engine.command("ABORT", "Ann", "")
    unit.until("ABORTED")
    unit.create(it={})
    assert look(unit) == 0.0
    assert unit.engine.batch is not None
    unit.engine.batch.shared["acid_start_l"] = 0.0
    unit.image.value[TOTAL] = 4.0
    assert look(unit) == 4.0


# --- metal, prompts, samples, the end ----------------------------------------------------------------------------------
@pytest.mark.parametrize(("feed", "metal"), [("metal", True), ("partly_oxidised", True), ("roasted", False)])
def test_what_is_not_roasted_through_counts_as_metal(feed: str, metal: bool):
    line = {"phase": "DOSE_SOLIDS", "operation": "Charge", "parameters": {}, "timeout_min": 60}
    created = BatchCreated(batch="B-1", unit="R-1", recipe="r", recipe_hash="", control_recipe={"procedure": {"solids": line}},
                           lot={"lot": "L", "feed_state": feed}, who="Ann")  # fmt: skip
    batch = Batch(created, 0)
    batch.apply(StepState(batch="B-1", step="solids", phase="DOSE_SOLIDS", was="IDLE", now="RUNNING"), 0)
    assert batch.metal is metal


def test_metal_lies_in_the_tank_from_the_first_gram_until_it_is_emptied_whatever_becomes_of_the_batch(phase: Any):
    phase(lambda ctx: False, "DOSE_SOLIDS")
    phase(lambda ctx: ctx.memory.get("go", False), "CHECK_UNIT")
    unit = Unit().create(solids={"phase": "DOSE_SOLIDS"})
    assert unit.engine.figure("metal") == 0.0
    unit.scan(3)
    assert unit.engine.figure("metal") == 1.0
    unit.engine.command("ABORT", "Ann", "")
    unit.until("ABORTED")
    assert (unit.engine.figure("metal"), unit.engine.figure("active")) == (1.0, 0.0)
    unit.create(check={"phase": "CHECK_UNIT"})
    unit.scan(3)
    assert unit.engine.figure("metal") == 1.0
    assert unit.engine.batch is not None
    context = unit.engine.batch.steps["check"].context
    assert context is not None
    context.memory["go"] = True
    unit.until("COMPLETE")
    assert unit.engine.figure("metal") == 0.0


def heel_of(unit: Unit) -> dict[str, tuple[float, float]] | None:
    assert unit.engine.batch is not None
    return unit.engine.batch.opening


def test_what_one_batch_leaves_in_the_tank_the_next_one_begins_with(phase: Any):
    phase(lambda ctx: ctx.elapsed_s >= 1)
    unit = Unit().create(it={})
    assert heel_of(unit) == {}
    unit.until("COMPLETE")
    left = {"Nd": (0.055, 0.03)}
    unit.give(Balance(batch="B-1", elements={}, inputs={"closing_heel": left}))
    unit.create(it={})
    assert heel_of(unit) == left
    assert heel_of(unit.power_cut()) == left


def test_a_balance_that_says_nothing_of_the_heel_leaves_it_unknown(phase: Any):
    phase(lambda ctx: ctx.elapsed_s >= 1)
    unit = Unit().create(it={})
    unit.give(Charged(batch="B-1", material="solids", amount=40.0, unit="kg", u=0.1))
    unit.until("COMPLETE")
    unit.give(Balance(batch="B-1", elements={}, inputs={"route": "iron"}))
    unit.create(it={})
    assert heel_of(unit) is None


def test_a_press_does_not_prove_the_tank_empty_of_metal(phase: Any):
    phase(lambda ctx: ctx.elapsed_s >= 1, "DOSE_SOLIDS")
    phase(lambda ctx: ctx.elapsed_s >= 1, "FILTER")
    phase(lambda ctx: ctx.memory.get("go", False))
    unit = Unit().create(solids={"phase": "DOSE_SOLIDS"}, filter={"phase": "FILTER"}, it={})
    unit.scan(15)
    assert unit.engine.figure("metal") == 1.0


@pytest.mark.parametrize("charged", [True, False])
def test_after_a_batch_that_was_aborted_with_solids_in_it_nobody_knows_what_is_in_the_tank(phase: Any, charged: bool):
    phase(lambda ctx: False)
    unit = Unit().create(it={})
    if charged:
        unit.give(Charged(batch="B-1", material="solids", amount=40.0, unit="kg", u=0.1))
    unit.scan(2)
    assert unit.engine.command("ABORT", "Ann", "") is None
    unit.until("ABORTED")
    unit.create(it={})
    assert heel_of(unit) == (None if charged else {})


def test_a_question_is_asked_once_and_its_answer_survives_a_restart(phase: Any):
    phase(lambda ctx: ctx.plant.ask("tipped", "Tip it") == "yes")
    unit = Unit().create(one={})
    entries = unit.scan(10)
    assert len(of(Prompted, entries)) == 1
    unit.give(Prompted(batch="B-1", prompt="tipped", event="answered", answer="yes", who="Ann"))
    after = unit.power_cut()
    after.until("HELD")
    after.engine.command("RESTART", "Ann", "")
    after.until("COMPLETE")


def result(sample: str, nd: float = 20.0) -> IcpResult:
    return IcpResult(
        sample=sample, batch="B-1", stream="R-1", purpose="leach-sample", taken_utc=0, measured_utc=0, values={"Nd": nd}, u={"Nd": 0.1}
    )


@pytest.mark.fault("P08")
def test_a_result_counts_once_and_only_for_a_sample_that_was_asked_for(phase: Any):
    def sample(ctx: Context) -> bool:
        for _ in range(3 - len(ctx.memory)):
            ctx.memory[f"s{len(ctx.memory)}"] = ctx.plant.request_sample("1", "leach-sample", {"minutes": 1.0})
        return all(ctx.plant.result(name) is not None for name in ctx.memory.values())

    phase(sample)
    unit = Unit().create(one={})
    entries = unit.scan(4)
    names = [e.sample for e in of(SampleRequested, entries)]
    assert names == ["B-1-S01", "B-1-S02", "B-1-S03"]
    for name in (names[2], "B-1-S99", names[2], names[0], names[2]):  # late, foreign, repeated, out of order
        unit.give(result(name, nd=1.0 if name == "B-1-S99" else 20.0))
        unit.scan(2)
        assert unit.state == "RUNNING"
    assert [r.sample for r in unit.engine.results("leach-sample")] == [names[2], names[0]]
    unit.give(result(names[1]))
    unit.until("COMPLETE")


def test_a_balance_that_cannot_be_drawn_up_does_not_keep_a_batch_from_its_end(phase: Any):
    phase(lambda ctx: True)
    unit = Unit().create(one={})
    unit.give(Charged(batch="B-1", material="solids", amount=float("1e-300"), unit="furlong", u=0.0))
    unit.until("COMPLETE")


def test_a_phase_that_this_program_does_not_have_holds_the_batch():
    unit = Unit().create(one={"phase": "CALCINE"})
    unit.until("HELD")
    assert unit.engine.batch is not None
    assert unit.engine.batch.cause == "one: no phase CALCINE in this program"


# --- any history -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(10))
def test_after_any_history_batch_and_record_agree_and_nothing_doses_but_a_running_batch(phase: Any, seed: int):
    rng = random.Random(seed)

    def work(ctx: Context) -> bool:
        if rng.random() < 0.02:
            raise rng.choice((Hold("no"), RuntimeError("bug")))
        if rng.random() < 0.2:
            ctx.memory["came"] = ctx.memory.get("came", 0) + 1         # a progress, written down in the same scan as whatever comes
        return dose(ctx)

    phase(work)
    unit = Unit(slow=seed % 3).create(a={}, b={"parallel": ["c"]}, c={}, d={})
    for _ in range(1500):
        unit.image.quality[LEVEL] = BAD_NO_COMMUNICATION if rng.random() < 0.02 else GOOD
        unit.image.value[LEVEL] = rng.choice((50.0, 50.0, 50.0, 85.0))
        roll = rng.random()
        if roll < 0.1:
            unit.engine.command(rng.choice(("HOLD", "RESTART", "RESTART", "RESTART", "PAUSE", "DONE")), "Ann", "")
        elif roll < 0.12:
            unit.engine.want_hold("interlock")
        elif roll > 0.998:
            unit.engine.command(rng.choice(("STOP", "ABORT")), "Ann", "")
        unit.scan()
        if unit.state in ("HELD", *ENDED) and not unit.engine.pending:
            assert unit.outputs.by_tag[VALVE].wanted in (0.0, None)
            assert fold(unit)[0] == unit.state
            assert {name: fold(unit)[1].get(name, "IDLE") for name in unit.steps()} == unit.steps()
        if unit.state in ENDED:
            break
    unit.slow = 0
    unit.scan(5)
    assert fold(unit) == (unit.state, {n: s for n, s in unit.steps().items() if s != "IDLE"})
