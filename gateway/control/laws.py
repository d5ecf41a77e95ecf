"""What a loop does with its setpoint, kind by kind: pid, ratio, total, feed, on_off, direct, select.

    law = make(row)
    law.move(row, sp, image, h_s, now, actual)      # the output it asks for

``needs``: what it is without a Good pv. "hold": the loop holds its output for a while, then lets go; "close": it is off at once;
"nothing": it looks at no pv. A loop that needs one is not taken out of MANUAL without.
"""

from __future__ import annotations

import math
from typing import Protocol

from gateway.control.dosing import Dosing
from gateway.control.image import Image
from gateway.control.linear import Schedule
from gateway.control.loop_row import LoopRow
from gateway.control.pid import Pid, Tuning

_MASK = 0xC0000000


class Law(Protocol):
    """State and rule of one kind. ``limited_by``: what sets the output, where that is not the setpoint."""

    needs: str
    limited_by: str

    def move(self, row: LoopRow, sp: float, image: Image, h_s: float, now: int, actual: float | None) -> float: ...
    def begin(self, out: float) -> None: ...
    def show(self) -> dict[str, object]: ...


class _Plain:
    """A law that remembers nothing from one start to the next and has nothing more to show."""

    __slots__ = ("limited_by",)

    def __init__(self, row: LoopRow) -> None:
        self.limited_by = ""

    def begin(self, out: float) -> None:
        """Nothing to forget."""

    def show(self) -> dict[str, object]:
        return {}


class PidLaw:
    """The controller with what makes its process straight, its gain schedule and its feed-forward."""

    needs = "hold"
    __slots__ = ("limited_by", "tuning", "pid", "schedule", "forward", "tracked", "factor")

    def __init__(self, row: LoopRow) -> None:
        self.limited_by = ""
        self.tuning = row.tuning()
        self.pid = Pid(self.tuning, row.out_low, row.out_high, row.out_rate_per_s or float("inf"))
        self.schedule = Schedule(row.zones, row.zones_margin) if row.zones else None
        self.forward = 0.0                      # the last that could be told
        self.factor = 1.0
        self.tracked: float | None = None       # what the integral was made to follow in the last step

    def begin(self, out: float) -> None:
        """A new start: the next step continues from ``out``, or from where the actuator is."""
        self.pid.fresh, self.pid.out = True, out

    def move(self, row: LoopRow, sp: float, image: Image, h_s: float, now: int, actual: float | None) -> float:
        pid = self.pid
        assert row.pv is not None
        if self.schedule is not None:
            self._schedule(self.schedule, row.pv if row.zones_pv is None else row.zones_pv, image)
        if row.forward is not None and not image.quality[row.forward.pv] & _MASK:
            self.forward = row.forward.gain * (image.value[row.forward.pv] - row.forward.zero)
        sp, pv = self._straight(row, sp, image.value[row.pv])
        if pid.fresh:
            pid.track(pid.out if actual is None else actual, sp, pv, self.forward)
        self.tracked = actual
        return pid.update(sp, pv, h_s, actual, self.forward)

    def follow(self, row: LoopRow, sp: float, image: Image, out: float) -> float:
        """What it drives listens to somebody else: be where that is, so that it can be taken over without a bump."""
        assert row.pv is not None
        sp, pv = self._straight(row, sp, image.value[row.pv])
        self.pid.track(out, sp, pv, self.forward)
        self.tracked = out
        return self.pid.out

    def _straight(self, row: LoopRow, sp: float, pv: float) -> tuple[float, float]:
        """Both as the controller sees them."""
        return (sp, pv) if row.straight is None else (row.straight(sp), row.straight(pv))

    def retune(self, tuning: Tuning) -> None:
        """Another tuning from now on, without a bump; the schedule's factor stands on top of it."""
        self.tuning = tuning
        self._apply()

    def _schedule(self, schedule: Schedule, by: int, image: Image) -> None:
        if image.quality[by] & _MASK:
            return                              # unknown: the gain stays as it is
        factor = schedule.factor(image.value[by])
        if factor != self.factor:
            self.factor = factor
            self._apply()

    def _apply(self) -> None:
        t = self.tuning
        self.pid.retune(Tuning(t.gain * self.factor, t.ti_s, t.td_s, t.tf_s, t.b, t.gap))

    def show(self) -> dict[str, object]:
        pid, t = self.pid, self.pid.tuning
        terms = dict(zip(("p", "i", "d", "ff"), pid.terms, strict=True))
        tuning = {"gain": t.gain, "ti_s": t.ti_s, "td_s": t.td_s, "tf_s": t.tf_s, "b": t.b, "gap": t.gap}
        return {"terms": terms, "tuning": tuning, "gain_factor": self.factor, "pv_seen": pid.y, "tracking": self.tracked}


class RatioLaw(_Plain):
    """So much for each unit of a wild flow: out = sp * pv + bias."""

    needs = "hold"
    __slots__ = ()

    def move(self, row: LoopRow, sp: float, image: Image, h_s: float, now: int, actual: float | None) -> float:
        assert row.pv is not None
        return sp * image.value[row.pv] + row.bias


class TotalLaw(_Plain):
    """Dose to a total: sp is what the counter shall show. A counter that is not Good closes."""

    needs = "close"
    __slots__ = ("dosing",)

    def __init__(self, row: LoopRow) -> None:
        assert row.dose is not None
        super().__init__(row)
        self.dosing = Dosing(row.dose)

    def move(self, row: LoopRow, sp: float, image: Image, h_s: float, now: int, actual: float | None) -> float:
        assert row.pv is not None
        if image.quality[row.pv] & _MASK:
            self.limited_by = "total not good"
            return row.out_low
        rate = self.dosing.rate(image.value[row.pv], sp, now)
        self.limited_by = "total fell" if self.dosing.fell else ""
        return rate

    def show(self) -> dict[str, object]:
        return {"in_flight": self.dosing.in_flight, "closed": self.dosing.closed}


class OnOffLaw(_Plain):
    """On below the setpoint, off above it plus the hysteresis; off while pv is not Good."""

    needs = "close"
    __slots__ = ("out",)

    def __init__(self, row: LoopRow) -> None:
        super().__init__(row)
        self.out = row.out_low

    def begin(self, out: float) -> None:
        """Between its two limits it stays as it is."""
        self.out = out

    def move(self, row: LoopRow, sp: float, image: Image, h_s: float, now: int, actual: float | None) -> float:
        assert row.pv is not None
        pv = image.value[row.pv]
        if image.quality[row.pv] & _MASK or pv > sp + row.hysteresis:
            self.out = row.out_low
        elif pv < sp:
            self.out = row.out_high
        return self.out


class DirectLaw(_Plain):
    """The working setpoint is the output."""

    needs = "nothing"
    __slots__ = ()

    def move(self, row: LoopRow, sp: float, image: Image, h_s: float, now: int, actual: float | None) -> float:
        return sp


class FeedLaw(_Plain):
    """The least of the wanted rate and every limit; a limit whose value is not Good allows nothing."""

    needs = "nothing"
    __slots__ = ()

    def move(self, row: LoopRow, sp: float, image: Image, h_s: float, now: int, actual: float | None) -> float:
        allowed, by = sp, "recipe"
        for limit in row.limits:
            good = image.quality[limit.pv] & _MASK == 0 and math.isfinite(image.value[limit.pv])
            rate = limit.fraction(image.value[limit.pv]) * row.out_high if good else row.out_low
            if rate < allowed:
                allowed, by = rate, limit.name if good else limit.name + " (not good)"
        self.limited_by = by
        return allowed


class SelectLaw(_Plain):
    """The least or the greatest of what several controllers ask for. Each of them is told what was chosen (external reset)."""

    needs = "nothing"
    __slots__ = ("offers",)

    def __init__(self, row: LoopRow) -> None:
        super().__init__(row)
        self.offers: dict[str, float] = {}      # of the controllers that are not in MANUAL

    def move(self, row: LoopRow, sp: float, image: Image, h_s: float, now: int, actual: float | None) -> float:
        if not self.offers:
            self.limited_by = "nobody"
            return row.safe_out
        pick = min if row.pick == "low" else max
        self.limited_by = pick(self.offers, key=lambda name: (self.offers[name], name))
        return self.offers[self.limited_by]

    def show(self) -> dict[str, object]:
        return {"offers": dict(self.offers)}


_KINDS = {
    "pid": PidLaw, "ratio": RatioLaw, "total": TotalLaw, "on_off": OnOffLaw, "direct": DirectLaw, "feed": FeedLaw, "select": SelectLaw,
}  # fmt: skip
KINDS = tuple(_KINDS)


def make(row: LoopRow) -> Law:
    """The law of a row's kind. Raises KeyError for a kind there is not."""
    return _KINDS[row.kind](row)
