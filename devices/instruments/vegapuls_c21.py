"""VEGAPULS C21 radar level sensor.

Status and values are pairs of input registers; the units the sensor reports in are checked (45 m, 32 degC), because a
sensor set to millimetres would read a thousandfold. Holding 3000 selects the float order: factory CDAB (code 1).

Source: VEGA operating instructions VEGAPULS C21, Modbus registers. Order of the status word, and that SV is the
temperature of the electronics, are assumed.
"""

from __future__ import annotations

from devices.profile import Kind, Limits, Point, Profile, StatusRule, Table, Verified, WordOrder
from devices.quality import BAD_CONFIGURATION_ERROR, BAD_SENSOR_FAILURE

METRES = 45
CELSIUS = 32
_I = Table.INPUT


def _rules(bit: int, unit_point: str, code: int) -> tuple[StatusRule, ...]:
    return (
        StatusRule(point="status", quality=BAD_SENSOR_FAILURE, mask=1 << bit, meaning="value invalid (echo lost)"),
        StatusRule(point=unit_point, quality=BAD_CONFIGURATION_ERROR, unless=(code,), meaning="the sensor reports in another unit"),
    )


PROFILE = Profile(
    name="vegapuls_c21", maker="VEGA", model="VEGAPULS C21", protocol="modbus", verified=Verified.MANUAL,
    source="VEGA VEGAPULS C21 operating instructions, Modbus registers", order=WordOrder.CDAB, unit_id=246,
    points=(
        Point("status", _I, 100, Kind.UINT32, note="100 status: bit 0 PV invalid, 1 SV, 2 TV, 3 QV"),
        Point("level_unit", _I, 104, Kind.UINT32, note="104 PV unit: 45 m, 49 mm"),
        Point("level", _I, 106, Kind.FLOAT32, "m", low=-0.1, high=15, statuses=_rules(0, "level_unit", METRES), note="106 PV"),
        Point("temperature_unit", _I, 108, Kind.UINT32, note="108 SV unit: 32 degC"),
        Point("temperature", _I, 110, Kind.FLOAT32, "degC", low=-40, high=80, statuses=_rules(1, "temperature_unit", CELSIUS),
              note="110 SV, temperature of the electronics"),
    ),
    limits=Limits(gap=16, read_functions=(3, 4), write_functions=(6, 16)),
    quirks=("address 246, baud rate, parity and stop bits at holding 200 to 203, response delay 10 to 250 ms at 206 (factory 50)",
            "word order by holding 3000: 0 ABCD, 1 CDAB, 2 DCBA, 3 BADC",
            "holds the last echo for a while before it reports the value invalid"),
)
