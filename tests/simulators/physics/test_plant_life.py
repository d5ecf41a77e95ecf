"""Sentences about the line as a whole, with physics answering and nobody controlling."""

from __future__ import annotations

from math import isnan

import pytest

from simulators.physics.feed import Feed
from simulators.physics.parameters import WorldParameters
from simulators.physics.validation import STANDARD_FEED
from simulators.world import World


class Line:
    """A world driven by short sentences."""

    def __init__(self, parameters: WorldParameters | None = None) -> None:
        self.world = World(parameters, seed=1)
        self.set("K-301.sp_pct", 100.0)
        self.set("K-301.enable", 1.0)
        self.set("C-301.recirc_enable", 1.0)

    def set(self, name: str, value: float) -> None:
        self.world.values[self.world.index(name)] = value

    def get(self, name: str) -> float:
        return self.world.values[self.world.index(name)]

    def run(self, seconds: float, dt_s: float = 0.5) -> None:
        for _ in range(round(seconds / dt_s)):
            self.world.step(dt_s)

    def stir(self, rpm: float = 300.0) -> None:
        self.set("R-101.agitator_sp_rpm", rpm)
        self.set("R-101.agitator_enable", 1.0)

    def acid(self, l_min: float) -> None:
        self.set("R-101.acid_valve_cmd", 1.0 if l_min else 0.0)
        self.set("R-101.acid_pump_sp_l_min", l_min)

    def feed_solids(self, feed: Feed, mass_kg: float) -> None:
        self.world.tip(feed, mass_kg)
        self.set("R-101.solids_gate_cmd", 1.0)
        self.set("SC-101.sp_pct", 100.0)
        self.set("SC-101.enable", 1.0)
        self.run(mass_kg / 4.0 * 60.0 + 20.0)
        self.set("SC-101.enable", 0.0)
        self.set("R-101.solids_gate_cmd", 0.0)
        self.run(5.0)

    def press(self) -> None:
        self.set("FP-201.close_cmd", 1.0)
        self.run(30.0)
        self.set("FP-201.feed_valve_cmd", 1.0)
        self.set("R-101.discharge_valve_cmd", 1.0)
        self.set("R-101.transfer_pump_sp_pct", 90.0)


def test_water_comes_as_long_as_its_valve_is_open_and_the_valve_takes_its_time():
    line = Line()
    line.set("R-101.water_valve_cmd", 1.0)
    line.run(1.0)
    assert line.get("R-101.water_valve_open") == 0.0
    assert line.get("R-101.water_valve_closed") == 0.0
    line.run(599.0)
    assert line.get("R-101.water_valve_open") == 1.0
    assert line.get("R-101.volume_l") == pytest.approx(399.0, rel=0.01)
    line.set("R-101.water_valve_cmd", 0.0)
    line.run(10.0)
    level = line.get("R-101.volume_l")
    line.run(60.0)
    assert line.get("R-101.volume_l") == pytest.approx(level, rel=1e-3)


def test_the_level_switch_closes_at_ninety_percent_and_foam_closes_it_early():
    line = Line()
    line.world.set_heel("R-101", 890.0)
    line.run(1.0)
    assert line.get("R-101.level_hh") == 0.0
    line.set("R-101.level_foam", 1.0)
    line.run(60.0)
    assert line.get("R-101.level_hh") == 1.0
    line = Line()
    line.world.set_heel("R-101", 905.0)
    line.run(1.0)
    assert line.get("R-101.level_hh") == 1.0


def test_a_tank_overfilled_wets_the_bund_and_the_books_still_balance():
    line = Line()
    line.world.set_heel("R-101", 990.0, {"Nd": 10.0}, 0.1)
    line.world.begin_batch("R-101")
    line.set("R-101.water_valve_cmd", 1.0)
    line.run(60.0)
    assert line.get("SITE.bund_wet") == 1.0
    nd = line.world.truth()["Nd"]
    assert nd["losses_kg"] > 0.0
    assert nd["closure"] == pytest.approx(1.0, abs=1e-9)


def test_hot_water_heats_at_about_half_a_kelvin_a_minute_and_cooling_brings_it_down():
    line = Line()
    line.world.set_heel("R-101", 550.0, temperature_c=50.0)
    line.stir()
    line.set("R-101.hot_valve_cmd_pct", 100.0)
    line.run(600.0)
    start = line.get("R-101.temperature_c")
    line.run(600.0)
    assert 0.2 < (line.get("R-101.temperature_c") - start) / 10.0 < 1.0
    line.set("R-101.hot_valve_cmd_pct", 0.0)
    line.set("R-101.cold_valve_cmd_pct", 100.0)
    line.run(600.0)
    start = line.get("R-101.temperature_c")
    line.run(600.0)
    assert (line.get("R-101.temperature_c") - start) / 10.0 < -0.3
    assert line.get("R-101.temperature_b_c") == line.get("R-101.temperature_c")


def test_blocked_cooling_and_lost_chilled_water_cool_no_more():
    for fault in ("R-101.cooling_blocked", "SITE.chilled_lost"):
        line = Line()
        line.world.set_heel("R-101", 550.0, temperature_c=80.0)
        line.stir()
        line.set("R-101.cold_valve_cmd_pct", 100.0)
        line.set(fault, 1.0)
        line.run(600.0)
        assert line.get("R-101.temperature_c") > 77.0, fault


def test_acid_flows_only_through_its_open_valve_and_a_stuck_valve_stays():
    line = Line()
    line.world.set_heel("R-101", 300.0)
    line.set("R-101.acid_pump_sp_l_min", 0.5)
    line.run(30.0)
    assert line.get("R-101.acid_flow_l_min") == 0.0
    line.acid(0.5)
    line.run(30.0)
    assert line.get("R-101.acid_flow_l_min") == pytest.approx(0.5)
    assert line.get("R-101.acid_density_kg_m3") == pytest.approx(1159.0, abs=1.0)
    line.set("R-101.acid_valve_stuck", 1.0)
    line.set("R-101.acid_valve_cmd", 0.0)
    line.run(30.0)
    assert line.get("R-101.acid_valve_open") == 1.0
    assert line.get("R-101.acid_flow_l_min") == pytest.approx(0.5)


def test_weak_acid_shows_in_its_density_and_in_the_ph():
    strong, weak = Line(), Line()
    weak.set("TK-110.strength_factor", 0.5)
    for line in (strong, weak):
        line.world.set_heel("R-101", 300.0, {}, 0.0)
        line.stir()
        line.acid(0.7)
        line.run(600.0)
    assert weak.get("R-101.acid_density_kg_m3") < strong.get("R-101.acid_density_kg_m3") - 50.0
    assert weak.get("R-101.ph") > strong.get("R-101.ph") + 0.25


def test_lost_air_and_lost_power_send_valves_to_their_safe_place():
    for fault in ("SITE.air_lost", "SITE.power_lost"):
        line = Line()
        line.world.set_heel("R-101", 300.0)
        line.stir()
        line.acid(0.5)
        line.run(20.0)
        line.set(fault, 1.0)
        line.run(60.0)
        assert line.get("R-101.acid_valve_closed") == 1.0
        assert line.get("R-101.purge_valve_open") == 1.0
        assert line.get("R-101.acid_flow_l_min") == 0.0
    assert line.get("R-101.agitator_running") == 0.0
    assert line.get("SITE.power_ok") == 0.0


def test_the_emergency_stop_stops_dosing_and_leaves_agitator_and_fan():
    line = Line()
    line.world.set_heel("R-101", 300.0)
    line.stir()
    line.acid(0.5)
    line.run(20.0)
    line.set("SITE.estop_cmd", 1.0)
    line.run(10.0)
    assert line.get("SITE.estop_pressed") == 1.0
    assert line.get("R-101.acid_flow_l_min") == 0.0
    assert line.get("R-101.agitator_running") == 1.0
    assert line.get("K-301.running") == 1.0


def test_a_roasted_batch_makes_no_hydrogen_and_a_metal_batch_as_much_as_its_acid_allows():
    lel = {}
    for state in ("roasted", "metal"):
        line = Line()
        line.world.set_heel("R-101", 350.0, temperature_c=45.0)
        line.stir()
        line.feed_solids(Feed(state=state), 40.0)
        line.acid(0.7)
        line.run(1800.0)
        lel[state] = line.get("R-101.lel_pct")
    assert lel["roasted"] < 0.1
    # 0.7 L/min of 10.17 mol/L is 427 mol/h of acid, half of it as H2: 4.8 Nm3/h in 1,000 is 12 % of the LEL
    assert lel["metal"] == pytest.approx(12.0, abs=2.0)


def test_metal_in_acid_warms_the_tank():
    line = Line()
    line.world.set_heel("R-101", 350.0, temperature_c=40.0)
    line.stir()
    line.feed_solids(Feed(state="metal"), 40.0)
    before = line.get("R-101.temperature_c")
    line.acid(0.7)
    line.run(3600.0)
    assert line.get("R-101.temperature_c") > before + 8.0


def test_nitrogen_inerts_the_headspace_and_its_loss_lets_air_back():
    line = Line()
    line.world.set_heel("R-101", 350.0)
    line.set("R-101.purge_valve_cmd", 1.0)
    line.run(600.0)
    assert line.get("R-101.headspace_o2_pct") < 4.0
    line.set("SITE.nitrogen_lost", 1.0)
    line.run(1800.0)
    assert line.get("R-101.headspace_o2_pct") > 8.0


def test_without_a_fan_the_hydrogen_shows_in_the_hall():
    line = Line()
    line.world.set_heel("R-101", 350.0, temperature_c=45.0)
    line.stir()
    line.feed_solids(Feed(state="metal"), 40.0)
    line.acid(0.7)
    line.run(900.0)
    assert line.get("ROOM.h2_1_pct_lel") == pytest.approx(0.0, abs=0.05)
    line.set("K-301.trip", 1.0)
    line.run(900.0)
    assert line.get("K-301.running") == 0.0
    assert line.get("C-301.dp_mbar") == 0.0
    assert line.get("ROOM.h2_1_pct_lel") > 0.3
    assert line.get("R-101.lel_pct") > 100.0


def test_acid_piles_up_while_the_agitator_stands_and_reacts_when_it_turns_again():
    line = Line()
    line.world.set_heel("R-101", 350.0, temperature_c=45.0)
    line.stir()
    line.feed_solids(Feed(state="metal"), 40.0)
    line.acid(0.7)
    line.run(1200.0)
    calm_ph, calm_lel = line.get("R-101.ph"), line.get("R-101.lel_pct")
    line.set("R-101.agitator_trip", 1.0)
    line.run(1200.0)
    assert line.get("R-101.agitator_running") == 0.0
    assert line.get("R-101.ph") < calm_ph - 0.5
    line.set("R-101.agitator_trip", 0.0)
    line.run(60.0)
    assert line.get("R-101.lel_pct") > 1.5 * calm_lel


def test_hot_liquor_evaporates_water_and_some_acid_to_the_scrubber():
    line = Line()
    line.world.set_heel("R-101", 550.0, {}, 1.0, temperature_c=80.0)
    line.stir()
    line.set("R-101.hot_valve_cmd_pct", 70.0)
    before, ph = line.get("R-101.contents_kg"), line.get("C-301.ph")
    line.run(3600.0)
    assert 0.5 < before - line.get("R-101.contents_kg") < 12.0
    assert line.get("C-301.ph") < ph
    assert line.get("C-301.hcl_mg_nm3") < 10.0


def test_a_base_reaches_the_tank_whose_routing_valve_is_open():
    line = Line()
    for unit in ("R-101", "R-102"):
        line.world.set_heel(unit, 300.0, {}, 0.5)
    line.set("R-102.base_valve_cmd", 1.0)
    line.set("P-131.sp_l_min", 1.0)
    line.set("R-101.agitator_enable", 1.0)
    line.run(600.0)
    assert line.get("R-102.ph") > line.get("R-101.ph") + 0.1
    assert line.get("P-131.flow_l_min") == pytest.approx(1.0)
    assert line.get("TK-130.level_pct") == pytest.approx(78.0, abs=0.2)


def test_filtering_keeps_seven_to_ten_percent_of_the_liquor_and_washing_gives_it_back():
    line = Line()
    line.world.set_heel("R-101", 600.0, {"Nd": 23.0, "Pr": 5.5}, 0.02, 66.0, Feed(assay={"Fe": 0.9}, state="roasted"), 40.0)
    line.world.begin_batch("R-101")
    line.stir()
    line.run(60.0)
    line.press()
    line.run(600.0)
    assert line.get("FP-201.feed_bar") > 4.0
    assert line.get("FP-201.turbidity_ntu") < 5.0
    line.run(3000.0)
    line.set("R-101.transfer_pump_sp_pct", 0.0)
    nd = line.world.truth()["Nd"]
    assert 0.065 < nd["cake_kg"] / nd["opening_heel_kg"] < 0.10
    line.set("FP-201.feed_valve_cmd", 0.0)
    line.set("FP-201.wash_valve_cmd", 1.0)
    line.set("P-202.sp_pct", 100.0)
    line.run(60.0)
    salty = line.get("FP-201.wash_conductivity_ms_cm")
    line.run(360.0)
    assert line.get("FP-201.wash_conductivity_ms_cm") < 0.1 * salty
    nd = line.world.truth()["Nd"]
    assert nd["cake_kg"] / nd["opening_heel_kg"] < 0.005
    assert nd["recovery"] > 0.98
    assert nd["closure"] == pytest.approx(1.0, abs=1e-9)
    line.set("FP-201.wash_valve_cmd", 0.0)
    line.set("FP-201.blow_valve_cmd", 1.0)
    line.run(300.0)
    line.set("FP-201.blow_valve_cmd", 0.0)
    line.set("FP-201.close_cmd", 0.0)
    line.set("FP-201.drop_cmd", 1.0)
    line.run(90.0)
    assert line.get("FP-201.cake_kg") == pytest.approx(66.0 / 0.625, rel=0.05)
    assert 0.35 < line.world.sample("cake FP-201", 0.2).moisture < 0.45
    assert line.world.truth()["Nd"]["closure"] == pytest.approx(1.0, abs=1e-9)


def test_slurry_fed_to_open_plates_ends_in_the_bund():
    line = Line()
    line.world.set_heel("R-101", 300.0, {"Nd": 20.0}, 0.1)
    line.press()
    line.set("FP-201.close_cmd", 0.0)
    line.run(60.0)
    assert line.get("FP-201.plates_closed") == 0.0
    assert line.get("SITE.bund_wet") == 1.0


def test_a_bund_leak_empties_the_acid_day_tank():
    line = Line()
    before = line.get("TK-110.level_pct")
    line.set("SITE.bund_leak", 1.0)
    line.run(300.0)
    assert line.get("SITE.bund_wet") == 1.0
    assert line.get("TK-110.level_pct") < before - 0.5


def test_the_agitator_draws_its_power_and_suspends_above_njs():
    line = Line()
    line.world.set_heel("R-101", 550.0, {}, 0.1, 80.0, Feed())
    line.stir(200.0)
    line.run(30.0)
    assert line.get("R-101.agitator_rpm") == 200.0
    assert line.get("R-101.agitator_kw") == pytest.approx(0.29 / 0.9 + 0.05, abs=0.06)
    assert 200.0 < line.world.tanks[0].njs_rpm < 300.0


def test_a_residue_sample_marks_the_end_of_leach_and_holds_no_liquor():
    line = Line()
    line.world.begin_batch("R-101")
    line.set("R-101.water_valve_cmd", 1.0)
    line.run(300.0)
    line.set("R-101.water_valve_cmd", 0.0)
    line.stir()
    line.feed_solids(STANDARD_FEED, 20.0)
    line.acid(0.7)
    line.run(1800.0)
    nd = line.world.truth()["Nd"]
    assert isnan(nd["leach_extraction"])
    sample = line.world.sample("residue R-101", 0.5)
    assert sample.moisture == 0.0
    assert sample.liquor_g_l["Nd"] == 0.0
    nd = line.world.truth()["Nd"]
    undissolved = sample.solid_wt["Nd"] * (line.world.tanks[0].contents.solid_kg + sample.mass_kg)
    assert 1.0 - undissolved / nd["in_kg"] == pytest.approx(nd["leach_extraction"], abs=1e-6)
    assert nd["samples_kg"] > 0.0
    assert nd["closure"] == pytest.approx(1.0, abs=1e-9)


def test_a_sample_from_the_tank_is_the_liquor_and_leaves_the_books():
    line = Line()
    line.world.set_heel("R-101", 300.0, {"Nd": 20.0, "Fe": 1.0}, 0.2)
    line.world.begin_batch("R-101")
    before = line.get("R-101.volume_l")
    sample = line.world.sample("R-101", 0.25)
    line.run(0.5)
    assert sample.liquor_g_l["Nd"] == pytest.approx(20.0, rel=0.01)
    assert before - line.get("R-101.volume_l") == pytest.approx(0.25, abs=0.01)
    assert line.world.truth()["Nd"]["samples_kg"] == pytest.approx(0.005, rel=0.01)


def test_two_worlds_with_the_same_inputs_are_equal_to_the_last_bit():
    def life() -> list[float]:
        line = Line()
        line.world.set_heel("R-101", 400.0, {"Nd": 5.0, "Fe": 1.0}, 0.3, 10.0, Feed(state="partly_oxidised"), 60.0)
        line.stir()
        line.acid(0.4)
        line.run(600.0)
        return list(line.world.values)

    assert life() == life()


def test_steps_of_half_a_second_and_of_five_tell_the_same_story():
    story = []
    for dt_s in (0.5, 5.0):
        line = Line()
        line.world.set_heel("R-101", 400.0, {}, 0.5, 40.0, Feed(), 75.0)
        line.stir()
        line.set("R-101.hot_valve_cmd_pct", 70.0)
        line.acid(0.3)
        line.run(3600.0, dt_s)
        sample = line.world.sample("R-101", 0.1)
        story.append((line.get("R-101.temperature_c"), line.get("R-101.ph"), sample.liquor_g_l["Nd"]))
    assert story[0] == pytest.approx(story[1], rel=0.01)


def test_parameters_come_from_a_mapping_and_others_keys_are_left_alone():
    world = World({"duct_flow_nm3_h": 500.0, "tank": {"water_l_min": 20.0}, "tank_variants": {"R-102": {"capacity_l": 800.0}}, "lots": []})
    assert world.parameters.duct_flow_nm3_h == 500.0
    assert world.tanks[0].p.water_l_min == 20.0
    assert world.tanks[1].p.capacity_l == 800.0


def test_a_lot_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="alloy"):
        World().tip(Feed(name="L-1", basis="as_fed"), 10.0)
    with pytest.raises(ValueError, match="Xx"):
        Feed(name="L-2", assay={"Xx": 0.1})


def test_a_sample_point_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="R-109"):
        World().sample("R-109", 0.1)
    with pytest.raises(ValueError, match="no tank holds solids"):
        World().sample("residue", 0.1)


def test_the_standard_recipe_in_the_world_ends_as_in_the_beaker():
    """Nothing is tuned: the figure is reported in docs/explanation/leach-model.md."""
    line = Line()
    line.world.set_heel("R-101", 550.0, {}, 0.0, temperature_c=80.0)
    line.world.begin_batch("R-101")
    line.stir()
    line.feed_solids(STANDARD_FEED, 82.6)
    line.acid(0.7)
    while line.world.tanks[0].acid_mol < 565.0:
        hold(line, 80.0)
    line.acid(0.0)
    while line.world.elapsed_s < 360.0 * 60.0:
        hold(line, 80.0)
    line.world.mark_leach_end("R-101")
    nd = line.world.truth()["Nd"]
    assert nd["in_kg"] == pytest.approx(13.68, abs=1e-6)
    assert nd["leach_extraction"] == pytest.approx(0.985, abs=0.007)
    assert 0.7 < line.get("R-101.ph") < 1.4
    assert line.get("R-101.lel_pct") < 0.01


def hold(line: Line, temperature_c: float) -> None:
    """Ten seconds with the jacket's valves set by a plain proportional rule."""
    gap = temperature_c - line.get("R-101.temperature_c")
    line.set("R-101.hot_valve_cmd_pct", min(100.0, max(0.0, 60.0 + 30.0 * gap)))
    line.run(10.0, 2.0)


def test_the_scrubber_starts_at_nine_and_a_half_and_its_caustic_lifts_it_gently():
    line = Line()
    line.run(1.0)
    assert line.get("C-301.ph") == pytest.approx(9.5, abs=0.02)
    line.set("C-301.caustic_valve_cmd", 1.0)
    line.run(10.0)
    assert 9.52 < line.get("C-301.ph") < 9.9
