"""The batch record is what the journal says, all of it, and nothing that anybody could slip into the page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.batch.balance import ElementBalance
from gateway.control.chain import (
    AlarmChanged,
    AlarmFlood,
    Balance,
    BatchCreated,
    BatchState,
    CommandReceived,
    InterlockChanged,
    LoopTuned,
    LoopTuning,
    MeterFell,
    Note,
    Prompted,
    StepState,
)
from gateway.control.image import Now
from gateway.history.rows import History
from gateway.records.journal import Journal, MemoryJournal
from gateway.records.page import CSP, page
from gateway.records.plot import Band, Curve, nice, plot
from gateway.records.report import BatchRecord, batch_list, batch_record, record_json
from gateway.records.text import duration, element_order, pm
from tests.records.synthetic import BATCH, LOT, ROLES, histories, synthetic


def of_r101(name: str) -> bool:
    return "102" not in name


@pytest.fixture(scope="module")
def record() -> BatchRecord:
    return batch_record(synthetic(), BATCH, of_r101)


@pytest.fixture(scope="module")
def shown(record: BatchRecord, tmp_path_factory: pytest.TempPathFactory) -> str:
    history = History.open(tmp_path_factory.mktemp("history"))
    histories(history)
    try:
        return page(record, history.query, ROLES)
    finally:
        history.close()


def told(*entries: Any) -> MemoryJournal:
    journal = MemoryJournal()
    for i, entry in enumerate(entries):
        journal.append([entry], Now(i, 60_000_000_000 * (i + 1)))
    return journal


def created(batch: str = "B1", lot: dict[str, Any] | None = None) -> BatchCreated:
    return BatchCreated(
        batch=batch, unit="R-101", recipe="R 1.0", recipe_hash="ab" * 32, control_recipe={}, lot=lot or {"lot": "L1"}, who="x"
    )


# --- the fold ---------------------------------------------------------------------------------------------------------------
def test_the_list_names_every_batch_with_its_state() -> None:
    assert [(row.batch, row.unit, row.owner, row.state) for row in batch_list(synthetic())] == [
        ("B-OTHER", "R-102", "Someone else", "RUNNING"),
        (BATCH, "R-101", "DNA Link", "COMPLETE"),
    ]


def test_the_record_says_which_journal_it_stands_on(record: BatchRecord) -> None:
    journal = synthetic()
    assert (record.journal_seq, record.journal_head) == (journal.head.seq, journal.head.hash.hex())
    assert 1 < record.first_seq < record.last_seq < record.journal_seq
    assert (record.version, record.clock) == ("0.1.0", "synchronised (NTP, ±3 ms)")


def test_an_unknown_batch_is_not_found() -> None:
    with pytest.raises(KeyError, match="no batch B-404"):
        batch_record(synthetic(), "B-404")


def test_a_hold_has_its_reason_its_length_and_who_ended_it(record: BatchRecord) -> None:
    (hold,) = record.holds
    assert hold.cause == "interlock R-101.agitator_not_proven"
    assert hold.minutes(0) == pytest.approx(11.1, abs=0.02)
    assert hold.who == "a.byrne"


def test_the_first_out_interlock_stands_first_among_the_trips(record: BatchRecord) -> None:
    trips = [s.entry for s in record.interlocks if isinstance(s.entry, InterlockChanged) and s.entry.event == "tripped"]
    assert [(trip.interlock, trip.first_out) for trip in trips] == [("R-101.agitator_not_proven", True), ("R-101.acid_valve_travel", False)]


def test_refused_commands_are_in_the_record(record: BatchRecord) -> None:
    commands = [s.entry for s in record.commands if isinstance(s.entry, CommandReceived)]
    assert [(c.verb, c.outcome) for c in commands] == [
        ("start", "accepted"),
        ("set_setpoint", "refused"),
        ("bypass", "refused"),
        ("restart", "accepted"),
    ]


def test_another_units_alarm_and_what_came_after_the_end_are_not(record: BatchRecord) -> None:
    assert {getattr(s.entry, "alarm", "") for s in record.alarms} == {"R-101.hydrogen_high", "R-101.agitator_not_proven"}


def test_every_step_has_its_duration_and_report(record: BatchRecord) -> None:
    leach = next(span for span in record.steps if span.name == "leach" and span.state == "RUNNING")
    assert leach.minutes(0) == pytest.approx(180, abs=0.1)
    assert leach.report == {"slope_per_h": 0.7}
    assert all(span.end_utc for span in record.steps)


def test_stages_of_one_state_are_one_stretch_of_time() -> None:
    step: dict[str, Any] = {"batch": "B1", "step": "acid", "phase": "DOSE_ACID"}
    found = batch_record(
        told(
            created(),
            StepState(**step, was="IDLE", now="RUNNING"),
            StepState(**step, was="RUNNING", now="RUNNING", report={"amount_l": 3}),
            StepState(**step, was="RUNNING", now="COMPLETE"),
        ),
        "B1",
    )
    assert [(span.state, span.report) for span in found.steps] == [("RUNNING", {"amount_l": 3}), ("COMPLETE", {})]


def test_a_question_is_paired_with_its_answer_and_an_open_one_stays_open() -> None:
    found = batch_record(
        told(
            created(),
            Prompted(batch="B1", prompt="p", event="asked", text="Lid closed?"),
            Prompted(batch="B1", prompt="p", event="answered", answer="yes", who="x"),
            Prompted(batch="B1", prompt="p", event="asked", text="Lid still closed?"),
        ),
        "B1",
    )
    assert [(q.text, q.answer, bool(q.answered_utc)) for q in found.prompts] == [
        ("Lid closed?", "yes", True),
        ("Lid still closed?", "", False),
    ]


def test_a_loop_that_is_swung_or_tuned_while_a_batch_runs_is_a_deviation_of_that_batch() -> None:
    journal = told(
        created(),
        LoopTuning(loop="TIC-1", event="begun", amplitude=10.0, out=60.0, who="Ann", why="it swings"),
        LoopTuning(loop="TIC-1", event="ended", reason="done"),
        LoopTuned(loop="TIC-1", gain=2.0, ti_s=60.0, gain_was=4.0, ti_was_s=30.0, who="Ann", why="robust"),
        LoopTuned(loop="TIC-2", gain=1.0),
    )
    found = batch_record(journal, "B1", lambda name: name == "TIC-1")
    assert [(d.kind, d.text, d.who) for d in found.deviations] == [
        ("tuning", "TIC-1: relay experiment of 10 about 60: it swings", "Ann"),
        ("tuning", "TIC-1: gain 4, ti_s 30.0, td_s 0 became gain 2, ti_s 60.0, td_s 0: robust", "Ann"),
    ]


def test_deviations_gather_what_was_not_as_planned(record: BatchRecord) -> None:
    assert [d.kind for d in record.deviations] == ["interlock", "interlock", "holding", "analysis", "device", "write", "note"]


def test_an_alarm_put_aside_and_a_flood_are_deviations_of_the_batch_and_the_page_is_made_all_the_same() -> None:
    shelved = AlarmChanged(alarm="R-101.a", was="UNACK", now="SHLVD", unit="R-101", priority="low", who="Ann", why="chatters")
    flood = (AlarmFlood(event="began", count=11), AlarmFlood(event="ended", count=4))
    found = batch_record(told(created(), shelved, *flood), "B1")
    assert [(each.kind, each.text, each.who) for each in found.deviations] == [
        ("alarm", "R-101.a shelved: chatters", "Ann"), ("alarm flood", "11 alarms within 10 min", ""),
    ]  # fmt: skip
    assert "11 alarms within 10 min" in page(found)


def test_a_meter_that_was_cleared_is_a_deviation_of_its_batch() -> None:
    fell = MeterFell(batch="B1", tag="FQI-1011", was=856.86, now=0.0, counted=6.86)
    (found,) = batch_record(told(created(), fell), "B1").deviations
    assert (found.kind, found.text) == ("meter", "FQI-1011 fell from 856.86 to 0; the batch counts on from 6.86")


def test_the_balance_has_every_figure_with_its_uncertainty(record: BatchRecord) -> None:
    assert set(record.balance["Nd"]) == set(ElementBalance.__struct_fields__)
    assert record.balance["Nd"]["closure"] == pytest.approx(1.0, abs=0.03)
    assert record.balance["Nd"]["leach_extraction"] == pytest.approx(0.985, abs=0.002)


def test_the_record_is_the_same_from_disk(tmp_path: Path, record: BatchRecord) -> None:
    journal = Journal.open(tmp_path)
    for stored in synthetic().read():
        journal.append([stored.entry], Now(stored.mono, stored.utc))
    assert batch_record(journal, BATCH, of_r101) == record
    journal.close()


def test_the_record_is_whole_in_json(record: BatchRecord) -> None:
    assert msgspec.json.decode(record_json(record), type=BatchRecord) == record


# --- the page ---------------------------------------------------------------------------------------------------------------
class Page(HTMLParser):
    """Collects tags and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br", "path", "rect", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("path", "rect", "circle"):
            assert self.open.pop() == tag


def test_the_page_is_well_formed_and_needs_nothing_from_anywhere(shown: str) -> None:
    found = Page(shown)
    assert found.open == []
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(found.tags)
    assert not {name for name, _ in found.attributes} & {"src", "href", "style", "onload", "onclick"}
    assert "http" not in shown
    assert "unsafe" not in CSP


def test_the_page_shows_the_tiles_the_plots_and_the_proof(shown: str, record: BatchRecord) -> None:
    for text in (
        "COMPLETE",
        "DNAL-2026-0147",
        "DNA Link",
        "leach extraction",
        record.journal_head,
        "Temperature",
        "% LEL",
        "hours from start",
    ):
        assert text in shown
    assert shown.count("<svg") == 5


def test_where_the_transmitter_was_lost_nothing_is_drawn(shown: str) -> None:
    temperature = shown[shown.index("<svg") : shown.index("</svg>")]
    assert temperature.count('class="hole"') == 1
    line = re.search(r'class="line c0" d="([^"]*L[^"]*)"', temperature)
    assert line is not None
    assert line[1].count("M") == 2


HOSTILE = "<script>alert(1)</script>\"'&<img src=x>"


def test_whatever_a_person_or_a_device_wrote_is_shown_as_text() -> None:
    lot = {**LOT, "owner": HOSTILE, "alloy": HOSTILE, "assay": {HOSTILE: {"fraction": 0.1, "u_rel": 0.01, "method": HOSTILE}}}
    step: dict[str, Any] = {"batch": HOSTILE, "step": HOSTILE, "phase": HOSTILE}
    figures = dict.fromkeys(ElementBalance.__struct_fields__, 0.5)
    journal = told(
        created(HOSTILE, lot),
        BatchState(batch=HOSTILE, was="IDLE", now="RUNNING", cause=HOSTILE, who=HOSTILE),
        StepState(**step, was="IDLE", now="RUNNING", cause=HOSTILE, report={HOSTILE: HOSTILE}),
        CommandReceived(verb=HOSTILE, target=HOSTILE, who=HOSTILE, arguments={HOSTILE: HOSTILE}),
        InterlockChanged(interlock=HOSTILE, event="tripped", cause=HOSTILE, inputs={HOSTILE: [HOSTILE]}),
        Prompted(batch=HOSTILE, prompt="p", event="asked", text=HOSTILE),
        Note(text=HOSTILE),
        Balance(batch=HOSTILE, elements={HOSTILE: figures}),
    )
    found = Page(page(batch_record(journal, HOSTILE)))
    assert not {"script", "img"} & set(found.tags)
    assert found.open == []


def test_a_batch_that_has_only_just_been_created_has_a_page() -> None:
    assert "No balance has been computed" in page(batch_record(told(created()), "B1"))


# --- figures and plots --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "value, reach, text",
    [
        (98.5234, 0.1432, "98.52 ± 0.14"),
        (13.68, 0.29, "13.68 ± 0.29"),
        (0.12, 0.0025, "0.1200 ± 0.0025"),
        (101.3, 12.4, "101 ± 12"),
        (5.0, 0.0, "5"),
        (float("nan"), 1.0, "unknown"),
    ],
)
def test_a_figure_is_rounded_to_what_is_known(value: float, reach: float, text: str) -> None:
    assert pm(value, reach) == text


def test_durations_and_elements_read_as_people_say_them() -> None:
    assert [duration(m) for m in (0.29, 11.1, 60, 815)] == ["17 s", "11 min", "1 h 00 min", "13 h 35 min"]
    assert element_order(["Fe", "Dy", "Al", "Nd"]) == ["Nd", "Dy", "Al", "Fe"]


@pytest.mark.parametrize("low, high", [(0, 83), (-3, 4), (5, 5), (0, 1e-6), (1e6, 1.1e6), (float("nan"), 1.0)])
def test_an_axis_covers_its_values_with_a_handful_of_ticks(low: float, high: float) -> None:
    axis = nice(low, high)
    assert 2 <= len(axis.ticks) <= 9
    if low == low:
        assert axis.low <= low
        assert axis.high >= high


def test_a_plot_without_a_single_good_value_is_still_a_plot() -> None:
    drawn = plot("Temperature", [Curve("TT", "°C", [(0.0, 1.0, False), (1.0, 2.0, False)])], [Band("heat", 0, 1)], 1.0)
    assert 'class="hole"' in drawn
    assert 'd="M0 0"' in drawn
