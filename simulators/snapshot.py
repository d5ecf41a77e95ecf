"""The state of a simulated line in a file: saved where a rehearsal stopped, restored behind sockets.

    save(rehearsal.line, rehearsal.now.mono, path)
    restore(Line(config), path, mono, utc_offset_ns)      # the same line, at another instant

Time stands still between the two: a watchdog has as long to run, and an analysis as long to go, as when the line was saved.
Only state is carried over; how a line is wired comes from its configuration, which must be of the same plant.

The file is a pickle. It is an artefact of our own tests, written and read by one version: open none that you did not write.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from simulators.bank import Bank
from simulators.line import Line
from simulators.memory import BitMemory

FORMAT = 3
_ANALYSER = ("results", "device_state", "state", "nodes", "instrument", "_run", "_runs", "_version", "_since_qc", "_qc")
_BANK = ("expired", "silent", "delay_s", "answered", "refused", "written")


class SnapshotRefused(ValueError):
    """A file that does not fit the line it should be restored into."""


def save(line: Line, mono: int, path: Path) -> None:
    """Write the state of a line. ``mono``: the instant of its last step, monotonic ns."""
    icp = line.icp
    state = {
        "format": FORMAT,
        "mono": mono,
        "world": line.world,
        "behaviours": {name: vars(inside) for name, inside in line.behaviours.items()},
        "measured": line.measured,
        "demands": line.demands,
        "banks": {name: _bank_state(bank) for name, bank in line.banks.items()},
        "senses": [[each.sense for each in seen] for seen in line.groups.values()],
        "clocks": line.clocks,
        "analyser": {key: getattr(icp, key) for key in _ANALYSER},
    }
    path.write_bytes(pickle.dumps(state))


def restore(line: Line, path: Path, mono: int, utc_offset_ns: int) -> None:
    """Put a saved state into a fresh line whose time is ``mono`` now; ``utc_offset_ns``: UTC at monotonic 0.

    Raises SnapshotRefused for a snapshot of another plant or version, OSError.
    """
    state: dict[str, Any] = pickle.loads(path.read_bytes())
    if state.get("format") != FORMAT:
        raise SnapshotRefused(f"{path}: format {state.get('format')}, this version writes {FORMAT}; nothing restored")
    if state["banks"].keys() != line.banks.keys() or state["world"].names() != line.world.names():
        raise SnapshotRefused(f"{path}: of another plant: its devices or variables are not those of the configuration; nothing restored")
    later = mono - state["mono"]
    line.world = state["world"]
    for name, inside in state["behaviours"].items():
        vars(line.behaviours[name]).update(inside)
    for name, measured in state["measured"].items():
        line.measured[name].update(measured)                # the senses are wired to these very mappings
    line.demands.update(state["demands"])
    for name, kept in state["banks"].items():
        _restore_bank(line.banks[name], kept, later)
    for seen, senses in zip(line.groups.values(), state["senses"], strict=True):
        for each, sense in zip(seen, senses, strict=True):
            each.sense = sense
    line.clocks.update(state["clocks"])
    _restore_analyser(line, state["analyser"], later, utc_offset_ns)


def _bank_state(bank: Bank) -> dict[str, Any]:
    memory = {table: each._packed if isinstance(each, BitMemory) else bytes(each._bytes) for table, each in bank._memory.items()}
    return {"memory": memory, "fed_at": bank._fed_at, **{key: getattr(bank, key) for key in _BANK}}


def _restore_bank(bank: Bank, state: dict[str, Any], later: int) -> None:
    for table, content in state["memory"].items():
        memory = bank._memory[table]
        if isinstance(memory, BitMemory):
            memory._packed = content
        else:
            memory._bytes[:] = content                      # in place: readers and writers hold this buffer
    for key in _BANK:
        setattr(bank, key, state[key])
    bank._fed_at = None if state["fed_at"] is None else state["fed_at"] + later
    bank.forget()


def _restore_analyser(line: Line, state: dict[str, Any], later: int, utc_offset_ns: int) -> None:
    icp = line.icp
    for key, value in state.items():
        setattr(icp, key, value)
    icp._utc = utc_offset_ns
    if icp._run is not None:
        icp._run.began += later
        icp._run.ends = tuple(end + later for end in icp._run.ends)
