"""Points to few reads: what lies close together is asked in one request, within what the device allows.

    >>> blocks = plan(PROFILE, PROFILE.points)
    >>> [(block.function, block.address, block.count) for block in blocks]
    [(4, 100, 20)]

Rules: tables apart; a gap of at most ``Limits.gap`` registers (16 times as many bits) is read rather than asked around;
never more than the device's maximum; no value split over two reads; a range of ``Profile.blocks`` is read whole, alone.
Status points that qualify the wanted points are read with them, and come first when they lie in another block; a register
that scales a point is always read in the same request.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from devices.codec import BIT_TABLES
from devices.decoder import BlockDecoder
from devices.profile import Access, Block, Kind, Limits, Point, Profile, Table, WordOrder

_FUNCTIONS = {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}
_TWIN = {3: 4, 4: 3}                   # devices whose two register tables are one memory answer only one of the two
_BITS_PER_REGISTER = 16


class BlockRead(msgspec.Struct, frozen=True):
    """One read request and the points it covers.

    ``statuses``: status points read with them. ``posted``: names of status points that qualify points of other blocks
    of the same plan; they travel over ``board``, which all blocks of one plan share. One plan serves one device:
    two devices of one profile need a plan each.
    """

    table: Table
    function: int
    address: int
    count: int
    points: tuple[Point, ...]
    order: WordOrder
    statuses: tuple[Point, ...] = ()
    posted: tuple[str, ...] = ()
    board: dict[str, int] = {}

    def compile(self, points: Sequence[Point] | None = None) -> BlockDecoder:
        """A decoder of this block's payload that answers these points (default: all of the block) in this order.

        Raises: ValueError for a point outside the block, a text point, or a status point that is no integer.
        """
        wanted = self.points if points is None else points
        return BlockDecoder(self.table, self.address, self.count, wanted, self.statuses, self.order, self.board, self.posted)


def plan(profile: Profile, points: Iterable[Point]) -> tuple[BlockRead, ...]:
    """The reads that fetch these points, each point in exactly one of them.

    Raises: ValueError for a point that cannot be read, is wider than one request, or whose table the device does not serve.
    """
    wanted = {point.name: point for point in points}
    everything = dict(wanted)
    for point in wanted.values():
        everything.update((rule.point, profile.point(rule.point)) for rule in point.statuses)
        if point.scaled is not None:
            everything[point.scaled.point] = profile.point(point.scaled.point)
    pieces: list[tuple[Table, int, int, list[Point]]] = []
    for table in Table:
        mine = [point for point in everything.values() if point.table is table]
        if mine:
            pieces += [(table, *span) for span in _spans(profile, table, mine)]
    return _blocks(profile, pieces, wanted)


def read_function(profile: Profile, table: Table) -> int:
    """The function code that reads a table of this device. Raises ValueError when the device serves none."""
    own = _FUNCTIONS[table]
    for function in (own, _TWIN.get(own, own)):
        if function in profile.limits.read_functions:
            return function
    raise ValueError(f"{profile.name} reads with functions {profile.limits.read_functions}: none of them reads the {table} table")


def _spans(profile: Profile, table: Table, points: Sequence[Point]) -> list[tuple[int, int, list[Point]]]:
    """Address, count and points of every read of one table, by address."""
    spans: list[tuple[int, int, list[Point]]] = []
    open_span = False
    for start, end, whole, together in sorted((_piece(profile, each) for each in _together(points)), key=lambda piece: piece[:2]):
        if spans and whole and spans[-1][:2] == (start, end - start):
            spans[-1][2].extend(together)
        elif spans and open_span and not whole and _joins(profile, table, spans[-1], end, start):
            address, count, inside = spans[-1]
            inside.extend(together)
            spans[-1] = (address, max(count, end - address), inside)
        else:
            spans.append((start, end - start, together))
        open_span = not whole
    return spans


def _together(points: Sequence[Point]) -> list[list[Point]]:
    """What is read in one request whatever lies between: a register that scales, with all that it scales; else each by itself."""
    groups: dict[str, list[Point]] = {}
    for point in points:
        groups.setdefault(point.name if point.scaled is None else point.scaled.point, []).append(point)
    return [*groups.values()]


def _piece(profile: Profile, points: list[Point]) -> tuple[int, int, bool, list[Point]]:
    """Start and end of what is read for points that belong together, and whether it is a whole-only range."""
    wholes: set[Block | None] = set()
    for point in points:
        _check(profile, point)
        wholes.add(_whole(profile, point))
    points.sort(key=lambda p: (p.address, p.width, p.bit or 0))
    whole = wholes.pop()
    if wholes:
        raise ValueError(f"{profile.name}.{points[0].name} and the register that scales it do not lie in one whole block")
    if whole is not None:
        return whole.address, whole.address + whole.count, True, points
    start, end = points[0].address, max(point.address + point.width for point in points)
    if end - start > _maximum(profile.limits, points[0].table):
        raise ValueError(f"{profile.name}.{points[0].name} and the register that scales it lie further apart than one read reaches")
    return start, end, False, points


def _joins(profile: Profile, table: Table, span: tuple[int, int, list[Point]], end: int, start: int) -> bool:
    gap = profile.limits.gap * (_BITS_PER_REGISTER if table in BIT_TABLES else 1)
    address, count, _ = span
    crossed = any(b.table is table and b.address < end and b.address + b.count > address for b in profile.blocks)
    return start - (address + count) <= gap and max(end - address, count) <= _maximum(profile.limits, table) and not crossed


def _whole(profile: Profile, point: Point) -> Block | None:
    """The whole-only range a point lies in. Raises ValueError when it lies across its edge."""
    for block in profile.blocks:
        if block.table is point.table and block.address < point.address + point.width and point.address < block.address + block.count:
            if point.address < block.address or point.address + point.width > block.address + block.count:
                raise ValueError(f"{profile.name}.{point.name} lies across the edge of the block at {block.address}")
            return block
    return None


def _maximum(limits: Limits, table: Table) -> int:
    return limits.read_bits if table in BIT_TABLES else limits.read_registers


def _check(profile: Profile, point: Point) -> None:
    if point.access is Access.WRITE:
        raise ValueError(f"{profile.name}.{point.name} can only be written")
    if point.width > _maximum(profile.limits, point.table):
        raise ValueError(f"{profile.name}.{point.name} is wider than one read of {_maximum(profile.limits, point.table)}")
    if point.table in BIT_TABLES and point.kind is not Kind.BIT:
        raise ValueError(f"{profile.name}.{point.name}: a {point.table} carries a bit, not {point.kind}")


def _blocks(profile: Profile, pieces: Sequence[tuple[Table, int, int, list[Point]]], wanted: dict[str, Point]) -> tuple[BlockRead, ...]:
    home = {point.name: i for i, (_, _, _, inside) in enumerate(pieces) for point in inside}
    away = {rule.point for p in wanted.values() for rule in p.statuses if home[rule.point] != home[p.name]}
    board: dict[str, int] = {}
    blocks: list[BlockRead] = []
    for table, address, count, inside in pieces:
        needed = {rule.point for p in inside if p.name in wanted for rule in p.statuses}
        needed |= {p.scaled.point for p in inside if p.name in wanted and p.scaled is not None}
        asked = tuple(p for p in inside if p.name in wanted)
        statuses = tuple(p for p in inside if p.name in needed or p.name in away)
        posted = tuple(p.name for p in inside if p.name in away)
        blocks.append(BlockRead(table, read_function(profile, table), address, count, asked, profile.order, statuses, posted, board))
    return tuple(sorted(blocks, key=lambda block: not block.posted))
