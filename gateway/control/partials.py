"""Partial derivatives of an expression, compiled with it: how a value moves with each tag and figure that it names.

    >>> parse("AIT-1017 / 100 %LEL * 0.04 * FIT-301")       # d/d(AIT-1017) is 0.04 * FIT-301 / 100

A name that occurs twice has one derivative, of the whole expression. ``min`` and ``max`` move with the argument that they take, ``abs``
with its sign. What asks for a quality or an uncertainty does not move.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from lark import Token

from gateway.control.conditions import Emitter, Expression, QuantityOf, Resolve, calls

Slopes = Callable[[list[float], Callable[[int], float]], list[float]]
_STILL = frozenset({"good", "bad", "u", "any", "all"})


def partials(expression: Expression, names: Sequence[str], resolve: Resolve, quantity_of: QuantityOf) -> Slopes:
    """One function over the value column and the uncertainty of a tag: the partial derivative by each name, in the units in which they
    stand; nan where it has none.
    """
    emit = expression.emitter(resolve, quantity_of)
    body = ",\n ".join(_Slope(emit, name).of(expression.tree) or "0.0" for name in names)
    scope: dict[str, Any] = {**calls(), "_sign": _sign, "_taken": _taken}
    exec(compile(f"def slopes(V, U):\n return [\n {body}\n ]", "<partials>", "exec"), scope)
    function: Slopes = scope["slopes"]
    return function


class _Slope:
    """Walks a checked tree and writes the derivative by one name; None is an exact zero."""

    def __init__(self, emit: Emitter, name: str) -> None:
        self.emit, self.name = emit, name

    def of(self, node: Any) -> str | None:
        return None if isinstance(node, Token) else getattr(self, "of_" + node.data, self.of_nothing)(node)

    def of_nothing(self, node: Any) -> str | None:
        return None

    def of_name(self, node: Any) -> str | None:
        return "1.0" if str(node.children[0]) == self.name else None

    def of_negative(self, node: Any) -> str | None:
        slope = self.of(node.children[0])
        return None if slope is None else f"(-{slope})"

    def of_add(self, node: Any) -> str | None:
        signs = ["+", *(str(operator) for operator in node.children[1::2])]
        terms = zip(signs, node.children[::2], self.emit.gains(node), strict=True)
        parts = [f"{sign} {gain!r} * {slope}" for sign, child, gain in terms if (slope := self.of(child)) is not None]
        return f"({' '.join(parts)})" if parts else None

    def of_mul(self, node: Any) -> str | None:
        value, slope = self.emit.number(node.children[0]), self.of(node.children[0])
        for operator, child in zip(node.children[1::2], node.children[2::2], strict=True):
            combined = self._product if str(operator) == "*" else self._quotient
            value, slope = combined(value, slope, self.emit.number(child), self.of(child))
        return slope

    def _product(self, value: str, slope: str | None, factor: str, moves: str | None) -> tuple[str, str | None]:
        terms = [f"{slope} * {factor}"] if slope is not None else []
        terms += [f"{value} * {moves}"] if moves is not None else []
        return f"({value} * {factor})", f"({' + '.join(terms)})" if terms else None

    def _quotient(self, value: str, slope: str | None, factor: str, moves: str | None) -> tuple[str, str | None]:
        terms = [f"_div({slope}, {factor})"] if slope is not None else []
        terms += [f"_div(-{value} * {moves}, {factor} * {factor})"] if moves is not None else []
        return f"_div({value}, {factor})", f"({' + '.join(terms)})" if terms else None

    def of_call(self, node: Any) -> str | None:
        name, arguments = str(node.children[0]), node.children[1:]
        if name in _STILL:
            return None
        slopes = [self.of(argument) for argument in arguments]
        if all(slope is None for slope in slopes):
            return None
        if name == "usable":
            return slopes[0]
        if name in ("abs", "exp"):
            outer = "_sign" if name == "abs" else "_exp"
            return f"({outer}({self.emit.number(arguments[0])}) * {slopes[0]})"
        pairs = ", ".join(f"({gain!r} * {self.emit.number(argument)}, {gain!r} * {slope or '0.0'})"
                          for argument, gain, slope in zip(arguments, self.emit.gains(node), slopes, strict=True))  # fmt: skip
        return f"_taken({name}, {pairs})"


def _sign(x: float) -> float:
    return math.copysign(1.0, x) if x else 0.0


def _taken(choose: Callable[..., tuple[float, float]], *pairs: tuple[float, float]) -> float:
    """The slope of the argument that ``min`` or ``max`` takes."""
    if not all(math.isfinite(value) for value, _ in pairs):
        return math.nan
    return choose(pairs)[1]                     # of two alike, either one moves it
