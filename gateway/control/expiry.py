"""When to say that a certificate will end: 30, 7 and 1 days before, and once it has.

    >>> expiry = Expiry("server certificate", ends_utc=40 * DAY)
    >>> expiry.due(9 * DAY), expiry.due(12 * DAY), expiry.due(13 * DAY)
    (None, 'server certificate ends on 1970-02-10, in 28 days', None)

Pure. Source: the warnings that IEC 62443-4-2 CR 1.8 leaves to the product (days assumed).
"""

from __future__ import annotations

from datetime import UTC, datetime

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
DAYS = (30, 7, 1, 0)


class Expiry:
    """One certificate. ``ends_utc``: the last instant at which it is valid, ns."""

    __slots__ = ("ends_utc", "what", "_told")

    def __init__(self, what: str, ends_utc: int) -> None:
        self.what, self.ends_utc = what, ends_utc
        self._told = 0                          # how many of DAYS have been said

    def due(self, utc: int) -> str | None:
        """A sentence when another limit has passed at ``utc`` (ns) that was not spoken of yet."""
        left = self.ends_utc - utc
        passed = sum(left <= days * DAY for days in DAYS)
        if passed <= self._told:
            return None
        self._told = passed
        return self.words(utc)

    def words(self, utc: int) -> str:
        """When it ends, from 30 days before on; empty until then."""
        left = self.ends_utc - utc
        if left > DAYS[0] * DAY:
            return ""
        date = f"{datetime.fromtimestamp(self.ends_utc // SECOND, UTC):%Y-%m-%d}"
        if left <= 0:
            return f"{self.what} ended on {date}: the next connection will be refused"
        return f"{self.what} ends on {date}, in {left // DAY} day{'' if left // DAY == 1 else 's'}"
