"""How the plant stands, on a terminal of eighty columns: who reads it in a hurry finds the batch, the trip and what is lost."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from gateway.commands.standing import show_status

UNIT = {
    "batch": "B-1", "state": "HELD", "cause": "interlock R-101.ventilation_lost", "prompts": {"lot-tipped": "Tip 83.6 kg of lot L?"},
    "waiting": "FP-201, which belongs to batch B-2", "steps": [{"step": "water", "phase": "CHARGE_WATER", "state": "HELD"}], "done": 1,
    "of": 19, "values": {"temperature": 17.91, "ph": 7.0912},
}  # fmt: skip
STATUS = {
    "utc_ns": 1_767_225_600_000_000_000, "scans": 73, "armed": True, "units": {"R-101": UNIT}, "interlocks": ["R-101.ventilation_lost"],
    "alarms": {"C-301.fan_stopped": "UNACK"}, "devices": {"TC-101": "up", "M-301": "lost"}, "journal": {"seq": 26, "failed": ""},
    "flood": {"active": False, "in_10_min": 1},
}  # fmt: skip


def shown(**changed: Any) -> list[str]:
    out = io.StringIO()
    show_status({**STATUS, **changed}, Console(file=out, width=80))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_status_says_what_runs_what_asks_what_waits_what_trips_and_what_is_lost():
    assert shown() == [
        "2026-01-01 00:00:00 UTC, armed, 73 scans, journal at 26",
        "R-101   B-1 HELD (interlock R-101.ventilation_lost): water, 1 of 19 done",
        "        T 17.9 degC  pH 7.09  ORP not good mV  level not good %  acid not good L  H2 not good %LEL  agitator not good rpm",
        "asks    B-1 lot-tipped: Tip 83.6 kg of lot L?",
        "waits   R-101 for FP-201, which belongs to batch B-2",
        "trips   R-101.ventilation_lost",
        "alarms  C-301.fan_stopped UNACK",
        "devices M-301 lost",
    ]


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"armed": False}, "2026-01-01 00:00:00 UTC, starting up: outputs safe, 73 scans, journal at 26"),
        ({"journal": {"seq": 9, "failed": "disk full"}}, "2026-01-01 00:00:00 UTC, armed, 73 scans, journal at 9 FAILED: disk full"),
        ({"units": {}}, "no batch on any unit"),
        ({"devices": {"TC-101": "up"}}, "devices all 1 up"),
        ({"interlocks": []}, "trips   none"),
        ({"flood": {"active": True, "in_10_min": 31}}, "FLOOD   31 alarms in 10 min: lagan alarms shows the worst first"),
    ],
)
def test_the_rest_is_said_plainly(changed: dict[str, Any], line: str):
    assert line in shown(**changed)
