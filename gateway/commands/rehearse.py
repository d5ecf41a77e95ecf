"""rehearse: one batch on the stepped plant, no sockets; the same plant, recipe and scan as live."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from gateway.commands.look import config_of
from gateway.commands.outcome import outcome
from gateway.commands.screen import Screen
from gateway.paths import belfast_config


def lot_files(given: argparse.Namespace) -> list[Path]:
    """Where ``--lot`` names a file: the id it stands for in its place, and the file, unless the configuration has it already."""
    path = Path(given.lot)
    if path.suffix not in (".yaml", ".yml"):
        return []
    given.lot = path.stem
    folder = (given.config or belfast_config()) / "lots"
    return [] if path.resolve().parent == folder.resolve() else [path]


def rehearse(given: argparse.Namespace) -> int:
    """Run the rehearsal; 0 only when the batch is COMPLETE."""
    lots = lot_files(given)
    config = config_of(given.config, lots=lots)
    if config is None:
        return 2
    from gateway.history.recorder import Recorder
    from gateway.history.rows import History
    from gateway.plant import deadbands
    from gateway.records.journal import Journal
    from gateway.records.store import MemoryJournal
    from simulators.rehearsal import Run

    missing = (
        f"recipe {given.recipe!r}" if given.recipe not in config.recipes else f"lot {given.lot!r}" if given.lot not in config.lots else ""
    )
    if missing:
        print(f"no {missing} in the configuration", file=sys.stderr)
        return 2
    if given.data is not None:
        given.data.mkdir(parents=True, exist_ok=True)
    journal: Any = MemoryJournal() if given.data is None else Journal.open(given.data)
    began = time.monotonic()
    run = Run(config, journal, recipe=given.recipe, lot=given.lot, unit=given.unit, seed=given.seed)
    history = None
    if given.data is not None:
        history = History.open(given.data)
        run.rehearsal.recorder = Recorder(run.rehearsal.plant.image, history, deadbands(run.rehearsal.plant))
    state = run.to_end()
    wall = time.monotonic() - began
    truth = run.rehearsal.line.world.truth(given.unit)
    if history is not None and run.rehearsal.recorder is not None:
        run.rehearsal.recorder.flush(run.rehearsal.now)
        history.close()
        journal.close()
        journal = None
    result = outcome(config, given.data, run.batch, state, run.plant_s, wall, truth, journal)
    if given.json:
        print(msgspec.json.encode(result).decode())
    else:
        Screen.farewell(result)
        if run.held:
            print(f"held: {run.held}", file=sys.stderr)
    return 0 if state == "COMPLETE" else 1
