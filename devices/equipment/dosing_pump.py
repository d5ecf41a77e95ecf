"""Dosing pump of a reagent that several tanks share: peroxide, coarse base, fine base."""

from __future__ import annotations

from devices.equipment.role import FLOW, LEVEL, SUSPENSIONS, SWITCH, TOTAL, EquipmentClass, measured, stops

DOSING_PUMP = EquipmentClass(
    name="dosing_pump",
    description="Diaphragm dosing pump with its reagent tank",
    roles=(
        measured("flow", FLOW, "delivered flow"),
        measured("total", TOTAL, "delivered total"),
        measured("tank_level", LEVEL, "level of the reagent tank"),
        stops("run", SWITCH, "pump on"),
        stops("rate", FLOW, "pump rate"),
        *SUSPENSIONS,
    ),
    interlocks=("dosing_stopped", "dosing_tank_empty"),
    alarms=("reagent_low",),
)
