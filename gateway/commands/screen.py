"""The live terminal view of a demo: one line of figures per second, or a table that is drawn over itself on a terminal."""

from __future__ import annotations

import sys
import time
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from gateway.commands.standing import SHOWN, figure
from gateway.config.models import Config

EVERY_S = 0.25
LINE_S = 10.0


class Screen:
    """Shows a status a few times a second; on a pipe one plain line every ten seconds."""

    def __init__(self, config: Config, unit: str, *, quiet: bool = False) -> None:
        self.config, self.unit, self.quiet = config, unit, quiet
        self.console = Console(stderr=True)
        self._live = Live(console=self.console, refresh_per_second=4, transient=True) if self.console.is_terminal and not quiet else None
        self._began = time.monotonic()
        self._due = 0.0
        self._first: int | None = None

    def __enter__(self) -> Screen:
        if self._live is not None:
            self._live.__enter__()
        return self

    def __exit__(self, *what: Any) -> None:
        if self._live is not None:
            self._live.__exit__(*what)

    def show(self, status: dict[str, Any]) -> None:
        """Draw the status when it is time to."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + (EVERY_S if self._live is not None else LINE_S)
        if self._first is None:
            self._first = status["mono_ns"]
        if self._live is not None:
            self._live.update(self._table(status))
        elif not self.quiet:
            print(self._line(status), file=sys.stderr, flush=True)

    def _speed(self, status: dict[str, Any]) -> tuple[float, float]:
        hours = (status["mono_ns"] - (self._first or 0)) / 3.6e12
        return hours, hours * 3600 / max(time.monotonic() - self._began, 1e-3)

    def _line(self, status: dict[str, Any]) -> str:
        hours, speed = self._speed(status)
        unit = status["units"].get(self.unit, {})
        steps = ", ".join(s["step"] for s in unit.get("steps", ())) or "-"
        values = unit.get("values", {})
        figures = "  ".join(f"{label} {values[role]:.{digits}f} {eu}".rstrip() for role, label, eu, digits in SHOWN if role in values)
        return f"{hours:6.2f} h  x{speed:4.0f}  {unit.get('state', 'no batch'):10} {steps:10} {figures}"

    def _table(self, status: dict[str, Any]) -> Table:
        hours, speed = self._speed(status)
        unit = status["units"].get(self.unit, {})
        table = Table(title=f"{self.config.site.name}: {self.unit}", title_justify="left", show_header=False, expand=False)
        table.add_column(style="dim")
        table.add_column()
        table.add_row("plant time", f"{hours:.2f} h at {speed:.0f} times real time, {status['scans']} scans")
        table.add_row(
            "batch", f"{unit.get('batch', '-')} {unit.get('state', '')} ({unit.get('done', 0)} of {unit.get('of', 0)} steps done)"
        )
        table.add_row("recipe, lot", f"{unit.get('recipe', '-')}, {unit.get('lot', '-')}")
        table.add_row("now", ", ".join(f"{s['step']} ({s['phase']}) {s['state']}" for s in unit.get("steps", ())) or "-")
        values = unit.get("values", {})
        for role, label, eu, digits in SHOWN:
            table.add_row(label, f"{figure(values, role, digits)} {eu}")
        table.add_row("asks", "; ".join(unit.get("prompts", {}).values()) or "-")
        table.add_row("interlocks", ", ".join(status["interlocks"]) or "-")
        table.add_row("alarms", f"{len(status['alarms'])} standing or unacknowledged")
        table.add_row("journal", f"{status['journal']['seq']} entries")
        return table

    @staticmethod
    def farewell(result: dict[str, Any]) -> None:
        """What came of the batch, in a table."""
        console = Console()
        table = Table(title=f"{result['batch']}: {result['state']}", title_justify="left")
        for head in ("element", "in kg", "leach extraction %", "recovery %", "closure", "truth: extraction %", "recovery %"):
            table.add_column(head, justify="right")
        for element, row in result["balance"].items():
            true = result["truth"].get(element, {})
            table.add_row(
                element,
                f"{row['in_kg']:.3f} ± {row['u_in_kg']:.3f}",
                f"{100 * row['leach_extraction']:.2f} ± {100 * row['u_leach_extraction']:.2f}",
                f"{100 * row['recovery']:.2f} ± {100 * row['u_recovery']:.2f}",
                f"{row['closure']:.4f} ± {row['u_closure']:.4f}",
                f"{100 * true.get('leach_extraction', float('nan')):.2f}",
                f"{100 * true.get('recovery', float('nan')):.2f}",
            )
        console.print(table)
        console.print(
            f"{result['plant_seconds'] / 3600:.2f} h of plant time in {result['wall_seconds']:.0f} s; ± is one standard uncertainty"
        )
        console.print(f"record: {result['record']}", soft_wrap=True)
