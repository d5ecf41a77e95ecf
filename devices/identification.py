"""What a Modbus device says of itself (function 43/14): vendor, product and revision as texts by object number.

    >>> objects_of(bytes.fromhex("02 00 04 41636d65 01 03 704834"))
    {0: 'Acme', 1: 'pH4'}

Asked for as ``Read(unit, 43, first object, read code)``; read code 1 is the basic stream, which every device has that knows
the function at all. Source: Modbus Application Protocol V1.1b3 clause 6.21.
"""

from __future__ import annotations

from collections.abc import Mapping

FUNCTION, MEI, BASIC = 43, 14, 1
NAMES = ("vendor", "product code", "revision", "vendor URL", "product", "model", "application")


def name_of(number: int) -> str:
    """What an object is called."""
    return NAMES[number] if number < len(NAMES) else f"object {number}"


def objects_of(payload: bytes) -> dict[int, str]:
    """The texts by object number. ``payload``: number of objects, then number, length and bytes of each.

    Raises: ValueError when the lengths do not fit to the last byte.
    """
    found: dict[int, str] = {}
    at = 1
    for _ in range(payload[0] if payload else -1):
        if at + 2 > len(payload):
            raise ValueError("identification that ends before its objects")
        number, size = payload[at], payload[at + 1]
        found[number] = payload[at + 2 : at + 2 + size].decode("latin-1").strip("\0 ")
        at += 2 + size
    if at != len(payload):
        raise ValueError(f"identification of {len(payload)} bytes whose objects end at {at}")
    return found


def payload_of(objects: Mapping[int, str]) -> bytes:
    """The other way round, for a simulated device."""
    texts = {number: text.encode("latin-1") for number, text in sorted(objects.items())}
    return bytes((len(texts),)) + b"".join(bytes((number, len(text))) + text for number, text in texts.items())
