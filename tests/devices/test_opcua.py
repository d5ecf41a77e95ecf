"""What an OPC UA scalar can carry, and what a status says of its queue."""

from __future__ import annotations

import math
from typing import Any

import pytest

from devices.opcua import fitted, overflowed, without_overflow

WHOLE = {"SByte": (-128, 127), "Byte": (0, 255), "Int16": (-32768, 32767), "UInt16": (0, 65535), "Int32": (-(2**31), 2**31 - 1),
         "UInt32": (0, 2**32 - 1), "Int64": (-(2**63), 2**63 - 1), "UInt64": (0, 2**64 - 1)}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_number_goes_to_its_ends_and_no_further(kind: str):
    low, high = WHOLE[kind]
    assert (fitted(low, kind), fitted(high, kind)) == (low, high)
    assert fitted(1.0, kind) == 1
    assert isinstance(fitted(1.0, kind), int)
    for beyond in (low - 1, high + 1):
        with pytest.raises(OverflowError, match=f"outside .* of {kind}"):
            fitted(beyond, kind)
    with pytest.raises(ValueError, match="is no"):
        fitted(2.5, kind)


@pytest.mark.parametrize(
    ("value", "kind", "wanted"), [(1, "Boolean", True), (0.0, "Boolean", False), (3, "Double", 3.0), ("on", "String", "on")])
def test_a_value_takes_the_type_of_its_node(value: Any, kind: str, wanted: Any):
    found = fitted(value, kind)
    assert (found, type(found)) == (wanted, type(wanted))


@pytest.mark.parametrize(
    ("value", "kind"),
    [(2, "Boolean"), ("1", "UInt16"), (1, "String"), (1, "Guid"), (math.nan, "Double"), (math.inf, "Float"), (1, "DateTime"),
     ([1], "Int32"), (None, "Double")])
def test_what_a_type_does_not_know_is_refused(value: Any, kind: str):
    with pytest.raises(ValueError):
        fitted(value, kind)


def test_a_float_has_an_end():
    assert fitted(3.4e38, "Float") == 3.4e38
    with pytest.raises(OverflowError):
        fitted(3.5e38, "Float")


@pytest.mark.parametrize(
    ("status", "ran_over", "rest"),
    [(0x00000480, True, 0), (0x40900480, True, 0x40900000), (0x00000581, True, 0x00000501), (0x00000080, False, 0), (0x00000400, False, 0),
     (0x00000880, False, 0x00000800)])
def test_an_overflow_is_told_from_every_other_bit(status: int, ran_over: bool, rest: int):
    assert overflowed(status) is ran_over
    if ran_over:
        assert without_overflow(status) == rest
