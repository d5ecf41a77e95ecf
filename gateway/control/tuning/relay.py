"""The relay experiment of Astrom and Hagglund, stepped: the output goes up and down by ``amplitude``, the pv answers with a limit cycle.

    relay = Relay(RelayRow(reference=60.0, out=40.0, amplitude=10.0, hysteresis=0.1, low=0.0, high=100.0, ...))
    out = relay.step(now, pv, quality)          # until relay.ending is there; then it is the output that it began with

From period and amplitude of four stable half periods follow Pu and ``Ku = 4 d / (pi sqrt(a^2 - e^2))``. A load that makes the halves
unequal moves the centre of the relay by ``d (t_up - t_down) / (t_up + t_down)``, which is what the output is on average.
Source: Astrom and Hagglund, Automatica 20 (1984) 645; the shift: Hang, Astrom and Ho, Automatica 29 (1993) 563.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

STABLE = 0.05                                   # change of half periods and amplitude that counts as none
UNEQUAL = 0.05                                  # share by which up and down may differ before the centre is moved. Assumed
HALVES = 4                                      # stable half periods that make a result
QUICK = 4                                       # steps: what switches faster than this follows noise, not the plant. Assumed
CHATTER = 8                                     # quick half periods in a row that end an experiment. Assumed

Reason = Literal["done", "asked", "pv_limit", "out_limit", "bad_pv", "time", "blocked", "chatter", "clock", "owner", "hold", "batch",
                 "restart"]


class RelayRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of an experiment. ``reference``: pv around which it switches; ``out``: where the output stands and returns to.

    ``amplitude`` d in units of the output, ``hysteresis`` e in units of pv (three times its noise), ``low``, ``high`` limits of the
    output, ``sign`` -1 where more output lowers the pv.
    """

    reference: float
    out: float
    amplitude: float
    hysteresis: float
    low: float
    high: float
    pv_low: float
    pv_high: float
    longest_ns: int
    sign: float = 1.0


class RelayResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the limit cycle says: ultimate period, ultimate gain (output per pv), amplitude of pv, of the output, its shift, periods seen.

    ``offset``: by how much the middle of the pv's swing lay beside the reference.
    """

    pu_s: float
    ku: float
    a: float
    d: float
    bias: float
    offset: float
    periods: int


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How an experiment ended, in a word and in words; with a result only when it is done."""

    reason: Reason
    detail: str = ""
    result: RelayResult | None = None


class Half(msgspec.Struct, frozen=True):
    """Time between two switches, ns and steps; whether the output was up; the pv's extreme in it."""

    ns: int
    steps: int
    up: bool
    extreme: float


class Relay:
    """State of one experiment. ``out`` is what the output is to be, ``ending`` how it ended (None while it runs)."""

    __slots__ = ("row", "out", "up", "bias", "ending", "halves", "periods", "_began", "_last", "_switched", "_steps", "_low", "_high",
                 "_first", "_quick")

    def __init__(self, row: RelayRow) -> None:
        self.row = row
        self.out = row.out
        self.up: bool | None = None             # None before the first step
        self.bias = 0.0
        self.ending: Ending | None = None
        self.halves: list[Half] = []            # since the centre was moved last
        self.periods = 0
        self._began: int | None = None
        self._last = 0
        self._switched = 0
        self._steps = 0
        self._low = math.inf
        self._high = -math.inf
        self._first = True                      # the half in which the swing begins says nothing
        self._quick = 0
        if not (row.low <= row.out - row.amplitude and row.out + row.amplitude <= row.high and row.amplitude > 0):
            self.end("out_limit", f"{row.out:g} +- {row.amplitude:g} outside {row.low:g}..{row.high:g}")

    def end(self, reason: Reason, detail: str = "", result: RelayResult | None = None) -> float:
        """End it, if it has not ended; the output is again what it was at the beginning."""
        if self.ending is None:
            self.ending = Ending(reason=reason, detail=detail, result=result)
            self.out = self.row.out
        return self.out

    def step(self, now: int, pv: float, quality: int, blocked: str = "") -> float:
        """The output from now on. ``blocked``: what keeps the output from doing as it is told; it ends the experiment."""
        if self.ending is not None:
            return self.out
        row = self.row
        if self._began is None:
            self._began = self._last = self._switched = now
        if blocked:
            return self.end("blocked", blocked)
        if quality & 0xC0000000 or not math.isfinite(pv):
            return self.end("bad_pv", "pv not good")
        if not row.pv_low <= pv <= row.pv_high:
            return self.end("pv_limit", f"pv {pv:g} outside {row.pv_low:g}..{row.pv_high:g}")
        if now < self._last:
            return self.end("clock", "time went back")
        if now - self._began >= row.longest_ns:
            return self.end("time", f"not stable within {row.longest_ns / 1e9:g} s")
        self._last = now
        self._swing(now, pv)
        return self.out

    def _swing(self, now: int, pv: float) -> None:
        """Follow the pv; switch where it has crossed the reference by the hysteresis."""
        error = (self.row.reference - pv) * self.row.sign
        self._low, self._high = min(self._low, pv), max(self._high, pv)
        self._steps += 1
        if self.up is None:
            self._to(error > 0, now, pv)
        elif error > self.row.hysteresis if not self.up else error < -self.row.hysteresis:
            self._half(now)
            if self.ending is None:
                self._to(not self.up, now, pv)

    def _to(self, up: bool, now: int, pv: float) -> None:
        self.up = up
        self._switched, self._steps, self._low, self._high = now, 0, pv, pv
        self.out = self.row.out + self.bias + (self.row.amplitude if up else -self.row.amplitude)

    def _half(self, now: int) -> None:
        """A half period is over: count it, judge the last four, move the centre where they are unequal."""
        up = bool(self.up)
        if self._first:
            self._first = False
            return
        lowest = up == (self.row.sign > 0)      # while the output pushes the pv up, what is seen first is how low it came
        self.halves.append(Half(now - self._switched, self._steps, up, self._low if lowest else self._high))
        self.periods = max(self.periods, len(self.halves) // 2)
        self._quick = self._quick + 1 if self._steps < QUICK else 0
        if self._quick >= CHATTER:
            hysteresis = f"a hysteresis of {self.row.hysteresis:g} is less than the noise"
            self.end("chatter", f"switched every {self._steps} scans: {hysteresis}, or the loop runs too seldom for its process")
            return
        last = self.halves[-HALVES:]
        if len(last) < HALVES or self._quick:
            return
        unequal = _inequality(last[-2:])
        if abs(unequal) > UNEQUAL:
            self._move(unequal * self.row.amplitude)
        elif _stable(last):
            self.end("done", "", self._result(last))

    def _move(self, by: float) -> None:
        """Put the centre where the output was on average; what was counted before says nothing any more."""
        centre, d = self.row.out + self.bias + by, self.row.amplitude
        if not (self.row.low <= centre - d and centre + d <= self.row.high):
            self.end("out_limit", f"the load asks for {centre:g} +- {d:g}, outside {self.row.low:g}..{self.row.high:g}")
            return
        self.bias += by
        self.halves.clear()
        self._first = True

    def _result(self, last: list[Half]) -> RelayResult:
        row = self.row
        newest = last[-2:]                      # of a swing that still grows a little, the last is nearest to where it ends
        top, bottom = _level(newest, row.sign < 0), _level(newest, row.sign > 0)
        a = (top - bottom) / 2.0
        ku = 4.0 * row.amplitude / (math.pi * math.sqrt(a * a - row.hysteresis**2)) if a > row.hysteresis else math.inf
        pu_s = sum(half.ns for half in last) / 1e9 * 2.0 / HALVES
        return RelayResult(pu_s=pu_s, ku=ku, a=a, d=row.amplitude, bias=self.bias, offset=(top + bottom) / 2.0 - row.reference,
                           periods=self.periods)


def _level(last: list[Half], up: bool) -> float:
    """Mean of the extremes seen while the output was up (or down)."""
    found = [half.extreme for half in last if half.up == up]
    return sum(found) / len(found)


def _inequality(pair: list[Half]) -> float:
    """(t_up - t_down) / (t_up + t_down) of two halves; 0 where they differ by no more than a step."""
    first, second = pair
    up, down = (first, second) if first.up else (second, first)
    return 0.0 if abs(up.steps - down.steps) <= 1 else (up.ns - down.ns) / (up.ns + down.ns)


def _stable(last: list[Half]) -> bool:
    """Whether four halves are alike: each time as the one two before (to 5 % or a step), and each extreme (to 5 % of the swing)."""
    swing = max(half.extreme for half in last) - min(half.extreme for half in last)
    for before, half in zip(last[:2], last[2:], strict=True):
        if abs(half.steps - before.steps) > 1 and abs(half.ns - before.ns) > STABLE * before.ns:
            return False
        if abs(half.extreme - before.extreme) > STABLE * swing / 2.0:
            return False
    return True
