"""What a model advises: the present tuning and what the rules say, each with what it promises on that model.

    rows = advise(fit(record).plant, Present(tuning, period_s=0.2))
    rows["simc"].tuning, rows["simc"].margins.ms

The controller's period adds half of itself to the dead time, its filter about its time constant; rules and margins count both.
"""

from __future__ import annotations

import msgspec

from gateway.control.tuning.model import Margins, Plant, Tuning, margins
from gateway.control.tuning.rules import amigo_pi, amigo_pid, simc_pi

GENTLE = 3.0                                    # dead times: closed-loop time constant of the gentler SIMC tuning
SCANS = 0.1                                     # of the dead time: a longer period is warned of
ROBUST = 1.9                                    # Ms above which a tuning is called nervous. Source: Astrom and Hagglund 2006: 1.2 to 2
INTEGRAL = 2.0                                  # scans: a shorter integral time is none, as for loops.yaml
KEYS = ("present", "simc", "gentle", "amigo-pi", "amigo-pid")


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """One tuning, what it promises, and what a person should know of it."""

    key: str                                    # present | simc | gentle | amigo-pi | amigo-pid
    tuning: Tuning
    margins: Margins
    notes: tuple[str, ...] = ()


def advise(plant: Plant, present: Tuning, period_s: float) -> dict[str, Advice]:
    """The present tuning and those of the rules, to three figures. Gains are signed as the controller's."""
    filtered = present.tf_s
    seen = _seen(plant, period_s)
    ruled = seen.later(filtered)
    theta = ruled.theta_s
    found = {"present": present, "simc": simc_pi(ruled), "gentle": simc_pi(ruled, GENTLE * theta), "amigo-pi": amigo_pi(ruled),
             "amigo-pid": amigo_pid(ruled)}
    return {key: _promise(key, seen, tuning if key == "present" else _rounded(tuning, filtered, INTEGRAL * period_s))
            for key, tuning in found.items()}


def doubts(plant: Plant, present: Tuning, period_s: float) -> tuple[str, ...]:
    """What keeps the advice from being good, whatever the rule."""
    found: list[str] = []
    if plant.gain * present.gain < 0.0:
        found.append("the model goes the other way than the loop's action: nothing is to be accepted")
    if period_s > SCANS * plant.theta_s * (1.0 + 1e-9):
        found.append(f"the loop runs every {period_s:g} s, more than a tenth of the dead time ({plant.theta_s:.3g} s)")
    return tuple(found)


def _seen(plant: Plant, period_s: float) -> Plant:
    """The plant as a controller sees it that looks every so often: no dead time is believed that is shorter than its period."""
    return plant.later(max(period_s - plant.theta_s, 0.0) + period_s / 2.0)


def _rounded(tuning: Tuning, tf_s: float, least_ti_s: float) -> Tuning:
    ti = None if tuning.ti_s is None else max(float(f"{tuning.ti_s:.3g}"), least_ti_s)
    return Tuning(gain=float(f"{tuning.gain:.3g}"), ti_s=ti, td_s=float(f"{tuning.td_s:.3g}"), tf_s=tf_s, n=tuning.n, rule=tuning.rule)


def _promise(key: str, seen: Plant, tuning: Tuning) -> Advice:
    kept = margins(seen, tuning)
    notes: list[str] = []
    if not kept.stable:
        notes.append("unstable on this model")
    elif kept.ms > ROBUST:
        notes.append(f"Ms {kept.ms:.2f}: nervous")
    return Advice(key=key, tuning=tuning, margins=kept, notes=tuple(notes))
