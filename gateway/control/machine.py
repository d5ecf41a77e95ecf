"""State machines as tables: ``{state: {event: next}}``. An illegal event names what would be allowed and changes nothing.

    >>> step(PROCEDURAL, "RUNNING", "HOLD")
    'HOLDING'
    >>> step(PROCEDURAL, "IDLE", "HOLD")
    Traceback (most recent call last):
    gateway.control.machine.Illegal: HOLD is not possible in IDLE; possible: START
"""

from __future__ import annotations

from collections.abc import Mapping

Table = Mapping[str, Mapping[str, str]]


class Illegal(ValueError):
    """An event that the state does not know."""


def step(table: Table, state: str, event: str) -> str:
    """The next state. Raises Illegal when the event has no place in the state."""
    row = table[state]
    if event not in row:
        raise Illegal(f"{event} is not possible in {state}; possible: {', '.join(row) or 'nothing'}")
    return row[event]


def allowed(table: Table, state: str) -> tuple[str, ...]:
    """The events that a state knows."""
    return tuple(table[state])


def diagram(table: Table) -> str:
    """The table as a Mermaid state diagram: events that lead the same way share an arrow."""
    lines = ["stateDiagram-v2", f"    [*] --> {next(iter(table))}"]
    for state, row in table.items():
        for after in dict.fromkeys(row.values()):
            lines.append(f"    {state} --> {after}: {', '.join(event for event, to in row.items() if to == after)}")
    return "\n".join(lines) + "\n"


# ISA-88 procedural states. Commands: START HOLD RESTART STOP ABORT PAUSE RESUME RESET; DONE is the state's own work finished.
# Source: ANSI/ISA-88.00.01 example state table; PAUSE and RESUME are kept in the table, no phase pauses yet.
PROCEDURAL: Table = {
    "IDLE": {"START": "RUNNING"},
    "RUNNING": {"DONE": "COMPLETE", "PAUSE": "PAUSING", "HOLD": "HOLDING", "STOP": "STOPPING", "ABORT": "ABORTING"},
    "PAUSING": {"DONE": "PAUSED", "RESUME": "RUNNING", "HOLD": "HOLDING", "STOP": "STOPPING", "ABORT": "ABORTING"},
    "PAUSED": {"RESUME": "RUNNING", "HOLD": "HOLDING", "STOP": "STOPPING", "ABORT": "ABORTING"},
    "HOLDING": {"DONE": "HELD", "STOP": "STOPPING", "ABORT": "ABORTING"},
    "HELD": {"RESTART": "RESTARTING", "STOP": "STOPPING", "ABORT": "ABORTING"},
    "RESTARTING": {"DONE": "RUNNING", "HOLD": "HOLDING", "STOP": "STOPPING", "ABORT": "ABORTING"},
    "STOPPING": {"DONE": "STOPPED", "ABORT": "ABORTING"},
    "STOPPED": {"RESET": "IDLE"},
    "ABORTING": {"DONE": "ABORTED"},
    "ABORTED": {"RESET": "IDLE"},
    "COMPLETE": {"RESET": "IDLE"},
}
ENDED = frozenset({"COMPLETE", "STOPPED", "ABORTED"})

# ISA-18.2 alarm states; events: ALARM, NORMAL, ACK, RESET, SHELVE, UNSHELVE, SUPPRESS, UNSUPPRESS, DISABLE, ENABLE.
# The engine follows "unshelve returns to the live condition" by sending ALARM after UNSHELVE when the condition stands.
ALARM: Table = {
    "NORM": {"ALARM": "UNACK", "SHELVE": "SHLVD", "SUPPRESS": "DSUPR", "DISABLE": "OOSRV"},
    "UNACK": {"ACK": "ACKED", "NORMAL": "RTNUN", "SHELVE": "SHLVD", "SUPPRESS": "DSUPR", "DISABLE": "OOSRV"},
    "ACKED": {"NORMAL": "NORM", "SHELVE": "SHLVD", "SUPPRESS": "DSUPR", "DISABLE": "OOSRV"},
    "RTNUN": {"ACK": "NORM", "ALARM": "UNACK", "SHELVE": "SHLVD", "SUPPRESS": "DSUPR", "DISABLE": "OOSRV"},
    "SHLVD": {"UNSHELVE": "NORM", "SUPPRESS": "DSUPR", "DISABLE": "OOSRV"},
    "DSUPR": {"UNSUPPRESS": "NORM", "DISABLE": "OOSRV"},
    "OOSRV": {"ENABLE": "NORM"},
    "LATCHED": {"ACK": "LATCHED_ACKED", "ALARM": "UNACK", "SHELVE": "SHLVD", "SUPPRESS": "DSUPR", "DISABLE": "OOSRV"},
    "LATCHED_ACKED": {"RESET": "NORM", "ALARM": "UNACK", "SHELVE": "SHLVD", "SUPPRESS": "DSUPR", "DISABLE": "OOSRV"},
}
# A latching alarm goes to LATCHED where an ordinary one goes to RTNUN or NORM.
LATCHING_ALARM: Table = ALARM | {
    "UNACK": {**ALARM["UNACK"], "NORMAL": "LATCHED"},
    "ACKED": {**ALARM["ACKED"], "NORMAL": "LATCHED_ACKED"},
}
