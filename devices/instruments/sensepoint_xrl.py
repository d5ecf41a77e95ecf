"""Honeywell Sensepoint XRL gas detector: hydrogen (%LEL) and hydrogen chloride (ppm) in the rooms.

In inhibit the reading holds its last value, which looks like a live one. So the value is good only while the monitoring
state is "normal"; warm-up, inhibit and calibration make it Bad.

Source: Honeywell Sensepoint XRL manual, appendix Modbus registers (40101 to 40116, 30011 to 30018). Word order ABCD, and
the unit codes (taken from the XCL of the same family), are assumed.
"""

from __future__ import annotations

from devices.profile import Kind, Limits, Point, Profile, StatusRule, Table, Verified
from devices.quality import BAD_CONFIGURATION_ERROR, BAD_DEVICE_FAILURE, BAD_OUT_OF_SERVICE, UNCERTAIN_SUBNORMAL

NORMAL, WARM_UP, INHIBIT, CALIBRATION = 1, 2, 3, 12
PERCENT_LEL, PPM = 0x01, 0x06
TYPE_CODE = 0x2600
_H, _I = Table.HOLDING, Table.INPUT


def _rules(code: int) -> tuple[StatusRule, ...]:
    return (
        StatusRule(point="state", quality=BAD_OUT_OF_SERVICE, unless=(NORMAL,), meaning="warm-up, inhibit or calibration: last value held"),
        StatusRule(point="flags", quality=BAD_DEVICE_FAILURE, mask=0x40, meaning="fault active"),
        StatusRule(point="fault", quality=BAD_DEVICE_FAILURE, between=(1000, 0xFFFF), meaning="fault number, 1200 + n"),
        StatusRule(point="fault", quality=UNCERTAIN_SUBNORMAL, between=(1, 999), meaning="warning number"),
        StatusRule(point="unit", quality=BAD_CONFIGURATION_ERROR, unless=(code,), meaning="the detector reports in another unit"),
    )


def _xrl(name: str, gas: str, unit: str, code: int, low: float, high: float) -> Profile:
    return Profile(
        name=name, maker="Honeywell", model=f"Sensepoint XRL, {gas}", protocol="modbus", verified=Verified.MANUAL,
        source="Honeywell Sensepoint XRL instruction manual, appendix Modbus registers",
        points=(
            Point("id", _H, 100, Kind.UINT16, note="40101 high byte 0x26, low byte the bus address"),
            Point("pv", _H, 102, Kind.FLOAT32, unit, low=low, high=high, statuses=_rules(code), note="40103 last value in inhibit"),
            Point("fault", _H, 104, Kind.UINT16, note="40105 fault 1200 + n, warning n, 0 healthy"),
            Point("flags", _H, 105, Kind.UINT16, note="40106 bits 0 AL1, 1 AL2, 4 warning, 6 fault"),
            Point("state", _H, 106, Kind.UINT16, note="40107 1 normal, 2 warm-up, 3 inhibit, 12 calibration"),
            Point("heartbeat", _H, 107, Kind.UINT16, note="40108 counts up about every 5 s"),
            Point("unit", _H, 110, Kind.UINT16, note=f"40111 {code} = {unit}; code assumed"),
            Point("monitor", _I, 10, Kind.UINT16, note="30011 the same state in the input table"),
            Point("alarms", _I, 13, Kind.UINT32, note="30014 active alarms, bit 0 AL1, bit 1 AL2"),
            Point("faults", _I, 17, Kind.UINT32, note="30018 low word warnings, high word faults"),
        ),
        limits=Limits(gap=16, read_functions=(3, 4), write_functions=(6, 16)),
        identity=("id", TYPE_CODE), identity_mask=0xFF00,
        quirks=("inhibit holds the last reading", "40106 is latched when the relays are set to latch"),
    )


PROFILE = _xrl("sensepoint_xrl", "hydrogen", "%LEL", PERCENT_LEL, -5, 100)
PPM_PROFILE = _xrl("sensepoint_xrl_ppm", "hydrogen chloride", "ppm", PPM, -1, 20)
