"""How the plant and its links stand, as the door tells it: plain data, taken between two scans."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.control.alarm import LISTED, Alarm
from gateway.control.alarm_list import aside, listed, worst_first
from gateway.control.explain import explain
from gateway.control.health import EDGES_MS, ne107
from gateway.control.interlock import Interlock
from gateway.control.loop import Loop
from gateway.control.scan import Scan
from gateway.runtime import Runtime

__all__ = ["alarms", "links", "loops", "status"]

LINES, ASIDE = 800, 200                         # of lists over the socket: the worst first, the rest is counted; a line is below 700 bytes


def status(runtime: Runtime) -> dict[str, Any]:
    """What a person wants to see first: plant time, batches, what stands, what asks."""
    scan = runtime.plant.scan
    parts = scan.parts
    values, qualities = parts.forces.columns(parts.image)
    units: dict[str, Any] = {}
    for name, engine in parts.units.items():
        batch = engine.batch
        if batch is None:
            continue
        units[name] = {
            "batch": batch.id,
            "state": batch.state,
            "cause": batch.cause,
            "recipe": batch.recipe,
            "lot": batch.lot.get("lot", ""),
            "formula": batch.control_recipe["formula"],
            "prompts": batch.open_prompts,
            "waiting": engine.waiting,
            "steps": [{"step": run.name, "phase": run.phase, "state": run.state} for run in batch.active],
            "done": sum(run.state == "COMPLETE" for run in batch.steps.values()),
            "of": len(batch.steps),
            "values": {
                role: values[i]
                for role, i in engine.wiring.roles.items()
                if "." not in role and not qualities[i] & 0xC0000000
            },
        }
    return {
        "utc_ns": runtime.clock.now().utc,
        "mono_ns": runtime.clock.now().mono,
        "scans": scan.count,
        "armed": scan.armed,
        "units": units,
        "alarms": {a.row.name: a.state for a in sorted(parts.alarms.items, key=worst_first) if a.state not in ("NORM", "DSUPR")},
        "flood": parts.alarms.flood.told(),
        "bypassed": [i.row.name for i in parts.interlocks.items if i.bypass_until],
        "forced": [force.row.name for force in parts.forces.standing.values()],
        "interlocks": [i.row.name for i in parts.interlocks.items if i.active and not i.row.permissive],
        "loops": {name: told for name, loop in parts.loops.items() if (told := _unusual(scan, loop))},
        "devices": {name: talk.state for name, talk in runtime.plant.talks.items()},
        "journal": {"seq": runtime.committer.committed(), "failed": runtime.committer.failed or "",
                    "waited_s": round(parts.outgoing.waited_s, 3)},
    }


def alarms(runtime: Runtime, unit: str = "") -> dict[str, Any]:
    """The list of alarms, of one unit or of all, worst first and in a flood folded; those shelved, out of service and suppressed.

    ``states``: of every alarm that waits for somebody, by name, also those that are folded. Raises KeyError for an unknown unit.
    """
    parts = runtime.plant.scan.parts
    if unit and unit not in runtime.plant.config.units:
        raise KeyError(unit)
    items, place = parts.alarms.items, {id(item): k for k, item in enumerate(parts.alarms.items)}

    def says(item: Alarm) -> str:
        return parts.comms.says(place[id(item)])

    lines = listed(items, says, fold=parts.alarms.flood.active, unit=unit)
    shelved, out_of_service = (aside(items, says, state, unit) for state in ("SHLVD", "OOSRV"))
    return {
        "utc_ns": runtime.clock.now().utc,
        "flood": parts.alarms.flood.told(),
        "trips": [i.row.name for i in sorted(parts.interlocks.items, key=_after_first) if i.active and not i.row.permissive],
        "alarms": msgspec.to_builtins(lines[:LINES]),
        "left_out": max(len(lines) - LINES, 0) + max(len(shelved) - ASIDE, 0) + max(len(out_of_service) - ASIDE, 0),
        "states": {item.row.name: item.state for item in items if item.state in LISTED and unit in ("", item.row.unit)},
        "shelved": msgspec.to_builtins(shelved[:ASIDE]),
        "out_of_service": msgspec.to_builtins(out_of_service[:ASIDE]),
        "suppressed": [line.alarm for line in aside(items, says, "DSUPR", unit)],
    }


def _after_first(item: Interlock) -> bool:
    return not item.first_out


def _unusual(scan: Scan, loop: Loop) -> str:
    """What of a loop's tuning a person should know who did not do it; "" where there is nothing."""
    told = scan.driving.tunings.told(loop)
    if told.get("experiment", {}).get("state") == "running":
        return f"relay experiment by {told['experiment']['who']}"
    return f"not tuned as configured, by {told['tuned']['who']}" if "tuned" in told else ""


def loops(runtime: Runtime) -> dict[str, Any]:
    """Every loop: where it stands, how it is tuned, how well it does."""
    scan = runtime.plant.scan
    now = runtime.clock.now()
    return {"utc_ns": now.utc, "loops": {name: explain(scan, name, now) for name in scan.parts.loops}}


def links(runtime: Runtime) -> dict[str, Any]:
    """Every link with what came over it, and every device behind it: its state, its answers, what it is asked, its last error."""
    quality = runtime.plant.image.quality
    told: dict[str, Any] = {}
    for link in runtime.links:
        devices: dict[str, Any] = {}
        ill = {cause: words for talk in runtime.plant.links[link.name] for cause, words in talk.health.standing.items()}
        for talk in runtime.plant.links[link.name]:
            plan, health = talk.plan, talk.health
            refused = any(each.refused for each in plan)
            devices[talk.device] = {
                "state": talk.state,
                "ne107": ne107(talk.state, (quality[tag] for tag in talk.tags), refused, bool(ill)),
                **msgspec.to_builtins(health),
                "complaints": {} if talk.state == "lost" else talk.complaints(),
                "plan": msgspec.to_builtins(plan),
            }
        kind = runtime.plant.config.links[link.name].kind
        told[link.name] = {"kind": kind, **msgspec.to_builtins(link.tally), "standing": ill, "devices": devices}
    return {"utc_ns": runtime.clock.now().utc, "edges_ms": list(EDGES_MS), "links": told}
