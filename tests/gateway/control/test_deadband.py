"""Deadbands: an alarm goes only when its value is back by so much, on the side where it came from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control.conditions import ConditionError, compile_set, parse
from gateway.control.deadband import staying

UNITS = {"LI": "%", "TI": "degC", "TJ": "degC", "PI": "bar", "lel_limit": "%LEL", "LEL": "%LEL", "AI": "1"}
INDEX = {"LI": 0, "TI": 1, "TJ": 2, "PI": 3, "LEL": 4, "AI": 5}


def stays(when: str, deadband: str | None, value: dict[str, float], clear_when: str | None = None, bad: str = "") -> bool | None:
    expression = staying(when, deadband, clear_when)
    assert expression is not None
    assert expression.check(UNITS.get) == "bool"
    source = expression.source(lambda name: INDEX.get(name, 10.0), UNITS.get)
    columns, quality = [value.get(name, 0.0) for name in INDEX], [0x80000000 if name == bad else 0 for name in INDEX]
    (found,) = compile_set([source])(columns, quality)
    return found


@pytest.mark.parametrize(("when", "deadband", "value", "expected"), [
    ("LI > 80 %", "2 %", {"LI": 78.1}, True),
    ("LI > 80 %", "2 %", {"LI": 78.0}, False),
    ("LI >= 80 %", "2 %", {"LI": 78.0}, True),
    ("LI < 10 %", "2 %", {"LI": 11.9}, True),
    ("LI < 10 %", "2 %", {"LI": 12.0}, False),
    ("80 % < LI", "2 %", {"LI": 78.1}, True),
    ("80 % < LI", "2 %", {"LI": 78.0}, False),
    ("TI > 95 degC", "2 K", {"TI": 93.5}, True),
    ("TI > 95 degC", "2 K", {"TI": 93.0}, False),
    ("abs(TI - TJ) > 3 K", "0.5 K", {"TI": 20.0, "TJ": 22.6}, True),
    ("abs(TI - TJ) > 3 K", "0.5 K", {"TI": 20.0, "TJ": 22.5}, False),
    ("PI > 7 bar", "300 mbar", {"PI": 6.75}, True),
    ("PI > 7 bar", "300 mbar", {"PI": 6.65}, False),
    ("LEL > lel_limit", "1 %LEL", {"LEL": 9.5}, True),
    ("LEL > lel_limit", "1 %LEL", {"LEL": 9.0}, False),
    ("AI > 0", "0.5", {"AI": -0.4}, True),
    ("AI > 0", "0.5", {"AI": -0.6}, False),
    ("TI > TJ", "1 K", {"TI": 20.0, "TJ": 20.9}, True),
])  # fmt: skip
def test_an_alarm_goes_only_beyond_its_deadband(when: str, deadband: str, value: dict[str, float], expected: bool):
    assert stays(when, deadband, value) is expected


@pytest.mark.parametrize(
    ("clear_when", "level", "expected"), [("LI < 70 %", 75.0, True), ("LI < 70 %", 69.0, False), ("LI < 90 %", 85.0, True)]
)
def test_another_condition_may_say_when_it_goes_but_never_while_it_still_stands(clear_when: str, level: float, expected: bool):
    assert stays("LI > 80 %", None, {"LI": level}, clear_when) is expected


def test_what_is_not_known_ends_no_alarm():
    assert stays("LI > 80 %", "2 %", {"LI": 10.0}, bad="LI") is None
    assert stays("LI > 80 %", None, {"LI": 10.0}, "TI < 20 degC", bad="TI") is None


@given(level=st.floats(0, 100), limit=st.integers(1, 99), band=st.integers(1, 50), operator=st.sampled_from([">", ">=", "<", "<="]))
def test_what_raises_an_alarm_always_keeps_it(level: float, limit: int, band: int, operator: str):
    when = f"LI {operator} {limit} %"
    (raises,) = compile_set([parse(when).source(lambda name: INDEX[name], UNITS.get)])([level] * 6, [0] * 6)
    assert not raises or stays(when, f"{band} %", {"LI": level})


@pytest.mark.parametrize(("when", "deadband", "says"), [
    ("LI > 80 % and TI > 20 degC", "2 %", "one comparison"),
    ("not LI > 80 %", "2 %", "one comparison"),
    ("AI == 3", "1", "one comparison"),
    ("AI", "1", "one comparison"),
    ("LI > 80 %", "TI", "one number above 0"),
    ("LI > 80 %", "-2 %", "one number above 0"),
    ("LI > 80 %", "0 %", "one number above 0"),
    ("LI > 80 %", "2 % 3", "cannot read"),
    ("LI > 80 %", "2 bar", "% does not go with bar"),
    ("TI > 95 degC", "2 degC", "one is a temperature, one a difference"),
])  # fmt: skip
def test_a_deadband_that_does_not_fit_is_refused(when: str, deadband: str, says: str):
    with pytest.raises(ConditionError, match=says):
        stays(when, deadband, {})


def test_without_deadband_and_clear_when_an_alarm_goes_with_what_raised_it():
    assert staying("LI > 80 %", None, None) is None
