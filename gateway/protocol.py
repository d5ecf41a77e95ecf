"""The words on the plant process's Unix socket, version 1: length-prefixed MessagePack structs.

Frame: 4 bytes length (big-endian, at most 1 MiB), then one struct. The server answers every request once, by its ``id``.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

VERSION = 1
LIMIT = 1 << 20


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """First word of either side: which version it speaks and who it says it is."""

    version: int
    who: str = ""


class Do(msgspec.Struct, frozen=True, tag="do", kw_only=True):
    """A command. ``key``: idempotency key; the same key is carried out once."""

    id: int
    verb: str
    target: str
    why: str = ""
    key: str = ""
    arguments: dict[str, Any] = {}


class Ask(msgspec.Struct, frozen=True, tag="ask", kw_only=True):
    """A question: status | explain | batches | journal."""

    id: int
    what: str
    target: str = ""


class Told(msgspec.Struct, frozen=True, tag="told", kw_only=True):
    """The answer to ``Do`` (after its entry is durable) or to ``Ask``."""

    id: int
    ok: bool
    reason: str = ""
    body: dict[str, Any] = {}


Word = Hello | Do | Ask | Told
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Word)


def pack(word: Word) -> bytes:
    """One frame."""
    body = _encoder.encode(word)
    return len(body).to_bytes(4, "big") + body


async def read_word(reader: asyncio.StreamReader) -> Word | None:
    """The next word, None at the end. Raises ValueError for a frame that is too long or no word of ours."""
    try:
        head = await reader.readexactly(4)
        length = int.from_bytes(head, "big")
        if length > LIMIT:
            raise ValueError(f"frame of {length} bytes; at most {LIMIT}")
        return _decoder.decode(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return None
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None
