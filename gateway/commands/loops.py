"""How every loop does, for a person at a terminal: one row a loop, and in words what is not as configured."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

HEADINGS = ("sp", "pv", "out", "AUTO", "in limits", "mean error", "saturated", "travel/h", "turns/h", "swings")


def show_loops(told: dict[str, Any], console: Console) -> None:
    """Print the loops as the door tells them."""
    table = Table(box=None, pad_edge=False)
    table.add_column("loop", no_wrap=True)
    table.add_column("mode", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, loop in told["loops"].items():
        table.add_row(name, loop["mode"], *_figures(loop))
    wide = Console(file=console.file, width=max(console.width, console.measure(table).maximum))        # a name is never cut off
    wide.print(table)
    for name, loop in told["loops"].items():
        for words in remarks(loop):
            console.print(f"{name}: {words}", soft_wrap=True)


def remarks(loop: dict[str, Any]) -> list[str]:
    """What a person should know of a loop: an experiment, a tuning that is not the configured one, a swing."""
    found: list[str] = []
    experiment = loop.get("experiment", {})
    if experiment.get("state") == "running":
        found.append(f"relay experiment by {experiment['who']} ({experiment['why']}), {experiment['periods']} periods so far")
    if "tuned" in loop:
        now, configured, by = loop["tuning"], loop["configured"], loop["tuned"]
        source = f"{by['rule'] or 'by hand'}, {by['who']}: {by['why']}"
        found.append(f"works with {tuning_words(now)}; configured is {tuning_words(configured)} ({source})")
    if loop.get("performance", {}).get("oscillates"):
        found.append("swings: ten loads in fifty of its own periods")
    return found


def tuning_words(tuning: dict[str, Any]) -> str:
    """A tuning in a line."""
    ti = "no integral" if tuning["ti_s"] is None else f"ti {tuning['ti_s']:.4g} s"
    return f"gain {abs(tuning['gain']):.4g}, {ti}, td {tuning['td_s']:.4g} s"


def _figures(loop: dict[str, Any]) -> list[str]:
    p = loop.get("performance", {})
    shares = [_share(p.get(key)) for key in ("auto", "in_limits", "saturated")]
    rates = [_number(p.get(key)) for key in ("travel_per_h", "reversals_per_h")]
    state = [_number(loop[key]) for key in ("sp", "pv", "out")]
    return [*state, shares[0], shares[1], _number(p.get("mean_error")), shares[2], *rates, "yes" if p.get("oscillates") else "-"]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100.0 * value:.0f} %"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
