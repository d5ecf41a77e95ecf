"""Grundfos E-pump behind a CIM 200 (RTU) or CIM 500 (TCP) module.

Control word 00101: bit 0 remote, bit 1 on, bit 2 reset of alarm. 0xFFFF means "not available". Wire address is the
printed number less one.

Source: Grundfos CIM/CIU functional profile, register blocks; open driver homebridge-grundfos-cim500 (numbers, scales).
"""

from __future__ import annotations

from devices.profile import Access, CommLoss, Kind, Limits, Point, Profile, Table, Verified, Watchdog

_H, _I = Table.HOLDING, Table.INPUT
_NONE = (0xFFFF,)


def _bit(name: str, bit: int, note: str) -> Point:
    return Point(name, _I, 200, Kind.BIT, bit=bit, note=f"00201 bit {bit}, {note}")


def _value(name: str, doc: int, unit: str, scale: float, high: float | None, note: str) -> Point:
    return Point(name, _I, doc - 1, Kind.UINT16, unit, scale=scale, low=None if high is None else 0, high=high, not_available=_NONE,
                 note=f"{doc:05} {note}")


PROFILE = Profile(
    name="grundfos_cim", maker="Grundfos", model="CIM 200 / CIM 500 with E-pump", protocol="modbus", verified=Verified.ASSUMED,
    source="open driver homebridge-grundfos-cim500; Grundfos CIM/CIU functional profile (function codes, control block)",
    points=(
        Point("run", _H, 100, Kind.UINT16, access=Access.READ_WRITE, sequences={0: (0x0001,), 1: (0x0003,)}, feedback="running",
              note="00101 control: 1 remote and off, 3 remote and on"),
        Point("reset", _H, 100, Kind.UINT16, access=Access.WRITE, sequences={1: (0x0005, 0x0001)},
              note="00101 bit 2: resets an alarm and leaves the pump off; comm loss: none, it moves nothing"),
        Point("mode", _H, 101, Kind.UINT16, access=Access.READ_WRITE, cyclic=False,
              note="00102 control mode: 0 constant speed (used here), 4 constant pressure; comm loss: none, set once at commissioning"),
        Point("setpoint", _H, 103, Kind.UINT16, "%", Access.READ_WRITE, scale=0.01, low=0, high=100, note="00104 setpoint, 0.01 %"),
        Point("status", _I, 200, Kind.UINT16, note="00201 status"),
        _bit("low_flow_stop", 0, "stopped on low flow"),
        _bit("remote", 8, "controlled by the bus"),
        _bit("running", 9, "on"),
        _bit("alarm", 10, "alarm active"),
        _bit("warning", 11, "warning active"),
        _bit("forced_local", 12, "forced to local"),
        _bit("at_max_speed", 13, "at maximum speed"),
        _bit("at_min_speed", 14, "at minimum speed"),
        _value("alarm_code", 205, "1", 1, None, "alarm code"),
        _value("warning_code", 206, "1", 1, None, "warning code"),
        _value("speed", 304, "rpm", 1, 6000, "motor speed"),
        _value("frequency", 305, "Hz", 0.1, 200, "frequency"),
        _value("actual_setpoint", 308, "%", 0.01, 100, "actual setpoint"),
        _value("current", 309, "A", 0.1, 100, "motor current"),
        Point("power", _I, 311, Kind.UINT32, "kW", scale=0.001, low=0, high=22, not_available=(0xFFFFFFFF,),
              note="00312 HI, 00313 LO, W"),
        _value("user_setpoint", 338, "%", 0.01, 100, "user setpoint"),
        _value("pressure", 340, "bar", 0.001, 25, "pressure"),
    ),
    limits=Limits(gap=32, read_functions=(3, 4), write_functions=(6, 16)),
    watchdog=Watchdog(
        timeout_s=3.0, fed_by="any", actions={"run": CommLoss.ZERO, "setpoint": CommLoss.ZERO},
        note="assumed: no comm-loss action of the module was found documented; on the plant a watchdogged relay in the pump's "
             "external stop input gives it"),
    quirks=("the pump must be set to remote (bit 0) or it ignores on and setpoint",
            "0xFFFF is not available, never a value", "register numbers are printed one-based"),
)
