"""An instrument without a Python profile, described in YAML: the same facts in the same words, and so as good a citizen as any.

    config/instruments/acme_ph4.yaml
        instrument: acme_ph4
        maker: Acme
        model: pH 4
        source: Acme manual 4711, edition 3
        order: CDAB
        base: 1                                     # the manual counts registers from 1
        points:
          ph: {table: input, address: 101, kind: float32, unit: pH, low: 0, high: 14}

Points may also stand in a CSV register list beside the file (``registers: acme_ph4.csv``), see ``register_list``.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from pydantic import Field
from ruamel.yaml import YAML

from devices import profile as facts
from devices.quality import NAMES
from gateway.config.models import Model, Name

TableName = Literal["coil", "discrete", "holding", "input"]
KindName = Literal["bit", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "ascii"]
OrderName = Literal["ABCD", "CDAB", "BADC", "DCBA"]
AccessName = Literal["r", "w", "rw"]
CODES = {name: code for code, name in NAMES.items()}
QualityName = Literal[
    "Good", "GoodLocalOverride", "GoodClamped", "Uncertain", "UncertainNoCommunicationLastUsableValue", "UncertainLastUsableValue",
    "UncertainSubstituteValue", "UncertainInitialValue", "UncertainSensorNotAccurate", "UncertainEngineeringUnitsExceeded",
    "UncertainSubNormal", "Bad", "BadCommunicationError", "BadTimeout", "BadNoCommunication", "BadWaitingForInitialData",
    "BadOutOfRange", "BadConfigurationError", "BadNotConnected", "BadDeviceFailure", "BadSensorFailure", "BadOutOfService",
]


class Status(Model):
    """A rule by which a status point qualifies the value: it fires when ``raw & mask`` equals, lies between, or is none of."""

    point: Name
    quality: QualityName                        # OPC UA status code by name
    mask: int = Field(0xFFFFFFFF, ge=1)
    equals: int | None = None
    between: tuple[int, int] | None = None
    unless: tuple[int, ...] = ()
    meaning: str = ""


class Counting(Model):
    """A point that counts up; its wraps and resets are followed. ``most_per_s``: raw counts possible in a second at most."""

    most_per_s: float = Field(gt=0)
    modulus: int = Field(0, ge=0)               # where it wraps; 0: at the end of its kind
    running: Name | None = None                 # the point that tells how long the device has been running, s


class Scaling(Model):
    """A register that scales a value, read in the same request: an exponent of ten, a number of decimals, or a factor."""

    point: Name
    by: Literal["exponent", "decimals", "factor"] = "exponent"


class RegisterPoint(Model):
    """One value in registers or bits: value = raw * scale + offset, in ``unit``. See ``devices.profile.Point``."""

    table: TableName
    address: int = Field(ge=0, le=65536)        # counted from ``base``
    kind: KindName = "uint16"
    unit: str = "1"
    access: AccessName = "r"
    scale: float = 1.0
    offset: float = 0.0
    bit: int | None = Field(None, ge=0, le=15)
    bits: int = Field(1, ge=1, le=16)           # of a field that begins at ``bit``
    order: OrderName | None = None
    low: float | None = None
    high: float | None = None
    fail_low: float | None = None
    fail_high: float | None = None
    not_available: tuple[int, ...] = ()
    statuses: tuple[Status, ...] = ()
    cyclic: bool = True
    trigger: int | None = Field(None, ge=0, le=0xFFFF)
    length: int | None = Field(None, ge=1, le=125)
    sequences: dict[int, tuple[int, ...]] = Field(default_factory=dict)
    feedback: Name | None = None
    counting: Counting | None = None
    states: dict[int, str] = Field(default_factory=dict)    # of an enumeration: raw number -> meaning; any other is Uncertain
    scaled: Scaling | None = None
    token: Name | None = None                   # of a command: the register behind it that is another number with each command
    note: str = ""


class NodePoint(Model):
    """One OPC UA variable by browse path from the Objects folder; each part ``key:Name`` with a key of ``namespaces``."""

    path: tuple[str, ...] = Field(min_length=1)
    variant: str = "Double"
    unit: str = "1"
    access: AccessName = "r"
    low: float | None = None
    high: float | None = None
    note: str = ""


class Limits(Model):
    """What one request may ask of the device."""

    read_registers: int = Field(125, ge=1, le=125)
    read_bits: int = Field(2000, ge=1, le=2000)
    write_registers: int = Field(123, ge=1, le=123)
    gap: int = Field(16, ge=0, le=124)
    pause_ms: int = Field(0, ge=0, le=5000)     # between two requests
    settle_ms: int = Field(0, ge=0, le=60_000)  # from the connection to the first request
    keep: bool = True                           # false: the connection is closed when all was asked, and made again for the next scan
    read_functions: tuple[int, ...] = (1, 2, 3, 4)
    write_functions: tuple[int, ...] = (5, 6, 15, 16)


class Whole(Model):
    """A range that is answered only when it is read whole."""

    table: TableName
    address: int = Field(ge=0, le=65536)
    count: int = Field(ge=1, le=125)


class Watchdog(Model):
    """How the device notices that its master is gone, and what each output then does."""

    timeout_s: float = Field(gt=0, le=600)
    fed_by: Literal["any", "write"] = "any"
    point: Name | None = None
    pattern: Literal["same", "toggle", "count"] = "same"
    actions: dict[Name, Literal["zero", "hold", "on", "preset"]] = Field(default_factory=dict)
    presets: dict[Name, float] = Field(default_factory=dict)
    note: str = ""


class Identity(Model):
    """The point and raw value that prove the right device answers."""

    point: Name
    raw: int
    mask: int = 0xFFFFFFFF


class Instrument(Model):
    """Everything that is true of every device of one make and model."""

    instrument: Name
    maker: str
    model: str
    source: str                                 # document, edition; "assumed" where there is none
    protocol: Literal["modbus", "opcua"] = "modbus"
    verified: Literal["assumed", "manual", "bench", "plant"] = "assumed"
    base: Literal[0, 1] = 0                     # what the first register is called here
    order: OrderName = "ABCD"
    unit_id: int = Field(1, ge=0, le=247)
    limits: Limits = Field(default_factory=lambda: Limits.model_validate({}))
    blocks: tuple[Whole, ...] = ()
    watchdog: Watchdog | None = None
    identity: Identity | None = None
    identification: dict[int, str] = Field(default_factory=dict)   # object of function 43/14 -> how its text begins
    quirks: tuple[str, ...] = ()
    points: dict[Name, RegisterPoint] = Field(default_factory=dict)
    registers: str | None = None                # a CSV register list beside this file
    namespaces: dict[Name, str] = Field(default_factory=dict)
    nodes: dict[Name, NodePoint] = Field(default_factory=dict)


def profile_of(described: Instrument, listed: Mapping[str, RegisterPoint] | None = None) -> facts.Profile:
    """The profile that a description stands for. ``listed``: points of its register list."""
    base = described.base
    dog = described.watchdog
    return facts.Profile(
        name=described.instrument, maker=described.maker, model=described.model, protocol=described.protocol, source=described.source,
        verified=facts.Verified(described.verified), order=facts.WordOrder(described.order), unit_id=described.unit_id,
        points=tuple(_point(name, point, base) for name, point in {**(listed or {}), **described.points}.items()),
        limits=facts.Limits(**described.limits.model_dump()),
        blocks=tuple(facts.Block(facts.Table(b.table), b.address - base, b.count) for b in described.blocks),
        watchdog=None if dog is None else facts.Watchdog(
            **{**dog.model_dump(), "actions": {name: facts.CommLoss(action) for name, action in dog.actions.items()}}),
        identity=None if described.identity is None else (described.identity.point, described.identity.raw),
        identity_mask=0xFFFFFFFF if described.identity is None else described.identity.mask,
        identification=dict(described.identification),
        quirks=described.quirks, namespaces=dict(described.namespaces),
        nodes=tuple(
            facts.Node(name, **{**node.model_dump(), "access": facts.Access(node.access)}) for name, node in described.nodes.items()
        ),
    )  # fmt: skip


def _point(name: str, given: RegisterPoint, base: int) -> facts.Point:
    words: dict[str, Any] = given.model_dump(exclude={"table", "address", "kind", "access", "order", "statuses", "counting", "scaled"})
    return facts.Point(
        name, facts.Table(given.table), given.address - base, facts.Kind(given.kind), access=facts.Access(given.access),
        order=None if given.order is None else facts.WordOrder(given.order),
        statuses=tuple(_status(rule) for rule in given.statuses),
        counting=None if given.counting is None else facts.Counting(**given.counting.model_dump()),
        scaled=None if given.scaled is None else facts.Scaled(**given.scaled.model_dump()), **words,
    )  # fmt: skip


def _status(rule: Status) -> facts.StatusRule:
    return facts.StatusRule(point=rule.point, quality=CODES[rule.quality], mask=rule.mask, equals=rule.equals, between=rule.between,
                            unless=rule.unless, meaning=rule.meaning)


def described(profile: facts.Profile) -> dict[str, Any]:
    """A Modbus profile as the plain description that gives it again (``lagan devices NAME --yaml`` prints it)."""
    point_defaults, limit_defaults = RegisterPoint.model_fields, Limits.model_validate({}).model_dump()
    points: dict[str, Any] = {}
    for point in profile.points:
        row: dict[str, Any] = {"table": point.table.value, "address": point.address}
        for key, field in point_defaults.items():
            value = getattr(point, key)
            if key == "statuses":
                value = [_plain_status(rule) for rule in point.statuses]
            elif key == "sequences":
                value = {k: list(v) for k, v in point.sequences.items()}
            elif key == "counting" and point.counting is not None:
                value = {k: v for k, v in msgspec.structs.asdict(point.counting).items() if v}
            elif key == "scaled" and point.scaled is not None:
                value = msgspec.structs.asdict(point.scaled)
            value = list(value) if isinstance(value, tuple) else str(value) if isinstance(value, facts.StrEnum) else value
            if key not in row and value not in (field.default, [], {}, None):
                row[key] = value
        points[point.name] = row
    dog, identity = profile.watchdog, profile.identity
    limits = {key: list(value) if isinstance(value, tuple) else value for key in limit_defaults
              if (value := getattr(profile.limits, key)) != limit_defaults[key]}
    whole = {
        "instrument": profile.name, "maker": profile.maker, "model": profile.model, "source": profile.source,
        "verified": profile.verified.value, "order": profile.order.value, "unit_id": profile.unit_id, "limits": limits,
        "blocks": [{"table": b.table.value, "address": b.address, "count": b.count} for b in profile.blocks],
        "watchdog": None if dog is None else {
            "timeout_s": dog.timeout_s, "fed_by": dog.fed_by, "point": dog.point, "pattern": dog.pattern,
            "actions": {name: action.value for name, action in dog.actions.items()}, "presets": dict(dog.presets), "note": dog.note},
        "identity": None if identity is None else {"point": identity[0], "raw": identity[1], "mask": profile.identity_mask},
        "identification": dict(profile.identification), "quirks": list(profile.quirks), "points": points,
    }  # fmt: skip
    return {key: value for key, value in whole.items() if value not in (None, [], {})}


def profile_yaml(profile: facts.Profile) -> str:
    """A Modbus profile as the text of an instrument file."""
    return as_yaml(described(profile))


def as_yaml(data: Any) -> str:
    """Plain data as YAML, keys in their order."""
    out = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width = None, 150
    yaml.sort_base_mapping_type_on_output = False  # pyright: ignore[reportAttributeAccessIssue]    # annotated as None there
    yaml.dump(data, out)
    return out.getvalue()


def _plain_status(rule: facts.StatusRule) -> dict[str, Any]:
    row = {"point": rule.point, "quality": NAMES[rule.quality], "mask": rule.mask, "equals": rule.equals,
           "between": list(rule.between) if rule.between else None, "unless": list(rule.unless), "meaning": rule.meaning}
    return {key: value for key, value in row.items() if value not in (None, [], "") and (key != "mask" or value != 0xFFFFFFFF)}
