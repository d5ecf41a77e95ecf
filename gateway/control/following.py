"""What is followed of a block's values from one reading to the next: counters that wrap, values that stand still or leap.

Everything else of a reading is judged by itself (``devices.decoder``); what is here needs the reading before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from devices.codec import INTEGER_RANGES
from devices.profile import Point
from devices.quality import is_bad
from gateway.control.counter import Counter
from gateway.control.image import SECOND, Image
from gateway.control.watch import Watch


class Counted(msgspec.Struct, frozen=True):
    """A counter's place in a block: its value's index there, its tag, and how raw counts become the tag's value."""

    at: int
    tag: int
    point: Point
    gain: float
    offset: float
    counter: Counter


class Watched(msgspec.Struct, frozen=True):
    """A watched tag."""

    tag: int
    watch: Watch


class Memory:
    """What is followed of one device, whatever blocks it is read in: its running times, counters by point, watches by tag.

    ``running``: the points that tell a running time; ``told``: what they said last, and when (monotonic ns).
    """

    __slots__ = ("counters", "running", "told", "watches")

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.told: dict[str, tuple[float, int]] = {}
        self.counters: dict[str, Counter] = {}
        self.watches: dict[int, Watch] = {}


def counter_of(point: Point) -> Counter | None:
    """The counter behind a point, as its profile describes it. Raises ValueError where it cannot be one."""
    if point.counting is None:
        return None
    if point.kind not in INTEGER_RANGES:
        raise ValueError(f"{point.name} is {point.kind}: only whole numbers are counted")
    modulus = point.counting.modulus or INTEGER_RANGES[point.kind][1] + 1
    return Counter(modulus, point.counting.most_per_s)


class Following:
    """What is followed in one block. ``tells``: place in the block -> running time that stands there."""

    __slots__ = ("_counted", "_tells", "_told", "_watched")

    def __init__(self, counted: Sequence[Counted], watched: Sequence[Watched], tells: Mapping[int, str], memory: Memory) -> None:
        self._counted, self._watched, self._tells, self._told = tuple(counted), tuple(watched), dict(tells), memory.told

    def after(self, image: Image, values: Sequence[float], qualities: Sequence[int], now: int) -> list[str]:
        """Correct what was just put into the image; returns what a record must say. ``values``: the block's, in points' units."""
        for at, name in self._tells.items():
            if is_bad(qualities[at]):
                self._told.pop(name, None)
            else:
                self._told[name] = (values[at], now)
        news: list[str] = []
        for each in self._counted:
            if not is_bad(qualities[each.at]):
                self._count(image, each, values[each.at], now, news)
        for watched in self._watched:
            quality = image.quality[watched.tag]
            if is_bad(quality):
                watched.watch.forget()
            else:
                image.quality[watched.tag] = max(quality, watched.watch.judge(image.value[watched.tag], now))
        return news

    def _count(self, image: Image, each: Counted, value: float, now: int, news: list[str]) -> None:
        point = each.point
        assert point.counting is not None
        raw = round((value - point.offset) / point.scale)
        told, at = self._told.get(point.counting.running or "", (None, 0))
        fresh = at / SECOND > each.counter.at_s or each.counter.raw is None        # one that is older than the last count tells nothing new
        found = each.counter.take(raw, now / SECOND, told if fresh else None)
        image.value[each.tag] = (found.total * point.scale + point.offset) * each.gain + each.offset
        image.quality[each.tag] = max(image.quality[each.tag], found.quality)
        if found.event:
            news.append(f"{point.name} {found.event}" + (f": {found.detail}" if found.detail else ""))
