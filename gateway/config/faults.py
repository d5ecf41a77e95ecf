"""What is wrong with a configuration, and where: every fault names file, line, key, value and what is allowed.

>>> print(Fault(Place("config/tags.yaml", 31), "tags.TT-1011A.unit", "'degreesC'", allowed=("degC", "K"), nearest="degC"))
config/tags.yaml:31: tags.TT-1011A.unit: 'degreesC', allowed: degC, K; nearest: degC
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches

SHOWN = 12  # allowed names printed with a fault; the nearest is always named


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a configuration file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong. ``path``: the key as a dotted path; ``what``: the value found and why it cannot stand.

    ``more``: how many entries of the same template or class have the same fault.
    """

    place: Place
    path: str
    what: str
    allowed: tuple[str, ...] = ()
    nearest: str | None = None
    more: int = 0

    def __str__(self) -> str:
        text = f"{self.place}: {self.path}: {self.what}" if self.path else f"{self.place}: {self.what}"
        if self.allowed:
            text += f", allowed: {', '.join(self.allowed[:SHOWN])}{', ...' if len(self.allowed) > SHOWN else ''}"
        text += f"; nearest: {self.nearest}" if self.nearest else ""
        return text + (f" (and {self.more} more by template)" if self.more else "")


class ConfigFaults(Exception):
    """The configuration cannot be used. ``faults``: all of them, by file and line; nothing was started."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = merged(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like ``name``, if any is."""
    found = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return found[0] if found else None


def unknown(place: Place, path: str, name: str, known: Iterable[str], kind: str) -> Fault:
    """The fault of naming something that does not exist."""
    names = sorted(known)
    shown = tuple(names) if len(names) <= SHOWN else ()
    return Fault(place, path, f"unknown {kind} {name!r}", shown, nearest(name, names))


def merged(faults: Iterable[Fault]) -> list[Fault]:
    """Sorted faults; what a template or class row repeats for each of its entries is told once."""
    told: dict[tuple[Place, str, str], list[Fault]] = {}
    for fault in faults:
        told.setdefault((fault.place, _numberless(fault.path), _numberless(fault.what)), []).append(fault)
    firsts = sorted(told.values(), key=lambda same: (same[0].place, same[0].path))
    return [_first(same) for same in firsts]


def _numberless(text: str) -> str:
    return "".join(c for c in text if not c.isdigit())


def _first(same: list[Fault]) -> Fault:
    return replace(same[0], more=len({fault.path for fault in same}) - 1)
