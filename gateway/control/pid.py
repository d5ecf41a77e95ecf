"""A two-degree-of-freedom PID on filtered pv, with tracking anti-windup.

    P = K (b sp - y);  D on filtered y;  v = P + I + D;  u = clamp(v);  I += K h/Ti (sp - y) + h/Tt (u_fb - v)

with Tt = sqrt(Ti Td), or Ti for a PI. ``u_fb`` is what the actuator really did (limits, interlocks, another owner).
Source: Astrom and Hagglund, Advanced PID Control, ISA 2006, chapter 3.
"""

from __future__ import annotations

import math


def strong_acid(ph: float) -> float:
    """What a strong acid or base would have to be for this pH, mol/L of excess base: 10^(pH-14) - 10^-pH.

    A dose changes it by the same amount at every pH, where pH itself changes ten times as much a unit further on.
    Source: Wright and Kravaris, Chem. Eng. Sci. 46 (1991).
    """
    return 10.0 ** (min(max(ph, -2.0), 16.0) - 14.0) - 10.0 ** -min(max(ph, -2.0), 16.0)


class Pid:
    """State of one controller. ``gain`` is signed: positive raises the output when pv is below sp."""

    __slots__ = ("gain", "ti", "td", "tf", "b", "low", "high", "integral", "d", "yf", "terms", "out", "fresh")

    def __init__(self, gain: float, ti_s: float | None, td_s: float = 0.0, tf_s: float = 0.0, b: float = 1.0,
                 low: float = 0.0, high: float = 100.0) -> None:
        self.gain, self.ti, self.td, self.b = gain, ti_s, td_s, b
        self.tf = max(tf_s, td_s / 10.0)
        self.low, self.high = low, high
        self.integral: float = 0.0
        self.d: float = 0.0
        self.yf: float = 0.0
        self.terms = (0.0, 0.0, 0.0)
        self.out = min(max(0.0, low), high)     # what it asked for last
        self.fresh = True

    def update(self, sp: float, pv: float, h_s: float, feedback: float | None = None) -> float:
        """One step of ``h_s`` seconds; returns the output inside its limits. What is not finite changes nothing."""
        if not (math.isfinite(sp) and math.isfinite(pv) and 0 < h_s < math.inf):
            return self.out
        previous = pv if self.fresh else self.yf
        yf = previous + (pv - previous) * (h_s / (self.tf + h_s))
        d = -self.gain * self.td * (yf - previous) / h_s if self.td else 0.0
        p = self.gain * (self.b * sp - yf)
        v = p + self.integral + d
        u = min(max(v, self.low), self.high)
        integral = self.integral
        if self.ti:
            tt = math.sqrt(self.ti * self.td) if self.td else self.ti
            actual = u if feedback is None or not math.isfinite(feedback) else min(max(feedback, self.low), self.high)
            integral += self.gain * h_s / self.ti * (sp - yf)
            if not actual == u == v:
                integral += min(h_s / tt, 1.0) * (actual - v)
        if not (math.isfinite(v) and math.isfinite(integral)):
            return self.out                     # finite inputs too large to reckon with
        self.terms = (p, self.integral, d)
        self.yf, self.d, self.integral, self.fresh, self.out = yf, d, integral, False, u
        return u

    def track(self, out: float, sp: float, pv: float) -> None:
        """Set the integral so that the next update continues from ``out`` without a bump.

        Without integral action there is nothing that would ever take such a bias away again: it is 0, and the output jumps.
        """
        integral = out - self.gain * (self.b * sp - pv)
        if math.isfinite(integral):
            self.yf, self.d, self.fresh = pv, 0.0, False
            self.integral, self.out = integral if self.ti else 0.0, min(max(out, self.low), self.high)
