"""The tables and the drawing of a comparison of links."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAMES = {
    "libmodbus": "libmodbus (C), all asked, then all collected", "libmodbus in turn": "libmodbus (C), one after the other",
    "bare": "asyncio alone, nothing looked at", "ours": "**lagan**", "rtu": "lagan, RTU on TCP",
    "modbus-serial": "modbus-serial (node)", "node-red": "Node-RED, read and decode", "pymodbus": "pymodbus + convert_from_registers",
    "asyncua": "asyncua, subscription and handler",
}
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"
Found = Mapping[str, Any]


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _saturated(found: Found) -> str:
    counts = list(found["saturated"])
    at = found["saturated"]["50"]
    rows = [[NAMES[name], *(f"{found['saturated'][n][name]['us']:.1f}" for n in counts), f"{1000 * at[name]['us_per_tag']:.0f}",
             f"{at[name]['tags_per_core_s'] / 1e6:.2f}", f"{at[name]['us'] / at['ours']['us']:.2f}"] for name in at]
    head = ["saturated: CPU us per request of 125 registers", *(f"{n} conn." for n in counts), "ns per tag at 50", "M tags per core s",
            "x lagan"]
    return _table(head, rows)


def _paced(found: Found) -> str:
    loads = found["paced"]
    rows = [[NAMES[name], *(text for each in loads.values() for text in (
                f"{each[name]['us_per_tag']:.2f}", f"{each[name]['us'] * each[name]['done_per_s'] / 1e4:.2f} %",
                f"{each[name]['us'] / each['ours']['us']:.2f}"))] for name in next(iter(loads.values()))]
    head = ["paced, on one tick: CPU us per tag, share of a core", *(text for load in loads for text in (load, "core", "x lagan"))]
    return _table(head, rows)


def _opcua(found: Found) -> str:
    rows = [[NAMES[name], f"{each['us']:.1f}", f"{each['done_per_s']:.0f}", f"{each['us'] / found['opcua']['ours']['us']:.2f}"]
            for name, each in found["opcua"].items()]
    return _table(["OPC UA subscription, 1000 items at 10 Hz", "CPU us per notification", "delivered per s", "x lagan"], rows)


def goals(found: Found) -> list[tuple[str, float, float, float, bool]]:
    """What is demanded: in words, floor, aim, what was found, whether more is better."""
    at, opcua, rows = found["saturated"]["50"], found["opcua"], list[tuple[str, float, float, float, bool]]()
    ours = at["ours"]["us"]
    if "libmodbus" in at:
        rows.append(("tags per core s, of those of libmodbus in C, 50 connections", 0.35, 0.5, at["libmodbus"]["us"] / ours, True))
    rows.append(("tags per core s, of those of pymodbus with conversion, 50 connections", 5.0, 10.0, at["pymodbus"]["us"] / ours, True))
    for load, each in found["paced"].items():
        peer = "node-red" if "node-red" in each else "modbus-serial"
        if peer in each:
            words = "Node-RED" if peer == "node-red" else "modbus-serial, the client of Node-RED alone"
            rows.append((f"CPU per tag, of that of {words}, {load}", 0.25, 0.1, each["ours"]["us"] / each[peer]["us"], False))
    rows.append(("CPU per notification, of that of stock asyncua", 1.0, 1 / 3, opcua["ours"]["us"] / opcua["asyncua"]["us"], False))
    return rows


def _goals(found: Found) -> str:
    rows = []
    for words, floor, aim, got, more in goals(found):
        holds, reached = (got >= floor, got >= aim) if more else (got <= floor, got <= aim)
        sign = "at least" if more else "at most"
        rows.append([words, f"{sign} {floor:.2f}", f"{sign} {aim:.2f}", f"{got:.2f}", "aim" if reached else "floor" if holds else "**no**"])
    return _table(["goal", "floor", "aim", "found", "reached"], rows)


def tables(found: Found) -> str:
    """All of it in Markdown."""
    about = (f"Medians of {found['rounds']} rounds; Python {found['python']}, pymodbus {found['pymodbus']}, asyncua {found['asyncua']}. "
             + "".join(f"Left out: {each}. " for each in found["left_out"])).strip()
    return "\n\n".join([about, _goals(found), _saturated(found), _paced(found), _opcua(found)])


def into(page: Path, text: str) -> None:
    """Put the tables between the marks of a page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


WIDTH, LABEL, BAR, TOP = 860, 300, 18, 30


def drawing(found: Found) -> str:
    """Bars of CPU per unit of work, shorter is better; each panel has a scale of its own."""
    at = found["saturated"]["50"]
    panels = [("Modbus TCP, saturated, 50 connections: CPU us per request of 125 registers", {k: v["us"] for k, v in at.items()})]
    panels += [(f"Modbus TCP, {load}: CPU us per request", {k: v["us"] for k, v in each.items()}) for load, each in found["paced"].items()]
    panels += [("OPC UA, 1000 items at 10 Hz: CPU us per notification", {k: v["us"] for k, v in found["opcua"].items()})]
    y, parts = 0, list[str]()
    for title, bars in panels:
        y += TOP
        parts.append(f'<text x="10" y="{y}" font-weight="bold">{title}</text>')
        y += 8
        longest = max(bars.values())
        for name, us in bars.items():
            mine = name in ("ours", "rtu")
            length = (WIDTH - LABEL - 80) * us / longest
            weight, colour = ("bold", "#0b6e4f") if mine else ("normal", "#9aa5b1")
            label = NAMES[name].replace("*", "")
            parts.append(f'<text x="{LABEL - 8}" y="{y + 13}" text-anchor="end" font-weight="{weight}">{label}</text>')
            parts.append(f'<rect x="{LABEL}" y="{y + 1}" width="{length:.1f}" height="{BAR - 4}" fill="{colour}"/>')
            parts.append(f'<text x="{LABEL + length + 6:.1f}" y="{y + 13}">{us:.1f}</text>')
            y += BAR
    frame = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 12}" font-family="sans-serif" font-size="12">'
    return "\n".join([frame, f'<rect width="{WIDTH}" height="{y + 12}" fill="#ffffff"/>', *parts, "</svg>", ""])
