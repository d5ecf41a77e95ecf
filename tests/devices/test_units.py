"""Units: conversion, dimensions that must not mix, and the OPC UA numbers."""

import pytest

from devices.units import UNITS, dimension, factor, unit

# Source: OPC UA EUInformation, unitId of the UNECE code.
UNIT_IDS = {
    "degC": 4408652, "kg": 4933453, "g": 4674125, "L": 5002322, "m3": 5067857, "m3/h": 5067080, "L/min": 19506, "L/h": 4535090,
    "kg/h": 4536627, "kg/s": 4933459, "g/L": 18252, "mg/L": 19761, "mol/L": 4404024, "mol": 4404020, "pH": 5321520, "%": 20529,
    "rpm": 5394509, "bar": 4342098, "mbar": 5063250, "Pa": 5259596, "kPa": 4935745, "kW": 4937556, "kWh": 4937544, "A": 4279632,
    "V": 5655636, "mV": 12890, "uS/cm": 4666418, "mS/cm": 4732465, "mm": 5066068, "s": 5457219, "min": 5065038, "h": 4740434,
    "kg/m3": 4934993, "Hz": 4740186, "ppm": 13625,
}


@pytest.mark.parametrize(("symbol", "number"), UNIT_IDS.items())
def test_an_opc_ua_client_recognises_the_unit(symbol: str, number: int):
    assert unit(symbol).unit_id == number


def test_percent_of_the_explosion_limit_is_shown_as_such_although_its_code_is_per_cent():
    assert (unit("%LEL").code, unit("%LEL").display) == ("P1", "%LEL")


@pytest.mark.parametrize(
    ("value", "from_", "to", "expected"),
    [(1, "m3/h", "L/min", 1000 / 60), (45, "L/h", "L/min", 0.75), (25, "degC", "degC", 25),
     (1, "bar", "mbar", 1000), (60, "kg/h", "kg/min", 1),
     (1, "g/L", "kg/m3", 1), (10, "mS/cm", "uS/cm", 10_000), (50, "%", "kg/kg", 0.5), (1, "kW", "W", 1000), (1, "h", "s", 3600)],
)
def test_a_value_means_the_same_in_both_units(value: float, from_: str, to: str, expected: float):
    gain, offset = factor(from_, to)
    assert value * gain + offset == pytest.approx(expected)


@pytest.mark.parametrize(
    ("from_", "to"),
    [("degC", "K"), ("K", "degC"), ("%LEL", "%"), ("pH", "1"), ("rpm", "Hz"), ("%", "1"), ("kg", "L"), ("NTU", "1"), ("mg/Nm3", "mg/L")],
)
def test_what_must_never_mix_is_refused(from_: str, to: str):
    with pytest.raises(ValueError, match="does not convert"):
        factor(from_, to)


def test_there_and_back_is_where_one_started():
    for a in UNITS.values():
        for b in UNITS.values():
            if a.fits(b):
                (gain, offset), (back, shift) = factor(a.symbol, b.symbol), factor(b.symbol, a.symbol)
                assert (37.5 * gain + offset) * back + shift == pytest.approx(37.5)


def test_a_misspelt_unit_is_answered_with_the_nearest_one():
    with pytest.raises(ValueError, match=r"'l/min'; nearest is L/min"):
        unit("l/min")


@pytest.mark.fault("D08")
def test_fahrenheit_is_refused_at_load():
    with pytest.raises(ValueError, match="degF"):
        dimension("degF")


def test_a_flow_times_a_time_is_a_volume_and_a_mass_over_a_volume_is_a_density():
    assert unit("L/min").times(unit("min")) == unit("L").exponents
    assert unit("kg").over(unit("m3")) == unit("g/L").exponents


def test_a_difference_of_two_temperatures_is_in_kelvin_and_its_slope_in_kelvin_a_minute():
    assert unit("degC").difference == "K"
    assert unit(unit("degC").difference).over(unit("min")) == unit("K/min").exponents
