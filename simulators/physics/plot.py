"""A small line plot in SVG, for the leach model's page; plain Python, no library."""

from typing import Final

from simulators.physics.kinetics import ROASTED_A
from simulators.physics.validation import curve, lone_curve, titration

_W, _H, _LEFT, _TOP = 420, 300, 56, 34
_COLOURS: Final = ("#0b6e4f", "#c8553d", "#588b8b", "#28536b", "#999999")
Series = tuple[str, list[tuple[float, float]], bool]


def _panel(x0: float, words: tuple[str, str, str], series: list[Series], x_ticks: list[float], y_ticks: list[float]) -> str:
    """One diagram at `x0`; `words` are its title and the names of its axes, which end at their last ticks."""
    (title, x_name, y_name), x_top, y_top = words, x_ticks[-1], y_ticks[-1]

    def at(x: float, y: float) -> str:
        return f"{x0 + _LEFT + x / x_top * _W:.1f},{_TOP + _H - min(y, y_top) / y_top * _H:.1f}"

    left, bottom = x0 + _LEFT, _TOP + _H
    parts = [
        f'<text x="{left}" y="{_TOP - 12}" font-size="14" font-weight="600">{title}</text>',
        f'<rect x="{left}" y="{_TOP}" width="{_W}" height="{_H}" fill="none" stroke="#444"/>',
        f'<text x="{left + _W / 2}" y="{bottom + 36}" text-anchor="middle">{x_name}</text>',
        f'<text transform="translate({x0 + 16},{_TOP + _H / 2}) rotate(-90)" text-anchor="middle">{y_name}</text>',
    ]
    for t in x_ticks:
        x = at(t, 0.0).split(",")[0]
        parts.append(f'<line x1="{x}" y1="{bottom}" x2="{x}" y2="{_TOP}" stroke="#eee"/>')
        parts.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{t:g}</text>')
    for t in y_ticks:
        y = at(0.0, t).split(",")[1]
        parts.append(f'<line x1="{left}" y1="{y}" x2="{left + _W}" y2="{y}" stroke="#eee"/>')
        parts.append(f'<text x="{left - 6}" y="{float(y) + 4:.1f}" text-anchor="end">{t:g}</text>')
    for k, (name, points, dashed) in enumerate(series):
        colour = _COLOURS[k % len(_COLOURS)]
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        path = " ".join(at(x, y) for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        y = bottom - 14 - 16 * (len(series) - 1 - k)
        x = left + _W - 178
        parts.append(f'<line x1="{x}" y1="{y - 4}" x2="{x + 24}" y2="{y - 4}" stroke="{colour}" stroke-width="2"{dash}/>')
        parts.append(f'<text x="{left + _W - 148}" y="{y}">{name}</text>')
    return "\n".join(parts)


def leach_svg() -> str:
    """Two panels: extraction of row A's feed with time, and the titration of a leach liquor."""
    minutes = [1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 150, 180, 210, 240, 270, 300]

    def percent(parts: list[float]) -> list[tuple[float, float]]:
        return [(0.0, 0.0), *((float(t), 100.0 * x) for t, x in zip(minutes, parts, strict=True))]

    leach: list[Series] = [(f"model {t:.0f} degC", percent(curve(ROASTED_A, t, minutes)), False) for t in (95.0, 85.0, 75.0)]
    for name, law in (("A' chemical, 95 degC", "chemical"), ("A'' ash, 95 degC", "ash")):
        leach.append((name, percent(lone_curve(law, minutes)), True))
    points = [p for p in titration() if p[0] <= 1.0]
    width, height = 2 * (_W + _LEFT + 30), _TOP + _H + 52
    words = ("Row A: extraction of Nd, 0.5 M HCl, 100 g/L", "minutes", "%")
    first = _panel(0, words, leach, [0, 60, 120, 180, 240, 300], [0, 25, 50, 75, 100])
    words = ("Titration: 0.1 M Fe(III), 0.15 M Nd, 25 degC", "NaOH, mol per litre", "pH")
    ticks: list[float] = [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    second = _panel(_W + _LEFT + 30, words, [("model", points, False)], ticks, [0, 2, 4, 6, 8, 10, 12, 14])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" role="img">\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n{first}\n{second}\n</svg>\n'
    )
