"""Honeywell XNX universal transmitter: hydrogen in the duct of a leach tank.

The concentration is forced to 0 while the transmitter is inhibited, which looks like clean air. So the value is good only
in the states "normal monitoring" and "in warning" of iMonitoringState; every other state makes it Bad.

Source: Honeywell XNX technical manual, appendix B, holding registers 40001 to 40037. Word order ABCD: assumed.
"""

from __future__ import annotations

from devices.profile import Kind, Limits, Point, Profile, StatusRule, Table, Verified
from devices.quality import BAD_CONFIGURATION_ERROR, BAD_DEVICE_FAILURE, BAD_OUT_OF_SERVICE, UNCERTAIN_SUBNORMAL

NORMAL, WARM_UP, INHIBIT, WARNING = 1, 2, 3, 7
PERCENT_LEL = 5
TYPE_CODE = 0x2400
_H = Table.HOLDING
_RULES = (
    StatusRule(point="state", quality=BAD_OUT_OF_SERVICE, unless=(NORMAL, WARNING, 8, 9),
               meaning="warm-up, inhibit, bump test, calibration or simulation: the value is forced to 0"),
    StatusRule(point="state", quality=BAD_DEVICE_FAILURE, between=(8, 9), meaning="instrument fault or beam block"),
    StatusRule(point="flags", quality=BAD_DEVICE_FAILURE, mask=0x40, meaning="fault active"),
    StatusRule(point="fault", quality=BAD_DEVICE_FAILURE, between=(1000, 0xFFFF), meaning="fault number"),
    StatusRule(point="fault", quality=UNCERTAIN_SUBNORMAL, between=(1, 999), meaning="warning number"),
    StatusRule(point="unit", quality=BAD_CONFIGURATION_ERROR, unless=(PERCENT_LEL,), meaning="the transmitter reports in another unit"),
)


def _flag(name: str, bit: int, note: str) -> Point:
    return Point(name, _H, 5, Kind.BIT, bit=bit, note=f"40006 bit {bit}, {note}")


PROFILE = Profile(
    name="honeywell_xnx", maker="Honeywell", model="XNX", protocol="modbus", verified=Verified.MANUAL,
    source="Honeywell XNX universal transmitter technical manual, appendix B.2",
    points=(
        Point("id", _H, 0, Kind.UINT16, note="40001 high byte 0x24, low byte the bus address"),
        Point("pv", _H, 2, Kind.FLOAT32, "%LEL", low=-5, high=100, statuses=_RULES, note="40003 concentration, 0 in inhibit"),
        Point("fault", _H, 4, Kind.UINT16, note="40005 fault 1000 to 1999, warning 1 to 999, 0 healthy"),
        Point("flags", _H, 5, Kind.UINT16, note="40006 alarm and fault bits"),
        _flag("alarm_1", 0, "AL1"),
        _flag("alarm_2", 1, "AL2"),
        _flag("warning", 4, "warning"),
        _flag("faulted", 6, "fault"),
        Point("state", _H, 6, Kind.UINT16, note="40007 1 normal, 2 warm-up, 3 and 11 inhibit, 7 warning, 8 fault, 12 and up calibration"),
        Point("heartbeat", _H, 7, Kind.UINT16, note="40008 counts up about every 5 s"),
        Point("unit", _H, 10, Kind.UINT16, note="40011 5 = %LEL"),
    ),
    limits=Limits(gap=16, read_functions=(3,), write_functions=(6, 16)),
    identity=("id", TYPE_CODE), identity_mask=0xFF00,
    quirks=("inhibit forces the concentration to 0", "catalytic heads are blind below 10 % oxygen",
            "a value with a live link can be frozen: the heartbeat tells"),
)
