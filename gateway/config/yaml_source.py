"""YAML 1.2 text to a tree that remembers the line of every key and value.

Only what a plant needs: mappings, sequences and scalars of the core schema. Anchors, aliases, tags, several documents,
duplicate keys, NaN and infinity are faults. The tree is built from the parser's events, so depth is bounded
before anything recurses.

    >>> tree, faults = parse("a: 1\\na: 2\\n", "x.yaml")
    >>> print(faults[0])
    x.yaml:2: a: duplicate key, first given in line 1
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from gateway.config.faults import Fault, Place

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")

Value = str | int | float | bool | None


@dataclass(slots=True)
class Scalar:
    """A value with its line."""

    value: Value
    place: Place


@dataclass(slots=True)
class Mapping:
    """Keys and values in order; keys are strings or whole numbers."""

    items: list[tuple[Scalar, Tree]]
    place: Place

    def get(self, key: str) -> Tree | None:
        """The value of a key, if it is there."""
        return next((value for name, value in self.items if name.value == key), None)


@dataclass(slots=True)
class Sequence:
    """Values in order."""

    items: list[Tree]
    place: Place


Tree = Scalar | Mapping | Sequence


class _Refused(Exception):
    def __init__(self, fault: Fault) -> None:
        self.fault = fault


def read(path: Path, name: str) -> tuple[Tree | None, list[Fault]]:
    """The tree of a file, called ``name`` in faults; None when it cannot be read at all."""
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_BYTES else None
        if data is None:
            return None, [Fault(Place(name, 1), "", f"file of {path.stat().st_size} bytes, at most {MAX_BYTES}")]
        return parse(data.decode("utf-8"), name)
    except UnicodeDecodeError as error:
        return None, [Fault(Place(name, 1), "", f"not UTF-8 at byte {error.start}")]
    except OSError as error:
        return None, [Fault(Place(name, 1), "", f"cannot be read: {error.strerror}")]


def parse(text: str, name: str) -> tuple[Tree | None, list[Fault]]:
    """The tree of a text and what is wrong with it; a syntax error ends the file, other faults do not."""
    builder = _Builder(name)
    try:
        return builder.build(_events(text)), builder.faults
    except _Refused as refused:
        return None, [*builder.faults, refused.fault]
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return None, [*builder.faults, Fault(Place(name, line), "", f"not YAML: {error.problem}")]
    except RecursionError:
        return None, [Fault(Place(name, 1), "", "nested too deep")]
    except Exception as error:      # the parser meets untrusted text: whatever it trips over is a fault of the file
        return None, [*builder.faults, Fault(Place(name, 1), "", f"not YAML: {str(error).splitlines()[0] if str(error) else error!r}")]


def _events(text: str) -> Iterator[Any]:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    return yaml.parse(text)


class _Builder:
    """Events in, tree out."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.faults: list[Fault] = []

    def place(self, event: Any) -> Place:
        return Place(self.name, event.start_mark.line + 1)

    def build(self, events: Iterator[Any]) -> Tree | None:
        tree: Tree | None = None
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Refused(Fault(self.place(event), "", "a second document; one file is one document"))
            elif isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent | AliasEvent):
                tree = self.node(event, events, "", 1)
        return tree

    def node(self, event: Any, events: Iterator[Any], path: str, depth: int) -> Tree:
        self.refuse(event, path, depth)
        if isinstance(event, ScalarEvent):
            return Scalar(self.scalar(event, path), self.place(event))
        if isinstance(event, SequenceStartEvent):
            return self.sequence(event, events, path, depth)
        return self.mapping(event, events, path, depth)

    def refuse(self, event: Any, path: str, depth: int) -> None:
        """Anchors, aliases, tags and bottomless nesting end the file."""
        if isinstance(event, AliasEvent):
            raise _Refused(Fault(self.place(event), path, f"alias *{event.anchor}; say it again instead"))
        if event.anchor is not None:
            raise _Refused(Fault(self.place(event), path, f"anchor &{event.anchor}; anchors are not used here"))
        if event.ctag is not None and str(event.ctag) not in ("", "!", "None"):
            raise _Refused(Fault(self.place(event), path, f"tag {event.ctag}; tags are not used here"))
        if depth > MAX_DEPTH:
            raise _Refused(Fault(self.place(event), path, f"nested deeper than {MAX_DEPTH}"))

    def sequence(self, start: Any, events: Iterator[Any], path: str, depth: int) -> Sequence:
        items: list[Tree] = []
        for event in events:
            if isinstance(event, SequenceEndEvent):
                break
            items.append(self.node(event, events, f"{path}.{len(items)}", depth + 1))
        return Sequence(items, self.place(start))

    def mapping(self, start: Any, events: Iterator[Any], path: str, depth: int) -> Mapping:
        items: list[tuple[Scalar, Tree]] = []
        seen: dict[Value, int] = {}
        for event in events:
            if isinstance(event, MappingEndEvent):
                break
            key = self.key(event, path)
            here = f"{path}.{key.value}" if path else str(key.value)
            value = self.node(next(events), events, here, depth + 1)
            if key.value in seen:
                self.faults.append(Fault(key.place, here, f"duplicate key, first given in line {seen[key.value]}"))
                continue
            seen[key.value] = key.place.line
            items.append((key, value))
        return Mapping(items, self.place(start))

    def key(self, event: Any, path: str) -> Scalar:
        self.refuse(event, path, 1)
        value = resolve(event.value, event.implicit[0]) if isinstance(event, ScalarEvent) else None
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise _Refused(Fault(self.place(event), path, "a key must be a word or a whole number"))
        return Scalar(value, self.place(event))

    def scalar(self, event: Any, path: str) -> Value:
        value = resolve(event.value, event.implicit[0])
        if isinstance(value, float) and not math.isfinite(value):
            self.faults.append(Fault(self.place(event), path, f"{event.value} is not a finite number"))
            return 0.0
        return value


def resolve(text: str, plain: bool) -> Value:
    """A scalar by the YAML 1.2 core schema, without octal, hexadecimal and leading zeros; quoted text is text."""
    if not plain:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text):
        return int(text) if len(text) <= 18 else float(text)
    if _FLOAT.match(text):
        return float(text)
    return float(text.replace(".", "", 1)) if _NOT_FINITE.match(text) else text
