"""Figures from raw readings: what a calibration shows is computed, never stated."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.checks.fitness import FIGURES
from gateway.control.fitness import KINDS, NERNST_MV_K, figures, missing, outside

BUFFERS = {"buffer_1": 4.0, "buffer_2": 7.0, "temperature_c": 25.0}


def test_nernst_is_59_16_mv_at_25_degrees():
    assert pytest.approx(59.16, abs=0.005) == NERNST_MV_K * 298.15


def test_a_probe_that_shows_its_buffers_has_all_of_its_slope_and_no_offset():
    found = figures("ph", BUFFERS, {"ph_1": 4.0, "ph_2": 7.0})
    assert (found["slope_pct"], found["offset_ph"]) == (100.0, 0.0)


def test_offset_is_what_is_shown_at_ph_7_whichever_buffers_were_used():
    shown = lambda ph: 7.0 + 0.9 * (ph - 7.0) + 0.12  # noqa: E731
    for low, high in ((4.0, 7.0), (1.68, 4.01), (7.0, 9.21)):
        found = figures("ph", {**BUFFERS, "buffer_1": low, "buffer_2": high}, {"ph_1": shown(low), "ph_2": shown(high)})
        assert found["slope_pct"] == pytest.approx(90.0, abs=1e-3)
        assert found["offset_ph"] == pytest.approx(0.12, abs=1e-4)


@given(st.floats(50, 110), st.floats(-60, 60), st.floats(5, 80))
def test_millivolts_and_ph_of_one_probe_say_the_same(slope_pct: float, offset_mv: float, temperature_c: float):
    nernst = NERNST_MV_K * (temperature_c + 273.15)
    volts = lambda ph: slope_pct / 100 * nernst * (7.0 - ph) + offset_mv  # noqa: E731
    reference = {**BUFFERS, "temperature_c": temperature_c}
    by_mv = figures("ph", reference, {"mv_1": volts(4.0), "mv_2": volts(7.0)})
    by_ph = figures("ph", reference, {"ph_1": 7.0 - volts(4.0) / nernst, "ph_2": 7.0 - volts(7.0) / nernst})
    assert by_mv == pytest.approx(by_ph, abs=2e-3)
    assert by_mv["slope_pct"] == pytest.approx(slope_pct, abs=2e-3)
    assert by_mv["offset_mv"] == pytest.approx(offset_mv, abs=0.02)


def test_a_detector_is_judged_by_its_share_of_the_gas_and_by_its_time():
    found = figures("gas_bump", {"applied_pct_lel": 50.0}, {"reading_pct_lel": 41.0, "t90_s": 33.0})
    assert outside(found, KINDS["gas_bump"].limits) == ["response_pct 82 outside 90..110", "t90_s 33 outside 0..30"]


def test_what_a_scale_shows_empty_does_not_count_as_weight():
    assert figures("scale", {"weight_kg": 20.0}, {"empty_kg": 3.0, "loaded_kg": 23.03})["error_pct"] == pytest.approx(0.15)


def test_every_element_of_a_control_sample_is_judged_by_itself():
    found = figures("icp", {"Nd": 20.0, "Fe": 0.5}, {"Nd": 19.8, "Fe": 0.4})
    assert outside(found, KINDS["icp"].limits) == ["recovery_pct.Fe 80 outside 90..110"]


def test_an_effect_that_was_not_seen_fails_a_proof_test():
    effects = {"XV-1011": (0.0, 0.5), "SY-301": (100.0, 2.0)}
    limits = {**KINDS["proof_test"].limits, "response_s": (0.0, 3.0)}
    seen = figures("proof_test", {}, {"response_s": 1.0, "XV-1011": 0.0, "SY-301": 99.0}, effects)
    assert outside(seen, limits) == []
    stuck = figures("proof_test", {}, {"response_s": 4.0, "XV-1011": 1.0, "SY-301": 99.0}, effects)
    assert outside(stuck, limits) == ["effects_pct 50 outside 100..100", "response_s 4 outside 0..3"]


@pytest.mark.parametrize(
    ("kind", "parts", "reference", "read", "says"),
    [
        ("ph", (), {"buffer_1": 4.0, "buffer_2": 7.0}, {"ph_1": 4.0, "ph_2": 7.0}, "needed: buffer_1, buffer_2, temperature_c"),
        ("ph", (), BUFFERS, {"ph_1": 4.0}, "needed: ph_1, ph_2 or mv_1, mv_2"),
        ("ph", (), BUFFERS, {"ph_1": 4.0, "ph_3": 7.0}, "unknown 'ph_3'; nearest: ph_2"),
        ("ph", (), {**BUFFERS, "buffer_2": 4.5}, {"ph_1": 4.0, "ph_2": 4.5}, "less than 1 pH apart"),
        ("ph", (), {**BUFFERS, "temperature_c": 298.0}, {"ph_1": 4.0, "ph_2": 7.0}, "temperature_c 298 outside"),
        ("gas_bump", (), {"applied_pct_lel": 0.0}, {"reading_pct_lel": 0.0, "t90_s": 1.0}, "nothing was applied"),
        ("scale", (), {"weight_kg": 20.0}, {"empty_kg": 0.0, "loaded_kg": math.nan}, "loaded_kg is nan"),
        ("icp", ("Nd", "Fe"), {"Nd": 20.0}, {"Nd": 20.0, "Fe": 0.5}, "reference: has Nd; needed: Nd, Fe"),
        ("proof_test", ("XV-1011",), {}, {"response_s": 1.0}, "needed: response_s, XV-1011"),
    ],
)
def test_what_cannot_be_judged_says_what_is_needed(kind: str, parts: tuple[str, ...], reference: dict[str, float], read: dict[str, float],
                                                   says: str):
    assert says in missing(kind, parts, reference, read)


def test_the_configuration_knows_the_figures_that_each_kind_computes():
    assert set(FIGURES) == set(KINDS)
    for kind, limits in ((kind, what.limits) for kind, what in KINDS.items()):
        assert set(limits) <= set(FIGURES[kind])
