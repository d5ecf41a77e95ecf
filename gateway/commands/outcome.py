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
        "truth": {element: _as_balanced(row) for element, row in truth.items()},
    }


def _as_balanced(row: dict[str, float]) -> dict[str, float]:
    """What the simulator knows of an element, in the terms of the balance: the heel is closing less opening, shares are of what was fed."""
    heel = row["heel_kg"] - row["opening_heel_kg"]
    out = row["liquor_kg"] + row["cake_kg"] + row["samples_kg"] + row["losses_kg"] + heel
    fed = row["in_kg"] or 1.0
    return {key: row[key] for key in _KEYS} | {"heel_kg": heel, "recovery": row["liquor_kg"] / fed, "closure": out / fed}
