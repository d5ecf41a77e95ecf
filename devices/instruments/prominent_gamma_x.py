"""ProMinent gamma/X solenoid dosing pump with Modbus RTU: acid, peroxide and base.

An 8-bit value occupies one register. Bit 1 of the start word switches on the pump's own bus time-out, so every start and
stop word carries it. Some actions are triggered by writing 0x5555.

Source: ProMinent gamma/X supplementary operating instructions for Modbus RTU (function codes, message size, device
registers). The target registers from 1200 on are those of the sister product DULCO flex: assumed, as is wire = printed - 1.
"""

from __future__ import annotations

from devices.profile import Access, CommLoss, Kind, Limits, Point, Profile, Table, Verified, Watchdog

MODES = {0: "halt", 1: "manual", 2: "contact", 3: "batch", 4: "analog"}
_H = Table.HOLDING
_ASKED = "comm loss: none, it starts nothing by itself"


def _read(name: str, doc: int, kind: Kind, unit: str, note: str, low: float | None = None, high: float | None = None) -> Point:
    return Point(name, _H, doc - 1, kind, unit, low=low, high=high, note=f"{doc} {note}")


PROFILE = Profile(
    name="prominent_gamma_x", maker="ProMinent", model="gamma/X GMXa", protocol="modbus", verified=Verified.MANUAL, unit_id=20,
    source="ProMinent gamma/X supplementary operating instructions Modbus RTU; target registers from DULCO flex (assumed)",
    points=(
        _read("product_code", 1, Kind.UINT32, "1", "product code"),
        Point("serial", _H, 3, Kind.ASCII, length=5, note="4 serial number, 10 characters"),
        Point("ident", _H, 8, Kind.ASCII, length=16, note="9 identity code, 32 characters"),
        _read("speed", 1012, Kind.INT16, "1", "stroke rate, strokes per minute", 0, 200),
        _read("flow", 1018, Kind.FLOAT32, "L/h", "actual capacity", 0, 50),
        _read("max_capacity", 1020, Kind.FLOAT32, "L/h", "maximum capacity", 0, 50),
        _read("mode", 1022, Kind.UINT16, "1", "mode: 0 halt, 1 manual, 2 contact, 3 batch, 4 analog"),
        _read("strokes", 1030, Kind.UINT32, "1", "stroke counter"),
        _read("total", 1034, Kind.FLOAT32, "L", "total volume"),
        _read("remaining", 1038, Kind.UINT32, "1", "remaining strokes of a batch"),
        Point("run", _H, 1199, Kind.UINT16, access=Access.READ_WRITE, sequences={0: (0x0002,), 1: (0x0003,)}, feedback="started",
              note="1200 start word: bit 0 start, bit 1 watch the bus"),
        Point("started", _H, 1199, Kind.BIT, bit=0, note="1200 bit 0; proves the command, not the flow"),
        Point("capacity", _H, 1210, Kind.FLOAT32, "L/h", Access.READ_WRITE, low=0, high=45, note="1211 target capacity"),
        Point("target_mode", _H, 1228, Kind.UINT16, access=Access.READ_WRITE, cyclic=False,
              note="1229 target mode, 1 manual here; comm loss: none, set once at commissioning"),
        Point("clear_counters", _H, 1233, Kind.UINT16, access=Access.WRITE, trigger=0x5555, note=f"1234 clears the counters; {_ASKED}"),
        Point("batch_start", _H, 1234, Kind.UINT16, access=Access.WRITE, trigger=0x5555,
              note=f"1235 trigger, idle in mode manual; {_ASKED}"),
        Point("acknowledge", _H, 1235, Kind.UINT16, access=Access.WRITE, trigger=0x5555, note=f"1236 acknowledges an error; {_ASKED}"),
    ),
    limits=Limits(read_registers=97, write_registers=95, gap=16, read_functions=(3,), write_functions=(6, 16)),
    watchdog=Watchdog(
        timeout_s=3.0, fed_by="any", actions={"run": CommLoss.ZERO, "capacity": CommLoss.ZERO},
        note="bus time-out of the pump, switched on by bit 1 of the start word: it stops dosing; its time and that any telegram feeds it "
             "are assumed"),
    quirks=("function 4 is refused", "messages above 200 bytes disturb the bus at 19200 baud: 97 registers a read",
            "triggers take 0x5555 and nothing else", "gas lock after standing: flow is proven by the Coriolis meter, not by strokes"),
)
