"""The language of conditions: tags, units, comparisons, and a third truth value for "unknown".

A comparison is decided only when every operand is Good (Uncertain only inside ``usable(...)``); otherwise it is unknown
(``None``). ``and``, ``or`` and ``not`` follow Kleene: unknown is never good news, and never swallowed. ``vote(2, a, b, c)``
is two out of three: true when so many are true, false when too few could be (an unknown one could), else unknown; ``any``
is one out of all, ``all`` is all of them.

    >>> text = parse("TT-1011A > 95 degC or not good(LIT-1011)")
    >>> sorted(text.names)
    ['LIT-1011', 'TT-1011A']

A minus sign needs spaces around it, because tags carry hyphens. A number without a unit is dimensionless; a bare 0 fits
anything. Expressions compile to Python source over the image's columns: a scan evaluates them all in one call.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput, UnexpectedToken

from gateway.control.dimension import DIMENSIONLESS, Quantity, UnitMismatch, quantity

Truth = bool | None
Resolve = Callable[[str], int | float]          # image index (int) or constant (float)
QuantityOf = Callable[[str], Quantity | None]

_GRAMMAR = r"""
?start: or_expr
?or_expr: and_expr
        | and_expr ("or" and_expr)+            -> or_
?and_expr: not_expr
         | not_expr ("and" not_expr)+          -> and_
?not_expr: "not" not_expr                      -> not_
         | comparison
?comparison: sum
           | sum COMPARE sum                   -> compare
?sum: term
    | term (ADD term)+                         -> add
?term: factor
     | factor (MUL factor)+                    -> mul
?factor: "-" factor                            -> negative
       | atom
?atom: NUMBER UNIT                             -> literal
     | NUMBER                                  -> literal
     | NAME                                    -> name
     | NAME "(" [or_expr ("," or_expr)*] ")"   -> call
     | "(" or_expr ")"
COMPARE: "<=" | ">=" | "==" | "!=" | "<" | ">"
ADD: "+" | "-"
MUL: "*" | "/"
NUMBER.3: /\d+(\.\d+)?([eE][+-]?\d+)?/
UNIT.1: /(?!and\b|or\b|not\b)(%LEL|%|[A-Za-z][A-Za-z0-9]*(\/[A-Za-z][A-Za-z0-9]*)?)/
NAME.2: /(?!and\b|or\b|not\b)[A-Za-z_][A-Za-z0-9_]*(-[A-Za-z0-9]+)*(\.[A-Za-z_][A-Za-z0-9_]*)*/
%ignore /\s+/
"""

_FUNCTIONS = {"good": 1, "bad": 1, "usable": 1, "u": 1, "abs": 1, "exp": 1, "min": 2, "max": 2, "any": 2, "all": 2, "vote": 3}
_OF_A_TAG = ("good", "bad", "usable", "u")
FOLDS = ("any", "all", "vote")                  # functions of conditions; the others are of numbers or of one tag
_TAKES = {1: "one argument", 2: "two or more arguments", 3: "how many must be true, then two or more conditions"}
_MAYBE_NAN = re.compile(r"_div\(|_exp\(|U\(")   # what may come to no number although its operands are good
_MASK = 0xC0000000
_BAD = 0x80000000
_ATOM = re.compile(r"\(None if \([^()]*\) & \d+ else [^()]*\)")       # one guarded comparison, as ``guard`` writes it
_DEEPEST = 40                                   # levels of nesting: a person reads fewer, Python's own limit is higher


class ConditionError(ValueError):
    """A condition that cannot be read; ``column`` is 1-based."""

    def __init__(self, message: str, column: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.column = column


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", lexer="contextual", maybe_placeholders=False, propagate_positions=True)


class Emitter(Protocol):
    """Writes parts of a checked expression as Python source over the columns."""

    def number(self, node: Any) -> str: ...
    def gains(self, node: Any) -> list[float]: ...


class Expression:
    """A parsed expression: ``text``, its ``names`` and what can be made of it."""

    def __init__(self, text: str, tree: Tree[Token] | Token) -> None:
        self.text = text
        self.tree = tree
        self.names: frozenset[str] = frozenset(_names(tree))

    def names_in(self, *functions: str) -> frozenset[str]:
        """The names inside calls of these functions: ``names_in("bad", "good")`` are those whose quality is asked for."""
        if isinstance(self.tree, Token):
            return frozenset()
        calls = [node for node in self.tree.iter_subtrees() if node.data == "call" and str(node.children[0]) in functions]
        return frozenset(name for call in calls for name in _names(call))

    @property
    def doubted(self) -> set[str]:
        """Names whose uncertainty is asked for: each must be a tag."""
        if isinstance(self.tree, Token):
            return set()
        calls = (node for node in self.tree.iter_subtrees() if node.data == "call" and str(node.children[0]) == "u")
        return {name for node in calls for name in _names(node)}

    def check(self, unit_of: Callable[[str], str | None]) -> str:
        """The unit of the result, or "bool". Raises ConditionError on an unknown name or a unit mismatch."""
        kind = _Check(_by_symbol(unit_of)).visit(self.tree)
        return "bool" if kind is None else kind.symbol

    def measures(self, quantity_of: QuantityOf) -> Quantity:
        """What a numeric expression measures. Raises ConditionError, also for a condition."""
        return _Check(quantity_of).number(self.tree, "a value")

    def source(self, resolve: Resolve, unit_of: Callable[[str], str | None], *, truth: bool = True) -> str:
        """Python source over the columns ``V`` and ``Q``: a three-valued condition, or (``truth`` False) a number or None."""
        return self.source_of(resolve, _by_symbol(unit_of), truth=truth)

    def source_of(self, resolve: Resolve, quantity_of: QuantityOf, *, truth: bool = False) -> str:
        """The same for names that carry quantities rather than symbols of the closed list."""
        checker = _Check(quantity_of)
        if truth:
            checker.truth(self.tree)
        else:
            checker.number(self.tree, "a value")
        emit = _Emit(resolve, checker)
        return emit.truth(self.tree) if truth else emit.value_or_unknown(self.tree)

    def emitter(self, resolve: Resolve, quantity_of: QuantityOf) -> Emitter:
        """What writes the numbers of this expression as Python source, for who needs more of it than its value."""
        checker = _Check(quantity_of)
        checker.number(self.tree, "a value")
        return _Emit(resolve, checker)


def _by_symbol(unit_of: Callable[[str], str | None]) -> QuantityOf:
    def quantity_of(name: str) -> Quantity | None:
        symbol = unit_of(name)
        return None if symbol is None else quantity(symbol)

    return quantity_of


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Read an expression. Raises ConditionError with the column of the first character that does not fit."""
    if len(text) > 2000:
        raise ConditionError("condition longer than 2000 characters")
    try:
        tree = _parser().parse(text)  # pyright: ignore[reportUnknownMemberType]
    except UnexpectedInput as error:
        ended = isinstance(error, UnexpectedToken) and str(error.token.type) == "$END"  # pyright: ignore
        column = len(text) + 1 if ended or error.column < 1 else error.column
        raise ConditionError(f"cannot read condition at column {column}: {text[max(0, column - 1):][:20]!r}", column) from None
    _check_depth(tree)
    _check_calls(tree)
    return Expression(text, tree)


def compile_set(sources: Sequence[str]) -> Callable[..., list[Any]]:
    """One function that evaluates all sources over the image's value and quality columns, in order.

    Its third argument gives the standard uncertainty of a tag (nan where none is known, as without it).
    """
    shared, body = _shared(",\n ".join(sources))
    code = f"def evaluate(V, Q, U=_unstated):\n{shared} return [\n {body}\n ]"
    scope = calls()
    exec(compile(code, "<conditions>", "exec"), scope)
    function: Callable[..., list[Any]] = scope["evaluate"]
    return function


def calls() -> dict[str, Any]:
    """What compiled expressions call."""
    return {"_div": _div, "_compare": _compare, "_number": _number, "_min": _min, "_max": _max, "_abs": abs, "_exp": _exp,
            "_unstated": _unstated}  # fmt: skip


def _shared(body: str) -> tuple[str, str]:
    """Comparisons that occur in several conditions get a name and are evaluated once: (lines that do so, the rest)."""
    often = [atom for atom, times in Counter(_ATOM.findall(body)).items() if times > 1]
    names = {atom: f"c{k}" for k, atom in enumerate(often)}
    return "".join(f" {name} = {atom}\n" for atom, name in names.items()), _ATOM.sub(lambda m: names.get(m[0], m[0]), body)


def _names(tree: Tree[Token] | Token) -> list[str]:
    if isinstance(tree, Token):
        return []
    return [str(node.children[0]) for node in tree.iter_subtrees() if node.data == "name"]


def _check_depth(tree: Tree[Token] | Token) -> None:
    if isinstance(tree, Token):
        return
    depth: dict[int, int] = {}
    for node in tree.iter_subtrees():           # children before their parents
        chain = len(node.children) // 2 if node.data == "mul" else 1       # a * b * c is computed as (a * b) * c
        depth[id(node)] = chain + max((depth[id(child)] for child in node.children if isinstance(child, Tree)), default=0)
    if depth[id(tree)] > _DEEPEST:
        raise ConditionError(f"condition nested {depth[id(tree)]} levels deep; at most {_DEEPEST}")


def _check_calls(tree: Tree[Token] | Token) -> None:
    if isinstance(tree, Token):
        return
    for node in tree.iter_subtrees():
        if node.data != "call":
            continue
        name, arguments = str(node.children[0]), node.children[1:]
        if name not in _FUNCTIONS:
            raise ConditionError(f"no function {name!r}; there are {', '.join(sorted(_FUNCTIONS))}", node.meta.column)
        if (_FUNCTIONS[name] == 1 and len(arguments) != 1) or (_FUNCTIONS[name] > 1 and len(arguments) < _FUNCTIONS[name]):
            raise ConditionError(f"{name} takes {_TAKES[_FUNCTIONS[name]]}", node.meta.column)
        if name == "vote":
            _check_vote(arguments, node)
        if name in _OF_A_TAG and getattr(arguments[0], "data", "") != "name":
            raise ConditionError(f"{name} takes one tag", node.meta.column)


def _check_vote(arguments: Sequence[Any], node: Any) -> None:
    """The first argument of a vote is a whole number that the others can reach."""
    need, voters = arguments[0], len(arguments) - 1
    text = str(need.children[0]) if getattr(need, "data", "") == "literal" and len(need.children) == 1 else ""
    if not text.isdigit() or not 1 <= int(text) <= voters:
        raise ConditionError(f"vote: of {voters} conditions a whole number from 1 to {voters} must be true", _column(need))


# --- units -------------------------------------------------------------------------------------------------------
class _Check:
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
            raise ConditionError(f"{what} needs a number, not a condition", _column(node))
        return kind

    def on_or_(self, node: Any) -> None:
        for child in node.children:
            self.truth(child)

    on_and_ = on_or_
    on_not_ = on_or_

    def truth(self, node: Any) -> None:
        kind = self.visit(node)
        if kind is not None and (node.data != "name" or kind != DIMENSIONLESS):
            raise ConditionError("a condition is needed here, not a number", _column(node))

    def on_compare(self, node: Any) -> None:
        left, right = (self.number(node.children[i], "a comparison") for i in (0, 2))
        self.fit(left, right, node, str(node.children[1]))
        if {left.kind, right.kind} == {"point", ""} and not (left.any_unit or right.any_unit):
            text = f"{left.symbol} does not compare with {right.symbol}: one is a temperature, one a difference"
            raise ConditionError(text, _column(node))

    def fit(self, left: Quantity, right: Quantity, node: Any, what: str) -> None:
        try:
            left.check_fits(right)
        except UnitMismatch as error:
            raise ConditionError(f"{what}: {error}", _column(node)) from None

    def on_add(self, node: Any) -> Quantity:
        kinds = [self.number(child, "a sum") for child in node.children[::2]]
        for kind in kinds:
            self.fit(_first(kinds), kind, node, "sum")
        signs = [1, *(1 if str(operator) == "+" else -1 for operator in node.children[1::2])]
        points = sum(sign for sign, kind in zip(signs, kinds, strict=True) if kind.kind == "point")
        if points not in (0, 1):
            raise ConditionError("sum: of points on a scale, one may stand, or one less another", _column(node))
        return _first(kinds) if points else _first(kinds).difference()

    def on_mul(self, node: Any) -> Quantity:
        result = self.number(node.children[0], "a product")
        for operator, child in zip(node.children[1::2], node.children[2::2], strict=True):
            factor = self.number(child, "a product")
            try:
                result = result.times(factor) if str(operator) == "*" else result.over(factor)
            except UnitMismatch as error:
                raise ConditionError(str(error), _column(node)) from None
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
            raise ConditionError(f"unknown name {str(node.children[0])!r}", _column(node))
        return kind

    def on_call(self, node: Any) -> Quantity | None:
        name, arguments = str(node.children[0]), node.children[1:]
        if name in FOLDS:
            for argument in arguments[name == "vote":]:
                self.truth(argument)
            return None
        kinds = [self.number(argument, name) for argument in arguments]
        first = _first(kinds)
        for kind in kinds:
            self.fit(first, kind, node, name)
            if {kind.kind, first.kind} == {"point", ""} and not kind.any_unit:
                raise ConditionError(f"{name}: {first.symbol} does not go with {kind.symbol}", _column(node))
        if name == "exp":
            self.fit(first, DIMENSIONLESS, node, name)
            if abs(first.into(DIMENSIONLESS)[0] - 1.0) > 1e-9:
                raise ConditionError(f"exp takes a plain number, not {first.symbol}", _column(node))
            return DIMENSIONLESS
        return None if name in ("good", "bad") else first.difference() if name == "u" else first


def _first(kinds: Sequence[Quantity]) -> Quantity:
    """What a sum or call is computed in: the first point on a scale, else the first that has a unit at all."""
    return next((k for k in kinds if k.kind == "point"), next((k for k in kinds if not k.any_unit), kinds[0]))


def _column(node: Any) -> int:
    return getattr(node.meta, "column", 1)


# --- code --------------------------------------------------------------------------------------------------------
class _Emit:
    """Turns a checked tree into Python source."""

    def __init__(self, resolve: Resolve, checker: _Check) -> None:
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
        first = _first(kinds)
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
                raise ConditionError("u takes a tag, not a figure", _column(node))
            return f"U({index})"
        first = _first([self.units[id(argument)] for argument in arguments])
        parts = [self.converted(argument, self.units[id(argument)], first) for argument in arguments]
        return f"_{name}({', '.join(parts)})"

    def gains(self, node: Any) -> list[float]:
        """By what each term of a sum or argument of a call is multiplied, to stand in the unit of the first."""
        children = node.children[::2] if node.data == "add" else node.children[1:]
        kinds = [self.units[id(child)] for child in children]
        return [kind.into(_first(kinds))[0] for kind in kinds]

    def converted(self, node: Any, have: Quantity, want: Quantity) -> str:
        gain, offset = have.into(want)
        number = self.number(node)
        if (gain, offset) == (1.0, 0.0):
            return number
        if node.data == "literal":
            return repr(float(node.children[0]) * gain + offset)
        return f"({number} * {gain!r} + {offset!r})"


# --- what the compiled code calls --------------------------------------------------------------------------------
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
