"""Endress+Hauser Promass 300 Coriolis meter: acid flow, density and total, or the density of a slurry.

Values are read from the auto-scan buffer (5051..5082), which answers in 3 to 5 ms where a direct read takes 25 to 50 ms
and lies in one block where the registers themselves lie in three. The scan list of this plant, two registers an entry:
volume flow 2009, density 2013, temperature 2017, totaliser 1 2610, mass flow 2007, diagnosis number 6859, diagnosis code
string 6821 (its first two characters). Failure mode 7116 is set to NaN, so that a failed meter does not hold its last value.

Source: Endress+Hauser Promass 300 Modbus pages (functions, byte order, scan list, diagnosis). The process value register
numbers, and that a 16-bit entry lies in the first register of its pair, are assumed.
"""

from __future__ import annotations

from devices.profile import Kind, Limits, Point, Profile, StatusRule, Table, Verified, WordOrder
from devices.quality import BAD_DEVICE_FAILURE, BAD_OUT_OF_SERVICE, UNCERTAIN_SENSOR_NOT_ACCURATE

_H = Table.HOLDING
_CLASS = "diagnosis_class"


def _letter(letter: str, quality: int, meaning: str) -> StatusRule:
    return StatusRule(point=_CLASS, quality=quality, mask=0xFF00, equals=ord(letter) << 8, meaning=f"NE 107 {letter}: {meaning}")


_NE107 = (
    _letter("F", BAD_DEVICE_FAILURE, "failure"),
    _letter("C", BAD_OUT_OF_SERVICE, "function check"),
    _letter("S", UNCERTAIN_SENSOR_NOT_ACCURATE, "out of specification"),
)


def _entry(slot: int, name: str, unit: str, low: float | None, high: float | None, register: int) -> Point:
    return Point(name, _H, 5050 + 2 * slot, Kind.FLOAT32, unit, low=low, high=high, statuses=_NE107,
                 note=f"{5051 + 2 * slot} scan list entry {slot + 1} = register {register}")


PROFILE = Profile(
    name="promass_300", maker="Endress+Hauser", model="Promass 300", protocol="modbus", verified=Verified.MANUAL,
    source="Endress+Hauser Promass 300 Modbus RS485 pages; Promass 83 (limit of EEPROM writes)",
    order=WordOrder.CDAB,
    points=(
        _entry(0, "flow", "L/min", -300, 300, 2009),
        _entry(1, "density", "kg/m3", 0, 5000, 2013),
        _entry(2, "temperature", "degC", -50, 205, 2017),
        _entry(3, "total", "L", None, None, 2610),
        _entry(4, "mass_flow", "kg/h", -18000, 18000, 2007),
        Point("diagnosis", _H, 5060, Kind.UINT16, note="5061 scan list entry 6 = register 6859, number of the active diagnosis"),
        Point(_CLASS, _H, 5062, Kind.UINT16, note="5063 scan list entry 7 = register 6821, two characters; M (maintenance) stays good"),
    ),
    limits=Limits(read_registers=125, write_registers=120, gap=16, read_functions=(3, 4), write_functions=(6, 16)),
    quirks=("functions 3 and 4 are identical",
            "byte order is selectable; factory 1-0-3-2 is CDAB",
            "non-volatile writes are limited to a million: nothing here is written",
            "telegram delay 7146, 0 to 100 ms, default 6"),
)
