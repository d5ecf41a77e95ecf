"""The end of a leach: a slope with its own uncertainty, never two lucky points."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from devices.quality import BAD_OUT_OF_SERVICE, UNCERTAIN_SENSOR_NOT_ACCURATE
from gateway.batch.endpoint import MINIMUM, end_point


class Found(msgspec.Struct):
    """A result as the end point sees it."""

    values: dict[str, float]
    quality: int
    context: dict[str, float]


def results(*points: tuple[float, float], quality: int = 0, **context: float) -> list[Any]:
    """(minutes, g/L of neodymium)."""
    return [Found({"Nd": conc, "Fe": 50.0}, quality, {"minutes": minutes, "volume_l": 550.0, **context}) for minutes, conc in points]


def test_fewer_than_four_results_say_nothing():
    assert end_point(results((0, 20), (30, 20), (60, 20))) is None
    assert MINIMUM == 4


def test_a_flat_line_has_no_slope_and_no_doubt():
    verdict = end_point(results((0, 20), (30, 20), (60, 20), (90, 20)))
    assert verdict is not None
    assert (verdict.slope, verdict.upper, verdict.count) == (0.0, 0.0, 4)


def test_a_known_line_gives_the_slope_and_bound_of_a_textbook():
    """Concentrations 20.0 20.1 20.3 20.2 at 0 0.5 1 1.5 h: slope 0.16 g/(L h), s 0.0894.. ; bound with t(2) 2.920."""
    verdict = end_point(results((0, 20.0), (30, 20.1), (60, 20.3), (90, 20.2)))
    assert verdict is not None
    assert verdict.slope == pytest.approx(100 * 0.16 / 20.15, rel=1e-9)
    residual = sum((y - (20.15 + 0.16 * (t - 0.75))) ** 2 for t, y in zip((0, 0.5, 1, 1.5), (20.0, 20.1, 20.3, 20.2), strict=True))
    error = (residual / 2 / 1.25) ** 0.5
    assert verdict.upper == pytest.approx(100 * (0.16 + 2.920 * error) / 20.15, rel=1e-9)


def test_two_lucky_points_among_noise_do_not_end_a_leach_that_still_rises():
    early = 0
    for seed in range(200):
        rng = random.Random(seed)
        noisy = [(t, (15 + t / 30) * (1 + rng.gauss(0, 0.015))) for t in range(0, 300, 30)]  # 4 to 13 % per hour
        seen: list[tuple[float, float]] = []
        for point in noisy:
            seen.append(point)
            verdict = end_point(results(*seen))
            early += verdict is not None and verdict.upper <= 2.0
    assert early <= 40  # of 1400 looks: less than the one-sided 5 % that the bound admits


def test_a_leach_that_is_over_is_seen_to_be_over_within_its_noise():
    ended = 0
    for seed in range(100):
        rng = random.Random(seed)
        flat = [(t, 20 * (1 + rng.gauss(0, 0.005))) for t in range(0, 180, 30)]
        verdict = end_point(results(*flat))
        ended += verdict is not None and verdict.upper <= 2.0
    assert ended >= 90


def test_evaporation_is_not_mistaken_for_dissolution():
    """20 g/L in 550 L become 22 g/L in 500 L: the amount has not changed."""
    concentrated = [
        Found({"Nd": 11000 / volume}, 0, {"minutes": t, "volume_l": volume}) for t, volume in ((0, 550), (30, 533), (60, 516), (90, 500))
    ]
    verdict = end_point(concentrated)
    assert verdict is not None
    assert verdict.slope == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("quality", [BAD_OUT_OF_SERVICE, UNCERTAIN_SENSOR_NOT_ACCURATE])
def test_results_whose_checks_failed_do_not_count(quality: int):
    good = results((0, 20), (30, 20), (60, 20))
    assert end_point([*good, *results((90, 20), quality=quality)]) is None


@pytest.mark.parametrize("context", [{}, {"minutes": 90.0}, {"volume_l": 550.0}])
def test_results_without_their_time_or_volume_do_not_count(context: dict[str, float]):
    assert end_point([*results((0, 20), (30, 20), (60, 20)), Found({"Nd": 20.0}, 0, context)]) is None


def test_only_the_last_results_count():
    rising = [(30.0 * i, 10.0 + i) for i in range(6)]
    flat = [(180.0 + 30 * i, 15.0) for i in range(6)]
    verdict = end_point(results(*rising, *flat))
    assert verdict is not None
    assert (verdict.slope, verdict.count) == (pytest.approx(0.0, abs=1e-9), 6)


def test_results_all_at_one_time_or_of_nothing_say_nothing():
    assert end_point(results((30, 20), (30, 20), (30, 20), (30, 20))) is None
    assert end_point(results((0, 0), (30, 0), (60, 0), (90, 0))) is None
