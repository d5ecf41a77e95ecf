"""A model of first order with dead time, fitted to a record of output and pv: a step, a relay experiment, any hour of the plant.

    found = fit(Record(t=..., pv=..., out_t=..., out=...))
    found.plant, found.u["gain"], found.residual

For a given lag and dead time the answer of the model to the output (held between its samples) is exact, and gain, bias and the state
at the beginning follow by linear least squares; only lag and dead time are searched for (Golub and Pereyra, variable projection,
SIAM J. Numer. Anal. 10 (1973) 413). A plant whose lag is beyond what the record can tell is fitted as one that integrates.

Standard uncertainties are those of least squares, widened for residuals that follow one another: times (1 + r)/(1 - r), r their
correlation from sample to sample. They say how well this record pins the model down, not that the plant is of first order.
Runs outside the scan.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from gateway.control.tuning.model import Plant

Floats = NDArray[np.float64]
MOST = 4000                                     # samples looked at of either; more are thinned
LEAST = 12                                      # samples of pv without which nothing is fitted
VAGUE = 0.2                                     # uncertainty (k = 2) that is said, share of the figure. Assumed
EXPLAINED = 0.8                                 # share of the pv below which something else moved it. Assumed
NAMES = {"gain": "gain", "lag_s": "lag"}
LONGEST = 2.0                                   # lag over length of the record, above which the plant is said to integrate. Assumed


class Unfit(ValueError):
    """A record from which no model follows; the words say why."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen: pv at times ``t`` (s, rising), the output from times ``out_t`` on (held until the next)."""

    t: Sequence[float]
    pv: Sequence[float]
    out_t: Sequence[float]
    out: Sequence[float]


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted model. ``u``: standard uncertainty of gain, lag_s, theta_s and slope (gain over lag).

    ``residual``: standard deviation of pv about the model; ``explained``: share of the pv's variance that the model's answer to
    the output explains, of what start and bias left; ``t``, ``modelled``: the model over the record.
    """

    plant: Plant
    u: dict[str, float]
    residual: float
    explained: float
    t: Sequence[float]
    modelled: Sequence[float]
    warnings: tuple[str, ...] = ()


class _Seen:
    """A record as arrays, from time 0, the output as deviations from its first value."""

    def __init__(self, record: Record) -> None:
        t, pv = _finite(record.t, record.pv)
        out_t, out = _finite(record.out_t, record.out)
        if len(t) < LEAST or len(out) < 1:
            raise Unfit(f"{len(t)} samples of pv and {len(out)} of the output: at least {LEAST} and 1 are needed")
        self.begin = float(t[0])
        self.t, self.pv = t - self.begin, pv
        self.out_t, self.out = out_t - self.begin, out - out[0]
        self.span = float(self.t[-1])
        moved = (self.out_t > 0.0) & (self.out_t < self.span)
        before = self.out[self.out_t <= 0.0]
        self.swing = float(np.ptp(np.concatenate((self.out[moved], before[-1:]))) if moved.any() else 0.0)
        if not self.span > 0.0 or self.swing == 0.0:
            raise Unfit("the output did not move: a record of rest says nothing of the plant")
        if float(np.ptp(self.pv)) == 0.0:
            raise Unfit("the pv did not move")
        self.step = float(np.median(np.diff(self.t)))

    def answer(self, lag: float | None, theta: float) -> Floats:
        """What a plant of gain 1 answers at the samples of pv, from rest; ``lag`` None integrates."""
        switch = self.out_t + theta
        times = np.concatenate((self.t, switch))
        order = np.argsort(times, kind="stable")
        sorted_t = times[order]
        acting = self.out[np.clip(np.searchsorted(switch, sorted_t[:-1], side="right") - 1, 0, None)]
        dt = np.diff(sorted_t)
        x, found = 0.0, [0.0]
        if lag is None:
            found += np.cumsum(acting * dt).tolist()
        else:
            for a, u in zip(np.exp(-dt / lag).tolist(), acting.tolist(), strict=True):
                x = u + a * (x - u)
                found.append(x)
        answered: Floats = np.empty(len(times), dtype=np.float64)
        answered[order] = found
        return answered[:len(self.t)]

    def basis(self, lag: float | None, theta: float) -> Floats:
        """Columns: the answer, how the beginning dies out (or a load drifts), a constant."""
        other = self.t / self.span if lag is None else np.exp(-self.t / lag)
        return np.column_stack((self.answer(lag, theta), other, np.ones_like(self.t)))

    def project(self, lag: float | None, theta: float) -> tuple[Floats, Floats]:
        """Coefficients of the basis that fit best, and what is left of the pv."""
        basis = self.basis(lag, theta)
        found = np.asarray(np.linalg.lstsq(basis, self.pv, rcond=None)[0], dtype=np.float64)
        return found, self.pv - basis @ found


def fit(record: Record, *, longest_theta_s: float | None = None) -> Fit:
    """The model that fits a record best. Raises Unfit, which says why there is none."""
    seen = _Seen(record)
    top = min(longest_theta_s or math.inf, 0.5 * seen.span)
    lag, theta = _search(seen, top)
    if lag is not None and lag > LONGEST * seen.span:
        lag, theta = _search(seen, top, integrating=True)
    coefficients, left = seen.project(lag, theta)
    u = _uncertainty(seen, lag, theta, coefficients, left)
    gain = float(coefficients[0])
    plant = Plant(gain=gain, lags=() if lag is None else (lag,), theta_s=theta, integrating=lag is None)
    explained = _explained(seen, lag, left)
    residual = float(np.sqrt(left @ left / max(len(left) - 5, 1)))
    modelled: list[float] = (seen.pv - left).tolist()
    times: list[float] = (seen.t + seen.begin).tolist()
    return Fit(plant=plant, u=u, residual=residual, explained=explained, t=times, modelled=modelled,
               warnings=_doubts(plant, u, explained, residual, seen))


def held(t: Sequence[float], values: Sequence[float], every_s: float, band: float = 0.0) -> tuple[list[float], list[float]]:
    """Samples of a history that keeps changes larger than ``band`` only, with what it was between them: at rest a value is known too.

    Without them a long rest before a step counts as one sample. Between two samples that differ by a band or two it stood, then crept,
    and that as fast as in the time that follows; where they differ by more it stood, then leapt. Either way it is known to the band.
    """
    times: list[float] = []
    found: list[float] = []
    for k, (at, value) in enumerate(zip(t, values, strict=True)):
        upto, to = (t[k + 1], values[k + 1]) if k + 1 < len(t) else (at + every_s, value)
        gap = upto - at
        creep = min(t[k + 2] - t[k + 1], gap) if k + 2 < len(t) else gap
        slope = (to - value) / creep if creep > 0.0 and abs(to - value) <= 2.0 * band else 0.0
        for i in range(max(math.ceil(gap / every_s - 0.5), 1)):
            times.append(at + i * every_s)
            found.append(value + slope * max(i * every_s - (gap - creep), 0.0))
    return times, found


def _finite(t: Sequence[float], values: Sequence[float]) -> tuple[Floats, Floats]:
    """Finite samples in order of time, thinned to what can be reckoned with."""
    times, found = np.asarray(t, dtype=np.float64), np.asarray(values, dtype=np.float64)
    keep = np.isfinite(times) & np.isfinite(found)
    times, found = times[keep], found[keep]
    if np.any(np.diff(times) < 0.0):
        raise Unfit("the samples are not in order of time")
    every = -(-len(times) // MOST)
    return times[::every], found[::every]


def _search(seen: _Seen, top: float, integrating: bool = False) -> tuple[float | None, float]:
    """Lag and dead time with the least squares: the best of a coarse grid, then damped Gauss-Newton from the best three."""
    low = max(seen.span / 2000.0, 1e-9)
    thetas = [0.0, *np.geomspace(low, top, 12).tolist()]
    lags: list[float | None] = [None] if integrating else list(np.geomspace(2.0 * low, 5.0 * seen.span, 13).tolist())
    found: list[tuple[float, float | None, float]] = []
    for lag in lags:
        for theta in thetas:
            left = seen.project(lag, theta)[1]
            found.append((float(left @ left), lag, theta))
    found.sort(key=lambda each: each[0])
    return min((_descend(seen, lag, theta, top) for _, lag, theta in found[:3]), key=lambda each: each[0])[1:]


def _descend(seen: _Seen, lag: float | None, theta: float, top: float) -> tuple[float, float | None, float]:
    """Levenberg-Marquardt over (log lag, theta) on what the projection leaves."""
    at = np.array([math.log(lag) if lag is not None else 0.0, theta])
    steps = np.array([1e-4, max(1e-4 * seen.span, 1e-9)])
    free = [1] if lag is None else [0, 1]
    left, damping = _left(seen, at, lag), 1e-3
    for _ in range(40):
        slopes = np.column_stack([(_left(seen, at + np.eye(2)[i] * steps[i], lag) - left) / steps[i] for i in free])
        scale = np.diag(slopes.T @ slopes) + 1e-300
        moved = False
        for _ in range(8):
            move = np.linalg.solve(slopes.T @ slopes + damping * np.diag(scale), -slopes.T @ left)
            new = at.copy()
            new[free] += np.clip(move, -1.0, 1.0) if lag is None else np.array([np.clip(move[0], -1.0, 1.0), move[1]])
            new[1] = min(max(new[1], 0.0), top)
            new[0] = min(new[0], math.log(10.0 * seen.span))
            tried = _left(seen, new, lag)
            if tried @ tried < left @ left:
                moved = float(left @ left - tried @ tried) > 1e-9 * float(left @ left)
                at, left, damping = new, tried, damping / 5.0
                break
            damping *= 4.0
        if not moved:
            break
    return float(left @ left), None if lag is None else math.exp(at[0]), float(at[1])


def _left(seen: _Seen, at: Floats, lag: float | None) -> Floats:
    return seen.project(None if lag is None else math.exp(float(at[0])), max(float(at[1]), 0.0))[1]


def _uncertainty(seen: _Seen, lag: float | None, theta: float, coefficients: Floats, left: Floats) -> dict[str, float]:
    """Standard uncertainties of gain, lag and dead time, from the slopes of the whole model at the solution."""
    def model(lag: float | None, theta: float) -> Floats:
        return seen.basis(lag, theta) @ coefficients

    here = model(lag, theta)
    by_theta = max(1e-3 * seen.span, 1e-9)
    columns = [seen.basis(lag, theta), ((model(lag, theta + by_theta) - here) / by_theta)[:, None]]
    if lag is not None:
        columns.append(((model(lag * 1.001, theta) - here) / (0.001 * lag))[:, None])
    slopes = np.concatenate(columns, axis=1)
    scale = np.sqrt(np.sum(slopes**2, axis=0)) + 1e-300
    ruled = slopes / scale
    inverse = np.asarray(np.linalg.inv(ruled.T @ ruled + 1e-12 * np.eye(slopes.shape[1])), dtype=np.float64)
    degrees = max(len(left) - slopes.shape[1], 1)
    widened = float(left @ left) / degrees * _follows(left)
    cov = inverse * widened / np.outer(scale, scale)
    u = {"gain": _root(cov[0, 0]), "theta_s": _root(cov[3, 3])}
    if lag is None:
        return u
    by_gain, by_lag = 1.0 / lag, -float(coefficients[0]) / lag**2
    slope = by_gain**2 * cov[0, 0] + 2.0 * by_gain * by_lag * cov[0, 4] + by_lag**2 * cov[4, 4]
    return u | {"lag_s": _root(cov[4, 4]), "slope": _root(slope)}


def _root(variance: float) -> float:
    return math.sqrt(max(float(variance), 0.0))


def _follows(left: Floats) -> float:
    """By how much the variance grows because residuals follow one another: (1 + r)/(1 - r), at most 200."""
    power = float(left @ left)
    r = float(left[:-1] @ left[1:]) / power if power > 0.0 else 0.0
    r = min(max(r, 0.0), 0.99)
    return (1.0 + r) / (1.0 - r)


def _explained(seen: _Seen, lag: float | None, left: Floats) -> float:
    """Share of what start and bias leave of the pv that goes away with the answer to the output."""
    without = seen.basis(lag, 0.0)[:, 1:]
    rest = seen.pv - without @ np.linalg.lstsq(without, seen.pv, rcond=None)[0]
    power = float(rest @ rest)
    return max(1.0 - float(left @ left) / power, 0.0) if power > 0.0 else 0.0


def _doubts(plant: Plant, u: dict[str, float], explained: float, residual: float, seen: _Seen) -> tuple[str, ...]:
    """What a person should know before believing the model."""
    found: list[str] = []
    apart = ["gain"] if plant.integrating else ["gain", "lag_s"]
    values = {"gain": abs(plant.gain)} | ({"lag_s": plant.lags[0], "slope": abs(plant.gain) / plant.lags[0]} if plant.lags else {})
    vague = [key for key in apart if 2.0 * u[key] > VAGUE * values[key]]
    if vague and "slope" in u and 2.0 * u["slope"] <= VAGUE * values["slope"]:
        found.append(f"gain and lag apart are not pinned down, gain over lag is ({values['slope']:.3g} +- {2.0 * u['slope']:.2g} per s): "
                     f"that is what the rules need while the lag is much longer than the dead time")
    else:
        found += [f"{NAMES[key]} {values[key]:.3g} +- {2.0 * u[key]:.2g}: the record does not pin it down" for key in vague]
    if 2.0 * u["theta_s"] > max(VAGUE * plant.theta_s, seen.step):
        found.append(f"dead time {plant.theta_s:.3g} +- {2.0 * u['theta_s']:.2g}: the record does not pin it down")
    if explained < EXPLAINED:
        found.append(f"the output explains {100.0 * explained:.0f} % of what the pv did: something else moved it")
    if plant.integrating:
        found.append(f"the record ({seen.span:.4g} s) is too short to see a balance: fitted as a plant that integrates")
    if plant.theta_s < seen.step:
        found.append(f"the dead time is below the spacing of the samples ({seen.step:.3g} s)")
    return tuple(found)
