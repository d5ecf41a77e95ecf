"""Leach tank: jacketed, agitated, vented to the scrubber; acid, solids, water, peroxide, base, nitrogen, discharge."""

from __future__ import annotations

from devices.equipment.role import (
    FLOW,
    HEATING_S,
    LEVEL,
    PRESSURE,
    SHARE,
    SPEED,
    SUSPENSIONS,
    SWITCH,
    TEMPERATURE,
    TOTAL,
    EquipmentClass,
    goes_on,
    measured,
    stops,
    travel,
)

_MEASURED = (
    measured("temperature", TEMPERATURE, "tank temperature, first probe"),
    measured("temperature_b", TEMPERATURE, "tank temperature, second probe"),
    measured("jacket_in_temperature", TEMPERATURE, "jacket inlet"),
    measured("jacket_out_temperature", TEMPERATURE, "jacket outlet"),
    measured("jacket_flow", FLOW, "jacket flow"),
    measured("level", LEVEL, "radar level"),
    measured("level_high_switch", SWITCH, "independent high level switch"),
    measured("density", ("density",), "slurry density"),
    measured("weight", ("mass",), "tank weight"),
    measured("ph", ("pH",), "pH"),
    measured("orp", ("voltage",), "redox potential against Ag/AgCl"),
    measured("agitator_speed", SPEED, "agitator speed"),
    measured("agitator_running", SWITCH, "agitator drive runs"),
    measured("agitator_power", ("power",), "agitator power"),
    measured("acid_flow", FLOW, "acid flow, Coriolis"),
    measured("acid_total", TOTAL, "acid total of the batch"),
    measured("acid_density", ("density",), "acid density, proves its strength"),
    measured("water_flow", FLOW, "water flow"),
    measured("water_total", TOTAL, "water total of the batch"),
    measured("lel", ("explosion limit",), "hydrogen in the diluted duct of this tank"),
    measured("headspace_o2", ("fraction",), "oxygen in the headspace"),
    measured("headspace_pressure", PRESSURE, "headspace pressure"),
    measured("transfer_flow", FLOW, "transfer flow"),
    measured("local_remote", SWITCH, "local/remote switch: 1 is remote"),
)

_COMPUTED = (
    measured("temperature_rise", ("heating rate",), "slope of the tank temperature", required=False),
    measured("temperature_sp", TEMPERATURE, "temperature setpoint now", required=False),
    measured("cooling_duty", ("power",), "heat taken by the jacket", required=False),
    measured("agitator_steady", ("number", "fraction"), "share of the last minutes in which the agitator ran", required=False),
    measured("acid_dosed", TOTAL, "acid dosed, integrated from its flow", required=False),
    measured("hydrogen_flow", ("volume flow",), "hydrogen leaving with the vent", required=False),
    measured("hydrogen_total", ("volume", "amount"), "hydrogen of the batch", required=False),
    measured("lel_rise", ("rate of an explosion limit",), "slope of the hydrogen in the duct", required=False),
    measured("resuspended", ("number", "fraction"), "share of the last minutes in which it stood in acid", required=False),
    measured("purged", ("number", "fraction"), "share of the last minutes in which nitrogen went in", required=False),
    measured("accumulation", ("amount",), "acid dosed less acid consumed", required=False),
    measured("transfer_speed", SPEED, "transfer pump speed", required=False),
    measured("batch_active", SWITCH, "a batch runs in this tank", required=False),
    measured("liquor_density", ("density",), "density for a fixed temperature, averaged; noted with every sample", required=False),
    measured("rare_earths", ("density",), "rare earths in solution, between analyses", required=False),
    measured("free_acid", ("amount",), "unreacted acid, by pH", required=False),
    measured("hydrogen_mean", ("volume flow",), "hydrogen made, by all that shows it", required=False),
    measured("hydrogen_disagreement", ("number",), "how far the worst of them is from the mean, in its own u", required=False),
    measured("checks_overdue", ("number",), "calibrations and proof tests that are overdue", required=False),
    measured("checks_due_soon", ("number",), "calibrations and proof tests that will soon be due", required=False),
    measured("metal", SWITCH, "the charge is metallic", required=False),
    measured("acid_target", TOTAL, "acid total of the recipe", required=False),
)

_VALVES = (
    stops("acid_valve", SWITCH, "acid block valve"),
    stops("solids_gate", SWITCH, "solids slide gate"),
    stops("water_valve", SWITCH, "water valve"),
    goes_on("purge_valve", SWITCH, "nitrogen purge valve", safe=1.0),
    stops("discharge_valve", SWITCH, "discharge valve"),
    stops("peroxide_valve", SWITCH, "peroxide routing valve"),
    stops("base_valve", SWITCH, "coarse base routing valve"),
    stops("base_fine_valve", SWITCH, "fine base routing valve"),
)

_DRIVEN = (
    goes_on("agitator_run", SWITCH, "agitator on", safe=1.0),
    goes_on("agitator_speed_sp", SPEED, "agitator speed setpoint", safe=None),
    stops("acid_pump_run", SWITCH, "acid pump on"),
    stops("acid_pump_rate", FLOW, "acid pump rate"),
    stops("hot_valve", SHARE, "heating valve", within_s=HEATING_S),
    goes_on("cold_valve", SHARE, "cooling valve", safe=100.0),
    stops("transfer_run", SWITCH, "transfer pump on"),
    stops("transfer_speed_sp", SPEED, "transfer pump speed"),
)

LEACH_TANK = EquipmentClass(
    name="leach_tank",
    description="Jacketed, agitated, vented tank in which magnet powder is leached with acid",
    roles=(*_MEASURED, *_COMPUTED, *(switch for valve in _VALVES for switch in travel(valve.name, valve.description)), *_DRIVEN, *_VALVES,
           *SUSPENSIONS),
    interlocks=(
        "hydrogen_high", "room_hydrogen", "ventilation_lost", "fan_lost_with_metal", "inerting", "nitrogen_lost", "agitator_stopped",
        "agitator_not_proven", "resuspension", "lel_unsteady", "accumulation_high",
        "temperature_high", "rise_high", "rise_unknown", "cooling_lost", "level_high", "acid_overdose",
        "acid_pump_blocked", "acid_pump_lost", "local_control", *(f"{valve.name}_travel" for valve in _VALVES), "bund_wet",
        "emergency_stop", "power_lost", "air_lost", "evacuation",
    ),
    alarms=(
        "lel_high", "headspace_oxygen_high", "headspace_pressure_high", "temperature_above_setpoint", "temperature_rise_high",
        "temperature_probes_differ", "temperature_lost", "level_high", "level_lost", "ph_lost", "orp_lost", "acid_weak",
        "acid_overdose", "accumulation_high", "agitator_not_proven", "agitator_overload", "cooling_flow_low",
    ),
)
