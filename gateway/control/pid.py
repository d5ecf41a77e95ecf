"""A two-degree-of-freedom PID on filtered pv, with tracking anti-windup.

    P = K (b sp - y);  D on filtered y;  v = P + I + D;  u = clamp(v);  I += K h/Ti (sp - y) + h/Tt (u_fb - v)

with Tt = sqrt(Ti Td), or Ti for a PI. ``u_fb`` is what the actuator really did (limits, interlocks, another owner).
Source: Astrom and Hagglund, Advanced PID Control, ISA 2006, chapter 3.
"""

from __future__ import annotations

import math


class Pid:
    """State of one controller. ``gain`` is signed: positive raises the output when pv is below sp."""

    __slots__ = ("gain", "ti", "td", "tf", "b", "low", "high", "integral", "d", "yf", "terms", "fresh")

    def __init__(self, gain: float, ti_s: float | None, td_s: float = 0.0, tf_s: float = 0.0, b: float = 1.0,
                 low: float = 0.0, high: float = 100.0) -> None:
        self.gain, self.ti, self.td, self.b = gain, ti_s, td_s, b
        self.tf = max(tf_s, td_s / 10.0)
        self.low, self.high = low, high
        self.integral = 0.0
        self.d = 0.0
        self.yf = 0.0
        self.terms = (0.0, 0.0, 0.0)
        self.fresh = True

    def update(self, sp: float, pv: float, h_s: float, feedback: float | None = None) -> float:
        """One step of ``h_s`` seconds; returns the output inside its limits. Non-finite inputs change nothing."""
        if not (math.isfinite(sp) and math.isfinite(pv) and h_s > 0):
            return min(max(sum(self.terms), self.low), self.high)
        if self.fresh:
            self.yf, self.d, self.fresh = pv, 0.0, False
        previous = self.yf
        self.yf += (pv - self.yf) * (h_s / (self.tf + h_s))
        if self.td:
            self.d = -self.gain * self.td * (self.yf - previous) / h_s
        p = self.gain * (self.b * sp - self.yf)
        v = p + self.integral + self.d
        u = min(max(v, self.low), self.high)
        self.terms = (p, self.integral, self.d)
        if self.ti:
            tt = math.sqrt(self.ti * self.td) if self.td else self.ti
            actual = u if feedback is None or not math.isfinite(feedback) else min(max(feedback, self.low), self.high)
            if actual == u == v:
                self.integral += self.gain * h_s / self.ti * (sp - self.yf)
            else:
                self.integral += self.gain * h_s / self.ti * (sp - self.yf) + min(h_s / tt, 1.0) * (actual - v)
        return u

    def track(self, out: float, sp: float, pv: float) -> None:
        """Set the integral so that the next update continues from ``out`` without a bump."""
        self.yf, self.d, self.fresh = pv, 0.0, False
        self.integral = out - self.gain * (self.b * sp - pv) if self.ti else 0.0
