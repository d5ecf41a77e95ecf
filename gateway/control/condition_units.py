"""What each part of a condition measures: units checked once, when it is read. See ``conditions``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gateway.control.dimension import DIMENSIONLESS, Quantity, UnitMismatch, quantity

QuantityOf = Callable[[str], Quantity | None]
FOLDS = ("any", "all", "vote")                  # functions of conditions; the others are of numbers or of one tag


class ConditionError(ValueError):
    """A condition that cannot be read; ``column`` is 1-based."""

    def __init__(self, message: str, column: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.column = column


class Units:
    """Walks the tree once and knows the quantity of every numeric node."""

    def __init__(self, quantity_of: QuantityOf) -> None:
        self.quantity_of = quantity_of
        self.units: dict[int, Quantity] = {}

    def visit(self, node: Any) -> Quantity | None:
        kind = getattr(self, "on_" + node.data)(node)
        if kind is not None:
            self.units[id(node)] = kind
        return kind

    def number(self, node: Any, what: str) -> Quantity:
        kind = self.visit(node)
        if kind is None:
            raise ConditionError(f"{what} needs a number, not a condition", column_of(node))
        return kind

    def on_or_(self, node: Any) -> None:
        for child in node.children:
            self.truth(child)

    on_and_ = on_or_
    on_not_ = on_or_

    def truth(self, node: Any) -> None:
        kind = self.visit(node)
        if kind is not None and (node.data != "name" or kind != DIMENSIONLESS):
            raise ConditionError("a condition is needed here, not a number", column_of(node))

    def on_compare(self, node: Any) -> None:
        left, right = (self.number(node.children[i], "a comparison") for i in (0, 2))
        self.fit(left, right, node, str(node.children[1]))
        if {left.kind, right.kind} == {"point", ""} and not (left.any_unit or right.any_unit):
            text = f"{left.symbol} does not compare with {right.symbol}: one is a temperature, one a difference"
            raise ConditionError(text, column_of(node))

    def fit(self, left: Quantity, right: Quantity, node: Any, what: str) -> None:
        try:
            left.check_fits(right)
        except UnitMismatch as error:
            raise ConditionError(f"{what}: {error}", column_of(node)) from None

    def on_add(self, node: Any) -> Quantity:
        kinds = [self.number(child, "a sum") for child in node.children[::2]]
        for kind in kinds:
            self.fit(leading(kinds), kind, node, "sum")
        signs = [1, *(1 if str(operator) == "+" else -1 for operator in node.children[1::2])]
        points = sum(sign for sign, kind in zip(signs, kinds, strict=True) if kind.kind == "point")
        if points not in (0, 1):
            raise ConditionError("sum: of points on a scale, one may stand, or one less another", column_of(node))
        return leading(kinds) if points else leading(kinds).difference()

    def on_mul(self, node: Any) -> Quantity:
        result = self.number(node.children[0], "a product")
        for operator, child in zip(node.children[1::2], node.children[2::2], strict=True):
            factor = self.number(child, "a product")
            try:
                result = result.times(factor) if str(operator) == "*" else result.over(factor)
            except UnitMismatch as error:
                raise ConditionError(str(error), column_of(node)) from None
        return result

    def on_negative(self, node: Any) -> Quantity:
        return self.number(node.children[0], "minus")

    def on_literal(self, node: Any) -> Quantity:
        if len(node.children) == 1:
            return Quantity.free() if float(node.children[0]) == 0 else DIMENSIONLESS
        try:
            return quantity(str(node.children[1]))
        except ValueError as error:
            raise ConditionError(str(error), node.children[1].column) from None

    def on_name(self, node: Any) -> Quantity:
        kind = self.quantity_of(str(node.children[0]))
        if kind is None:
            raise ConditionError(f"unknown name {str(node.children[0])!r}", column_of(node))
        return kind

    def on_call(self, node: Any) -> Quantity | None:
        name, arguments = str(node.children[0]), node.children[1:]
        if name in FOLDS:
            for argument in arguments[name == "vote":]:
                self.truth(argument)
            return None
        kinds = [self.number(argument, name) for argument in arguments]
        first = leading(kinds)
        for kind in kinds:
            self.fit(first, kind, node, name)
            if {kind.kind, first.kind} == {"point", ""} and not kind.any_unit:
                raise ConditionError(f"{name}: {first.symbol} does not go with {kind.symbol}", column_of(node))
        if name == "exp":
            self.fit(first, DIMENSIONLESS, node, name)
            if abs(first.into(DIMENSIONLESS)[0] - 1.0) > 1e-9:
                raise ConditionError(f"exp takes a plain number, not {first.symbol}", column_of(node))
            return DIMENSIONLESS
        return None if name in ("good", "bad") else first.difference() if name == "u" else first


def leading(kinds: Sequence[Quantity]) -> Quantity:
    """What a sum or call is computed in: the first point on a scale, else the first that has a unit at all."""
    return next((k for k in kinds if k.kind == "point"), next((k for k in kinds if not k.any_unit), kinds[0]))


def column_of(node: Any) -> int:
    return getattr(node.meta, "column", 1)
