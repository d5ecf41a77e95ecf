"""What depends on a tag: the rows that read it, itself or through what is computed from it, and the loops that use it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from gateway.config.models import Config, Tag
from gateway.control.conditions import parse
from gateway.control.force import ForceRow
from gateway.plant.names import Names


class Reach:
    """The paths from tags to interlocks and loops. ``index``: tag -> place in the image."""

    def __init__(self, config: Config, index: Mapping[str, int]) -> None:
        self.config, self.index = config, index
        self.names = Names(config)
        self.read: dict[str, set[str]] = {}     # row -> every tag behind its cause
        self.resets: dict[str, set[str]] = {}   # row -> every tag behind what its reset waits for
        for name, row in config.interlocks.items():
            self.read[name] = self._looked_at(row.cause, row.unit)
            self.resets[name] = self._looked_at(row.reset, row.unit) if row.reset is not None else set()
        internal = [name for name, tag in config.tags.items() if tag.internal]
        self._counts = {made_of: name for name in internal for made_of in self._made_of(name)}

    def inputs(self, name: str) -> dict[str, int]:
        """What the cause of a row names -> image index, figures left out."""
        row = self.config.interlocks[name]
        found = {each: self.names.tag(each, row.unit) for each in sorted(parse(row.cause).names)}
        return {each: self.index[tag] for each, tag in found.items() if tag is not None}

    def _looked_at(self, condition: str, unit: str | None) -> set[str]:
        """Every tag behind a condition that is seen from a unit."""
        return self._behind({tag for each in parse(condition).names if (tag := self.names.tag(each, unit))})

    def _behind(self, tags: set[str]) -> set[str]:
        """Tags, and those that they are computed from."""
        found, open_ = set(tags), list(tags)
        while open_:
            for made_of in self._made_of(open_.pop()):
                if made_of not in found:
                    found.add(made_of)
                    open_.append(made_of)
        return found

    def _made_of(self, name: str) -> Iterator[str]:
        if name in self.config.derived:
            yield from (each for each in parse(self.config.derived[name].of).names if each in self.index)
        internal = self.config.tags[name].internal if name in self.config.tags else None
        kind, _, rest = (internal or "").partition(".")
        owner, _, figure = rest.rpartition(".")
        if kind == "batch" and figure == "acid_dosed" and "acid_total" in self.config.units[owner].roles:
            yield self.config.units[owner].roles["acid_total"]

    # --- forces -------------------------------------------------------------------------------------------------
    def forces(self) -> list[ForceRow]:
        """A row for every tag that a device has: what is computed is forced where it is made from."""
        units = self.owners()
        return [self._force(name, tag, units.get(name, "")) for name, tag in self.config.tags.items() if tag.device is not None]

    def _force(self, name: str, tag: Tag, unit: str) -> ForceRow:
        rows = tuple(row for row, tags in self.read.items() if name in tags)
        decided = (row for row, tags in self.read.items() if name in tags | self.resets[row])
        low, high = tag.range or ((0.0, 1.0) if tag.output is not None else _states(tag))
        return ForceRow(
            name=name,
            tag=self.index[name],
            unit=unit,
            output=tag.output is not None,
            low=low,
            high=high,
            rows=rows,
            closed=tuple(row for row in decided if not self.config.interlocks[row].bypass),
            loops=tuple(self._loops(name)),
            counted=self.index.get(self._counts.get(name, "")),
        )

    def _loops(self, name: str) -> Iterator[str]:
        for key, loop in self.config.loops.items():
            uses = {loop.pv or "", *(limit.pv for limit in loop.limits.values()), *(each.pv for each in (loop.forward,) if each)}
            uses |= {each.by for each in (loop.schedule,) if each and each.by}
            if name in self._behind({each for each in uses if each in self.index}):
                yield key

    def owners(self) -> dict[str, str]:
        """Tag -> the unit in which it plays a role; what plays none belongs to the unit that stands for the site."""
        site = next((name for name, unit in self.config.units.items() if unit.equipment_class == "site"), "")
        found = dict.fromkeys(self.config.tags, site)
        return found | {tag: name for name, unit in self.config.units.items() for tag in unit.roles.values()}


def _states(tag: Tag) -> tuple[float, float]:
    return (float(min(tag.states)), float(max(tag.states))) if tag.states else (-math.inf, math.inf)
