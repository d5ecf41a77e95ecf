"""Why an output is blocked, as it is now: each row with the inputs that make it so, what would free it, and whether its reset waits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from devices.quality import name as quality_name
from gateway.control.blame import goal, names_blamed
from gateway.control.force import Force
from gateway.control.image import SECOND, Now
from gateway.control.interlock import Interlock
from gateway.control.parts import Parts


def why_blocked(parts: Parts, tag: int, now: Now) -> dict[str, Any]:
    """The rows that force an output now, those that would but are bypassed, and what a person holds it at."""
    item = parts.outputs.by_tag[tag]
    rows = [parts.interlocks.by_name[name] for name in item.blocked if name in parts.interlocks.by_name]
    asleep = [i for i in parts.interlocks.items if i.bypass_until and tag in i.row.effects and (i.active or i.truth is not False)]
    found: dict[str, Any] = {"blocking": [_row(parts, row, tag) for row in rows]}
    if asleep:
        found["bypassed_rows"] = [{"row": i.row.name, **bypass_of(i, now)} for i in asleep]
    return found | forced(parts, tag, now)


def _row(parts: Parts, item: Interlock, tag: int) -> dict[str, Any]:
    row = item.row
    found = {
        "row": row.name,
        "forces": row.effects[tag],
        "description": row.description,
        "cause_is": {True: "true", False: "false", None: "unknown"}[item.truth],
        "inputs": inputs_of(parts, item),
        "needs": needs(parts, item),
        "reset": reset_of(item, unmet(parts, item)),
    }
    if item.since is not None and not item.active:
        found["delay_s"] = row.delay_ns / SECOND
    return found


def inputs_of(parts: Parts, item: Interlock) -> list[dict[str, Any]]:
    """The inputs that keep the cause of a row from being false; without its tree all inputs of the row."""
    row, names = item.row, dict(item.row.inputs)
    if row.because is not None:
        names = names_blamed(row.because, *parts.forces.columns(parts.image))
    return [_input(parts, name, i) for name, i in names.items()]


def _input(parts: Parts, name: str, tag: int) -> dict[str, Any]:
    return {"name": name, "tag": parts.image.names[tag], **seen(parts, tag), **measured(parts, tag)}


def seen(parts: Parts, tag: int) -> dict[str, Any]:
    """Value and quality as the scan sees them."""
    values, qualities = parts.forces.columns(parts.image)
    return {"value": values[tag], "quality": quality_name(qualities[tag])}


def measured(parts: Parts, tag: int) -> dict[str, Any]:
    """What is measured where something else is shown; nothing where the two are one."""
    force = parts.forces.standing.get(tag)
    if force is None or force.row.output:
        return {}
    value, quality = parts.forces.true(tag, parts.image)
    return {"measured": value, "measured_quality": quality_name(quality)}


def needs(parts: Parts, item: Interlock) -> str:
    """What must become true for the cause to be gone; "" when it is."""
    because = item.row.because
    return "" if because is None else goal(because, *parts.forces.columns(parts.image))


def unmet(parts: Parts, item: Interlock) -> str:
    """What must become true before a person may reset the row, and what is read now; "" when nothing is missing."""
    if item.row.ready is None:
        return ""
    values, qualities = parts.forces.columns(parts.image)
    wanted = goal(item.row.ready, values, qualities, wanted=True)
    if not wanted:
        return ""
    names = names_blamed(item.row.ready, values, qualities, wanted=True)
    read = (f"{name} ({parts.image.names[i]}) {f'{values[i]:.4g}' if qualities[i] >> 30 == 0 else quality_name(qualities[i])}"
            for name, i in names.items())
    return f"{wanted}; now {', '.join(read)}"


def reset_of(item: Interlock, waits_for: str = "") -> str:
    """Whether a person has to reset the row, and whether that is possible now; ``waits_for``: what the reset needs still."""
    if item.asked:
        return "being recorded"
    if not (item.tripped and item.row.latch):
        return "lets go by itself" if not item.row.latch else "not tripped yet"
    if item.truth is False:
        return f"refused until {waits_for}" if waits_for else "waits for a person"
    return "refused while the cause is unknown" if item.truth is None else "refused while the cause stands"


def bypass_of(item: Interlock, now: Now) -> dict[str, Any]:
    """Who bypasses a row, why, until when."""
    left = item.bypass_end - now.mono if item.bypass_end is not None else item.bypass_until - now.utc
    return {"by": item.bypass_by, "why": item.bypass_why, "until_utc": stamp(item.bypass_until), "left_s": max(left, 0) // SECOND}


def forced(parts: Parts, tag: int, now: Now) -> dict[str, Any]:
    """What a person forces a tag to, and for an input what is measured meanwhile; nothing when it is not forced."""
    force = parts.forces.standing.get(tag)
    if force is None:
        return {}
    return {"forced": force_of(force, now) | measured(parts, tag)}


def force_of(force: Force, now: Now) -> dict[str, Any]:
    """A standing force: value, who, why, until when."""
    left = force.end - now.mono if force.end is not None else force.until - now.utc
    return {"to": force.value, "by": force.who, "why": force.why, "until_utc": stamp(force.until), "left_s": max(left, 0) // SECOND}


def suspended(parts: Parts, now: Now) -> dict[str, Any]:
    """Everything that is bypassed or forced now: row or tag -> by whom, why, until when."""
    bypasses = {i.row.name: bypass_of(i, now) for i in parts.interlocks.items if i.bypass_until}
    forces = {
        force.row.name: force_of(force, now) | forced(parts, tag, now)["forced"] | {"unit": force.row.unit, "output": force.row.output}
        for tag, force in parts.forces.standing.items()
    }
    return {"bypasses": bypasses, "forces": forces}


def protection_of(parts: Parts, unit: str, now: Now) -> dict[str, Any] | None:
    """What stands, is bypassed and is forced of a unit: by whom, why, until when; None for a unit without rows."""
    items = [item for item in parts.interlocks.items if item.row.unit == unit]
    if not items:
        return None
    found = suspended(parts, now)
    return {
        "unit": unit,
        "rows": len(items),
        "standing": [item.row.name for item in items if item.active and not item.row.permissive],
        "permissives": [item.row.name for item in items if item.active and item.row.permissive],
        "bypasses": {name: each for name, each in found["bypasses"].items() if name in {item.row.name for item in items}},
        "forces": {name: each for name, each in found["forces"].items() if each["unit"] == unit},
    }


def stamp(utc: int) -> str:
    """A time as a person reads it."""
    return datetime.fromtimestamp(utc / SECOND, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
