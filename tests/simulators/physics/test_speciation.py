"""pH from the charge balance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.physics.speciation import Speciation
from simulators.physics.species import CL, FE3, NA, ND, WATER, B, H, charge, empty_liquor


def liquor(acid: float = 0.0, iron: float = 0.0, neodymium: float = 0.0, boron: float = 0.0, sodium: float = 0.0) -> list[float]:
    """One litre; `acid` is HCl less NaOH."""
    n = empty_liquor()
    n[WATER], n[FE3], n[ND], n[B], n[NA] = 55.3, iron, neodymium, boron, sodium
    n[H] = acid - sodium
    n[CL] = acid + 3.0 * (iron + neodymium)
    return n


def ph(n: list[float], temperature_c: float = 25.0) -> float:
    s = Speciation()
    s.solve(n, 1.0, temperature_c)
    return s.solve(n, 1.0, temperature_c)


def test_pure_water_is_neutral():
    assert ph(liquor()) == pytest.approx(7.0, abs=0.01)


def test_tenth_molar_acid_has_ph_one_point_one():
    assert ph(liquor(0.1)) == pytest.approx(1.11, abs=0.02)


def test_iron_chloride_is_acid_by_hydrolysis_and_more_so_when_hot():
    cold, hot = ph(liquor(iron=0.1)), ph(liquor(iron=0.1), 80.0)
    assert 1.4 < cold < 2.2
    assert hot < cold


def test_rare_earth_chloride_and_boric_acid_hardly_change_the_ph():
    assert ph(liquor(neodymium=0.1)) == pytest.approx(7.0, abs=0.1)
    assert ph(liquor(boron=0.1)) == pytest.approx(5.1, abs=0.3)


def test_caustic_has_ph_thirteen():
    assert ph(liquor(sodium=0.1)) == pytest.approx(12.9, abs=0.1)


@given(
    st.floats(0.0, 3.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 0.5), st.floats(0.0, 6.0), st.floats(5.0, 100.0),
    st.floats(1e-13, 5.0),
)  # fmt: skip
def test_any_liquor_from_any_start_is_electroneutral(acid, iron, neodymium, boron, sodium, temperature_c, start):
    n = liquor(acid, iron, neodymium, boron, sodium)
    s = Speciation()
    s.h = start
    s.solve(n, 1.0, temperature_c)
    assert abs(charge(n)) <= 1e-9 * max(1.0, n[CL])
    assert abs(s.residual) <= 1e-9 * max(abs(n[H]) + n[FE3], 1e-6)


@given(st.floats(-0.5, 2.0), st.floats(0.0, 0.5))
def test_more_acid_never_raises_the_ph(acid, iron):
    less = liquor(max(acid, 0.0), iron, sodium=max(-acid, 0.0))
    more = liquor(max(acid, 0.0) + 0.01, iron, sodium=max(-acid, 0.0))
    a, b = Speciation(), Speciation()
    for _ in range(3):  # the ionic strength follows from the last answer
        a.solve(less, 1.0, 40.0)
        b.solve(more, 1.0, 40.0)
    assert b.ph <= a.ph + 0.02
