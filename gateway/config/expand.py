"""Templates: one entry standing for several, and matrix rows standing once for every unit of a class.

An entry whose key holds a placeholder names its values under ``each``; the placeholder is replaced in every text below it.
A text that is nothing but a placeholder becomes the value itself; ``"=15010+{n}"`` is a sum or product of whole numbers.

    TT-10{n}1A:
      each: {n: [1, 2, 3]}
      device: TC-10{n}
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import cast

from devices.equipment import CLASSES
from gateway.config.faults import Fault, Place, unknown
from gateway.config.yaml_source import Mapping, Scalar, Tree, Value
from gateway.config.yaml_source import Sequence as Items
from gateway.control.comms import FACTS

MAX_COPIES = 100
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_WHOLE = re.compile(r"\{([a-z][a-z0-9_]*)\}\Z")
_SUM = re.compile(r"=\s*(\d{1,9})((?:\s*[-+*]\s*\d{1,9}){1,8})\s*\Z")

Entry = tuple[Scalar, Tree]
Mapped = dict[str, list[str]]


def expand(entries: Mapping, path: str) -> tuple[list[Entry], list[Fault]]:
    """All entries of a section with templates written out, in order; names that meet are faults."""
    result: list[Entry] = []
    faults: list[Fault] = []
    places: dict[Value, Place] = {}
    for key, value in entries.items:
        made, wrong = _copies(key, value, f"{path}.{key.value}")
        faults += wrong
        for name, copy in made:
            if name.value in places:
                faults.append(Fault(name.place, f"{path}.{name.value}", f"duplicate key, first given in {places[name.value]}"))
                continue
            places[name.value] = name.place
            result.append((name, copy))
    return result, faults


def _copies(key: Scalar, value: Tree, path: str) -> tuple[list[Entry], list[Fault]]:
    wanted = set(_PLACEHOLDER.findall(str(key.value)))
    each = value.get("each") if isinstance(value, Mapping) else None
    if not wanted and each is None:
        return [(key, value)], []
    if not isinstance(value, Mapping) or each is None:
        return [], [Fault(key.place, path, f"placeholder {{{min(wanted)}}} without 'each: {{{min(wanted)}: [...]}}'")]
    variables, faults = _variables(each, wanted, path)
    if faults:
        return [], faults
    body = Mapping([(k, v) for k, v in value.items if k.value != "each"], value.place)
    copies: list[Entry] = []
    for chosen in itertools.product(*variables.values()):
        fill = _Fill(dict(zip(variables, chosen, strict=True)), path)
        copies.append((Scalar(str(fill.text(str(key.value), key.place)), key.place), fill.tree(body)))
        faults += fill.faults
    return copies, faults


def _variables(each: Tree, wanted: set[str], path: str) -> tuple[dict[str, Sequence[Value]], list[Fault]]:
    """The lists under ``each``; the key must use every one of them and no other."""
    faults: list[Fault] = []
    lists: dict[str, Sequence[Value]] = {}
    for name, values in each.items if isinstance(each, Mapping) else []:
        scalars = [v.value for v in values.items if isinstance(v, Scalar)] if isinstance(values, Items) else []
        if (
            not scalars
            or len(scalars) != len(cast(Items, values).items)
            or any(not isinstance(v, int | str) or isinstance(v, bool) for v in scalars)
        ):
            faults.append(Fault(name.place, f"{path}.each.{name.value}", "a list of whole numbers or words is needed"))
        elif name.value not in wanted:
            faults.append(
                Fault(
                    name.place, f"{path}.each.{name.value}", f"{{{name.value}}} is not in the name, so all copies would be called the same"
                )
            )
        else:
            lists[str(name.value)] = scalars
    count = 1
    for values in lists.values():
        count *= len(values)
    if count > MAX_COPIES:
        faults.append(Fault(each.place, f"{path}.each", f"{count} copies, at most {MAX_COPIES}"))
    if not faults and wanted - lists.keys():
        faults.append(Fault(each.place, f"{path}.each", f"no values for {{{min(wanted - lists.keys())}}}"))
    return lists, faults


class _Fill:
    """Writes chosen values into a tree."""

    def __init__(self, chosen: dict[str, Value], path: str) -> None:
        self.chosen = chosen
        self.path = path
        self.faults: list[Fault] = []

    def tree(self, node: Tree) -> Tree:
        if isinstance(node, Mapping):
            return Mapping([(self.scalar(key), self.tree(value)) for key, value in node.items], node.place)
        if isinstance(node, Items):
            return Items([self.tree(value) for value in node.items], node.place)
        return self.scalar(node)

    def scalar(self, node: Scalar) -> Scalar:
        if not isinstance(node.value, str) or ("{" not in node.value and not node.value.startswith("=")):
            return node
        return Scalar(self.text(node.value, node.place), node.place)

    def text(self, text: str, place: Place) -> Value:
        whole = _WHOLE.match(text)
        if whole and whole[1] in self.chosen:
            return self.chosen[whole[1]]
        filled = _PLACEHOLDER.sub(lambda found: self.value(found[1], place), text)
        return _sum(filled) if filled.startswith("=") else filled

    def value(self, name: str, place: Place) -> str:
        if name not in self.chosen:
            self.faults.append(Fault(place, self.path, f"no values for {{{name}}}", tuple(sorted(self.chosen))))
            return "0"
        return str(self.chosen[name])


def _sum(text: str) -> Value:
    """``=15010+2`` as a number, strictly from left to right; other text as it stands."""
    found = _SUM.match(text)
    if not found:
        return text
    total = int(found[1])
    for operator, number in re.findall(r"([-+*])\s*(\d+)", found[2]):
        total = total + int(number) if operator == "+" else total - int(number) if operator == "-" else total * int(number)
    return total


def for_each(rows: Sequence[Entry], units: Mapped, affected: Callable[[str, str], Sequence[str]], path: str) -> Iterator[Entry | Fault]:
    """Rows with ``class`` once for every unit of that class, called ``unit.row``; rows ``of`` links or devices once for each
    that their cause can happen to; other rows as they stand. ``units``: class -> units.
    """
    for key, value in rows:
        wanted, of, when, named = (value.get(k) if isinstance(value, Mapping) else None for k in ("class", "of", "when", "unit"))
        if isinstance(value, Mapping) and isinstance(wanted, Scalar):
            if named is not None:
                yield Fault(named.place, f"{path}.{key.value}.unit", "a row has a class or a unit, not both")
                continue
            if str(wanted.value) not in CLASSES:
                yield unknown(wanted.place, f"{path}.{key.value}.class", str(wanted.value), CLASSES, "equipment class")
            yield from _each(key, value, "unit", wanted, units.get(str(wanted.value), []))
        elif isinstance(value, Mapping) and isinstance(of, Scalar) and of.value in FACTS and value.get("where") is None:
            yield from _each(key, value, "where", of, affected(str(of.value), str(getattr(when, "value", ""))))
        else:
            yield key, value


def _each(key: Scalar, value: Mapping, field: str, said: Scalar, names: Sequence[str]) -> Iterator[Entry]:
    for name in names:
        mine = Mapping([*value.items, (Scalar(field, said.place), Scalar(name, said.place))], value.place)
        yield Scalar(f"{name}.{key.value}", key.place), mine
