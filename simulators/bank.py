"""A device's memory laid out from its profile, answering Modbus requests exactly as the device would. Pure: no socket, no clock.

    >>> bank = Bank(PROFILE, unit_id=4, timeout_s=3.0, comm_loss={"valve": "zero"})
    >>> bank.set("level", 1.25)
    >>> conversation.absorb(bank.answer(conversation.due(now.mono), now.mono), now)

Only declared registers exist (and the gaps that the profile says may be read over); elsewhere exception 2. Exception 1: a
function the device does not have. 3: more than one request may ask, or a value out of the point's range. A write is carried
out whole or not at all. Source: Modbus Application Protocol V1.1b3 clause 6 and figure 22 (the order of checks).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from devices.codec import INTEGER_RANGES, decode, encode, encode_text, packer
from devices.exchange import Read, Reply, Request, Write
from devices.identification import FUNCTION, payload_of
from devices.profile import Access, CommLoss, Kind, Point, Profile, Scaled, Table
from simulators.memory import SECOND, Register, tables_of

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
_WRITES = {5: Table.COIL, 6: Table.HOLDING, 15: Table.COIL, 16: Table.HOLDING, 22: Table.HOLDING, 23: Table.HOLDING}
_BITS = (Table.COIL, Table.DISCRETE)


class Bank:
    """One simulated device. ``timeout_s``: its watchdog (None: as the profile says); ``comm_loss``: point -> action as set in it.

    ``expired``: the watchdog has run out and no request has fed it since. ``silent`` and ``delay_s`` are wire faults that a
    server in front of the bank honours: it does not answer, or answers so much later. ``written``: writes that were asked for.
    """

    __slots__ = (
        "_actions", "_commands", "_covered", "_fed_at", "_fed_by", "_feeder", "_known", "_memory",
        "_points", "_presets", "_readers", "_reads", "_registers", "_timeout", "answered", "delay_s", "expired",
        "profile", "refused", "silent", "unit_id", "written",
    )  # fmt: skip

    def __init__(self, profile: Profile, unit_id: int | None = None, timeout_s: float | None = None,
                 comm_loss: Mapping[str, str] | None = None) -> None:
        self.profile = profile
        self.unit_id = profile.unit_id if unit_id is None else unit_id
        self.expired = False
        self.silent = False
        self.delay_s = 0.0
        self.answered = 0
        self.refused = 0
        self.written = 0
        self._points = {point.name: point for point in profile.points}
        self._memory = tables_of(profile)
        self._reads = {function: self._memory[table] for function, table in _read_tables(profile).items()}
        self._known: dict[tuple[int, int, int], Callable[[], bytes] | int] = {}
        self._covered: dict[tuple[Table, int, int], list[Point] | int] = {}
        watchdog = profile.watchdog
        given = timeout_s or (watchdog.timeout_s if watchdog else None)
        self._timeout = round(given * SECOND) if given else None
        self._fed_by: Literal["any", "write"] = "write" if watchdog and watchdog.fed_by == "write" else "any"
        self._feeder = watchdog.point if watchdog else None
        self._fed_at: int | None = None
        actions = {**(watchdog.actions if watchdog else {}), **(comm_loss or {})}
        self._actions = {name: CommLoss(action) for name, action in actions.items()}
        self._presets = dict(watchdog.presets) if watchdog else {}
        self._readers: dict[str, tuple[Callable[[], int | float], float, float]] = {}      # number, scale, offset
        self._commands: dict[str, list[int]] = {point.name: [] for point in profile.points if point.sequences}
        self._registers = {point.name: Register(pack, *self._memory[point.table].at(point.address), point.width, _alone(point, profile))
                           for point in profile.points
                           if point.bit is None and point.scaled is None and point.table not in _BITS
                           and (pack := packer(point, profile.order)) is not None}
        if profile.identity is not None:
            self.put_raw(*profile.identity)

    # ------------------------------------------------------------------------------------------------------ the wire
    def answer(self, request: Request, now: int) -> Reply:
        """What the device answers, and what it does about it. ``now``: ns, feeds the watchdog."""
        if self._fed_by == "any":
            self._fed_at = now
            self.expired = False
        if type(request) is Read:
            known = self._known.get((request.function, request.address, request.count))
            if known is None:
                known = self._known[request.function, request.address, request.count] = self._span(request)
            if isinstance(known, int):
                self.refused += 1
                return Reply(request, exception=known)
            self.answered += 1
            return Reply(request, known())
        if not isinstance(request, Write):
            raise TypeError(f"{self.profile.name} speaks Modbus, not {type(request).__name__}")
        self.written += 1
        back = self._span(Read(request.unit, 3, *request.back)) if request.function == 23 else bytes
        exception = back if isinstance(back, int) else self._write(request, now)
        self.answered += exception is None
        self.refused += exception is not None
        return Reply(request, back() if exception is None and callable(back) else b"", exception)

    def step(self, now: int) -> None:
        """When the watchdog has run out: every output with a comm-loss action goes to it, until its next valid command."""
        if self._timeout is None or self._fed_at is None or self.expired or now - self._fed_at <= self._timeout:
            return
        self.expired = True
        for name, action in self._actions.items():
            if action is CommLoss.HOLD:
                continue
            self.set(name, self._safe_value(name, action))
            if name in self._commands:
                self._commands[name].append(self.raw(name))

    # ---------------------------------------------------------------------------------------------- the device's side
    def forget(self) -> None:
        """The memory was replaced as a whole: nothing is taken to stand in a register any more."""
        for register in self._registers.values():
            register.shown = math.nan

    def set(self, name: str, value: float) -> None:
        """Put a measured value into its registers: scaled, in the point's word order, saturating; NaN as "not available"."""
        register = self._registers.get(name)
        if register is not None:
            if value == register.shown:
                return
            if value - value == 0.0:            # finite
                return register.put(value)
            register.shown = math.nan
        point = self._points[name]
        if point.bit is not None and point.table not in _BITS:
            return self._put_bits(point, encode(point, self.profile.order, value)[0])
        if not math.isfinite(value):
            return self._put_unknown(point, value)
        if point.scaled is not None:
            value = (value - point.offset) / self._factor(point.scaled) + point.offset
        try:
            words = encode(point, self.profile.order, value)
        except ValueError:
            words = encode(point, self.profile.order, _saturated(point, value))
        self._memory[point.table].put(point.address, words)

    def setter(self, name: str) -> Callable[[float], None]:
        """``set`` of one point, prepared for being called at every step."""
        register = self._registers.get(name)
        if register is None:
            return functools.partial(self.set, name)

        def put(value: float) -> None:
            if value != register.shown:
                if value - value == 0.0:        # finite
                    register.put(value)
                else:
                    self.set(name, value)

        return put

    def getter(self, name: str) -> Callable[[], float]:
        """``get`` of one point, prepared for being called at every step."""
        read, scale, offset = self._reader(name)
        return read if (scale, offset) == (1.0, 0.0) else lambda: read() * scale + offset

    def get(self, name: str) -> float:
        """The value in a point's registers, decoded (for an output: what is commanded, or its comm-loss action)."""
        read, scale, offset = self._readers.get(name) or self._reader(name)
        return read() * scale + offset

    def raw(self, name: str) -> int:
        """The number in a point's registers before scale and offset (a control word)."""
        return int((self._readers.get(name) or self._reader(name))[0]())

    def _reader(self, name: str) -> tuple[Callable[[], int | float], float, float]:
        """How a point is read: its number, scale and offset."""
        point = self._points[name]
        read = self._memory[point.table].reader(point, self.profile.order)
        scale, offset = (1.0, 0.0) if point.kind is Kind.BIT else (float(point.scale), float(point.offset))
        self._readers[name] = found = (read, scale, offset)
        return found

    def words(self, name: str) -> Sequence[int]:
        """Every word that was written to a command point since it was last asked, oldest first (a start sequence is several)."""
        heard = self._commands[name]
        if not heard:
            return ()
        self._commands[name] = []
        return heard

    def put_raw(self, name: str, number: int) -> None:
        """Set the number in a point's registers before scale and offset (a status word)."""
        point = self._points[name]
        self.set(name, number if point.kind is Kind.BIT else number * point.scale + point.offset)

    def set_text(self, name: str, text: str) -> None:
        """Set an ASCII point. Raises ValueError when the text does not fit."""
        point = self._points[name]
        self._memory[point.table].put(point.address, encode_text(point, text))

    # -------------------------------------------------------------------------------------------------------- pieces
    def _span(self, request: Read) -> Callable[[], bytes] | int:
        """The prepared read of a readable range, or the exception that answers it."""
        if request.function == FUNCTION and self.profile.identification:
            return functools.partial(payload_of, self.profile.identification)
        memory = self._reads.get(request.function)
        if memory is None:
            return ILLEGAL_FUNCTION
        limits = self.profile.limits
        most = limits.read_bits if request.function in (1, 2) else limits.read_registers
        if not 1 <= request.count <= most:
            return ILLEGAL_VALUE
        return memory.span(request.address, request.count) if memory.readable(request.address, request.count) else ILLEGAL_ADDRESS

    def _write(self, request: Write, now: int) -> int | None:
        """Carry a write out; the exception when it was refused."""
        table = _WRITES.get(request.function)
        if table is None or request.function not in self.profile.limits.write_functions:
            return ILLEGAL_FUNCTION
        values = request.values if request.function != 22 else self._masked(request)
        count = len(values)
        most = self.profile.limits.write_registers if table is Table.HOLDING else 1968
        if not 1 <= count <= most or (request.function in (5, 6) and count != 1):
            return ILLEGAL_VALUE
        points = self._covered.get((table, request.address, count))
        if points is None:
            points = self._covered[table, request.address, count] = self._written(table, request.address, count)
        if isinstance(points, int):
            return points
        memory = self._memory[table]
        top = 1 if table is Table.COIL else 0xFFFF
        if any(not 0 <= value <= top for value in values):
            return ILLEGAL_VALUE
        if any(not self._takes(p, values[p.address - request.address:p.address - request.address + p.width]) for p in points):
            return ILLEGAL_VALUE
        memory.put(request.address, values)
        for point in points:
            if point.name in self._commands:
                self._commands[point.name].append(values[point.address - request.address])
        if self._fed_by == "write" and (self._feeder is None or any(point.name == self._feeder for point in points)):
            self._fed_at = now
            self.expired = False
        return None

    def _masked(self, request: Write) -> tuple[int, ...]:
        """What a mask write makes of the register; nothing where there is none. Source: V1.1b3 clause 6.16."""
        memory = self._memory[Table.HOLDING]
        if not memory.has(request.address):
            return (0,)
        keep, put = request.values
        return (memory.words(request.address, 1)[0] & keep | put & ~keep,)

    def _written(self, table: Table, address: int, count: int) -> list[Point] | int:
        """The points that a write covers, each of them whole and writable, or the exception."""
        inside = [p for p in self.profile.points if p.table is table and p.address < address + count and address < p.address + p.width]
        whole = all(address <= p.address and p.address + p.width <= address + count for p in inside)
        covered = {a for p in inside if p.access is not Access.READ for a in range(p.address, p.address + p.width)}
        return inside if whole and covered.issuperset(range(address, address + count)) else ILLEGAL_ADDRESS

    def _takes(self, point: Point, words: tuple[int, ...]) -> bool:
        """Whether the device takes a value: text, bits and command words always, a number only inside its range."""
        if point.kind in (Kind.BIT, Kind.ASCII) or point.sequences or point.trigger is not None:
            return True
        value = decode(point, self.profile.order, words)
        half = abs(point.scale) / 2 if point.kind in INTEGER_RANGES else 1e-6 * max(abs(point.low or 0.0), abs(point.high or 0.0), 1e-30)
        return (point.low is None or value >= point.low - half) and (point.high is None or value <= point.high + half)

    def _safe_value(self, name: str, action: CommLoss) -> float:
        if action is CommLoss.ZERO:
            return 0.0
        point = self._points[name]
        high = point.high if point.high is not None else 1.0
        return self._presets.get(name, 0.0) if action is CommLoss.PRESET else high

    def _factor(self, scaled: Scaled) -> float:
        """What the scale register makes of a raw number now."""
        number = self.raw(scaled.point)
        return float(number) if scaled.by == "factor" else 10.0 ** (number if scaled.by == "exponent" else -number)

    def _put_bits(self, point: Point, bits: int) -> None:
        memory = self._memory[point.table]
        memory.put(point.address, (memory.words(point.address, 1)[0] & ~point.mask | bits,))

    def _put_unknown(self, point: Point, value: float) -> None:
        if point.kind in (Kind.FLOAT32, Kind.FLOAT64):
            self._memory[point.table].put(point.address, (0xFFFF,) * point.width)       # a NaN in every word order
        elif point.not_available:
            self.put_raw(point.name, point.not_available[0])
        else:
            self.set(point.name, 1e300 if value > 0 else -1e300)


def _saturated(point: Point, value: float) -> float:
    """The nearest value that a point's registers can carry."""
    low, high = INTEGER_RANGES.get(point.kind, (-3.4028234e38, 3.4028234e38))
    ends = sorted((low * point.scale + point.offset, high * point.scale + point.offset))
    return min(max(value, ends[0]), ends[1])


def _read_tables(profile: Profile) -> dict[int, Table]:
    """Function code -> table that it reads. One of 3 and 4 missing: the device's two register tables are one memory."""
    own = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}
    return {function: own[function] for function in profile.limits.read_functions if function in own}


def _alone(point: Point, profile: Profile) -> bool:
    """Whether nothing else is ever written to the point's registers: no master, no other point (a status word and its bits)."""
    span = range(point.address, point.address + point.width)
    return point.access is Access.READ and not any(
        other is not point and other.table is point.table and (other.access is not Access.READ or other.bit is not None)
        and (other.address in span or other.address + other.width - 1 in span) for other in profile.points)
