"""What is forced and bypassed, as a person reads it."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from gateway.commands import force
from gateway.commands.reasons import show_explain
from gateway.control.foresee import sentence

BODY: dict[str, Any] = {
    "bypasses": {"R-101.cooling_lost": {"by": "Ann", "why": "meter changed", "until_utc": "2026-01-01 09:00:00Z", "left_s": 1193}},
    "forces": {
        "LIT-1011": {"to": 95.0, "by": "Bob", "why": "radar", "until_utc": "x", "left_s": 60, "unit": "R-101", "output": False,
                     "measured": 0.0843524, "measured_quality": "Good"},
        "XV-1015": {"to": 1.0, "by": "Bob", "why": "flush", "until_utc": "x", "left_s": 5, "unit": "R-101", "output": True},
    },
}  # fmt: skip


def shown(body: dict[str, Any]) -> str:
    out = io.StringIO()
    force.show(body, Console(file=out, width=120))
    return out.getvalue()


def test_forces_and_bypasses_stand_with_what_is_measured_by_whom_and_what_is_left():
    text = shown(BODY)
    for words in ("0.08435 Good", "held output", "19 min 53 s", "R-101.cooling_lost", "meter changed", "1 min 00 s", "Bob"):
        assert words in text


def test_nothing_forced_is_told_in_words():
    assert shown({"bypasses": {}, "forces": {}}) == "nothing is forced and no interlock is bypassed\n"


def test_an_effect_is_told_in_the_order_in_which_it_matters():
    assert sentence({"loops": ["FIC-111"], "reads": ["a", "b"], "trips": ["a"]}) == "read by: a, b; trips: a; loops that use it: FIC-111"
    assert sentence({}) == "no interlock and no loop looks at it"


@pytest.mark.parametrize("options", [{"tag": "LIT-1011"}, {"tag": "LIT-1011", "end": "LIT-1011"}])
def test_half_a_command_is_refused_before_anybody_is_asked(options: dict[str, Any], tmp_path: Path):
    given = {"tag": None, "value": None, "end": None, "minutes": 60.0, "json": False, "data": tmp_path, "who": "", "why": "", "key": ""}
    assert force.run(argparse.Namespace(**{**given, **options})) == 2


def test_without_a_plant_process_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    given = {"tag": None, "value": None, "end": None, "minutes": 60.0, "json": False, "data": tmp_path, "who": "", "why": "", "key": ""}
    assert force.run(argparse.Namespace(**given)) == 1
    assert "no plant process" in capsys.readouterr().err


def test_reasons_stand_below_one_another():
    row = {
        "row": "R-101.level_high", "forces": 0.0, "description": "Level above 90 %", "cause_is": "true", "needs": "level <= level_trip_pct",
        "reset": "refused while the cause stands",
        "inputs": [{"name": "level", "tag": "LIT-1011", "value": 95.0, "quality": "GoodLocalOverride", "measured": 20.0,
                    "measured_quality": "Good"}],
    }  # fmt: skip
    out = io.StringIO()
    show_explain({"tag": "XV-1011", "blocking": [row], "owner": None}, Console(file=out, width=80))
    assert out.getvalue().splitlines() == [
        "tag       XV-1011",
        "blocking",
        "  R-101.level_high forces 0: Level above 90 %",
        "      level (LIT-1011) is 95 GoodLocalOverride, measured 20 Good",
        "      needs level <= level_trip_pct",
        "      cause is true; reset: refused while the cause stands",
        "owner     -",
    ]
