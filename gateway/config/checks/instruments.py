"""Described instruments: names that fit one another, registers that can be read, a source for all of it."""

from __future__ import annotations

from collections.abc import Iterator

from devices.codec import INTEGER_RANGES
from devices.instruments import PROFILES
from devices.modbus import plan
from devices.profile import Access, Kind, Point, Profile, Table
from devices.units import UNITS
from gateway.config.draft import Draft
from gateway.config.faults import Fault

BITS = (Table.COIL, Table.DISCRETE)


def new_names(draft: Draft) -> Iterator[Fault]:
    """A description adds an instrument; it replaces none that the program knows, and it has something to read or write."""
    for name, described in draft.instruments.items():
        if name in PROFILES:
            yield draft.fault(("instruments", name, "instrument"), f"{name!r} is an instrument that the program knows already")
        profile = draft.profiles.get(name)
        if profile is not None and not profile.points and not profile.nodes:
            yield draft.fault(("instruments", name), "no points" if described.protocol == "modbus" else "no nodes")


def points(draft: Draft) -> Iterator[Fault]:
    """Every point can live where it is said to: its unit exists, bits are bits, registers carry what they hold."""
    for name, profile in _described(draft):
        for point in profile.points:
            for key, what, allowed in _point(point):
                yield draft.fault(("instruments", name, "points", point.name, key), what, allowed)
        for node in profile.nodes:
            if node.unit not in UNITS:
                yield draft.unknown(("instruments", name, "nodes", node.name, "unit"), node.unit, UNITS, "unit")


def _point(point: Point) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    bit_table = point.table in BITS
    if point.unit not in UNITS:
        yield "unit", f"unknown unit {point.unit!r}", ()
    if point.address < 0:
        yield "address", "0, but registers are counted from 1 here (base: 1)", ()
    if point.address + point.width > 65536:
        yield "address", f"{point.address} and {point.width} registers from there: beyond 65535", ()
    if bit_table != (point.kind is Kind.BIT) and (bit_table or point.bit is None):
        yield "kind", f"a {point.table} carries {'a bit' if bit_table else 'registers'}, not {point.kind}", ("bit",) if bit_table else ()
    if point.bit is not None and bit_table:
        yield "bit", f"a {point.table} is a bit already", ()
    if point.bit is not None and point.kind is not Kind.BIT:
        yield "bit", f"a {point.kind} has no bits; a bit or field of a register is of kind bit", ()
    if point.bits > 1 and (point.bit is None or point.bit + point.bits > 16):
        yield "bits", f"{point.bits} bits from {'no bit' if point.bit is None else f'bit {point.bit}'} on are no part of a register", ()
    if point.scaled is not None and (point.kind in (Kind.BIT, Kind.ASCII) or point.access is not Access.READ):
        yield "scaled", "a register scales a number that is only read", ()
    if point.kind is Kind.ASCII and point.length is None:
        yield "length", "is missing: a text has a number of registers", ()
    if point.scale == 0:
        yield "scale", "0 makes every value the same", ()
    if point.low is not None and point.high is not None and point.low >= point.high:
        yield "low", f"{point.low:g}..{point.high:g} is inverted", ()
    if point.counting is not None and point.scaled is not None:
        yield "counting", "a value that a register scales cannot be followed as a counter", ()
    if point.token is not None and point.sequences:
        yield "token", "a sequence of words has no token", ()
    for key, fail, limit, beyond in (("fail_low", point.fail_low, point.low, 1), ("fail_high", point.fail_high, point.high, -1)):
        if fail is not None and limit is not None and (fail - limit) * beyond > 0:
            yield key, f"{fail:g} lies inside the range that ends at {limit:g}", ()
    if point.counting is not None and point.kind not in INTEGER_RANGES:
        yield "counting", f"a {point.kind} does not count; whole numbers do", ()
    if point.access is not Access.READ and point.table in (Table.DISCRETE, Table.INPUT):
        yield "access", f"the {point.table} table is read only", ("r",)


def _scaling(draft: Draft, path: tuple[str, ...], profile: Profile, point: Point) -> Iterator[Fault]:
    """The register that scales a point is a whole number of its own table."""
    known, table = {each.name: each for each in profile.points}, point.table
    assert point.scaled is not None
    scale = known.get(point.scaled.point)
    if scale is None:
        yield draft.unknown(path, point.scaled.point, known, "point")
    elif scale.kind not in INTEGER_RANGES or scale.table is not table or scale.scaled is not None:
        yield draft.fault(path, f"{scale.name} is {scale.kind} in the {scale.table} table; a scale is a whole number in the {table} table")


def _counted(draft: Draft, path: tuple[str, ...], known: dict[str, Point], point: Point) -> Iterator[Fault]:
    """The token of a command is the register right behind it, and can be read."""
    token = known.get(point.token or "")
    if token is None:
        yield draft.unknown(path, point.token or "", known, "point")
    elif point.table is not Table.HOLDING or point.bit is not None or point.access is Access.READ:
        yield draft.fault(path, f"{point.name} is no register that is written; only such a command has a token")
    elif (token.table, token.address, token.kind) != (point.table, point.address + point.width, Kind.UINT16):
        yield draft.fault(path, f"{token.name} is not the uint16 register right behind {point.name}")
    elif token.access is not Access.READ_WRITE:
        yield draft.fault(path, f"{token.name} must be read and written (rw): the next one follows from what the device shows")


def references(draft: Draft) -> Iterator[Fault]:
    """What a point, a watchdog or an identity names is a point of the same instrument, and of the right kind."""
    for name, profile in _described(draft):
        known = {point.name: point for point in profile.points}
        here = ("instruments", name)
        for point in profile.points:
            for i, rule in enumerate(point.statuses):
                path = (*here, "points", point.name, "statuses", str(i), "point")
                if rule.point not in known:
                    yield draft.unknown(path, rule.point, known, "point")
                elif known[rule.point].kind is not Kind.BIT and known[rule.point].kind not in INTEGER_RANGES:
                    yield draft.fault(path, f"{rule.point} is {known[rule.point].kind}; a status is a whole number or a bit")
            if point.scaled is not None:
                yield from _scaling(draft, (*here, "points", point.name, "scaled", "point"), profile, point)
            if point.token is not None:
                yield from _counted(draft, (*here, "points", point.name, "token"), known, point)
            if point.counting is not None and point.counting.running not in (None, *known):
                yield draft.unknown((*here, "points", point.name, "counting", "running"), point.counting.running or "", known, "point")
            if point.feedback is not None and point.feedback not in known:
                yield draft.unknown((*here, "points", point.name, "feedback"), point.feedback, known, "point")
        dog = profile.watchdog
        for point_name in () if dog is None else (*dog.actions, *dog.presets, *([dog.point] if dog.point else [])):
            if point_name not in known:
                yield draft.unknown((*here, "watchdog"), point_name, known, "point")
            elif known[point_name].access is Access.READ:
                yield draft.fault((*here, "watchdog"), f"{point_name} is only read; a comm-loss action belongs to a written point")
        if dog is not None and dog.point in known and dog.pattern != "same" and known[dog.point].bit is not None:
            says = f"{dog.point} is a bit of a register; a heartbeat has a register or a coil of its own"
            yield draft.fault((*here, "watchdog", "point"), says)
        if profile.identity is not None and profile.identity[0] not in known:
            yield draft.unknown((*here, "identity", "point"), profile.identity[0], known, "point")
        elif profile.identity is not None and (known[profile.identity[0]].kind not in INTEGER_RANGES or known[profile.identity[0]].scaled):
            says = f"{profile.identity[0]} is no plain whole number; only such a one proves a device"
            yield draft.fault((*here, "identity", "point"), says)
        for number, text in profile.identification.items():
            if not text:
                yield draft.fault((*here, "identification", str(number)), "an empty text proves nothing")


def readable(draft: Draft) -> Iterator[Fault]:
    """All of it can be asked of the device in reads that it answers."""
    for name, profile in _described(draft):
        wanted = [p for p in profile.points if p.access is not Access.WRITE and p.kind is not Kind.ASCII]
        named = {rule.point for p in wanted for rule in p.statuses} | {p.scaled.point for p in wanted if p.scaled is not None}
        if not named <= {p.name for p in profile.points}:
            continue                            # told above
        try:
            for block in plan(profile, wanted):
                block.compile()
        except ValueError as why:
            yield draft.fault(("instruments", name), str(why))


def _described(draft: Draft) -> Iterator[tuple[str, Profile]]:
    return ((name, draft.profiles[name]) for name in draft.instruments if name in draft.profiles and name not in PROFILES)


CHECKS = (new_names, points, references, readable)
