"""Stoichiometry, heat and direction of the reactions."""

from __future__ import annotations

import pytest

from simulators.physics.batch_reactor import Beaker
from simulators.physics.feed import DEFAULT_A, ND2FE14B, Feed
from simulators.physics.reactions import DISSOLUTION, HEAT_PEROXIDE
from simulators.physics.species import (
    CL,
    FE2,
    FE3,
    FERRIHYDRITE,
    GAS_ELEMENTS,
    H2O2,
    HEMATITE,
    HEMATITE_NEW,
    LIQUOR_CHARGE,
    METAL,
    ND,
    OXIDE,
    SOLID_ELEMENTS,
    H,
    count_elements,
    empty_liquor,
)


def test_every_dissolution_is_balanced_in_elements_and_charge():
    for i, row in enumerate(DISSOLUTION):
        made = empty_liquor()
        made[row.cation] += 1.0
        made[FE3] += row.iron
        made[H] -= row.acid
        made[-1] += row.water
        charge = sum(n * z for n, z in zip(made, LIQUOR_CHARGE, strict=True))
        assert abs(charge) < 1e-12
        products = count_elements(made, None, [row.hydrogen, 0.0, 0.0])
        for element, n in products.items():
            assert n == pytest.approx(SOLID_ELEMENTS[i].get(element, 0.0)), (i, element)
    assert GAS_ELEMENTS[0] == {"H": 2}


def demand(feed: Feed) -> tuple[float, float, float]:
    """Acid and hydrogen in mol per kg, heat in kJ per kg, of all metal dissolving (copper does not)."""
    solid = feed.solids(1.0)
    rows = [(n, DISSOLUTION[i]) for i, n in enumerate(solid[:14])]
    return tuple(sum(n * value for n, value in ((n, get(r)) for n, r in rows)) for get in (_acid, _hydrogen, _heat))  # type: ignore[return-value]


def _acid(row):
    return row.acid


def _hydrogen(row):
    return row.hydrogen


def _heat(row):
    return row.heat_kj


def test_a_kilogram_of_nd2fe14b_takes_31_mol_of_acid_and_gives_17_mol_of_hydrogen_and_2554_kj():
    acid, hydrogen, heat = demand(Feed(assay=ND2FE14B, state="metal"))
    assert acid == pytest.approx(31.45, abs=0.02)
    assert hydrogen == pytest.approx(17.11, abs=0.02)
    assert heat == pytest.approx(-2554.0, abs=15.0)


def test_default_a_takes_its_published_acid():
    acid, _, _ = demand(Feed(assay={e: w for e, w in DEFAULT_A.items() if e != "Cu"}, state="metal"))
    assert acid == pytest.approx(30.59, rel=0.02)


def test_heats_of_the_oxides_and_of_peroxide_are_the_table_s():
    assert 2.0 * DISSOLUTION[OXIDE].heat_kj == pytest.approx(-442.0, abs=1.0)
    assert 2.0 * DISSOLUTION[HEMATITE].heat_kj == pytest.approx(-130.0, abs=1.0)
    assert pytest.approx(-299.0, abs=2.0) == HEAT_PEROXIDE


def test_roast_selectively_leached_ends_with_iron_as_hematite_and_three_protons_per_rare_earth():
    beaker = Beaker(1.0, 0.6, 90.0)
    beaker.add_feed(Feed(), 0.1)
    beaker.run(900.0)
    x = beaker.extraction()
    assert x["Nd"] > 0.99
    assert x["Fe"] < 0.02
    assert beaker.solid[HEMATITE_NEW] > 0.9 * beaker.element_mol("Nd", "liquor")
    assert beaker.solid[FERRIHYDRITE] == 0.0
    assert beaker.liquor[FE2] == 0.0


def test_acid_that_runs_out_stops_the_leach():
    beaker = Beaker(1.0, 0.2, 80.0)
    beaker.add_feed(Feed(), 0.1)
    beaker.run(900.0)
    x = beaker.extraction()
    assert 0.25 < x["Nd"] < 0.55
    assert beaker.ph > 1.5


def test_metal_dissolves_to_ferrous_iron_and_hydrogen():
    beaker = Beaker(1.0, 2.0, 40.0)
    beaker.add_feed(Feed(state="metal"), 0.05)
    beaker.chemistry.step(beaker.liquor, beaker.solid, beaker.charged, 1.0, 40.0, 1.0, 0.0, 1.0)
    assert beaker.chemistry.hydrogen_mol > 0.0
    assert beaker.chemistry.heat_kj > 0.0
    beaker.run(120.0)
    assert beaker.liquor[FE2] > 0.5
    assert beaker.liquor[FE3] < 1e-6
    assert beaker.solid[METAL + 8] == pytest.approx(beaker.charged[METAL + 8])  # copper stays metal


def test_grain_boundary_goes_before_the_matrix():
    beaker = Beaker(1.0, 2.0, 40.0)
    beaker.add_feed(Feed(state="metal"), 0.02)
    beaker.run(3.0)
    boundary = beaker.solid[10] / beaker.charged[10]
    matrix = beaker.solid[METAL + 4] / beaker.charged[METAL + 4]
    assert boundary < matrix < 1.0


def test_slow_stirring_and_coarse_feed_slow_the_leach():
    def extraction(d50_um: float = 150.0, mixing: float = 1.0) -> float:
        beaker = Beaker(1.0, 1.0, 80.0)
        beaker.add_feed(Feed(d50_um=d50_um), 0.1)
        for _ in range(1800):
            beaker.chemistry.step(beaker.liquor, beaker.solid, beaker.charged, beaker.volume_l, 80.0, mixing, 0.0, 2.0)
        return beaker.extraction()["Nd"]

    assert extraction(100.0) > extraction() > extraction(250.0)
    assert extraction(mixing=0.1) < 0.5 * extraction()


def test_peroxide_oxidises_two_ferrous_ions_and_warms():
    beaker = Beaker(1.0, 0.2, 50.0)
    beaker.liquor[FE2], beaker.liquor[CL] = 0.1, beaker.liquor[CL] + 0.2
    beaker.liquor[H2O2] = 0.04
    beaker.run(10.0)
    assert beaker.liquor[FE3] == pytest.approx(0.08, rel=0.02)
    assert beaker.liquor[H2O2] < 1e-4


def test_air_oxidises_ferrous_iron_slowly():
    beaker = Beaker(1.0, 0.2, 50.0)
    beaker.liquor[FE2], beaker.liquor[CL] = 0.1, beaker.liquor[CL] + 0.2
    for _ in range(1800):
        beaker.chemistry.step(beaker.liquor, beaker.solid, beaker.charged, 1.0, 50.0, 1.0, 0.21, 2.0)
    assert 0.0 < beaker.liquor[FE3] < 0.005


def test_iron_cake_at_ph_three_and_a_half_takes_a_little_rare_earth_and_gives_it_back_to_acid():
    beaker = Beaker(1.0, 0.05, 30.0)
    beaker.liquor[FE3], beaker.liquor[ND] = 0.03, 0.15
    beaker.liquor[CL] += 3.0 * 0.18
    while beaker.ph < 3.4:
        beaker.add_base(0.001)
        beaker.run(0.5)
    beaker.run(60.0)
    held = 1.0 - beaker.liquor[ND] / 0.15
    assert 0.003 < held < 0.03
    assert beaker.solid[FERRIHYDRITE] > 0.02
    beaker.add_acid(0.2)
    beaker.run(120.0)
    assert 1.0 - beaker.liquor[ND] / 0.15 < 0.002


def test_five_second_steps_end_where_half_second_steps_do():
    def extraction(dt_s: float) -> float:
        beaker = Beaker(1.0, 0.5, 80.0)
        beaker.add_feed(Feed(), 0.1)
        beaker.run(120.0, dt_s)
        return beaker.extraction()["Nd"]

    assert extraction(5.0) == pytest.approx(extraction(0.5), abs=0.003)
