"""What is read of a device and when: blocks on shared ticks, decoded straight into the image.

A block that a device refuses with "illegal address" or "illegal value" is asked for in halves until the point that it does
not have stands alone; that one is left out. Every minute, and on a new connection, the whole blocks are asked for again: a
device that was only starting up has its old plan back, one that still refuses goes on with the parts that were found.

Every block of one period falls due at the same moment (``now // period``), for all devices alike: measured, that costs a
third to a fifth of polls spread over the period. A poll that could not be sent by the next tick is skipped, never made up.

    >>> polling.tick(now)                      # queues what has come due
    >>> poll = polling.queue.popleft()         # poll.request goes out, its reply comes in:
    >>> poll.fill(image, reply.payload, asked, seen)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from devices.exchange import Read
from devices.modbus import BlockRead, Said, plan
from devices.profile import Access, Point, Profile, Table
from devices.quality import (
    BAD_COMMUNICATION_ERROR,
    BAD_CONFIGURATION_ERROR,
    BAD_DEVICE_FAILURE,
    GOOD,
    UNCERTAIN_EU_EXCEEDED,
    UNCERTAIN_NO_COMMUNICATION_LAST_USABLE,
    is_bad,
)
from gateway.control.following import Counted, Following, Memory, Watched, counter_of
from gateway.control.image import SECOND, Image, Now
from gateway.control.watch import Watch

REFUSED_RETRY_NS = 60 * SECOND
"""A block the device does not know (exceptions 1 to 3) is asked for again this much later."""
UNHEARD = 2                     # answers of a block missed in a row, from which on its status words are not known
BUSY_SCANS = 3
"""So many busy answers in a row keep the last value as Uncertain; the next one makes it Bad."""


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """One point of a device as one tag: tag value = point value * gain + offset, and ``1 - that`` when inverted.

    ``tag``: index in the image. ``low``/``high``: what the plant allows, in tag units; outside it a Good reading becomes
    Uncertain. ``period_ns``: how often it is read, a multiple of the trip tick. ``frozen_ns``, ``leap_per_s``: standing still for
    so long, or changing faster than that (tag units), it is Uncertain; 0: not watched for.
    """

    point: str
    tag: int
    gain: float = 1.0
    offset: float = 0.0
    low: float | None = None
    high: float | None = None
    invert: bool = False
    period_ns: int = SECOND
    frozen_ns: int = 0
    leap_per_s: float = 0.0

    def line(self) -> tuple[float, float]:
        """Gain and offset with the inversion folded in."""
        return (-self.gain, 1.0 - self.offset) if self.invert else (self.gain, self.offset)


class Poll:
    """One block of registers read at one period, and the tags that live in it."""

    __slots__ = (
        "_busy", "_decode", "_following", "_forget", "_limits", "_lines", "_row", "_said", "_same", "_shown", "_unheard", "block",
        "divided", "news", "not_before", "queued", "refused", "request", "tags", "words",
    )  # fmt: skip

    def __init__(
        self, block: BlockRead, unit: int, bindings: Sequence[tuple[str, Binding]], words: Sequence[int] = (),
        memory: Memory | None = None,
    ) -> None:
        self.block = block
        self.request = Read(unit, block.function, block.address, block.count)
        decoder = block.compile()
        self._decode: Callable[[bytes], Said] = decoder.decode
        self._forget = decoder.forget
        place = {point.name: k for k, point in enumerate(block.points)}
        mine = [(place[name], binding) for name, binding in bindings if name in place]
        self._lines = [(k, *b.line()) for k, b in mine]
        self._limits = [(n, -1e308 if b.low is None else b.low, 1e308 if b.high is None else b.high)
                        for n, (_, b) in enumerate(mine) if b.low is not None or b.high is not None]
        self._same = not self._limits and self._lines == [(k, 1.0, 0.0) for k in range(len(block.points))]
        self._said: Said = ([], [])
        self._shown: Said = ([], [])        # what ``_said`` means in the image, in the order of ``tags``
        self.tags = tuple(binding.tag for _, binding in mine)
        row = self.tags == tuple(range(self.tags[0], self.tags[-1] + 1)) if self.tags else False
        self._row = slice(self.tags[0], self.tags[-1] + 1) if row else None     # of the image, when they stand in a row there
        self._following = _following(block, mine, memory or Memory())
        self.news: list[str] = []           # of the last reading: what a record must say
        self.words = tuple((2 * (address - block.address), address) for address in words
                           if block.table is Table.HOLDING and block.address <= address < block.address + block.count)
        self.queued = False
        self.not_before = 0
        self.divided = False                # it is asked for in parts now
        self.refused = False                # the device knows no such block
        self._busy = self._unheard = 0

    def fill(self, image: Image, payload: bytes, asked: int, seen: Now) -> None:
        """Put the block's values and qualities into the image. Raises ValueError for a payload of the wrong length."""
        said = self._decode(payload)
        if said is not self._said:
            self._said, self._shown = said, said if self._same else self._translated(said)
        values, qualities = self._shown
        row = self._row
        if row is not None:
            many = len(values)
            image.value[row], image.quality[row] = values, qualities
            image.seen[row], image.asked[row], image.source[row] = [seen.mono] * many, [asked] * many, [seen.utc] * many
        else:
            self._scatter(image, asked, seen)
        if self._following is not None:
            self.news = self._following.after(image, *said, seen.mono)
        self._busy = self._unheard = 0
        self.refused = False

    def _scatter(self, image: Image, asked: int, seen: Now) -> None:
        value, quality, mono, utc = image.value, image.quality, seen.mono, seen.utc
        at, when, source = image.seen, image.asked, image.source
        for tag, number, code in zip(self.tags, *self._shown, strict=True):
            value[tag] = number
            quality[tag] = code
            at[tag] = mono
            when[tag] = asked
            source[tag] = utc

    def _translated(self, said: Said) -> Said:
        """From points to tags; a Good reading outside what the plant allows becomes Uncertain."""
        values, qualities = said
        numbers = [values[k] * gain + offset for k, gain, offset in self._lines]
        codes = [qualities[k] for k, _, _ in self._lines]
        for n, low, high in self._limits:
            if codes[n] == GOOD and not low <= numbers[n] <= high:
                codes[n] = UNCERTAIN_EU_EXCEEDED
        return numbers, codes

    def refuse(self, image: Image, code: int, now: int) -> None:
        """Judge the block after a Modbus exception of the device itself (not of a gateway in front of it).

        1 to 3: configuration error, next try in a minute. 5, 6: last value as Uncertain for three scans, back-off 1, 2, 4 s.
        4, 8: device failure. Others: communication error. Source: Modbus Application Protocol V1.1b3 clause 7.
        """
        self._forget()
        if code in (1, 2, 3):
            image.spoil(self.tags, BAD_CONFIGURATION_ERROR)
            self.not_before, self.refused = now + REFUSED_RETRY_NS, True
        elif code in (5, 6):
            self._busy += 1
            self.not_before = now + (SECOND << min(self._busy - 1, 2))
            self._keep(image) if self._busy <= BUSY_SCANS else image.spoil(self.tags, BAD_DEVICE_FAILURE)
        else:
            image.spoil(self.tags, BAD_DEVICE_FAILURE if code in (4, 8) else BAD_COMMUNICATION_ERROR)

    def unheard(self) -> None:
        """It was not answered. One late answer is no loss; at the second in a row what it posts for other blocks is not known any more."""
        self._unheard += 1
        if self._unheard >= UNHEARD:
            self._forget()

    def spoil(self, image: Image, quality: int) -> None:
        """Make the block's tags Bad at once and forget its status words."""
        self._forget()
        image.spoil(self.tags, quality)

    def _keep(self, image: Image) -> None:
        for tag in self.tags:
            if not is_bad(image.quality[tag]):
                image.quality[tag] = UNCERTAIN_NO_COMMUNICATION_LAST_USABLE


def _following(block: BlockRead, mine: Sequence[tuple[int, Binding]], memory: Memory) -> Following | None:
    """What is followed in a block; None where every reading stands by itself."""
    counted: list[Counted] = []
    for k, b in mine:
        point = block.points[k]
        counter = memory.counters.get(point.name) or counter_of(point)
        if counter is not None:
            memory.counters[point.name] = counter
            counted.append(Counted(k, b.tag, point, *b.line(), counter))
    watched = [Watched(b.tag, memory.watches.setdefault(b.tag, Watch(b.frozen_ns, b.leap_per_s)))
               for _, b in mine if b.frozen_ns or b.leap_per_s]
    place = {point.name: k for k, point in enumerate(block.points)}
    tells = {k: name for name, k in place.items() if name in memory.running}
    return Following(counted, watched, tells, memory) if counted or watched or tells else None


class _Group:
    """Blocks that are read at one period, and the tick at which they come due next. ``whole``: as they were planned."""

    __slots__ = ("at", "bindings", "parts", "period", "polls", "whole", "whole_at")

    def __init__(self, period: int, bindings: Sequence[tuple[str, Binding]], polls: list[Poll]) -> None:
        self.period, self.bindings, self.polls, self.whole = period, bindings, polls, tuple(polls)
        self.at = 0
        self.parts: list[Poll] = []             # what the device answered when it refused the whole
        self.whole_at = 0                       # when the whole is asked for again; 0: nothing is divided


class Polling:
    """All blocks of a device in groups of one period, and the queue of those that have come due."""

    __slots__ = ("_groups", "_memory", "_profile", "_unit", "_words", "due_at", "period_ns", "polls", "queue", "skipped")

    def __init__(self, profile: Profile, unit: int, bindings: Sequence[Binding]) -> None:
        self._profile, self._unit, self._words = profile, unit, register_words(profile)
        self._memory = Memory()
        self.queue: deque[Poll] = deque()
        self.skipped = 0
        self._groups: list[_Group] = []
        read = [(source, binding) for binding in bindings if (source := _source(profile, binding.point)) is not None]
        named = [(b.period_ns, profile.point(b.point).token) for b in bindings]
        tokens = [(period, name) for period, name in named if name is not None]     # read to know the next one
        for period in sorted({*(binding.period_ns for _, binding in read), *(each for each, _ in tokens)}):
            mine = [(source.name, binding) for source, binding in read if binding.period_ns == period]
            points = {source.name: source for source, binding in read if binding.period_ns == period}
            running = [p.counting.running for p in points.values() if p.counting is not None and p.counting.running is not None]
            self._memory.running.update(running)
            points |= {name: profile.point(name) for name in (*running, *(name for each, name in tokens if each == period))}
            self._groups.append(_Group(period, mine, self._planned(tuple(points.values()), mine)))
        self.due_at = 0                     # no block comes due before this tick
        self.polls = [poll for group in self._groups for poll in group.polls]
        self.period_ns = self._groups[0].period if self._groups else SECOND

    def _planned(self, points: Sequence[Point], bindings: Sequence[tuple[str, Binding]], dense: bool = False) -> list[Poll]:
        """``dense``: registers that nobody wants are not read over."""
        profile = self._profile
        if dense:
            profile = msgspec.structs.replace(profile, limits=msgspec.structs.replace(profile.limits, gap=0))
        return [Poll(block, self._unit, bindings, self._words, self._memory) for block in plan(profile, points)]

    def divide(self, poll: Poll, now: int) -> bool:
        """Ask for a refused block in parts from now on, at once; False where that cannot be.

        First without the registers between its values, then in halves. One value, a range that is answered whole only, and
        status words that qualify other blocks stay as they are.
        """
        block = poll.block
        group = next((group for group in self._groups if poll in group.polls), None)
        if group is None or not block.points or block.posted:
            return False                        # (no group: the plan was made anew meanwhile)
        group.whole_at = now + REFUSED_RETRY_NS
        if group.parts and poll not in group.parts:
            self._back_to_parts(group)
            return True
        points = sorted(block.points, key=lambda point: (point.address, point.width))
        parts = self._planned(points, group.bindings, dense=True)
        if any(part.request == poll.request for part in parts):
            addresses = sorted({point.address for point in points})     # bits of one register are asked for together
            middle = addresses[len(addresses) // 2]
            halves = [[p for p in points if p.address < middle], [p for p in points if p.address >= middle]]
            halves = [half for half in halves if half]
            parts = [part for half in halves for part in self._planned(half, group.bindings, dense=True)]
        if any(part.request == poll.request for part in parts):
            return False
        poll.divided = True
        at = group.polls.index(poll)
        group.polls[at:at + 1] = parts
        group.parts = list(group.polls)
        self._at_once(parts)
        return True

    def _back_to_parts(self, group: _Group) -> None:
        """The whole was refused again: go on with what was found the last time."""
        group.polls = list(group.parts)
        for poll in group.polls:
            poll.not_before = 0
        self._at_once([poll for poll in group.polls if poll not in group.whole])

    def _at_once(self, parts: Sequence[Poll]) -> None:
        """Ask for these next; what is no longer part of the plan is not asked."""
        self.polls = [each for group in self._groups for each in group.polls]
        for poll in [each for each in self.queue if each not in self.polls]:
            poll.queued = False
            self.queue.remove(poll)
        for part in reversed([part for part in parts if not part.queued]):
            part.queued = True
            self.queue.appendleft(part)

    def tick(self, now: int) -> None:
        """Queue the blocks whose tick has come since the last call."""
        due_at = now + self.period_ns
        for group in self._groups:
            if now >= group.at:
                group.at = (now // group.period + 1) * group.period
                if group.whole_at and now >= group.whole_at:
                    self._whole(group)
                for poll in group.polls:
                    if poll.queued:
                        self.skipped += 1
                    elif now >= poll.not_before:
                        poll.queued = True
                        self.queue.append(poll)
            if group.at < due_at:
                due_at = group.at
        self.due_at = due_at

    def probe(self) -> None:
        """Queue one block only: enough to find out whether a silent device is back."""
        if self.polls and not self.queue:
            self.polls[0].queued = True
            self.queue.append(self.polls[0])

    def hurry(self, address: int) -> None:
        """Read next what holds this register, of which a write is made."""
        self._at_once([poll for poll in self.polls if any(address == word for _, word in poll.words)])

    def clear(self) -> None:
        """Forget what is queued."""
        for poll in self.queue:
            poll.queued = False
        self.queue.clear()

    def restart(self) -> None:
        """Everything is due at the next tick, also what was refused or busy, in whole blocks."""
        self.clear()
        self.due_at = 0
        for group in self._groups:
            group.at = 0
            self._whole(group)

    def _whole(self, group: _Group) -> None:
        """Plan the group's blocks as they were, also what was refused or busy."""
        group.polls, group.whole_at = list(group.whole), 0
        for poll in group.polls:
            poll.not_before, poll.divided = 0, False
        self._at_once(())


def register_words(profile: Profile) -> tuple[int, ...]:
    """Addresses of holding registers whose last word read is needed to write: of which single bits are written, and tokens."""
    bits = {p.address for p in profile.points if p.table is Table.HOLDING and p.bit is not None and p.access is not Access.READ}
    return tuple(sorted(bits | {profile.point(p.token).address for p in profile.points if p.token is not None}))


def _source(profile: Profile, name: str) -> Point | None:
    """The point that is read for a tag: the feedback of a command, else the point itself, or none."""
    point = profile.point(name)
    if point.feedback is not None:
        point = profile.point(point.feedback)
    return None if point.access is Access.WRITE else point
