"""A configuration on its way in: what could be read so far, and where every key of it stands.

The cross-checks work on a draft, so that one entry of the wrong shape does not hide the faults of the others. An entry
that is declared but has the wrong shape is known by name (``declared``) and otherwise absent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from devices.instruments import PROFILES
from devices.profile import Profile
from gateway.config.faults import Fault, Place, nearest, unknown
from gateway.config.instrument import Instrument
from gateway.config.models import (
    Alarm,
    Check,
    Config,
    Derived,
    Device,
    Interlock,
    Link,
    Loop,
    Lot,
    Recipe,
    Simulation,
    Site,
    Tag,
    Unit,
)

Path = tuple[str, ...]

SECTIONS: dict[str, type] = {
    "links": Link, "devices": Device, "tags": Tag, "derived": Derived, "units": Unit, "loops": Loop,
    "interlocks": Interlock, "alarms": Alarm, "checks": Check, "recipes": Recipe, "lots": Lot,
    "instruments": Instrument,
}


class Draft:
    """The valid entries of every section, the names declared, and the place of every key path."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.site: Site | None = None
        self.simulation: Simulation | None = None
        self.links: dict[str, Link] = {}
        self.devices: dict[str, Device] = {}
        self.tags: dict[str, Tag] = {}
        self.derived: dict[str, Derived] = {}
        self.units: dict[str, Unit] = {}
        self.loops: dict[str, Loop] = {}
        self.interlocks: dict[str, Interlock] = {}
        self.alarms: dict[str, Alarm] = {}
        self.checks: dict[str, Check] = {}
        self.recipes: dict[str, Recipe] = {}
        self.lots: dict[str, Lot] = {}
        self.instruments: dict[str, Instrument] = {}
        self.profiles: dict[str, Profile] = dict(PROFILES)      # those the program knows, and those described here
        self.declared: dict[str, set[str]] = {section: set() for section in SECTIONS}
        self.places: dict[Path, Place] = {}
        self.elsewhere: set[str] = set()        # lots from files outside the folder
        self.spoiled: set[Place] = set()        # lines whose value could not be read: the entry is left out
        self.doubtful: set[str] = set()         # names with a fault of their own: what hangs on them is not judged
        self.generated: set[str] = set()        # tags that nobody wrote down: phases and states that a condition names
        self.rows: set[str] = set()             # names of matrix rows and alarms before classes were written out
        self.incomplete = False                 # a file or template could not be read: names may be missing
        self.digest = ""

    def section(self, name: str) -> dict[str, Any]:
        """The valid entries of a section."""
        return getattr(self, name)

    def place(self, *path: str | int) -> Place:
        """Where a key path stands, or the nearest part of it that is written down."""
        keys = tuple(str(key) for key in path)
        for end in range(len(keys), 0, -1):
            if keys[:end] in self.places:
                return self.places[keys[:end]]
        return Place(f"{self.root}/site.yaml", 1)

    def fault(self, path: Iterable[str | int], what: str, allowed: Iterable[str] = (), near: str | None = None) -> Fault:
        """A fault at a key path."""
        keys = [str(key) for key in path]
        return Fault(self.place(*keys), ".".join(keys), what, tuple(allowed), near)

    def unknown(self, path: Iterable[str | int], name: str, known: Iterable[str], kind: str) -> Fault:
        """The fault of naming, at a key path, something that does not exist."""
        keys = [str(key) for key in path]
        return unknown(self.place(*keys), ".".join(keys), name, known, kind)

    def exists(self, section: str, name: str) -> bool:
        """Whether a name is declared in a section, valid or not."""
        return name in self.declared[section]

    def value_names(self) -> set[str]:
        """Names of everything that has a value: tags and derived tags."""
        return self.declared["tags"] | self.declared["derived"]

    def unit_of(self, name: str) -> str | None:
        """The engineering unit of a tag or derived tag; None when it is unknown or of the wrong shape."""
        found = self.tags.get(name) or self.derived.get(name)
        return found.unit if found else None

    def near(self, name: str, known: Iterable[str]) -> str | None:
        """The known name most like ``name``."""
        return nearest(name, known)

    def finish(self) -> Config:
        """The configuration, when nothing is wrong with the draft."""
        assert self.site is not None
        assert self.simulation is not None
        sections: dict[str, Any] = {section: self.section(section) for section in SECTIONS if section != "instruments"}
        return Config.model_construct(
            None, site=self.site, simulation=self.simulation, digest=self.digest, profiles=self.profiles,
            source={".".join(path): str(place) for path, place in self.places.items()},
            **sections,
        )
