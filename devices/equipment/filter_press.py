"""Membrane filter press with feed, wash, core blow and cake drop, and the scale under its cake bin."""

from __future__ import annotations

from devices.equipment.role import FLOW, PRESSURE, SPEED, SUSPENSIONS, SWITCH, TOTAL, EquipmentClass, goes_on, measured, stops, travel

VALVES = ("feed_valve", "wash_valve", "blow_valve", "drop_valve")

FILTER_PRESS = EquipmentClass(
    name="filter_press",
    description="Membrane filter press",
    roles=(
        measured("plates_closed", SWITCH, "plates closed and locked"),
        measured("hydraulic_pressure", PRESSURE, "hydraulic closing pressure"),
        measured("feed_pressure", PRESSURE, "feed pressure"),
        measured("filtrate_flow", FLOW, "filtrate flow"),
        measured("filtrate_total", TOTAL, "filtrate total"),
        measured("turbidity", ("turbidity",), "filtrate turbidity"),
        measured("wash_conductivity", ("conductivity",), "conductivity of the wash"),
        measured("wash_flow", FLOW, "wash flow"),
        measured("wash_total", TOTAL, "wash total"),
        measured("cake_weight", ("mass",), "dropped cake"),
        *(switch for valve in VALVES for switch in travel(valve, valve.replace("_", " "))),
        # The press must not open under pressure: when the gateway is gone its hydraulics stay as they are.
        goes_on("close", SWITCH, "closes the plates", safe=None),
        stops("feed_valve", SWITCH, "feed valve"),
        stops("wash_valve", SWITCH, "wash valve"),
        stops("blow_valve", SWITCH, "core blow valve"),
        stops("drop_valve", SWITCH, "opens the plates to drop the cake"),
        stops("wash_pump_speed_sp", SPEED, "wash pump speed"),
        *SUSPENSIONS,
    ),
    interlocks=(
        *(f"{valve}_travel" for valve in VALVES), "press_not_closed", "press_pressure_high", "press_under_pressure", "press_stopped",
        "press_bund_wet",
    ),
    alarms=("turbidity_high", "press_pressure_high", "hydraulic_pressure_low"),
)
