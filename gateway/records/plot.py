"""Small line plots as inline SVG: time in hours, bands for the phases, nothing drawn where nothing is known.

    svg = plot("Temperature", [Curve("TT-1011A", "degC", points)], bands, hours=6.5)

A point is (hours from the start of the batch, value, good). Colours come from the page's style sheet by class (``c0`` ..).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import msgspec

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 1040.0, 62.0, 62.0, 30.0, 34.0

Point = tuple[float, float, bool]


class Curve(msgspec.Struct, frozen=True):
    """One line. ``axis``: left or right; ``dashed`` for a setpoint (drawn in steps); ``dots`` for single
    results, with ``u`` beside them: half the length of each one's bar.
    """

    label: str
    unit: str
    points: Sequence[Point]
    axis: str = "left"
    dashed: bool = False
    dots: bool = False
    u: Sequence[float] = ()
    colour: int = 0


class Band(msgspec.Struct, frozen=True):
    """A phase, hours from the start of the batch; ``held`` bands are hatched."""

    label: str
    start: float
    end: float
    held: bool = False


class Axis(msgspec.Struct, frozen=True):
    """A scale and its ticks."""

    low: float
    high: float
    ticks: list[float]
    unit: str


def nice(low: float, high: float, unit: str = "", most: int = 5) -> Axis:
    """An axis over ``low``..``high`` with round ticks.

    >>> nice(0.0, 83.0).ticks
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        low, high = 0.0, 1.0
    if high - low < 1e-9 * max(1.0, abs(high)):
        low, high = low - 0.5, high + 0.5
    raw = (high - low) / most
    size = 10.0 ** math.floor(math.log10(raw))
    step = next((size * k for k in (1, 2, 2.5, 5, 10) if size * k >= raw * 0.999), size * 10)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [round(k * step, 10) for k in range(first, last + 1)]
    return Axis(ticks[0], ticks[-1], ticks, unit)


def plot(title: str, curves: Sequence[Curve], bands: Sequence[Band], hours: float, *, height: float = 210.0, names: bool = False) -> str:
    """An SVG of ``height`` px at full width. ``names``: write the phases' names above (for the first plot of a column)."""
    frame = _Frame(max(hours, 1e-6), height + (16 if names else 0), TOP + (16 if names else 0))
    axes = {side: _axis([curve for curve in curves if curve.axis == side]) for side in ("left", "right")}
    parts = [f'<svg class="plot" viewBox="0 0 {WIDTH:g} {frame.height:g}" role="img" aria-label="{escape(title)}">']
    parts += [_band(frame, i, band, names) for i, band in enumerate(bands)]
    parts += [_time_axis(frame), *(_value_axis(frame, axis, side) for side, axis in axes.items() if axis is not None)]
    for curve in curves:
        axis = axes[curve.axis]
        if axis is not None:
            parts.append(_dots(frame, axis, curve) if curve.dots else _line(frame, axis, curve))
    parts += [f'<text class="title" x="{LEFT:g}" y="14">{escape(title)}</text>', _legend(curves), "</svg>"]
    return "".join(parts)


class _Frame:
    """Where the drawing lies: x of hours, y of a value."""

    def __init__(self, hours: float, height: float, top: float) -> None:
        self.hours, self.height, self.top = hours, height, top
        self.bottom = height - BOTTOM
        self.right = WIDTH - RIGHT

    def x(self, hours: float) -> float:
        return LEFT + (self.right - LEFT) * min(max(hours / self.hours, 0.0), 1.0)

    def y(self, axis: Axis, value: float) -> float:
        return self.bottom - (self.bottom - self.top) * (value - axis.low) / (axis.high - axis.low)


def _axis(curves: Sequence[Curve]) -> Axis | None:
    if not curves:
        return None
    values = [value for curve in curves for _, value, good in curve.points if good and math.isfinite(value)]
    spread = max((u for curve in curves for u in curve.u), default=0.0)
    low, high = min(values, default=0.0), max(values, default=1.0)
    return nice(low - spread if low < 0 else max(0.0, low - spread), high + spread, curves[0].unit)


def _band(frame: _Frame, i: int, band: Band, names: bool) -> str:
    x, w = frame.x(band.start), frame.x(band.end) - frame.x(band.start)
    if w < 0.3:
        return ""
    kind = "held" if band.held else f"band{i % 2}"
    drawn = f'<rect class="{kind}" x="{x:.1f}" y="{frame.top:g}" width="{w:.1f}" height="{frame.bottom - frame.top:g}"/>'
    if names and len(band.label) * 6.0 + 4 < w:
        drawn += f'<text class="phase" x="{x + w / 2:.1f}" y="{frame.top - 5:g}">{escape(band.label)}</text>'
    return drawn


def _time_axis(frame: _Frame) -> str:
    ticks = [t for t in nice(0.0, frame.hours, most=10).ticks if t <= frame.hours * 1.0001]
    marks = "".join(
        f'<path class="tick" d="M{x:.1f} {frame.bottom:g}v4"/><text class="hour" x="{x:.1f}" y="{frame.bottom + 16:g}">{t:g}</text>'
        for t, x in ((t, frame.x(t)) for t in ticks))
    return (f'{marks}<path class="rule" d="M{LEFT:g} {frame.bottom:g}H{frame.right:g}"/>'
            f'<text class="hours" x="{frame.right:g}" y="{frame.bottom + 29:g}">hours from start of batch</text>')


def _value_axis(frame: _Frame, axis: Axis, side: str) -> str:
    x, shift = (LEFT, -7.0) if side == "left" else (frame.right, 7.0)
    marks = "".join(
        (f'<path class="grid" d="M{LEFT:g} {frame.y(axis, t):.1f}H{frame.right:g}"/>' if side == "left" else "")
        + f'<text class="{side}" x="{x + shift:g}" y="{frame.y(axis, t) + 4:.1f}">{t:g}</text>' for t in axis.ticks)
    return f'{marks}<text class="unit {side}" x="{x + shift:g}" y="{frame.top - 9:g}">{escape(axis.unit)}</text>'


def _line(frame: _Frame, axis: Axis, curve: Curve) -> str:
    """The line, broken where a value is not good; stretches without good values are marked on the time axis."""
    path: list[str] = []
    holes: list[str] = []
    down, hole = False, None
    for hours, value, good in curve.points:
        if good and math.isfinite(value):
            x, y = f"{frame.x(hours):.1f}", f"{frame.y(axis, value):.1f}"
            path.append(f"M{x} {y}" if not down else f"H{x}V{y}" if curve.dashed else f"L{x} {y}")
            holes += [] if hole is None else [_hole(frame, hole, hours)]
            down, hole = True, None
        else:
            down, hole = False, hours if hole is None else hole
    if hole is not None:
        holes.append(_hole(frame, hole, frame.hours))
    dash = " dashed" if curve.dashed else ""
    return f'{"".join(holes)}<path class="line c{curve.colour}{dash}" d="{"".join(path) or "M0 0"}"/>'


def _hole(frame: _Frame, start: float, end: float) -> str:
    x, height = frame.x(start), frame.bottom - frame.top
    width = max(1.5, frame.x(end) - x)
    return f'<rect class="hole" x="{x:.1f}" y="{frame.top:g}" width="{width:.1f}" height="{height:g}"><title>no good value</title></rect>'


def _dots(frame: _Frame, axis: Axis, curve: Curve) -> str:
    """Single results joined by a thin line, each with its 2u bar; one of poor quality is drawn open and not joined."""
    spread = [*curve.u, *[0.0] * len(curve.points)]
    parts: list[str] = []
    joined: list[str] = []
    for (hours, value, good), u in zip(curve.points, spread, strict=False):
        x, y = frame.x(hours), frame.y(axis, min(max(value, axis.low), axis.high))
        if good:
            joined.append(f"{'L' if joined else 'M'}{x:.1f} {y:.1f}")
        reach = frame.y(axis, 0.0) - frame.y(axis, u)
        parts.append(f'<path class="line c{curve.colour}" d="M{x:.1f} {y - reach:.1f}V{y + reach:.1f}"/>' if good and reach >= 1 else "")
        parts.append(f'<circle class="c{curve.colour}{"" if good else " open"}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>')
    return f'<path class="line thin c{curve.colour}" d="{"".join(joined) or "M0 0"}"/>{"".join(parts)}'


def _legend(curves: Sequence[Curve]) -> str:
    """Names of the lines, right-aligned above the drawing."""
    parts: list[str] = []
    x = WIDTH - RIGHT
    for curve in reversed(curves):
        x -= len(curve.label) * 6.6 + 6
        parts.append(f'<text class="key" x="{x:.1f}" y="14">{escape(curve.label)}</text>')
        x -= 24
        mark = "dashed" if curve.dashed else ""
        parts.append(f'<path class="line {mark} c{curve.colour}" d="M{x:.1f} 10h18"/>')
        x -= 12
    return "".join(parts)
