"""The bench behind the simulated analyser: dilution, measurement, checks, for liquor and for digested solids.

A digested solid is measured as a solution of ``DIGEST_G_L`` grams of dry solid per litre and reported in kg/kg.
"""

from __future__ import annotations

from random import Random
from typing import Any

from simulators.analyzer import Measured
from simulators.physics.icp import DETECTION_MG_L, Icp, IcpResult, QcLimits, QcResult
from simulators.physics.samples import Sample

TORCH_MG_L = 100.0  # where the strongest element should come to lie: half the calibrated range
DIGEST_G_L = 10.0  # 1 g in 100 mL, assumed
DIGEST_U_REL = 0.003  # weighing and making up: assumed
STRONG = 100.0  # detection limits above which replicates must agree: assumed
SCALE_U_REL, SCALE_U_KG = 0.001, 2e-5  # of the bench scale: assumed
CALIBRATED_H = 8.0  # recalibrated after this: domain figure 8 to 24 h


class Laboratory:
    """One ICP with its dilutor. Measures what ``IcpDevice`` drew; knows only the sample, never the plant."""

    def __init__(self, seed: int) -> None:
        self.icp = Icp(seed)
        self._random = Random(seed + 1)
        self.icp.calibrate()

    def measure(self, sample: Any, template: str, stream: int) -> Measured:
        """One analysis with its checks; for the program QC only the checks."""
        if template == "QC" or sample is None:
            return Measured({}, {}, self._checks())
        solid = template in ("RESIDUE", "CAKE")
        truth = {e: w * DIGEST_G_L for e, w in sample.solid_wt.items()} if solid else sample.liquor_g_l
        self.icp.elapse(300.0)  # one cycle
        if self.icp.hours_since_calibration > CALIBRATED_H:
            self.icp.calibrate()
        dilution = max(max(truth.values(), default=0.0) * 1000.0 / TORCH_MG_L, 1.0)
        found = self.icp.measure(truth, dilution, f"stream {stream}")
        self.icp.rinse()
        return self._report(found, sample, solid)

    def _report(self, found: IcpResult, sample: Sample, solid: bool) -> Measured:
        scale = 1.0 / DIGEST_G_L if solid else 1.0
        values = {e: c * scale for e, c in found.conc.items()}
        u = {e: ((found.u_g_l[e] * scale) ** 2 + (DIGEST_U_REL * values[e] if solid else 0.0) ** 2) ** 0.5 for e in values}
        torch = 1000.0 / found.dilution
        strong = [r for e, r in found.rsd_pct.items() if found.conc[e] * torch > STRONG * DETECTION_MG_L[e]]
        qc = {"rsd_pct": max(strong, default=0.0), "internal_standard_pct": 100.0 * self.icp.internal_standard}
        if solid:
            values["sample_kg"], u["sample_kg"] = self._weigh(sample, cake=sample.point.startswith("cake"))
            if sample.moisture:
                values["moisture"], u["moisture"] = sample.moisture, 0.005
        return Measured(values, u, qc, "kg/kg" if solid else "g/L")

    def _weigh(self, sample: Sample, cake: bool) -> tuple[float, float]:
        """What the bench scale shows: a cake as it came, of a slurry the washed and dried residue; kg and its standard uncertainty."""
        true = sample.mass_kg if cake else sample.solids_g_l * sample.volume_l * 1e-3
        u = max(SCALE_U_REL * true, SCALE_U_KG)
        return true + self._random.gauss(0.0, u), u

    def _rinsed(self, kind: str) -> QcResult:
        """One check after a wash, as the method asks: carry-over of a standard is no finding of a blank."""
        self.icp.rinse()
        self.icp.rinse()
        return self.icp.check(kind)

    def _checks(self) -> dict[str, float]:
        blank, icv, ccv, ccb = (self._rinsed(kind) for kind in ("blank", "icv", "ccv", "blank"))
        worst = max((abs(r - 1.0), r) for r in icv.ratio.values())[1]
        worst_ccv = max((abs(r - 1.0), r) for r in ccv.ratio.values())[1]
        return {
            "icv_pct": 100.0 * worst,
            "ccv_pct": 100.0 * worst_ccv,
            "blank_loq": _in_loq(blank),
            "ccb_loq": _in_loq(ccb),
            "calibration_r": self.icp.correlation,
        }


def _in_loq(blank: QcResult) -> float:
    """The worst of a blank in limits of quantitation."""
    return max(found / (QcLimits().quantitation_per_detection * DETECTION_MG_L[e]) for e, found in blank.ratio.items())
