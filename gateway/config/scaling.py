"""How a tag's value follows from its device's point: tag = point * gain + offset.

    >>> span_line(((4.0, 20.0), (0.0, 100.0)))
    (6.25, -25.0)
"""

from __future__ import annotations

from devices.profile import Profile
from devices.units import factor
from gateway.config.models import Tag

Span = tuple[tuple[float, float], tuple[float, float]]


def span_line(span: Span) -> tuple[float, float]:
    """Gain and offset of the line through both ends of a span."""
    (p0, p1), (t0, t1) = span
    gain = (t1 - t0) / (p1 - p0)
    return gain, t0 - gain * p0


def tag_line(tag: Tag, profile: Profile) -> tuple[float, float]:
    """Gain and offset from the device's point to the tag: its span where it has one, else conversion of units."""
    if tag.span is not None:
        return span_line(tag.span)
    known = {p.name: p.unit for p in (*profile.points, *profile.nodes)}
    return factor(known[tag.point or ""], tag.unit)
