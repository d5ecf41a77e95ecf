"""The physical variables of the line by name: what instruments and outputs are bound to.

One table; offsets within a block are its order. A row is (name, unit of measure, direction); `in` is written by a device's output or a
fault, `out` is computed. Switches are 0.0 / 1.0.
"""

from typing import Final

Row = tuple[str, str, str]


def _rows(text: str, direction: str) -> tuple[Row, ...]:
    return tuple((name, unit, direction) for name, unit in (pair.split(":") for pair in text.split()))


ON_OFF: Final = (
    "acid_valve",
    "solids_gate",
    "water_valve",
    "purge_valve",
    "discharge_valve",
    "peroxide_valve",
    "base_valve",
    "base_fine_valve",
)
"""The two-position valves of a tank, in the order of their commands and switches."""

TANK: Final = (
    *_rows("agitator_sp_rpm:rpm agitator_enable:- acid_pump_sp_l_min:L/min", "in"),
    *((f"{v}_cmd", "-", "in") for v in ON_OFF),
    *_rows("hot_valve_cmd_pct:% cold_valve_cmd_pct:% transfer_pump_sp_pct:%", "in"),
    *_rows("agitator_trip:- cooling_blocked:- acid_valve_stuck:- level_foam:-", "in"),
    *_rows(
        "temperature_c:degC temperature_b_c:degC jacket_in_c:degC jacket_out_c:degC jacket_flow_m3_h:m3/h volume_l:L level_m:m level_hh:- "
        "density_kg_m3:kg/m3 contents_kg:kg ph:pH orp_mv:mV agitator_rpm:rpm agitator_running:- agitator_kw:kW acid_flow_l_min:L/min "
        "acid_density_kg_m3:kg/m3 water_flow_l_min:L/min transfer_flow_m3_h:m3/h transfer_pump_rpm:rpm transfer_pump_kw:kW lel_pct:%LEL "
        "headspace_o2_pct:% headspace_mbar:mbar",
        "out",
    ),
    *((f"{v}_{end}", "-", "out") for v in ON_OFF for end in ("open", "closed")),
    *_rows("hot_valve_pct:% cold_valve_pct:%", "out"),
)
AGITATOR_SP, AGITATOR_ENABLE, ACID_SP, VALVE_CMD = 0, 1, 2, 3
HOT_CMD, COLD_CMD, TRANSFER_SP, AGITATOR_TRIP, COOLING_BLOCKED, ACID_STUCK, FOAM = 11, 12, 13, 14, 15, 16, 17
TANK_OUT: Final = 18
"""Offset of the first output; 24 measurements, then 16 valve switches, then the two positions."""
VALVE_SWITCH, HOT_POSITION, COLD_POSITION = 42, 58, 59
ACID, SOLIDS, WATER_IN, PURGE, DISCHARGE, PEROXIDE, BASE, BASE_FINE = range(8)

SHARED: Final[tuple[tuple[str, tuple[Row, ...]], ...]] = (
    ("SC-101", (*_rows("sp_pct:% enable:-", "in"), *_rows("running:- rpm:rpm kw:kW", "out"))),
    ("W-101", _rows("weight_kg:kg", "out")),
    ("TK-110", (*_rows("strength_factor:-", "in"), *_rows("level_pct:% level_low:-", "out"))),
    ("TK-120", _rows("level_pct:%", "out")),
    ("TK-130", _rows("level_pct:%", "out")),
    ("TK-131", _rows("level_pct:%", "out")),
    ("P-121", (*_rows("sp_l_min:L/min", "in"), *_rows("flow_l_min:L/min", "out"))),
    ("P-131", (*_rows("sp_l_min:L/min", "in"), *_rows("flow_l_min:L/min", "out"))),
    ("P-132", (*_rows("sp_l_min:L/min", "in"), *_rows("flow_l_min:L/min", "out"))),
    (
        "FP-201",
        (
            *_rows("close_cmd:- feed_valve_cmd:- wash_valve_cmd:- blow_valve_cmd:- drop_cmd:-", "in"),
            *_rows(
                "plates_closed:- hydraulic_bar:bar feed_bar:bar filtrate_m3_h:m3/h turbidity_ntu:NTU wash_conductivity_ms_cm:mS/cm "
                "cake_kg:kg",
                "out",
            ),
            *((f"{v}_{end}", "-", "out") for v in ("feed_valve", "wash_valve", "blow_valve", "drop") for end in ("open", "closed")),
        ),
    ),
    ("P-202", (*_rows("sp_pct:%", "in"), *_rows("flow_m3_h:m3/h", "out"))),
    ("TK-210", _rows("level_pct:% volume_l:L ph:pH", "out")),
    ("TK-211", _rows("level_pct:% volume_l:L ph:pH", "out")),
    ("P-211", _rows("sp_pct:%", "in")),
    ("P-212", _rows("sp_pct:%", "in")),
    ("K-301", (*_rows("sp_pct:% enable:- trip:-", "in"), *_rows("running:- rpm:rpm kw:kW", "out"))),
    (
        "C-301",
        (
            *_rows("recirc_enable:- caustic_valve_cmd:-", "in"),
            *_rows("dp_mbar:mbar gas_flow_m3_h:m3/h ph:pH hcl_mg_nm3:mg/m3 caustic_valve_open:- caustic_valve_closed:-", "out"),
        ),
    ),
    ("ROOM", _rows("h2_1_pct_lel:%LEL h2_2_pct_lel:%LEL h2_3_pct_lel:%LEL h2_4_pct_lel:%LEL hcl_ppm:ppm", "out")),
    ("VENT", _rows("air_m3_h:m3/h", "out")),
    (
        "SITE",
        (
            *_rows("evacuation_cmd:- chilled_lost:- hot_lost:- air_lost:- nitrogen_lost:- power_lost:- estop_cmd:- bund_leak:-", "in"),
            *_rows(
                "hot_supply_c:degC chilled_supply_c:degC cooling_flow_m3_h:m3/h instrument_air_bar:bar nitrogen_bar:bar power_ok:- "
                "estop_pressed:- bund_wet:-",
                "out",
            ),
        ),
    ),
)
UNITS: Final = ("R-101", "R-102", "R-103")


def table() -> list[Row]:
    """Every variable of the line with its full name, in the order of `World.values`."""
    blocks = [(unit, TANK) for unit in UNITS] + list(SHARED)
    return [(f"{unit}.{name}", measure, direction) for unit, rows in blocks for name, measure, direction in rows]
