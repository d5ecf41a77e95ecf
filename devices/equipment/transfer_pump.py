"""Centrifugal pump with its own speed control: slurry transfer and buffer discharge."""

from __future__ import annotations

from devices.equipment.role import FLOW, SPEED, SUSPENSIONS, SWITCH, EquipmentClass, measured, stops

TRANSFER_PUMP = EquipmentClass(
    name="transfer_pump",
    description="Speed-controlled centrifugal pump",
    roles=(
        measured("running", SWITCH, "pump runs"),
        measured("speed", SPEED, "pump speed"),
        measured("power", ("power",), "pump power", required=False),
        measured("flow", FLOW, "delivered flow", required=False),
        stops("run", SWITCH, "pump on"),
        stops("speed_sp", SPEED, "pump speed setpoint"),
        *SUSPENSIONS,
    ),
)
