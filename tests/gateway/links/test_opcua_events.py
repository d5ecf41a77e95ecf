"""An event of whatever fields a server sends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from asyncua import ua

from gateway.links.opcua_events import LONGEST, Happened, happened

AT = datetime(2026, 1, 1, tzinfo=UTC)


def fields(*values: object) -> list[ua.Variant]:
    return [ua.Variant(value) for value in values]


def test_the_four_fields_in_their_order():
    told = happened(fields(500, "Lamp", ua.LocalizedText("failed"), AT))
    assert told == Happened(500, "Lamp", "failed", 1_767_225_600_000_000_000)


@pytest.mark.parametrize("values", [[], [None] * 4, ["high", 7, 3.5, "now"], [0, b"x", None, None], [1001, None, None, None], [True]])
def test_what_is_missing_or_something_else_is_empty(values: list[object]):
    told = happened(fields(*values))
    assert (told.severity in (0, 1), told.source, told.message, told.at_utc) == (True, "", "", 0)


def test_a_text_is_one_line_and_not_endless():
    told = happened(fields(1, "a\nb", ua.LocalizedText("x" * 10_000), AT))
    assert (told.source, len(told.message)) == ("a b", LONGEST)
