"""Facts about OPC UA values: built-in types, structures, status codes and browse paths.

Nothing here talks: it says what a word of ``devices.exchange`` means on an OPC UA wire.

    >>> relative_path(("lads:FunctionalUnitSet",), {"lads": LADS}, ["http://opcfoundation.org/UA/", LADS])
    ((1, 'FunctionalUnitSet'),)

Names in a ``ReadNodes``: the name of a profile's node gives ``(value, status, source_utc_ns)``. A node whose variant is
``ResultSet`` gives ``{child: {property: value}}`` of ``RESULT_KEYS``, and ``<node>/<child>`` gives one whole result:
its properties, ``Properties`` as a dict of strings, ``Samples`` as a tuple of dicts and ``VariableSet`` as a dict of
``(value, status)``. Times are UTC in ns, 0 where the device has none. Structures travel as dicts.

Source: OPC 10000-6 5.1.2 (built-in types), OPC 10000-4 7.38 (status codes),
OPC 30500-1 v1.0.1 clauses 7.4 (ProgramManagerType) and 8 (KeyValueType, SampleInfoType).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from devices.quality import UNCERTAIN

DI = "http://opcfoundation.org/UA/DI/"
MACHINERY = "http://opcfoundation.org/UA/Machinery/"
LADS = "http://opcfoundation.org/UA/LADS/"

BAD_USER_ACCESS_DENIED = 0x801F0000
BAD_NODE_ID_UNKNOWN = 0x80340000
BAD_NOT_WRITABLE = 0x803B0000
BAD_TYPE_MISMATCH = 0x80740000
BAD_METHOD_INVALID = 0x80750000
BAD_INVALID_ARGUMENT = 0x80AB0000
BAD_INVALID_STATE = 0x80AF0000
BAD_STATE_NOT_ACTIVE = 0x80BF0000

RESULT_SET = "ResultSet"
"""Variant of a node that stands for a LADS ResultSet, not for a variable."""

RESULT_KEYS = ("SupervisoryJobId", "SupervisoryTaskId", "DeviceProgramRunId", "Started", "Stopped")
"""What a listing of a ResultSet tells of each result (``RESULT_PROPERTIES`` and the variables come with the whole one)."""

RESULT_PROPERTIES = (*RESULT_KEYS, "ApplicationUri", "User", "Properties", "Samples")



class Structure(msgspec.Struct, frozen=True):
    """A structured data type: its namespace, the numbers of its type and its Default Binary encoding, its string fields."""

    name: str
    namespace: str
    data_type: int
    encoding: int
    fields: tuple[str, ...]


# Source: Opc.Ua.LADS.NodeSet2.xml 1.0.0 of 2023-11-30.
STRUCTURES = {
    "KeyValueType": Structure("KeyValueType", LADS, 3003, 5045, ("Key", "Value")),
    "SampleInfoType": Structure("SampleInfoType", LADS, 3002, 5042, ("ContainerId", "SampleId", "Position", "CustomData")),
}


def relative_path(path: Sequence[str], namespaces: Mapping[str, str], uris: Sequence[str]) -> tuple[tuple[int, str], ...]:
    """Browse names with the namespace indices of one server.

    ``path``: ``key:Name`` parts of a profile; ``namespaces``: key -> URI; ``uris``: the server's NamespaceArray, now.

    Raises: LookupError when the server has no such namespace (the indices of an earlier connection mean nothing).
    """
    found: list[tuple[int, str]] = []
    for part in path:
        key, _, name = part.rpartition(":")
        uri = namespaces.get(key, "") if key else uris[0]
        if uri not in uris:
            raise LookupError(f"{part}: the server has no namespace {uri or key!r}; it has {', '.join(uris)}")
        found.append((uris.index(uri), name))
    return tuple(found)


def number(value: Any, codes: Mapping[str, int]) -> float | None:
    """A value off the wire as the number an image holds; a text is looked up in ``codes``; None when it is no number."""
    if isinstance(value, str):
        code = codes.get(value)
        return None if code is None else float(code)
    if isinstance(value, bool | int | float):
        return float(value) if math.isfinite(value) else math.nan
    return None


_INFO_BITS = 0x03FF
_DATA_VALUE = 0x0400
_OVERFLOW = 0x0080


def overflowed(status: int) -> bool:
    """Whether a status says that the queue of its monitored item ran over. Source: OPC 10000-4 7.39.1 (InfoType, Overflow)."""
    return status & 0x0C00 == _DATA_VALUE and status & _OVERFLOW != 0


def without_overflow(status: int) -> int:
    """The status of the value itself: the overflow is the queue's."""
    rest = status & ~_OVERFLOW
    return rest if rest & _INFO_BITS else rest & ~_DATA_VALUE


# Sub codes (bits 16 to 27) of every status of severity Good that is defined. Source: Opc.Ua.StatusCodes.csv 1.05.
_GOOD = frozenset({
    0x000, 0x02D, 0x02E, 0x02F, 0x030, 0x096, 0x0A2, 0x0A3, 0x0A5, 0x0A6, 0x0A7, 0x0A8, 0x0A9, 0x0AA, 0x0BA, 0x0D9, 0x0DC, 0x0DD, 0x0DF,
    0x0E0, 0x0EB, 0x0EF, 0x116, 0x117, 0x118, 0x401, 0x402, 0x403, 0x404, 0x407, 0x408, 0x409,
})


def understood(status: int) -> int:
    """A status that says Good in words that nobody defined is Uncertain."""
    return status if status >> 30 or status >> 16 in _GOOD else UNCERTAIN


_WHOLE = {
    "SByte": (-0x80, 0x7F), "Byte": (0, 0xFF), "Int16": (-0x8000, 0x7FFF), "UInt16": (0, 0xFFFF),
    "Int32": (-0x8000_0000, 0x7FFF_FFFF), "UInt32": (0, 0xFFFF_FFFF),
    "Int64": (-0x8000_0000_0000_0000, 0x7FFF_FFFF_FFFF_FFFF), "UInt64": (0, 0xFFFF_FFFF_FFFF_FFFF),
}
_LARGEST_FLOAT = 3.4028234663852886e38


def fitted(value: Any, kind: str) -> Any:
    """A scalar as the built-in type ``kind`` carries it.

    >>> fitted(3.0, "UInt16"), fitted(1, "Boolean"), fitted(3, "Double")
    (3, True, 3.0)

    Raises: ValueError for what the type does not know (a text for a number, 2.5 for a whole one); OverflowError beyond its range.
    """
    if isinstance(value, str) or kind == "String":
        if isinstance(value, str) and kind == "String":
            return value
        raise ValueError(f"{value!r} is no {kind}")
    if not isinstance(value, bool | int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no finite number")
    if kind == "Boolean":
        if value not in (0, 1):
            raise ValueError(f"{value!r} is neither true nor false")
        return bool(value)
    if kind in ("Double", "Float"):
        if kind == "Float" and abs(value) > _LARGEST_FLOAT:
            raise OverflowError(f"{value!r} is beyond a Float")
        return float(value)
    if kind not in _WHOLE or value != int(value):
        raise ValueError(f"{value!r} is no {kind}")
    low, high = _WHOLE[kind]
    if not low <= value <= high:
        raise OverflowError(f"{value!r} is outside {low}..{high} of {kind}")
    return int(value)


def argument_type(argument: str) -> tuple[str, str, bool]:
    """Name, type and whether an array, of a profile's method argument ``Name:Type`` or ``Name:Type[]``."""
    name, _, kind = argument.partition(":")
    return name, kind.removesuffix("[]") or "String", kind.endswith("[]")
