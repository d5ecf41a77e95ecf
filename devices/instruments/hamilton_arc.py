"""Hamilton Arc sensors: pH Arc and ORP Arc, the two probes of R-101's sister tank R-103.

Deliberately unlike Liquiline: low word first for floats *and* for the 32-bit unit and status words, and each block of ten
registers (unit, value, status, minimum, maximum) is answered only when it is read whole. A script that cuts two registers
out and reads them as ABCD contradicts the manual; it serves as a negative test.

Source: Hamilton EPHUM011 (pH Arc Modbus manual), measurement registers 2090 and 2410; CDAB from an open C++ driver that
copies the block as it comes. The ORP sensor is taken to have the same layout: assumed.
"""

from __future__ import annotations

from devices.profile import Block, Kind, Limits, Point, Profile, StatusRule, Table, Verified, WordOrder
from devices.quality import (
    BAD_CONFIGURATION_ERROR,
    BAD_SENSOR_FAILURE,
    UNCERTAIN_EU_EXCEEDED,
    UNCERTAIN_SENSOR_NOT_ACCURATE,
    UNCERTAIN_SUBNORMAL,
)

PH_UNIT = 0x1000
MV_UNIT = 0x200000
CELSIUS_UNIT = 0x04
_TABLE = Table.HOLDING
_WHOLE = 10


def _rules(name: str, code: int) -> tuple[StatusRule, ...]:
    status = f"{name}_status"
    return (
        StatusRule(point=f"{name}_unit", quality=BAD_CONFIGURATION_ERROR, unless=(code,), meaning="the sensor reports in another unit"),
        StatusRule(point=status, quality=BAD_SENSOR_FAILURE, mask=0x10, meaning="error (NE 107 F)"),
        StatusRule(point=status, quality=UNCERTAIN_EU_EXCEEDED, mask=0x03, meaning="temperature outside measuring or operating range"),
        StatusRule(point=status, quality=UNCERTAIN_SENSOR_NOT_ACCURATE, mask=0x04, meaning="calibration is doubtful"),
        StatusRule(point=status, quality=UNCERTAIN_SUBNORMAL, mask=0x08, meaning="warning (NE 107 M)"),
    )


def _block(name: str, doc: int, unit: str, code: int, low: float, high: float) -> tuple[Point, ...]:
    at = doc - 1
    return (
        Point(f"{name}_unit", _TABLE, at, Kind.UINT32, note=f"{doc} unit bit field, 0x{code:X} = {unit}"),
        Point(name, _TABLE, at + 2, Kind.FLOAT32, unit, low=low, high=high, statuses=_rules(name, code), note=f"{doc + 2} value"),
        Point(f"{name}_status", _TABLE, at + 4, Kind.UINT32, note=f"{doc + 4} status bits 0, 1 temperature, 2 cal, 3 warn, 4 error"),
        Point(f"{name}_min", _TABLE, at + 6, Kind.FLOAT32, unit, note=f"{doc + 6} lower end of the sensor"),
        Point(f"{name}_max", _TABLE, at + 8, Kind.FLOAT32, unit, note=f"{doc + 8} upper end of the sensor"),
    )


def _arc(kind: str, name: str, unit: str, code: int, low: float, high: float) -> Profile:
    return Profile(
        name=f"hamilton_{name}_arc", maker="Hamilton", model=f"{kind} Arc", protocol="modbus",
        verified=Verified.MANUAL if name == "ph" else Verified.ASSUMED,
        source="Hamilton EPHUM011 (pH Arc); word order from an open driver",
        order=WordOrder.CDAB,
        points=(*_block(name, 2090, unit, code, low, high), *_block("temperature", 2410, "degC", CELSIUS_UNIT, -20, 140)),
        blocks=(Block(_TABLE, 2089, _WHOLE), Block(_TABLE, 2409, _WHOLE)),
        limits=Limits(gap=0, read_functions=(3, 4), write_functions=(16,)),
        quirks=("a partial read of a measurement block is refused",
                "low word first, also for the unit and status words",
                "the unit is set by function 16 at 2090, two registers, at access level S",
                "channel name as text at 2080, firmware at 1032, address at 4096, moving average at 3370; 19200 8N2"),
    )


PH_PROFILE = _arc("pH", "ph", "pH", PH_UNIT, 0, 14)
ORP_PROFILE = _arc("ORP", "orp", "mV", MV_UNIT, -1500, 1500)
