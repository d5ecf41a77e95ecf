"""Buffer tank of filtrate on its way to the separation."""

from __future__ import annotations

from devices.equipment.role import LEVEL, SPEED, SUSPENSIONS, EquipmentClass, measured, stops

BUFFER_TANK = EquipmentClass(
    name="buffer_tank",
    description="Filtrate buffer",
    roles=(
        measured("level", LEVEL, "level"),
        measured("ph", ("pH",), "pH"),
        stops("pump_speed", SPEED, "discharge pump speed", required=False),
        *SUSPENSIONS,
    ),
    interlocks=("buffer_dry", "buffer_stopped", "buffer_bund_wet"),
    alarms=("buffer_high", "buffer_ph_off"),
)
