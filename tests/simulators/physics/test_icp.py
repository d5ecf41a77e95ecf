"""The ICP as a measurement: close when it is well, flagged when it is not."""

from __future__ import annotations

import pytest

from simulators.physics.icp import ELEMENTS, Cycle, Icp, IcpParameters

LIQUOR = {"Nd": 23.9, "Pr": 5.8, "Dy": 1.9, "Tb": 0.21, "Fe": 0.5, "B": 1.05, "Co": 1.36}
PLAIN = dict.fromkeys(ELEMENTS, 10.0)


def calibrated(seed: int = 3, parameters: IcpParameters | None = None) -> Icp:
    icp = Icp(seed, parameters)
    icp.calibrate()
    return icp


def test_a_leach_liquor_is_found_within_its_uncertainty():
    icp = calibrated()
    misses = 0
    for _ in range(50):
        result = icp.measure(LIQUOR, 500.0, "R-101")
        icp.rinse()
        misses += sum(abs(result.conc[e] - LIQUOR[e]) > 3.0 * result.u_g_l[e] for e in ("Nd", "Pr", "Dy"))
    assert misses <= 3
    assert result_is_good(icp)


def result_is_good(icp: Icp) -> bool:
    icp.check("ccv")
    return icp.measure(LIQUOR, 500.0, "R-101").good


def test_three_replicates_and_their_spread_are_reported():
    result = calibrated().measure(LIQUOR, 500.0, "R-101")
    assert len(result.replicates["Nd"]) == 3
    assert 0.0 < result.rsd_pct["Nd"] < 2.0
    assert result.tree_g_l == pytest.approx(31.8, rel=0.03)
    assert 80.0 < result.purity_pct < 90.0


def test_an_instrument_never_calibrated_says_so():
    result = Icp(3).measure(LIQUOR, 500.0, "R-101")
    assert "not calibrated" in result.flags
    assert not result.good


def test_too_little_dilution_is_over_range_and_too_much_below_the_limit_of_quantitation():
    icp = calibrated()
    assert "Nd over range" in icp.measure(LIQUOR, 50.0, "R-101").flags
    icp.rinse()
    assert "Tb below LOQ" in icp.measure(LIQUOR, 20_000.0, "R-101").flags


def test_iron_reads_as_boron():
    icp = calibrated(parameters=IcpParameters(correction=0.0))
    with_iron = icp.measure({"Fe": 50.0, "B": 0.1}, 500.0, "R-101").conc["B"]
    assert with_iron > 0.15


def test_what_was_measured_before_carries_over_until_rinsed():
    icp = calibrated(parameters=IcpParameters(carry_over=0.005))
    icp.measure(LIQUOR, 500.0, "R-101")
    after = icp.measure({}, 500.0, "TK-210").conc["Nd"]
    assert after == pytest.approx(0.005 * LIQUOR["Nd"], rel=0.3)


def test_drift_fails_the_ccv_and_calibration_mends_it():
    icp = calibrated()
    assert icp.check("ccv").passed
    icp.fault = 1.15
    failed = icp.check("ccv")
    assert not failed.passed
    assert set(failed.failed) == set(ELEMENTS)
    assert "ccv failed" in icp.measure(LIQUOR, 500.0, "R-101").flags
    icp.fault = 1.0
    icp.calibrate()
    assert icp.check("ccv").passed
    assert icp.measure(LIQUOR, 500.0, "R-101").good


def test_a_day_without_calibration_drifts_by_percents():
    drifts = []
    for seed in range(20):
        icp = calibrated(seed)
        for _ in range(24):
            icp.elapse(3600.0)
        drifts.append(abs(icp.check("ccv").ratio["Nd"] - 1.0))
    assert 0.01 < sum(drifts) / len(drifts) < 0.12


def test_blank_icv_and_duplicate_pass_on_a_healthy_instrument():
    icp = calibrated()
    assert icp.check("blank").passed
    assert icp.check("icv").passed
    first, second = (icp.measure(LIQUOR, 500.0, "R-101") for _ in range(2))
    assert icp.duplicate(first, second).passed


def test_a_ccv_is_due_after_ten_samples():
    icp = calibrated()
    results = [icp.measure(LIQUOR, 500.0, "R-101") for _ in range(11)]
    assert "ccv due" not in results[9].flags
    assert "ccv due" in results[10].flags
    icp.check("ccv")
    assert icp.measure(LIQUOR, 500.0, "R-101").good


def test_one_stream_takes_four_to_six_minutes():
    assert 240.0 <= Cycle().total_s <= 360.0


def test_the_same_seed_measures_the_same():
    assert calibrated(9).measure(LIQUOR, 500.0, "R-101") == calibrated(9).measure(LIQUOR, 500.0, "R-101")


def test_nonsense_is_refused():
    icp = calibrated()
    with pytest.raises(ValueError, match=r"0\.5"):
        icp.measure(LIQUOR, 0.5, "R-101")
    with pytest.raises(ValueError, match="tea"):
        icp.check("tea")
