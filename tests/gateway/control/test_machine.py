"""Every cell of every transition table, against the tables as the standards give them, written down a second time."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from gateway.control.machine import ALARM, ENDED, LATCHING_ALARM, PROCEDURAL, Illegal, Table, allowed, diagram, step

COMMANDS = ("START", "HOLD", "RESTART", "STOP", "ABORT", "PAUSE", "RESUME", "RESET", "DONE")

# Rows: state; then what each command leads to, in the order of COMMANDS. Source: ANSI/ISA-88.00.01, example state table.
ISA_88 = """
IDLE        RUNNING  -        -           -         -         -        -        -     -
RUNNING     -        HOLDING  -           STOPPING  ABORTING  PAUSING  -        -     COMPLETE
PAUSING     -        HOLDING  -           STOPPING  ABORTING  -        RUNNING  -     PAUSED
PAUSED      -        HOLDING  -           STOPPING  ABORTING  -        RUNNING  -     -
HOLDING     -        -        -           STOPPING  ABORTING  -        -        -     HELD
HELD        -        -        RESTARTING  STOPPING  ABORTING  -        -        -     -
RESTARTING  -        HOLDING  -           STOPPING  ABORTING  -        -        -     RUNNING
STOPPING    -        -        -           -         ABORTING  -        -        -     STOPPED
STOPPED     -        -        -           -         -         -        -        IDLE  -
ABORTING    -        -        -           -         -         -        -        -     ABORTED
ABORTED     -        -        -           -         -         -        -        IDLE  -
COMPLETE    -        -        -           -         -         -        -        IDLE  -
"""

EVENTS = ("ALARM", "NORMAL", "ACK", "RESET", "SHELVE", "UNSHELVE", "SUPPRESS", "UNSUPPRESS", "DISABLE", "ENABLE")

# Source: ANSI/ISA-18.2 / IEC 62682 state diagram. The latching kind differs in the two cells marked by a second name.
ISA_18_2 = """
NORM           UNACK  -                    -              -     SHLVD  -     DSUPR  -     OOSRV  -
UNACK          -      RTNUN/LATCHED        ACKED          -     SHLVD  -     DSUPR  -     OOSRV  -
ACKED          -      NORM/LATCHED_ACKED   -              -     SHLVD  -     DSUPR  -     OOSRV  -
RTNUN          UNACK  -                    NORM           -     SHLVD  -     DSUPR  -     OOSRV  -
LATCHED        UNACK  -                    LATCHED_ACKED  -     SHLVD  -     DSUPR  -     OOSRV  -
LATCHED_ACKED  UNACK  -                    -              NORM  SHLVD  -     DSUPR  -     OOSRV  -
SHLVD          -      -                    -              -     -      NORM  DSUPR  -     OOSRV  -
DSUPR          -      -                    -              -     -      -     -      NORM  OOSRV  -
OOSRV          -      -                    -              -     -      -     -      -     -      NORM
"""


def cells(grid: str, events: tuple[str, ...], which: int) -> list[tuple[str, str, str]]:
    """(state, event, next or "-") of every cell; ``which``: 0 the first of two names, 1 the second."""
    found: list[tuple[str, str, str]] = []
    for line in grid.strip().splitlines():
        state, *nexts = line.split()
        assert len(nexts) == len(events), line
        found += [(state, event, after.split("/")[which if "/" in after else 0]) for event, after in zip(events, nexts, strict=True)]
    return found


def drive(table: Table, state: str, event: str, after: str) -> None:
    if after != "-":
        assert step(table, state, event) == after
        return
    with pytest.raises(Illegal) as refused:
        step(table, state, event)
    for word in (event, state, *allowed(table, state)):
        assert word in str(refused.value)


@pytest.mark.parametrize(("state", "event", "after"), cells(ISA_88, COMMANDS, 0))
def test_every_command_in_every_procedural_state_does_what_isa_88_says(state: str, event: str, after: str):
    drive(PROCEDURAL, state, event, after)


@pytest.mark.parametrize(("state", "event", "after"), cells(ISA_18_2, EVENTS, 0))
def test_every_event_in_every_alarm_state_does_what_isa_18_2_says(state: str, event: str, after: str):
    drive(ALARM, state, event, after)


@pytest.mark.parametrize(("state", "event", "after"), cells(ISA_18_2, EVENTS, 1))
def test_a_latching_alarm_waits_for_its_reset(state: str, event: str, after: str):
    drive(LATCHING_ALARM, state, event, after)


@pytest.mark.parametrize(
    ("table", "grid", "events"), [(PROCEDURAL, ISA_88, COMMANDS), (ALARM, ISA_18_2, EVENTS), (LATCHING_ALARM, ISA_18_2, EVENTS)]
)
def test_no_table_has_a_state_or_event_that_the_standard_lacks(table: Table, grid: str, events: tuple[str, ...]):
    states = {line.split()[0] for line in grid.strip().splitlines()}
    assert set(table) == states
    assert set(itertools.chain.from_iterable(table.values())) <= set(events)
    assert {after for row in table.values() for after in row.values()} <= states


def test_a_batch_that_has_ended_only_knows_its_reset():
    assert all(allowed(PROCEDURAL, state) == ("RESET",) for state in ENDED)


def test_every_way_of_holding_ends_held_and_only_a_restart_leads_back():
    assert step(PROCEDURAL, "HOLDING", "DONE") == "HELD"
    back = {(state, event) for state, row in PROCEDURAL.items() for event, after in row.items() if after == "RESTARTING"}
    assert back == {("HELD", "RESTART")}


def test_the_diagram_in_the_page_of_the_life_of_an_alarm_is_that_of_the_table():
    page = (Path(__file__).parents[3] / "docs/explanation/alarm-life.md").read_text()
    assert f"```mermaid\n{diagram(LATCHING_ALARM)}```" in page


def test_a_diagram_has_an_arrow_for_every_cell_of_its_table():
    arrows = [line.strip() for line in diagram(ALARM).splitlines()[2:]]
    drawn = {(state, event, after) for arrow in arrows for state, after, events in [arrow.replace(" --> ", ": ").split(": ")]
             for event in events.split(", ")}  # fmt: skip
    assert drawn == {(state, event, after) for state, row in ALARM.items() for event, after in row.items()}
