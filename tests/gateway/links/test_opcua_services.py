"""An answer to a read is believed when its results end where its bytes do."""

from __future__ import annotations

from typing import Any

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_to_binary

from gateway.links.opcua_services import Malformed, Services


class Answering:
    """A session that answers with these bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    async def _send_request(self, request: Any) -> Buffer:
        return Buffer(self.data)


async def read(data: bytes) -> list[Any]:
    services = Services(Answering(data))  # type: ignore[arg-type]
    return [each.Value.Value for each in await services.read([ua.NodeId(1), ua.NodeId(2)])]  # type: ignore[union-attr,arg-type]


async def test_bytes_that_are_left_over_make_the_whole_answer_none():
    results = [ua.DataValue(ua.Variant(24.0, ua.VariantType.Double)), ua.DataValue(ua.Variant(7, ua.VariantType.UInt32))]
    whole = struct_to_binary(ua.ReadResponse(Results=results))
    assert await read(whole) == [24.0, 7]
    for more in (b"\0", b"MSGF", whole):
        with pytest.raises(Malformed, match="bytes behind the results of a read"):
            await read(whole + more)
