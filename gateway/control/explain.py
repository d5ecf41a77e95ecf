"""Why a tag is what it is: wanted, commanded, read back, owner, what blocks it, since when, what would free it."""

from __future__ import annotations

from typing import Any

from gateway.control.image import SECOND, Now
from gateway.control.reasons import bypass_of, forced, inputs_of, needs, protection_of, reset_of, seen, unmet, why_blocked
from gateway.control.scan import Scan


def explain(scan: Scan, name: str, now: Now) -> dict[str, Any]:
    """Everything known about a tag, loop, alarm, interlock or a unit's protection. Raises KeyError for an unknown name."""
    parts = scan.parts
    if name in parts.loops:
        return _loop(scan, name)
    if name in parts.interlocks.by_name:
        return _interlock(scan, name, now)
    if name in parts.alarms.by_name:
        item = parts.alarms.by_name[name]
        return {
            "alarm": name,
            "state": item.state,
            "since_utc_ns": item.sounded_utc or None,
            "priority": item.row.priority,
            "first_out": item.first_out,
            "group": item.row.group or None,
            "condition": "stands" if item.live else "does not stand",
            "last_done_by": item.who or None,
            "because": item.why or None,
            "cause": item.row.cause,
            "consequence": item.row.consequence,
            "action": item.row.action,
            "says": parts.comms.says(parts.alarms.items.index(item)) or parts.checks.says(name, now.utc),
        }
    protection = protection_of(parts, name, now)
    if protection is not None:
        return protection
    i = parts.image.index[name]
    reading = {
        "tag": name,
        **seen(parts, i),
        "age_s": round((now.mono - parts.image.seen[i]) / SECOND, 3) if parts.image.seen[i] else None,
    }
    doubts = parts.image.doubts
    u = doubts.u(i)
    if u > 0.0:                                 # not for what is exact, or not known
        reading |= {"u": u, "u_from": {source: round(share, 3) for source, share in doubts.budget(i, parts.image.names).items()}}
    reading |= parts.checks.last_of(name, now.utc)
    if i in parts.outputs.by_tag:
        return reading | _output(scan, name, i, now) | why_blocked(parts, i, now)
    return reading | forced(parts, i, now)


def _output(scan: Scan, name: str, tag: int, now: Now) -> dict[str, Any]:
    parts = scan.parts
    item = parts.outputs.by_tag[tag]
    rb = item.row.readback
    good = parts.image.quality[rb] & 0xC0000000 == 0
    frees = [_frees(scan, row) for row in item.blocked]
    return {
        "wanted": item.loop if item.owner == "loop" else item.wanted,
        "commanded": item.commanded,
        "read_back": parts.image.value[rb] if good else None,
        "read_back_from": parts.image.names[rb],
        "owner": "local" if item.panel else item.owner,
        "because": item.panel or item.cause,
        "state": item.state,
        "blocked_by": list(item.blocked),
        "would_free_it": frees,
        "since_utc_ns": item.sent_utc or None,
        "safe": item.row.safe,
        "commanded_s_ago": round((now.mono - item.sent_at) / SECOND, 3) if item.sent_at else None,
        "failure": item.failure or None,
        "policy": "re-asserted once, then an alarm" if item.row.reassert else "never re-asserted, an alarm",
        "limits": [item.row.low, item.row.high],
        "rate_per_s": item.row.rate_per_s,
        "deadband": item.row.deadband,
        "quantum": item.row.quantum,
        "tolerance": item.row.tolerance,
        "settle_s": item.row.settle_ns / SECOND,
    }


def _frees(scan: Scan, row: str) -> str:
    item = scan.parts.interlocks.by_name.get(row)
    if item is None:
        return "the first full image" if row == "start-up" else row
    after = ", then reset" if item.row.latch else ""
    if item.truth is None:
        return f"{row}: its cause is unknown; bring its inputs back{after}"
    if item.truth:
        return f"{row}: its cause stands; remove it{after}"
    return f"{row}: reset it"


def _loop(scan: Scan, name: str) -> dict[str, Any]:
    loop, performance = scan.parts.loops[name], scan.driving.performance.get(name)
    row = loop.row
    return {
        "loop": name,
        "kind": row.kind,
        "mode": loop.mode,
        "sp": loop.sp,
        "following": loop.ramped,
        "out": loop.out,
        "pv": None if row.pv is None else scan.parts.image.value[row.pv],
        "owner": loop.owner,
        "because": loop.cause,
        "limited_by": loop.limited_by or None,
        "held_back": loop.working.held,
    } | loop.law.show() | scan.driving.tunings.told(loop) | ({} if performance is None else {"performance": performance.told()})


def _interlock(scan: Scan, name: str, now: Now) -> dict[str, Any]:
    item = scan.parts.interlocks.by_name[name]
    truth = {True: "true", False: "false", None: "unknown"}[item.truth]
    return {
        "interlock": name,
        "unit": item.row.unit,
        "cause_is": truth,
        "tripped": item.tripped,
        "active": item.active,
        "first_out": item.first_out,
        "description": item.row.description,
        "bypassed_for_s": max(item.bypass_until - now.utc, 0) // SECOND if item.bypass_until else None,
        "bypassed_by": item.bypass_by or None,
        "bypass": bypass_of(item, now) if item.bypass_until else None,
        "inputs": inputs_of(scan.parts, item) if item.truth is not False else [],
        "needs": needs(scan.parts, item) or None,
        "reset": reset_of(item, unmet(scan.parts, item)),
        "forces": {scan.parts.image.names[tag]: value for tag, value in item.row.effects.items()},
    }
