"""A device said once: its points, addresses, block rules, comm-loss behaviour and source.

One ``Profile`` drives the gateway's conversation, the simulator's memory, the contract tests and the printed register
table. Addresses are zero-based as on the wire; the manual's own number goes into ``Point.note``.

    >>> pv = Point("pv", Table.INPUT, 106, Kind.FLOAT32, unit="m", order=WordOrder.CDAB)
    >>> pv.width
    2
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Table(StrEnum):
    """The four Modbus tables."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"


class Kind(StrEnum):
    """How registers become a value."""

    BIT = "bit"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    ASCII = "ascii"


class WordOrder(StrEnum):
    """Byte order of a multi-register value; A is the most significant byte.

    Named for 32-bit values; a 64-bit value applies the same word swap and byte swap over its four words.
    """

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"


class Access(StrEnum):
    """What the wire allows on a point."""

    READ = "r"
    WRITE = "w"
    READ_WRITE = "rw"


class Verified(StrEnum):
    """How far a profile was checked against the real thing."""

    ASSUMED = "assumed"
    MANUAL = "manual"
    BENCH = "bench"
    PLANT = "plant"


class CommLoss(StrEnum):
    """What an output does when its device hears nothing for the device's timeout."""

    ZERO = "zero"          # off, closed, stopped
    HOLD = "hold"          # keeps its last commanded value
    GO_ON = "on"           # goes to its running or open position
    PRESET = "preset"      # goes to the preset value given with it


_WIDTH = {
    Kind.BIT: 1, Kind.INT16: 1, Kind.UINT16: 1, Kind.INT32: 2, Kind.UINT32: 2, Kind.FLOAT32: 2,
    Kind.INT64: 4, Kind.UINT64: 4, Kind.FLOAT64: 4,
}


class StatusRule(msgspec.Struct, frozen=True, kw_only=True):
    """How a status point of the device qualifies values beside it.

    ``point``: name of the status point, an integer or bit point of the same device. The rule fires when ``raw & mask``
    equals ``equals``; lies ``between`` two numbers, both included (a range of fault numbers); is none of ``unless``
    (a state register in which every state that is not listed as healthy counts as ill); or, when none of the three is
    given, is non-zero. ``quality``: OPC UA status code given to the value when it fires.
    """

    point: str
    quality: int
    mask: int = 0xFFFFFFFF
    equals: int | None = None
    between: tuple[int, int] | None = None
    unless: tuple[int, ...] = ()
    meaning: str = ""

    def fires(self, raw: int) -> bool:
        """Whether a raw status word makes this rule fire."""
        word = raw & self.mask
        if self.equals is not None:
            return word == self.equals
        if self.between is not None:
            return self.between[0] <= word <= self.between[1]
        if self.unless:
            return word not in self.unless
        return word != 0


class Counting(msgspec.Struct, frozen=True, kw_only=True):
    """A point that counts up: pulses, operating seconds, litres.

    ``most_per_s``: raw counts that are possible in a second at most. ``modulus``: where it wraps (0: at the end of its kind).
    ``running``: the point that tells how long the device has been running, in seconds, where it has one.
    """

    most_per_s: float
    modulus: int = 0
    running: str | None = None


class Scaled(msgspec.Struct, frozen=True):
    """A register of the device that scales a value: read in the same request, so that the two belong together.

    ``by``: its raw number is an "exponent" of ten (SunSpec: value = raw * 10^n), a number of "decimals" (raw * 10^-n), or a
    "factor" (raw * n). Where it is not available or no such number, the value is Bad.
    """

    point: str
    by: str = "exponent"


class Point(msgspec.Struct, frozen=True):
    """One value of a device.

    value = raw * scale + offset, in ``unit``. ``low``/``high``: the instrument's own range in ``unit`` (outside it is
    Uncertain, and Bad when more than 5 % of span outside). ``fail_low``/``fail_high``: where the instrument says
    failure by its value (NAMUR NE 43: 3.6 and 21.0 mA, which is not 5 % of span), at or beyond which it is Bad.
    ``not_available``: raw values that mean "no value" (Bad).
    ``statuses``: rules that make the value Uncertain or Bad. ``bit``: bit number inside a register;
    ``bits``: how many, where a field of several begins there. ``states``: of an enumeration, what each raw number means; one
    that is not among them is Uncertain. ``scaled``: the register that scales it, beside ``scale`` and ``offset``; it can only be read.
    ``cyclic``: False where a write wears out non-volatile memory, so it must never be written cyclically.
    ``trigger``: raw value that must be written to trigger an action (pulse); ``length``: registers of an ASCII point.
    ``sequences``: for a command point, the raw words to write in order for each value (a drive's start sequence).
    ``counting``: a counter, whose wraps and resets are followed.
    ``token``: for a command point, the register right behind it that must be another number with each command: it is read, counted
    up and written in the same request.
    ``feedback``: the point of the same device that reads the command back (default: the point itself, when readable).
    """

    name: str
    table: Table
    address: int
    kind: Kind = Kind.UINT16
    unit: str = "1"
    access: Access = Access.READ
    scale: float = 1.0
    offset: float = 0.0
    bit: int | None = None
    bits: int = 1
    order: WordOrder | None = None
    low: float | None = None
    high: float | None = None
    not_available: tuple[int, ...] = ()
    statuses: tuple[StatusRule, ...] = ()
    cyclic: bool = True
    trigger: int | None = None
    length: int | None = None
    sequences: dict[int, tuple[int, ...]] = {}
    feedback: str | None = None
    fail_low: float | None = None
    fail_high: float | None = None
    counting: Counting | None = None
    states: dict[int, str] = {}
    scaled: Scaled | None = None
    token: str | None = None
    note: str = ""

    @property
    def mask(self) -> int:
        """Of a bit or field inside a register: which bits of it are the point's."""
        return (1 << self.bits) - 1 << (self.bit or 0)

    @property
    def width(self) -> int:
        """Registers (or bits of a bit table) that the value occupies."""
        return self.length or 1 if self.kind is Kind.ASCII else _WIDTH[self.kind]


class Node(msgspec.Struct, frozen=True):
    """One OPC UA variable of a device, found by browse path below the device's object.

    ``path``: browse names from the Objects folder, each ``ns-key:Name`` with a key of ``Profile.namespaces``
    (no key: the standard namespace). ``variant``: OPC UA built-in type written on the wire.
    """

    name: str
    path: tuple[str, ...]
    variant: str = "Double"
    unit: str = "1"
    access: Access = Access.READ
    low: float | None = None
    high: float | None = None
    note: str = ""


class Method(msgspec.Struct, frozen=True):
    """One OPC UA method: the object it belongs to and its own browse path below Objects."""

    name: str
    path: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    note: str = ""


class Block(msgspec.Struct, frozen=True):
    """A range that the device answers only when it is read whole, from its first register."""

    table: Table
    address: int
    count: int


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one request may ask of the device.

    ``gap``: unused registers worth reading rather than sending a second request. ``pause_ms``: between two requests;
    ``settle_ms``: from the connection to the first. ``keep``: False for a device that wants its connection closed when it was asked.
    """

    read_registers: int = 125
    read_bits: int = 2000
    write_registers: int = 123
    gap: int = 16
    pause_ms: int = 0
    settle_ms: int = 0
    keep: bool = True
    read_functions: tuple[int, ...] = (1, 2, 3, 4)
    write_functions: tuple[int, ...] = (5, 6, 15, 16)


class Watchdog(msgspec.Struct, frozen=True, kw_only=True):
    """How the device notices that its master is gone.

    ``fed_by``: "any" request, or "write" (only a write of ``point``). ``point``: the point the heartbeat writes, and
    ``pattern`` what it writes: "same" repeats the last command, "toggle" alternates 0 and 1, "count" counts up.
    ``timeout_s``: as configured in the device. ``actions``: comm-loss action per writable point; a point that is not
    named here has none, and an output on it needs a watchdogged relay in front of it.
    """

    timeout_s: float
    fed_by: str = "any"
    point: str | None = None
    pattern: str = "same"
    actions: dict[str, CommLoss] = {}
    presets: dict[str, float] = {}
    note: str = ""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is true of every device of one make and model."""

    name: str
    maker: str
    model: str
    protocol: str                       # "modbus" or "opcua"
    source: str
    verified: Verified
    points: tuple[Point, ...] = ()
    order: WordOrder = WordOrder.ABCD
    limits: Limits = Limits()
    blocks: tuple[Block, ...] = ()
    watchdog: Watchdog | None = None
    unit_id: int = 1
    identity: tuple[str, int] | None = None     # (point, raw value) that proves the right device answers
    identity_mask: int = 0xFFFFFFFF             # which bits of it count (some makers put the bus address beside the type)
    identification: dict[int, str] = {}         # object of function 43/14 -> how its text begins, which proves it too
    quirks: tuple[str, ...] = ()
    namespaces: dict[str, str] = {}
    nodes: tuple[Node, ...] = ()
    methods: tuple[Method, ...] = ()

    def point(self, name: str) -> Point:
        """The point of that name.

        Raises: KeyError when the profile has no such point.
        """
        for point in self.points:
            if point.name == name:
                return point
        raise KeyError(f"{self.name} has no point {name!r}; it has {', '.join(p.name for p in self.points)}")
