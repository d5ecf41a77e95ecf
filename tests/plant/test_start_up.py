"""From cold: outputs safe, nothing latches by itself, and nothing moves that nobody asked for."""

from __future__ import annotations

from gateway.control.chain import AlarmChanged, BatchState, DeviceChanged, InterlockChanged, OutputChanged
from tests.plant.conftest import Scene


def test_no_trip_latches_by_itself_at_a_cold_start(scene: Scene):
    scene.operator = None
    scene.run(120)
    assert scene.scan.armed
    assert [e.interlock for e in scene.entries(InterlockChanged) if scene.scan.parts.interlocks.by_name[e.interlock].row.latch] == []
    assert scene.entries(DeviceChanged) == []


def test_a_cold_start_raises_no_alarm_for_what_has_not_been_read_yet(scene: Scene):
    scene.operator = None
    scene.run(5)
    assert [e.alarm for e in scene.entries(AlarmChanged) if e.alarm.endswith("_lost")] == []


def test_until_somebody_wants_something_every_output_with_a_safe_value_is_there(scene: Scene):
    scene.operator = None
    scene.run(60)
    for item in scene.scan.parts.outputs.items:
        if item.row.safe is not None and item.owner != "loop":
            assert item.commanded == item.row.safe, item.row.name
    assert scene.entries(OutputChanged) == []


def test_a_start_opens_no_cold_valve_and_purges_no_tank(scene: Scene):
    scene.operator = None
    for _ in range(240):
        scene.step()
        moved = {item.row.name: item.commanded for item in scene.scan.parts.outputs.items if item.row.safe is None and item.commanded}
        assert moved == {}                      # nothing ran before; what keeps what it does goes on standing
    assert scene.scan.armed


def test_a_device_that_never_answers_trips_what_looks_at_it_and_the_rest_starts(scene: Scene):
    scene.operator = None
    scene.rehearsal.dead = {"GD-101"}
    scene.run(60)
    assert scene.scan.armed
    assert "R-101.hydrogen_high" in scene.standing()
    assert "R-102.hydrogen_high" not in scene.standing()
    assert [e.device for e in scene.entries(DeviceChanged)] == ["GD-101"]


def test_a_batch_cannot_start_its_work_before_the_plant_is_seen(scene: Scene):
    scene.operator = None
    scene.rehearsal.dead = {"LC-101"}
    scene.calibrate()
    scene.run(2)
    scene.command("batch.start", "B-9", recipe="SHORT", lot="DNAL-2026-0147", unit="R-101")
    scene.run(10)
    assert scene.state == "HELD"
    assert scene.entries(BatchState)[-1].now == "HELD"
