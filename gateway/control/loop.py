"""Control loops: modes, working setpoint, what happens without a Good pv; the law of its kind does the rest.

A loop's mode, setpoint and owner change only by a ``LoopMode`` entry (``apply``), live and on replay alike.
"""

from __future__ import annotations

import math
from typing import Literal

from gateway.control.chain import Entry, LoopMode
from gateway.control.folded import Folded
from gateway.control.image import SECOND, Image
from gateway.control.laws import Law, PidLaw, SelectLaw, make
from gateway.control.loop_row import Forward, LimitRow, LoopRow
from gateway.control.setpoint import Working

__all__ = ["Forward", "LimitRow", "Loop", "LoopRow", "request", "seat"]

Mode = Literal["MANUAL", "AUTO", "CASCADE"]
MODES = ("MANUAL", "AUTO", "CASCADE")
STOOD_STILL = 5                                 # periods without an update, after which a controller begins anew
_MASK = 0xC0000000


class Loop(Folded[LoopMode]):
    """State of one loop. ``sp`` is what is wanted, ``working`` what is followed now, ``out`` what it asks for, ``pv`` the last Good one."""

    __slots__ = ("row", "mode", "sp", "working", "out", "owner", "cause", "law", "pv", "bad_since", "good", "rate", "last", "due_at",
                 "label", "fading", "fell")

    def __init__(self, row: LoopRow) -> None:
        super().__init__()
        self.row = row
        self.mode: str = "MANUAL"
        self.label = f"{row.name} MANUAL"       # who an output belongs to, as its cause says it
        self.sp: float | None = None
        self.working = Working()
        self.out = row.safe_out
        self.owner = "none"
        self.cause = ""
        self.law: Law = make(row)
        self.pv: float | None = None
        self.bad_since: int | None = None
        self.good = 0                           # Good readings in a row, up to what ends a time without
        self.rate = row.sp_rate_per_s           # the recipe may ask for a slower ramp
        self.last = 0
        self.due_at = row.period_ns             # on the grid of its period, whatever the tick's own lateness
        self.fading = False                     # on its way to the safe output after a bad pv
        self.fell: LoopMode | None = None       # how it let go, which has acted before it is durable; None once somebody has set it since

    @property
    def ramped(self) -> float | None:
        """The working setpoint."""
        return self.working.at

    @property
    def limited_by(self) -> str:
        """What sets the output, where that is not the setpoint."""
        return self.law.limited_by

    @property
    def saturated(self) -> bool:
        """Whether it asks for all or nothing."""
        return not self.row.out_low < self.out < self.row.out_high

    def _fold(self, entry: LoopMode) -> None:
        """Mode, setpoint, owner; in MANUAL also the output."""
        if entry is self.fell and self.mode == "MANUAL":
            return                              # its own fall, now durable: the output may be on its way to safe
        self.fell = None
        entered = entry.mode != self.mode
        self.mode, self.owner, self.cause = entry.mode, entry.owner, entry.cause
        self.label = f"{self.row.name} {self.mode}"
        if entry.mode == "CASCADE" and entered and entry.was == "MANUAL":
            self.sp = None                      # the outer loop gives it, from where pv is now
        elif entry.setpoint is not None and entry.mode != "CASCADE":
            self.sp = entry.setpoint
        if entry.out is not None:
            self.out = entry.out
        self.rate = entry.ramp_per_min / 60.0 if entry.ramp_per_min else self.row.sp_rate_per_s
        self.fading = False
        if entered:
            self.working = Working()
            self.law.begin(self.out)
            self.bad_since = None

    def due(self, now: int) -> bool:
        """Whether its turn has come."""
        return now >= self.due_at

    def blind(self, image: Image) -> bool:
        """Whether it needs a pv and has no Good one: then it may not be taken out of MANUAL."""
        return self.law.needs != "nothing" and self.row.pv is not None and image.quality[self.row.pv] & _MASK != 0

    def update(self, image: Image, now: int, actual: float | None, cut: bool = False) -> LoopMode | None:
        """One step; ``actual`` is what the actuator really does now (None: as asked). May take the loop to MANUAL.

        ``cut``: what it drives listens to somebody else and stands at ``actual``; it then only keeps up.
        """
        row = self.row
        self.due_at = (now // row.period_ns + 1) * row.period_ns
        seen = row.pv is not None and not image.quality[row.pv] & _MASK
        if seen and row.pv is not None:
            self.pv = image.value[row.pv]
        period_s = row.period_ns / SECOND
        h_s = min(max((now - self.last) / SECOND, period_s * 0.5), period_s * 2.0)
        if self.mode == "MANUAL" or (self.sp is None and row.kind != "select"):
            self.last = now
            if self.fading:
                self._fade(h_s)
            return None
        if now - self.last > STOOD_STILL * row.period_ns:
            self.law.begin(self.out)
        self.last = now
        if self.law.needs == "hold" and not self._sees(seen):
            return self._bad(now)
        self.bad_since = None
        if actual is not None and row.kind == "direct":
            self.working.at = actual            # forced or held elsewhere: it ramps from there when it is let go
        sp = self._follow(h_s)
        law = self.law
        if cut and isinstance(law, PidLaw):
            self.out = law.follow(row, sp, image, self.out if actual is None else actual)
        else:
            self.out = min(max(law.move(row, sp, image, h_s, now, actual), row.out_low), row.out_high)
        return None

    def take(self, outer: Loop) -> None:
        """What an outer loop asks of this one: its setpoint in CASCADE; one of several offers where it selects.

        One that has lost its pv goes on to offer what it fell to until somebody sets it: the limit it stood for is not gone.
        """
        if isinstance(self.law, SelectLaw):
            if outer.mode == "MANUAL" and outer.fell is None:
                self.law.offers.pop(outer.row.name, None)
            else:
                self.law.offers[outer.row.name] = outer.out
        elif self.mode == "CASCADE":
            self.sp = min(max(outer.out, self.row.sp_low), self.row.sp_high)

    def _follow(self, h_s: float) -> float:
        """The working setpoint of this step."""
        row = self.row
        if self.sp is None:
            return 0.0                          # a selector has none
        sp = min(max(self.sp, row.sp_low), row.sp_high)
        if row.kind == "ratio":                 # from the ratio that the output has to the wild flow
            begin = min(max((self.out - row.bias) / self.pv, row.sp_low), row.sp_high) if self.pv else row.sp_low
            return self.working.move(sp, None, begin, self.rate, None, h_s)
        pv = self.pv if self.law.needs == "hold" else None
        return self.working.move(sp, pv, self.out if pv is None else pv, self.rate, row.holdback, h_s)

    def _sees(self, good: bool) -> bool:
        """Whether pv may be used: it is Good, and after a time without it was so for some readings."""
        if not good:
            self.good = 0
            return False
        if self.bad_since is None:
            return True
        self.good += 1
        if self.good < self.row.good_scans:
            return False
        self.law.begin(self.out)
        return True

    def _bad(self, now: int) -> LoopMode | None:
        """pv is not Good: hold the output for a while, then MANUAL with the configured action."""
        if self.bad_since is None:
            self.bad_since = now
        if now - self.bad_since < self.row.bad_hold_ns:
            return None
        held = self.out
        out = held if self.row.bad_out == "hold" else self.row.safe_from(held)
        entry = LoopMode(loop=self.row.name, mode="MANUAL", was=self.mode, setpoint=self.sp, out=out, owner=self.owner, cause="pv not good")
        self.apply(entry)
        self.fell = entry
        if self.row.bad_out == "ramp":
            self.out, self.fading = held, True
        return entry

    def _fade(self, h_s: float) -> None:
        """Towards the safe output at the output's own rate."""
        step, safe = (self.row.out_rate_per_s or math.inf) * h_s, self.row.safe_from(self.out)
        self.out += min(max(safe - self.out, -step), step)
        self.fading = self.out != safe


def seat(loop: Loop, high: float | None, low: float | None, cause: str) -> LoopMode | None:
    """The entry that puts a loop into MANUAL where its outputs stand, where that is not known at its safe output.

    None when it is there and nothing else is on its way.

    ``low``: what the lower output of a split range does.
    """
    row = loop.row
    known = None if high is None or (low is None and row.output_low is not None) else row.whole(high, low or 0.0)
    out = row.safe_out if known is None else min(max(known, row.out_low), row.out_high)
    if loop.mode == "MANUAL" and abs(out - loop.out) < 1e-6 and loop.asked is None:
        return None
    return LoopMode(loop=row.name, mode="MANUAL", was=loop.mode, setpoint=loop.sp, out=out, owner=loop.owner, cause=cause)


def request(loop: Loop, mode: str, setpoint: float | None, owner: str, cause: str, out: float | None = None,
            ramp_per_min: float | None = None) -> Entry | str | None:
    """The entry that would put a loop into a mode; None when nothing changes, nor is on its way to; a sentence when it is refused."""
    row = loop.row
    if mode not in MODES:
        return f"{row.name}: no mode {mode!r}; there are {', '.join(MODES)}"
    if mode == "CASCADE" and not row.outer:
        return f"{row.name}: no loop drives it; nothing changed"
    if mode == "CASCADE" and row.kind == "select":
        return f"{row.name} selects among several: AUTO or MANUAL; nothing changed"
    if mode == "AUTO" and setpoint is None and loop.mode == "MANUAL" and row.sp_track and loop.pv is not None:
        setpoint = min(max(loop.pv, row.sp_low), row.sp_high)
    if mode == "AUTO" and setpoint is None and loop.sp is None and row.kind != "select":
        return f"{row.name}: AUTO needs a setpoint, {row.sp_low:g}..{row.sp_high:g}; nothing changed"
    if ramp_per_min is not None and not 0 < ramp_per_min < math.inf:
        return f"{row.name}.ramp: {ramp_per_min:g} per min is no ramp; nothing changed"
    if setpoint is not None and not (math.isfinite(setpoint) and row.sp_low <= setpoint <= row.sp_high):
        return f"{row.name}.sp: {setpoint:g} outside {row.sp_low:g}..{row.sp_high:g}; nothing changed"
    if out is not None and not row.out_low <= out <= row.out_high:
        return f"{row.name}.out: {out:g} outside {row.out_low:g}..{row.out_high:g}; nothing changed"
    same_sp = setpoint is None or setpoint == loop.sp
    same_ramp = ramp_per_min is None or mode == "MANUAL" or abs(ramp_per_min / 60.0 - (loop.rate or 0.0)) < 1e-12
    same = mode == loop.mode and same_sp and same_ramp and owner == loop.owner and (out is None or out == loop.out)
    if same and loop.fell is None and loop.asked is None:
        return None
    keep = None if mode == "CASCADE" else loop.sp
    loop.asked = LoopMode(loop=row.name, mode=mode, was=loop.mode, setpoint=setpoint if setpoint is not None else keep,
                          setpoint_was=loop.sp, out=out, ramp_per_min=ramp_per_min, owner=owner, cause=cause)
    return loop.asked
