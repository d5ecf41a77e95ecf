"""The batch record as one HTML page: no script, no external asset, every string escaped; reads on a screen and prints on A4.

html = page(record, history.query, {"temperature": "TT-1011A", "ph": "AT-1012"})
response.headers["Content-Security-Policy"] = CSP
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape

from gateway.batch.lots import RARE_EARTHS
from gateway.records import sections
from gateway.records.record import BatchRecord
from gateway.records.style import CSS
from gateway.records.text import clock, duration, element_order, pm, short
from gateway.records.trends import Query, svgs

CSP = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
    + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(record: BatchRecord, query: Query | None = None, roles: Mapping[str, str] | None = None) -> str:
    """The whole page. ``query``: of the history, for the trends; ``roles``: which tag is the unit's temperature, pH and so on."""
    plots = svgs(record, query, roles or {})
    parts = (
        sections.deviations(record),
        sections.balance(record),
        sections.plots(plots),
        sections.timeline(record),
        sections.states(record),
        sections.analyses(record),
        sections.charged(record),
        sections.prompts(record),
        sections.interlocks(record),
        sections.alarms(record),
        sections.setpoints(record),
        sections.commands(record),
        sections.outputs(record),
        sections.checks(record),
        sections.lot(record),
        sections.recipe(record),
        sections.proof(record),
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Batch record {escape(record.batch)}</title><style>{CSS}</style></head><body><main>"
        f"{_head(record)}{_tiles(record)}{''.join(parts)}{_sign(record)}</main></body></html>"
    )


def _head(record: BatchRecord) -> str:
    """Which batch, where, when."""
    end = clock(record.ended_utc) if record.ended_utc else "not ended"
    return (
        f"<header><h1><small>Batch record</small>{escape(record.batch)}</h1><p>{escape(record.unit)} · {escape(record.recipe)}<br>"
        f"{clock(record.started_utc or record.created_utc)} to {end} UTC</p></header>"
    )


def _tile(title: str, value: str, note: str = "", mark: str = "") -> str:
    """One figure of the summary."""
    return f'<div class="tile {mark}"><b>{escape(title)}</b><span>{escape(value)}</span><i>{escape(note)}</i></div>'


def _tiles(record: BatchRecord) -> str:
    """The summary."""
    lot = record.lot
    unusual = len(record.deviations)
    mark = {"COMPLETE": "", "ABORTED": "failed", "STOPPED": "failed"}.get(record.state, "attention")
    tiles = [
        _tile("State", record.state, duration((record.until_utc - (record.started_utc or record.created_utc)) / 60e9), mark),
        _tile("Lot", str(lot.get("lot", "unknown")), f"{lot.get('alloy', '')}"),
        _tile(
            "Owner",
            str(lot.get("owner", "unknown")),
            f"{lot.get('ownership', '')} {str(lot.get('waste_origin', '')).replace('_', '-')}".strip(),
        ),
        _tile("Recipe", record.recipe, f"hash {short(record.recipe_hash)}"),
        _tile("Deviations", str(unusual), "see below" if unusual else "none recorded", "attention" if unusual else ""),
        _tile("Journal", f"{record.first_seq} to {record.last_seq}", f"head {short(record.journal_head)}"),
    ]
    return f'<div class="tiles">{"".join(tiles)}</div>{_element_tiles(record)}'


def _element_tiles(record: BatchRecord) -> str:
    """Extraction and recovery of each rare earth, ± 2u."""
    tiles: list[str] = []
    for element in element_order(record.balance):
        if element in RARE_EARTHS:
            found = record.balance[element]
            leach = pm(100 * found["leach_extraction"], 200 * found["u_leach_extraction"])
            recovery = pm(100 * found["recovery"], 200 * found["u_recovery"])
            tiles.append(
                f'<div class="tile"><b>{escape(element)}</b><span><strong>{leach} %</strong> <em>leach extraction</em></span>'
                f"<span>{recovery} % <em>recovery</em></span></div>"
            )
    return f'<div class="elements">{"".join(tiles)}</div>' if tiles else ""


def _sign(record: BatchRecord) -> str:
    """Room for two signatures."""
    return (
        '<div class="sign"><p>Operator, date</p><p>Reviewed by, date</p></div>'
        f"<footer>{escape(record.batch)} · all times UTC · journal entry {record.journal_seq}, head {short(record.journal_head)}</footer>"
    )
