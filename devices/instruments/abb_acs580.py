"""ABB ACS580 frequency converter on its embedded fieldbus (EFB), ABB Drives profile.

Starting needs three words in order (0x0476, 0x0477, 0x047F): the drive answers 0x047F alone with "switch-on inhibited".
References and actual values: 20000 = 100 % = parameter 46.01. Registers 400007 and 400008 carry what 58.107 and 58.108
select; this plant sets them to 01.07 motor current and 01.14 output power (assumed, as is their 16-bit scale).

Source: ABB ACS580 firmware manual, "Fieldbus control through the embedded fieldbus interface"; register map as printed in
the ACS850, ACS280, ACS355 and ACH550 manuals of the family. Start words and 20000 scaling: ABB Drives profile, assumed.
"""

from __future__ import annotations

from devices.profile import Access, CommLoss, Kind, Limits, Point, Profile, Table, Verified, Watchdog

_H = Table.HOLDING


def _bit(name: str, bit: int, note: str) -> Point:
    return Point(name, _H, 3, Kind.BIT, bit=bit, note=f"400004 SW bit {bit}, {note}")


PROFILE = Profile(
    name="abb_acs580", maker="ABB", model="ACS580", protocol="modbus", verified=Verified.MANUAL,
    source="ABB ACS580 firmware manual, chapter embedded fieldbus; ACS850, ACS280, ACS355, ACH550 manuals (register map)",
    points=(
        Point("run", _H, 0, Kind.UINT16, access=Access.READ_WRITE, sequences={0: (0x047E,), 1: (0x0476, 0x0477, 0x047F)},
              feedback="running", note="400001 CW: 0 ramps to a stop, 1 starts it"),
        Point("reset", _H, 0, Kind.UINT16, access=Access.WRITE, sequences={1: (0x04FE, 0x047E)},
              note="400001 CW bit 7, rising edge: acknowledges a fault and leaves the drive stopped; comm loss: none, it moves nothing"),
        Point("speed_sp", _H, 1, Kind.INT16, "%", Access.READ_WRITE, scale=0.005, low=-100, high=100, note="400002 REF1, 20000 = 100 %"),
        Point("status", _H, 3, Kind.UINT16, note="400004 SW"),
        _bit("ready", 1, "RDY_RUN"),
        _bit("running", 2, "RDY_REF: operation enabled"),
        _bit("tripped", 3, "TRIPPED"),
        _bit("off3_clear", 5, "OFF_3_STA, active low: 0 is emergency stop"),
        _bit("inhibited", 6, "SWC_ON_INHIB: needs 0x0476 before it starts"),
        _bit("warning", 7, "ALARM"),
        _bit("at_setpoint", 8, "AT_SETPOINT"),
        _bit("remote", 9, "REMOTE: 0 is control from the panel"),
        Point("speed", _H, 4, Kind.INT16, "%", scale=0.005, low=-125, high=125, note="400005 ACT1, 20000 = 100 %"),
        Point("current", _H, 6, Kind.UINT16, "A", scale=0.01, low=0, high=500, note="400007 by 58.107 = 01.07; scale assumed"),
        Point("power", _H, 7, Kind.INT16, "kW", scale=0.01, low=-250, high=250, note="400008 by 58.108 = 01.14; scale assumed"),
    ),
    limits=Limits(read_registers=125, write_registers=123, gap=16, read_functions=(1, 2, 3), write_functions=(6, 16)),
    watchdog=Watchdog(
        timeout_s=3.0, fed_by="write", point="run", pattern="same",
        actions={"run": CommLoss.ZERO, "speed_sp": CommLoss.ZERO},
        note="58.14 action: here 3 speed ref safe with 22.41 at 0 rpm, a ramp to standstill without a fault (agitator and fan: 2 last "
             "speed, which is hold); 58.15 mode 2 Cw/Ref1/Ref2 (only writes feed it); 58.16 time 3.0 s"),
    quirks=(
        "an unknown address or parameter is answered with exception 2",
        "parameter writes are volatile until saved",
        "an all-zero control word trips the logic: OFF2 and OFF3 at zero are emergency stop",
        "for about 30 s after power-up the drive does not watch its communication",
        "the first word of the start sequence stops a running drive: the sequence is sent on a change only",
        "after a stop by OFF2 or OFF3 it is inhibited: 0x047F alone starts nothing, the whole sequence does",
    ),
)
