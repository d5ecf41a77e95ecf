"""The one object with which ``demo --json`` and ``rehearse --json`` end. Version 1 of this output; documented in docs/reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.config.models import Config
from gateway.control.chain import Balance
from gateway.records.store import Store

VERSION = 1
_KEYS = ("in_kg", "liquor_kg", "cake_kg", "samples_kg", "losses_kg", "heel_kg", "leach_extraction", "recovery", "closure")


def outcome(
    config: Config, data: Path | None, batch: str, state: str, plant_s: float, wall_s: float, truth: dict[str, Any],
    journal: Store | None = None,
) -> dict[str, Any]:
    """What came of a batch. ``data``: where its journal is; ``journal``: an open one instead (a rehearsal without a directory)."""
    from gateway.commands.records import write_report
    from gateway.records.journal import read
    from gateway.records.verify import verify

    record = ""
    entries = list(journal.read()) if journal is not None else list(read(data)) if data is not None else []
    head = journal.head.hash.hex() if journal is not None else verify(data).head if data is not None else ""
    if data is not None:
        path = data / f"{batch}.html"
        record = str(path) if write_report(config, data, batch, path) else ""
    balance = next((s.entry.elements for s in reversed(entries) if isinstance(s.entry, Balance) and s.entry.batch == batch), {})
    return {
        "version": VERSION,
        "state": state,
        "batch": batch,
        "plant_seconds": round(plant_s, 3),
        "wall_seconds": round(wall_s, 3),
        "journal_head": head,
        "record": record,
        "balance": balance,
        "truth": {e: {k: row[k] for k in _KEYS} for e, row in truth.items()},
    }
