"""tune: a model of a loop's process, from its history or a relay experiment; the tunings that follow; one of them accepted."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
from rich.console import Console

from gateway.client import Client, Refused
from gateway.commands.asking import answered
from gateway.commands.look import config_of
from gateway.commands.loops import tuning_words
from gateway.commands.plant import SOCKET
from gateway.commands.tune_record import last_experiment, last_sample, record, tunings
from gateway.commands.tune_show import Study, show, yaml_lines
from gateway.config.models import Config
from gateway.control.chain import LoopTuning
from gateway.control.image import SECOND
from gateway.control.loop import Loop
from gateway.control.loop_row import LoopRow
from gateway.control.tuning.advice import advise, doubts
from gateway.control.tuning.experiment import configured_of, tuning_of
from gateway.control.tuning.fit import Unfit, fit
from gateway.control.tuning.model import Tuning
from gateway.history.rows import NAME
from gateway.plant import Plant, build, deadbands

LOOK_S = 0.5
FEW = 10.0                                      # scans of half a swing, below which its period is said to be coarse. Assumed
WRITTEN_S = 10.0                                # within which the history has what was seen; it is handed over every 5 s


def run(given: argparse.Namespace) -> int:
    """Fit, advise, perhaps accept; 1 where there is no model or the plant says no."""
    config = config_of(given.config)
    if config is None:
        return 2
    said = wrong(config, given)
    if said:
        print(f"lagan tune: {said}", file=sys.stderr)
        return 2
    try:
        code = answered(given, _run(config, given))
        return 1 if code is None else code
    except Unfit as error:
        print(f"no model: {error}", file=sys.stderr)
    except apsw.Error as error:
        print(f"no history in {given.data}: {error}", file=sys.stderr)
    return 1


def wrong(config: Config, given: argparse.Namespace) -> str:
    """What is wrong with the words of the command; "" when nothing is."""
    loop = config.loops.get(given.loop)
    if loop is None:
        import difflib

        near = difflib.get_close_matches(given.loop, config.loops, n=1)
        return f"no loop {given.loop!r}{f'; nearest is {near[0]}' if near else ''}"
    if loop.kind not in ("pid", "dose"):
        return f"{given.loop} is a {loop.kind} loop: only pid and dose loops are tuned"
    missing = [key for key in ("amplitude", "hysteresis", "pv_low", "pv_high") if getattr(given, key) is None]
    if given.relay and missing:
        return f"--relay needs {', '.join('--' + key.replace('_', '-') for key in missing)}"
    if (given.relay or given.accept) and not given.why.strip():
        return f"--{'relay' if given.relay else 'accept'} needs --why: it stands in the journal"
    if given.history:
        try:
            start, end = (_utc(text) for text in given.history)
        except ValueError as error:
            return f"--history: {error}"
        if start >= end:
            return f"--history: {given.history[0]} is not before {given.history[1]}"
    return ""


async def _run(config: Config, given: argparse.Namespace) -> int:
    if given.abort:
        await _do(given, "loop.tune", event="abort")
        print(f"{given.loop}: the experiment ends")
        return 0
    plant = build(config)
    loop = plant.scan.parts.loops[given.loop]
    if given.accept == "configured":
        gain, ti_s, td_s = configured_of(loop)
        return await _accept(given, loop, Tuning(gain=gain, ti_s=ti_s, td_s=td_s, rule="as configured"))
    if given.relay:
        ended = await _experiment(given)
        await _written(config, given)
        if ended["reason"] != "done" and not given.json:
            print(f"the experiment ended early: {ended['reason']} {ended['detail']}".rstrip(), file=sys.stderr)
    made = study(plant, loop, given)
    show(config, made, given)
    if given.accept is None:
        return 0
    if made.fit.plant.gain * loop.row.gain < 0:
        raise Refused("the model goes the other way than the loop's action")
    return await _accept(given, loop, made.advice[given.accept].tuning, made)


# --- what is known ------------------------------------------------------------------------------------------------------
def study(plant: Plant, loop: Loop, given: argparse.Namespace) -> Study:
    """Record, model and advice for the time asked for. Raises Unfit, apsw.Error."""
    row, data, config = loop.row, given.data, plant.config
    if not (data / NAME).exists():
        raise Unfit(f"no history in {data}")
    start, end, experiment = _window(config, given)
    band = deadbands(plant).get(config.loops[row.name].pv or "", 0.0)
    seen, notes = record(config, row, data, start, end, band)
    model = fit(seen)
    period_s = row.period_ns / SECOND
    present = _present(loop, data)
    more = () if experiment is None else _swing_doubts(experiment, row, config)
    return Study(loop=row.name, record=seen, fit=model, advice=advise(model.plant, present, period_s),
                 doubts=(*notes, *model.warnings, *doubts(model.plant, present, period_s), *more), experiment=experiment)


def _swing_doubts(experiment: LoopTuning, row: LoopRow, config: Config) -> tuple[str, ...]:
    """What keeps an experiment from being a clean one."""
    found = [f"the experiment ended early ({experiment.reason} {experiment.detail})"] if experiment.reason != "done" else []
    tag = config.tags.get(config.loops[row.name].to)
    rate = row.out_rate_per_s or (tag.output.rate_per_s if tag is not None and tag.output is not None else None)
    if rate:
        found.append(f"the output moves at most {rate:g} a second: the experiment was no clean relay")
    scans = experiment.result.get("pu_s", 0.0) / 2.0 / (row.period_ns / SECOND)
    if 0.0 < scans < FEW:
        found.append(f"half a swing took {scans:.0f} scans: Pu and Ku are known to about {100.0 / scans:.0f} %")
    return tuple(found)


def _present(loop: Loop, data: Path) -> Tuning:
    """The tuning that the loop works with: as configured, or as it was accepted since."""
    now = configured = configured_of(loop)
    for entry in tunings(data, loop.row.name):
        if (entry.gain_configured, entry.ti_configured_s, entry.td_configured_s) == configured:
            now = (entry.gain, entry.ti_s, entry.td_s)
    return Tuning(gain=math.copysign(now[0], loop.row.gain), ti_s=now[1], td_s=now[2], tf_s=loop.row.tf_s,
                  rule="configured" if now == tuning_of(loop) else "accepted")


def _window(config: Config, given: argparse.Namespace) -> tuple[int, int, LoopTuning | None]:
    """From when to when (UTC ns), and the experiment in it. An experiment is taken with as much of the rest before it."""
    if given.relay or given.last:
        found = last_experiment(given.data, given.loop)
        if found is None:
            raise Unfit(f"the journal knows no experiment on {given.loop}")
        began, ended, entry = found
        return began - (ended - began) // 2, ended, entry
    if given.history:
        start, end = (_utc(text) for text in given.history)
        return start, end, None
    pv = config.loops[given.loop].pv
    assert pv is not None
    end = last_sample(given.data, pv, 0, 1 << 62)
    return end - round(given.minutes * 60 * SECOND), end, None


def _utc(text: str) -> int:
    """UTC ns of an ISO time; without a zone it is UTC. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * SECOND)


# --- what is done -------------------------------------------------------------------------------------------------------
async def _do(given: argparse.Namespace, verb: str, **arguments: Any) -> None:
    async with Client(given.data / SOCKET, given.who) as plant:
        await plant.do(verb, given.loop, why=given.why, key=given.key, **arguments)


async def _experiment(given: argparse.Namespace) -> dict[str, Any]:
    """Run a relay experiment to its end; who interrupts the command ends the experiment."""
    console = Console(stderr=True)
    async with Client(given.data / SOCKET, given.who) as plant:
        await plant.do("loop.tune", given.loop, why=given.why, key=given.key, amplitude=given.amplitude, hysteresis=given.hysteresis,
                       pv_low=given.pv_low, pv_high=given.pv_high, longest_s=given.longest)
        try:
            with console.status(f"relay experiment on {given.loop}") as shown:
                while True:
                    told = await plant.ask("explain", given.loop)
                    found = told.get("experiment", {"state": "asked for"})
                    if found["state"] == "ended":
                        return found
                    periods = f"{found.get('periods', 0)} periods" if found["state"] == "running" else "waits for the journal"
                    shown.update(f"relay experiment on {given.loop}: pv {told['pv']:.4g}, out {told['out']:.4g}, {periods}")
                    await asyncio.sleep(LOOK_S)
        except asyncio.CancelledError:
            with contextlib.suppress(Refused, ConnectionError):
                await plant.do("loop.tune", given.loop, why="interrupted", event="abort")
            raise


async def _written(config: Config, given: argparse.Namespace) -> None:
    """Wait until the history has the end of the experiment."""
    pv = config.loops[given.loop].pv
    assert pv is not None
    for _ in range(round(WRITTEN_S / LOOK_S)):
        found = last_experiment(given.data, given.loop)
        if found is not None and last_sample(given.data, pv, found[0], 1 << 62) >= found[1]:
            return
        await asyncio.sleep(LOOK_S)


async def _accept(given: argparse.Namespace, loop: Loop, tuning: Tuning, made: Study | None = None) -> int:
    """Give the plant a tuning; print what to write into loops.yaml, so that the configuration says it too."""
    gain = abs(tuning.gain)
    await _do(given, "loop.retune", gain=gain, ti_s=tuning.ti_s, td_s=tuning.td_s, rule=tuning.rule)
    if given.json:
        return 0
    words = tuning_words({"gain": gain, "ti_s": tuning.ti_s, "td_s": tuning.td_s})
    print(f"{given.loop} works with {words} ({tuning.rule}): in the journal")
    if made is not None:
        print("until loops.yaml is changed; what belongs there:", *yaml_lines(made, tuning), sep="\n")
    return 0
