"""The Belfast line, stepped without sockets: a short recipe, a plant brought to a place in it, and what to ask of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from gateway.batch.engine import Engine
from gateway.batch.state import Batch
from gateway.config.loading import load
from gateway.config.models import Config
from gateway.control.chain import Entry
from gateway.control.image import SECOND, Now
from gateway.control.reasons import unmet
from gateway.paths import belfast_config
from gateway.records.store import MemoryJournal
from gateway.runtime import recover
from simulators.checking import commissioning, recorded
from simulators.line import Line
from simulators.people import Operator
from simulators.rehearsal import START, Rehearsal

BATCH, UNIT, LOT = "B-1", "R-101", "DNAL-2026-0147"
STEPS = ("check", "water", "agitate", "acid", "leach")
FORMULA = {"charge_mass": 20.0, "water": 120.0, "acid_ratio": 3.0, "leach_min": 60.0, "leach_max": 60.0}
E = TypeVar("E", bound=Entry)


@pytest.fixture(scope="session")
def config() -> Config:
    """The Belfast configuration with a recipe that doses acid after a few minutes: no heating and no solids before it."""
    whole = load(belfast_config())
    full = whole.recipes["LEACH-NDFEB-SEL"]
    short = full.model_copy(update={"recipe": "SHORT", "procedure": {name: full.procedure[name] for name in STEPS}})
    return whole.model_copy(update={"recipes": {**whole.recipes, "SHORT": short}})


class Scene:
    """A plant with its scripted operator, and the questions that the tests ask."""

    def __init__(
        self,
        config: Config,
        journal: MemoryJournal | None = None,
        *,
        seed: int = 7,
        start: Now = START,
        line: Line | None = None,
        recipe: str = "SHORT",
        unit: str = UNIT,
        formula: dict[str, float] | None = None,
    ) -> None:
        self.config = config
        self.journal = journal or MemoryJournal()
        self.rehearsal = Rehearsal(config, self.journal, seed=seed, start=start, line=line)
        self.scan = self.rehearsal.plant.scan
        self.engine: Engine = self.scan.parts.units[unit]
        world = self.rehearsal.line
        self.operator: Operator | None = Operator(
            BATCH, recipe, LOT, unit, world.tip, world.begin_batch, FORMULA if formula is None else formula,
            recorded(commissioning(world)),
        )
        self.began = len(self.journal.rows)

    # --- time -------------------------------------------------------------------------------------------------------
    def step(self) -> None:
        """One scan, with the operator looking on."""
        if self.operator is not None:
            batch = self.engine.batch
            prompts = batch.open_prompts if batch is not None else {}
            charge = batch.control_recipe["formula"]["charge_mass"] if batch is not None else 0.0
            for action in self.operator.look(self.scan.armed, self.rehearsal.now.mono, prompts, charge):
                self.rehearsal.command(action.verb, action.target, who="operator", why=action.why, **action.arguments)
        self.rehearsal.step()

    def run(self, seconds: float) -> None:
        """So many seconds of plant time."""
        for _ in range(round(seconds * SECOND / self.rehearsal.period_ns)):
            self.step()

    def until(self, reached: Callable[[], bool], within_s: float) -> float:
        """Step until it is so; the plant seconds that it took. Fails when it does not come within the time."""
        began = self.rehearsal.now.mono
        while not reached():
            assert self.rehearsal.now.mono - began < within_s * SECOND, f"not within {within_s} s; batch {self.state} {self.cause}"
            self.step()
        return (self.rehearsal.now.mono - began) / SECOND

    def dosing(self) -> bool:
        """Whether acid flows and some has gone in."""
        active = [run.name for run in self.engine.batch.active] if self.engine.batch else []
        return active == ["acid"] and self.value("FIT-1011") > 0.3

    @property
    def batch(self) -> Batch:
        """The batch on the unit."""
        assert self.engine.batch is not None
        return self.engine.batch

    # --- what is so -------------------------------------------------------------------------------------------------
    @property
    def state(self) -> str:
        """The batch's state."""
        return self.engine.batch.state if self.engine.batch is not None else "none"

    @property
    def cause(self) -> str:
        """Why it is in its state."""
        return self.engine.batch.cause if self.engine.batch is not None else ""

    def value(self, tag: str) -> float:
        """What the image shows."""
        return self.rehearsal.value(tag)

    def good(self, tag: str) -> bool:
        """Whether the image has it Good."""
        image = self.rehearsal.plant.image
        return image.quality[image.index[tag]] & 0xC0000000 == 0

    def asked_of(self, tag: str) -> float | None:
        """What the gateway last commanded of an output."""
        return self.scan.parts.outputs.by_name[tag].commanded

    def truth(self, variable: str) -> float:
        """What nature knows."""
        world = self.rehearsal.line.world
        return world.values[world.index(variable)]

    def set(self, variable: str, value: float) -> None:
        """Break something in nature, or mend it."""
        world = self.rehearsal.line.world
        world.values[world.index(variable)] = value

    def entries(self, kind: type[E]) -> list[E]:
        """Entries of a kind, of this life of the plant process."""
        return [stored.entry for stored in self.journal.read(self.began) if isinstance(stored.entry, kind)]

    def standing(self) -> list[str]:
        """Interlocks that are latched."""
        return [item.row.name for item in self.scan.parts.interlocks.items if item.tripped and item.row.latch]

    # --- people and power -------------------------------------------------------------------------------------------
    def command(self, verb: str, target: str, *, why: str = "test", key: str = "", **arguments: Any) -> str:
        """Give a command, step once; the reason of its refusal, "" when it was accepted."""
        self.rehearsal.command(verb, target, who="operator", why=why, key=key, **arguments)
        self.step()
        return self.rehearsal.answers[-1].entry.reason

    def calibrate(self) -> None:
        """The people do every calibration and write it down."""
        for action in recorded(commissioning(self.rehearsal.line)):
            self.rehearsal.command(action.verb, action.target, who="operator", why=action.why, **action.arguments)

    def reset_all(self) -> None:
        """A person resets whatever is latched, each as soon as it may be: five minutes of nitrogen after hydrogen."""
        for name in self.standing():
            item = self.scan.parts.interlocks.by_name[name]
            self.until(lambda item=item: not unmet(self.scan.parts, item), 400)
            assert self.command("interlock.reset", name) == ""
        self.run(1)

    def power_cut(self, seconds: float = 5.0, clock_s: float = 0.0) -> Scene:
        """The plant process dies; devices and nature go on alone for a while; a new process starts on the same journal.

        ``clock_s``: how far the wall clock of the new one is off.
        """
        old = self.rehearsal
        now = old.now
        for _ in range(round(seconds * SECOND / old.period_ns)):
            now = Now(now.mono + old.period_ns, now.utc + old.period_ns)
            old.line.step(old.period_ns / SECOND, now.mono)
        now = Now(now.mono, now.utc + round(clock_s * SECOND))
        scene = Scene(self.config, self.journal, start=now, line=old.line)
        scene.operator = None
        recover(scene.rehearsal.plant, list(self.journal.read()), now)
        return scene


@pytest.fixture
def scene(config: Config) -> Scene:
    """A plant that has just been switched on."""
    return Scene(config)


@pytest.fixture
def dosing(config: Config) -> Scene:
    """A batch that has been dosing acid for a minute."""
    scene = Scene(config)
    scene.until(scene.dosing, 1800)
    scene.run(60)
    return scene


@pytest.fixture(scope="module")
def seen_dosing(config: Config) -> Scene:
    """The same for tests that only look, or leave it as it was: one plant for all of a module."""
    scene = Scene(config)
    scene.until(scene.dosing, 1800)
    scene.run(60)
    return scene
