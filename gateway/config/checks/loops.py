"""Loops: one owner per output, inner faster than outer, limits that make sense."""

from __future__ import annotations

from collections.abc import Iterator

from devices.units import UNITS
from gateway.config.checks.tags import period_s
from gateway.config.draft import Draft
from gateway.config.faults import Fault
from gateway.config.models import Loop
from gateway.control.linear import curve


def ends(draft: Draft) -> Iterator[Fault]:
    """pv, outputs, valve, total and limiters exist and are of the right kind."""
    values, tags = draft.value_names(), draft.declared["tags"]
    for name, loop in draft.loops.items():
        if not draft.exists("units", loop.unit_of):
            yield draft.unknown(("loops", name, "unit_of"), loop.unit_of, draft.declared["units"], "unit")
        for key, known in (("pv", values), ("total", values), ("valve", tags), ("to_low", tags), ("to", tags | draft.declared["loops"])):
            found = getattr(loop, key)
            if found is not None and found not in known:
                yield draft.unknown(("loops", name, key), found, known, "tag or loop" if key == "to" else "tag")
            elif key in ("to", "to_low", "valve") and found in draft.tags and draft.tags[found].output is None:
                yield draft.fault(("loops", name, key), f"{found} is no output")
        for key, limit in loop.limits.items():
            if limit.pv not in values:
                yield draft.unknown(("loops", name, "limits", key, "pv"), limit.pv, values, "tag")
        if loop.forward is not None and loop.forward.pv not in values:
            yield draft.unknown(("loops", name, "forward", "pv"), loop.forward.pv, values, "tag")
        if loop.schedule is not None and loop.schedule.by is not None and loop.schedule.by not in values:
            yield draft.unknown(("loops", name, "schedule", "by"), loop.schedule.by, values, "tag")


_ONLY = {                                       # what means something for some kinds only
    "limits": ("feed",), "dosing": ("total",), "pick": ("select",), "bias": ("ratio",), "hysteresis": ("on_off",),
    "schedule": ("pid", "dose"), "forward": ("pid", "dose"), "gap": ("pid", "dose"), "linearise": ("pid", "dose"), "ti_s": ("pid", "dose"),
    "td_s": ("pid", "dose"), "holdback": ("pid", "dose"), "sp_track": ("pid", "dose", "direct", "feed", "on_off"),
    "sp_rate_per_min": ("pid", "dose", "direct", "feed", "on_off", "ratio"), "out_rate_per_s": ("pid", "dose"), "to_low": ("pid", "dose"),
}  # fmt: skip


def own(draft: Draft) -> Iterator[Fault]:
    """Nothing is said that the kind of loop does not look at."""
    for name, loop in draft.loops.items():
        for key, kinds in _ONLY.items():
            if loop.kind not in kinds and getattr(loop, key) != Loop.model_fields[key].get_default(call_default_factory=True):
                yield draft.fault(("loops", name, key), f"only for {' and '.join(kinds)}, this is {loop.kind}")


def parts(draft: Draft) -> Iterator[Fault]:
    """Each kind of loop has what it works with."""
    for name, loop in draft.loops.items():
        if loop.kind in ("pid", "dose", "on_off", "ratio", "total") and loop.pv is None:
            yield draft.fault(("loops", name), f"a {loop.kind} loop needs a pv")
        if loop.kind in ("feed", "dose") and loop.valve is None:
            yield draft.fault(("loops", name), f"a {loop.kind} loop needs the valve it feeds through")
        if loop.kind == "total":
            yield from _dosing(draft, name, loop)
        offers = [other for other, each in draft.loops.items() if each.to == name]
        if loop.kind == "select" and len(offers) < 2:
            yield draft.fault(("loops", name), f"selects among two or more loops that go to it, of which there are {len(offers)}")
        if loop.bad_out == "ramp" and loop.out_rate_per_s is None:
            yield draft.fault(("loops", name, "bad_out"), "a ramp needs out_rate_per_s")
        if loop.holdback is not None and loop.sp_rate_per_min is None:
            yield draft.fault(("loops", name, "holdback"), "a holdback without sp_rate_per_min holds nothing back")
        if loop.linearise == "strong_acid" and loop.pv in draft.value_names() and draft.unit_of(loop.pv) != "pH":
            yield draft.fault(("loops", name, "linearise"), f"strong_acid needs a pv in pH, {loop.pv} is in {draft.unit_of(loop.pv)}")
        if (loop.linearise == "curve") != bool(loop.curve):
            yield draft.fault(("loops", name, "linearise"), f"{loop.linearise}, with {len(loop.curve)} points of a curve")
        if loop.to_low is not None and loop.to_low == loop.to:
            yield draft.fault(("loops", name, "to_low"), f"both halves of the split drive {loop.to}")


def _dosing(draft: Draft, name: str, loop: Loop) -> Iterator[Fault]:
    """A total doses slower at its end, at rates that its output has."""
    dose = loop.dosing
    if dose is None:
        yield draft.fault(("loops", name), "a total loop needs dosing")
    elif not loop.out_low < dose.slow <= dose.fast <= loop.out_high:
        text = f"slow {dose.slow:g} and fast {dose.fast:g} must rise inside {loop.out_low:g}..{loop.out_high:g} of its output"
        yield draft.fault(("loops", name, "dosing"), text)


def shapes(draft: Draft) -> Iterator[Fault]:
    """A titration curve and the zones of a gain schedule rise."""
    for name, loop in draft.loops.items():
        if loop.curve:
            try:
                curve(loop.curve)
            except ValueError as error:
                yield draft.fault(("loops", name, "curve"), str(error))
        borders = [zone.below for zone in loop.schedule.zones] if loop.schedule is not None else []
        if borders != sorted(set(borders)):
            yield draft.fault(("loops", name, "schedule", "zones"), f"{', '.join(f'{b:g}' for b in borders)} does not rise")


def tuning(draft: Draft) -> Iterator[Fault]:
    """A gain that moves something, and an integral slower than the scan."""
    for name, loop in draft.loops.items():
        if loop.kind not in ("pid", "dose"):
            continue
        if loop.gain <= 0:
            what = "moves nothing" if loop.gain == 0 else "is negative; say action: direct"
            yield draft.fault(("loops", name, "gain"), f"{loop.gain:g} {what}")
        if loop.ti_s is not None and loop.ti_s < 2 * period_s(draft, loop.scan):
            yield draft.fault(("loops", name, "ti_s"), f"{loop.ti_s:g} s is less than two scans of {period_s(draft, loop.scan):g} s")


def spans(draft: Draft) -> Iterator[Fault]:
    """Output and setpoint limits in order and inside what they act on."""
    for name, loop in draft.loops.items():
        if loop.out_low >= loop.out_high:
            yield draft.fault(("loops", name, "out_low"), f"{loop.out_low:g}..{loop.out_high:g} is inverted")
            continue
        if loop.sp_low is not None and loop.sp_high is not None and loop.sp_low >= loop.sp_high:
            yield draft.fault(("loops", name, "sp_low"), f"{loop.sp_low:g}..{loop.sp_high:g} is inverted")
        yield from _setpoint(draft, name, loop)
        yield from _output(draft, name, loop)


def _setpoint(draft: Draft, name: str, loop: Loop) -> Iterator[Fault]:
    """The setpoint can be measured."""
    seen = draft.tags.get(loop.pv or "") or draft.derived.get(loop.pv or "")
    other = loop.kind == "ratio" or (loop.kind == "direct" and draft.unit_of(loop.pv or "") != draft.unit_of(loop.to))
    if seen is None or seen.range is None or other:
        return
    for key, value in (("sp_low", loop.sp_low), ("sp_high", loop.sp_high)):
        if value is not None and not seen.range[0] <= value <= seen.range[1]:
            yield draft.fault(("loops", name, key), f"{value:g} outside {seen.range[0]:g}..{seen.range[1]:g} {seen.unit} of {loop.pv}")


def _output(draft: Draft, name: str, loop: Loop) -> Iterator[Fault]:
    """The output can be carried out, by the tag or as a setpoint of the inner loop."""
    tag, inner = draft.tags.get(loop.to), draft.loops.get(loop.to)
    if tag is not None and tag.output is not None and loop.to_low is None:
        low, high = tag.range or (0.0, 1.0)
    elif inner is not None and not _circle(draft, name) and inner.sp_low is not None and inner.sp_high is not None:
        low, high = inner.sp_low, inner.sp_high
    else:
        return
    for key, value in (("out_low", loop.out_low), ("out_high", loop.out_high)):
        if not low <= value <= high:
            yield draft.fault(("loops", name, key), f"{value:g} outside {low:g}..{high:g} of {loop.to}")


def safe_outputs(draft: Draft) -> Iterator[Fault]:
    """A loop that drives an output falls to its safe value; one that drives a loop to its own, which is told where the greatest counts."""
    for name, loop in draft.loops.items():
        inner, path = draft.loops.get(loop.to), ("loops", name, "safe_out")
        if loop.safe_out is None:
            if inner is not None and inner.kind == "select" and inner.pick == "high":
                text = f"safe_out is missing: {loop.to} picks the greatest, and what it shall count on without {loop.pv} is not out_low"
                yield draft.fault(("loops", name), text)
        elif loop.to not in draft.declared["loops"]:
            yield draft.fault(path, f"{loop.to} has a safe value of its own")
        elif not loop.out_low <= loop.safe_out <= loop.out_high:
            yield draft.fault(path, f"{loop.safe_out:g} outside {loop.out_low:g}..{loop.out_high:g}")


def limiters(draft: Draft) -> Iterator[Fault]:
    """A limiter has two different ends, inside what its pv can show."""
    for name, loop in draft.loops.items():
        for key, limit in loop.limits.items():
            path = ("loops", name, "limits", key)
            if limit.full == limit.zero:
                yield draft.fault((*path, "zero"), f"full and zero are both {limit.full:g}")
            seen = draft.tags.get(limit.pv) or draft.derived.get(limit.pv)
            if seen is not None and seen.range is not None and not seen.range[0] <= limit.zero <= seen.range[1]:
                yield draft.fault(
                    (*path, "zero"),
                    f"{limit.zero:g} outside {seen.range[0]:g}..{seen.range[1]:g} {seen.unit} of {limit.pv}: it would never stop the feed",
                )


def owners(draft: Draft) -> Iterator[Fault]:
    """One output, one loop. Dose loops may share a pump when each has a routing valve of its own."""
    taken: dict[str, list[str]] = {}
    for name, loop in draft.loops.items():
        for key in ("to", "to_low"):
            target = getattr(loop, key)
            shared = target in draft.loops and draft.loops[target].kind == "select"
            for other in taken.get(target, []) if target and not shared else []:
                if other != name and not _apart(loop, draft.loops[other]):
                    yield draft.fault(("loops", name, key), f"{target} is already driven by loop {other}")
                    break
            if target:
                taken.setdefault(target, []).append(name)


def _apart(a: Loop, b: Loop) -> bool:
    return a.kind == b.kind == "dose" and a.valve is not None and b.valve is not None and a.valve != b.valve


def cascades(draft: Draft) -> Iterator[Fault]:
    """No circle; the inner loop runs as often as the outer one, acts faster, and takes its output as setpoint."""
    told: set[str] = set()
    for name, loop in draft.loops.items():
        if loop.to not in draft.loops or name in told:
            continue
        if _circle(draft, name):
            told |= _chain(draft, name)
            yield draft.fault(("loops", name, "to"), f"the cascade {name} -> {loop.to} comes back to {name}")
            continue
        inner = draft.loops[loop.to]
        if period_s(draft, inner.scan) > period_s(draft, loop.scan):
            yield draft.fault(("loops", loop.to, "scan"), f"'{inner.scan}' is slower than '{loop.scan}' of the outer loop {name}")
        elif loop.ti_s is not None and inner.ti_s is not None and inner.ti_s * 3 > loop.ti_s:
            yield draft.fault(
                ("loops", loop.to, "ti_s"),
                f"{inner.ti_s:g} s; the inner loop must be at least three times faster than {name} ({loop.ti_s:g} s)",
            )


def _chain(draft: Draft, start: str) -> set[str]:
    """The loops that follow one another from ``start``, itself only when the chain comes back."""
    seen: set[str] = set()
    name = draft.loops[start].to
    while name in draft.loops and name not in seen:
        seen.add(name)
        name = draft.loops[name].to
    return seen


def _circle(draft: Draft, start: str) -> bool:
    return start in _chain(draft, start)


def measured_in_time(draft: Draft) -> Iterator[Fault]:
    """A loop runs no faster than its pv arrives."""
    for name, loop in draft.loops.items():
        tag = draft.tags.get(loop.pv or "")
        if tag is not None and loop.kind != "direct" and loop.kind != "feed" and period_s(draft, tag.scan) > period_s(draft, loop.scan):
            yield draft.fault(("loops", name, "scan"), f"'{loop.scan}', but {loop.pv} is polled '{tag.scan}'")


def totals(draft: Draft) -> Iterator[Fault]:
    """The total of a feed is a volume or a mass."""
    for name, loop in draft.loops.items():
        unit = draft.unit_of(loop.total or "")
        if unit in UNITS and UNITS[unit].dimension not in ("volume", "mass"):
            yield draft.fault(("loops", name, "total"), f"{loop.total} is in {unit}, a total is a volume or a mass")


CHECKS = (ends, own, parts, shapes, tuning, spans, safe_outputs, limiters, owners, cascades, measured_in_time, totals)
