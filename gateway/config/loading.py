"""Reads a directory of configuration into one ``Config``, or raises every fault found, at once.

    >>> from gateway.paths import belfast_config
    >>> load(belfast_config()).site.process_cell
    'LEACH'

Changes take effect at the next start: nothing here is called while the plant runs.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence, Set
from pathlib import Path

from gateway.config.checks import check, check_at_last
from gateway.config.draft import SECTIONS, Draft
from gateway.config.expand import Entry, expand, for_each
from gateway.config.faults import ConfigFaults, Fault, Place
from gateway.config.instrument import RegisterPoint, profile_of
from gateway.config.models import Config, Simulation, Site
from gateway.config.register_list import read_list
from gateway.config.shape import shaped
from gateway.config.states import add_states
from gateway.config.told import affected
from gateway.config.yaml_source import Mapping, Scalar, Tree, read

# file -> sections it holds; units before what is said of classes
FILES: dict[str, tuple[str, ...]] = {
    "site.yaml": ("site",),
    "devices.yaml": ("links", "devices"),
    "tags.yaml": ("tags", "derived"),
    "units.yaml": ("units",),
    "loops.yaml": ("loops",),
    "matrix.yaml": ("interlocks",),
    "alarms.yaml": ("alarms",),
    "checks.yaml": ("checks",),
    "simulation.yaml": ("simulation",),
}
FOLDERS: dict[str, tuple[str, str]] = {       # section, naming key
    "recipes": ("recipes", "recipe"), "lots": ("lots", "lot"), "instruments": ("instruments", "instrument"),
}
OPTIONAL = {"derived"}
BY_CLASS = {"interlocks", "alarms", "checks"}
MAX_FILES = 500

Reader = Callable[[Path, str], tuple[Tree | None, list[Fault]]]


def load(directory: Path, variables: Set[str] | None = None, *, reader: Reader = read, lots: Sequence[Path] = ()) -> Config:
    """The configuration in ``directory``. ``variables``: names the simulated world knows, where they are to be checked.

    ``lots``: files of lots that stand elsewhere.

    ``reader`` turns one file into a tree; who loads again and again may keep the trees of files that did not change.

    Raises: ConfigFaults with everything that is wrong, each with file and line. While a file or a template cannot be read at
    all, what refers to its names is not judged.
    """
    draft, faults = read_draft(directory, reader, lots)
    if not draft.incomplete:
        faults += check(draft, variables)
    if not faults:
        faults = check_at_last(draft)
    if faults:
        raise ConfigFaults(faults)
    return draft.finish()


def read_draft(directory: Path, reader: Reader = read, lots: Sequence[Path] = ()) -> tuple[Draft, list[Fault]]:
    """Everything that can be read in ``directory``, and the faults of syntax and shape."""
    draft = Draft(directory.resolve().name)
    if not directory.is_dir():
        return draft, [Fault(Place(str(directory), 1), "", "is not a folder")]
    files = _Files(directory, draft, reader)
    for name, sections in FILES.items():
        files.file(name, sections)
    for folder, (section, key) in FOLDERS.items():
        files.folder(folder, section, key)
    for path in lots:
        draft.elsewhere.add(path.stem)
        files.named(path, str(path), *FOLDERS["lots"])
    files.strangers()
    files.profiles()
    add_states(draft)
    draft.digest = files.digest.hexdigest()
    return draft, files.faults


class _Files:
    """Fills a draft file by file."""

    def __init__(self, directory: Path, draft: Draft, reader: Reader) -> None:
        self.directory = directory
        self.reader = reader
        self.draft = draft
        self.faults: list[Fault] = []
        self.digest = hashlib.sha256()
        self.classes: dict[str, list[str]] = {}

    def tree(self, relative: str) -> Mapping | None:
        """The mapping of one file of the configuration."""
        return self.mapping(self.directory / relative, f"{self.draft.root}/{relative}", relative)

    def mapping(self, path: Path, name: str, relative: str) -> Mapping | None:
        """The mapping of one file, called ``name`` in its faults, counted into the digest as ``relative``."""
        tree, faults = self.reader(path, name)
        self.faults += faults
        self.draft.spoiled |= {fault.place for fault in faults}
        self.draft.incomplete |= not isinstance(tree, Mapping)
        if path.is_file():
            self.digest.update(relative.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        if isinstance(tree, Mapping):
            return tree
        if not faults:
            self.faults.append(Fault(Place(name, 1), "", "a mapping of keys and values is needed"))
        return None

    def file(self, relative: str, sections: tuple[str, ...]) -> None:
        tree = self.tree(relative)
        if tree is None:
            return
        for key, value in tree.items:
            if key.value not in sections:
                self.faults.append(Fault(key.place, str(key.value), f"unknown section {key.value!r}", sections))
                continue
            self.draft.places[(str(key.value),)] = key.place
            self.section(str(key.value), key, value)
        for section in set(sections) - {str(key.value) for key, _ in tree.items} - OPTIONAL:
            self.faults.append(Fault(tree.place, section, "is missing"))
            self.draft.incomplete = True

    def section(self, section: str, key: Scalar, tree: Tree) -> None:
        if section == "site":
            self.draft.site, faults = shaped(Site, tree, (section,), key.place, self.draft)
            self.faults += faults
        elif section == "simulation":
            self.simulation(key, tree)
        elif isinstance(tree, Mapping):
            self.entries(section, tree)
        else:
            self.faults.append(Fault(key.place, section, "must be a mapping of names"))
            self.draft.incomplete = True

    def simulation(self, key: Scalar, tree: Tree) -> None:
        """Senses and actuators may be templates too."""
        if isinstance(tree, Mapping):
            parts: list[Entry] = []
            for name, part in tree.items:
                if name.value in ("senses", "actuators") and isinstance(part, Mapping):
                    entries, faults = expand(part, f"simulation.{name.value}")
                    self.faults += faults
                    part = Mapping(entries, part.place)
                parts.append((name, part))
            tree = Mapping(parts, tree.place)
        self.draft.simulation, faults = shaped(Simulation, tree, ("simulation",), key.place, self.draft)
        self.faults += faults

    def entries(self, section: str, tree: Mapping) -> None:
        """All entries of a section: templates and classes written out, each checked for its shape."""
        entries, faults = expand(tree, section)
        self.faults += faults
        self.draft.incomplete |= bool(faults)
        if section in BY_CLASS:
            self.draft.rows |= {str(key.value) for key, _ in entries}
            rows = list(for_each(entries, self.classes, functools.partial(affected, self.draft), section))
            self.faults += [row for row in rows if isinstance(row, Fault)]
            entries = [row for row in rows if not isinstance(row, Fault)]
        for name, value in entries:
            self.entry(section, name, value)
            if section == "units":
                self.note_class(name, value)

    def entry(self, section: str, key: Scalar, tree: Tree) -> None:
        name = str(key.value)
        if name in self.draft.declared[section]:
            self.faults.append(Fault(key.place, f"{section}.{name}", f"a second {name!r}"))
            return
        self.draft.declared[section].add(name)
        made, faults = shaped(SECTIONS[section], tree, (section, name), key.place, self.draft)
        self.faults += faults
        if made is not None:
            self.draft.section(section)[name] = made

    def note_class(self, name: Scalar, tree: Tree) -> None:
        kind = tree.get("class") if isinstance(tree, Mapping) else None
        if isinstance(kind, Scalar):
            self.classes.setdefault(str(kind.value), []).append(str(name.value))

    def folder(self, folder: str, section: str, naming: str) -> None:
        """One entry per file, called by its naming key."""
        paths = sorted((self.directory / folder).glob("*.yaml"))
        if len(paths) > MAX_FILES:
            self.faults.append(Fault(Place(f"{self.draft.root}/{folder}", 1), section, f"{len(paths)} files, at most {MAX_FILES}"))
        for path in paths[:MAX_FILES]:
            self.named(path, f"{self.draft.root}/{folder}/{path.name}", section, naming)

    def named(self, path: Path, shown: str, section: str, naming: str) -> None:
        """The one entry of a file, called by its naming key as the file is."""
        tree = self.mapping(path, shown, f"{section}/{path.name}")
        if tree is None:
            self.draft.declared[section].add(path.stem)
            return
        named = tree.get(naming)
        name = named.value if isinstance(named, Scalar) and isinstance(named.value, str) else path.stem
        if name != path.stem:
            self.faults.append(Fault(tree.place, f"{section}.{name}.{naming}", f"{name!r} stands in {path.name}; name and file must agree"))
        self.entry(section, Scalar(name, tree.place), tree)

    def profiles(self) -> None:
        """What each described instrument is, with the points of its register list."""
        for name, described in self.draft.instruments.items():
            listed = {} if described.registers is None else self.register_list(name, described.registers)
            if listed is None:
                continue
            for twice in sorted(listed.keys() & described.points.keys()):
                self.faults.append(self.draft.fault(("instruments", name, "points", twice), f"{twice} stands in {described.registers} too"))
            self.draft.profiles.setdefault(name, profile_of(described, listed))

    def register_list(self, name: str, file: str) -> dict[str, RegisterPoint] | None:
        """The points of an instrument's register list; None when it cannot be read."""
        path = self.directory / "instruments" / file
        if path.parent != self.directory / "instruments":
            self.faults.append(self.draft.fault(("instruments", name, "registers"), f"{file!r} is no name of a file beside this one"))
            return None
        listed, faults = read_list(path, f"{self.draft.root}/instruments/{file}")
        self.faults += faults
        if faults:
            return None
        self.digest.update(f"instruments/{file}".encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        return listed

    def strangers(self) -> None:
        """A file that nobody reads is a mistake in its name."""
        known = {*FILES, *(f"{folder}/{p.name}" for folder in FOLDERS for p in (self.directory / folder).glob("*.yaml"))}
        for path in sorted(self.directory.rglob("*.y*ml")):
            relative = path.relative_to(self.directory).as_posix()
            if relative not in known:
                self.faults.append(Fault(Place(f"{self.draft.root}/{relative}", 1), "", "this file is not read", tuple(FILES)))


__all__ = ["ConfigFaults", "Entry", "load", "read_draft"]
