"""The language of conditions: three truth values, units that must fit, and unknown that never turns into good news."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.quality import BAD_NO_COMMUNICATION, GOOD, GOOD_LOCAL_OVERRIDE, UNCERTAIN_EU_EXCEEDED
from gateway.control.conditions import ConditionError, Truth, compile_set, parse
from gateway.control.dimension import quantity

UNITS = {
    "a": "1",
    "b": "1",
    "c": "1",
    "TT-1": "degC",
    "TT-2": "degC",
    "PI-1": "bar",
    "FI-1": "m3/h",
    "FI-2": "L/min",
    "LI-1": "%",
    "AI-1": "pH",
    "WI-1": "kg",
    "T.sp": "degC",
}
NAMES = list(UNITS)
FIGURES = {"trip_degc": 95.0}
_UNITS_OF = {**UNITS, "trip_degc": "degC"}
VALUE: dict[Truth, tuple[float, int]] = {True: (1.0, GOOD), False: (0.0, GOOD), None: (1.0, BAD_NO_COMMUNICATION)}


def resolve(name: str) -> int | float:
    return FIGURES[name] if name in FIGURES else NAMES.index(name)


def computed(text: str, shown: dict[str, Any], truth: bool) -> Any:
    """The text over an image in which only the tags given are Good, or as their quality says."""
    values, qualities = [0.0] * len(NAMES), [BAD_NO_COMMUNICATION] * len(NAMES)
    for name, given_as in shown.items():
        i = NAMES.index(name.replace("_", "-") if name not in UNITS else name)
        values[i], qualities[i] = given_as if isinstance(given_as, tuple) else (given_as, GOOD)
    source = parse(text).source(resolve, _UNITS_OF.get, truth=truth)
    return compile_set([source])(values, qualities)[0]


def evaluate(text: str, **shown: Any) -> Truth:
    return computed(text, shown, True)


def kleene(operator: str, left: Truth, right: Truth) -> Truth:
    """The truth table as a minimum or maximum of three grades."""
    grades = [{False: 0, None: 1, True: 2}[side] for side in (left, right)]
    return (False, None, True)[min(grades) if operator == "and" else max(grades)]


@pytest.mark.parametrize(("left", "right"), list(itertools.product((True, False, None), repeat=2)))
def test_and_and_or_are_kleenes(left: Truth, right: Truth):
    shown = {"a": VALUE[left], "b": VALUE[right]}
    assert evaluate("a and b", **shown) is kleene("and", left, right)
    assert evaluate("all(a, b)", **shown) is kleene("and", left, right)
    assert evaluate("a or b", **shown) is kleene("or", left, right)
    assert evaluate("any(a, b)", **shown) is kleene("or", left, right)
    assert evaluate("not a", **shown) is {True: False, False: True, None: None}[left]


def voted(need: int, truths: tuple[Truth, ...]) -> Truth:
    """What a vote says by trying every answer that the unknown ones could give."""
    answers = {sum(case) >= need for case in itertools.product(*((True, False) if t is None else (t,) for t in truths))}
    return answers.pop() if len(answers) == 1 else None


@pytest.mark.parametrize("need", [1, 2, 3])
@pytest.mark.parametrize("truths", list(itertools.product((True, False, None), repeat=3)))
def test_a_vote_says_what_every_answer_of_the_unknown_ones_would_say(need: int, truths: tuple[Truth, ...]):
    shown = {name: VALUE[truth] for name, truth in zip("abc", truths, strict=True)}
    assert evaluate(f"vote({need}, a, b, c)", **shown) is voted(need, truths)
    assert evaluate(f"not vote({need}, a, b, not c)", **shown) is evaluate(f"vote({4 - need}, not a, not b, c)", **shown)
    if need != 2:
        assert evaluate(f"{'any' if need == 1 else 'all'}(a, b, c)", **shown) is voted(need, truths)


def test_a_bad_input_trips_one_of_two_and_only_weakens_two_of_three():
    assert evaluate("vote(1, a, b)", b=0.0) is None
    assert evaluate("vote(2, a, b, c)", b=0.0, c=0.0) is False
    assert evaluate("vote(2, a, b, c)", b=1.0, c=0.0) is None


def test_votes_of_votes_keep_their_counts_apart():
    assert evaluate("vote(2, vote(2, a, b, a), not vote(1, b, b), a or b)", a=1.0, b=0.0) is True
    assert evaluate("vote(2, vote(2, a, b, b), not vote(1, a, b), a)", a=1.0, b=0.0) is False


@pytest.mark.parametrize(("text", "words"), [
    ("vote(2, a)", "vote takes how many must be true, then two or more conditions"),
    ("vote(3, a, b)", "vote: of 2 conditions a whole number from 1 to 2 must be true"),
    ("vote(0, a, b)", "whole number from 1 to 2"),
    ("vote(1.5, a, b)", "whole number from 1 to 2"),
    ("vote(2 bar, a, b, c)", "whole number from 1 to 3"),
    ("vote(a, b, c)", "whole number from 1 to 2"),
    ("vote(2, TT-1, a, b)", "a condition is needed here, not a number"),
    ("vote(2, TT-1 > 3 bar, a, b)", "degC"),
])  # fmt: skip
def test_a_vote_that_cannot_be_counted_is_refused(text: str, words: str):
    with pytest.raises(ConditionError, match=words):
        parse(text).check(_UNITS_OF.get)


@pytest.mark.parametrize(("text", "shown", "expected"), [
    ("TT-1 > 95 degC", {"TT_1": 96.0}, True),
    ("TT-1 > trip_degc", {"TT_1": 94.9}, False),
    ("TT-1 > 95 degC", {}, None),
    ("TT-1 > 95 degC", {"TT_1": (96.0, UNCERTAIN_EU_EXCEEDED)}, None),
    ("usable(TT-1) > 95 degC", {"TT_1": (96.0, UNCERTAIN_EU_EXCEEDED)}, True),
    ("usable(TT-1) > 95 degC", {"TT_1": (96.0, BAD_NO_COMMUNICATION)}, None),
    ("TT-1 > 95 degC", {"TT_1": (96.0, GOOD_LOCAL_OVERRIDE)}, True),
    ("TT-1 - TT-2 > 3 K", {"TT_1": 64.0, "TT_2": 60.0}, True),
    ("TT-1 > T.sp + 5 K", {"TT_1": 66.0, "T.sp": 60.0}, True),
    ("TT-1 > 5 K + T.sp", {"TT_1": 66.0, "T.sp": 60.0}, True),
    ("T.sp - 5 K > TT-1", {"TT_1": 54.0, "T.sp": 60.0}, True),
    ("abs(TT-1 - TT-2) > 3 K", {"TT_1": 60.0, "TT_2": 64.0}, True),
    ("max(TT-1, TT-2) > 95 degC", {"TT_1": 60.0, "TT_2": 96.0}, True),
    ("max(TT-1, TT-2) > 95 degC", {"TT_2": 96.0}, None),
    ("FI-1 < 10 L/min", {"FI_1": 0.59}, True),
    ("FI-1 < 10 L/min", {"FI_1": 0.61}, False),
    ("FI-1 + FI-2 > 1 m3/h", {"FI_1": 0.5, "FI_2": 8.4}, True),
    ("min(FI-1, FI-2) < 6 L/min", {"FI_1": 1.0, "FI_2": 5.0}, True),
    ("5 L/min < FI-1", {"FI_1": 0.31}, True),
    ("PI-1 > 0", {"PI_1": 0.1}, True),
    ("0 < PI-1", {"PI_1": 0.1}, True),
    ("LI-1 > 50 % and not a", {"LI_1": 51.0, "a": 0.0}, True),
    ("good(TT-1)", {"TT_1": 1.0}, True),
    ("good(TT-1)", {"TT_1": (1.0, UNCERTAIN_EU_EXCEEDED)}, False),
    ("bad(TT-1)", {}, True),
    ("bad(TT-1)", {"TT_1": (1.0, UNCERTAIN_EU_EXCEEDED)}, False),
    ("good(trip_degc) and not bad(trip_degc)", {}, True),
    ("good(a) and a", {}, False),
    ("PI-1 / 0 bar > 1", {"PI_1": 1.0}, None),
    ("max(2, a / b) > 1", {"a": 1.0, "b": 0.0}, None),
    ("max(a / b, 2) > 1", {"a": 1.0, "b": 0.0}, None),
    ("min(2, a / b) > 1", {"a": 1.0, "b": 0.0}, None),
    ("a != b", {"a": 1.0}, None),
])  # fmt: skip
def test_a_condition_is_what_a_person_would_say(text: str, shown: dict[str, Any], expected: Truth):
    assert evaluate(text, **shown) is expected


def test_a_number_that_is_not_known_is_none():
    assert computed("TT-1 - TT-2", {"TT_1": 64.0, "TT_2": 60.0}, False) == pytest.approx(4.0)
    assert computed("TT-1 - TT-2", {"TT_1": 64.0}, False) is None
    assert computed("a / b", {"a": 1.0, "b": 0.0}, False) is None


@pytest.mark.fault("D08")
@pytest.mark.parametrize(("text", "column"), [
    ("TT-1 > 3 bar", 1), ("TT-1 > 95 K", 1), ("TT-1 > 95", 1), ("LI-1 > 80 degC", 1), ("TT-1 + TT-2 > 90 degC", 1), ("5 K - TT-1 > 3 K", 1),
    ("TT-1 + 5 K > 95 K", 1), ("TT-1 * 2 > 90 degC", 1), ("a and FI-1 > 3 bar", 7), ("max(TT-1, 5 K) > 90 degC", 1), ("a or TT-1", 6),
    ("not FI-1", 5), ("a > 3 cubits", 7), ("nobody > 3", 1), ("a and nobody", 7), ("a > (b > c)", 6), ("a + (b and c) > 1", 6),
    ("TT-1 + 5 K", 1),
    ("TT-1", 1), ("min(a, TT-1) > 1", 1),
])  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_column(text: str, column: int):
    with pytest.raises(ConditionError) as refused:
        parse(text).source(resolve, _UNITS_OF.get)
    assert refused.value.column == column


@pytest.mark.parametrize(("text", "column"), [
    ("a >", 4), ("a > > b", 5), ("(a", 3), ("a $ b", 3), ("", 1), ("good(a, b)", 1), ("good(a + b)", 1),
    ("usable(3)", 1), ("min(a)", 1), ("wish(a)", 1),
    ("a and and b", 7), ("a > 5 and", 10),
])  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_column(text: str, column: int):
    with pytest.raises(ConditionError) as refused:
        parse(text)
    assert refused.value.column == column


@pytest.mark.parametrize("text", [
    "a and " * 330 + "b", "(" * 900 + "a" + ")" * 900, "any(" + ", ".join(["a"] * 400) + ")",
    "a + " * 400 + "b > 1", "min(" + ", ".join(["a"] * 400) + ") > 0",
])  # fmt: skip
def test_a_long_condition_is_still_a_condition(text: str):
    assert evaluate(text, a=1.0, b=1.0) is True


@pytest.mark.parametrize(
    "text", ["not " * 60 + "a", "a > " + "-" * 900 + "1", "a" + " * b" * 400 + " > 1", "abs(" * 50 + "a" + ")" * 50 + " > 1", "a" * 2001]
)
def test_a_condition_deeper_or_longer_than_anyone_reads_is_refused(text: str):
    with pytest.raises(ConditionError):
        parse(text)


def test_a_minus_sign_needs_spaces_because_tags_carry_hyphens():
    assert parse("TT-1 - TT-2 > 3 K").names == {"TT-1", "TT-2"}
    assert parse("TT-1-TT-2 > 3 K").names == {"TT-1-TT-2"}


def test_a_whole_set_is_evaluated_in_its_order():
    sources = [parse(text).source(resolve, _UNITS_OF.get) for text in ("a", "b", "a and b")]
    values = [1.0, 0.0, *[0.0] * (len(NAMES) - 2)]
    assert compile_set(sources)(values, [GOOD] * len(NAMES)) == [True, False, False]


@pytest.mark.parametrize("truths", list(itertools.product((True, False, None), repeat=3)))
def test_a_comparison_that_several_conditions_share_means_the_same_in_each(truths: tuple[Truth, ...]):
    texts = ("a", "not a", "a and b", "any(a, b, not c)", "not (a or c) and b", "a != 0 and b != 0", "b")
    sources = [parse(text).source(resolve, UNITS.get, truth=True) for text in texts]
    values, qualities = [0.0] * len(NAMES), [GOOD] * len(NAMES)
    for i, truth in enumerate(truths):
        values[i], qualities[i] = VALUE[truth]
    assert compile_set(sources)(values, qualities) == [compile_set([source])(values, qualities)[0] for source in sources]


# --- unknown is never good news ----------------------------------------------------------------------------------------
comparisons = st.sampled_from(
    ("a > 0.5", "b == 1", "c", "usable(b) > 0.5", "a + b > c", "max(a, b) > 0.5", "a / b > 1", "min(a, b / c) <= 1", "a != c")
)
texts = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        inner.map(lambda t: f"not ({t})"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]}) and ({t[1]})"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]}) or ({t[1]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"any({t[0]}, {t[1]}, {t[2]})"),
    ),
    max_leaves=6,
)


@given(texts, st.lists(st.sampled_from((0.0, 1.0)), min_size=3, max_size=3), st.sets(st.sampled_from("abc"), min_size=1))
@settings(max_examples=150)
def test_what_is_decided_without_knowing_an_operand_is_true_whatever_it_turns_out_to_be(text: str, values: list[float], lost: set[str]):
    shown = dict(zip("abc", values, strict=True))
    verdict = evaluate(text, **{name: value for name, value in shown.items() if name not in lost})
    if verdict is None:
        return
    for found in itertools.product((0.0, 1.0), repeat=len(lost)):
        later = evaluate(text, **{**shown, **dict(zip(sorted(lost), found, strict=True))})
        assert later is verdict or later is None  # None: a division by a zero that has turned up


@given(st.text(alphabet="ab <>=!()+-*/.5%KT-1degCandornotgood,", max_size=40))
def test_any_text_is_a_condition_or_refused(text: str):
    try:
        source = parse(text).source(resolve, _UNITS_OF.get)
    except ConditionError:
        return
    values = [math.nan] * len(NAMES)
    assert compile_set([source])(values, [BAD_NO_COMMUNICATION] * len(NAMES))[0] in (True, False, None)


def test_an_expression_knows_what_it_measures():
    rise = parse("(TT-1 - TT-2) / 1 min").measures(lambda name: quantity(UNITS[name]))
    gain, _ = rise.into(quantity("K/min"))
    assert gain == pytest.approx(1.0)
