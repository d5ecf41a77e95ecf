"""OPC UA values in plain words: numbers, texts, tuples and dicts instead of the library's types, and back.

Source: OPC 10000-6 5.1.2 (built-in types, DateTime), OPC 10000-4 7.11 (DataValue).
"""

# asyncua annotates integers and strings as classes of its own, which it does not ask for at run time.
# pyright: reportArgumentType=false, reportPrivateImportUsage=false

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from asyncua import ua

from devices.opcua import STRUCTURES, Structure, argument_type

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# Standard data types that are another name of a built-in one. Abstract types (Number, Integer) say nothing and are not here.
_ALIASES = {
    ua.ObjectIds.Duration: ua.VariantType.Double, ua.ObjectIds.UtcTime: ua.VariantType.DateTime,
    ua.ObjectIds.LocaleId: ua.VariantType.String, ua.ObjectIds.Enumeration: ua.VariantType.Int32,
    ua.ObjectIds.ServerState: ua.VariantType.Int32, ua.ObjectIds.Counter: ua.VariantType.UInt32,
}
_CONCRETE = 23                                  # built-in types up to DataValue; above it stand abstract ones


def plain_data(data: ua.DataValue) -> tuple[Any, int, int]:
    """Value, status code and source time (UTC ns, 0 for none) of a DataValue."""
    status = data.StatusCode.value if data.StatusCode is not None else 0
    return plain(data.Value.Value if data.Value is not None else None), status, utc_ns(data.SourceTimestamp)


def plain(value: Any) -> Any:
    """A value without the library's types: a text, a number, UTC ns, a dict of pairs, a tuple of dicts."""
    if isinstance(value, ua.LocalizedText):
        return value.Text or ""
    if isinstance(value, datetime):
        return utc_ns(value)
    if isinstance(value, list):
        if value and all(hasattr(each, "Key") for each in value):
            return {each.Key: each.Value or "" for each in value}
        return tuple(plain(each) for each in value)
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


def utc_ns(when: datetime | None) -> int:
    """UTC ns of a time off the wire; 0 for none (OPC UA writes the year 1601)."""
    if when is None or when.year < 1970:
        return 0
    return (when.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND * 1000


def builtin(data_type: Any) -> ua.VariantType | None:
    """The built-in type that a node's DataType stands for; None when it does not say."""
    if not isinstance(data_type, ua.NodeId) or data_type.NamespaceIndex or not isinstance(data_type.Identifier, int):
        return None
    if 0 < data_type.Identifier <= _CONCRETE:
        return ua.VariantType(data_type.Identifier)
    return _ALIASES.get(data_type.Identifier)


def register(uris: Sequence[str]) -> dict[str, type]:
    """Make the structures of the profiles known to the codec under the namespace indices of one server; their classes by name."""
    made: dict[str, type] = {}
    for each in STRUCTURES.values():
        if each.namespace in uris:
            index = uris.index(each.namespace)
            made[each.name] = _structure(each, index)
            ua.register_extension_object(
                f"{each.name}Asked{index}", ua.NodeId(each.encoding, index), made[each.name], ua.NodeId(each.data_type, index))
    return made


def argument(text: str, value: Any, classes: dict[str, type]) -> ua.Variant:
    """One argument of a method, ``Name:Type`` as the profile says."""
    _, kind, _ = argument_type(text)
    if kind in STRUCTURES:
        made, fields = classes[kind], STRUCTURES[kind].fields
        rows = value.items() if isinstance(value, dict) else [[row.get(field, "") for field in fields] for row in value]
        return ua.Variant([made(*row) for row in rows], ua.VariantType.ExtensionObject, is_array=True)
    return ua.Variant(value, ua.VariantType[kind])


@functools.cache
def _structure(each: Structure, index: int) -> type:
    """The class of a structure under one namespace index (asyncua ties a class to one index)."""
    return dataclasses.make_dataclass(f"{each.name}{index}", [(name, ua.String, None) for name in each.fields])
