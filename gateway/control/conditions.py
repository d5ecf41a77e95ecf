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

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput, UnexpectedToken

from gateway.control.condition_code import Code, Resolve, Truth, calls
from gateway.control.condition_units import FOLDS, ConditionError, QuantityOf, Units, column_of
from gateway.control.dimension import Quantity, quantity

__all__ = ["FOLDS", "ConditionError", "Emitter", "Expression", "QuantityOf", "Resolve", "Truth", "calls", "compile_set", "parse"]

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
_TAKES = {1: "one argument", 2: "two or more arguments", 3: "how many must be true, then two or more conditions"}
_ATOM = re.compile(r"\(None if \([^()]*\) & \d+ else [^()]*\)")       # one guarded comparison, as ``guard`` writes it
_DEEPEST = 40                                   # levels of nesting: a person reads fewer, Python's own limit is higher


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
        kind = Units(_by_symbol(unit_of)).visit(self.tree)
        return "bool" if kind is None else kind.symbol

    def measures(self, quantity_of: QuantityOf) -> Quantity:
        """What a numeric expression measures. Raises ConditionError, also for a condition."""
        return Units(quantity_of).number(self.tree, "a value")

    def source(self, resolve: Resolve, unit_of: Callable[[str], str | None], *, truth: bool = True) -> str:
        """Python source over the columns ``V`` and ``Q``: a three-valued condition, or (``truth`` False) a number or None."""
        return self.source_of(resolve, _by_symbol(unit_of), truth=truth)

    def source_of(self, resolve: Resolve, quantity_of: QuantityOf, *, truth: bool = False) -> str:
        """The same for names that carry quantities rather than symbols of the closed list."""
        checker = Units(quantity_of)
        if truth:
            checker.truth(self.tree)
        else:
            checker.number(self.tree, "a value")
        emit = Code(resolve, checker)
        return emit.truth(self.tree) if truth else emit.value_or_unknown(self.tree)

    def emitter(self, resolve: Resolve, quantity_of: QuantityOf) -> Emitter:
        """What writes the numbers of this expression as Python source, for who needs more of it than its value."""
        checker = Units(quantity_of)
        checker.number(self.tree, "a value")
        return Code(resolve, checker)


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
        raise ConditionError(f"vote: of {voters} conditions a whole number from 1 to {voters} must be true", column_of(need))
