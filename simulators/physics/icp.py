"""An ICP-OES as a measurement: true concentrations in, what the instrument would report out, with its own calibration and checks.

    icp = Icp(seed=3)
    icp.calibrate()
    result = icp.measure({"Nd": 23.9, "Fe": 0.5, "B": 1.0}, dilution=500.0, stream="R-101")
    result.conc["Nd"], result.rsd_pct["Nd"], result.flags

Concentrations of streams are g/L, at the torch mg/L. A reading = (true / dilution + carry-over + interference) x sensitivity(drift)
x noise, three times; sensitivity is what the last calibration believed it to be, the plasma's share of the drift is taken off by an
internal standard. The instrument has no clock: `elapse` moves its drift,
the cycle's durations are data. Source: house domain brief 5; lines and detection limits there, K-high/K-med.
"""

from math import isnan, sqrt
from random import Random
from typing import Final

import msgspec

ELEMENTS: Final[tuple[str, ...]] = ("Nd", "Pr", "Dy", "Tb", "Fe", "B", "Co")
LINES_NM: Final = {"Nd": 401.225, "Pr": 390.844, "Dy": 353.170, "Tb": 350.917, "Fe": 259.940, "B": 249.773, "Co": 228.616}
DETECTION_MG_L: Final = {"Nd": 0.010, "Pr": 0.015, "Dy": 0.002, "Tb": 0.005, "Fe": 0.001, "B": 0.002, "Co": 0.002}
REE: Final[tuple[str, ...]] = ("Nd", "Pr", "Dy", "Tb")
OXIDE_FACTOR: Final = {"Nd": 1.16638, "Pr": 1.20816, "Dy": 1.14768, "Tb": 1.17617}


class Cycle(msgspec.Struct, frozen=True, kw_only=True):
    """How long each part of a measurement takes, s; 4 to 6 minutes in all."""

    flush_s: float = 90.0
    filter_s: float = 75.0
    uptake_s: float = 25.0
    stabilise_s: float = 12.0
    read_s: float = 30.0
    wash_s: float = 50.0

    @property
    def total_s(self) -> float:
        """One stream, start to ready."""
        return self.flush_s + self.filter_s + self.uptake_s + self.stabilise_s + self.read_s + self.wash_s


class IcpParameters(msgspec.Struct, frozen=True, kw_only=True):
    """How good the instrument is. `rsd` of majors; `rsd_low` near 20 detection limits; fractions throughout."""

    rsd: float = 0.006  # of 0.3-1 %
    rsd_low: float = 0.02  # of 1-3 %
    dilution_rsd: float = 0.003  # one draw per sample: assumed
    drift_per_h: float = 0.01
    carry_over: float = 0.002  # of the previous sample's signal, 0.1-0.5 %
    iron_on_boron: float = 2.0e-3  # mg/L of apparent B per mg/L Fe on 249.773, before correction: assumed
    correction: float = 0.9  # of that interference taken off: assumed
    replicates: int = 3
    linear_to_mg_l: float = 200.0  # top of the calibrated range at the torch: assumed
    calibration_rsd: float = 0.002  # of one standard's reading: assumed
    standard_rsd: float = 0.002  # of the internal standard's reading: assumed
    plasma: float = 0.8  # share of the drift that all lines have in common (assumed); the internal standard takes it off
    cycle: Cycle = Cycle()
    calibration_s: float = 1500.0  # 20-30 min


class QcLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Acceptance of the checks (EPA 6010 style, house domain brief 5)."""

    icv: tuple[float, float] = (0.95, 1.05)
    ccv: tuple[float, float] = (0.90, 1.10)
    spike: tuple[float, float] = (0.85, 1.15)
    duplicate_rpd: float = 0.05
    replicate_rsd: float = 0.02
    quantitation_per_detection: float = 10.0 / 3.0  # LOQ over LOD [K-high]
    ccv_every: int = 10


class IcpResult(msgspec.Struct, frozen=True, kw_only=True):
    """One measured stream. `conc` g/L per element, `rsd_pct` of the replicates, `u_g_l` standard uncertainty, `flags` what to distrust.

    `tree_g_l` sum of rare earths; `purity_pct` of their oxides over oxides of all elements measured; `good` False where a flag forbids use.
    """

    stream: str
    dilution: float
    conc: dict[str, float]
    rsd_pct: dict[str, float]
    u_g_l: dict[str, float]
    replicates: dict[str, tuple[float, ...]]
    intensity: dict[str, float]
    tree_g_l: float
    purity_pct: float
    flags: tuple[str, ...]
    good: bool


class QcResult(msgspec.Struct, frozen=True, kw_only=True):
    """One check: `kind` blank, icv, ccv, spike or duplicate; `ratio` found / expected (for blank: mg/L found) per element."""

    kind: str
    passed: bool
    ratio: dict[str, float]
    failed: tuple[str, ...]


class Icp:
    """The instrument. `hours_since_calibration`, `samples_since_ccv` and `qc_failed` are its memory; `fault` scales it wrong on purpose."""

    def __init__(self, seed: int, parameters: IcpParameters | None = None, limits: QcLimits | None = None) -> None:
        self.parameters = parameters or IcpParameters()
        self.limits = limits or QcLimits()
        self._random = Random(seed)
        self._sensitivity = dict.fromkeys(ELEMENTS, 1.0e4)  # counts per mg/L, without what the plasma does
        self._believed = dict(self._sensitivity)
        self._plasma = self._plasma_then = 1.0  # now, and when it was calibrated
        self.correlation = 0.0  # the worst r of the last calibration
        self._last = dict.fromkeys(ELEMENTS, 0.0)
        self.hours_since_calibration = 0.0
        self.samples_since_ccv = 0
        self.calibrated = False
        self.qc_failed: tuple[str, ...] = ()
        self.fault = 1.0
        self.internal_standard = 1.0  # of the last reading, against the calibration

    def elapse(self, seconds: float) -> None:
        """Time passes: sensitivity drifts as a random walk that reaches `drift_per_h` in an hour."""
        p, hours = self.parameters, max(seconds, 0.0) / 3600.0
        self.hours_since_calibration += hours
        walk = p.drift_per_h * sqrt(hours)
        self._plasma *= 1.0 + walk * p.plasma * self._random.gauss(0.0, 1.0)
        for e in ELEMENTS:
            self._sensitivity[e] *= 1.0 + walk * self._line_share * self._random.gauss(0.0, 1.0)

    @property
    def _line_share(self) -> float:
        """Share of the drift that a line has for itself."""
        return sqrt(1.0 - self.parameters.plasma**2)

    def calibrate(self) -> None:
        """Measure four standards per element: believe the slope found through them; their worst correlation is kept."""
        p, self.correlation = self.parameters, 1.0
        for e in ELEMENTS:
            x = [p.linear_to_mg_l * share for share in (0.0, 0.1, 0.5, 1.0)]
            counts = [self._sensitivity[e] * (c * (1.0 + self._random.gauss(0.0, p.calibration_rsd))
                                              + self._random.gauss(0.0, DETECTION_MG_L[e] / 3.0)) for c in x]  # fmt: skip
            self._believed[e] = sum(c * y for c, y in zip(x, counts, strict=True)) / sum(c * c for c in x)
            self.correlation = min(self.correlation, correlation(x, counts))
        self._plasma_then = self._plasma
        self.hours_since_calibration = 0.0
        self.calibrated = True
        self.qc_failed = ()

    def measure(self, sample_conc: dict[str, float], dilution: float, stream: str) -> IcpResult:
        """Read one stream, g/L per element; elements not named count as zero."""
        if not dilution >= 1.0:
            raise ValueError(f"ICP dilution of {stream}: {dilution} below 1; nothing measured")
        p = self.parameters
        drawn = 1.0 + self._random.gauss(0.0, p.dilution_rsd)
        torch = {e: max(0.0, sample_conc.get(e, 0.0)) * 1000.0 / dilution * drawn for e in ELEMENTS}
        readings = self._read(torch)
        factor = dilution / 1000.0
        flags = ["not calibrated"] if not self.calibrated else []
        flags += [f"{kind} failed" for kind in self.qc_failed]
        drifted = p.drift_per_h * self._line_share * sqrt(self.hours_since_calibration)
        scale_u = sqrt(p.dilution_rsd**2 + p.standard_rsd**2 + p.calibration_rsd**2 + drifted**2)
        conc, rsd, u, intensity = {}, {}, {}, {}
        for e in ELEMENTS:
            values = readings[e]
            mean = sum(values) / len(values)
            spread = sqrt(sum((x - mean) ** 2 for x in values) / max(1, len(values) - 1))
            conc[e] = mean * factor
            rsd[e] = 100.0 * spread / mean if mean > 0.0 else float("nan")
            detection = DETECTION_MG_L[e]
            relative = sqrt(spread**2 / len(values) + (mean * scale_u) ** 2 + (detection / 3.0) ** 2)
            u[e] = relative * factor
            if e == "B":                        # what the correction leaves of iron's line may all be there, or none of it
                left = p.iron_on_boron * (1.0 - p.correction) * sum(readings["Fe"]) / len(readings["Fe"])
                u[e] = sqrt(relative**2 + left**2) * factor
            intensity[e] = mean * self._believed[e]
            if mean > p.linear_to_mg_l:
                flags.append(f"{e} over range")
            elif mean < self.limits.quantitation_per_detection * detection:
                flags.append(f"{e} below LOQ")
            elif not isnan(rsd[e]) and rsd[e] > 100.0 * self.limits.replicate_rsd and mean > 100.0 * detection:
                flags.append(f"{e} replicates")
        self.samples_since_ccv += 1
        if self.samples_since_ccv > self.limits.ccv_every:
            flags.append("ccv due")
        bad = [f for f in flags if not f.endswith("below LOQ")]
        return IcpResult(
            stream=stream,
            dilution=dilution,
            conc=conc,
            rsd_pct=rsd,
            u_g_l=u,
            replicates={e: tuple(x * factor for x in v) for e, v in readings.items()},
            intensity=intensity,
            tree_g_l=sum(conc[e] for e in REE),
            purity_pct=_purity(conc),
            flags=tuple(flags),
            good=not bad,
        )

    def check(self, kind: str, expected_mg_l: float = 10.0) -> QcResult:
        """Run a blank, icv, ccv or spike at the torch's own concentration; a failed one marks all results until the next calibration."""
        limits = {"icv": self.limits.icv, "ccv": self.limits.ccv, "spike": self.limits.spike}
        if kind != "blank" and kind not in limits:
            raise ValueError(f"ICP check {kind!r} is none of blank, icv, ccv, spike; nothing measured")
        true: dict[str, float] = dict.fromkeys(ELEMENTS, 0.0 if kind == "blank" else expected_mg_l)
        found = {e: sum(v) / len(v) for e, v in self._read(true).items()}
        if kind == "blank":
            ratio = found
            failed = tuple(e for e in ELEMENTS if found[e] > self.limits.quantitation_per_detection * DETECTION_MG_L[e])
        else:
            low, high = limits[kind]
            ratio = {e: found[e] / expected_mg_l for e in ELEMENTS}
            failed = tuple(e for e in ELEMENTS if not low <= ratio[e] <= high)
        if kind == "ccv":
            self.samples_since_ccv = 0
        self.qc_failed = tuple(k for k in self.qc_failed if k != kind) + ((kind,) if failed else ())
        return QcResult(kind=kind, passed=not failed, ratio=ratio, failed=failed)

    def duplicate(self, first: IcpResult, second: IcpResult) -> QcResult:
        """Compare two measurements of one sample; only elements well above their detection limit count."""
        ratio, failed = {}, []
        for e in ELEMENTS:
            a, b = first.conc[e], second.conc[e]
            mean = 0.5 * (a + b)
            ratio[e] = b / a if a > 0.0 else float("nan")
            strong = mean * 1000.0 / first.dilution > 100.0 * DETECTION_MG_L[e]
            if strong and abs(a - b) / mean > self.limits.duplicate_rpd:
                failed.append(e)
        return QcResult(kind="duplicate", passed=not failed, ratio=ratio, failed=tuple(failed))

    def rinse(self) -> None:
        """A wash between samples leaves only the square of the carry-over."""
        self._last = {e: x * self.parameters.carry_over for e, x in self._last.items()}

    def _read(self, torch: dict[str, float]) -> dict[str, tuple[float, ...]]:
        """Replicate readings in mg/L for what stands at the torch, mg/L."""
        p = self.parameters
        seen = {e: torch[e] + p.carry_over * self._last[e] for e in ELEMENTS}
        seen["B"] += p.iron_on_boron * (1.0 - p.correction) * torch["Fe"]
        out = {}
        self.internal_standard = self._plasma / self._plasma_then * (1.0 + self._random.gauss(0.0, p.standard_rsd))
        plasma = self._plasma / self._plasma_then / self.internal_standard
        for e in ELEMENTS:
            level = seen[e]
            detection = DETECTION_MG_L[e]
            rsd = p.rsd + (p.rsd_low - p.rsd) * min(1.0, 20.0 * detection / level) if level > 0.0 else p.rsd_low
            scale = self._sensitivity[e] / self._believed[e] * plasma * self.fault
            sigma = sqrt((rsd * level) ** 2 + (detection / 3.0) ** 2)
            out[e] = tuple(max(0.0, (level + self._random.gauss(0.0, sigma)) * scale) for _ in range(p.replicates))
        self._last = dict(torch)
        return out


def correlation(x: list[float], y: list[float]) -> float:
    """Pearson's r of a calibration."""
    mx, my = sum(x) / len(x), sum(y) / len(y)
    xy = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    return xy / sqrt(sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y))


def _purity(conc: dict[str, float]) -> float:
    """Rare earth oxides over all oxides measured, % (absolute of what is measured; LOI and unmeasured elements left out)."""
    ree = sum(conc[e] * OXIDE_FACTOR[e] for e in REE)
    other = conc["Fe"] * 1.42973 + conc["B"] * 3.22003 + conc["Co"] * 1.36197
    return 100.0 * ree / (ree + other) if ree + other > 0.0 else 0.0
