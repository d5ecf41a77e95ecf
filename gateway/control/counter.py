"""A counter of a device as a total that never falls: wraps are added, resets told apart, what cannot be told is said.

    >>> counter = Counter(modulus=65536, most_per_s=10.0)
    >>> [counter.take(raw, now).total for raw, now in ((65530, 0.0), (65534, 1.0), (3, 2.0))]
    [65530, 65534, 65539]

Between two readings a counter may have wrapped (past ``modulus``) or begun anew at 0 (power, a person at its panel). A device that
tells how long it has been running leaves no doubt. Without that, what can have been counted at most in the time between decides: a
wrap that is within reach is one, a smaller number that is not is a new beginning. What fits neither adds nothing, is Uncertain and
is told, and so is a silence in which it may have gone round more than once (the least that can have been counted is added).

What cannot be seen without the running time: a new beginning within one reading's reach of 0 or of the end. The total is then off by
less than can be counted between two readings. Whole numbers in, whole numbers added: no rounding.
"""

from __future__ import annotations

import math

import msgspec

from devices.quality import GOOD, UNCERTAIN_LAST_USABLE, UNCERTAIN_SUBNORMAL

CLOCK_S, CLOCK_SHARE = 1.0, 0.001
"""How far a device's running time may be off between two readings: seconds, and of the time between (assumed)."""


class Counted(msgspec.Struct, frozen=True):
    """A total with its quality. ``event``: what a record must say: "" | wrapped | reset | gap; ``detail``: in words."""

    total: int
    quality: int = GOOD
    event: str = ""
    detail: str = ""


class Counter:
    """State of one counter. ``modulus``: where it wraps; ``most_per_s``: what it can count at most in a second.

    ``margin``: counts allowed beyond that (the instants of two readings are known to a scan or so).
    """

    __slots__ = ("modulus", "most_per_s", "margin", "total", "raw", "at_s", "running_s")

    def __init__(self, modulus: int, most_per_s: float, margin: int = 2) -> None:
        if not (modulus > 1 and 0 < most_per_s < math.inf):
            raise ValueError(f"modulus {modulus}, at most {most_per_s} per s: a counter wraps somewhere and counts no faster than it can")
        self.modulus, self.most_per_s, self.margin = modulus, most_per_s, margin
        self.total = 0
        self.raw: int | None = None
        self.at_s = 0.0
        self.running_s: float | None = None

    def take(self, raw: int, at_s: float, running_s: float | None = None) -> Counted:
        """One reading at ``at_s`` (monotonic, s). ``running_s``: the device's own time since its start, where it tells it."""
        last, since_s, ran_s = self.raw, at_s - self.at_s, self.running_s
        self.raw, self.at_s, self.running_s = raw, at_s, running_s
        if last is None:
            self.total = raw
            return Counted(raw)
        most = math.ceil(self.most_per_s * max(since_s, 0.0)) + self.margin
        forward, wrapped = raw - last, raw - last + self.modulus
        doubt_s = CLOCK_S + CLOCK_SHARE * since_s
        if running_s is not None and ran_s is not None and ran_s > doubt_s:
            restarted = running_s < ran_s + since_s - doubt_s
            return self._restarted(raw, most) if restarted else self._ran(forward if forward >= 0 else wrapped, most, forward < 0)
        if most >= self.modulus:
            self.total += min(raw, forward if forward >= 0 else wrapped)
            return self._gap(f"{since_s:.0f} s between two readings: it may have gone round more than once")
        if forward >= 0:
            return self._ran(forward, most, False)
        return self._ran(wrapped, most, True) if wrapped <= most else self._restarted(raw, most)

    def _ran(self, more: int, most: int, round_once: bool) -> Counted:
        if more > most:
            return self._gap(f"{more} counts where {most} are possible")
        self.total += more
        return Counted(self.total, event="wrapped" if round_once else "")

    def _restarted(self, raw: int, most: int) -> Counted:
        """It began anew: what it counted since is added, what it counted before that and nobody read is lost."""
        if raw > most:
            return self._gap(f"{raw} counts since its start where {most} are possible")
        self.total += raw
        return Counted(self.total, UNCERTAIN_SUBNORMAL, "reset", f"began anew and stands at {raw}; what nobody read before is not known")

    def _gap(self, why: str) -> Counted:
        return Counted(self.total, UNCERTAIN_LAST_USABLE, "gap", why)
