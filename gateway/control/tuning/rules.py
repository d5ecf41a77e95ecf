"""Rules that make a tuning of a model: SIMC and AMIGO, PI and PID, for plants with and without balance of their own.

    simc_pi(Plant(gain=1.0, lags=(10.0,), theta_s=1.0))          # Tuning(gain=5.0, ti_s=8.0)

Every rule answers in the ideal form, which is that of the controller. Sources: Skogestad, J. Process Control 13 (2003) 291 (SIMC,
half rule); Astrom and Hagglund, Advanced PID Control, ISA 2006, chapter 7 (AMIGO).
"""

from __future__ import annotations

import math

from gateway.control.tuning.model import Plant, Tuning


def simc_pi(plant: Plant, tc_s: float | None = None) -> Tuning:
    """SIMC PI of a plant of first order; ``tc_s``: closed-loop time constant (default: the dead time). Raises ValueError."""
    theta = _dead_time(plant)
    tc = theta if tc_s is None else tc_s
    rule = f"SIMC PI, tc {tc:.4g} s"
    if plant.integrating:
        return Tuning(gain=1.0 / (plant.gain * (tc + theta)), ti_s=4.0 * (tc + theta), rule=rule)
    lag = _lag(plant)
    return Tuning(gain=lag / (plant.gain * (tc + theta)), ti_s=min(lag, 4.0 * (tc + theta)), rule=rule)


def simc_pid(plant: Plant, tc_s: float | None = None) -> Tuning:
    """SIMC PID of a plant with two lags (one, where it integrates), from the series form to the ideal one. Raises ValueError."""
    theta = _dead_time(plant)
    tc = theta if tc_s is None else tc_s
    lags = sorted(plant.lags, reverse=True)
    if len(lags) != (1 if plant.integrating else 2) or plant.inverse:
        raise ValueError("SIMC PID wants two lags, or an integrator and a lag: reduce the plant first")
    td = lags[-1]
    ti = 4.0 * (tc + theta) if plant.integrating else min(lags[0], 4.0 * (tc + theta))
    gain = (1.0 if plant.integrating else lags[0]) / (plant.gain * (tc + theta))
    return ideal(gain, ti, td, f"SIMC PID, tc {tc:.4g} s")


def amigo_pi(plant: Plant) -> Tuning:
    """AMIGO PI of a plant of first order: robust (Ms about 1.4) whatever its dead time. Raises ValueError."""
    theta, k = _dead_time(plant), plant.gain
    if plant.integrating:
        return Tuning(gain=0.35 / (k * theta), ti_s=13.4 * theta, rule="AMIGO PI")
    lag = _lag(plant)
    gain = 0.15 / k + (0.35 - theta * lag / (theta + lag) ** 2) * lag / (k * theta)
    return Tuning(gain=gain, ti_s=0.35 * theta + 13.0 * theta * lag**2 / (lag**2 + 12.0 * theta * lag + 7.0 * theta**2), rule="AMIGO PI")


def amigo_pid(plant: Plant) -> Tuning:
    """AMIGO PID of a plant of first order. Raises ValueError."""
    theta, k = _dead_time(plant), plant.gain
    if plant.integrating:
        return Tuning(gain=0.45 / (k * theta), ti_s=8.0 * theta, td_s=0.5 * theta, rule="AMIGO PID")
    lag = _lag(plant)
    ti = theta * (0.4 * theta + 0.8 * lag) / (theta + 0.1 * lag)
    return Tuning(gain=(0.2 + 0.45 * lag / theta) / k, ti_s=ti, td_s=0.5 * theta * lag / (0.3 * theta + lag), rule="AMIGO PID")


def ideal(gain: float, ti_s: float, td_s: float, rule: str = "") -> Tuning:
    """A series (cascade) PID as an ideal one: f = 1 + Td/Ti."""
    f = 1.0 + td_s / ti_s
    return Tuning(gain=gain * f, ti_s=ti_s * f, td_s=td_s / f, rule=rule)


def half_rule(plant: Plant, order: int = 1) -> Plant:
    """The plant with ``order`` lags: half of the largest one left out goes to the lag before it, half to the dead time, the rest
    (smaller lags and inverse zeros) to the dead time. Where the plant integrates, the integrator is the first of them.
    """
    lags = sorted(plant.lags, reverse=True)
    keep = order - 1 if plant.integrating else order
    kept, left = lags[:keep], lags[keep:]
    theta = plant.theta_s + math.fsum(plant.inverse)
    if left:
        theta += left[0] / 2.0 + math.fsum(left[1:])
        if kept:
            kept[-1] += left[0] / 2.0
    return Plant(gain=plant.gain, lags=tuple(sorted(kept, reverse=True)), theta_s=theta, integrating=plant.integrating)


def _dead_time(plant: Plant) -> float:
    if plant.theta_s <= 0.0 or plant.gain == 0.0:
        raise ValueError(f"a rule wants a gain and a dead time; gain {plant.gain:g}, dead time {plant.theta_s:g} s")
    return plant.theta_s


def _lag(plant: Plant) -> float:
    if len(plant.lags) != 1 or plant.inverse:
        raise ValueError("a rule for plants of first order wants one lag: reduce the plant first")
    return plant.lags[0]
