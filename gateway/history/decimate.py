"""Fewer samples that look the same: of each stretch of time the first, lowest, highest and last good one, and the first bad one.

    >>> decimate([(t, float(t == 50), 0) for t in range(100)], 20)[4:7]
    [(49, 0.0, 0), (50, 1.0, 0), (74, 0.0, 0)]
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

Point = tuple[int, float, int]                  # UTC ns, value, quality
_BAD = 0x80000000
_EACH = 5                                       # most samples kept of one stretch


def decimate(rows: Sequence[Point], max_points: int) -> list[Point]:
    """At most ``max_points`` (but at least 5) of ``rows``, which are in order of time."""
    if len(rows) <= max_points:
        return list(rows)
    stretches = max(1, max_points // _EACH)
    begin, span = rows[0][0], rows[-1][0] - rows[0][0] + 1
    times = [row[0] for row in rows]
    kept: list[Point] = []
    at = 0
    for k in range(stretches):
        to = bisect_left(times, begin + -(-(k + 1) * span // stretches), at)
        kept += _of(rows[at:to])
        at = to
    return kept


def _of(rows: Sequence[Point]) -> list[Point]:
    """The samples to keep of one stretch, in order."""
    good = [i for i, row in enumerate(rows) if row[2] < _BAD and row[1] == row[1]]
    keep = {next((i for i, row in enumerate(rows) if row[2] >= _BAD or row[1] != row[1]), -1)}
    if good:
        keep |= {good[0], min(good, key=lambda i: rows[i][1]), max(good, key=lambda i: rows[i][1]), good[-1]}
    return [rows[i] for i in sorted(keep) if i >= 0]
