"""Control loops: modes, setpoint ramp with holdback, cascade, split range and feed under limits.

A loop's mode, setpoint and owner change only by a ``LoopMode`` entry (``apply``), live and on replay alike.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from gateway.control.chain import Entry, LoopMode
from gateway.control.image import SECOND, Image
from gateway.control.pid import Pid, strong_acid

Mode = Literal["MANUAL", "AUTO", "CASCADE"]
MODES = ("MANUAL", "AUTO", "CASCADE")
STOOD_STILL = 5                                 # periods without an update, after which a controller begins anew


class LimitRow(msgspec.Struct, frozen=True):
    """A limit on a feed: full rate at or below ``full``, none at ``zero``, linear between (either way round)."""

    name: str
    pv: int
    full: float
    zero: float

    def fraction(self, value: float) -> float:
        """Share of the full rate allowed at this value, 0..1."""
        return min(max((self.zero - value) / (self.zero - self.full), 0.0), 1.0)


class LoopRow(msgspec.Struct, frozen=True, kw_only=True):
    """One loop, wired: indices into the image and the outputs.

    ``inner``: name of the loop it drives in cascade; ``outer``: whether some loop drives this one.
    """

    name: str
    kind: str                                   # pid | feed | direct | on_off
    unit: str
    period_ns: int
    pv: int | None = None
    output: int | None = None
    output_low: int | None = None
    inner: str | None = None
    outer: bool = False
    gain: float = 1.0
    ti_s: float | None = None
    td_s: float = 0.0
    tf_s: float = 0.0
    b: float = 1.0
    out_low: float = 0.0
    out_high: float = 100.0
    sp_low: float = float("-inf")
    sp_high: float = float("inf")
    sp_rate_per_s: float | None = None
    holdback: float | None = None
    linearise: str = "none"                     # none | strong_acid: the controller sees pH as excess of base, mol/L
    bad_hold_ns: int = 3 * SECOND
    bad_out: str = "safe"
    safe_out: float = 0.0
    limits: tuple[LimitRow, ...] = ()
    band: float = 1.0                           # deviation from sp that counts as in limits, for the figures of performance
    span: float = 100.0                         # of the pv, likewise

    def share(self, out: float) -> float:
        """What the (upper) output gets: all of ``out``, or in a split range the part above the middle, 0..100."""
        if self.output_low is None:
            return out
        middle = (self.out_low + self.out_high) / 2.0
        return max(out - middle, 0.0) / (self.out_high - middle) * 100.0

    def share_low(self, out: float) -> float:
        """What the lower output of a split range gets: the part below the middle, 0..100."""
        middle = (self.out_low + self.out_high) / 2.0
        return max(middle - out, 0.0) / (middle - self.out_low) * 100.0

    def whole(self, high: float, low: float) -> float:
        """The loop's output that stands for what its outputs do."""
        if self.output_low is None:
            return high
        middle = (self.out_low + self.out_high) / 2.0
        return middle + high / 100.0 * (self.out_high - middle) - low / 100.0 * (middle - self.out_low)


class Loop:
    """State of one loop. ``sp`` is what is wanted, ``ramped`` what is followed now, ``out`` what it asks for."""

    __slots__ = ("row", "mode", "sp", "ramped", "out", "owner", "cause", "pid", "bad_since", "limited_by", "rate", "last", "due_at",
                 "label")

    def __init__(self, row: LoopRow) -> None:
        self.row = row
        self.mode: str = "MANUAL"
        self.label = f"{row.name} MANUAL"       # who an output belongs to, as its cause says it
        self.sp: float | None = None
        self.ramped: float | None = None
        self.out = row.safe_out
        self.owner = "none"
        self.cause = ""
        self.pid = Pid(row.gain, row.ti_s, row.td_s, row.tf_s, row.b, row.out_low, row.out_high)
        self.bad_since: int | None = None
        self.limited_by = ""
        self.rate = row.sp_rate_per_s           # the recipe may ask for a slower ramp
        self.last = 0
        self.due_at = row.period_ns             # on the grid of its period, whatever the tick's own lateness

    def apply(self, entry: LoopMode) -> None:
        """Fold one entry: mode, setpoint, owner; in MANUAL also the output."""
        entered = entry.mode != self.mode
        self.mode, self.owner, self.cause = entry.mode, entry.owner, entry.cause
        self.label = f"{self.row.name} {self.mode}"
        if entry.mode == "CASCADE" and entered:
            self.sp = None                      # the outer loop gives it, from where pv is now
        elif entry.setpoint is not None and entry.mode != "CASCADE":
            self.sp = entry.setpoint
        if entry.out is not None:
            self.out = entry.out
        self.rate = entry.ramp_per_min / 60.0 if entry.ramp_per_min else self.row.sp_rate_per_s
        if entered:
            self.ramped = None
            self.pid.fresh = True
            self.bad_since = None

    def retune(self, gain: float, ti_s: float | None, td_s: float) -> None:
        """Work with another tuning from the next update on, which continues from where the output is. ``gain`` as in loops.yaml."""
        self.pid.gain, self.pid.ti, self.pid.td = math.copysign(gain, self.row.gain), ti_s, td_s
        self.pid.tf = max(self.row.tf_s, td_s / 10.0)
        self.pid.fresh = True

    def due(self, now: int) -> bool:
        """Whether its turn has come."""
        return now >= self.due_at

    def blind(self, image: Image) -> bool:
        """Whether it needs a pv and has no Good one: then it may not be taken out of MANUAL."""
        return self.row.kind in ("pid", "on_off") and self.row.pv is not None and image.quality[self.row.pv] & 0xC0000000 != 0

    def update(self, image: Image, now: int, actual: float | None) -> LoopMode | None:
        """One step; ``actual`` is what the actuator really does now (None: unknown). May take the loop to MANUAL."""
        row = self.row
        self.due_at = (now // row.period_ns + 1) * row.period_ns
        if self.mode == "MANUAL" or self.sp is None:
            self.last = now
            return None
        if now - self.last > STOOD_STILL * row.period_ns:
            self.pid.fresh = True
        h_s = min(max((now - self.last) / SECOND, row.period_ns / SECOND * 0.5), row.period_ns / SECOND * 2)
        self.last = now
        if row.kind == "feed":
            self._feed(image)
            return None
        if row.kind == "on_off":
            self._switch(image)
            return None
        if row.kind == "direct":
            self._move(None, h_s)
            self.out = min(max(self.ramped if self.ramped is not None else self.sp, row.out_low), row.out_high)
            return None
        assert row.pv is not None
        if image.quality[row.pv] & 0xC0000000:
            return self._bad(now)
        self.bad_since = None
        pv = image.value[row.pv]
        self._move(pv, h_s)
        assert self.ramped is not None
        sp = self.ramped
        if row.linearise == "strong_acid":
            sp, pv = strong_acid(sp), strong_acid(pv)
        if self.pid.fresh:
            self.pid.track(actual if actual is not None else self.out, sp, pv)
        self.out = self.pid.update(sp, pv, h_s, actual)
        return None

    def _move(self, pv: float | None, h_s: float) -> None:
        """Ramp the working setpoint towards the wanted one; wait while pv lags it by more than the holdback."""
        assert self.sp is not None
        sp = min(max(self.sp, self.row.sp_low), self.row.sp_high)
        if self.ramped is None:
            self.ramped = pv if pv is not None and self.rate else (self.out if self.rate else sp)
        if not self.rate:
            self.ramped = sp
            return
        way = sp - self.ramped
        hold = self.row.holdback
        if pv is not None and hold is not None and (self.ramped - pv) * (1 if way > 0 else -1) > hold:
            return
        step = self.rate * h_s
        self.ramped += min(max(way, -step), step)

    def _switch(self, image: Image) -> None:
        """On below the setpoint, off above it plus a twentieth of ``gain`` as hysteresis; off while pv is not Good."""
        row = self.row
        assert row.pv is not None
        assert self.sp is not None
        if image.quality[row.pv] & 0xC0000000:
            self.out = row.out_low
        elif image.value[row.pv] < self.sp:
            self.out = row.out_high
        elif image.value[row.pv] > self.sp + abs(row.gain) / 20.0:
            self.out = row.out_low

    def _feed(self, image: Image) -> None:
        """The least of the wanted rate and every limit; a limit whose value is not Good allows nothing."""
        row = self.row
        assert self.sp is not None
        allowed, by = min(max(self.sp, row.out_low), row.out_high), "recipe"
        for limit in row.limits:
            good = image.quality[limit.pv] & 0xC0000000 == 0
            rate = limit.fraction(image.value[limit.pv]) * row.out_high if good else row.out_low
            if rate < allowed:
                allowed, by = rate, limit.name if good else limit.name + " (not good)"
        self.out, self.limited_by = allowed, by

    def _bad(self, now: int) -> LoopMode | None:
        """pv is not Good: hold the output for a while, then MANUAL with the configured action."""
        if self.bad_since is None:
            self.bad_since = now
        if now - self.bad_since < self.row.bad_hold_ns:
            return None
        out = self.row.safe_out if self.row.bad_out == "safe" else self.out
        entry = LoopMode(loop=self.row.name, mode="MANUAL", was=self.mode, setpoint=self.sp, out=out, owner=self.owner, cause="pv not good")
        self.apply(entry)
        return entry


def request(loop: Loop, mode: str, setpoint: float | None, owner: str, cause: str, out: float | None = None,
            ramp_per_min: float | None = None) -> Entry | str | None:
    """The entry that would put a loop into a mode; None when nothing changes; a sentence when it is refused."""
    row = loop.row
    if mode not in MODES:
        return f"{row.name}: no mode {mode!r}; there are {', '.join(MODES)}"
    if mode == "CASCADE" and not row.outer:
        return f"{row.name}: no loop drives it; nothing changed"
    if mode == "AUTO" and setpoint is None and loop.sp is None:
        return f"{row.name}: AUTO needs a setpoint, {row.sp_low:g}..{row.sp_high:g}; nothing changed"
    if ramp_per_min is not None and not 0 < ramp_per_min < math.inf:
        return f"{row.name}.ramp: {ramp_per_min:g} per min is no ramp; nothing changed"
    if setpoint is not None and not (math.isfinite(setpoint) and row.sp_low <= setpoint <= row.sp_high):
        return f"{row.name}.sp: {setpoint:g} outside {row.sp_low:g}..{row.sp_high:g}; nothing changed"
    if out is not None and not row.out_low <= out <= row.out_high:
        return f"{row.name}.out: {out:g} outside {row.out_low:g}..{row.out_high:g}; nothing changed"
    same_sp = setpoint is None or setpoint == loop.sp
    same_ramp = ramp_per_min is None or mode == "MANUAL" or abs(ramp_per_min / 60.0 - (loop.rate or 0.0)) < 1e-12
    if mode == loop.mode and same_sp and same_ramp and owner == loop.owner and (out is None or out == loop.out):
        return None
    keep = None if mode == "CASCADE" else loop.sp
    return LoopMode(loop=row.name, mode=mode, was=loop.mode, setpoint=setpoint if setpoint is not None else keep,
                    setpoint_was=loop.sp, out=out, ramp_per_min=ramp_per_min, owner=owner, cause=cause)
