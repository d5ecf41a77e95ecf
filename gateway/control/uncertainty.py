"""How well the values of the image are known: standard uncertainties, each by the sources it comes from.

An input states two independent parts: ``u``, the same for every reading (an offset), and ``u_rel``, in proportion to it (a gain).
A computed value carries the signed contribution of every source, so that what two values have in common cancels or adds up as it
must. Where one source is not stated, nothing is known, and that is said: ``nan``, never 0.

    >>> doubts = Doubts([80.0, 0.0])
    >>> doubts.state(0, Stated(u=0.2, u_rel=0.01))
    >>> round(doubts.u(0), 3)
    0.825

Source: JCGM 100:2008 (GUM) 5.1.2, and F.1.2.3 for sources in common.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

Parts = dict[int, float]                        # source -> signed contribution, in the unit of the value


class Stated(msgspec.Struct, frozen=True):
    """What is said of an input. ``u`` in its unit, ``u_rel`` a fraction of the reading; ``by``: a tag that shows ``u``."""

    u: float = 0.0
    u_rel: float = 0.0
    by: int | None = None


EXACT = Stated()


def offset_of(tag: int) -> int:
    """The source that is a tag's offset, or the model of a computed value."""
    return 2 * tag


def gain_of(tag: int) -> int:
    """The source that is a tag's gain."""
    return 2 * tag + 1


def figure_source(number: int) -> int:
    """The source that is a figure of the site or of a unit."""
    return -1 - number


class Doubts:
    """Beside the columns of an image: what is stated of inputs, what was computed of the rest."""

    __slots__ = ("_quality", "_stated", "_value", "figures", "parts")

    def __init__(self, value: list[float], quality: list[int] | None = None) -> None:
        self._value, self._quality = value, quality or [0] * len(value)
        self._stated: dict[int, Stated] = {}
        self.parts: dict[int, Parts | None] = {}        # of computed values; None: not known now
        self.figures: list[str] = []                    # names of figures that are uncertain, in the order of their sources

    def state(self, tag: int, stated: Stated) -> None:
        """An input is known so well."""
        self._stated[tag] = stated

    def of(self, tag: int) -> Parts | None:
        """The contributions to a value; None where nothing is known of it."""
        if tag in self.parts:
            return self.parts[tag]
        stated = self._stated.get(tag)
        if stated is None:
            return None
        if stated.by is not None and self._quality[stated.by] & 0xC0000000:
            return None                         # the tag that shows it is not good
        u = stated.u if stated.by is None else self._value[stated.by]
        parts: Parts = {offset_of(tag): u} if u else {}
        if stated.u_rel:
            parts[gain_of(tag)] = stated.u_rel * self._value[tag]
        return parts

    def gain(self, tag: int) -> float:
        """The share of a value by which it is wrong in proportion; 0 where that is not stated."""
        stated = self._stated.get(tag)
        return stated.u_rel if stated else 0.0

    def u(self, tag: int) -> float:
        """The standard uncertainty of a value, in its unit; nan where it is not known."""
        return size(self.of(tag))

    def budget(self, tag: int, names: list[str], most: int = 5) -> dict[str, float]:
        """Share of the variance by source, the largest first."""
        parts = self.of(tag) or {}
        variance = math.fsum(part * part for part in parts.values())
        ranked = sorted(((part * part / variance, self._called(source, tag, names)) for source, part in parts.items()), reverse=True)
        return {name: share for share, name in ranked[:most]} if variance else {}

    def _called(self, source: int, tag: int, names: list[str]) -> str:
        if source < 0:
            return self.figures[-1 - source]
        name = "model or scatter" if source // 2 == tag and tag in self.parts else names[source // 2]
        return f"{name}{' gain' if source % 2 else ''}"


def size(parts: Mapping[int, float] | None) -> float:
    """The root sum of squares of contributions; nan for none known."""
    return math.nan if parts is None else math.sqrt(math.fsum(part * part for part in parts.values()))


def add(into: Parts, parts: Mapping[int, float], sensitivity: float) -> None:
    """Add contributions, each times a sensitivity."""
    for source, part in parts.items():
        into[source] = into.get(source, 0.0) + sensitivity * part
