"""A total that never falls: what a counter did between two readings is known, or it is said that it is not."""

from __future__ import annotations

import random

import pytest

from devices.quality import GOOD
from gateway.control.counter import CLOCK_S, CLOCK_SHARE, Counter


def totals(counter: Counter, *readings: tuple[int, float]) -> list[tuple[int, str]]:
    return [(found.total, found.event) for found in (counter.take(raw, at) for raw, at in readings)]


def test_it_begins_where_the_meter_stands_and_adds_what_it_counts():
    assert totals(Counter(65536, 10.0), (500, 0.0), (505, 1.0), (505, 2.0), (512, 3.0)) == [(500, ""), (505, ""), (505, ""), (512, "")]


@pytest.mark.fault("D05")
def test_a_wrap_adds_the_modulus_and_a_reset_adds_what_was_counted_since():
    assert totals(Counter(65536, 10.0), (65535, 0.0), (0, 1.0)) == [(65535, ""), (65536, "wrapped")]
    found = totals(Counter(65536, 10.0), (40_000, 0.0), (7, 1.0), (9, 2.0))
    assert found == [(40_000, ""), (40_007, "reset"), (40_009, "")]


@pytest.mark.fault("D05")
@pytest.mark.parametrize(
    ("readings", "why"),
    [
        (((100, 0.0), (5_000, 1.0)), "4900 counts where 12 are possible"),
        (((40_000, 0.0), (20_000, 1.0)), "20000 counts since its start where 12 are possible"),
        (((100, 0.0), (200, 7_000.0)), "may have gone round more than once"),
    ],
)
def test_what_cannot_be_told_is_uncertain_and_is_told(readings: tuple[tuple[int, float], ...], why: str):
    counter = Counter(65536, 10.0)
    *_, found = [counter.take(raw, at) for raw, at in readings]
    assert found.event == "gap"
    assert found.total in (readings[0][0], readings[0][0] + 100)
    assert found.quality & 0xC0000000 == 0x40000000
    assert why in found.detail


@pytest.mark.fault("D05")
def test_a_device_that_tells_how_long_it_runs_leaves_no_doubt():
    counter = Counter(65536, 10.0)
    counter.take(65_530, 0.0, running_s=1000.0)
    assert counter.take(4, 1.0, running_s=1001.0).event == "wrapped"
    assert counter.total == 65_540
    found = counter.take(2, 2.0, running_s=0.5)
    assert (found.total, found.event) == (65_542, "reset")


@pytest.mark.parametrize(("modulus", "most"), [(1, 1.0), (65536, 0.0), (65536, -1.0), (65536, float("inf")), (65536, float("nan"))])
def test_a_counter_that_never_wraps_or_counts_without_bound_is_refused(modulus: int, most: float):
    with pytest.raises(ValueError, match="a counter wraps somewhere"):
        Counter(modulus, most)


def life(seed: int, readings: int, modulus: int, tells: bool) -> int:
    """A counter with rests, runs, resets and long silences, read at odd times; how often its total went wrong without a word.

    Without the device's running time a total may be off by less than can be counted between two readings.
    """
    rng = random.Random(seed)
    most = rng.choice((0.5, 5.0, 40.0))
    counter = Counter(modulus, most)
    true = raw = rng.randrange(modulus)
    at, running = 0.0, 50.0
    lost, silent = 0, 0
    last = counter.take(raw, at, running if tells else None).total
    for _ in range(readings):
        gap = rng.choice((0.5, 1.0, 1.0, 5.0, rng.uniform(0, 600)))
        sure = tells and running > CLOCK_S + CLOCK_SHARE * gap
        before = rng.uniform(0, gap) if rng.random() < 0.02 else 0.0  # begins anew after this long
        for part, anew in ((before, True), (gap - before, False)) if before else ((gap, False),):
            counted = int(most * part * rng.random())
            true, raw, running = true + counted, (raw + counted) % modulus, running + part
            if anew:
                raw, running = 0, 0.0
        at += gap
        found = counter.take(raw, at, running if tells else None)
        assert found.total >= last  # it never falls
        last = found.total
        unseen = 0 if sure else most * gap + counter.margin
        silent += found.event in ("", "wrapped") and abs(true - found.total - lost) > unseen
        lost = true - found.total
        assert (found.quality == GOOD) == (found.event in ("", "wrapped"))
    return silent


@pytest.mark.fault("D05")
@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_in_ten_thousand_readings_it_is_never_wrong_without_a_word(seed: int, tells: bool):
    assert life(seed, 10_000, 65536 if seed % 2 else 1 << 32, tells) == 0


@pytest.mark.soak
@pytest.mark.fault("D05")
@pytest.mark.parametrize("seed", range(100, 110))
def test_in_a_million_readings_it_is_never_wrong_without_a_word(seed: int):
    assert life(seed, 100_000, 65536, bool(seed % 2)) == 0
