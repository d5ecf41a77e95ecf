"""How the plant and its links stand, as the door tells it: plain data, taken between two scans."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.control.health import EDGES_MS, ne107
from gateway.runtime import Runtime

__all__ = ["links", "status"]


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
        "alarms": {a.row.name: a.state for a in parts.alarms.items if a.state not in ("NORM", "DSUPR")},
        "bypassed": [i.row.name for i in parts.interlocks.items if i.bypass_until],
        "forced": [force.row.name for force in parts.forces.standing.values()],
        "interlocks": [i.row.name for i in parts.interlocks.items if i.active and not i.row.permissive],
        "devices": {name: talk.state for name, talk in runtime.plant.talks.items()},
        "journal": {"seq": runtime.committer.committed(), "failed": runtime.committer.failed or ""},
    }


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
