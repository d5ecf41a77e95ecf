"""What keeps an alarm standing once it stands: its limit less a deadband, or another condition that must come true first.

    >>> staying("level > 80 %", "2 %", None).text
    'level > 80 % - 2 %'

What stays is never less than what raises: a deadband lies on the normal side of the limit, and ``clear_when`` clears nothing while
the condition itself stands. Unknown clears nothing.
"""

from __future__ import annotations

from lark import Token, Tree

from gateway.control.conditions import ConditionError, Expression, parse

_SIGN = {">": "-", ">=": "-", "<": "+", "<=": "+"}


def staying(when: str, deadband: str | None, clear_when: str | None) -> Expression | None:
    """The condition under which an alarm that stands goes on to stand; None when it is that which raises it.

    Raises ConditionError where a deadband does not fit the condition.
    """
    if deadband is not None:
        return beyond(parse(when), deadband)
    return None if clear_when is None else parse(f"({when}) or not ({clear_when})")


def beyond(condition: Expression, deadband: str) -> Expression:
    """A comparison with its limit moved to the normal side. Raises ConditionError."""
    tree, band = condition.tree, parse(deadband).tree
    if not isinstance(tree, Tree) or tree.data != "compare" or str(tree.children[1]) not in _SIGN:
        raise ConditionError("a deadband belongs to a condition that is one comparison with >, >=, < or <=; give clear_when instead")
    if not isinstance(band, Tree) or band.data != "literal" or float(str(band.children[0])) <= 0:
        raise ConditionError(f"{deadband!r}; a deadband is one number above 0 with its unit, such as '2 %'; of a temperature in K")
    left, operator, right = tree.children
    sign = _SIGN[str(operator)]
    moved = Tree("add", [right, Token("ADD", sign), band], tree.meta)
    return Expression(f"{condition.text} {sign} {deadband}", Tree("compare", [left, operator, moved], tree.meta))
