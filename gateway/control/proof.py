"""Proof of identity (the right device answers) and proof of life (we are still here), as requests of a conversation."""

from __future__ import annotations

from devices.exchange import Read, Write
from devices.identification import BASIC, FUNCTION, name_of, objects_of
from devices.modbus import plan
from devices.profile import Point, Profile
from gateway.control.image import SECOND
from gateway.control.writing import WRITE_AND_READ, Command, back_of, write_function


class Proof:
    """The read that shows whether the right device answers: a register that holds what it must, under a mask."""

    __slots__ = ("_decoder", "_mask", "_point", "_raw", "request")

    def __init__(self, profile: Profile, unit: int, point: Point, raw: int) -> None:
        whole = profile.identity_mask == 0xFFFFFFFF         # as it is when nothing was said: then every bit counts
        self._point, self._raw, self._mask = point, raw, -1 if whole else profile.identity_mask
        block, = plan(profile, (point,))
        self.request = Read(unit, block.function, block.address, block.count)
        self._decoder = block.compile()

    def wrong(self, payload: bytes) -> str:
        """What proves it to be another device; empty for the right one. Raises ValueError for a payload of the wrong length."""
        values, _ = self._decoder.decode(payload)
        found = round((values[0] - self._point.offset) / self._point.scale)
        return "" if (found ^ self._raw) & self._mask == 0 else f"{self._point.name} is {found}, expected {self._raw}"


class Introduction:
    """The same by what the device says of itself: texts that begin as they must."""

    __slots__ = ("_wanted", "request")

    def __init__(self, profile: Profile, unit: int) -> None:
        self._wanted = profile.identification
        self.request = Read(unit, FUNCTION, 0, BASIC)

    def wrong(self, payload: bytes) -> str:
        """As of a ``Proof``."""
        said = objects_of(payload)
        return ", ".join(
            f"{name_of(number)} is {said.get(number, '')!r}, expected {text!r}"
            for number, text in self._wanted.items() if not said.get(number, "").startswith(text))


class Heartbeat:
    """The write that keeps a device's watchdog from running out. ``every``: a third of the timeout, ns."""

    __slots__ = ("_back", "_count", "_function", "_pattern", "_point", "_unit", "at", "every", "request")

    def __init__(self, profile: Profile, unit: int, timeout_s: float, point: Point | None, pattern: str) -> None:
        self.every = int(timeout_s * SECOND / 3)
        self.at = 0
        self.request: Write | None = None
        self._pattern, self._unit, self._count, self._point = pattern, unit, 0, point
        if point is not None and pattern != "same" and point.bit is not None:
            raise ValueError(f"{point.name} is a bit of a register; a heartbeat has a register or a coil of its own")
        self._function = write_function(point, profile.limits) if point and pattern != "same" else 0
        self._back = back_of(profile, point) if point and self._function == WRITE_AND_READ else (0, 0)

    def next(self) -> Write | None:
        """The frame to send: the last accepted command again, or the next toggle or count; None when there is nothing to repeat."""
        if self._pattern != "same" and self._point is not None:
            self._count = self._count ^ 1 if self._pattern == "toggle" else (self._count + 1) & 0x7FFF
            self.request = Write(self._unit, self._function, self._point.address, (self._count,), self._back)
        return self.request

    def saw(self, command: Command, result: str, now: int) -> None:
        """A command ended: repeat it from now on if it was accepted; repeat nothing after one whose effect is unknown."""
        if self._pattern != "same" or not self._feeds(command.target.point):
            return
        if result == "accepted":
            self.request, self.at = command.request, now + self.every
        elif result == "unverified":
            self.request = None

    def _feeds(self, point: Point) -> bool:
        """Whether a write of ``point`` feeds the watchdog (bits of one register are written as that register)."""
        mine = self._point
        return point.cyclic and (mine is None or (mine.table is point.table and mine.address == point.address))

    def stop(self) -> None:
        """Repeat nothing until the next accepted command: the device may have gone to its comm-loss action meanwhile."""
        if self._pattern == "same":
            self.request = None


def proofs_of(profile: Profile, unit: int) -> tuple[Proof | Introduction, ...]:
    """The proofs of identity that a profile asks for: all of them must hold."""
    found: list[Proof | Introduction] = []
    if profile.identity is not None:
        name, raw = profile.identity
        found.append(Proof(profile, unit, profile.point(name), raw))
    return (*found, Introduction(profile, unit)) if profile.identification else tuple(found)


def heartbeat_of(profile: Profile, unit: int, timeout_s: float | None) -> Heartbeat | None:
    """The heartbeat that a device needs, if it is fed by writes. ``timeout_s``: as set in the device, else as in its profile."""
    watchdog = profile.watchdog
    if watchdog is None or watchdog.fed_by != "write":
        return None
    point = profile.point(watchdog.point) if watchdog.point is not None else None
    return Heartbeat(profile, unit, timeout_s or watchdog.timeout_s, point, watchdog.pattern)
