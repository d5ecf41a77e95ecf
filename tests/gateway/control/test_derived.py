"""Computed values: as bad as the worst they are made from, and never a guess over a gap."""

from __future__ import annotations

import random

import pytest

from devices.quality import BAD_NO_COMMUNICATION, BAD_OUT_OF_RANGE, GOOD, UNCERTAIN
from gateway.control.derived import Derived, DerivedRow
from gateway.control.image import SECOND, Image, Now

SOURCE, RESULT = 0, 1


class Rig:
    """One derived value over one source, with a scan every half second."""

    def __init__(self, kind: str, **row: object) -> None:
        self.image = Image(["FI", "FQ"], [10 * SECOND, 10 * SECOND])
        self.derived = Derived(DerivedRow(**{"tag": RESULT, "kind": kind, "of": (SOURCE,), **row}))  # pyright: ignore[reportArgumentType]
        self.now = Now(0, 10**18)

    def scan(self, value: float, quality: int = GOOD, times: int = 1, late_ns: int = 0) -> Rig:
        for _ in range(times):
            self.now = Now(self.now.mono + SECOND // 2, self.now.utc + SECOND // 2)
            now = Now(self.now.mono + late_ns, self.now.utc)
            self.image.put(SOURCE, value, quality, asked=now.mono - 1, seen=now.mono, source=0)
            self.derived.update(self.image, now)
        return self

    @property
    def good(self) -> bool:
        return self.image.quality[RESULT] == GOOD

    @property
    def value(self) -> float:
        return self.image.value[RESULT]


def test_a_slope_is_unknown_until_its_window_is_half_full():
    rig = Rig("rate")
    for i in range(60):
        rig.scan(20.0 + i * 0.5 / 60.0)
        assert not rig.good
    for i in range(60, 240):
        rig.scan(20.0 + i * 0.5 / 60.0)
    assert rig.good
    assert rig.value == pytest.approx(1.0, rel=1e-6)  # 1 K/min


def test_a_slope_forgets_what_was_before_a_bad_reading():
    rig = Rig("rate").scan(20.0, times=200).scan(0.0, BAD_NO_COMMUNICATION, times=2)
    rig.scan(20.0, times=2)
    assert not rig.good
    assert rig.scan(20.0, times=70).good


def test_a_slope_keeps_its_digits_for_a_week():
    rig = Rig("rate")
    rng = random.Random(3)
    for _ in range(2 * 3600 * 3):
        rig.scan(300.0 + rng.gauss(0.0, 1e-4))
    assert rig.good
    assert abs(rig.value) < 1e-3


def test_a_mean_is_the_share_of_its_window():
    rig = Rig("mean", window_ns=120 * SECOND).scan(1.0, times=300)
    assert rig.value == 1.0
    rig.scan(0.0, times=24)  # twelve of a hundred and twenty seconds
    assert rig.value == pytest.approx(0.9, abs=0.01)


def test_a_total_adds_up_a_flow():
    rig = Rig("total", per_s=1 / 60).scan(6.0, times=121)
    assert rig.value == pytest.approx(6.0, abs=0.06)  # 6 L/min over a minute


@pytest.mark.fault("D05")
def test_a_total_adds_nothing_over_a_gap_and_never_falls_for_it():
    rig = Rig("total", per_s=1.0).scan(1.0, times=20)
    before = rig.value
    rig.scan(5.0, BAD_NO_COMMUNICATION, times=40)
    assert not rig.good
    rig.scan(5.0, times=2)
    assert rig.good
    assert rig.value == pytest.approx(before, abs=1e-9)  # one Good reading alone is no interval
    rig.now = Now(rig.now.mono + 600 * SECOND, rig.now.utc)
    rig.scan(5.0, times=2)
    assert rig.value - before <= 10.0 + 1e-9


def test_a_total_begins_anew_with_a_batch():
    rig = Rig("total", per_s=1.0).scan(1.0, times=20)
    rig.derived.restart()
    assert rig.scan(1.0, times=2).value == pytest.approx(1.0)


@pytest.mark.parametrize("quality", [UNCERTAIN, BAD_NO_COMMUNICATION])
@pytest.mark.parametrize("kind", ["rate", "total", "mean", "expression"])
def test_nothing_is_computed_from_what_is_not_good(kind: str, quality: int):
    rig = Rig(kind, number=lambda v, q: v[SOURCE] * 2).scan(3.0, times=300)
    assert rig.good
    rig.scan(3.0, quality, times=2)
    assert rig.image.quality[RESULT] & 0x80000000


def test_an_expression_outside_its_range_is_bad():
    rig = Rig("expression", number=lambda v, q: v[SOURCE] * 2, low=0.0, high=10.0)
    assert rig.scan(5.0, times=2).good
    assert rig.scan(5.1, times=2).image.quality[RESULT] == BAD_OUT_OF_RANGE


def test_an_expression_without_a_value_is_bad():
    assert Rig("expression", number=lambda v, q: None).scan(1.0, times=2).image.quality[RESULT] & 0x80000000


def test_ticks_that_come_late_do_not_lose_their_turn():
    rig = Rig("total", per_s=1.0)
    rng = random.Random(5)
    for _ in range(400):
        rig.scan(1.0, late_ns=rng.randrange(5_000_000))
    assert rig.value == pytest.approx(199.5, abs=0.1)


def test_a_result_is_as_old_as_the_oldest_it_is_made_from():
    rig = Rig("expression", number=lambda v, q: v[SOURCE]).scan(1.0, times=2)
    assert rig.image.asked[RESULT] == rig.image.asked[SOURCE]
