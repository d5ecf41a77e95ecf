"""How well a loop does, in running figures: in limits, in AUTO, saturated, how much its output travels, whether it swings.

    figures = Performance(band=0.5, low=0.0, high=100.0, ti_s=90.0)
    figures.update(now, mode, sp, pv, out)      # once a step of the loop; about a microsecond

Each share and rate forgets with a time constant of an hour: what is shown is about the last hour or two. The swing detector is that of
Hagglund, Control Engineering Practice 3 (1995) 1543: between two zero crossings of the error its integral is a load when it is larger
than that of a sine of 1 % of the span at the loop's own frequency; ten loads within fifty ultimate periods are an oscillation.
"""

from __future__ import annotations

import math
from typing import Any

from gateway.control.image import SECOND

MEMORY_S = 3600.0                               # time constant of forgetting. Assumed
LONGEST_S = 60.0                                # a longer pause between two steps is a gap: nothing is known of it. Assumed
LOADS = 10.0                                    # Source: Hagglund 1995
SUPERVISED = 50.0                               # ultimate periods; without one the loop's integral time stands for it. Source: likewise
SWING = 0.01                                    # amplitude that does not matter yet, share of the span. Source: likewise
FARTHEST = 1000.0                               # spans of the pv: what lies farther off counts as that, so that every sum stays finite
SATURATED = 1e-6                                # of the output's span


class Performance:
    """Running figures of one loop. ``band``: deviation that counts as in limits; ``span``: of the pv, for the swing detector."""

    __slots__ = ("auto", "band", "crossings", "error", "high", "in_limits", "known", "loads", "low", "reversals", "saturated", "span",
                 "ti_s", "travel", "_area", "_last", "_out", "_side", "_way")

    def __init__(self, band: float, low: float, high: float, ti_s: float | None, span: float | None = None) -> None:
        self.band, self.low, self.high = band, low, high
        self.ti_s = ti_s or 60.0                # a loop without integral has no time of its own. Assumed
        self.span = span if span is not None else 50.0 * band
        self.known = self.auto = 0.0            # weights: time seen, time of it in AUTO or CASCADE, s
        self.in_limits = self.saturated = self.error = 0.0         # of the time in AUTO
        self.travel = self.reversals = self.crossings = 0.0
        self.loads = 0.0
        self._area = 0.0
        self._side = 0
        self._way = 0
        self._out: float | None = None
        self._last: int | None = None

    def update(self, now: int, mode: str, sp: float | None, pv: float | None, out: float) -> None:
        """One step. ``pv`` None where it is not good: then the step counts as not in limits."""
        before, self._last = self._last, now
        if before is None:
            self._out = out
            return
        h = (now - before) / SECOND
        if not 0.0 < h <= LONGEST_S:
            self._out, self._side = out, 0
            return
        keep = math.exp(-h / MEMORY_S)
        self.known = self.known * keep + h
        self.auto *= keep
        self.in_limits *= keep
        self.saturated *= keep
        self.error *= keep
        self.travel *= keep
        self.reversals *= keep
        self.crossings *= keep
        self.loads *= math.exp(-h / (SUPERVISED * self.ti_s))
        if mode == "MANUAL" or sp is None:
            self._out, self._side, self._way = out, 0, 0
            return
        self.auto += h
        self._move(out)
        margin = SATURATED * (self.high - self.low)
        if out <= self.low + margin or out >= self.high - margin:
            self.saturated += h
        if pv is not None and not math.isnan(pv):
            most = FARTHEST * self.span
            self._deviate(min(max(sp - pv, -most), most), h)

    def _move(self, out: float) -> None:
        """Travel of the output, and how often it turns."""
        by = out - self._out if self._out is not None else 0.0
        self._out = out
        self.travel += abs(by)
        way = (by > 0.0) - (by < 0.0)
        if way:
            self.reversals += way == -self._way
            self._way = way

    def _deviate(self, error: float, h: float) -> None:
        size = abs(error)
        self.error += size * h
        if size <= self.band:
            self.in_limits += h
        side = (error > 0.0) - (error < 0.0)
        if side and side != self._side:
            self.crossings += self._side != 0
            self.loads += self._area > SWING * self.span * self.ti_s / math.pi         # 2 a / w, w = 2 pi / Ti
            self._area, self._side = 0.0, side
        self._area += size * h

    def told(self) -> dict[str, Any]:
        """The figures: shares 0..1, travel in spans of the output and turns and crossings each an hour; None where nothing was seen."""
        auto, known = self.auto, self.known
        hours = auto / 3600.0

        def share(part: float, of: float) -> float | None:
            return round(part / of, 4) if of > 0.0 else None

        return {
            "seen_s": round(known, 1),
            "auto": share(auto, known),
            "in_limits": share(self.in_limits, auto),
            "band": self.band,
            "mean_error": None if auto <= 0.0 else float(f"{self.error / auto:.4g}"),
            "saturated": share(self.saturated, auto),
            "travel_per_h": share(self.travel / (self.high - self.low), hours),
            "reversals_per_h": share(self.reversals, hours),
            "crossings_per_h": share(self.crossings, hours),
            "loads": round(self.loads, 2),
            "oscillates": self.loads > LOADS,
        }
