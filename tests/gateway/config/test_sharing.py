"""Recipes that take shared equipment in opposite orders are refused: two batches of them could wait for one another for ever."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gateway.config.checks.sharing import one_order
from gateway.config.loading import load
from gateway.config.phases import PHASES
from gateway.paths import belfast_config


def faults(**recipes: str) -> list[Any]:
    """``recipes``: name -> its phases in order; "A+B" runs beside one another."""
    made: dict[str, Any] = {}
    for name, phases in recipes.items():
        steps: dict[str, Any] = {}
        for i, group in enumerate(phases.split()):
            names = group.split("+")
            for k, phase in enumerate(names):
                parallel = tuple(f"s{i}_{j}" for j in range(1, len(names))) if k == 0 else ()
                steps[f"s{i}_{k}"] = SimpleNamespace(phase=phase, parallel=parallel)
        made[name] = SimpleNamespace(procedure=steps)
    draft: Any = SimpleNamespace(recipes=made, fault=lambda path, text: (path, text))  # pyright: ignore[reportUnknownLambdaType]
    return list(one_order(draft))


def test_what_the_phases_of_this_test_use():
    assert [set(PHASES[name].uses) - {"analyzer"} for name in ("FILTER", "ADJUST_PH", "DOSE_SOLIDS")] == [
        {"press", "buffer"}, {"base", "base_fine"}, {"feeder"},
    ]  # fmt: skip


def test_the_line_as_it_is_delivered_takes_everything_in_one_order():
    draft: Any = SimpleNamespace(recipes=load(belfast_config()).recipes, fault=lambda path, text: (path, text))  # pyright: ignore
    assert list(one_order(draft)) == []


@pytest.mark.parametrize("recipes", [
    {"a": "FILTER ADJUST_PH FILTER", "b": "FILTER ADJUST_PH FILTER"},
    {"a": "FILTER ADJUST_PH FILTER", "b": "ADJUST_PH FILTER"},
    {"a": "FILTER+ADJUST_PH FILTER+ADJUST_PH"},
])  # fmt: skip
def test_one_order_nesting_and_taking_together_are_allowed(recipes: dict[str, str]):
    assert faults(**recipes) == []


def test_opposite_orders_are_refused_where_they_take_the_second():
    found = faults(a="FILTER ADJUST_PH FILTER", b="ADJUST_PH FILTER ADJUST_PH")
    assert {path[1:] for path, _ in found} == {("a", "procedure", "s1_0"), ("b", "procedure", "s1_0")}
    assert all("for ever" in text for _, text in found)


def test_a_ring_of_three_is_found():
    ring = {"a": "FILTER ADJUST_PH FILTER", "b": "ADJUST_PH DOSE_SOLIDS ADJUST_PH", "c": "DOSE_SOLIDS FILTER DOSE_SOLIDS"}
    assert {path[1] for path, _ in faults(**ring)} == {"a", "b", "c"}
    assert faults(a=ring["a"], b=ring["b"]) == []
