"""What is read straight from the bytes of a notification is what the library reads from them, or nothing is."""

# asyncua annotates integers and strings as classes of its own, which it does not ask for at run time.
# pyright: reportArgumentType=false, reportPrivateImportUsage=false

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from hypothesis import given
from hypothesis import strategies as st

from gateway.links import opcua_notifications
from gateway.links.opcua_notifications import Changes, changes_of, decoded
from tests.gateway.links.wired_opcua import STREAM, WiredOpcUa, live

K = ua.VariantType
WHOLE = {K.SByte: 8, K.Int16: 16, K.Int32: 32, K.Int64: 64}
COUNT = {K.Byte: 8, K.UInt16: 16, K.UInt32: 32, K.UInt64: 64}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.none()
scalars = st.one_of(
    st.booleans().map(lambda v: ua.Variant(v, K.Boolean)),
    *[st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1).map(lambda v, kind=kind: ua.Variant(v, kind)) for kind, bits in WHOLE.items()],
    *[st.integers(0, 2**bits - 1).map(lambda v, kind=kind: ua.Variant(v, kind)) for kind, bits in COUNT.items()],
    st.floats(width=32).map(lambda v: ua.Variant(v, K.Float)),
    st.floats().map(lambda v: ua.Variant(v, K.Double)),
    texts.map(lambda v: ua.Variant(v, K.String)),
)
others = st.one_of(
    st.just(ua.Variant(None, K.Null)),
    st.lists(st.floats(), max_size=3).map(lambda v: ua.Variant(v, K.Double, is_array=True)),
    st.lists(texts, min_size=1, max_size=3).map(lambda v: ua.Variant(v, K.String, is_array=True)),
    texts.map(lambda v: ua.Variant(ua.LocalizedText(v or ""), K.LocalizedText)),
    st.binary(max_size=4).map(lambda v: ua.Variant(v, K.ByteString)),
    st.just(ua.Variant(datetime(2026, 1, 2, tzinfo=UTC), K.DateTime)),
    st.just(ua.Variant(ua.Argument(), K.ExtensionObject)),
)
FIRST, LAST, EPOCH = (datetime(*day, tzinfo=UTC) for day in ((1601, 1, 1), (9999, 12, 31, 23, 59, 59), (1970, 1, 1)))
times = st.one_of(
    st.none(), st.sampled_from([FIRST, LAST, EPOCH]), st.integers(-10**6, 10**6).map(lambda us: EPOCH + timedelta(microseconds=us)),
    st.integers(0, 10**16).map(lambda us: FIRST + timedelta(microseconds=us)))
statuses = st.none() | st.sampled_from([0, 0x40000000, 0x80000000, 0x80340000, 0x0480, 0xFFFFFFFF]).map(ua.StatusCode)


def values(variants: st.SearchStrategy[ua.Variant], picoseconds: st.SearchStrategy[int | None]) -> st.SearchStrategy[ua.DataValue]:
    return st.builds(ua.DataValue, variants, StatusCode=statuses, SourceTimestamp=times, ServerTimestamp=times,
                     SourcePicoseconds=picoseconds, ServerPicoseconds=picoseconds)


def changes(data: st.SearchStrategy[ua.DataValue]) -> st.SearchStrategy[ua.DataChangeNotification]:
    item = st.builds(ua.MonitoredItemNotification, ClientHandle=st.integers(0, 2**32 - 1), Value=data)
    return st.builds(ua.DataChangeNotification, MonitoredItems=st.lists(item, max_size=4), DiagnosticInfos=st.just([]))


def messages(notification: st.SearchStrategy[Any], least: int) -> st.SearchStrategy[ua.PublishResponse]:
    number = st.integers(0, 2**32 - 1)
    message = st.builds(ua.NotificationMessage, number, times.map(lambda when: when or datetime(2026, 1, 1, tzinfo=UTC)),
                        st.lists(notification, min_size=least, max_size=2))
    result = st.builds(ua.PublishResult, number, st.lists(number, max_size=3), st.booleans(), message,
                       st.lists(statuses.map(lambda code: code or ua.StatusCode()), max_size=2), st.just([]))
    return st.builds(ua.PublishResponse, Parameters=result)


plain = messages(changes(values(scalars, st.none())), least=1)
strange = st.one_of(
    changes(values(scalars | others, st.none() | st.integers(0, 9999))),
    st.builds(ua.StatusChangeNotification, Status=st.just(ua.StatusCode(0x800A0000))),
    st.just(ua.EventNotificationList()),
)
anything = messages(strange, least=0)


def same(value: Any) -> Any:
    """A NaN is itself here, a whole number no truth and no float, and minus zero not zero."""
    return "nan" if isinstance(value, float) and math.isnan(value) else (type(value), repr(value))


def read(response: ua.PublishResponse) -> list[Any]:
    """Everything that anybody asks a response for."""
    result, message = response.Parameters, response.Parameters.NotificationMessage
    told = [each if isinstance(each, Changes) else changes_of(each) for each in message.NotificationData]
    return [result.SubscriptionId, result.AvailableSequenceNumbers, result.MoreNotifications, message.SequenceNumber, message.PublishTime,
            [[(handle, kind, what and (same(what[0]), *what[1:])) for handle, kind, what in each.items] for each in told]]


def agrees(data: bytes) -> bool:
    """Whether it was read here, and then as the library reads it."""
    found = decoded(data)
    if found is not None:
        assert read(found) == read(struct_from_binary(ua.PublishResponse, Buffer(data)))
    return found is not None


@given(plain)
def test_scalars_with_status_and_times_are_read_here_as_the_library_reads_them(response: ua.PublishResponse):
    assert agrees(struct_to_binary(response))


@given(anything)
def test_what_is_unusual_is_read_as_the_library_reads_it_or_left_to_it(response: ua.PublishResponse):
    agrees(struct_to_binary(response))


@given(plain, st.data())
def test_a_spoiled_message_is_read_as_the_library_reads_it_or_left_to_it(response: ua.PublishResponse, draw: st.DataObject):
    data = bytearray(struct_to_binary(response))
    for _ in range(draw.draw(st.integers(1, 2))):
        at = draw.draw(st.integers(0, len(data) - 1))
        how = draw.draw(st.sampled_from(["flip", "flip", "byte", "cut out", "put in"]))
        if how == "flip":
            data[at] ^= 1 << draw.draw(st.integers(0, 7))
        elif how == "byte":
            data[at] = draw.draw(st.sampled_from([0, 1, 11, 12, 0x7F, 0x80, 0xFF]))
        elif how == "cut out" and len(data) > 1:
            del data[at]
        else:
            data.insert(at, draw.draw(st.integers(0, 255)))
    agrees(bytes(data))


@given(plain, st.binary(min_size=1, max_size=3))
def test_nothing_is_read_of_a_message_that_is_cut_short_or_goes_on(response: ua.PublishResponse, more: bytes):
    data = struct_to_binary(response)
    assert decoded(data + more) is None
    for length in range(len(data)):
        assert decoded(data[:length]) is None


@pytest.mark.parametrize("change", [
    {"ServiceResult": ua.StatusCode(0x80770000)}, {"StringTable": ["x"]},
    {"ServiceDiagnostics": ua.DiagnosticInfo(SymbolicId=1)}, {"AdditionalHeader": ua.ExtensionObject(ua.NodeId(1, 2), b"x")},
])
def test_a_response_that_says_more_than_its_message_is_left_to_the_library(change: dict[str, Any]):
    item = ua.MonitoredItemNotification(1, ua.DataValue(ua.Variant(1.0, K.Double)))
    message = ua.NotificationMessage(1, NotificationData=[ua.DataChangeNotification(MonitoredItems=[item])])
    response = ua.PublishResponse(ua.PublishResponse().TypeId, ua.ResponseHeader(), ua.PublishResult(7, NotificationMessage=message))
    assert decoded(struct_to_binary(response)) is not None
    header = ua.ResponseHeader(**change)
    assert decoded(struct_to_binary(ua.PublishResponse(response.TypeId, header, response.Parameters))) is None


def test_a_link_hears_numbers_read_here_and_texts_read_by_the_library(monkeypatch: pytest.MonkeyPatch):
    taken: list[bool] = []

    def watched(data: bytes) -> ua.PublishResponse | None:
        found = decoded(data)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(opcua_notifications, "decoded", watched)

    async def scenario(wired: WiredOpcUa) -> tuple[list[bool], list[bool]]:
        await wired.good()
        await wired.net.lapse(7.3)
        found: list[list[bool]] = []
        for change in (lambda: wired.show("stream", 5), wired.start_by_hand):      # a number; a state, which is a localized text
            taken.clear()
            told = wired.talk.told
            await change()
            await wired.talk.turned(lambda told=told: wired.talk.told > told, 1.1)
            found.append(list(taken))
        assert wired.talk.image.value[STREAM] == 5
        return found[0], found[1]

    number, state = live(scenario)
    assert True in number
    assert False in state
