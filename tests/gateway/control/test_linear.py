"""What makes a process straight: the strong-acid equivalent, a titration curve, a gain schedule."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control.linear import Schedule, Zone, curve, strong_acid


@pytest.mark.parametrize("ph", [-1.0, 0.8, 2.5, 3.5, 7.0, 11.0])
def test_the_same_dose_moves_the_strong_acid_equivalent_by_the_same_amount_at_every_ph(ph: float):
    """c mol/L of strong base added to water of that pH."""
    x = strong_acid(ph)
    assert strong_acid(7.0) == pytest.approx(0.0, abs=1e-12)
    hydrogen = (-(x + 1e-3) + math.sqrt((x + 1e-3) ** 2 + 4e-14)) / 2  # [H+] - Kw/[H+] = -(x + c)
    dosed = -math.log10(hydrogen) if x + 1e-3 < 0 else 14 + math.log10((x + 1e-3 + math.sqrt((x + 1e-3) ** 2 + 4e-14)) / 2)
    assert strong_acid(dosed) - x == pytest.approx(1e-3, rel=1e-6)


def test_a_curve_goes_through_its_points_and_straight_on_beyond_them():
    straight = curve(((1.0, 0.0), (2.0, 9.0), (4.0, 10.0)))
    assert [straight(x) for x in (0.0, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0)] == pytest.approx([-9.0, 0.0, 4.5, 9.0, 9.5, 10.0, 10.5])


@given(st.floats(-3, 15), st.floats(-3, 15))
def test_a_curve_never_turns_an_order_round(a: float, b: float):
    straight = curve(((0.5, 0.0), (2.0, 0.1), (2.5, 0.3), (3.5, 0.31)))
    assert (straight(a) < straight(b)) == (a < b) or straight(a) == straight(b)


@pytest.mark.parametrize("points", [(), ((1.0, 1.0),), ((1.0, 1.0), (1.0, 2.0)), ((1.0, 2.0), (2.0, 2.0)), ((2.0, 1.0), (1.0, 2.0))])
def test_a_curve_that_does_not_rise_is_refused(points: tuple[tuple[float, float], ...]):
    with pytest.raises(ValueError, match="rising"):
        curve(points)


def test_noise_at_the_border_of_a_zone_does_not_switch_the_gain():
    schedule = Schedule((Zone(2.0, 1.0), Zone(3.0, 0.1), Zone(4.0, 0.01)), margin=0.1)
    seen = [schedule.factor(v) for v in (1.9, 2.05, 1.98, 2.1, 1.95, 1.89, 5.0, 3.95, 2.95, 2.85, 0.0)]
    assert seen == [1.0, 1.0, 1.0, 0.1, 0.1, 1.0, 0.01, 0.01, 0.01, 0.1, 1.0]
