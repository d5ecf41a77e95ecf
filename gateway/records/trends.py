"""The curves of a batch record: what the history has of the unit's tags, on the batch's own clock.

    curves = trends(record, history.query, {"temperature": "TT-1011A", "setpoint": "TIC-1011.sp", "ph": "AT-1012"})

Roles: temperature, setpoint, ph, acid_total, acid_rate, lel. A role without a tag, or a tag without samples, is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from devices.quality import is_bad, is_good
from gateway.control.chain import IcpResult
from gateway.control.machine import ENDED
from gateway.records.plot import Band, Curve, Point, plot
from gateway.records.record import BatchRecord

HOUR = 3_600_000_000_000
POINTS = 800



class Samples(Protocol):
    """What a history answers: UTC ns, values, qualities, of equal length."""

    @property
    def times(self) -> Sequence[int]: ...

    @property
    def values(self) -> Sequence[float]: ...

    @property
    def qualities(self) -> Sequence[int]: ...


Query = Callable[[str, int, int, int], Samples]  # tag, start and end (UTC ns), most points

# title, then for each curve: role, label, unit, axis, dashed, colour
PLOTS: list[tuple[str, list[tuple[str, str, str, str, bool, int]]]] = [
    ("Temperature", [("temperature", "measured", "°C", "left", False, 0), ("setpoint", "setpoint", "°C", "left", True, 4)]),
    ("pH", [("ph", "pH", "pH", "left", False, 2)]),
    ("Acid", [("acid_total", "total", "L", "left", False, 0), ("acid_rate", "rate", "L/min", "right", False, 1)]),
    ("Hydrogen in the vent", [("lel", "hydrogen", "% LEL", "left", False, 5)]),
]


def origin(record: BatchRecord) -> int:
    """The batch's own zero, UTC ns: when it started running, else when it was created."""
    return record.started_utc or record.created_utc


def bands(record: BatchRecord) -> list[Band]:
    """The steps while they ran, and holds over them."""
    zero, until = origin(record), record.until_utc
    ran = [
        Band(span.name, (span.start_utc - zero) / HOUR, ((span.end_utc or until) - zero) / HOUR)
        for span in record.steps
        if span.state not in ("IDLE", *ENDED, "HELD", "HOLDING")
    ]
    held = [Band("held", (span.start_utc - zero) / HOUR, ((span.end_utc or until) - zero) / HOUR, held=True) for span in record.holds]
    return ran + held


def svgs(record: BatchRecord, query: Query | None, roles: Mapping[str, str]) -> list[str]:
    """The plots of a record; those of the history only where ``query`` is given."""
    zero, until = origin(record), record.until_utc
    hours = max((until - zero) / HOUR, 0.01)
    shades = bands(record)
    drawn: list[str] = []
    for title, wanted in PLOTS if query is not None else []:
        curves: list[Curve] = []
        for role, label, unit, axis, dashed, colour in wanted:
            series = query(roles[role], zero, until, POINTS) if query is not None and role in roles else None
            if series is not None and series.times:
                drawn_points = points(series, zero)
                if dashed:                      # no setpoint is no fault of an instrument: nothing to mark as lost
                    drawn_points = [point for point in drawn_points if point[2]]
                curves.append(Curve(f"{label} {roles[role]}", unit, drawn_points, axis, dashed, colour=colour))
        if curves:
            drawn.append(plot(title, curves, shades, hours, names=not drawn))
    results = concentrations(record, zero)
    if results:
        drawn.append(plot("Rare earths in the leach, by ICP (bars: ±2u)", results, shades, hours, names=not drawn))
    return drawn


def points(series: Samples, zero: int) -> list[Point]:
    """Samples on the batch's clock; what is not Bad is drawn."""
    columns = zip(series.times, series.values, series.qualities, strict=True)
    return [((ts - zero) / HOUR, value, not is_bad(quality)) for ts, value, quality in columns]


def concentrations(record: BatchRecord, zero: int) -> list[Curve]:
    """One curve per element of the liquor results drawn for the leach, the six largest, at the time the sample was taken."""
    found: list[IcpResult] = []
    for stored in record.results:
        if isinstance(stored.entry, IcpResult) and stored.entry.unit == "g/L" and stored.entry.purpose.startswith("leach"):
            found.append(stored.entry)
    peak: dict[str, float] = {}
    for result in found:
        for element, value in result.values.items():
            peak[element] = max(value, peak.get(element, 0.0))
    largest = sorted(peak, key=lambda element: -peak[element])[:6]
    return [
        Curve(
            element,
            "g/L",
            [((r.taken_utc - zero) / HOUR, r.values[element], is_good(r.quality)) for r in found if element in r.values],
            dots=True,
            u=[2 * r.u.get(element, 0.0) for r in found if element in r.values],
            colour=i,
        )
        for i, element in enumerate(largest)
    ]
