"""batch list, show, report and record verify: what the journal says."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from gateway.commands.look import config_of
from gateway.config.models import Config
from gateway.control.chain import Stored
from gateway.records.anchor import Head
from gateway.records.journal import read
from gateway.records.record import BatchRecord
from gateway.records.report import batch_list as listed
from gateway.records.report import batch_record, record_json
from gateway.records.verify import verify as check_chain


def verify(given: argparse.Namespace) -> int:
    """Check the chain; 0 only when all of it holds."""
    try:
        verdict = check_chain(given.directory)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    if given.json:
        print(msgspec.json.encode({"ok": verdict.ok, "entries": verdict.entries, "verdict": str(verdict)}).decode())
    else:
        print(verdict)
    return 0 if verdict.ok else 1


def batch_list(given: argparse.Namespace) -> int:
    """One line per batch."""
    rows = listed(_Journal(given.data))
    if given.json:
        print(msgspec.json.encode(rows).decode())
    else:
        for row in rows:
            print(f"{row.batch:20} {row.unit:8} {row.recipe:20} {row.lot:18} {row.state}")
    return 0


def batch_show(given: argparse.Namespace) -> int:
    """The record of a batch as JSON."""
    record = _record(given)
    if record is None:
        return 1
    print(record_json(record).decode())
    return 0


def batch_report(given: argparse.Namespace) -> int:
    """The record of a batch as a page."""
    out = given.out or given.data / f"{given.batch}.html"
    config = config_of(given.config)
    if config is None:
        return 2
    if not write_report(config, given.data, given.batch, out):
        print(f"no batch {given.batch} in {given.data}", file=sys.stderr)
        return 1
    print(out)
    return 0


def write_report(config: Config, data: Path, batch: str, out: Path) -> bool:
    """Write the page of a batch; False when the journal has no such batch."""
    from gateway.history.rows import query
    from gateway.records.page import page

    record = _read_record(config, data, batch)
    if record is None:
        return False
    out.write_text(page(record, functools.partial(query, data), roles_of(config, record.unit)))
    return True


def roles_of(config: Config, unit: str) -> dict[str, str]:
    """Which tags of the unit the plots of a record show."""
    roles = config.units[unit].roles
    wanted = {
        "temperature": "temperature",
        "setpoint": "temperature_sp",
        "ph": "ph",
        "acid_total": "acid_total",
        "acid_rate": "acid_flow",
        "lel": "lel",
    }
    return {plot: roles[role] for plot, role in wanted.items() if role in roles}


def belongs_to(config: Config, unit: str) -> Callable[[str], bool]:
    """Whether a loop, tag, device or interlock is the unit's own or of what it uses."""
    here = config.units[unit]
    shared = [config.units[used] for used in here.uses.values()]
    names = {unit, *here.uses.values(), *here.roles.values(), *here.loops.values()}
    for other in shared:
        names |= {*other.roles.values(), *other.loops.values()}
    names |= {tag.device for name, tag in config.tags.items() if name in names and tag.device}
    return lambda name: name in names or name.partition(".")[0] in names or name.partition("/")[0] in names


def _record(given: argparse.Namespace) -> BatchRecord | None:
    config = config_of(given.config)
    record = _read_record(config, given.data, given.batch) if config is not None else None
    if record is None and config is not None:
        print(f"no batch {given.batch} in {given.data}", file=sys.stderr)
    return record


def _read_record(config: Config, data: Path, batch: str) -> BatchRecord | None:
    journal = _Journal(data)
    row = next((row for row in listed(journal) if row.batch == batch), None)
    return None if row is None else batch_record(journal, batch, belongs_to(config, row.unit))


class _Journal:
    """A journal that is only read: no lock is taken, so it works beside a running plant."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def read(self, after: int = 0) -> Iterator[Stored]:
        """The entries after a sequence number."""
        return read(self._data, after)

    @property
    def head(self) -> Head:
        """Head of the chain as it stands."""
        verdict = check_chain(self._data)
        return Head(verdict.entries, bytes.fromhex(verdict.head))
