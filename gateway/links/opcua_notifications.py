"""Notifications of changed values, read straight from their bytes: most of what an OPC UA server says.

    hasten(client.uaclient.session)             # its publish loop goes on as it was; only the decoding is ours

A message is taken here only if it holds nothing but data changes, each a scalar number, truth or text with or without status
and times, and if every length fits to the last byte. Of any other message (an array, a structure, an event, a fault, a
keep-alive, something cut off) nothing is taken: the library decodes the same bytes, and says what is wrong with them.

The library makes four objects of each value, which are taken apart again: 7 us. Here it is a tuple, in a fifteenth of that.

Source: OPC 10000-6 5.2.2 (built-in types), 5.2.2.16 Variant, 5.2.2.17 DataValue; OPC 10000-4 5.13.5 Publish, 7.25.2.
"""

# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from typing import Any

from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua.ua_binary import struct_from_binary
from asyncua.ua.uaerrors import UaStructParsingError

from gateway.links.opcua_values import plain_data

Told = tuple[Any, int, int]
"""Value, status and source time (UTC ns, 0 for none)."""
Item = tuple[int, ua.VariantType | None, Told | None]
"""Client handle, built-in type of the value, what is told; None for an item in which there is nothing."""

_PUBLISH_RESPONSE = struct.pack("<BBH", 1, 0, ua.ObjectIds.PublishResponse_Encoding_DefaultBinary)
_DATA_CHANGE = struct.pack("<BBHB", 1, 0, ua.ObjectIds.DataChangeNotification_Encoding_DefaultBinary, 1)
_NO_HEADER = b"\0\0\0"          # AdditionalHeader: no type, no body
_FORMATS = {
    ua.VariantType.Boolean: "?", ua.VariantType.SByte: "b", ua.VariantType.Byte: "B", ua.VariantType.Int16: "h",
    ua.VariantType.UInt16: "H", ua.VariantType.Int32: "i", ua.VariantType.UInt32: "I", ua.VariantType.Int64: "q",
    ua.VariantType.UInt64: "Q", ua.VariantType.Float: "f", ua.VariantType.Double: "d",
}
_VALUE, _STATUS, _SOURCE, _SERVER = 1, 2, 4, 8
_TEXT = ua.VariantType.String
_UNIX_EPOCH = 116_444_736_000_000_000       # 1970 in 100 ns since 1601
_LAST = ua.uatypes.MAX_OPC_FILETIME
_word, _long, _item = struct.Struct("<i").unpack_from, struct.Struct("<q").unpack_from, struct.Struct("<IBBi").unpack_from
_head, _result = struct.Struct("<4sqIIBi").unpack_from, struct.Struct("<Ii").unpack_from
_message = struct.Struct("<BIqi").unpack_from


class Changes:
    """What one data change notification said. ``items``: in its order."""

    __slots__ = ("items",)

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items


class _Unusual(Exception):
    """Not for us: the library's."""


def changes_of(notification: ua.DataChangeNotification) -> Changes:
    """The same of a notification that the library has decoded."""
    return Changes([
        (item.ClientHandle, None, None) if item.Value is None else
        (item.ClientHandle, None if item.Value.Value is None else item.Value.Value.VariantType, plain_data(item.Value))
        for item in notification.MonitoredItems or ()
    ])


def hasten(session: UaSession) -> None:
    """Have a session decode what it is published in the way of this module."""
    session.publish = functools.partial(_publish, session)  # pyright: ignore[reportAttributeAccessIssue]


async def _publish(session: UaSession, acks: list[ua.SubscriptionAcknowledgement]) -> ua.PublishResponse:
    """As ``UaSession.publish``: one request, its answer, which may take as long as nothing changes."""
    request = ua.PublishRequest()
    request.Parameters.SubscriptionAcknowledgements = acks
    data = await session._send_request(request, timeout=0)
    found = decoded(bytes(data))
    if found is not None:
        return found
    try:
        return struct_from_binary(ua.PublishResponse, data)
    except Exception as error:
        raise UaStructParsingError from error


def decoded(data: bytes) -> ua.PublishResponse | None:
    """A whole PublishResponse with ``Changes`` in place of notifications; None where it holds anything unusual."""
    try:
        return _decoded(data)
    except (_Unusual, struct.error):
        return None


def _decoded(data: bytes) -> ua.PublishResponse:
    kind, _, _, result, diagnostics, strings = _head(data, 0)
    if kind != _PUBLISH_RESPONSE or result or diagnostics or strings > 0 or data[25:28] != _NO_HEADER:
        raise _Unusual
    subscription, numbers = _result(data, 28)
    if numbers < -1:                                    # a list that is not there has -1
        raise _Unusual
    at = 36 + 4 * max(numbers, 0)
    available = None if numbers < 0 else [*struct.unpack_from(f"<{numbers}I", data, 36)]
    more, number, published, count = _message(data, at)
    at += 17
    notifications: list[Changes] = []
    for _ in range(count):
        if data[at:at + 5] != _DATA_CHANGE:
            raise _Unusual
        end = at + 9 + _word(data, at + 5)[0]
        items, at = _items(data, at + 9)
        if _word(data, at)[0] > 0 or at + 4 != end:
            raise _Unusual
        notifications.append(Changes(items))
        at = end
    at += 4 + 4 * max(_word(data, at)[0], 0)            # what became of our acknowledgements
    if not notifications or _word(data, at)[0] > 0 or at + 4 != len(data):
        raise _Unusual
    message = ua.NotificationMessage(number, ua.win_epoch_to_datetime(published), notifications)  # pyright: ignore[reportArgumentType]
    return ua.PublishResponse(Parameters=ua.PublishResult(subscription, available, bool(more), message))  # pyright: ignore[reportArgumentType]


def _items(data: bytes, at: int) -> tuple[list[Item], int]:
    """Items from their count on, and where they end."""
    count, = _word(data, at)
    at += 4
    found: list[Item] = []
    for _ in range(count):
        layout = _LAYOUTS.get(data[at + 4:at + 6])
        if layout is None:
            item, at = _text(data, at)
        else:
            unpack, size, kind, stated, timed = layout
            fields = unpack(data, at)
            at += size
            item = fields[0], kind, (fields[1], fields[2] if stated else 0, _utc_ns(fields[-1]) if timed else 0)
        found.append(item)
    return found, at


def _text(data: bytes, at: int) -> tuple[Item, int]:
    """An item with a text."""
    handle, mask, kind, length = _item(data, at)
    if kind != _TEXT or not mask & _VALUE or mask > 15 or length < -1:
        raise _Unusual
    at += 10
    value = None
    if length >= 0:
        value = data[at:at + length].decode("utf-8", errors="surrogateescape")
        at += length
    status = source = 0
    if mask & _STATUS:
        status, at = _word(data, at)[0] & 0xFFFFFFFF, at + 4
    if mask & _SOURCE:
        source, at = _utc_ns(_long(data, at)[0]), at + 8
    if mask & _SERVER:
        at += 8
    return (handle, _TEXT, (value, status, source)), at


def _utc_ns(ticks: int) -> int:
    """UTC ns of a DateTime as the library has it: to the microsecond, 0 before 1970, never after 9999."""
    return (min(ticks, _LAST) - _UNIX_EPOCH) // 10 * 1000 if ticks > _UNIX_EPOCH else 0


def _layout(mask: int, kind: ua.VariantType) -> tuple[Any, int, ua.VariantType, bool, bool]:
    parts = ["I" if mask & _STATUS else "", "q" if mask & _SOURCE else "", "8x" if mask & _SERVER else ""]
    whole = struct.Struct("<I2x" + _FORMATS[kind] + "".join(parts))
    return whole.unpack_from, whole.size, kind, bool(mask & _STATUS), bool(mask & _SOURCE)


_LAYOUTS = {bytes((mask, kind)): _layout(mask, kind) for mask in range(_VALUE, 16, 2) for kind in _FORMATS}
"""How an item with a number looks: the mask of its DataValue and the type of its Variant, which say where everything is."""
