"""What a condition hangs on: the comparisons to blame, and what would have to become true."""

from __future__ import annotations

import itertools

import pytest

from devices.quality import BAD_NO_COMMUNICATION, GOOD
from gateway.control.blame import Part, blamed, goal, part_of, truth
from gateway.control.conditions import compile_set, parse
from gateway.control.dimension import Quantity, quantity

NAMES = ["level", "temperature", "power_ok", "a", "b", "c"]
UNITS = {"level": "%", "temperature": "degC", "power_ok": "1", "a": "1", "b": "1", "c": "1", "trip_pct": "%"}


def resolve(name: str) -> int | float:
    return 90.0 if name == "trip_pct" else NAMES.index(name)


def quantity_of(name: str) -> Quantity | None:
    return quantity(UNITS[name])


def made(text: str, **shown: float | None) -> tuple[Part, list[float], list[int]]:
    """A condition over an image in which what is not shown is 0; None is lost."""
    values = [shown.get(name, 0.0) or 0.0 for name in NAMES]
    qualities = [BAD_NO_COMMUNICATION if shown.get(name, 0.0) is None else GOOD for name in NAMES]
    return part_of(parse(text), resolve, quantity_of), values, qualities


@pytest.mark.parametrize(("text", "shown", "to_blame", "needs"), [
    ("level > trip_pct", {"level": 95.0}, ["level > trip_pct"], "level <= trip_pct"),
    ("level > trip_pct", {"level": None}, ["level > trip_pct"], "level <= trip_pct (not known now)"),
    ("level > trip_pct", {"level": 50.0}, [], ""),
    ("level > trip_pct or not power_ok", {"level": 95.0}, ["level > trip_pct", "power_ok"], "level <= trip_pct and power_ok"),
    ("level > trip_pct or not power_ok", {"level": 95.0, "power_ok": 1.0}, ["level > trip_pct"], "level <= trip_pct"),
    ("a and level > 10 %", {"a": 1.0, "level": 50.0}, ["a", "level > 10 %"], "not a or level <= 10 %"),
    ("a and (b or level > 10 %)", {"a": 1.0, "b": 1.0, "level": 50.0}, ["a", "b", "level > 10 %"], "not a or (not b and level <= 10 %)"),
    ("vote(2, a, b, c)", {"a": 1.0, "b": 1.0}, ["a", "b"], "not a or not b"),
    ("vote(2, a, b, c)", {"a": 1.0, "b": 1.0, "c": 1.0}, ["a", "b", "c"], "2 of (not a; not b; not c)"),
    ("vote(2, a, b, c)", {"a": None, "b": 1.0}, ["a", "b"], "not a (not known now) or not b"),
    ("any(bad(level), a)", {"level": None}, ["bad(level)"], "not bad(level)"),
    ("not vote(2, a, b, c)", {"a": 1.0}, ["b", "c"], "b or c"),
])  # fmt: skip
def test_a_cause_names_what_makes_it_so_and_what_would_free_it(text: str, shown: dict[str, float | None], to_blame: list[str], needs: str):
    part, values, qualities = made(text, **shown)
    assert [atom.text for atom in blamed(part, values, qualities)] == to_blame
    assert goal(part, values, qualities) == needs


@pytest.mark.parametrize("text", [
    "a or b and not c", "not (a and b) or c", "vote(2, a, b, not c)", "all(a, any(b, c))", "vote(2, a and b, b or c, a or c)",
])  # fmt: skip
def test_the_tree_says_what_the_compiled_condition_says_and_the_way_out_is_one(text: str):
    """Over all readings: truth agrees; making true what the goal asks makes the cause false."""
    compiled = compile_set([parse(text).source(resolve, UNITS.get)])
    for case in itertools.product((1.0, 0.0, None), repeat=3):
        shown = dict(zip("abc", case, strict=True))
        part, values, qualities = made(text, **shown)
        assert truth(part, values, qualities) is compiled(values, qualities)[0]
        needs = goal(part, values, qualities).replace(" (not known now)", "")
        assert (needs == "") is (truth(part, values, qualities) is False)
        if needs and None not in case and " of (" not in needs:
            freeing = [
                (dict(zip("abc", other, strict=True))) for other in itertools.product((1.0, 0.0), repeat=3)
                if computed(needs, dict(zip("abc", other, strict=True))) and changed(case, other) <= wanted(needs)
            ]  # fmt: skip
            assert freeing, (text, case, needs)
            for other in freeing:
                assert truth(*made(text, **other)) is False, (text, case, needs, other)


def computed(text: str, shown: dict[str, float]) -> bool:
    part, values, qualities = made(text, **shown)
    return truth(part, values, qualities) is True


def changed(case: tuple[float | None, ...], other: tuple[float, ...]) -> set[str]:
    return {name for name, was, now in zip("abc", case, other, strict=True) if was != now}


def wanted(needs: str) -> set[str]:
    return {name for name in "abc" if name in needs.replace("and", "").replace("not", "")}
