"""Calibrations and proof tests: of something that exists and that their kind can prove, with limits that mean something."""

from __future__ import annotations

from collections.abc import Iterator

from devices.equipment import CLASSES
from devices.units import UNITS
from gateway.config.draft import Draft
from gateway.config.faults import Fault
from gateway.config.models import Check
from gateway.config.scope import Scope

MEASURES = {"ph": "pH", "gas_bump": "%LEL", "scale": "kg"}      # the unit of the tag that a kind calibrates
FIGURES = {
    "ph": ("slope_pct", "offset_ph", "offset_mv"), "gas_bump": ("response_pct", "t90_s"),
    "scale": ("error_kg", "error_pct", "empty_kg"), "icp": ("recovery_pct",), "proof_test": ("response_s", "effects_pct"),
}  # fmt: skip


def standing(draft: Draft) -> Iterator[Fault]:
    """A check belongs to a unit, or to a class of them."""
    for name, check in draft.checks.items():
        if check.unit is None:
            yield draft.fault(("checks", name), "a unit or a class is needed: whose start does it block?")
        elif not draft.exists("units", check.unit):
            yield draft.unknown(("checks", name, "unit"), check.unit, draft.declared["units"], "unit")


def subjects(draft: Draft) -> Iterator[Fault]:
    """What is checked exists and is of the kind."""
    for name, check in draft.checks.items():
        path = ("checks", name, "of")
        if check.kind == "icp":
            if not draft.exists("devices", check.of):
                yield draft.unknown(path, check.of, draft.declared["devices"], "device")
        elif check.kind == "proof_test":
            yield from _row(draft, path, check)
        else:
            yield from _tag(draft, path, check)


def _row(draft: Draft, path: tuple[str, ...], check: Check) -> Iterator[Fault]:
    name = check.of if draft.exists("interlocks", check.of) else f"{check.unit}.{check.of}"
    if not draft.exists("interlocks", name):
        yield draft.unknown(path, check.of, {row.partition(".")[2] or row for row in draft.declared["interlocks"]}, "row of the matrix")
    elif name in draft.interlocks and draft.interlocks[name].permissive:
        yield draft.fault(path, f"{name} is permissive: it only forbids, there is no trip to prove")


def _tag(draft: Draft, path: tuple[str, ...], check: Check) -> Iterator[Fault]:
    scope = Scope(draft, check.unit)
    tag = scope.tag(check.of)
    if check.unit is None or scope.doubtful(check.of) or (tag and _plays_badly(draft, check, tag)):
        return
    if tag is None:
        yield draft.unknown(path, check.of, scope.known(), "role or tag")
    elif tag in draft.derived:
        yield draft.fault(path, f"{check.of} is computed: check the instruments it is made from")
    elif tag in draft.tags and draft.tags[tag].unit != MEASURES[check.kind]:
        yield draft.fault(path, f"{tag} is in {draft.tags[tag].unit}; a {check.kind} check is of a tag in {MEASURES[check.kind]}")


def _plays_badly(draft: Draft, check: Check, tag: str) -> bool:
    """Whether the tag cannot play the role by which it is named: that is told where the role is filled."""
    unit = draft.units.get(check.unit or "")
    kind = CLASSES.get(unit.equipment_class) if unit else None
    measure = draft.unit_of(tag)
    roles = {role.name: role for role in kind.roles} if kind else {}
    return check.of in roles and measure in UNITS and UNITS[measure].dimension not in roles[check.of].dimensions


def limits(draft: Draft) -> Iterator[Fault]:
    """A tolerance is of a figure that the kind computes; the warning comes within the interval."""
    for name, check in draft.checks.items():
        for figure, (low, high) in check.tolerance.items():
            path = ("checks", name, "tolerance", figure)
            if figure not in FIGURES[check.kind]:
                yield draft.unknown(path, figure, FIGURES[check.kind], f"figure of a {check.kind} check")
            elif low >= high and not (low == high and figure == "effects_pct"):
                yield draft.fault(path, f"{low:g}..{high:g} is inverted")
        if check.warn_d >= check.interval_d:
            yield draft.fault(("checks", name, "warn_d"), f"{check.warn_d:g} d is all of the interval of {check.interval_d:g} d")


def elements(draft: Draft) -> Iterator[Fault]:
    """A control sample says of which elements it is; nothing else has any."""
    for name, check in draft.checks.items():
        if check.kind == "icp" and not check.elements:
            yield draft.fault(("checks", name), "elements of the control sample are missing")
        elif check.kind != "icp" and check.elements:
            yield draft.fault(("checks", name, "elements"), f"a {check.kind} check has no elements")


def reaches_a_start(draft: Draft) -> Iterator[Fault]:
    """What blocks a start belongs to a tank, or to something that a tank uses."""
    tanks = {name: unit for name, unit in draft.units.items() if unit.equipment_class == "leach_tank"}
    if any(used not in draft.units for unit in tanks.values() for used in unit.uses.values()):
        return
    reached = set(tanks) | {used for unit in tanks.values() for used in unit.uses.values()}
    for name, check in draft.checks.items():
        if check.blocks == "start" and check.unit in draft.units and check.unit not in reached:
            yield draft.fault(("checks", name, "blocks"), f"no batch starts on {check.unit}, and no tank uses it", ("nothing",))


CHECKS = (standing, subjects, limits, elements, reaches_a_start)
