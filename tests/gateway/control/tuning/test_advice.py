"""Advice: what the rules promise on a model, as a controller sees it that looks now and then and filters what it sees."""

from __future__ import annotations

import pytest

from gateway.control.tuning.advice import KEYS, advise, doubts
from gateway.control.tuning.model import Plant, Tuning

PLANT = Plant(gain=0.5, lags=(40.0,), theta_s=6.0)
PRESENT = Tuning(gain=1.2, ti_s=90.0)


def test_every_rule_keeps_its_promise_on_the_model_with_the_scan_in_it():
    found = advise(PLANT, PRESENT, 0.5)
    assert tuple(found) == KEYS
    assert found["present"].tuning == PRESENT
    simc = found["simc"]
    assert simc.tuning.gain == pytest.approx(40.0 / (0.5 * 2 * 6.25), rel=0.01)
    assert simc.margins.ms == pytest.approx(1.6, abs=0.03)
    assert found["gentle"].margins.ms < found["amigo-pi"].margins.ms < simc.margins.ms


@pytest.mark.parametrize("period_s", [2.0, 6.0, 30.0])
def test_a_slow_scan_makes_every_rule_gentler_not_less_stable(period_s: float):
    quick, slow = advise(PLANT, PRESENT, 0.1), advise(PLANT, PRESENT, period_s)
    for key in ("simc", "gentle", "amigo-pi", "amigo-pid"):
        assert slow[key].tuning.gain < quick[key].tuning.gain
        assert slow[key].margins.stable
        assert slow[key].margins.ms < 1.8
    assert any("more than a tenth of the dead time" in words for words in doubts(PLANT, PRESENT, period_s))


def test_a_filter_counts_as_dead_time():
    plain = advise(PLANT, PRESENT, 0.1)
    filtered = advise(PLANT, Tuning(gain=1.2, ti_s=90.0, tf_s=4.0), 0.1)
    assert filtered["simc"].tuning.gain < plain["simc"].tuning.gain
    assert filtered["simc"].margins.ms < 1.75


def test_a_dead_time_that_was_not_seen_is_not_believed_to_be_none():
    found = advise(Plant(gain=0.5, lags=(40.0,)), PRESENT, 0.5)
    assert found["simc"].tuning.gain == pytest.approx(40.0 / (0.5 * 2 * 0.75), rel=0.01)
    assert found["simc"].margins.stable


def test_nervous_and_unstable_tunings_are_called_so():
    assert advise(PLANT, Tuning(gain=20.0, ti_s=20.0), 0.5)["present"].notes[0].startswith(("Ms", "unstable"))
    assert advise(PLANT, Tuning(gain=200.0, ti_s=20.0), 0.5)["present"].notes == ("unstable on this model",)


def test_a_model_that_goes_the_other_way_is_not_to_be_accepted():
    assert "the other way" in doubts(Plant(gain=-0.5, lags=(40.0,), theta_s=6.0), PRESENT, 0.5)[0]


def test_a_tuning_is_said_to_three_figures():
    for advice in advise(Plant(gain=0.4567, lags=(34.567,), theta_s=5.4321), PRESENT, 0.2).values():
        t = advice.tuning
        assert t.gain == float(f"{t.gain:.3g}")
        assert t.ti_s == float(f"{t.ti_s:.3g}")


def test_no_rule_asks_for_an_integral_time_below_two_scans():
    for advice in list(advise(Plant(gain=0.02, lags=(0.4,), theta_s=0.3), PRESENT, 1.0).values())[1:]:
        assert advice.tuning.ti_s is not None
        assert advice.tuning.ti_s >= 2.0
        assert advice.margins.stable
