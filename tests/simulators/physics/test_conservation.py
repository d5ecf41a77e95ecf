"""Whatever is done to the line, no kilogram, no charge and no joule is lost or made."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulators.physics.feed import DEFAULT_A, Feed
from simulators.physics.species import charge
from simulators.world import World

FEEDS = (
    Feed(name="roasted", state="roasted", moisture=0.05),
    Feed(name="partly", state="partly_oxidised", moisture=0.1),
    Feed(name="metal", state="metal", moisture=0.2),
)
INPUTS = [
    *(f"R-101.{v}_cmd" for v in ("acid_valve", "solids_gate", "water_valve", "purge_valve", "discharge_valve")),
    *(f"R-101.{v}_cmd" for v in ("peroxide_valve", "base_valve", "base_fine_valve")),
    *("R-102.water_valve_cmd", "R-102.acid_valve_cmd", "R-102.base_valve_cmd", "R-102.solids_gate_cmd", "R-102.discharge_valve_cmd"),
    *("R-101.agitator_enable", "R-101.level_foam", "R-101.acid_valve_stuck", "R-101.cooling_blocked", "R-101.agitator_trip"),
    *("SC-101.enable", "FP-201.close_cmd", "FP-201.feed_valve_cmd", "FP-201.wash_valve_cmd", "FP-201.blow_valve_cmd", "FP-201.drop_cmd"),
    *("K-301.enable", "K-301.trip", "C-301.recirc_enable", "C-301.caustic_valve_cmd", "SITE.air_lost", "SITE.power_lost"),
    *("SITE.chilled_lost", "SITE.hot_lost", "SITE.nitrogen_lost", "SITE.estop_cmd", "SITE.bund_leak"),
]
SETPOINTS = {
    "R-101.agitator_sp_rpm": 300.0, "R-101.acid_pump_sp_l_min": 0.7, "R-102.acid_pump_sp_l_min": 0.7, "R-101.hot_valve_cmd_pct": 100.0,
    "R-101.cold_valve_cmd_pct": 100.0, "R-101.transfer_pump_sp_pct": 100.0, "R-102.transfer_pump_sp_pct": 100.0, "SC-101.sp_pct": 100.0,
    "P-121.sp_l_min": 0.5, "P-131.sp_l_min": 1.0, "P-132.sp_l_min": 0.5, "P-202.sp_pct": 100.0, "P-211.sp_pct": 100.0,
    "K-301.sp_pct": 100.0, "TK-110.strength_factor": 1.1,
}  # fmt: skip
WATER_IN = st.lists(st.sampled_from(INPUTS), max_size=12)
SCENE = st.tuples(
    WATER_IN,
    st.lists(st.sampled_from(sorted(SETPOINTS)), max_size=10),
    st.sampled_from((0.5, 0.5, 0.7, 1.0, 2.0, 5.0)),
    st.integers(1, 60),
    st.sampled_from(("none", "none", "tip", "sample", "residue", "cake", "heel", "bin")),
)


def assert_books_balance(world: World) -> None:
    for element, (entered, present, left) in world.books().items():
        assert abs(present + left - entered) <= 1e-9 * max(1.0, entered), element


def assert_tanks_are_neutral_and_positive(world: World) -> None:
    for tank in world.tanks:
        c = tank.contents
        assert abs(charge(c.liquor)) <= 1e-9 * max(1.0, sum(abs(n) for n in c.liquor))
        assert min(c.liquor[1:]) >= -1e-12
        assert min(c.solid) >= -1e-12
        hs = tank.headspace
        assert min(hs.h2, hs.o2, hs.n2) >= 0.0


def assert_energy_balances(world: World, start: list[float]) -> None:
    for tank, at_start in zip(world.tanks, start, strict=True):
        enthalpy = tank.enthalpy_kj()
        assert abs(enthalpy - at_start - tank.external_kj) <= 1e-6 * max(1e3, abs(enthalpy))


def play(world: World, scene: tuple[list[str], list[str], float, int, str], feed: Feed) -> None:
    """Set every input from the scene (what it does not name is off), act, and step."""
    on, setpoints, dt_s, steps, act = scene
    v = world.values
    for name in INPUTS:
        v[world.index(name)] = 1.0 if name in on else 0.0
    for name, value in SETPOINTS.items():
        v[world.index(name)] = value if name in setpoints else 1.0 if name == "TK-110.strength_factor" else 0.0
    if act == "tip":
        world.tip(feed, 5.0)
    elif act == "heel":
        world.set_heel("R-103", 40.0, {"Nd": 20.0, "Fe": 2.0}, 0.1, 1.0, feed)
    elif act == "bin":
        world.empty_cake_bin()
    elif act != "none" and (act != "residue" or world.tanks[0].contents.solid_kg > 0.0):
        world.sample({"sample": "R-101", "residue": "residue R-101", "cake": "cake FP-201"}[act], 0.5)
    for _ in range(steps):
        world.step(dt_s)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(SCENE, min_size=1, max_size=12), st.sampled_from(FEEDS))
def test_any_sequence_of_inputs_keeps_every_element_charge_and_energy(scenes, feed):
    world = World(seed=1)
    start = [tank.enthalpy_kj() - tank.external_kj for tank in world.tanks]
    world.set_heel("R-101", 200.0, {"Nd": 10.0, "Fe": 5.0, "B": 0.5}, 0.2, 2.0, Feed())
    for scene in scenes:
        play(world, scene, feed)
        assert_books_balance(world)
        assert_tanks_are_neutral_and_positive(world)
        assert_energy_balances(world, start)


def test_one_step_changes_no_element_by_more_than_rounding():
    world = World(seed=1)
    world.set_heel("R-101", 400.0, {"Nd": 20.0, "Fe": 5.0, "B": 1.0}, 0.5, 20.0, Feed(state="metal"), 60.0)
    world.values[world.index("R-101.agitator_enable")] = 1.0
    world.values[world.index("R-101.agitator_sp_rpm")] = 300.0
    for _ in range(200):
        before = world.books()
        world.step(0.5)
        for element, (entered, present, left) in world.books().items():
            then = before[element]
            assert abs((present + left - entered) - (then[1] + then[2] - then[0])) <= 1e-9 * max(1.0, entered), element


def test_a_lot_weighs_what_was_tipped_whatever_it_is_made_of():
    for feed in (*FEEDS, Feed(basis="as_fed", assay={e: w / 1.377 for e, w in DEFAULT_A.items()})):
        world = World()
        world.tip(feed, 82.6)
        entered = world.books()
        assert world.values[world.index("W-101.weight_kg")] == 82.6
        assert abs(entered["Nd"][1] * 0.144242 - feed.element_kg(82.6)["Nd"]) < 1e-9
