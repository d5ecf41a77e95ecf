"""What an OPC UA server says of itself, and what that makes of its values.

A server that is not Running, or whose service level is below 200, serves values that may be old, simulated or another
server's: Uncertain. A clock that is wrong by more than 5 s spoils no value (ours ages them), but the record should know.

Source: OPC 10000-5 12.6 ServerState; OPC 10000-4 6.6.2.4.2 ServiceLevel (200..255 healthy, 2..199 degraded, 1 no data,
0 maintenance).
"""

from __future__ import annotations

from devices.quality import GOOD, UNCERTAIN

SECOND = 1_000_000_000
RUNNING = 0
STATES = ("Running", "Failed", "NoConfiguration", "Suspended", "Shutdown", "Test", "CommunicationFault", "Unknown")
HEALTHY = 200
SKEW = 5 * SECOND


class Serving:
    """The last word of one server. ``quality``: the best that its values can have. A server that does not say is taken to be well."""

    __slots__ = ("quality", "why", "_clock_says", "_skewed")

    def __init__(self) -> None:
        self.quality, self.why = GOOD, ""
        self._skewed, self._clock_says = False, ""

    def complaints(self) -> dict[str, str]:
        """What is wrong with it now, by its cause, in words."""
        found = {"degraded": self.why} if self.why else {}
        return found | {"skewed": self._clock_says} if self._skewed else found

    def heard(self, state: int | None, level: int | None, time_utc: int | None, utc: int) -> list[tuple[str, str]]:
        """Take in what it says at ``utc`` (ns, ours); the events that follow, each once a change."""
        events: list[tuple[str, str]] = []
        why = ""
        if state is not None and state != RUNNING:
            why = f"server state is {STATES[state] if 0 <= state < len(STATES) else state}"
        elif level is not None and level < HEALTHY:
            why = f"service level is {level}"
        if bool(why) != bool(self.why):
            events.append(("degraded", f"{why}: its values are uncertain") if why else ("restored", f"it was: {self.why}"))
        self.why, self.quality = why, UNCERTAIN if why else GOOD
        return events + self._clock(time_utc, utc)

    def _clock(self, time_utc: int | None, utc: int) -> list[tuple[str, str]]:
        if not time_utc:
            return []
        ahead = time_utc - utc
        skewed = abs(ahead) > (SKEW // 2 if self._skewed else SKEW)
        if skewed == self._skewed:
            return []
        self._skewed = skewed
        if not skewed:
            return [("skew_ended", "its clock is right again")]
        self._clock_says = f"its clock is {abs(ahead) / SECOND:.0f} s {'ahead of' if ahead > 0 else 'behind'} ours"
        return [("skewed", self._clock_says)]
