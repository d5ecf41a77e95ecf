"""What the simulated line is built like: sizes, capacities and losses, each with its source or "assumed"; read from simulation.yaml."""

import msgspec


class TankParameters(msgspec.Struct, frozen=True, kw_only=True):
    """One leach tank with its agitator, jacket, valves and vent. Source: house domain brief 3 unless marked."""

    capacity_l: float = 1000.0
    diameter_m: float = 0.95
    jacket_full_at_l: float = 650.0  # the jacketed height
    ua_kw_k: float = 0.75
    wall_kj_k: float = 180.0  # middle of 120-250
    loss_kw_k: float = 0.012
    jacket_l: float = 80.0
    jacket_dead_time_s: float = 15.0
    jacket_max_m3_h: float = 4.0  # each of hot and chilled: assumed
    valve_rangeability: float = 50.0
    control_valve_travel_s: float = 20.0  # assumed
    valve_travel_s: float = 3.0  # on/off valves with pneumatic actuators: assumed
    impeller_m: float = 0.35
    power_number: float = 1.3
    zwietering_s: float = 5.5  # middle of 4-7
    agitator_ramp_s: float = 10.0  # 0 to maximum
    agitator_max_rpm: float = 400.0  # assumed
    acid_pump_max_l_min: float = 0.7
    acid_pump_lag_s: float = 2.0  # assumed
    water_l_min: float = 40.0  # assumed
    transfer_max_m3_h: float = 6.0
    transfer_head_bar: float = 8.0  # feeds a 6 bar press: assumed
    transfer_heel_l: float = 4.0  # what the pump cannot draw: assumed, < 1 %
    sweep_nm3_h: float = 5.0  # air drawn through the headspace by the fan: assumed; 15 at most
    leak_nm3_h: float = 0.3  # air that finds its way in under the fan's draught even while purging: assumed
    purge_nm3_h: float = 20.0  # nitrogen: assumed
    vapour_saturation: float = 0.9  # of the sweep leaving a hot tank: assumed
    duct_share: float = 1.0  # of the fan's flow that passes this tank's hydrogen detector
    chemistry_period_s: float = 1.0


class PressParameters(msgspec.Struct, frozen=True, kw_only=True):
    """Filter press FP-201. Assumed but for moisture (35-45 %) and pressures (4-8 bar), house domain brief 1."""

    chamber_l: float = 120.0
    cake_porosity: float = 0.55
    liquor_per_kg_solid: float = 0.75  # 43 % moisture before the blow
    blown_liquor_per_kg_solid: float = 0.60  # 37.5 % after it
    blow_time_s: float = 90.0
    cloth_bar_h_m3: float = 0.167
    cake_bar_h_m3_kg: float = 0.06
    wash_pump_bar: float = 6.0
    wash_pump_max_m3_h: float = 2.0
    wash_efficiency: float = 0.75  # the rest of the wash water runs past the cake
    plate_travel_s: float = 20.0
    hydraulic_bar: float = 280.0
    drop_time_s: float = 30.0


class WorldParameters(msgspec.Struct, frozen=True, kw_only=True):
    """The whole line. Unknown keys of a mapping are left alone: others may keep theirs beside these."""

    tank: TankParameters = msgspec.field(default_factory=TankParameters)
    press: PressParameters = msgspec.field(default_factory=PressParameters)
    duct_flow_nm3_h: float = 1000.0  # fan at 100 %, all tanks together; hydrogen is measured in it
    fan_ramp_s: float = 8.0  # assumed
    room_zone_m3: float = 60.0  # one detector's surroundings: assumed
    room_air_m3_h: float = 6000.0  # assumed
    ambient_c: float = 20.0
    water_c: float = 15.0  # mains: assumed
    hot_supply_c: float = 90.0
    chilled_supply_c: float = 8.0
    acid_weight_fraction: float = 0.32
    acid_tank_l: float = 1000.0
    acid_start_l: float = 850.0
    peroxide_tank_l: float = 200.0
    peroxide_start_l: float = 160.0
    peroxide_max_l_min: float = 0.5  # assumed
    base_tank_l: float = 500.0
    base_start_l: float = 400.0
    base_max_l_min: float = 1.0  # P-131, 10 M: assumed
    base_fine_tank_l: float = 300.0
    base_fine_start_l: float = 250.0
    base_fine_max_l_min: float = 0.5  # P-132, 1 M: assumed
    screw_max_kg_min: float = 4.0  # 2 kg/min at half speed
    hopper_tare_kg: float = 0.0
    buffer_l: float = 2000.0
    buffer_pump_m3_h: float = 3.0
    scrubber_l: float = 500.0
    scrubber_efficiency: float = 0.995  # of HCl while alkaline and recirculating: assumed
    caustic_l_min: float = 0.2  # 10 M NaOH through the scrubber's valve: assumed
    bund_leak_l_min: float = 2.0  # acid day tank into the bund while the fault is set: assumed
    tank_variants: dict[str, TankParameters] = msgspec.field(default_factory=dict)  # per unit, where it differs
