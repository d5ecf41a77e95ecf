"""What a name in a condition, an alarm or an effect means, seen from a unit."""

from __future__ import annotations

from gateway.config.figures import figure_unit
from gateway.config.models import Config
from gateway.config.states import named


class Names:
    """What a name in a condition means, seen from a unit: a tag, a role, a figure of the unit or of the site."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def tag(self, name: str, unit: str | None) -> str | None:
        """The tag (or derived tag) a name stands for."""
        if name in self.config.tags or name in self.config.derived:
            return name
        if unit is None:
            return None
        if (state := named(name, unit)) is not None:
            return ".".join(state)
        here = self.config.units[unit]
        if name in here.roles:
            return here.roles[name]
        shared, _, role = name.partition(".")
        return self.config.units[here.uses[shared]].roles.get(role) if shared in here.uses else None

    def figure(self, name: str, unit: str | None) -> float | None:
        """The figure of a unit or of the site."""
        if unit is not None and name in self.config.units[unit].parameters:
            return self.config.units[unit].parameters[name]
        return self.config.site.parameters.get(name)

    def unit_of(self, name: str, unit: str | None) -> str | None:
        """The engineering unit of whatever the name stands for."""
        tag = self.tag(name, unit)
        if tag is not None:
            return self.config.tags[tag].unit if tag in self.config.tags else self.config.derived[tag].unit
        return figure_unit(name) if self.figure(name, unit) is not None else None
