"""What a name in a condition means, seen from a unit: a tag, a role, a figure of the unit or of the site."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from devices.units import UNITS
from gateway.config.draft import Draft
from gateway.config.faults import Fault
from gateway.config.figures import figure_unit
from gateway.config.states import figures_of
from gateway.control.conditions import ConditionError, Expression, parse
from gateway.control.dimension import Quantity, UnitMismatch, quantity


@dataclass(frozen=True, slots=True)
class Scope:
    """A draft seen from a unit (None: from the site)."""

    draft: Draft
    unit: str | None = None

    def tag(self, name: str) -> str | None:
        """The tag or derived tag a name stands for, valid or only declared."""
        if name in self.draft.value_names():
            return name
        if f"{self.unit}.{name}" in self.draft.generated:
            return f"{self.unit}.{name}"
        here = self.draft.units.get(self.unit or "")
        if here is None:
            return None
        if name in here.roles:
            return here.roles[name]
        short, _, role = name.partition(".")
        shared = self.draft.units.get(here.uses.get(short, ""))
        return shared.roles.get(role) if shared else None

    def measure(self, name: str) -> str | None:
        """The engineering unit behind a name; None when nothing is called so."""
        tag = self.tag(name)
        if tag is not None:
            return self.draft.unit_of(tag)
        figures = dict(self.draft.site.parameters) if self.draft.site else {}
        here = self.draft.units.get(self.unit or "")
        figures |= here.parameters if here else {}
        return figure_unit(name) if name in figures else None

    def figure(self, name: str) -> float:
        """The value of a figure of the unit or of the site. Raises KeyError."""
        here = self.draft.units.get(self.unit or "")
        figures = dict(self.draft.site.parameters) if self.draft.site else {}
        return float((figures | (here.parameters if here else {}))[name])

    def known(self) -> set[str]:
        """Every name that means something here."""
        names = self.draft.value_names() | set(self.draft.site.parameters if self.draft.site else ())
        here = self.draft.units.get(self.unit or "")
        if here is not None:
            names |= figures_of(self.draft, self.unit or "")
            names |= set(here.roles) | set(here.parameters)
            for short, shared in here.uses.items():
                unit = self.draft.units.get(shared)
                names |= {f"{short}.{role}" for role in unit.roles} if unit else set()
        return names

    def doubtful(self, name: str) -> bool:
        """Whether a name hangs on an entry that is itself faulty: its own fault is told, not this one."""
        tag = self.tag(name)
        if tag is not None:
            return tag in self.draft.doubtful or self.draft.unit_of(tag) not in UNITS
        if self.draft.site is None:
            return True
        if self.unit is not None and self.unit not in self.draft.units:
            return True
        here = self.draft.units.get(self.unit or "")
        short = name.partition(".")[0]
        return here is not None and short in here.uses and here.uses[short] not in self.draft.units


def expression(scope: Scope, path: tuple[str, ...], text: str) -> Iterator[Fault | Expression]:
    """The expression of a text, or why it cannot stand: syntax, unknown names (with the nearest), unit mismatch."""
    draft = scope.draft
    try:
        found = parse(text)
    except ConditionError as error:
        yield draft.fault(path, error.message)
        return
    if any(scope.doubtful(name) for name in found.names):
        return
    strangers = sorted(name for name in found.names if scope.measure(name) is None)
    for name in strangers:
        yield draft.unknown(path, name, scope.known(), "name")
    if strangers:
        return
    figures = sorted(name for name in found.doubted if scope.tag(name) is None)
    if figures:
        yield draft.fault(path, f"u takes a tag, not a figure: {figures[0]}")
        return
    try:
        found.check(scope.measure)
    except ConditionError as error:
        yield draft.fault(path, f"{error.message} at column {error.column}")
        return
    yield found


def condition(scope: Scope, path: tuple[str, ...], text: str) -> Iterator[Fault]:
    """Faults of a text that must be true, false or unknown, and must depend on the plant."""
    for found in expression(scope, path, text):
        if isinstance(found, Fault):
            yield found
        elif found.check(scope.measure) != "bool" and scope.measure(text.strip()) != "1":
            yield scope.draft.fault(path, "a number; a condition is needed, such as 'level > 80 %'")
        elif not any(scope.tag(name) for name in found.names):
            yield scope.draft.fault(path, "names no tag, so it never changes")


def misfit(have: Quantity, want: str) -> str | None:
    """Why a quantity cannot stand for a unit; also when it would need a factor that nobody applies."""
    target = quantity(want)
    try:
        have.check_fits(target)
    except UnitMismatch as error:
        return str(error)
    gain, offset = have.into(target)
    return None if abs(gain - 1) < 1e-9 and abs(offset) < 1e-9 else f"{have.symbol} stands {gain:g} times beside {want}"
