"""When a bus may be spoken on, and what its silence is worth: the rules of a line on which answers carry no number. Pure.

    >>> bus = Bus(timeout_s=0.25, gap_s=0.002)
    >>> bus.missed(read, sent_at=10.0, now=10.25)       # no answer: it may still come
    >>> bus.ready_at                                    # so nothing is sent for twice the timeout
    10.75
    >>> bus.canary(read, reads)                         # and then a read goes first whose answer cannot be the late one
    Read(unit=1, function=4, address=0, count=1)

Three rules. After a timeout the bus is quiet for as long as the slowest answer that was ever seen, at least twice the timeout.
What comes next is preceded by a canary: a read of which only the form is looked at, and whose form differs from every request
that its unit still owes an answer to; where it cannot differ, as long a silence after it shows that there is no second one.
A unit that owes answers may use a quarter of the time of the bus, so that it cannot starve the watchdogs of the others.

Times are seconds of the event loop.
"""

from __future__ import annotations

from collections.abc import Sequence

from devices.exchange import Read, Write

QUIET_TIMEOUTS = 2              # quiet time after a timeout, in timeouts
LONGEST_QUIET_S = 10.0
REST = 3                        # so many times what a silent unit has cost, before the next silent unit is asked

_Form = tuple[int, int]         # function and byte count of an answer (address for a write)


def gap_s(baud: int) -> float:
    """The silence before a frame: 3.5 characters of 11 bits, 1.75 ms above 19,200 baud.

    Source: Modbus over Serial Line V1.02 clause 2.5.1.1.
    """
    return 3.5 * 11 / baud if baud <= 19_200 else 0.001_75


class Bus:
    """See the module. ``ready_at``: nothing is sent before; ``slowest_s``: the slowest answer seen, late ones included."""

    __slots__ = ("_dirty", "_fresh", "_listening", "_owed", "_probe_at", "gap_s", "ready_at", "slowest_s", "timeout_s")

    def __init__(self, timeout_s: float, gap_s: float) -> None:
        self.timeout_s, self.gap_s = timeout_s, gap_s
        self.ready_at = self.slowest_s = self._probe_at = 0.0
        self._owed: dict[int, dict[_Form, float]] = {}      # unit -> form of a request without an answer -> when it was sent
        self._dirty = self._fresh = True                    # not in step since a timeout; nobody has answered on this port yet
        self._listening: int | None = None                  # a unit whose answer is proved by the silence after it

    @property
    def quiet_s(self) -> float:
        """How long the bus is left alone after a request without an answer."""
        return min(max(QUIET_TIMEOUTS * self.timeout_s, self.slowest_s), LONGEST_QUIET_S)

    @property
    def dirty(self) -> bool:
        """Whether something may still come that belongs to an earlier request."""
        return self._dirty

    def opened(self, now: float) -> None:
        """The port is open (again); who spoke before, and what was answered, is not known."""
        self._dirty = self._fresh = True
        self._listening = None
        self.ready_at = now + self.quiet_s

    def may(self, unit: int, now: float) -> bool:
        """Whether this unit may be asked now: one that owes an answer only when there is time to lose."""
        return unit not in self._owed or now >= self._probe_at

    def heard(self, now: float) -> None:
        """Bytes came in: a frame does not begin within the silence after them."""
        self.ready_at = max(self.ready_at, now + self.gap_s)

    # ---------------------------------------------------------------------------------------------------------- canaries
    def canary(self, request: Read | Write, reads: Sequence[Read]) -> Read | None:
        """What must be asked before ``request``; None when it may go at once. ``reads``: what its unit is known to be read with.

        A write goes at once unless its answer could be taken for another: it shows no value, and a trip does not wait longer.
        """
        owed = self._owed.get(request.unit, {})
        if not self._fresh:
            if type(request) is Read and not self._dirty and not owed:
                return None
            if type(request) is Write and all(function != request.function for function, _ in owed):
                return None
        first = reads[0] if reads else Read(request.unit, 3, 0, 1)
        cheap = sorted([*reads, Read(request.unit, first.function, first.address, 1)], key=lambda read: read.count)
        apart = [read for read in cheap if form(read) not in owed]
        safest = [read for read in apart if all(function != read.function for function, _ in owed)]
        return (safest or apart or cheap)[0]

    # --------------------------------------------------------------------------------------------------------- what came
    def answered(self, request: Read | Write, refused: bool, sent_at: float, now: float) -> bool:
        """An answer fitted ``request``. False when it may be the late one of an earlier request: then silence must prove it."""
        self.slowest_s = max(self.slowest_s, now - sent_at)
        self.ready_at = now + self.gap_s
        owed = self._owed.get(request.unit, {})
        if form(request) in owed or (refused and any(function == request.function for function, _ in owed)):
            self._listening, self.ready_at = request.unit, now + self.quiet_s
            return False
        self._in_step(request.unit)
        return True

    def silent_since(self) -> bool:
        """``ready_at`` has come after an answer that was not certain. True when nothing followed it: the bus is in step."""
        unit, self._listening = self._listening, None
        if unit is not None:
            self._in_step(unit)
        return unit is not None

    def missed(self, request: Read | Write, sent_at: float, now: float) -> None:
        """``request`` was not answered in time, or not by what answers it: it may still be."""
        again = request.unit in self._owed
        self._owed.setdefault(request.unit, {})[form(request)] = sent_at
        self._dirty, self._listening = True, None
        self.ready_at = now + self.quiet_s
        if again:
            self._probe_at = self.ready_at + REST * (self.timeout_s + self.quiet_s)

    def stray(self, unit: int, pdu: bytes, now: float) -> bool:
        """A whole frame answered nothing. True when it is a late answer; the unit then owes that one no more."""
        self._dirty = True
        if self._listening == unit:
            self._listening = None
        owed = self._owed.get(unit, {})
        function = pdu[0] & 0x7F
        late = [key for key in owed if key[0] == function and (pdu[0] & 0x80 or function > 4 or (len(pdu) > 1 and pdu[1] == key[1]))]
        for key in late[:1]:
            self.slowest_s = max(self.slowest_s, now - owed.pop(key))
            if not owed:
                del self._owed[unit]
        return bool(late)

    def _in_step(self, unit: int) -> None:
        self._owed.pop(unit, None)
        self._dirty = self._fresh = False


def form(request: Read | Write) -> _Form:
    """What the answer to a request is told by, besides its unit: function and byte count (address for a write)."""
    if type(request) is Write:
        return request.function, 2 * request.back[1] if request.function == 23 else request.address
    assert isinstance(request, Read)
    return request.function, 2 * request.count if request.function > 2 else (request.count + 7) // 8
