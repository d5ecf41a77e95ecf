"""Packed scrubber with the fan that draws the vents of all tanks through it."""

from __future__ import annotations

from devices.equipment.role import FLOW, PRESSURE, SPEED, SUSPENSIONS, SWITCH, EquipmentClass, goes_on, measured, stops, travel

SCRUBBER = EquipmentClass(
    name="scrubber",
    description="Vent scrubber and fan",
    roles=(
        measured("fan_running", SWITCH, "fan runs"),
        measured("fan_speed", SPEED, "fan speed"),
        measured("differential_pressure", PRESSURE, "pressure drop over the packing"),
        measured("gas_flow", FLOW, "vent gas flow"),
        measured("ph", ("pH",), "pH of the scrubbing liquor"),
        measured("hcl_out", ("emission",), "HCl leaving the stack"),
        *travel("caustic_valve", "caustic make-up valve"),
        goes_on("fan_run", SWITCH, "fan on", safe=1.0),
        goes_on("fan_speed_sp", SPEED, "fan speed setpoint", safe=100.0),
        goes_on("recirculation_run", SWITCH, "recirculation pump on", safe=1.0),
        stops("caustic_valve", SWITCH, "caustic make-up valve"),
        *SUSPENSIONS,
    ),
    interlocks=("caustic_high", "caustic_stopped", "caustic_valve_travel"),
    alarms=("scrubber_pressure_drop_low", "scrubber_pressure_drop_high", "scrubber_ph_low", "stack_hcl_high", "fan_stopped"),
)
