"""A record and its model, drawn: as an SVG that stands alone, and in characters for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from gateway.control.tuning.fit import Fit, Record
from gateway.records.plot import Axis, nice

WIDTH, LEFT, RIGHT, TOP = 920.0, 64.0, 16.0, 34.0
PANELS = ((260.0, 40.0), (120.0, 44.0))         # height of pv and output, and what is below each
ROWS, OUT_ROWS = 13, 4
STYLE = (
    "svg{background:#f8f8f9}text{font:11.5px sans-serif;fill:#5d646d}.t{font-size:13px;font-weight:600;fill:#24282d}"
    ".g{stroke:#dcdfe3}.l{fill:none;stroke-width:1.6}.pv{stroke:#1f4e79}.m{stroke:#8a5a00;stroke-dasharray:6 4}.o{stroke:#2f6b4f}"
    ".e{text-anchor:end}.k{text-anchor:middle}"
)


def svg(title: str, record: Record, fit: Fit, pv_unit: str, out_unit: str) -> str:
    """Pv and model above, the output below, over seconds."""
    end = max(record.t[-1], 1e-9)
    height = TOP + sum(a + b for a, b in PANELS)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-label="{escape(title)}">',
             f"<style>{STYLE}</style>", f'<text class="t" x="{LEFT:g}" y="16">{escape(title)}</text>',
             f'<text x="{WIDTH - RIGHT:g}" y="16" class="e">pv (blue), model (brown, dashed), output (green)</text>']
    times = nice(record.t[0], end, most=10)
    top = TOP
    panels = ((pv_unit, [("pv", record.t, record.pv, False), ("m", fit.t, fit.modelled, False)]),
              (out_unit, [("o", [*record.out_t, end], [*record.out, record.out[-1]], True)]))
    for (tall, below), (unit, curves) in zip(PANELS, panels, strict=True):
        axis = _axis([value for _, _, values, _ in curves for value in values], unit)
        parts += _frame(axis, times, record.t[0], end, top, tall)
        parts += [_line(kind, t, values, steps, axis, record.t[0], end, top, tall) for kind, t, values, steps in curves]
        top += tall + below
    parts.append(f'<text class="e" x="{WIDTH - RIGHT:g}" y="{height - 8:g}">s</text></svg>')
    return "".join(parts)


def characters(record: Record, fit: Fit, width: int) -> list[str]:
    """Pv as dots, the model as a line, the output below in blocks; each with its range at the left."""
    columns = max(min(width - 12, 100), 20)
    begin, end = record.t[0], max(record.t[-1], record.t[0] + 1e-9)
    pv, model = _columns(record.t, record.pv, begin, end, columns), _columns(fit.t, fit.modelled, begin, end, columns)
    out = _columns(record.out_t, record.out, begin, end, columns)
    low, high = _range([*pv, *model])
    grid = [[" "] * columns for _ in range(ROWS)]
    for x, (seen, modelled) in enumerate(zip(pv, model, strict=True)):
        grid[_row(modelled, low, high, ROWS)][x] = "-"
        there = _row(seen, low, high, ROWS)
        grid[there][x] = "*" if grid[there][x] == "-" else "."
    lines = [f"{_label(i, ROWS, low, high)} {''.join(row).rstrip()}" for i, row in enumerate(grid)]
    low, high = _range(out)
    for i in range(OUT_ROWS):
        row = "".join("#" if _row(value, low, high, OUT_ROWS) <= i else " " for value in out)
        lines.append(f"{_label(i, OUT_ROWS, low, high)} {row.rstrip()}")
    lines.append(f"{'':10} pv .  model -  both *  output #  over {end - begin:.4g} s")
    return lines


def _axis(values: Sequence[float], unit: str) -> Axis:
    return nice(min(values), max(values), unit)


def _frame(axis: Axis, times: Axis, begin: float, end: float, top: float, tall: float) -> list[str]:
    found = [f'<text x="{LEFT - 8:g}" y="{top - 13:g}" class="e">{escape(axis.unit)}</text>']
    for tick in axis.ticks:
        y = top + tall * (1.0 - (tick - axis.low) / (axis.high - axis.low))
        found.append(f'<path class="g" d="M{LEFT:g} {y:.1f}H{WIDTH - RIGHT:g}"/>'
                     f'<text class="e" x="{LEFT - 8:g}" y="{y + 4:.1f}">{tick:g}</text>')
    for tick in times.ticks:
        if begin <= tick <= end:
            found.append(f'<text class="k" x="{_x(tick, begin, end):.1f}" y="{top + tall + 16:.1f}">{tick:g}</text>')
    return found


def _line(kind: str, t: Sequence[float], values: Sequence[float], steps: bool, axis: Axis, begin: float, end: float, top: float,
          tall: float) -> str:
    path: list[str] = []
    for at, value in zip(t, values, strict=True):
        x = f"{_x(min(max(at, begin), end), begin, end):.1f}"
        y = f"{top + tall * (1.0 - (value - axis.low) / (axis.high - axis.low)):.1f}"
        path.append(f"M{x} {y}" if not path else f"H{x}V{y}" if steps else f"L{x} {y}")
    return f'<path class="l {kind}" d="{"".join(path)}"/>'


def _x(at: float, begin: float, end: float) -> float:
    return LEFT + (WIDTH - RIGHT - LEFT) * (at - begin) / max(end - begin, 1e-9)


def _columns(t: Sequence[float], values: Sequence[float], begin: float, end: float, columns: int) -> list[float]:
    """The value that held in the middle of each column."""
    found: list[float] = []
    at = 0
    for x in range(columns):
        middle = begin + (x + 0.5) * (end - begin) / columns
        while at + 1 < len(t) and t[at + 1] <= middle:
            at += 1
        found.append(values[at])
    return found


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _row(value: float, low: float, high: float, rows: int) -> int:
    return rows - 1 - min(max(round((value - low) / (high - low) * (rows - 1)), 0), rows - 1)


def _label(i: int, rows: int, low: float, high: float) -> str:
    return f"{high:10.4g}" if i == 0 else f"{low:10.4g}" if i == rows - 1 else " " * 10
