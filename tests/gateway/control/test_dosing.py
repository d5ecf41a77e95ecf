"""A dose to a total: coarse, fine, closed early by what runs after, never opened again."""

from __future__ import annotations

import pytest

from gateway.control.dosing import DoseRow, Dosing
from gateway.control.image import SECOND

ROW = DoseRow(fast=0.6, slow=0.12, slow_below=0.5, in_flight=0.0, settle_ns=10 * SECOND)


def dose(dosing: Dosing, target: float, begin: float, lag_s: float = 2.0) -> float:
    """A pump that stops ``lag_s`` late, L/min, counted every half second; what the counter shows when all is still."""
    total, pipe = begin, [0.0] * round(lag_s / 0.5)
    for k in range(4 * 3600):
        pipe.append(dosing.rate(total, target, k * SECOND // 2))
        total += pipe.pop(0) / 60.0 * 0.5
    return total


def test_what_runs_after_the_closing_is_learnt_and_taken_off_the_next_dose():
    dosing, total, errors = Dosing(ROW), 0.0, []
    for k in range(1, 9):
        total = dose(dosing, 10.0 * k, total)
        errors.append(total - 10.0 * k)
    assert errors[0] == pytest.approx(0.004, abs=0.001)
    assert abs(errors[-1]) <= 0.001001          # one half-second step at the fine rate
    assert dosing.in_flight == pytest.approx(0.004, abs=0.001)


def test_the_end_is_fine_and_the_rest_is_coarse():
    dosing = Dosing(ROW)
    assert [dosing.rate(total, 10.0, 0) for total in (0.0, 9.49, 9.51, 9.99)] == [0.6, 0.6, 0.12, 0.12]


def test_a_met_target_is_not_dosed_again_when_the_counter_falls():
    dosing = Dosing(ROW)
    assert dosing.rate(10.0, 10.0, 0) == 0.0
    assert dosing.rate(9.0, 10.0, SECOND) == 0.0
    assert dosing.rate(9.0, 10.5, 2 * SECOND) == 0.6


def test_what_is_learnt_is_never_more_than_the_fine_part_nor_less_than_nothing():
    dosing = Dosing(ROW)
    for target, after in ((10.0, 50.0), (100.0, 99.0)):
        dosing.rate(target, target, 0)
        dosing.rate(after, target, 10 * SECOND)
        assert 0.0 <= dosing.in_flight <= ROW.slow_below
