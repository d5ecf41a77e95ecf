"""A profile as a page to read and as JSON: the register table that is compared with the manual and handed to an auditor.

    >>> print(register_table(PROFILES["vegapuls_c21"]).splitlines()[0])
    vegapuls_c21 - VEGA VEGAPULS C21 (modbus, verified: manual)
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from devices.codec import order_of
from devices.identification import name_of
from devices.profile import Point, Profile
from devices.quality import name as quality_name

_HEADS = ("name", "table", "wire", "kind", "order", "unit", "access", "range", "manual and note")


def register_table(profile: Profile) -> str:
    """The whole profile as plain text: points or nodes, then limits, blocks, watchdog, identity, statuses, quirks, source."""
    head = f"{profile.name} - {profile.maker} {profile.model} ({profile.protocol}, verified: {profile.verified})"
    body = _nodes(profile) if profile.protocol == "opcua" else _points(profile)
    return "\n".join([head, "", *body, "", *_facts(profile)]) + "\n"


def profile_json(profile: Profile) -> bytes:
    """The whole profile as JSON, keys in the order of its fields."""
    return msgspec.json.format(msgspec.json.encode(profile), indent=2)


def _points(profile: Profile) -> list[str]:
    return _columns([_HEADS, *(_row(profile, point) for point in profile.points)])


def _row(profile: Profile, point: Point) -> tuple[str, ...]:
    address = str(point.address) if point.bit is None else f"{point.address}.{point.bit}"
    if point.bits > 1:
        address += f"-{(point.bit or 0) + point.bits - 1}"
    if point.width > 1:
        address += f"-{point.address + point.width - 1}"
    order = str(order_of(point, profile.order)) if point.width > 1 and point.length is None else ""
    access = str(point.access) if point.cyclic else f"{point.access}, not cyclic"
    return (point.name, str(point.table), address, str(point.kind), order, point.unit, access, _range(point.low, point.high), _note(point))


def _note(point: Point) -> str:
    parts = [point.note]
    if point.sequences:
        steps = ", ".join(f"{value} writes {' '.join(f'0x{word:04X}' for word in words)}" for value, words in point.sequences.items())
        parts.append(steps)
    if point.trigger is not None:
        parts.append(f"writes 0x{point.trigger:04X}")
    if point.states:
        parts.append(", ".join(f"{number} {meaning}" for number, meaning in point.states.items()))
    if point.scaled is not None:
        parts.append(f"scaled by {point.scaled.point} ({point.scaled.by})")
    if point.token is not None:
        parts.append(f"{point.token} is counted up with it")
    if point.feedback is not None:
        parts.append(f"read back by {point.feedback}")
    if point.not_available:
        parts.append(f"not available: {', '.join(f'0x{word:X}' for word in point.not_available)}")
    return "; ".join(part for part in parts if part)


def _range(low: float | None, high: float | None) -> str:
    return "" if low is None and high is None else f"{'' if low is None else f'{low:g}'}..{'' if high is None else f'{high:g}'}"


def _nodes(profile: Profile) -> list[str]:
    rows = [("name", "path", "type", "unit", "access", "range", "note")]
    rows += [(n.name, "/".join(n.path), n.variant, n.unit, str(n.access), _range(n.low, n.high), n.note) for n in profile.nodes]
    methods = [("method", "path", "inputs", "outputs", "note")]
    methods += [(m.name, "/".join(m.path), ", ".join(m.inputs), ", ".join(m.outputs), m.note) for m in profile.methods]
    return [*_columns(rows), "", *_columns(methods)]


def _facts(profile: Profile) -> list[str]:
    limits = profile.limits
    lines = [f"word order    {profile.order}", f"unit id       {profile.unit_id}"] if profile.protocol == "modbus" else []
    if profile.protocol == "modbus":
        lines.append(f"limits        read {limits.read_registers} registers or {limits.read_bits} bits, write {limits.write_registers}, "
                     f"gap {limits.gap}, pause {limits.pause_ms} ms, settle {limits.settle_ms} ms, "
                     f"{'' if limits.keep else 'connection closed after each scan, '}functions {_listed(limits.read_functions)} "
                     f"and {_listed(limits.write_functions)}")
    lines += [f"whole block   {b.table} {b.address}..{b.address + b.count - 1}, read only as a whole" for b in profile.blocks]
    lines += [f"namespace     {key} = {uri}" for key, uri in profile.namespaces.items()]
    if profile.identity is not None:
        point, raw = profile.identity
        lines.append(f"identity      {point} = 0x{raw:X} under mask 0x{profile.identity_mask:X}")
    lines += [f"identity      {name_of(k)} of function 43/14 begins with {text!r}"
              for k, text in profile.identification.items()]
    lines += [*_watchdog(profile), *_statuses(profile)]
    lines += [f"quirk         {quirk}" for quirk in profile.quirks]
    return [*lines, f"source        {profile.source}", f"verified      {profile.verified}"]


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in numbers) or "none"


def _watchdog(profile: Profile) -> list[str]:
    dog = profile.watchdog
    if dog is None:
        return ["watchdog      none"]
    fed = f"write of {dog.point} ({dog.pattern})" if dog.fed_by == "write" and dog.point else f"{dog.fed_by} request"
    groups: dict[str, list[str]] = {}
    for point, action in dog.actions.items():
        groups.setdefault(str(action), []).append(point)
    lines = [f"watchdog      {dog.timeout_s:g} s, fed by {fed}; {dog.note}"]
    return [*lines, *(f"comm loss     {action}: {', '.join(points)}" for action, points in groups.items())]


def _statuses(profile: Profile) -> list[str]:
    lines: list[str] = []
    for point in profile.points:
        for rule in point.statuses:
            if rule.equals is not None:
                when = f"= {rule.equals:#x}"
            elif rule.between is not None:
                when = f"in {rule.between[0]}..{rule.between[1]}"
            else:
                when = f"not in {_listed(rule.unless)}" if rule.unless else "is not 0"
            masked = "" if rule.mask == 0xFFFFFFFF else f" & {rule.mask:#x}"
            lines.append(f"status        {point.name} is {quality_name(rule.quality)} when {rule.point}{masked} {when}: {rule.meaning}")
    return lines


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows in columns as wide as their widest cell, a rule under the first row."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]
