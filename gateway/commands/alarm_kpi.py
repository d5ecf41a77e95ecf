"""The figures of the alarms as a table, each beside its target."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import apsw
import msgspec
from rich.console import Console
from rich.table import Table

from gateway.commands.alarms import clock
from gateway.records.alarm_kpi import Kpis, kpis
from gateway.records.journal import JournalDamaged, JournalUnusable, read

# Figure, what it is, target in words, whether it is met. Source: ANSI/ISA-18.2-2016 clause 16 and EEMUA 191, figures for one
# operator, as generally quoted; not read again here.
Row = tuple[str, str, str, bool | None]
PRIORITY_TARGETS = {"critical": ("< 1 %", 1.0), "high": ("about 5 %", 5.0), "medium": ("about 15 %", 15.0), "low": ("about 80 %", 80.0)}
ENOUGH = 100                                    # alarms of which a share says something: assumed


def figures(given: argparse.Namespace) -> int:
    """Print the figures of a time."""
    try:
        start, end = _moment(given.start), _moment(given.end)
    except ValueError as error:
        print(f"no time: {error}; write 2026-01-01T06:00", file=sys.stderr)
        return 2
    if start is not None and end is not None and end <= start:
        print(f"--to {given.end} is not after --from {given.start}", file=sys.stderr)
        return 2
    try:
        found = kpis(read(given.data), start, end, given.unit or "")
    except (FileNotFoundError, JournalDamaged, JournalUnusable, apsw.Error) as error:
        print(error, file=sys.stderr)
        return 1
    if given.json:
        print(msgspec.json.encode(found).decode())
    else:
        show_kpis(found, Console())
    return 0


def _moment(text: str | None) -> int | None:
    if text is None:
        return None
    at = datetime.fromisoformat(text)
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1e9)


def show_kpis(found: Kpis, console: Console) -> None:
    """Print the figures for a person."""
    console.print(f"{clock(found.start_utc)} to {clock(found.end_utc)} UTC, {found.hours:.1f} h, {found.annunciated} alarms annunciated",
                  soft_wrap=True)
    if found.hours < 24:
        console.print("less than a day: the figures say little about the site yet", soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for heading in ("figure", "value", "target", ""):
        table.add_column(heading, justify="right" if heading == "value" else "left", no_wrap=True)
    for name, value, target, met in _rows(found):
        table.add_row(name, value, target, "" if met is None else "met" if met else "NOT MET")
    wide = Console(file=console.file, width=max(console.width, console.measure(table).maximum))
    wide.print(table)
    _lists(found, console)


def _rows(found: Kpis) -> list[Row]:
    enough = found.annunciated >= ENOUGH
    return [
        ("alarms per 10 min, mean", f"{found.per_10_min:.2f}", "about 1, at most 2", found.per_10_min <= 2),
        ("alarms per day", f"{found.per_day:.0f}", "about 150, at most 300", found.per_day <= 300 if found.hours >= 24 else None),
        ("most in 10 min", f"{found.most_in_10_min}", "at most 10", found.most_in_10_min <= 10),
        ("10 min intervals with more than 10", f"{found.flood_share:.1f} %", "< 1 %", found.flood_share < 1),
        ("floods, min in flood", f"{found.floods}, {found.flood_s / 60:.0f}", "< 1 % of the time", found.flood_s < 36 * found.hours),
        *_priorities(found),
        ("share of the ten most frequent", f"{found.top_share:.1f} %", "1 to 5 %, with a plan", found.top_share <= 5 if enough else None),
        ("chattering alarms (3 in 60 s)", f"{len(found.chattering)}", "0", not found.chattering),
        ("fleeting (back within 10 s)", f"{sum(found.fleeting.values())}", "0", not found.fleeting),
        ("stale alarms (over 24 h)", f"{len(found.stale)}", "< 5 a day", len(found.stale) < 5),
        ("time to acknowledge, median", _seconds(found.ack_median_s), "-", None),
        ("time to acknowledge, 95 %", _seconds(found.ack_95_s), "-", None),
        ("not acknowledged at the end", f"{found.waiting}", "-", None),
        ("shelved (at the end)", f"{found.shelved.times} ({found.shelved.at_end})", "each with a reason", None),
        ("out of service (at the end)", f"{found.out_of_service.times} ({found.out_of_service.at_end})", "each with a reason", None),
        ("suppressed by design (at the end)", f"{found.suppressed.times} ({found.suppressed.at_end})", "-", None),
    ]


def _priorities(found: Kpis) -> list[Row]:
    """Shares of the priorities; more of what is urgent than its target is what counts."""
    rows: list[Row] = []
    for name, (target, most) in PRIORITY_TARGETS.items():
        share = found.priorities[name].share if name in found.priorities else 0.0
        met: bool | None = None if name == "low" or found.annunciated < ENOUGH else share <= most
        rows.append((f"of priority {name}", f"{share:.1f} %", target, met))
    return rows


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} s"


def _lists(found: Kpis, console: Console) -> None:
    if found.top:
        most = ", ".join(f"{each.alarm} {each.count} ({each.share:.0f} %)" for each in found.top)
        console.print(f"most frequent: {most}", soft_wrap=True)
    said: list[tuple[str, dict[str, float] | dict[str, int], Callable[[float], str]]] = [
        ("chattering", found.chattering, lambda most: f"{most} in a minute"),
        ("fleeting", found.fleeting, lambda times: f"{times} times"),
        ("stale", found.stale, lambda hours: f"{hours:.0f} h"),
    ]
    for what, names, words in said:
        if names:
            console.print(f"{what}: " + ", ".join(f"{name} {words(figure)}" for name, figure in names.items()), soft_wrap=True)
