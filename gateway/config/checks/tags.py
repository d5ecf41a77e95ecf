"""Tags: bound to a point that exists, in a unit that fits, with a range that makes sense."""

from __future__ import annotations

import re
from collections.abc import Iterator

from devices.profile import Access, Kind, Node, Point, Profile
from devices.units import UNITS, factor
from gateway.config.draft import Draft
from gateway.config.faults import Fault
from gateway.config.models import Tag
from gateway.config.phases import BATCH_FIGURES, CHECK_FIGURES, COUNTED, LOOP_FIGURES
from gateway.config.states import figures_of, split

READABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(-[A-Za-z0-9]+)*\Z")
Source = Point | Node


def profile_of(draft: Draft, tag: Tag) -> Profile | None:
    """The profile behind a tag, when all of it is valid."""
    device = draft.devices.get(tag.device or "")
    return draft.profiles.get(device.profile) if device else None


def source_of(draft: Draft, tag: Tag) -> Source | None:
    """The point or node behind a tag, when all of it is valid."""
    profile = profile_of(draft, tag)
    every: tuple[Source, ...] = (*profile.points, *profile.nodes) if profile else ()
    return next((point for point in every if point.name == tag.point), None)


def names(draft: Draft) -> Iterator[Fault]:
    """Tags and derived tags can be written in a condition, and one name means one thing."""
    figures = set(draft.site.parameters) if draft.site else set()
    for section in ("tags", "derived"):
        for name in sorted(draft.declared[section]):
            if not READABLE.match(name) and name not in draft.generated:
                yield draft.fault(
                    (section, name), f"{name!r} cannot be written in a condition: letters, digits and hyphens, beginning with a letter"
                )
            if name in figures or (section == "derived" and draft.exists("tags", name)):
                yield draft.fault((section, name), f"{name!r} is already a {'site parameter' if name in figures else 'tag'}")


def bindings(draft: Draft) -> Iterator[Fault]:
    """A tag has device and point, or is internal."""
    for name, tag in draft.tags.items():
        if tag.internal is not None:
            yield from _internal(draft, name, tag)
        elif tag.device is None or tag.point is None:
            yield draft.fault(("tags", name), "device and point are missing (or internal)")
        elif not draft.exists("devices", tag.device):
            yield draft.unknown(("tags", name, "device"), tag.device, draft.declared["devices"], "device")
        else:
            profile = profile_of(draft, tag)
            if profile is not None and source_of(draft, tag) is None:
                known = [p.name for p in (*profile.points, *profile.nodes)]
                yield draft.unknown(("tags", name, "point"), tag.point, known, f"point of {profile.name}")


def _internal(draft: Draft, name: str, tag: Tag) -> Iterator[Fault]:
    """``loop.<name>.sp``, ``batch.<unit>.<figure>``, ``bypasses.<unit>`` and its like, or ``record.waiting``, and nothing else."""
    path = ("tags", name, "internal")
    if tag.device is not None or tag.point is not None or tag.output is not None:
        yield draft.fault(("tags", name), "an internal tag has no device, no point and no output")
    kind, _, rest = (tag.internal or "").partition(".")
    if kind in COUNTED:
        if not draft.exists("units", rest):
            yield draft.unknown(path, rest, draft.declared["units"], "unit")
        return
    if tag.internal == "record.waiting":
        return
    owner, figure = split(rest)
    known = {"loop": ("loops", LOOP_FIGURES), "batch": ("units", tuple(BATCH_FIGURES)), "checks": ("units", CHECK_FIGURES)}
    if kind not in known:
        counted = [f"{each}.<unit>" for each in COUNTED]
        allowed = ("loop.<loop>.sp", "batch.<unit>.<figure>", *counted, "checks.<unit>.overdue", "record.waiting")
        yield draft.fault(path, repr(tag.internal), allowed)
        return
    section, figures = known[kind]
    if not draft.exists(section, owner):
        yield draft.unknown(path, owner, draft.declared[section], section[:-1])
    elif figure not in figures and not (kind == "batch" and figure in figures_of(draft, owner)):
        yield draft.unknown(path, figure, figures, f"figure of {kind if kind == 'checks' else 'a ' + kind}")


def units(draft: Draft) -> Iterator[Fault]:
    """Every unit is one of the closed list."""
    for section in ("tags", "derived"):
        for name, model in draft.section(section).items():
            if model.unit not in UNITS:
                yield draft.fault((section, name, "unit"), repr(model.unit), UNITS, draft.near(model.unit, UNITS))


def units_fit_points(draft: Draft) -> Iterator[Fault]:
    """Without a span, the point's unit converts to the tag's."""
    for name, tag in draft.tags.items():
        source = source_of(draft, tag)
        if source is None or tag.span is not None or tag.unit not in UNITS:
            continue
        try:
            factor(source.unit, tag.unit)
        except ValueError as error:
            yield draft.fault(("tags", name, "unit"), f"{tag.unit!r}: point {tag.point} is in {source.unit!r}; {error}; give a span")


def spans(draft: Draft) -> Iterator[Fault]:
    """A span maps two different values to two different values, inside what the point can carry."""
    for name, tag in draft.tags.items():
        if tag.span is None:
            continue
        (low, high), ends = tag.span
        if low >= high or ends[0] == ends[1]:
            yield draft.fault(("tags", name, "span"), f"{tag.span} maps to one point; give [[point low, point high], [tag low, tag high]]")
            continue
        source = source_of(draft, tag)
        if isinstance(source, Point) and source.low is not None and source.high is not None:
            slack = 0.02 * (source.high - source.low)
            if low < source.low - slack or high > source.high + slack:
                yield draft.fault(
                    ("tags", name, "span"), f"{low:g}..{high:g} lies outside the point's {source.low:g}..{source.high:g} {source.unit}"
                )


def ranges(draft: Draft) -> Iterator[Fault]:
    """Low below high, and not beyond what the instrument can show."""
    for section in ("tags", "derived"):
        for name, model in draft.section(section).items():
            if model.range is not None and model.range[0] >= model.range[1]:
                yield draft.fault((section, name, "range"), f"{model.range[0]:g}..{model.range[1]:g} is inverted")
    for name, tag in draft.tags.items():
        reach = instrument_range(draft, tag)
        if reach is None or tag.range is None or tag.range[0] >= tag.range[1]:
            continue
        slack = 0.01 * (reach[1] - reach[0])
        if tag.output is not None and (tag.range[0] < reach[0] - slack or tag.range[1] > reach[1] + slack):
            yield draft.fault(
                ("tags", name, "range"),
                f"{tag.range[0]:g}..{tag.range[1]:g} {tag.unit} is more than the device takes ({reach[0]:g}..{reach[1]:g})",
            )
        elif tag.range[0] > reach[1] or tag.range[1] < reach[0]:
            yield draft.fault(
                ("tags", name, "range"),
                f"{tag.range[0]:g}..{tag.range[1]:g} {tag.unit} lies outside the instrument's {reach[0]:g}..{reach[1]:g}",
            )


def instrument_range(draft: Draft, tag: Tag) -> tuple[float, float] | None:
    """What the point can carry, in tag units."""
    source = source_of(draft, tag)
    if source is None or source.low is None or source.high is None or tag.unit not in UNITS:
        return None
    if tag.span is not None:
        (p0, p1), (t0, t1) = tag.span
        if p0 == p1:
            return None
        gain = (t1 - t0) / (p1 - p0)
        offset = t0 - gain * p0
    else:
        try:
            gain, offset = factor(source.unit, tag.unit)
        except ValueError:
            return None
    ends = (source.low * gain + offset, source.high * gain + offset)
    return min(ends), max(ends)


def ages(draft: Draft) -> Iterator[Fault]:
    """One missed poll is no loss: max_age_s is at least twice the period."""
    for name, tag in draft.tags.items():
        if tag.internal is None and tag.max_age_s < 2 * period_s(draft, tag.scan):
            yield draft.fault(
                ("tags", name, "max_age_s"),
                f"{tag.max_age_s:g} s is less than two periods of scan '{tag.scan}' ({period_s(draft, tag.scan):g} s)",
            )


def period_s(draft: Draft, scan: str) -> float:
    """Period of a scan rate in seconds."""
    rates = draft.site.scan if draft.site else None
    return {"trip": rates.trip_s, "fast": rates.fast_s, "slow": rates.slow_s}[scan] if rates else 0.0


def switches(draft: Draft) -> Iterator[Fault]:
    """Only a switch is inverted, and only numbers without unit have named states."""
    for name, tag in draft.tags.items():
        source = source_of(draft, tag)
        if tag.invert and isinstance(source, Point) and (source.kind is not Kind.BIT or source.bits > 1):
            what = source.kind.value if source.bits == 1 else f"a field of {source.bits} bits"
            yield draft.fault(("tags", name, "invert"), f"point {tag.point} is {what}; only a bit is inverted")
        if tag.states and tag.unit != "1":
            yield draft.fault(("tags", name, "states"), f"states belong to a switch or enumeration, this tag is in {tag.unit}")


def points_once(draft: Draft) -> Iterator[Fault]:
    """Two tags never share registers of one device (bits of one word may)."""
    taken: dict[tuple[str, str, int], list[tuple[str, Point]]] = {}
    for name, tag in draft.tags.items():
        source = source_of(draft, tag)
        if not isinstance(source, Point) or tag.device is None:
            continue
        for address in range(source.address, source.address + source.width):
            taken.setdefault((tag.device, source.table.value, address), []).append((name, source))
    told: set[str] = set()
    for users in taken.values():
        for name, point in users[1:]:
            first, other = users[0]
            clash = point.name == other.name or _collide(point, other)
            if clash and name not in told:
                told.add(name)
                yield draft.fault(("tags", name, "point"), f"{point.name} shares registers with {other.name} of tag {first}")


def _collide(a: Point, b: Point) -> bool:
    """Whole words overlap, or a bit is written inside a word that is written too."""
    if a.bit is None and b.bit is None:
        return True
    return bool(a.mask & b.mask) if a.bit is not None and b.bit is not None else a.access is b.access is Access.READ_WRITE


def doubts(draft: Draft) -> Iterator[Fault]:
    """The tag that shows the uncertainty of another exists and stands in its unit; an output has none."""
    for name, tag in draft.tags.items():
        if (tag.u is not None or tag.u_rel is not None) and tag.output is not None:
            yield draft.fault(("tags", name, "u" if tag.u is not None else "u_rel"), "an output is what it is told: it has no uncertainty")
        elif isinstance(tag.u, str):
            shown = draft.unit_of(tag.u)
            if tag.u not in draft.declared["tags"]:
                yield draft.unknown(("tags", name, "u"), tag.u, draft.declared["tags"], "tag")
            elif shown in UNITS and tag.unit in UNITS and shown != UNITS[tag.unit].difference:
                says = f"{tag.u} is in {shown}; the uncertainty of {name} stands in {UNITS[tag.unit].difference}"
                yield draft.fault(("tags", name, "u"), says)


CHECKS = (doubts, names, bindings, units, units_fit_points, spans, ranges, ages, switches, points_once)
