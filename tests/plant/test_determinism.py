"""Same seed, same plant, same journal to the last byte; and the record alone says what was live."""

from __future__ import annotations

from gateway.config.models import Config
from gateway.control.scan import replay
from gateway.plant import build
from tests.plant.conftest import Scene


def lived(config: Config, seed: int) -> Scene:
    scene = Scene(config, seed=seed)
    scene.until(scene.dosing, 1800)
    scene.set("R-101.agitator_trip", 1.0)
    scene.run(20)
    return scene


def test_same_seed_same_journal_head(config: Config):
    one, two = lived(config, 11), lived(config, 11)
    assert one.journal.head == two.journal.head
    assert one.journal.rows == two.journal.rows
    the_record_alone_says_what_was_live(config, one)


def the_record_alone_says_what_was_live(config: Config, scene: Scene) -> None:
    plant = build(config)
    replay(plant.scan, list(scene.journal.read()))
    live, folded = scene.scan.parts, plant.scan.parts
    assert {i.row.name: i.tripped for i in folded.interlocks.items} == {i.row.name: i.tripped for i in live.interlocks.items}
    assert {a.row.name: a.state for a in folded.alarms.items} == {a.row.name: a.state for a in live.alarms.items}
    assert {n: (lp.mode, lp.owner) for n, lp in folded.loops.items()} == {n: (lp.mode, lp.owner) for n, lp in live.loops.items()}
    batch, again = scene.batch, folded.units["R-101"].batch
    assert (again.state, again.cause, again.shared, again.prompts) == (batch.state, batch.cause, batch.shared, batch.prompts)
    assert {n: run.state for n, run in again.steps.items()} == {n: run.state for n, run in batch.steps.items()}
