"""A two-degree-of-freedom PID with tracking anti-windup. Every step h, all terms in output units:

    P = K (b r - y)      D = (Tf D - K Td (y - y'))/(Tf + h), Tf = Td/10
    v = P + I + D + FF   u = v inside the limits, no faster than its rate
    I += K h/Ti (r - y) + h/Tt (u_fb - v)

with Tt = sqrt(Ti Td), or Ti for a PI, and y filtered to the second order where the loop is noisy. ``u_fb`` is what the
actuator really did (limits, interlocks, another owner): while it differs, the integral follows it.

    >>> pid = Pid(Tuning(gain=2.0, ti_s=60.0))
    >>> pid.track(40.0, sp=60.0, pv=55.0)           # it was at 40 % in MANUAL
    >>> pid.update(60.0, 55.0, 0.5)                 # and goes on from there
    40.0

Source: Astrom and Hagglund, Advanced PID Control, ISA 2006, chapters 3 (law, tracking) and 3.3 (measurement filter).
"""

from __future__ import annotations

import math

import msgspec

N = 10.0
"""Derivative filter: its time constant is Td/N. Source: as above, N 8 to 10."""


class Tuning(msgspec.Struct, frozen=True):
    """What a person may tune. ``gain`` is signed: positive raises the output when pv is below sp; output units per pv unit.

    ``ti_s`` None: no integral action. ``tf_s``: time constant of the measurement filter, 0: none. ``b``: weight of the setpoint
    in P. ``gap``: an error smaller than that (pv units) counts as none.
    """

    gain: float
    ti_s: float | None = None
    td_s: float = 0.0
    tf_s: float = 0.0
    b: float = 1.0
    gap: float = 0.0


class Pid:
    """State of one controller. ``out``: what it asked for last; ``terms``: its P, I, D and FF then. ``rate``: output units per s."""

    __slots__ = ("tuning", "low", "high", "rate", "integral", "d", "y", "dy", "sp", "terms", "out", "fresh", "_tt")

    def __init__(self, tuning: Tuning, low: float = 0.0, high: float = 100.0, rate: float = math.inf) -> None:
        self.tuning, self.low, self.high, self.rate = tuning, low, high, rate
        self.integral: float = 0.0
        self.d: float = 0.0
        self.y: float = 0.0                     # filtered pv,
        self.dy: float = 0.0                    # its slope,
        self.sp: float = 0.0                    # the setpoint of the last step
        self.terms = (0.0, 0.0, 0.0, 0.0)
        self.out = min(max(0.0, low), high)
        self.fresh = True                       # nothing was seen yet: the first pv is where the filter stands
        self._tt = _tracking(tuning)

    def update(self, sp: float, pv: float, h_s: float, feedback: float | None = None, forward: float = 0.0) -> float:
        """One step of ``h_s`` seconds; returns the output inside its limits and rate. What is not finite changes nothing."""
        t = self.tuning
        if not math.isfinite(sp + pv + forward) or not 0.0 < h_s < math.inf:
            return self.out
        before = pv if self.fresh else self.y
        y, dy = (pv, 0.0) if self.fresh or not t.tf_s else self._filtered(pv, h_s, t.tf_s)
        r = _beyond_gap(t, sp, y)
        d = (t.td_s / N * self.d - t.gain * t.td_s * (y - before)) / (t.td_s / N + h_s) if t.td_s else 0.0
        p = t.gain * (t.b * r - y)
        v = p + self.integral + d + forward
        step = self.rate * h_s
        u = min(max(min(max(v, self.out - step), self.out + step), self.low), self.high)     # limits before rate
        integral = self.integral
        if t.ti_s:
            integral += t.gain * h_s / t.ti_s * (r - y)
            actual = u if feedback is None or not math.isfinite(feedback) else min(max(feedback, self.low), self.high)
            if actual != v:
                integral += min(h_s / self._tt, 1.0) * (actual - v)
        if not math.isfinite(v + integral + dy):
            return self.out                     # finite inputs too large to reckon with
        self.terms = (p, self.integral, d, forward)
        self.y, self.dy, self.d, self.sp, self.integral, self.fresh, self.out = y, dy, d, sp, integral, False, u
        return u

    def _filtered(self, pv: float, h_s: float, tf_s: float) -> tuple[float, float]:
        """1/(1 + s Tf + (s Tf)^2/2), a step backwards in time: stable whatever the step."""
        k = 2.0 * h_s / (tf_s * tf_s)
        dy = (self.dy + k * (pv - self.y)) / (1.0 + k * (tf_s + h_s))
        return self.y + h_s * dy, dy

    def track(self, out: float, sp: float, pv: float, forward: float = 0.0) -> None:
        """Set the integral so that the next update continues from ``out`` without a bump.

        Without integral action there is nothing that would ever take such a bias away again: it is 0, and the output jumps.
        """
        integral = out - _proportional(self.tuning, sp, pv) - forward
        if math.isfinite(integral) and math.isfinite(sp):
            self.y, self.dy, self.d, self.sp, self.fresh = pv, 0.0, 0.0, sp, False
            self.integral, self.out = integral if self.tuning.ti_s else 0.0, min(max(out, self.low), self.high)

    def retune(self, tuning: Tuning) -> None:
        """Another tuning from now on; what it asks for stays where it is, unless there is no integral action to keep it there."""
        old, self.tuning = self.tuning, tuning
        self._tt = _tracking(tuning)
        if self.fresh:
            return
        was = old.gain * old.td_s               # 0 also for a time so short that the product is nothing
        d = self.d * (tuning.gain * tuning.td_s) / was if was else 0.0
        held = _proportional(old, self.sp, self.y) + self.integral + self.d
        integral = held - _proportional(tuning, self.sp, self.y) - d
        if math.isfinite(integral + d):
            self.d, self.integral = d, integral if tuning.ti_s else 0.0


def _tracking(tuning: Tuning) -> float:
    if not tuning.ti_s:
        return math.inf
    return math.sqrt(tuning.ti_s * tuning.td_s) if tuning.td_s else tuning.ti_s


def _beyond_gap(tuning: Tuning, sp: float, y: float) -> float:
    """The setpoint as the law sees it: nearer to pv by as much of the error as counts as none."""
    return sp - min(max(sp - y, -tuning.gap), tuning.gap)


def _proportional(tuning: Tuning, sp: float, y: float) -> float:
    return tuning.gain * (tuning.b * _beyond_gap(tuning, sp, y) - y)
