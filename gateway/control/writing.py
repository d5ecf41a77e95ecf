"""What is written to a device: one frame a command, one outcome a command, nothing ever sent twice by itself.

The latest command to a point wins; the one it replaces ends as expired. A command that got no answer is *unverified*: it
may or may not have acted, so whoever asked must read back and decide. A command of several words (a drive's start
sequence) stops at the first word that fails, and at once when a later command to the same point is waiting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from devices.codec import encode
from devices.exchange import Write
from devices.profile import Access, Limits, Point, Profile, Table
from gateway.control.image import SECOND
from gateway.control.polling import Binding

MASK, WRITE_AND_READ = 22, 23           # functions that a device offers only where its profile says so
WEAR_NS = 60 * SECOND
"""A point whose memory wears out takes the same value again only after this time."""


class Outcome(msgspec.Struct, frozen=True):
    """How one write ended: accepted, rejected, unverified or expired. ``value``: as asked, in tag units; ``at``: monotonic ns."""

    tag: int
    value: float
    result: str
    at: int
    detail: str = ""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a tag is written: its point, the map from tag to point units, the function code.

    ``known``: the register that must have been read before, because what is written hangs on it. ``token``: the register that is
    counted up with each command. ``back``: registers that function 23 reads after it has written.
    """

    point: Point
    gain: float
    offset: float
    function: int
    merge: bool             # some bits of a holding register: the others must be kept
    known: int | None = None
    token: int | None = None
    back: tuple[int, int] = (0, 0)


class Command:
    """One write on its way. ``words``: values of each frame in order; ``sent``: frames that were accepted."""

    __slots__ = ("expires", "request", "sent", "tag", "target", "value", "words")

    def __init__(self, tag: int, value: float, target: Target, words: tuple[tuple[int, ...], ...], expires: int) -> None:
        self.tag, self.value, self.target, self.words, self.expires = tag, value, target, words, expires
        self.sent = 0
        self.request: Write | None = None


class Writing:
    """The commands of one device: waiting (one per point), under way (one), and the outcomes of those that ended."""

    __slots__ = ("_profile", "_targets", "_unit", "_worn", "active", "outcomes", "spared", "waiting", "words")

    def __init__(self, profile: Profile, unit: int, bindings: Sequence[Binding], readable: frozenset[int]) -> None:
        self.waiting: dict[str, Command] = {}
        self.active: Command | None = None
        self.outcomes: list[Outcome] = []
        self.words: dict[int, int] = {}                     # holding registers written bit by bit: their last known word
        self.spared = 0
        self._profile, self._unit = profile, unit
        self._worn: dict[str, tuple[int, tuple[tuple[int, ...], ...]]] = {}
        self._targets = {b.tag: _target(profile, b, readable) for b in bindings if profile.point(b.point).access is not Access.READ}

    @property
    def tags(self) -> tuple[int, ...]:
        """The tags that can be written."""
        return tuple(self._targets)

    def put(self, tag: int, value: float, now: int, expires: int) -> None:
        """Accept a command for sending. Raises KeyError for a tag that is no output of this device."""
        target = self._targets.get(tag)
        if target is None:
            raise KeyError(f"tag {tag} is no output of this device; its outputs are {self.tags}")
        try:
            words = _words(self._profile, target, value)
        except (ValueError, OverflowError) as why:
            return self.end(tag, value, "rejected", now, str(why))
        if not words:
            return self.end(tag, value, "accepted", now, "a trigger is not taken back: nothing to write")
        name = target.point.name
        replaced = self.waiting.pop(name, None)
        if replaced is not None:
            self.end(replaced.tag, replaced.value, "expired", now, "replaced by a later write before it was sent")
        self.waiting[name] = Command(tag, value, target, words, expires)

    def next(self, now: int) -> Command | None:
        """The command whose frame goes out now, or None. It stays ``active`` until ``settle`` or ``lost``."""
        if self.active is not None and not self._overtaken(self.active, now):
            return self._frame(self.active)
        for name, command in list(self.waiting.items()):
            if now > command.expires:
                self._drop(name, "expired", now, "not sent in time")
            elif command.target.known is not None and command.target.known not in self.words:
                continue
            elif self._wears(command, now):
                self.spared += 1
                self._drop(name, "rejected", now, f"{name}: same value again within 60 s wears its memory out")
            else:
                del self.waiting[name]
                self.active = command
                return self._frame(command)
        return None

    def settle(self, now: int, result: str, detail: str = "") -> None:
        """The active frame was answered (or will not be): go on with the next word, or end the command."""
        command = self.active
        if command is None:
            return
        command.sent += result == "accepted"
        point = command.target.point
        if result == "accepted" and command.request is not None:
            if command.target.merge:
                self.words[point.address] = command.request.values[0]
            elif command.target.token is not None:
                self.words[command.target.token] = command.request.values[-1]
        elif command.target.known is not None:
            self.words.pop(command.target.known, None)      # what the device holds now must be read before anything is made of it
        if result == "accepted" and command.sent < len(command.words):
            return
        self.active = None
        if result == "rejected":
            self._worn.pop(point.name, None)
        if len(command.words) > 1:
            detail = f"{detail} ({command.sent} of {len(command.words)} words)".strip()
        self.end(command.tag, command.value, result, now, detail)

    def held(self, payload: bytes) -> str:
        """Of registers that were written and read in one request: what the device holds, where that is something else."""
        request = None if self.active is None else self.active.request
        if request is None or request.back != (request.address, len(request.values)) or payload == _packed(request.values):
            return ""
        return f"the device holds {payload.hex(' ', 2)} after it"

    def refuse(self, now: int, why: str) -> None:
        """End everything that is waiting as rejected; a sequence half sent is unverified."""
        self.settle(now, "unverified", why)
        for name in list(self.waiting):
            self._drop(name, "rejected", now, why)

    def expire(self, now: int) -> None:
        """End what waited too long."""
        for name, command in list(self.waiting.items()):
            if now > command.expires:
                self._drop(name, "expired", now, "not sent in time")

    def end(self, tag: int, value: float, result: str, now: int, detail: str) -> None:
        """Note one outcome."""
        self.outcomes.append(Outcome(tag, value, result, now, detail))

    def _overtaken(self, command: Command, now: int) -> bool:
        """Whether a later command to the same point waits behind a sequence: then the rest of it is not sent."""
        if command.target.point.name not in self.waiting:
            return False
        self.settle(now, "expired", "replaced by a later write")
        return True

    def _frame(self, command: Command) -> Command:
        target = command.target
        values = command.words[command.sent]
        if target.merge:
            values = (self.words.get(target.point.address, 0) & ~target.point.mask | values[0],)
        elif target.function == MASK:
            values = (0xFFFF & ~target.point.mask, values[0])
        if target.token is not None:
            values = (*values, self.words[target.token] + 1 & 0xFFFF)
        command.request = Write(self._unit, target.function, target.point.address, values, target.back)
        return command

    def _wears(self, command: Command, now: int) -> bool:
        point = command.target.point
        if point.cyclic:
            return False
        at, words = self._worn.get(point.name, (now - WEAR_NS, ()))
        if words == command.words and now - at < WEAR_NS:
            return True
        self._worn[point.name] = (now, command.words)
        return False

    def _drop(self, name: str, result: str, now: int, detail: str) -> None:
        command = self.waiting.pop(name)
        self.end(command.tag, command.value, result, now, detail)


def write_function(point: Point, limits: Limits) -> int:
    """The function code that writes a point. Raises ValueError when the device has none for it.

    Bits of a register go out under a mask where the device has function 22: nothing of the others needs to be known.
    """
    one = point.width == 1 and point.token is None
    wanted = (5, 15) if point.table is Table.COIL else (6, 16, WRITE_AND_READ) if one else (16, WRITE_AND_READ)
    if point.table is Table.HOLDING and point.bit is not None:
        wanted = (MASK, *wanted)
    for function in wanted:
        if point.table in (Table.COIL, Table.HOLDING) and function in limits.write_functions:
            return function
    raise ValueError(f"{point.name}: no function writes {point.width} of table {point.table}; the device allows {limits.write_functions}")


def _target(profile: Profile, binding: Binding, readable: frozenset[int]) -> Target:
    point = profile.point(binding.point)
    gain, offset = binding.line()
    function = write_function(point, profile.limits)
    merge = point.table is Table.HOLDING and point.bit is not None and function != MASK
    back = back_of(profile, point) if function == WRITE_AND_READ else (0, 0)
    token = None if point.token is None else profile.point(point.token).address
    known = token if token is not None else point.address if merge and point.address in readable else None
    return Target(point=point, gain=gain, offset=offset, function=function, merge=merge, known=known, token=token, back=back)


def _packed(words: Sequence[int]) -> bytes:
    return b"".join(word.to_bytes(2, "big") for word in words)


def back_of(profile: Profile, point: Point) -> tuple[int, int]:
    """What is read in the request that writes a point: its feedback, itself or its token, the first that is a readable register."""
    shown = [point if name is None else profile.point(name) for name in (point.feedback, None, point.token)]
    shows = next((each for each in shown if each.table is Table.HOLDING and each.access is not Access.WRITE), point)
    return shows.address, shows.width


def _words(profile: Profile, target: Target, value: float) -> tuple[tuple[int, ...], ...]:
    """The values of every frame that carries out a command; none when nothing has to be written.

    Raises: ValueError for what the point cannot carry.
    """
    point = target.point
    if not math.isfinite(value):
        raise ValueError(f"{point.name}: {value} is not a number a register can carry")
    wanted = (value - target.offset) / target.gain
    if point.trigger is not None:
        return ((point.trigger,),) if wanted else ()
    if point.sequences:
        if round(wanted) not in point.sequences:
            raise ValueError(f"{point.name}: no command {wanted:g}; it knows {', '.join(map(str, point.sequences))}")
        return tuple((word,) for word in point.sequences[round(wanted)])
    return (encode(point, profile.order, wanted),)
