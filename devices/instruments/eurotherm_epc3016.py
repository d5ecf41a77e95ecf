"""Eurotherm EPC3016 temperature controller (3216 address map), used as the first probe of a leach tank.

Integers are scaled by the decimals configured in the instrument: one decimal here. Addresses are printed 0-based.

Source: EPICS map and open drivers of the 3216 and EPC3000; register 4 and the float mirror at 2 * address + 0x8000: assumed.
"""

from __future__ import annotations

from devices.profile import Access, Kind, Limits, Point, Profile, StatusRule, Table, Verified
from devices.quality import BAD_OUT_OF_SERVICE, BAD_SENSOR_FAILURE

_H = Table.HOLDING
_PV_STATUS = (
    StatusRule(point="pv_status", quality=BAD_SENSOR_FAILURE, meaning="PV status is not good: sensor break or over-range"),
)
_NO_ACTION = "comm loss: none, the plant only reads this instrument"

PROFILE = Profile(
    name="eurotherm_epc3016", maker="Eurotherm", model="EPC3016", protocol="modbus", verified=Verified.ASSUMED,
    source="EPICS database and open drivers of Eurotherm 3216 / EPC3000; no manual page was read",
    points=(
        Point("pv", _H, 1, Kind.INT16, "degC", scale=0.1, low=-20, high=150, statuses=_PV_STATUS, note="1 PV.In, one decimal"),
        Point("target_sp", _H, 2, Kind.INT16, "degC", Access.READ_WRITE, scale=0.1, low=0, high=95, cyclic=False,
              note=f"2 target SP, kept in non-volatile memory; {_NO_ACTION}"),
        Point("out", _H, 4, Kind.INT16, "%", scale=0.1, low=-100, high=100, note="4 working output; assumed"),
        Point("working_sp", _H, 5, Kind.INT16, "degC", scale=0.1, low=-20, high=150, note="5 working SP"),
        Point("sp1", _H, 24, Kind.INT16, "degC", Access.READ_WRITE, scale=0.1, low=0, high=95, cyclic=False,
              note=f"24 SP1, kept in non-volatile memory; {_NO_ACTION}"),
        Point("mode", _H, 199, Kind.UINT16, note="199 instrument mode: 0 operating, 1 standby, 2 configuration",
              statuses=(StatusRule(point="mode", quality=BAD_OUT_OF_SERVICE, meaning="standby or configuration"),)),
        Point("pv_status", _H, 1932, Kind.UINT16, note="1932 PV status: 0 good"),
    ),
    limits=Limits(read_registers=125, write_registers=123, gap=32, read_functions=(3,), write_functions=(6, 16)),
    quirks=("writes to a set point wear out non-volatile memory: never cyclically",
            "changing the configured decimals changes every value tenfold: the range check catches it"),
)
