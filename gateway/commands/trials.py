"""trials: the closed loops of the simulated line put to the test, as a page of tables.

What is printed is what a run of this configuration gave, with its seed; the page in docs/reference is made by this command.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from gateway.commands.look import config_of

PARTS = ("heat-up", "ageing", "hydrogen", "disturbances")


def trials(given: argparse.Namespace) -> int:
    """Run the trials asked for; 1 when one could not be carried out."""
    config = config_of(given.config)
    if config is None:
        return 2
    from simulators import trials as t

    screen = Console(stderr=True)
    found: dict[str, Any] = {}
    works: dict[str, Callable[[], Any]] = {
        "heat-up": lambda: t.heat_up(config, given.seed), "ageing": lambda: t.ageing(config, given.seed),
        "hydrogen": lambda: t.hydrogen(config, given.seed), "disturbances": lambda: _told(t.disturbances(config, given.seed), screen),
    }  # fmt: skip
    for part in given.only or PARTS:
        screen.print(f"[dim]{part} ...[/]")
        try:
            found[part] = works[part]()
        except RuntimeError as error:
            print(f"lagan trials: {part}: {error}", file=sys.stderr)
            return 1
    seed = config.simulation.seed if given.seed is None else given.seed
    text = msgspec.json.encode(found).decode() + "\n" if given.json else page(found, seed)
    if given.out is not None:
        Path(given.out).write_text(text)
    else:
        print(text, end="")
    return 0


def _told(rows: Iterator[Any], screen: Console) -> list[Any]:
    kept: list[Any] = []
    for row in rows:
        screen.print(f"[dim]  {row.where}: {row.name}: {row.state}[/]")
        kept.append(row)
    return kept


def page(found: dict[str, Any], seed: int) -> str:
    """The tables as Markdown."""
    parts = [
        "# The simulated line under control",
        (f"Made by `lagan trials --seed {seed} --out docs/reference/line-trials.md`. Figures are nature's, not the instruments'. A model "
         "of a plant is not the plant: what is shown is that loops, limiters and interlocks work together, not how the works in Belfast "
         "will behave."),
    ]
    if "heat-up" in found:
        parts += ["## Heat-up", _heat_up(found["heat-up"])]
    if "ageing" in found:
        parts += ["## pH by coarse and fine dosing", _ageing(found["ageing"])]
    if "hydrogen" in found:
        parts += ["## Hydrogen of a metal batch", _hydrogen(found["hydrogen"])]
    if "disturbances" in found:
        parts += ["## One disturbance after another", _disturbances(found["disturbances"])]
    return "\n\n".join(parts) + "\n"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, tuple("---" for _ in head), *rows)]
    return "\n".join(lines)


def _heat_up(h: Any) -> str:
    return "600 L of water from 20 to 80 °C by the cascade TIC-1011 over TIC-1012.\n\n" + _table(("what", "asked", "found"), [
        ("ramp", "", f"{h.ramp_k_min:g} K/min"),
        ("most above 80 °C", "≤ 2 K", f"{h.over_k:.2f} K"),
        ("most away from 80 °C in the last hour", "≤ 0.5 K", f"{h.steady_k:.2f} K"),
        ("most behind the ramp on the way", "holdback 4 K", f"{h.lag_k:.2f} K"),
        ("within 0.5 K for good after", "", f"{h.minutes:.0f} min"),
    ])  # fmt: skip


def _ageing(a: Any) -> str:
    said = "A whole selective batch; 10 mol/L base up to pH 2.5, then 1 mol/L up to 3.5, from below.\n\n"
    return said + _table(("what", "asked", "found"), [
        ("highest pH", "≤ 4.0", f"{a.highest:.2f}"),
        ("share of the ageing within ± 0.1", "≥ 95 %", f"{100 * a.within:.1f} %"),
        ("from the first base to the ageing", "", f"{a.minutes:.0f} min"),
        ("aged", "", f"{a.aged_min:.0f} min"),
    ])  # fmt: skip


def _hydrogen(h: Any) -> str:
    said = "60 kg of metal, acid at the highest rate that the recipe allows, so that the limiter decides.\n\n"
    return said + _table(("what", "asked", "found"), [
        ("highest LEL in the duct", "≤ 10 %", f"{h.highest:.2f} %"),
        ("mean while the limiter decided", "8 %", f"{h.mean:.2f} ± {h.spread:.2f} %"),
        ("share of the dosing that it decided", "", f"{100 * h.limited:.0f} %"),
        ("time of the dosing", "", f"{h.hours:.2f} h"),
        ("least time for this hydrogen and this vent flow at 8 %", "", f"{h.least_hours:.2f} h"),
        ("hydrogen, vent flow", "", f"{h.hydrogen_nm3:.1f} Nm³, {h.vent_nm3_h:.0f} Nm³/h"),
    ])  # fmt: skip


def _disturbances(rows: list[Any]) -> str:
    said = ("Seconds and extremes count from the disturbance. Temperature: most away from the working setpoint; where no loop follows "
            "one, from where it was. LEL, pH and oxygen in the headspace (metal batches): the highest. Acid: litres of 32 % acid that "
            "still went in. Nd out: how much of the neodymium was dissolved when the watching ended. Back: minutes from the mending until "
            "the batch ran again, a person resetting once a minute what can be reset.")
    head = ("where", "disturbance", "first alarm", "first trip", "batch", "temperature", "LEL", "oxygen", "pH", "acid", "Nd out", "back")
    return said + "\n\n" + _table(head, [
        (r.where, r.name, _when(r.first_alarm, r.alarm_s), _when(r.trip, r.trip_s), r.state, f"{r.away_k:.1f} K", f"{r.lel:.1f} %",
         f"{r.o2:.1f} %" if r.where.startswith("metal") else "", f"{r.ph:.2f}", f"{r.acid_l:.1f} L", f"{100 * r.extraction:.1f} %",
         "" if r.back_min is None else f"{r.back_min:.0f} min")
        for r in rows
    ])


def _when(name: str, seconds: float | None) -> str:
    return name if seconds is None else f"{name} after {seconds:.1f} s" if seconds < 600 else f"{name} after {seconds / 60:.0f} min"
