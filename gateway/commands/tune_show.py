"""What is told of a study of a loop: a plot in characters, the model, the tunings in a table, JSON, an SVG, lines for loops.yaml."""

from __future__ import annotations

import argparse
import math
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from gateway.commands.tune_plot import characters, svg
from gateway.config.models import Config
from gateway.control.chain import LoopTuning
from gateway.control.tuning.advice import Advice
from gateway.control.tuning.fit import Fit, Record
from gateway.control.tuning.model import Tuning


class Study(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is told of a loop: record, model, tunings, doubts, and the experiment where there was one."""

    loop: str
    record: Record
    fit: Fit
    advice: dict[str, Advice]
    doubts: tuple[str, ...]
    experiment: LoopTuning | None = None


def yaml_lines(made: Study, tuning: Tuning) -> list[str]:
    """The lines of loops.yaml that say a tuning, with its source."""
    lines = [f"  {made.loop}:", f"    gain: {abs(tuning.gain):g}"]
    lines += [f"    ti_s: {tuning.ti_s:g}"] if tuning.ti_s is not None else []
    lines += [f"    td_s: {tuning.td_s:g}"] if tuning.td_s else []
    return [*lines, f'    source: "{tuning.rule} on {model_words(made.fit)}"']


def model_words(model: Fit) -> str:
    """A model with its uncertainty (k = 2) in a line."""
    plant, u = model.plant, model.u
    lag = "" if plant.integrating else f", lag {plant.lags[0]:.4g} +- {2 * u['lag_s']:.2g} s"
    what = "integrating, gain per s" if plant.integrating else "gain"
    return f"{what} {plant.gain:.4g} +- {2 * u['gain']:.2g}{lag}, dead time {plant.theta_s:.4g} +- {2 * u['theta_s']:.2g} s"


def plain(made: Study) -> dict[str, Any]:
    """A study as plain figures, for ``--json``; a gain margin that is infinite is null."""
    plant = made.fit.plant
    rows = [{"key": a.key, "rule": a.tuning.rule, "gain": abs(a.tuning.gain), "ti_s": a.tuning.ti_s, "td_s": a.tuning.td_s,
             "ms": _finite(a.margins.ms), "gm": _finite(a.margins.gm), "pm_deg": _finite(a.margins.pm_deg), "stable": a.margins.stable,
             "notes": list(a.notes)} for a in made.advice.values()]
    model = {"gain": plant.gain, "lag_s": plant.lags[0] if plant.lags else None, "theta_s": plant.theta_s, "integrating": plant.integrating}
    return {"version": 1, "loop": made.loop, "model": model, "u": made.fit.u, "residual": made.fit.residual,
            "explained": made.fit.explained, "samples": len(made.record.t), "seconds": made.record.t[-1] - made.record.t[0],
            "tunings": rows, "warnings": list(made.doubts),
            "experiment": None if made.experiment is None else {"reason": made.experiment.reason, **made.experiment.result}}


def show(config: Config, made: Study, given: argparse.Namespace) -> None:
    """Draw and print a study as the command asked for it."""
    loop = config.loops[made.loop]
    if given.svg is not None:
        pv, out = config.tags.get(loop.pv or ""), config.tags.get(loop.to)
        title = f"{made.loop}: {model_words(made.fit)}"
        given.svg.write_text(svg(title, made.record, made.fit, pv.unit if pv else "", out.unit if out else ""))
    if given.json:
        print(msgspec.json.encode(plain(made)).decode())
        return
    console = Console()
    for line in characters(made.record, made.fit, console.width):
        console.print(line, markup=False, highlight=False, no_wrap=True)
    if made.experiment is not None and made.experiment.result:
        r = made.experiment.result
        shift = f"output +-{r['d']:g}, centre moved by {r['bias']:+.3g}, {r['periods']:g} periods"
        console.print(f"relay: Pu {r['pu_s']:.4g} s, Ku {r['ku']:.4g}, amplitude {r['a']:.4g}, {shift}", soft_wrap=True)
    quality = f"residual {made.fit.residual:.3g}, explains {100 * made.fit.explained:.1f} %"
    console.print(f"model: {model_words(made.fit)}; {quality}", soft_wrap=True)
    console.print(_table(made))
    for words in made.doubts:
        console.print(f"mind: {words}", soft_wrap=True, markup=False)


def _table(made: Study) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("tuning", "rule"):
        table.add_column(heading, no_wrap=True)
    for heading in ("gain", "ti s", "td s", "Ms", "GM", "PM deg"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for a in made.advice.values():
        t, m = a.tuning, a.margins
        ti = "-" if t.ti_s is None else f"{t.ti_s:.4g}"
        table.add_row(a.key, t.rule, f"{abs(t.gain):.4g}", ti, f"{t.td_s:.4g}", f"{m.ms:.2f}", f"{m.gm:.2f}", f"{m.pm_deg:.0f}",
                      "; ".join(a.notes))
    return table


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
