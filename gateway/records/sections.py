"""The sections of a batch record's page, one function each: a title and a table of what the journal says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from devices.quality import is_bad, is_good
from devices.quality import name as quality_name
from gateway.control.chain import Charged, IcpResult
from gateway.control.machine import ENDED
from gateway.records.record import BatchRecord
from gateway.records.text import Cell, Raw, cell, clock, duration, element_order, entry_rows, gap, number, pm, table


def _section(title: str, note: str, body: str) -> str:
    """A title over a sheet."""
    extra = f"<small>{escape(note)}</small>" if note else ""
    return f'<section><h2>{escape(title)}{extra}</h2><div class="sheet">{body}</div></section>'


def _sheet(title: str, heads: Sequence[str], rows: Iterable[Sequence[Cell]], note: str = "", none: str = "None recorded.") -> str:
    """A title over a table."""
    listed = list(rows)
    return _section(title, note, table(heads, listed) if listed else f'<div class="none">{escape(none)}</div>')


def deviations(record: BatchRecord) -> str:
    """What was not as planned."""
    rows = [[clock(d.utc), str(d.seq), d.kind, d.text, d.who] for d in record.deviations]
    return _sheet("Deviations", ["time", "#entry", "kind", "what", "who"], rows)


def balance(record: BatchRecord) -> str:
    """Where each element went."""
    heads = [
        "element",
        "#in, kg",
        "#liquor, kg",
        "#cake, kg",
        "#samples, kg",
        "#losses, kg",
        "#heel, kg",
        "#leach extraction, %",
        "#recovery, %",
        "#closure, %",
    ]
    rows: list[Sequence[Cell]] = []
    for element in element_order(record.balance):
        found = record.balance[element]
        row: list[Cell] = [element]
        row += [pm(found[key], 2 * found[f"u_{key}"]) for key in ("in_kg", "liquor_kg", "cake_kg", "samples_kg", "losses_kg", "heel_kg")]
        row += [pm(100 * found[key], 200 * found[f"u_{key}"]) for key in ("leach_extraction", "recovery")]
        closure = pm(100 * found["closure"], 200 * found["u_closure"])
        off = abs(found["closure"] - 1)
        row.append(Raw(f'<span class="{"bad" if off > 0.05 else "warn" if off > 0.03 else ""}">{closure}</span>'))
        rows.append(row)
    note = "± 2u (k = 2, about 95 %); in = liquor + cake + samples + losses + heel; accepted 95 to 105 %"
    sheet = table(heads, rows) if rows else '<div class="none">No balance has been computed for this batch.</div>'
    return _section("Balance per element", note, sheet + _remarks(record.balance_inputs) + _proven(record.checks))


ROUTES = {
    "iron": "Leach extraction: washed residue sample, tied to the charge by iron.",
    "solids": "Leach extraction: washed residue sample and its measured mass.",
    "liquor": "Leach extraction: from the liquor, for want of a residue that can be tied to the charge.",
}


def _remarks(inputs: Mapping[str, Any]) -> str:
    """By which route the extraction is known, and what the balance asks a reader to look at."""
    lines = [ROUTES[str(inputs["route"])]] if inputs.get("route") in ROUTES else []
    flags = inputs.get("flags")
    if isinstance(flags, Mapping):
        lines += [f"{element}: {number(found)}" for element, found in flags.items()]
    return "".join(f'<div class="none">{escape(line)}</div>' for line in lines)


def _proven(checks: Mapping[str, Any]) -> str:
    """What the checks found of the instruments whose uncertainty the balance states."""
    lines: list[str] = []
    for name, found in checks.items():
        if found["what"] in ("scale", "icp") and "figures" in found:
            wrong = {k: v for k, v in found["figures"].items() if not k.startswith("empty")}
            lines.append(f"Checked {clock(found['done_utc'])}, {name}: {number(wrong)}. Nothing was corrected by it.")
    return "".join(f'<div class="none">{escape(line)}</div>' for line in lines)


def plots(plots: Sequence[str]) -> str:
    """The trends, one drawing each."""
    if not plots:
        return ""
    note = "shaded: phases; ochre: held; red: no good value, nothing drawn"
    body = "".join(f'<div class="sheet">{svg}</div>' for svg in plots)
    return f'<section class="plots"><h2>Trends<small>{note}</small></h2>{body}</section>'


def timeline(record: BatchRecord) -> str:
    """One row per stretch of work; the state a step ended in stands beside the state it was in."""
    ended = {(span.name, span.start_utc): span for span in record.steps if span.state in ENDED}
    rows: list[Sequence[Cell]] = []
    for span in record.steps:
        if span.state not in ("IDLE", *ENDED):
            end = ended.get((span.name, span.end_utc))
            state = f"{span.state} → {end.state}" if end is not None else span.state
            report = ", ".join(f"{key} {number(value)}" for key, value in span.report.items())
            cause = span.cause or (end.cause if end is not None else "")
            rows.append([clock(span.start_utc), span.name, span.phase, state, duration(span.minutes(record.until_utc)), cause, report])
    return _sheet("Steps", ["start", "step", "phase", "state", "#duration", "cause", "report"], rows)


def states(record: BatchRecord) -> str:
    """States of the batch, and its holds."""
    rows = [
        [clock(s.start_utc), s.state, "" if s.state in ENDED else duration(s.minutes(record.until_utc)), s.cause, s.who]
        for s in record.states
    ]
    holds = [[clock(s.start_utc), duration(s.minutes(record.until_utc)), s.cause, s.who] for s in record.holds]
    return _sheet("States of the batch", ["since", "state", "#duration", "cause", "who"], rows) + _sheet(
        "Holds", ["since", "#duration", "reason", "ended by"], holds
    )


def analyses(record: BatchRecord) -> str:
    """Every ICP result, liquors and solids apart, and its quality control."""
    results = [stored.entry for stored in record.results if isinstance(stored.entry, IcpResult)]
    units = list(dict.fromkeys(result.unit for result in results)) or ["g/L"]
    figures = "".join(_analyses_in(unit, [result for result in results if result.unit == unit]) for unit in units)
    rows: list[Sequence[Cell]] = []
    for result in results:
        qc = ", ".join(f"{key} {number(value)}" for key, value in result.qc.items())
        rows.append([clock(result.measured_utc), clock(result.taken_utc), result.sample, result.purpose, _quality(result.quality), qc])
    return figures + (
        _sheet("Quality control of the analyses", ["measured", "taken", "sample", "purpose", "quality", "QC"], rows) if rows else ""
    )


def _quality(code: int) -> Raw:
    """The name of a quality, marked where it is not good."""
    mark = "" if is_good(code) else "bad" if is_bad(code) else "warn"
    return Raw(f'<span class="{mark}">{escape(quality_name(code))}</span>')


def _analyses_in(unit: str, results: Sequence[IcpResult]) -> str:
    """Results of one unit; solids are shown in per cent."""
    scale, shown = (100.0, "% of dry") if unit == "kg/kg" else (1.0, unit)
    elements = element_order({element for result in results for element in result.values})
    rows: list[Sequence[Cell]] = []
    for result in results:
        figures = [gap(result.values[e] * scale, 2 * scale * result.u.get(e, 0.0)) if e in result.values else "" for e in elements]
        rows.append([clock(result.taken_utc), result.sample, result.purpose, *figures, _quality(result.quality)])
    heads = ["taken", "sample", "purpose", *(f"#{element}" for element in elements), "quality"]
    return _sheet(f"ICP results, {shown}", heads, rows, "± 2u")


def charged(record: BatchRecord) -> str:
    """Every mass and volume with its uncertainty."""
    rows: list[Sequence[Cell]] = []
    for stored in record.charged:
        if isinstance(stored.entry, Charged):
            e = stored.entry
            rows.append([clock(stored.utc), str(stored.seq), e.direction, e.material, pm(e.amount, 2 * e.u), e.unit, e.source, e.lot])
    return _sheet("Charged and drawn", ["time", "#entry", "direction", "material", "#amount ± 2u", "unit", "source", "lot"], rows)


def prompts(record: BatchRecord) -> str:
    """Questions to the operator and what was answered."""
    rows = [
        [clock(q.asked_utc), q.text, q.answer or "open", clock(q.answered_utc) if q.answered_utc else "", q.who] for q in record.prompts
    ]
    return _sheet("Prompts and answers", ["asked", "question", "answer", "answered", "who"], rows)


def interlocks(record: BatchRecord) -> str:
    """Trips, resets and bypasses, with the first-out and what it saw."""
    return _sheet("Interlocks", *entry_rows(record.interlocks, ("interlock", "event", "first_out", "cause", "inputs", "who", "why")))


def alarms(record: BatchRecord) -> str:
    """Every change of an alarm's state."""
    return _sheet("Alarms", *entry_rows(record.alarms, ("alarm", "priority", "was", "now", "first_out", "value", "who", "why")))


def setpoints(record: BatchRecord) -> str:
    """Every change of a mode, setpoint or owner."""
    return _sheet(
        "Modes and setpoints",
        *entry_rows(record.setpoints, ("loop", "was", "mode", "setpoint_was", "setpoint", "ramp_per_min", "out", "owner", "cause")),
    )


def commands(record: BatchRecord) -> str:
    """Every command, refused ones too."""
    columns = ("who", "role", "verb", "target", "arguments", "outcome", "reason", "why")
    return _sheet("Commands", *entry_rows(record.commands, columns), note="refused ones too")


def outputs(record: BatchRecord) -> str:
    """Writes that failed, devices that were lost, outputs."""
    failed = _sheet("Writes that failed", *entry_rows(record.writes, ("tag", "wanted", "outcome", "readback", "detail")))
    lost = _sheet("Devices lost and regained", *entry_rows(record.devices, ("device", "event", "detail")))
    wanted = _sheet("Outputs", *entry_rows(record.outputs, ("tag", "was", "wanted", "owner", "cause")))
    return failed + lost + wanted


def _pairs(pairs: Iterable[tuple[str, Any]]) -> str:
    """Names and values."""
    return "<dl>" + "".join(f"<dt>{escape(key)}</dt><dd>{cell(value)}</dd>" for key, value in pairs) + "</dl>"


def lot(record: BatchRecord) -> str:
    """The lot as frozen when the batch was created."""
    lot = dict(record.lot)
    assay = lot.pop("assay", {})
    origin = lot.pop("origin", {})
    facts = [
        (key.replace("_", " "), value if isinstance(value, str) else number(value)) for key, value in lot.items() if value not in ("", None)
    ]
    facts += [(f"origin: {step}", country) for step, country in origin.items()]
    rows = [[element, pm(100 * a["fraction"], 200 * a["fraction"] * a["u_rel"]), str(a.get("method", ""))] for element, a in assay.items()]
    return _section("Lot", "as frozen when the batch was created", _pairs(facts)) + _sheet(
        "Assay", ["element", "#of the dry lot, % ± 2u", "method"], rows
    )


def checks(record: BatchRecord) -> str:
    """Which calibrations and proof tests the batch stood on."""
    rows: list[Sequence[Cell]] = []
    for name, found in record.checks.items():
        mark = "" if found["state"] in ("valid", "due_soon") else "bad" if found["needed"] else "warn"
        state = Raw(f'<span class="{mark}">{escape(str(found["state"]).replace("_", " "))}</span>')
        done, due = clock(found.get("done_utc", 0)), clock(found.get("due_utc", 0))
        needed = "needed" if found["needed"] else ""
        shown = [str(found.get("number", "")), done, due, number(found.get("figures")), str(found.get("certificate", ""))]
        rows.append([name, str(found["of"]), state, needed, *shown])
    heads = ["check", "of", "state", "for the start", "#record", "done", "due", "figures", "certificate"]
    return _sheet("Calibrations and proof tests at the start", heads, rows, "as they stood when the batch was created", "None configured.")


def recipe(record: BatchRecord) -> str:
    """The formula of the control recipe."""
    formula = record.control_recipe.get("formula", {})
    rows: list[Sequence[Cell]] = []
    for key, item in formula.items():
        plain = not isinstance(item, Mapping)
        rows.append(
            [
                key,
                number(item if plain else item.get("value")),
                "" if plain else str(item.get("unit", "")),
                "" if plain else str(item.get("description", "")),
            ]
        )
    return _sheet("Control recipe: formula", ["name", "#value", "unit", "meaning"], rows, f"{record.recipe}, hash {record.recipe_hash}")


def proof(record: BatchRecord) -> str:
    """Which journal this is folded from, and by what."""
    software = ", ".join(f"{key} {value}" for key, value in record.software.items())
    facts: list[tuple[str, Any]] = [
        ("entries of this batch", f"{record.first_seq} to {record.last_seq}"),
        ("journal head", Raw(f"entry {record.journal_seq}, <code>{escape(record.journal_head)}</code>")),
        ("proof", Raw("<code>lagan record verify DIR</code> walks every entry and compares the end with the head anchor")),
        ("software", f"lagan {record.version}{'; ' + software if software else ''}"),
        ("configuration digest", Raw(f"<code>{escape(record.config_digest)}</code>")),
        ("time source", record.clock),
        ("created", f"{clock(record.created_utc)} by {record.created_by}"),
    ]
    return _section("Where this comes from", "folded from the journal; nothing is entered by hand", _pairs(facts))
