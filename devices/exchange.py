"""The words both ends speak: what is asked of a device and what it answers, on raw registers or nodes.

In the plant they travel over sockets; in a rehearsal ``conversation.absorb(bank.answer(request), now)`` is a call.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Read(msgspec.Struct, frozen=True, gc=False):
    """Read ``count`` registers or bits: function 1 coils, 2 discrete inputs, 3 holding, 4 input registers.

    Function 43: identification from object ``address`` on with read code ``count`` (``devices.identification``).
    """

    unit: int
    function: int
    address: int
    count: int


class Write(msgspec.Struct, frozen=True, gc=False):
    """Write registers or bits: function 5 one coil, 6 one register, 15 coils, 16 registers, 22 some bits of a register, 23 registers.

    Function 22 carries the AND mask and the OR mask. Function 23 reads ``back`` (address, count) of the holding registers
    after it has written, in the same request.
    """

    unit: int
    function: int
    address: int
    values: tuple[int, ...]
    back: tuple[int, int] = (0, 0)


class ReadNodes(msgspec.Struct, frozen=True):
    """Read OPC UA variables by the names of their profile."""

    names: tuple[str, ...]


class WriteNode(msgspec.Struct, frozen=True):
    """Write one OPC UA variable by the name of its profile."""

    name: str
    value: Any


class CallMethod(msgspec.Struct, frozen=True):
    """Call one OPC UA method by the name of its profile."""

    name: str
    arguments: tuple[Any, ...]


Request = Read | Write | ReadNodes | WriteNode | CallMethod


class Reply(msgspec.Struct, frozen=True, gc=False):
    """The answer to one request.

    ``payload``: for a Modbus read the register bytes as on the wire (big-endian, 2 per register) or packed bits
    (LSB first); empty for a write but function 23. ``exception``: the device's Modbus exception code. ``failure``: "timeout",
    "lost", "malformed" or "refused" when no proper answer came. ``document``: OPC UA values or a method's result.
    """

    request: Request
    payload: bytes = b""
    exception: int | None = None
    failure: str | None = None
    document: Any = None

    @property
    def ok(self) -> bool:
        """Whether the device did what was asked."""
        return self.exception is None and self.failure is None
