"""Equipment classes: outputs fail the right way, names are those of the plant."""

import pytest

from devices.equipment import CLASSES
from devices.profile import CommLoss
from devices.units import UNITS

EVERY_CLASS = pytest.mark.parametrize("name", sorted(CLASSES))
DIMENSIONS = {unit.dimension for unit in UNITS.values()}


@EVERY_CLASS
def test_roles_are_unique_and_measure_what_the_plant_can_measure(name: str):
    roles = CLASSES[name].roles
    assert len({role.name for role in roles}) == len(roles)
    for role in roles:
        assert role.direction in ("in", "out")
        assert role.dimensions
        assert set(role.dimensions) <= DIMENSIONS
        assert role.description


@EVERY_CLASS
def test_every_output_says_how_it_fails_and_no_input_does(name: str):
    for role in CLASSES[name].roles:
        assert bool(role.comm_loss) == (role.direction == "out")
        assert role.direction == "out" or (role.safe is None and role.within_s is None)


@pytest.mark.parametrize(
    ("unit", "output"),
    [("leach_tank", "acid_valve"), ("leach_tank", "acid_pump_run"), ("leach_tank", "acid_pump_rate"), ("leach_tank", "solids_gate"),
     ("leach_tank", "peroxide_valve"), ("leach_tank", "base_valve"), ("leach_tank", "base_fine_valve"), ("leach_tank", "transfer_run"),
     ("dosing_pump", "run"), ("solids_feeder", "run"), ("transfer_pump", "run")],
)
def test_acid_solids_peroxide_base_and_transfer_stop_within_three_seconds(unit: str, output: str):
    role = CLASSES[unit].role(output)
    assert (role.safe, role.comm_loss, role.within_s) == (0.0, (CommLoss.ZERO,), 3.0)


def test_heating_stops_within_half_a_minute():
    role = CLASSES["leach_tank"].role("hot_valve")
    assert (role.safe, role.comm_loss, role.within_s) == (0.0, (CommLoss.ZERO,), 30.0)


@pytest.mark.parametrize(
    ("unit", "output"),
    [("leach_tank", "agitator_run"), ("leach_tank", "agitator_speed_sp"), ("leach_tank", "purge_valve"), ("leach_tank", "cold_valve"),
     ("scrubber", "fan_run"), ("scrubber", "fan_speed_sp"), ("scrubber", "recirculation_run")],
)
def test_agitator_fan_scrubber_cooling_and_purge_go_on(unit: str, output: str):
    role = CLASSES[unit].role(output)
    assert CommLoss.ZERO not in role.comm_loss
    assert role.safe != 0


def test_every_valve_of_a_tank_proves_its_travel_by_two_switches_and_has_an_interlock_for_it():
    tank = CLASSES["leach_tank"]
    valves = [r.name for r in tank.outputs if r.name.endswith(("_valve", "_gate")) and r.name not in ("hot_valve", "cold_valve")]
    assert len(valves) == 8
    for valve in valves:
        assert tank.role(f"{valve}_open").required
        assert tank.role(f"{valve}_closed").required
        assert f"{valve}_travel" in tank.interlocks


def test_an_unknown_role_is_answered_with_the_known_ones():
    with pytest.raises(KeyError, match=r"solids_feeder has no role 'rate'.*hopper_weight"):
        CLASSES["solids_feeder"].role("rate")
