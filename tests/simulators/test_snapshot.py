"""A line that was saved goes on, at another instant, as if time had stood still."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from devices.exchange import Write
from gateway.config.loading import load
from gateway.config.models import Config
from gateway.paths import belfast_config
from simulators.line import SECOND, Line
from simulators.snapshot import SnapshotRefused, restore, save

DT_S = 0.5
START = 100 * SECOND
LATER = 7_777 * SECOND + 123
UTC = 1_767_225_600 * SECOND


@pytest.fixture(scope="module")
def config() -> Config:
    return load(belfast_config())


def run(line: Line, seconds: float, mono: int) -> int:
    """Step a line so far from an instant; the instant after it."""
    for _ in range(round(seconds / DT_S)):
        mono += round(DT_S * SECOND)
        line.step(DT_S, mono)
    return mono


def busy_line(config: Config) -> tuple[Line, int]:
    """A line with its water valve open, its agitator turning and the analyser at work, and its instant."""
    line = Line(config, seed=3, utc_offset_ns=UTC)
    line.tip("DNAL-2026-0147", 50.0)
    line.world.set_heel("R-101", 300.0, {"Nd": 5.0})
    mono = run(line, 20.0, START)
    line.banks["IO-101"].answer(Write(1, 5, 84, (1,)), mono)
    for word in (0x0476, 0x0477, 0x047F):
        line.banks["M-101"].answer(Write(7, 6, 0, (word,)), mono)
    line.banks["M-101"].answer(Write(7, 6, 1, (15000,)), mono)
    line.icp.start_program("LIQUOR", {"Stream": "1"}, "job", "task", [{"SampleId": "S1"}], mono)
    return line, run(line, 2.0, mono)


def shown(line: Line) -> dict[str, dict[str, float]]:
    """What the registers of every device say."""
    return {name: {p.name: bank.get(p.name) for p in bank.profile.points if p.kind != "ascii"} for name, bank in line.banks.items()}


def test_a_restored_line_goes_on_as_the_saved_one_does(config: Config, tmp_path: Path):
    line, mono = busy_line(config)
    save(line, mono, tmp_path / "line")
    other = Line(config, seed=99)
    restore(other, tmp_path / "line", mono + LATER, UTC - LATER)
    run(line, 600.0, mono)
    run(other, 600.0, mono + LATER)
    assert line.world.values == other.world.values
    assert line.world.values[line.world.index("R-101.level_m")] > 0.0
    assert repr(line.world.truth("R-101")) == repr(other.world.truth("R-101"))
    assert repr(shown(line)) == repr(shown(other))
    assert {name: bank.expired for name, bank in line.banks.items()} == {name: bank.expired for name, bank in other.banks.items()}
    assert line.icp.nodes == other.icp.nodes
    assert [result.measured for result in line.icp.results] == [result.measured for result in other.icp.results]


def test_a_watchdog_has_as_long_to_run_as_when_the_line_was_saved(config: Config, tmp_path: Path):
    line, mono = busy_line(config)
    assert line.banks["IO-101"].get("do_5_4") == 1.0
    save(line, mono, tmp_path / "line")
    other = Line(config)
    restore(other, tmp_path / "line", mono + LATER, 0)
    other.step(0.0, mono + LATER)
    assert other.banks["IO-101"].get("do_5_4") == 1.0
    run(other, 2.0, mono + LATER)
    assert other.banks["IO-101"].get("do_5_4") == 0.0


def test_a_snapshot_of_another_plant_is_refused(config: Config, tmp_path: Path):
    line = Line(config)
    save(line, START, tmp_path / "line")
    state = pickle.loads((tmp_path / "line").read_bytes())
    del state["banks"]["M-103"]
    (tmp_path / "other").write_bytes(pickle.dumps(state))
    with pytest.raises(SnapshotRefused, match="of another plant"):
        restore(line, tmp_path / "other", START, 0)


def test_a_snapshot_of_another_version_is_refused(config: Config, tmp_path: Path):
    line = Line(config)
    save(line, START, tmp_path / "line")
    state = pickle.loads((tmp_path / "line").read_bytes())
    (tmp_path / "other").write_bytes(pickle.dumps(state | {"format": 0}))
    with pytest.raises(SnapshotRefused, match="format 0"):
        restore(line, tmp_path / "other", START, 0)
