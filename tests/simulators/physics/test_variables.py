"""The seam between physics and instruments: every name the line's devices are bound to is there, once."""

from __future__ import annotations

import pytest

from simulators.physics import variables as var
from simulators.world import World


def words(text: str) -> list[str]:
    return text.split()


TANK_IN = words("""
    agitator_sp_rpm agitator_enable acid_pump_sp_l_min acid_valve_cmd solids_gate_cmd water_valve_cmd purge_valve_cmd
    discharge_valve_cmd peroxide_valve_cmd base_valve_cmd base_fine_valve_cmd hot_valve_cmd_pct cold_valve_cmd_pct
    transfer_pump_sp_pct agitator_trip cooling_blocked acid_valve_stuck level_foam
""")
TANK_OUT = words("""
    temperature_c temperature_b_c jacket_in_c jacket_out_c jacket_flow_m3_h volume_l level_m level_hh density_kg_m3 contents_kg ph
    orp_mv agitator_rpm agitator_running agitator_kw acid_flow_l_min acid_density_kg_m3 water_flow_l_min transfer_flow_m3_h
    transfer_pump_rpm transfer_pump_kw lel_pct headspace_o2_pct headspace_mbar acid_valve_open acid_valve_closed solids_gate_open
    solids_gate_closed water_valve_open water_valve_closed purge_valve_open purge_valve_closed discharge_valve_open
    discharge_valve_closed peroxide_valve_open peroxide_valve_closed base_valve_open base_valve_closed base_fine_valve_open
    base_fine_valve_closed hot_valve_pct cold_valve_pct
""")
SHARED_IN = words("""
    SC-101.sp_pct SC-101.enable TK-110.strength_factor P-121.sp_l_min P-131.sp_l_min P-132.sp_l_min FP-201.close_cmd
    FP-201.wash_valve_cmd FP-201.blow_valve_cmd FP-201.drop_cmd FP-201.feed_valve_cmd P-202.sp_pct P-211.sp_pct P-212.sp_pct
    K-301.sp_pct K-301.enable K-301.trip C-301.recirc_enable C-301.caustic_valve_cmd SITE.evacuation_cmd SITE.chilled_lost
    SITE.hot_lost SITE.air_lost SITE.nitrogen_lost SITE.power_lost SITE.estop_cmd SITE.bund_leak
""")
SHARED_OUT = words("""
    SC-101.running SC-101.rpm SC-101.kw W-101.weight_kg TK-110.level_pct TK-110.level_low TK-120.level_pct TK-130.level_pct
    TK-131.level_pct P-121.flow_l_min P-131.flow_l_min P-132.flow_l_min FP-201.plates_closed FP-201.hydraulic_bar FP-201.feed_bar
    FP-201.filtrate_m3_h FP-201.turbidity_ntu FP-201.wash_conductivity_ms_cm FP-201.cake_kg
    FP-201.feed_valve_open FP-201.feed_valve_closed FP-201.wash_valve_open FP-201.wash_valve_closed FP-201.blow_valve_open
    FP-201.blow_valve_closed FP-201.drop_open FP-201.drop_closed C-301.caustic_valve_open C-301.caustic_valve_closed
    P-202.flow_m3_h TK-210.level_pct
    TK-210.volume_l TK-210.ph TK-211.level_pct TK-211.volume_l TK-211.ph K-301.running K-301.rpm K-301.kw C-301.dp_mbar
    C-301.gas_flow_m3_h C-301.ph C-301.hcl_mg_nm3 ROOM.h2_1_pct_lel ROOM.h2_2_pct_lel ROOM.h2_3_pct_lel ROOM.h2_4_pct_lel
    ROOM.hcl_ppm VENT.air_m3_h SITE.hot_supply_c SITE.chilled_supply_c SITE.cooling_flow_m3_h SITE.instrument_air_bar
    SITE.nitrogen_bar SITE.power_ok SITE.estop_pressed SITE.bund_wet
""")


def test_the_world_has_exactly_the_variables_of_the_seam():
    expected = {(f"R-10{n}.{name}", way) for n in (1, 2, 3) for names, way in ((TANK_IN, "in"), (TANK_OUT, "out")) for name in names}
    expected |= {(name, way) for names, way in ((SHARED_IN, "in"), (SHARED_OUT, "out")) for name in names}
    assert {(name, way) for name, _, way in World().names()} == expected


def test_index_is_the_place_in_values():
    world = World()
    assert [world.index(name) for name, _, _ in world.names()] == list(range(len(world.values)))


def test_the_offsets_of_a_tank_are_the_order_of_its_table():
    names = [name for name, _, _ in var.TANK]
    assert names[var.AGITATOR_SP] == "agitator_sp_rpm"
    assert names[var.ACID_SP] == "acid_pump_sp_l_min"
    assert names[var.VALVE_CMD : var.VALVE_CMD + 8] == [f"{v}_cmd" for v in var.ON_OFF]
    assert names[var.HOT_CMD : var.FOAM + 1] == [
        *("hot_valve_cmd_pct", "cold_valve_cmd_pct", "transfer_pump_sp_pct"),
        *("agitator_trip", "cooling_blocked", "acid_valve_stuck", "level_foam"),
    ]
    assert names[var.TANK_OUT] == "temperature_c"
    assert names[var.VALVE_SWITCH] == "acid_valve_open"
    assert names[var.HOT_POSITION : var.COLD_POSITION + 1] == ["hot_valve_pct", "cold_valve_pct"]


def test_a_name_that_is_not_there_is_refused():
    with pytest.raises(KeyError, match=r"R-104\.ph"):
        World().index("R-104.ph")
