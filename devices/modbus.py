"""Modbus as the plant sees it: registers to values (``codec``), points to few reads (``planner``), replies to values
with quality (``decoder``). This is the one name under which the rest of the house imports them.

    >>> block, = plan(PROFILE, PROFILE.points)
    >>> values, qualities = block.compile(block.points).decode(payload)
"""

from __future__ import annotations

from devices.codec import as_carried, decode, decode_text, encode, encode_text, raw, resolution
from devices.decoder import BlockDecoder, Said
from devices.planner import BlockRead, plan, read_function

__all__ = [
    "BlockDecoder", "BlockRead", "Said", "as_carried", "decode", "decode_text", "encode", "encode_text", "plan", "raw",
    "read_function", "resolution",
]
