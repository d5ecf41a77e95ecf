"""Figures, times and tables as text of the record's page. Everything that is not ``Raw`` is escaped.

>>> pm(98.5234, 0.1432), duration(95.2)
('98.52 ± 0.14', '1 h 35 min')
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from gateway.batch.lots import RARE_EARTHS
from gateway.control.chain import Stored


class Raw(str):
    """Text that is HTML already."""

    __slots__ = ()


Cell = str | Raw


def clock(utc: int) -> str:
    """UTC ns as ``2026-07-11 08:30:12``; a dash for 0."""
    return datetime.fromtimestamp(utc // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S") if utc else "–"


def duration(minutes: float) -> str:
    """Minutes as a person says them."""
    if minutes < 1:
        return f"{minutes * 60:.0f} s"
    whole = round(minutes)
    return f"{whole} min" if whole < 60 else f"{whole // 60} h {whole % 60:02d} min"


def pm(value: float, reach: float) -> str:
    """A value with the reach of its uncertainty, both rounded to the second significant digit of the reach."""
    if not (math.isfinite(value) and math.isfinite(reach)):
        return "unknown"
    if reach <= 0:
        return number(value)
    digits = max(0, 1 - math.floor(math.log10(reach)))
    return f"{value:.{digits}f} ± {reach:.{digits}f}"


def gap(value: float | None, reach: float) -> str:
    """The same, with nothing for what was not measured."""
    return "" if value is None else pm(value, reach)


def number(value: Any) -> str:
    """A figure without noise: five significant digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:.5g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {number(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return " ".join(number(item) for item in value)
    return "" if value is None else str(value)


def short(digest: str) -> str:
    """The beginning of a hash."""
    return digest[:12] or "–"


def element_order(elements: Iterable[str]) -> list[str]:
    """Rare earths first, by their usual order of weight in magnets, then the others."""
    first = ("Nd", "Pr", "Dy", "Tb", *RARE_EARTHS)
    return sorted(elements, key=lambda element: (first.index(element) if element in first else len(first), element))


def cell(value: Any) -> str:
    """A value as HTML."""
    return str(value) if isinstance(value, Raw) else escape(number(value))


def table(heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A table. A head that begins with # is a column of numbers."""
    kinds = ["n" if head.startswith("#") else "t" if i == 0 else "" for i, head in enumerate(heads)]
    top = "".join(
        f'<th class="{kind if kind == "n" else ""}">{escape(head.lstrip("#"))}</th>' for kind, head in zip(kinds, heads, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f'<td class="{kind}">{cell(item)}</td>' for kind, item in zip(kinds, row, strict=True)) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


_NUMBERS = {"value", "setpoint", "setpoint_was", "wanted", "readback", "out", "ramp_per_min"}


def entry_rows(entries: Sequence[Stored], fields: Sequence[str]) -> tuple[list[str], list[list[Cell]]]:
    """Heads and rows of entries as they stand in the journal: time, entry number, then the fields named; empty columns are left out."""
    rows: list[list[Cell]] = []
    for stored in entries:
        rows.append([clock(stored.utc), str(stored.seq), *(number(_said(getattr(stored.entry, name))) for name in fields)])
    used = [i for i, name in enumerate(fields, start=2) if name in fields[:2] or any(row[i] for row in rows)]
    heads = ["time", "#entry", *((f"#{name}" if name in _NUMBERS else name).replace("_", " ") for name in fields)]
    keep = [0, 1, *used]
    return [heads[i] for i in keep], [[row[i] for i in keep] for row in rows]


def _said(value: Any) -> Any:
    """False and empty say nothing."""
    return "" if value is False or value in ({}, []) else value
