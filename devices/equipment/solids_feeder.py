"""Screw feeder under the weighed hopper: doses magnet powder by loss in weight."""

from __future__ import annotations

from devices.equipment.role import SPEED, SUSPENSIONS, SWITCH, EquipmentClass, measured, stops

SOLIDS_FEEDER = EquipmentClass(
    name="solids_feeder",
    description="Screw feeder with hopper scale",
    roles=(
        measured("running", SWITCH, "screw runs"),
        measured("speed", SPEED, "screw speed"),
        measured("hopper_weight", ("mass",), "hopper weight"),
        stops("run", SWITCH, "screw on"),
        stops("speed_sp", SPEED, "screw speed setpoint"),
        *SUSPENSIONS,
    ),
    interlocks=("no_open_gate", "feeder_stopped"),
    alarms=("feeder_jammed", "hopper_weight_lost"),
)
