"""Advantech ADAM remote I/O: ADAM-6024 and ADAM-6017 modules and an ADAM-5000/TCP station.

The station has eight slots of eight registers (40001 + 8 * slot) and sixteen bits (00001 + 16 * slot). Its build here:
slots 0 and 1 ADAM-5017 (8 analog inputs each, set to 0..20 mA), slot 2 ADAM-5024 (4 analog outputs, 4..20 mA), slots 3 and
4 ADAM-5051 (16 switches each), slot 5 ADAM-5056 (16 outputs). Inputs and outputs share the bit table, so the whole
station is two reads. Points are named by kind, slot and channel: ``ai_0_3``, ``do_5_7``.

NAMUR NE 43 on a current input: below 3.8 mA Uncertain, at or below 3.6 mA Bad. A 0..20 mA input saturates at 20 mA, where
20 and 22 mA look alike: saturated is Bad. On the outputs, comm-loss "zero" is the lower end, 4 mA.

Source: Advantech ADAM-6000 and ADAM-5000 manuals (register and slot addresses, AI status, range code 0x0180). Scale of the
outputs, the build of the station and its host watchdog are assumed.
"""

from __future__ import annotations

from devices.profile import Access, CommLoss, Kind, Limits, Point, Profile, StatusRule, Table, Verified, Watchdog
from devices.quality import BAD_SENSOR_FAILURE

FULL, OUT_FULL = 65535, 4095
_H, _C, _D = Table.HOLDING, Table.COIL, Table.DISCRETE
_WATCHDOG_NOTE = "host watchdog of the module: each output goes to its safety value when no request comes; time and registers assumed"


def _station_input(slot: int, channel: int) -> Point:
    at = 8 * slot + channel
    return Point(f"ai_{slot}_{channel}", _H, at, Kind.UINT16, "mA", scale=20 / FULL, low=3.8, high=19.999, fail_low=3.6, fail_high=19.9995,
                 note=f"{40001 + at} slot {slot}, 0..65535 = 0..20 mA")


def _output(name: str, at: int, note: str) -> Point:
    return Point(name, _H, at, Kind.UINT16, "mA", Access.READ_WRITE, scale=16 / OUT_FULL, offset=4, low=4, high=20,
                 note=f"{40001 + at} {note}, 0..4095 = 4..20 mA")


def _coil(name: str, at: int, access: Access, note: str) -> Point:
    return Point(name, _C, at, Kind.BIT, access=access, note=f"{at + 1:05} {note}")


def _safe(points: tuple[Point, ...]) -> dict[str, CommLoss]:
    return {point.name: CommLoss.ZERO for point in points if point.access is not Access.READ}


_STATION = (
    *(_station_input(slot, channel) for slot in (0, 1) for channel in range(8)),
    *(_output(f"ao_2_{channel}", 16 + channel, "slot 2") for channel in range(4)),
    *(_coil(f"di_{slot}_{channel}", 16 * slot + channel, Access.READ, f"slot {slot} input") for slot in (3, 4) for channel in range(16)),
    *(_coil(f"do_5_{channel}", 80 + channel, Access.READ_WRITE, "slot 5 output") for channel in range(16)),
)

ADAM_5000_TCP = Profile(
    name="adam_5000_tcp", maker="Advantech", model="ADAM-5000/TCP", protocol="modbus", verified=Verified.MANUAL,
    source="Advantech ADAM-5000 series manual, Modbus address mapping", points=_STATION,
    limits=Limits(gap=32, read_functions=(1, 2, 3, 4), write_functions=(5, 6, 15, 16)),
    watchdog=Watchdog(timeout_s=2.5, fed_by="any", actions=_safe(_STATION), note=_WATCHDOG_NOTE),
    quirks=("digital inputs and outputs share the bit table by slot", "a slot left empty answers zeros",
            "a current input saturates at the end of its range"),
)


def _module_input(channel: int) -> tuple[Point, Point]:
    status = f"ai_{channel}_status"
    rules = (StatusRule(point=status, quality=BAD_SENSOR_FAILURE, meaning="1 over range, 2 under range, 3 burnout"),)
    return (
        Point(f"ai_{channel}", _H, channel, Kind.UINT16, "mA", scale=16 / FULL, offset=4, low=4, high=20, statuses=rules,
              note=f"{40001 + channel} 0..65535 = 4..20 mA (range code 0x0180)"),
        Point(status, _H, 20 + channel, Kind.UINT16, note=f"{40021 + channel} status: 0 ok, 1 over, 2 under"),
    )


def _module(model: str, inputs: int, outputs: int, switches: int) -> Profile:
    points = (
        *(point for channel in range(inputs) for point in _module_input(channel)),
        *(_output(f"ao_{channel}", 10 + channel, "output") for channel in range(outputs)),
        *(Point(f"di_{channel}", _D, channel, Kind.BIT, note=f"{channel + 1:05} input") for channel in range(switches)),
        *(_coil(f"do_{channel}", 16 + channel, Access.READ_WRITE, "output") for channel in range(2)),
    )
    return Profile(
        name=model.lower().replace("-", "_"), maker="Advantech", model=model, protocol="modbus", verified=Verified.MANUAL,
        source="Advantech ADAM-6000 series manual, Modbus mapping", points=points,
        limits=Limits(gap=16, read_functions=(1, 2, 3, 4), write_functions=(5, 6, 15, 16)),
        watchdog=Watchdog(timeout_s=2.5, fed_by="any", actions=_safe(points), note=_WATCHDOG_NOTE),
        quirks=("below 4 mA the register stays 0: only the status tells a broken wire",),
    )


ADAM_6024 = _module("ADAM-6024", 6, 2, 2)
ADAM_6017 = _module("ADAM-6017", 8, 0, 0)
