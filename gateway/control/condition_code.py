"""Conditions as Python source over the columns of the image, and what that source calls. See ``conditions``."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lark import Token

from gateway.control.condition_units import ConditionError, Units, column_of, leading
from gateway.control.dimension import Quantity

Truth = bool | None
Resolve = Callable[[str], int | float]          # image index (int) or constant (float)

_MAYBE_NAN = re.compile(r"_div\(|_exp\(|U\(")   # what may come to no number although its operands are good
_MASK = 0xC0000000
_BAD = 0x80000000


class Code:
    """Turns a checked tree into Python source."""

    def __init__(self, resolve: Resolve, checker: Units) -> None:
        self.resolve = resolve
        self.units = checker.units

    def truth(self, node: Any) -> str:
        if node.data in ("or_", "and_"):
            return self.fold(node.data == "or_", node.children)
        if node.data == "not_":
            return f"(None if (t := {self.truth(node.children[0])}) is None else not t)"
        if node.data == "call":
            return self.truth_call(node)
        if node.data == "name":
            return self.guard(node, f"{self.number(node)} != 0")
        left, operator, right = node.children
        kind, other = self.units[id(left)], self.units[id(right)]
        a, b = self.number(left), self.converted(right, other, kind)
        if kind.any_unit:
            a, b = self.converted(left, kind, other), self.number(right)
        if _MAYBE_NAN.search(a + b):
            return self.guard(node, f"_compare({a}, {str(operator)!r}, {b})")
        return self.guard(node, f"{a} {operator} {b}")

    def truth_call(self, node: Any) -> str:
        name, arguments = str(node.children[0]), node.children[1:]
        if name in ("any", "all"):
            return self.fold(name == "any", arguments)
        if name == "vote":
            return self.vote(int(arguments[0].children[0]), arguments[1:])
        index = self.resolve(str(arguments[0].children[0]))
        if isinstance(index, float):
            return "True" if name == "good" else "False"
        return f"(Q[{index}] & {_MASK} == 0)" if name == "good" else f"(Q[{index}] >= {_BAD})"

    def fold(self, decides: bool, nodes: Sequence[Any]) -> str:
        """Any (True decides) or all (False decides) of some truths; unknown when none decides and one is unknown."""
        truths = ", ".join(self.truth(node) for node in nodes)
        return f"({decides} if {decides} in (t := ({truths},)) else None if None in t else {not decides})"

    def vote(self, need: int, nodes: Sequence[Any]) -> str:
        """So many of some truths; unknown when those that are unknown decide."""
        truths = ", ".join(self.truth(node) for node in nodes)
        return f"(True if (t := ({truths},)).count(True) >= {need} else None if {len(nodes)} - t.count(False) >= {need} else False)"

    def guard(self, node: Any, expression: str) -> str:
        strict, lenient = self.operands(node)
        tests: list[str] = []
        if strict:
            tests.append(f"({' | '.join(f'Q[{i}]' for i in sorted(strict))}) & {_MASK}")
        if lenient:
            tests.append(f"({' | '.join(f'Q[{i}]' for i in sorted(lenient))}) & {_BAD}")
        return f"(None if {' or '.join(tests)} else {expression})" if tests else f"({expression})"

    def operands(self, node: Any) -> tuple[set[int], set[int]]:
        strict: set[int] = set()
        lenient: set[int] = set()

        def walk(part: Any, into: set[int]) -> None:
            if isinstance(part, Token):
                return
            if part.data == "name":
                index = self.resolve(str(part.children[0]))
                if isinstance(index, int):
                    into.add(index)
                return
            is_usable = part.data == "call" and str(part.children[0]) == "usable"
            for child in part.children:
                walk(child, lenient if is_usable else into)

        walk(node, strict)
        return strict, lenient

    def value_or_unknown(self, node: Any) -> str:
        number = self.number(node)
        return self.guard(node, f"_number({number})" if _MAYBE_NAN.search(number) else number)

    def number(self, node: Any) -> str:
        return getattr(self, "number_" + node.data)(node)

    def number_literal(self, node: Any) -> str:
        return repr(float(node.children[0]))

    def number_name(self, node: Any) -> str:
        found = self.resolve(str(node.children[0]))
        return f"V[{found}]" if isinstance(found, int) else repr(found)

    def number_negative(self, node: Any) -> str:
        return f"(-{self.number(node.children[0])})"

    def number_add(self, node: Any) -> str:
        kinds = [self.units[id(child)] for child in node.children[::2]]
        first = leading(kinds)
        parts = [self.converted(node.children[0], kinds[0], first)]
        for operator, child in zip(node.children[1::2], node.children[2::2], strict=True):
            parts += [str(operator), self.converted(child, self.units[id(child)], first)]
        return f"({' '.join(parts)})"

    def number_mul(self, node: Any) -> str:
        result = self.number(node.children[0])
        for operator, child in zip(node.children[1::2], node.children[2::2], strict=True):
            factor = self.number(child)
            result = f"({result} * {factor})" if str(operator) == "*" else f"_div({result}, {factor})"
        return result

    def number_call(self, node: Any) -> str:
        name, arguments = str(node.children[0]), node.children[1:]
        if name == "usable":
            return self.number(arguments[0])
        if name == "u":
            index = self.resolve(str(arguments[0].children[0]))
            if isinstance(index, float):
                raise ConditionError("u takes a tag, not a figure", column_of(node))
            return f"U({index})"
        first = leading([self.units[id(argument)] for argument in arguments])
        parts = [self.converted(argument, self.units[id(argument)], first) for argument in arguments]
        return f"_{name}({', '.join(parts)})"

    def gains(self, node: Any) -> list[float]:
        """By what each term of a sum or argument of a call is multiplied, to stand in the unit of the first."""
        children = node.children[::2] if node.data == "add" else node.children[1:]
        kinds = [self.units[id(child)] for child in children]
        return [kind.into(leading(kinds))[0] for kind in kinds]

    def converted(self, node: Any, have: Quantity, want: Quantity) -> str:
        gain, offset = have.into(want)
        number = self.number(node)
        if (gain, offset) == (1.0, 0.0):
            return number
        if node.data == "literal":
            return repr(float(node.children[0]) * gain + offset)
        return f"({number} * {gain!r} + {offset!r})"


# --- what the compiled code calls --------------------------------------------------------------------------------
def calls() -> dict[str, Any]:
    """What compiled expressions call."""
    return {"_div": _div, "_compare": _compare, "_number": _number, "_min": _min, "_max": _max, "_abs": abs, "_exp": _exp,
            "_unstated": _unstated}  # fmt: skip


def _div(a: float, b: float) -> float:
    return a / b if b else math.nan


def _exp(x: float) -> float:
    return math.exp(x) if x < 700.0 else math.nan


def _unstated(tag: int) -> float:
    return math.nan


def _min(*numbers: float) -> float:
    """The least; NaN when one of them is (Python's own ``min`` would depend on their order)."""
    return min(numbers) if all(map(math.isfinite, numbers)) else math.nan


def _max(*numbers: float) -> float:
    return max(numbers) if all(map(math.isfinite, numbers)) else math.nan


def _number(x: float) -> float | None:
    return x if math.isfinite(x) else None


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b, ">": lambda a, b: a > b, "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
}


def _compare(a: float, operator: str, b: float) -> Truth:
    if not (math.isfinite(a) and math.isfinite(b)):
        return None
    return _COMPARISONS[operator](a, b)
