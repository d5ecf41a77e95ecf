"""The model against published rows: consistency, never a fit, except for row A, which gives the one rate constant."""

from __future__ import annotations

import pytest

from simulators.physics import validation
from simulators.physics.kinetics import ROASTED_A, relative_rate
from simulators.physics.plot import leach_svg
from simulators.physics.species import ATOMIC_WEIGHT


def test_the_rate_constants_of_the_roast_are_those_row_a_gives():
    found = validation.identify_row_a()
    assert ROASTED_A.perovskite_kc == pytest.approx(found.perovskite_kc, rel=1e-3)
    assert ROASTED_A.perovskite_ka == pytest.approx(found.perovskite_ka, rel=1e-3)


def test_row_a_ends_with_its_liquor_its_ph_and_its_iron_in_the_residue():
    beaker = validation.row_a()
    beaker.run(validation.ROW_A_MIN)
    for element, g_l in (("Nd", 16.8), ("Pr", 3.8), ("Dy", 0.28)):
        assert ATOMIC_WEIGHT[element] * beaker.element_mol(element, "liquor") / beaker.volume_l == pytest.approx(g_l, rel=0.03)
    assert beaker.ph == pytest.approx(1.2, abs=0.2)
    assert beaker.extraction()["Fe"] < 0.01


def test_row_a_consumes_87_percent_of_its_acid():
    beaker = validation.row_a()
    beaker.run(validation.ROW_A_MIN)
    rare_earth = sum(beaker.element_mol(e, "liquor") for e in ("Nd", "Pr", "Dy"))
    assert 3.0 * rare_earth / 0.5 == pytest.approx(0.871, abs=0.015)


def test_at_constant_acid_the_mixed_law_lies_between_the_lone_laws():
    minutes = list(range(15, 300, 15))
    chemical, ash = (validation.lone_curve(law, minutes) for law in ("chemical", "ash"))
    x, mixed, t = 0.0, [], 0.0
    for stop in minutes:
        while t < stop:
            x += (1.0 - x) * relative_rate(2 * validation.LONE_CHEMICAL, 2 * validation.LONE_ASH, (1.0 - x) ** (1 / 3)) * 0.05
            t += 0.05
        mixed.append(x)
    assert all(a - 0.002 <= m <= b + 0.002 for a, m, b in zip(chemical, mixed, ash, strict=True))


def test_hotter_is_faster_by_the_published_activation_energy():
    at_95, at_85, at_75 = (validation.curve(ROASTED_A, t, [120])[0] for t in (95.0, 85.0, 75.0))
    assert at_95 > at_85 > at_75
    assert ROASTED_A.perovskite_ea == 30.1


def test_row_c_dissolves_one_iron_with_each_rare_earth_of_seven():
    c = validation.row_c()
    assert c["Nd"] == pytest.approx(0.9627, abs=0.01)
    assert c["Fe"] == pytest.approx(0.133, abs=0.01)
    assert c["ratio"] == pytest.approx(1.0 / 7.0, rel=0.01)


def test_row_f_leaves_milligrams_of_iron_at_ph_three_and_a_half():
    f = validation.row_f()
    assert f["Nd"] > 0.99
    assert f["iron_before_g_l"] > 0.05
    assert 0.0003 < f["iron_after_g_l"] < 0.005
    assert 0.0 < f["loss"] < 0.03


def test_row_g_roast_gives_more_rare_earth_and_less_iron_than_metal_with_the_same_acid():
    g = validation.row_g()
    assert g["roasted"] > 2.0 * g["metal"]
    assert g["roasted_iron_per_re"] < 0.1 * g["metal_iron_per_re"]


def test_the_titration_is_flat_on_iron_jumps_and_is_flat_on_rare_earth():
    points = validation.titration(iron_mol_l=0.1, re_mol_l=0.15, stop=0.9)

    def between(low: float, high: float) -> float:
        return 0.005 * sum(1 for _, ph in points if low <= ph < high)

    assert between(1.9, 3.0) > 0.2  # three mol of base for most of 0.1 mol of iron
    assert between(3.5, 6.0) < 0.03
    assert between(6.5, 8.2) > 0.35


def test_the_plot_is_an_svg_of_two_panels():
    svg = leach_svg()
    assert svg.startswith("<svg")
    assert svg.count("<polyline") == 6
