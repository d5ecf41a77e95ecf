"""What all units share: utilities, room gas detection, emergency stop, power, evacuation."""

from __future__ import annotations

from devices.equipment.role import FLOW, LEVEL, PRESSURE, SUSPENSIONS, SWITCH, TEMPERATURE, EquipmentClass, goes_on, measured

_LEL = ("explosion limit",)

SITE = EquipmentClass(
    name="site",
    description="Utilities and general safety signals",
    roles=(
        measured("hot_supply", TEMPERATURE, "hot water supply"),
        measured("chilled_supply", TEMPERATURE, "chilled water supply"),
        measured("cooling_flow", FLOW, "cooling water flow"),
        measured("instrument_air", PRESSURE, "instrument air"),
        measured("nitrogen", PRESSURE, "nitrogen supply"),
        measured("power_ok", SWITCH, "mains healthy"),
        measured("emergency_stop", SWITCH, "1 when an emergency stop is pressed"),
        measured("bund_wet", SWITCH, "1 when the bund switch is wet"),
        *(measured(f"room_h2_{n}", _LEL, f"hydrogen in the room, detector {n}") for n in range(1, 5)),
        measured("room_hcl", ("fraction",), "hydrogen chloride in the room"),
        measured("acid_tank_level", LEVEL, "acid day tank", required=False),
        measured("acid_tank_low", SWITCH, "1 when the acid day tank is empty", required=False),
        measured("vent_air", FLOW, "vent air of the hall"),
        goes_on("evacuation", SWITCH, "evacuation alarm", safe=0.0),
        measured("record_wait", ("time",), "how long the oldest entry has waited for the disk of the plant process", required=False),
        *SUSPENSIONS,
    ),
    interlocks=("room_gas_evacuation",),
    alarms=("room_hydrogen", "room_hcl", "hot_water_low", "chilled_water_warm", "instrument_air_low", "nitrogen_low", "bund_wet",
            "acid_tank_low"),
)
