"""The links on a terminal: one row a device, then what went wrong last."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from ruamel.yaml import YAML

from gateway.commands.links import plan_of, share, show_links
from gateway.control.health import EDGES_MS

DEVICE: dict[str, Any] = {
    "state": "up", "ne107": "good", "answered": 1200, "timeouts": 1, "exceptions": 0, "malformed": 0, "surplus": 0, "late": 2,
    "answer_s": 0.0123, "answers": [0, 0, 0, 0, 1190, 9, 1, 0, 0, 0, 0], "last_error": "", "last_error_ns": 0,
    "plan": [{"what": "function 3, 0+40", "tags": 12, "refused": False, "points": ["pv", "sp"]}], "complaints": {},
}  # fmt: skip
LOST = {**DEVICE, "state": "lost", "ne107": "failure", "last_error": "timeout on read 3 of 0+40, unit 7",
        "last_error_ns": 1_767_225_600_000_000_000}  # fmt: skip


def test_one_row_a_device_and_the_last_error_in_words():
    told = {"edges_ms": list(EDGES_MS), "utc_ns": 1_767_225_600_000_000_000, "links": {"GW-101": {
        "kind": "modbus_tcp", "standing": {"noisy_bus": "GW-101: 9 garbled answers"}, "devices": {"TC-101": DEVICE, "M-101": LOST}}}}
    out = io.StringIO()
    show_links(told, Console(file=out, width=140))
    head, first, second, ill, error = [line.rstrip() for line in out.getvalue().splitlines()]
    assert head.split()[:4] == ["link", "kind", "device", "state"]
    assert first.split() == ["GW-101", "modbus_tcp", "TC-101", "up", "good", "1200", "12.3", "<=", "20", "1", "0", "0", "2", "0", "1"]
    assert second.split()[:3] == ["M-101", "lost", "failure"]
    assert ill == "GW-101: 9 garbled answers (now)"
    assert error == "M-101: timeout on read 3 of 0+40, unit 7 (last, 00:00:00 UTC)"


@pytest.mark.parametrize(("answers", "meant"), [([0] * 11, "-"), ([100] + [0] * 10, "<= 1"), ([98, 0, 2] + [0] * 8, "<= 5"),
                                                ([0] * 10 + [1], "> 1000")])  # fmt: skip
def test_the_share_is_told_by_its_edge(answers: list[int], meant: str):
    assert share(answers, list(EDGES_MS), 0.99) == meant


def test_the_plan_of_a_device_says_what_was_refused():
    refused = {"what": "function 3, 7+1", "tags": 1, "refused": True, "points": ["limit"]}
    told = {"utc_ns": 1_767_225_600_000_000_000, "links": {"GW": {"devices": {"TC-101": {**DEVICE, "plan": [*DEVICE["plan"], refused]}}}}}
    assert YAML(typ="safe").load(plan_of(told, "TC-101")) == {
        "device": "TC-101", "at": "2026-01-01T00:00:00Z",
        "plan": [{"asked": "function 3, 0+40", "points": ["pv", "sp"]}, {"asked": "function 3, 7+1", "points": ["limit"], "refused": True}],
    }
    with pytest.raises(KeyError):
        plan_of(told, "TC-102")
