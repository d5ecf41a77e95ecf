"""Endress+Hauser Liquiline CM44x transmitter: pH, ORP and temperature of a leach tank, or the scrubber's pH.

Analog input n occupies four registers from 4 * (n - 1): value (float, ABCD), status, unit. Which sensor is input 1, 2, 3
is set in the transmitter: pH, ORP, temperature here. Status 0 good, 1 uncertain, 2 bad, 3 not assigned; a value that is
not available is also NaN.

Source: Endress+Hauser SD01189C (Liquiline CM44x, Modbus communication) and its register library.
"""

from __future__ import annotations

from devices.profile import Kind, Limits, Point, Profile, StatusRule, Table, Verified
from devices.quality import BAD_NOT_CONNECTED, BAD_SENSOR_FAILURE, UNCERTAIN_SENSOR_NOT_ACCURATE


def _status(name: str) -> tuple[StatusRule, ...]:
    return (
        StatusRule(point=name, quality=UNCERTAIN_SENSOR_NOT_ACCURATE, equals=1, meaning="uncertain (NE 107 S, or function check)"),
        StatusRule(point=name, quality=BAD_SENSOR_FAILURE, equals=2, meaning="bad (NE 107 F)"),
        StatusRule(point=name, quality=BAD_NOT_CONNECTED, equals=3, meaning="input not assigned"),
        StatusRule(point=name, quality=BAD_SENSOR_FAILURE, unless=(0, 1, 2, 3), meaning="unknown status"),
    )


def _input(n: int, name: str, unit: str, low: float, high: float) -> tuple[Point, Point, Point]:
    at, table = 4 * (n - 1), Table.INPUT
    status = f"{name}_status"
    return (
        Point(name, table, at, Kind.FLOAT32, unit, low=low, high=high, statuses=_status(status), note=f"{30001 + at} AI{n} value"),
        Point(status, table, at + 2, Kind.UINT16, note=f"{30001 + at + 2} AI{n} status"),
        Point(f"{name}_unit", table, at + 3, Kind.UINT16, note=f"{30001 + at + 3} AI{n} unit code"),
    )


PROFILE = Profile(
    name="liquiline_cm44x", maker="Endress+Hauser", model="Liquiline CM44x", protocol="modbus", verified=Verified.MANUAL,
    source="Endress+Hauser SD01189C, register library",
    points=(*_input(1, "ph", "pH", -2, 16), *_input(2, "orp", "mV", -1500, 1500), *_input(3, "temperature", "degC", -20, 150)),
    limits=Limits(gap=16, read_functions=(3, 4), write_functions=()),
    quirks=("functions 3 and 4 read the same registers", "NaN is 0x7FA00000", "the temperature unit is set by register 1016"),
)
