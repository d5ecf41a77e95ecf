"""The cause-and-effect matrix as one HTML page: A3 landscape, a unit a sheet, room to sign; no script, no external asset.

html = page("Belfast demonstration line", digest, sheets(config), printed=when)

Pure: the same arguments give the same bytes. Colour only where it means something: what is forced to its safe side is dark,
what is forced on or open is green, and both say it in words, so that a copy in black and white reads the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from gateway.plant.sheet import Cause, Cell, Sheet

CSS = """
@page{size:A3 landscape;margin:9mm 10mm 11mm;
@bottom-right{content:"page " counter(page) " of " counter(pages);font:7pt sans-serif;color:#5d646d}}
:root{color-scheme:light}*{box-sizing:border-box}
body{margin:0;background:#e3e5e8;color:#20242a;font:7.4pt/1.3 "Inter","Segoe UI","Helvetica Neue",Arial,sans-serif;
-webkit-print-color-adjust:exact;print-color-adjust:exact}
.sheet{width:400mm;margin:8mm auto;padding:8mm 9mm;background:#fff;box-shadow:0 1px 5px #0003}
header{display:grid;grid-template-columns:1fr auto;align-items:end;border-bottom:.6mm solid #20242a;padding-bottom:2mm;margin-bottom:2.5mm}
h1{font-size:15pt;font-weight:650;margin:0;letter-spacing:-.1pt}h1 small{font-size:9.5pt;font-weight:400;color:#4c535c;margin-left:3mm}
header>p{margin:0;text-align:right;color:#4c535c;line-height:1.45}header b{color:#20242a;font-weight:600}
.kicker{font-size:7pt;letter-spacing:.7pt;text-transform:uppercase;color:#4c535c;margin:0 0 .4mm}
table.m{border-collapse:collapse;width:100%;table-layout:fixed}
.m th,.m td{border:.15mm solid #b9bec5;padding:.7mm 1mm;vertical-align:middle;text-align:left}
.m thead{display:table-header-group}.m thead th{background:#f1f3f5;font-weight:600;vertical-align:bottom}
.m tbody tr{break-inside:avoid}.m tbody tr:nth-child(even) td{background:#fafbfc}
.v{height:33mm;padding:0!important;position:relative}
.v div{writing-mode:vertical-rl;transform:rotate(180deg);max-height:32mm;margin:0 auto;white-space:nowrap;line-height:1.15;padding:1mm 0}
.v b{font-weight:650}.v span{display:block;font-weight:400;color:#4c535c;font-size:6.4pt}
.m tr.safe th{font-weight:400;font-size:6.2pt;color:#4c535c;text-align:center;padding:.5mm 0;overflow-wrap:anywhere}
.m tr.safe th:first-child{text-align:right;padding-right:1.5mm}
.m td.c{text-align:center;padding:0;font-size:6.1pt;font-weight:650;line-height:1.05;overflow:hidden}
.m td.c.off{background:#3d444d!important;color:#fff}.m td.c.on{background:#1f7a4d!important;color:#fff}
.m td.n{text-align:center;font-variant-numeric:tabular-nums;white-space:nowrap}
.cause b{font-weight:650;font-size:7.6pt}.cause span{display:block;color:#3f464e}
code{font:6.5pt/1.25 "JetBrains Mono","DejaVu Sans Mono",Consolas,monospace;overflow-wrap:anywhere}
.src{font-size:6.4pt;color:#3f464e}
.p{display:inline-block;width:2.1mm;height:2.1mm;margin-right:1.1mm;vertical-align:-.15mm;border:.2mm solid #20242a}
.critical{background:#b3261e}.high{background:#e2a100}.medium{background:#7fb2dd}.low{background:#fff}
.no{font-weight:700;color:#8f1d17}.foot{display:grid;grid-template-columns:1.15fr 2fr;gap:6mm;margin-top:3mm;break-inside:avoid}
.key{color:#3f464e;line-height:1.5}.key b{font-weight:600;color:#20242a}
.key i{display:inline-block;font-style:normal;font-weight:650;font-size:6.1pt;padding:0 1.4mm;color:#fff}.key u{margin:0 .8mm 0 1.5mm}
.key .off{background:#3d444d}.key .on{background:#1f7a4d}.w{display:block;font-size:6.1pt;color:#5d646d}.w b{font-weight:600;color:#3f464e}
.sign{border-collapse:collapse;width:100%}.sign th,.sign td{border:.2mm solid #20242a;padding:.8mm 1.4mm;text-align:left;height:6.4mm}
.sign th{font-weight:600;background:#f1f3f5;height:auto}.sign td:first-child{width:46mm}
@media print{body{background:#fff}.sheet{width:auto;margin:0;padding:0;box-shadow:none;break-after:page}.sheet:last-child{break-after:auto}}
"""
SIGNERS = ("Prepared", "Checked: process", "Checked: control and instrumentation", "Checked: process safety", "Approved: operations")
FIXED_MM = (7, 50, 66, 10, 10, 17, 9, 10)        # number, cause, condition, delay, safety time, kind, hold, bypass
SOURCE_MM = 36
CELL_MM = 9.0                                   # "closed" in 6 pt fits


def page(site: str, digest: str, sheets: Sequence[Sheet], *, printed: datetime) -> str:
    """The whole page; ``printed``: when, told on every sheet."""
    body = "".join(_sheet(site, digest, sheet, printed) for sheet in sheets)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Cause and effect: {escape(site)}</title><style>{CSS}</style></head><body>{body}</body></html>\n"
    )


def _sheet(site: str, digest: str, sheet: Sheet, printed: datetime) -> str:
    rows = "".join(_row(sheet, cause) for cause in sheet.causes)
    return f'<section class="sheet">{_head(site, digest, sheet, printed)}{_table(sheet, rows)}{_foot(sheet, digest)}</section>'


def _head(site: str, digest: str, sheet: Sheet, printed: datetime) -> str:
    return (
        f'<header><div><p class="kicker">Cause and effect matrix</p><h1>{escape(sheet.unit)}'
        f"<small>{escape(sheet.description)}</small></h1></div>"
        f"<p><b>{escape(site)}</b><br>{len(sheet.causes)} causes, {len(sheet.effects)} outputs, {sheet.cells} cells<br>"
        f"configuration <code>{escape(digest[:16])}</code> · printed {printed:%Y-%m-%d %H:%M} UTC</p></header>"
    )


def _table(sheet: Sheet, rows: str) -> str:
    used = sum(FIXED_MM) + SOURCE_MM + CELL_MM * len(sheet.effects)
    spare = max(0.0, 380.0 - used)              # a unit with few outputs gives its room to conditions and sources
    widths: list[float] = [*FIXED_MM]
    widths[1], widths[2] = FIXED_MM[1] + 0.15 * spare, FIXED_MM[2] + 0.45 * spare
    columns = [*widths, *[CELL_MM] * len(sheet.effects), SOURCE_MM + 0.4 * spare]
    group = "".join(f'<col style="width:{width:.1f}mm">' for width in columns)
    heads = ("No.", "Cause", "Condition: true or unknown acts", "Delay", "Safety time", "Kind", "Hold", "By&shy;pass")
    top = "".join(f"<th>{head}</th>" for head in heads) + "".join(
        f'<th class="v"><div><b>{escape(effect.tag)}</b><span>{escape(effect.description)}</span></div></th>' for effect in sheet.effects
    )
    safe = f'<th colspan="{len(heads)}">safe value</th>' + "".join(f"<th>{escape(effect.safe)}</th>" for effect in sheet.effects)
    head = f'<thead><tr>{top}<th>Source</th></tr><tr class="safe">{safe}<th></th></tr></thead>'
    return f'<table class="m"><colgroup>{group}</colgroup>{head}<tbody>{rows}</tbody></table>'


def _row(sheet: Sheet, cause: Cause) -> str:
    safety = "–" if cause.safety_time_s is None else f"{cause.safety_time_s:g} s"
    hold = "–" if cause.hold == "none" else escape(cause.hold)
    bypass = "yes" if cause.bypass else '<span class="no">no</span>'
    cells = "".join(_cell(cause.cells.get(effect.tag)) for effect in sheet.effects)
    return (
        f'<tr><td class="n">{cause.number}</td>'
        f'<td class="cause"><i class="p {escape(cause.priority)}"></i><b>{escape(cause.name)}</b>'
        f"<span>{escape(cause.description)}</span></td>"
        f"<td><code>{_breakable(cause.condition)}</code>{_reset(cause)}{_where(cause)}</td>"
        f'<td class="n">{f"{cause.delay_s:g} s" if cause.delay_s else "–"}</td>'
        f'<td class="n">{safety}</td><td class="n">{escape(cause.kind)}</td><td class="n">{hold}</td><td class="n">{bypass}</td>'
        f'{cells}<td class="src">{escape(cause.source)}</td></tr>'
    )


def _breakable(text: str) -> str:
    """Text that may break behind an opening bracket too, so that long conditions stay in their column."""
    return escape(text).replace("(", "(<wbr>")


def _reset(cause: Cause) -> str:
    """What a person's reset waits for."""
    return f'<span class="w"><b>reset when</b> <code>{_breakable(cause.reset)}</code></span>' if cause.reset else ""


def _where(cause: Cause) -> str:
    """The tags behind the names of a condition, and its figures."""
    tags = ", ".join(dict.fromkeys(cause.reads.values()))
    figures = ", ".join(f"{name} = {figure}" for name, figure in cause.figures.items())
    return f'<span class="w">{escape(tags)}{"; " if figures else ""}<b>{_breakable(figures)}</b></span>'


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return '<td class="c"></td>'
    return f'<td class="c {"on" if cell.value else "off"}">{escape(cell.word)}</td>'


KEY = (
    "<b>How to read it.</b> A cause that is true for its delay, or unknown at once, forces its cells over recipe, loop and person; where "
    'causes differ the safe value wins. <i class="off">closed</i> stopped, shut or zero; <i class="on">open</i> running, open or full. '
    "<b>latched</b>: a person resets it, refused while the cause stands or what it may be reset by is not true; "
    '<b>self-clearing</b>: lets go by itself; <b>permissive</b>: only forbids, no event. '
    '<b>Hold</b>: whose batch is held. <b>Priority</b>: <u class="p critical"></u>critical <u class="p high"></u>high '
    '<u class="p medium"></u>medium <u class="p low"></u>low. <b>Safety time</b>: from cause to harm; inputs are polled within a quarter '
    "of it and turn bad within all of it. This gateway is no safety function: an independent safety system stands behind every row. "
)


def _foot(sheet: Sheet, digest: str) -> str:
    signers = "".join(f"<tr><td>{who}</td><td></td><td></td><td></td></tr>" for who in SIGNERS)
    unit = escape(sheet.unit)
    return (
        f'<div class="foot"><div class="key">{KEY}{unit} of configuration <code>{_digest(digest)}</code></div>'
        f'<table class="sign"><thead><tr><th>{unit}</th><th>Name</th><th>Signature</th><th>Date</th></tr></thead>'
        f"<tbody>{signers}</tbody></table></div>"
    )


def _digest(digest: str) -> str:
    """A digest in groups of eight, as two people compare it."""
    return " ".join(escape(digest[k:k + 8]) for k in range(0, len(digest), 8))
