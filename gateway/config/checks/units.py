"""Units: every role of the class filled by a tag that can play it, and everything the class demands present."""

from __future__ import annotations

import math
from collections.abc import Iterator

from devices.equipment import CLASSES, EquipmentClass, Role
from devices.units import UNITS
from gateway.config.checks.outputs import action_of, in_range, silence_s
from gateway.config.draft import Draft
from gateway.config.faults import Fault
from gateway.config.models import Tag, Unit


def classes(draft: Draft) -> Iterator[Fault]:
    """The class exists."""
    for name, unit in draft.units.items():
        if unit.equipment_class not in CLASSES:
            yield draft.unknown(("units", name, "class"), unit.equipment_class, CLASSES, "equipment class")


def neighbours(draft: Draft) -> Iterator[Fault]:
    """Shared units and loops exist, and a loop belongs to the unit that names it."""
    for name, unit in draft.units.items():
        for short, other in unit.uses.items():
            if not draft.exists("units", other):
                yield draft.unknown(("units", name, "uses", short), other, draft.declared["units"], "unit")
            elif other == name:
                yield draft.fault(("units", name, "uses", short), f"{name} uses itself")
        for role, loop in unit.loops.items():
            if not draft.exists("loops", loop):
                yield draft.unknown(("units", name, "loops", role), loop, draft.declared["loops"], "loop")
            elif loop in draft.loops and draft.loops[loop].unit_of != name and draft.exists("units", draft.loops[loop].unit_of):
                yield draft.fault(("units", name, "loops", role), f"loop {loop} belongs to {draft.loops[loop].unit_of}")


def _known(draft: Draft) -> Iterator[tuple[str, Unit, EquipmentClass]]:
    for name, unit in draft.units.items():
        if unit.equipment_class in CLASSES:
            yield name, unit, CLASSES[unit.equipment_class]


def roles(draft: Draft) -> Iterator[Fault]:
    """Required roles are filled, no role is unknown, and no tag plays two roles of one unit."""
    for name, unit, kind in _known(draft):
        names = {role.name for role in kind.roles}
        for role in kind.roles:
            if role.required and role.name not in unit.roles:
                yield draft.fault(("units", name, "roles"), f"role {role.name!r} is missing ({role.description})")
        players: dict[str, str] = {}
        for role, tag in unit.roles.items():
            path = ("units", name, "roles", role)
            if role not in names:
                yield draft.unknown(path, role, names, f"role of {kind.name}")
            if tag not in draft.value_names():
                yield draft.unknown(path, tag, draft.value_names(), "tag")
            elif players.setdefault(tag, role) != role:
                yield draft.fault(path, f"tag {tag} already plays {players[tag]!r}")


def players(draft: Draft) -> Iterator[tuple[str, Role, str, Tag]]:
    """Unit, role, tag name and tag wherever all three are valid (derived tags left out)."""
    for name, unit, kind in _known(draft):
        for role in kind.roles:
            tag = draft.tags.get(unit.roles.get(role.name, ""))
            if tag is not None:
                yield name, role, unit.roles[role.name], tag


def parts_fit(draft: Draft) -> Iterator[Fault]:
    """A tag measures what its role needs, and what is written is an output."""
    for name, unit, kind in _known(draft):
        for role in kind.roles:
            tag = unit.roles.get(role.name, "")
            measure = draft.unit_of(tag)
            if measure in UNITS and tag not in draft.doubtful and UNITS[measure].dimension not in role.dimensions:
                yield draft.fault(
                    ("units", name, "roles", role.name),
                    f"tag {tag} is in {measure} ({UNITS[measure].dimension}), the role needs {' or '.join(role.dimensions)}",
                )
    for name, role, tag_name, tag in players(draft):
        if role.direction == "out" and tag.output is None:
            yield draft.fault(("units", name, "roles", role.name), f"tag {tag_name} is an input, the role is written")
        if role.direction == "in" and tag.output is not None:
            yield draft.fault(("units", name, "roles", role.name), f"tag {tag_name} is an output, the role is measured")


def one_owner(draft: Draft) -> Iterator[Fault]:
    """An output plays in one unit only; others reach it by ``uses``."""
    owners: dict[str, str] = {}
    for name, role, tag, _ in players(draft):
        if role.direction == "out" and owners.setdefault(tag, name) != name:
            yield draft.fault(("units", name, "roles", role.name), f"output {tag} already belongs to {owners[tag]}")


def fail_to_the_right_side(draft: Draft) -> Iterator[Fault]:
    """Safe value, comm-loss action and time are those the class demands, or stronger."""
    for name, role, tag_name, tag in players(draft):
        if tag.output is None or not role.comm_loss:
            continue
        output, path = tag.output, ("tags", tag_name, "output")
        kept = output.watchdog_relay is not None or output.comm_loss == action_of(draft, tag)
        if kept and output.comm_loss not in {action.value for action in role.comm_loss}:
            allowed = tuple(action.value for action in role.comm_loss)
            yield draft.fault((*path, "comm_loss"), f"{output.comm_loss!r} is weaker than role {role.name!r} of {name} demands", allowed)
        may_hold = role.safe is None or "hold" in {action.value for action in role.comm_loss}
        if in_range(tag) and output.safe != role.safe and not (output.safe == "hold" and may_hold):
            want = "hold" if role.safe is None else f"{role.safe:g}"
            yield draft.fault((*path, "safe"), f"{output.safe!r}; safe for role {role.name!r} of {name} is {want}")


def in_time(draft: Draft) -> Iterator[Fault]:
    """The watchdog of a device is as quick as the quickest of its roles demands."""
    told: set[str | None] = set()
    for name, role, _, tag in sorted(players(draft), key=lambda player: player[1].within_s or math.inf):
        for fault in _in_time(draft, name, role, tag):
            if fault.path not in told:
                told.add(fault.path)
                yield fault


def _in_time(draft: Draft, name: str, role: Role, tag: Tag) -> Iterator[Fault]:
    relay = draft.tags.get(tag.output.watchdog_relay or "") if tag.output else None
    silence = silence_s(draft, relay or tag)
    if role.within_s is not None and silence is not None and silence > role.within_s and action_of(draft, relay or tag):
        device = (relay or tag).device or ""
        yield draft.fault(
            ("devices", device, "timeout_s"), f"{silence:g} s; role {role.name!r} of {name} must fall within {role.within_s:g} s"
        )


def demanded(draft: Draft) -> Iterator[Fault]:
    """Every interlock and alarm that the class demands is there for the unit."""
    for name, _, kind in _known(draft):
        for section, wanted in (("interlocks", kind.interlocks), ("alarms", kind.alarms)):
            for row in wanted:
                if f"{name}.{row}" not in draft.declared[section] and row not in draft.rows:
                    yield draft.fault(
                        (section,), f"{kind.name} {name} needs a row {row!r}", (), draft.near(f"{name}.{row}", draft.declared[section])
                    )


CHECKS = (classes, neighbours, roles, parts_fit, one_owner, fail_to_the_right_side, in_time, demanded)
