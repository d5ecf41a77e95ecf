"""What numbers measure: 5 K goes with 60 degC, 3 bar does not."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.units import UNITS, factor
from gateway.control.dimension import DIMENSIONLESS, Quantity, UnitMismatch, quantity

symbols = st.sampled_from(sorted(UNITS))


def fits(a: Quantity, b: Quantity) -> bool:
    try:
        a.check_fits(b)
    except UnitMismatch:
        return False
    return True


def test_only_units_of_one_measure_go_together():
    for a, b in itertools.product(UNITS, repeat=2):
        same = UNITS[a].fits(UNITS[b]) or {a, b} == {"degC", "K"}
        assert fits(quantity(a), quantity(b)) is same, (a, b)


@given(symbols, symbols, st.floats(-1e6, 1e6))
def test_conversion_agrees_with_the_table_of_units(a: str, b: str, value: float):
    if not UNITS[a].fits(UNITS[b]):
        return
    gain, offset = quantity(a).into(quantity(b))
    table_gain, table_offset = factor(a, b)
    assert value * gain + offset == pytest.approx(value * table_gain + table_offset, rel=1e-12, abs=1e-9)


@given(symbols)
def test_a_bare_zero_goes_with_anything(symbol: str):
    assert fits(Quantity.free(), quantity(symbol))
    assert Quantity.free().into(quantity(symbol)) == (1.0, 0.0)


def test_a_difference_added_to_a_temperature_moves_no_zero():
    assert quantity("K").into(quantity("degC")) == (1.0, 0.0)


def test_the_difference_of_two_temperatures_is_in_kelvin():
    assert quantity("degC").difference() == quantity("K")
    assert quantity("bar").difference() == quantity("bar")


def test_a_flow_times_a_time_is_a_volume():
    volume = quantity("L/min").times(quantity("min"))
    gain, offset = volume.into(quantity("L"))
    assert (gain, offset) == (pytest.approx(1.0), 0.0)


def test_a_concentration_is_an_amount_over_a_volume():
    gain, _ = quantity("mol").over(quantity("L")).into(quantity("mol/L"))
    assert gain == pytest.approx(1.0)


def test_a_share_of_a_flow_is_a_flow():
    assert fits(quantity("%").times(quantity("L/min")), quantity("m3/h"))


def test_the_ratio_of_two_levels_is_a_number():
    ratio = quantity("%").over(quantity("%"))
    assert fits(ratio, DIMENSIONLESS)


@pytest.mark.parametrize("other", ["K", "1", "degC"])
def test_a_temperature_has_no_products(other: str):
    with pytest.raises(UnitMismatch, match="point on a scale"):
        quantity("degC").times(quantity(other))
    with pytest.raises(UnitMismatch, match="point on a scale"):
        quantity(other).over(quantity("degC"))
