"""What a condition hangs on: its comparisons as a tree, which of them make it what it is, and what would have to become true.

    part = part_of(parse("level > 90 % or not power_ok"), resolve, quantity_of)
    blamed(part, values, qualities)     # the comparisons that keep it from being false
    goal(part, values, qualities)       # "level <= 90 % and power_ok"

A comparison is compiled when somebody asks: that is rare, and the scan has a compiled condition of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from lark import Token, Tree

from gateway.control.conditions import Expression, QuantityOf, Resolve, compile_set, parse

Truth = bool | None
_INVERSE = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of a condition. ``kind``: atom, not, or vote (``need`` of the ``children``: any is one, all is all of them).

    Of an atom: ``source`` is Python over the image's columns, ``names`` what it reads (name -> image index), ``inverse`` the
    same comparison the other way round.
    """

    kind: str
    text: str
    need: int = 0
    children: tuple[Part, ...] = ()
    source: str = ""
    names: dict[str, int] = {}
    inverse: str = ""


def part_of(expression: Expression, resolve: Resolve, quantity_of: QuantityOf) -> Part:
    """The tree of a condition that can be read and whose units fit."""
    return _Reader(expression.text, resolve, quantity_of).part(expression.tree)


class _Reader:
    """Walks the tree of one condition."""

    def __init__(self, text: str, resolve: Resolve, quantity_of: QuantityOf) -> None:
        self.text, self.resolve, self.quantity_of = text, resolve, quantity_of

    def part(self, node: Any) -> Part:
        text = self._said(node)
        called = str(node.children[0]) if node.data == "call" else ""
        if node.data == "not_":
            return Part(kind="not", text=text, children=(self.part(node.children[0]),))
        if node.data in ("or_", "and_"):
            return self._vote(text, 1 if node.data == "or_" else len(node.children), node.children)
        if called in ("any", "all"):
            return self._vote(text, 1 if called == "any" else len(node.children) - 1, node.children[1:])
        if called == "vote":
            return self._vote(text, int(str(node.children[1].children[0])), node.children[2:])
        return self._atom(node, text)

    def _vote(self, text: str, need: int, nodes: Sequence[Any]) -> Part:
        return Part(kind="vote", text=text, need=need, children=tuple(self.part(node) for node in nodes))

    def _atom(self, node: Tree[Token], text: str) -> Part:
        expression = parse(text)
        found = {name: self.resolve(name) for name in sorted(expression.names)}
        names = {name: index for name, index in found.items() if isinstance(index, int)}
        source = expression.source_of(self.resolve, self.quantity_of, truth=True)
        return Part(kind="atom", text=text, source=source, names=names, inverse=self._inverse(node, text))

    def _inverse(self, node: Any, text: str) -> str:
        if node.data == "compare":
            left, operator, right = node.children
            return f"{self._said(left)} {_INVERSE[str(operator)]} {self._said(right)}"
        return f"not {text}"

    def _said(self, node: Any) -> str:
        return self.text[node.meta.start_pos:node.meta.end_pos]


@lru_cache(maxsize=2048)
def _compiled(source: str) -> Any:
    return compile_set([source])


def truth(part: Part, values: list[float], qualities: list[int]) -> Truth:
    """What a part is now."""
    if part.kind == "atom":
        found: Truth = _compiled(part.source)(values, qualities)[0]
        return found
    truths = [truth(child, values, qualities) for child in part.children]
    if part.kind == "not":
        return None if truths[0] is None else not truths[0]
    possible = len(truths) - truths.count(False)
    return True if truths.count(True) >= part.need else None if possible >= part.need else False


def blamed(part: Part, values: list[float], qualities: list[int], wanted: bool = False) -> list[Part]:
    """The atoms that keep a part from being ``wanted`` (false: those that make a cause stand), each once."""
    if truth(part, values, qualities) is wanted:
        return []
    if part.kind == "atom":
        return [part]
    want = wanted is not (part.kind == "not")
    found = [atom for child in part.children for atom in blamed(child, values, qualities, want)]
    return list({atom.text: atom for atom in found}.values())


def names_blamed(part: Part, values: list[float], qualities: list[int], wanted: bool = False) -> dict[str, int]:
    """The names that these atoms look at -> image index."""
    return {name: i for atom in blamed(part, values, qualities, wanted) for name, i in atom.names.items()}


def goal(part: Part, values: list[float], qualities: list[int], wanted: bool = False) -> str:
    """What would have to become true for a part to be ``wanted``; "" when it is already.

    Each comparison is taken by itself: of a condition in which one input stands both plainly and under ``not`` it tells ways to try.
    """
    found = truth(part, values, qualities)
    if found is wanted:
        return ""
    if part.kind == "atom":
        text = part.text if wanted else part.inverse
        return f"{text} (not known now)" if found is None else text
    if part.kind == "not":
        return goal(part.children[0], values, qualities, not wanted)
    ways = [text for child in part.children if (text := goal(child, values, qualities, wanted))]
    kept = len(part.children) - len(ways)       # children that are as wanted already
    most = part.need if wanted else len(part.children) - part.need + 1
    return _of(most - kept, ways)


def _of(missing: int, ways: list[str]) -> str:
    """So many of these ways."""
    if missing >= len(ways) or len(ways) == 1:
        return " and ".join(_bracketed(way, " or ") for way in ways)
    if missing == 1:
        return " or ".join(_bracketed(way, " and ") for way in ways)
    return f"{missing} of ({'; '.join(ways)})"


def _bracketed(way: str, other: str) -> str:
    return f"({way})" if other in way else way
