"""One loop as configuration wires it: indices into the image and the outputs, limits, tuning."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.control.dosing import DoseRow
from gateway.control.image import SECOND
from gateway.control.linear import Zone
from gateway.control.pid import Tuning


class LimitRow(msgspec.Struct, frozen=True):
    """A limit on a feed: full rate at or below ``full``, none at ``zero``, linear between (either way round)."""

    name: str
    pv: int
    full: float
    zero: float

    def fraction(self, value: float) -> float:
        """Share of the full rate allowed at this value, 0..1."""
        return min(max((self.zero - value) / (self.zero - self.full), 0.0), 1.0)


class Forward(msgspec.Struct, frozen=True):
    """Feed-forward: ``gain`` * (value - ``zero``) is added to the output; a value that is not Good leaves the last one standing."""

    pv: int
    gain: float
    zero: float = 0.0


class LoopRow(msgspec.Struct, frozen=True, kw_only=True):
    """One loop, wired. ``inner``: name of the loop it drives in cascade; ``outer``: whether some loop drives this one.

    ``straight``: turns sp and pv into what the controller sees (``linear``). ``good_scans``: Good readings in a row that end a
    time without. ``sp_track``: taken to AUTO without a setpoint it keeps the pv it has.
    """

    name: str
    kind: str                                   # one of laws.KINDS
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
    gap: float = 0.0
    out_low: float = 0.0
    out_high: float = 100.0
    out_rate_per_s: float | None = None
    sp_low: float = float("-inf")
    sp_high: float = float("inf")
    sp_rate_per_s: float | None = None
    sp_track: bool = False
    holdback: float | None = None
    straight: Any = None
    forward: Forward | None = None
    zones: tuple[Zone, ...] = ()
    zones_pv: int | None = None                 # what the schedule goes by, where that is not pv
    zones_margin: float = 0.0
    hysteresis: float = 0.0
    bias: float = 0.0
    dose: DoseRow | None = None
    pick: str = "low"                           # select: low | high
    bad_hold_ns: int = 3 * SECOND
    good_scans: int = 3
    bad_out: str = "safe"                       # safe | hold | ramp: to the safe output at out_rate_per_s
    safe_out: float = 0.0
    keeps: bool = False                         # the safe value of the (upper) output is to keep what it does
    keeps_low: bool = False                     # the same of the lower output of a split range
    limits: tuple[LimitRow, ...] = ()
    band: float = 1.0                           # deviation from sp that counts as in limits, for the figures of performance
    span: float = 100.0                         # of the pv, likewise

    def tuning(self) -> Tuning:
        """As configured."""
        return Tuning(self.gain, self.ti_s, self.td_s, self.tf_s, self.b, self.gap)

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

    def safe_from(self, out: float) -> float:
        """Where it does no harm, seen from where it is: an output whose safe value is to keep what it does is left at it."""
        if self.output_low is None:
            return out if self.keeps else self.safe_out
        high = self.share(out if self.keeps else self.safe_out)
        return self.whole(high, self.share_low(out if self.keeps_low else self.safe_out))

    def whole(self, high: float, low: float) -> float:
        """The loop's output that stands for what its outputs do."""
        if self.output_low is None:
            return high
        middle = (self.out_low + self.out_high) / 2.0
        return middle + high / 100.0 * (self.out_high - middle) - low / 100.0 * (middle - self.out_low)
