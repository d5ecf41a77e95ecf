"""``lagan matrix``: the cause-and-effect matrix as it is configured, for a terminal, as a page to sign, or as JSON."""

from __future__ import annotations

import argparse
import difflib
import sys
from datetime import UTC, datetime

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.commands.look import config_of
from gateway.commands.matrix_page import page
from gateway.config.models import Config
from gateway.plant.sheet import Cause, Cell, Sheet, sheets

KEYS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KINDS = {"latched": "latch", "self-clearing": "clears", "permissive": "permit"}
COLOURS = {"critical": "bold red", "high": "yellow", "medium": "cyan", "low": "dim"}


def run(given: argparse.Namespace) -> int:
    """Print the matrix, or write it as a page."""
    config = config_of(given.config)
    if config is None:
        return 2
    found = sheets(config, given.unit)
    if not found:
        near = difflib.get_close_matches(given.unit, config.units, n=1)
        print(f"no rows for unit {given.unit!r}{f'; nearest is {near[0]}' if near else ''}", file=sys.stderr)
        return 2
    if given.html is not None:
        return _write(given, config, found)
    if given.json:
        print(msgspec.json.encode({"site": config.site.name, "digest": config.digest, "units": found}).decode())
        return 0
    show(config, found, Console(), details=given.unit is not None)
    return 0


def _write(given: argparse.Namespace, config: Config, found: list[Sheet]) -> int:
    try:
        given.html.write_text(page(config.site.name, config.digest, found, printed=datetime.now(UTC)), encoding="utf-8")
    except OSError as error:
        print(f"lagan matrix: {error}", file=sys.stderr)
        return 1
    print(f"{given.html}: {len(found)} sheets, {sum(len(s.causes) for s in found)} causes, {sum(s.cells for s in found)} cells")
    return 0


def show(config: Config, found: list[Sheet], console: Console, *, details: bool) -> None:
    """One grid a unit, outputs under letters; with ``details`` every condition below it."""
    for sheet in found:
        console.print(Text(f"{sheet.unit}  {sheet.description}", style="bold"))
        _legend(sheet, console)
        console.print(_grid(sheet))
        if details:
            _conditions(sheet, console)
        console.print()
    rows, cells = sum(len(s.causes) for s in found), sum(s.cells for s in found)
    console.print(f"{len(found)} units, {rows} causes, {cells} cells; configuration {config.digest[:16]}")
    key = ("cells: 0 off or shut, 1 on or open, F full; del: delay s, pst: process safety time s; latch*: reset has a condition; "
           "byp: a bypass may be given")
    console.print(key, style="dim", soft_wrap=True)
    if not details:
        console.print("the conditions of a unit: lagan matrix --unit UNIT; to print and sign: lagan matrix --html FILE", style="dim")


def _legend(sheet: Sheet, console: Console) -> None:
    """Which letter is which output: as many side by side as the terminal has room for."""
    items = [f"{key} {effect.tag} {effect.role}" for key, effect in zip(KEYS, sheet.effects, strict=False)]
    width = max(map(len, items)) + 2
    across = max(1, console.width // width)
    for start in range(0, len(items), across):
        line = "".join(item.ljust(width) for item in items[start:start + across]).rstrip()
        console.print(line, style="dim", no_wrap=True, highlight=False)


def _grid(sheet: Sheet) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("cause", no_wrap=True, overflow="ellipsis", max_width=24)
    for head in ("del", "pst"):
        table.add_column(head, justify="right", no_wrap=True)
    for head in ("", "hold", "byp"):
        table.add_column(head, no_wrap=True)
    table.add_column("".join(KEYS[:len(sheet.effects)]), no_wrap=True)
    for cause in sheet.causes:
        pst = "-" if cause.safety_time_s is None else f"{cause.safety_time_s:g}"
        hold = "-" if cause.hold == "none" else cause.hold
        name = Text(cause.name, style=COLOURS.get(cause.priority, ""))
        byp = Text("yes" if cause.bypass else "NO", style="" if cause.bypass else "bold")
        kind = KINDS[cause.kind] + ("*" if cause.reset else "")
        table.add_row(name, f"{cause.delay_s:g}" if cause.delay_s else "-", pst, kind, hold, byp, _cells(sheet, cause))
    return table


def _cells(sheet: Sheet, cause: Cause) -> Text:
    text = Text()
    for effect in sheet.effects:
        cell = cause.cells.get(effect.tag)
        text.append(_mark(cell), style="dim" if cell is None else "bold red" if cell.value == 0 else "bold green")
    return text


def _mark(cell: Cell | None) -> str:
    return "." if cell is None else "F" if cell.value == 100 else f"{cell.value:g}"[:1]


def _conditions(sheet: Sheet, console: Console) -> None:
    for cause in sheet.causes:
        console.print()
        console.print(Text(cause.name, style=COLOURS.get(cause.priority, "")), Text(cause.description))
        console.print(Text(f"  when    {cause.condition}"), soft_wrap=True)
        if cause.reset:
            console.print(Text(f"  reset   {cause.reset}"), soft_wrap=True)
        figures = ", ".join(f"{name} = {figure}" for name, figure in cause.figures.items())
        if figures:
            console.print(Text(f"  where   {figures}"), soft_wrap=True)
        console.print(Text(f"  reads   {', '.join(dict.fromkeys(cause.reads.values()))}"), soft_wrap=True)
        forced = ", ".join(f"{effect.role} {cause.cells[effect.tag].word}" for effect in sheet.effects if effect.tag in cause.cells)
        console.print(Text(f"  forces  {forced}"), soft_wrap=True)
        console.print(Text(f"  source  {cause.source}", style="dim"), soft_wrap=True)
