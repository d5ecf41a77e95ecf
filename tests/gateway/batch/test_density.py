"""Between analyses the density goes on, by the slope that the analyses show."""

from __future__ import annotations

import random

import pytest

from devices.quality import BAD
from gateway.batch.density import UNKNOWN_U, calibrated, last_analysis
from gateway.control.chain import IcpResult, SampleRequested


def analysed(sample: str, tree: float, density: float | None, stream: str = "R-101", quality: int = 0) -> tuple[IcpResult, SampleRequested]:
    context = {} if density is None else {"density_kg_m3": density}
    result = IcpResult(sample=sample, batch="B", stream=stream, purpose="leach-sample", taken_utc=0, measured_utc=0, quality=quality,
                       values={"Nd": tree * 0.75, "Pr": tree * 0.25}, u={"Nd": 0.006 * tree, "Pr": 0.002 * tree})
    return result, SampleRequested(batch="B", sample=sample, stream=stream, purpose="leach-sample", context=context)


def said(*pairs: tuple[IcpResult, SampleRequested]):
    return last_analysis([result for result, _ in pairs], {request.sample: request for _, request in pairs}, "R-101")


def test_nothing_is_said_before_there_is_a_good_analysis_of_this_tank():
    assert said() is None
    assert said(analysed("S1", 20.0, 1105.0, stream="R-102"), analysed("S2", 20.0, 1105.0, quality=BAD)) is None


def test_two_analyses_make_no_slope_and_three_do():
    one, two, three = (analysed(f"S{k}", 20.0 + 2 * k, 1105.0 + k) for k in range(3))
    found = said(one, two)
    assert found is not None
    assert (found.tree, found.density, found.slope, found.slope_u) == (22.0, 1106.0, 0.0, UNKNOWN_U)
    found = said(one, two, three)
    assert found is not None
    assert found.slope == pytest.approx(2.0)
    assert found.slope_u == pytest.approx(0.6)
    assert found.u == pytest.approx(0.008 * 24)


def test_a_density_that_stood_still_says_nothing():
    assert calibrated([(1105.0, 20.0), (1105.0, 22.0), (1105.0, 24.0)]) == (0.0, UNKNOWN_U)


def test_a_slope_that_is_mere_scatter_is_not_taken():
    rng = random.Random(2)
    slope, u = calibrated([(1105.0 + rng.gauss(0, 0.05), 20.0 + rng.gauss(0, 1.0)) for _ in range(4)])
    assert (slope, u) == (0.0, UNKNOWN_U)


def test_an_analysis_without_its_density_is_an_analysis():
    found = said(analysed("S1", 20.0, None))
    assert found is not None
    assert (found.tree, found.density) == (20.0, None)
