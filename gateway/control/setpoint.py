"""The setpoint that a controller follows now: ramped towards the wanted one, and waiting while pv lags it.

    >>> working = Working()
    >>> working.move(80.0, pv=20.0, begin=20.0, rate=0.5, holdback=4.0, h_s=2.0)
    21.0
"""

from __future__ import annotations


class Working:
    """State of one ramp. ``at``: the working setpoint, None until it has begun; ``held``: the ramp waits for pv."""

    __slots__ = ("at", "held")

    def __init__(self) -> None:
        self.at: float | None = None
        self.held = False

    def move(self, sp: float, pv: float | None, begin: float, rate: float | None, holdback: float | None, h_s: float) -> float:
        """One step towards ``sp`` at ``rate`` (units per s, None: at once), from ``begin`` where it has not begun.

        It waits while pv lags it by more than ``holdback`` on the way; going back is never held.
        """
        self.held = False
        if not rate:
            self.at = sp
            return sp
        at = begin if self.at is None else self.at
        way = sp - at
        if pv is not None and holdback is not None and (at - pv) * (1 if way > 0 else -1) > holdback:
            self.held = way != 0.0
        else:
            at += min(max(way, -rate * h_s), rate * h_s)
        self.at = at
        return at
