"""The cause-and-effect matrix as a table: one sheet a unit, causes down, outputs across, forced values in the cells.

    sheet = sheets(config)[0]
    sheet.unit, len(sheet.causes), [effect.tag for effect in sheet.effects]

The same values for the terminal, the page to sign and the JSON: what is printed is what is loaded.
"""

from __future__ import annotations

import msgspec

from gateway.config.models import Config, Interlock, Tag
from gateway.control.conditions import parse
from gateway.plant.names import Names


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One column: an output, what it is called seen from the unit, and its safe value as a word."""

    tag: str
    role: str
    description: str
    safe: str


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """What a cause forces an output to: the number, and the word for it (closed, stop, 100 %)."""

    value: float
    word: str
    safe: bool                                  # whether that is the output's safe value


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One row. ``kind``: latched (a person resets it), self-clearing, or permissive (it only forbids). Times in s."""

    number: int
    name: str
    description: str
    condition: str
    reset: str                                  # what a person's reset waits for beside a cause that is gone; "" when nothing
    reads: dict[str, str]                       # what condition and reset name -> tag
    figures: dict[str, str]                     # what they name -> its figure with unit
    delay_s: float
    safety_time_s: float | None                 # none of a permissive: it protects nothing that already runs
    kind: str
    hold: str
    bypass: bool
    priority: str
    consequence: str
    action: str
    response_min: float
    source: str
    cells: dict[str, Cell]


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """The matrix of one unit."""

    unit: str
    description: str
    effects: tuple[Effect, ...]
    causes: tuple[Cause, ...]

    @property
    def cells(self) -> int:
        """How many cells are filled."""
        return sum(len(cause.cells) for cause in self.causes)


def sheets(config: Config, unit: str | None = None) -> list[Sheet]:
    """Every unit with rows, in the order of the matrix; or only one."""
    order = dict.fromkeys(row.unit or "" for row in config.interlocks.values())
    listed = [name for name in config.units if name in order] + ([""] if "" in order else [])
    return [_sheet(config, name) for name in listed if unit in (None, name)]


def _sheet(config: Config, unit: str) -> Sheet:
    names = Names(config)
    rows = {name: row for name, row in config.interlocks.items() if (row.unit or "") == unit}
    roles = {names.tag(role, row.unit) or role: role for row in rows.values() for role in row.effects}
    order = [tag for tag in config.tags if tag in roles]        # as the tags stand in the configuration
    causes = tuple(_cause(config, names, k, name, row) for k, (name, row) in enumerate(rows.items(), start=1))
    return Sheet(
        unit=unit or "site",
        description=config.units[unit].description if unit else "",
        effects=tuple(_effect(tag, roles[tag], config.tags[tag]) for tag in order),
        causes=causes,
    )


def _cause(config: Config, names: Names, number: int, name: str, row: Interlock) -> Cause:
    named = sorted(parse(row.cause).names | (parse(row.reset).names if row.reset else frozenset()))
    tags = {names.tag(role, row.unit) or role: value for role, value in row.effects.items()}
    return Cause(
        number=number,
        name=name.removeprefix(f"{row.unit}."),
        description=row.description,
        condition=" ".join(row.cause.split()),
        reset=" ".join((row.reset or "").split()),
        reads={each: tag for each in named if (tag := names.tag(each, row.unit)) is not None},
        figures={each: f"{figure:g} {names.unit_of(each, row.unit)}".removesuffix(" 1") for each in named
                 if names.tag(each, row.unit) is None and (figure := names.figure(each, row.unit)) is not None},
        delay_s=row.delay_s,
        safety_time_s=None if row.permissive else row.safety_time_s,
        kind="permissive" if row.permissive else "latched" if row.latch else "self-clearing",
        hold="none" if row.permissive else row.hold,
        bypass=row.bypass,
        priority=row.priority,
        consequence=row.consequence,
        action=row.action,
        response_min=row.response_min,
        source=row.source,
        cells={tag: _cell(config.tags[tag], value) for tag, value in tags.items()},
    )


def _effect(tag: str, role: str, model: Tag) -> Effect:
    assert model.output is not None
    safe = model.output.safe
    return Effect(tag=tag, role=role, description=model.description, safe="keeps" if isinstance(safe, str) else word(model, safe))


def _cell(model: Tag, value: float) -> Cell:
    assert model.output is not None
    return Cell(value=value, word=word(model, value), safe=model.output.safe == value)


def word(model: Tag, value: float) -> str:
    """A value of an output as a person says it."""
    named = model.states.get(round(value))
    if named is not None:
        return named
    return f"{value:g}" if model.unit == "1" else f"{value:g} {model.unit}"
