"""Commissioning writes: what belongs to a plant that runs is not written past it."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.commands.modbus import targets_of
from gateway.commands.plant import SOCKET


@pytest.fixture
def running(tmp_path: Path):
    """A data directory at whose socket somebody answers."""
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as door:
        door.bind(str(tmp_path / SOCKET))
        door.listen()
        yield tmp_path


def write(target: str, data: Path, *more: str) -> int:
    return main(["modbus", "write", target, "holding", "0", "1", "--data", str(data), "--timeout-ms", "50", *more])


@pytest.mark.parametrize("how", ["name", "address"])
def test_a_device_of_a_running_plant_is_not_written_past_it(running: Path, how: str, capsys: pytest.CaptureFixture[str]):
    name, target = next(iter(targets_of(None).items()))
    assert write(name if how == "name" else str(target), running, "--yes") == 2
    assert "belongs to the plant process" in capsys.readouterr().err


def test_a_dry_run_and_a_device_of_nobody_are_not_refused(running: Path, capsys: pytest.CaptureFixture[str]):
    name, target = next(iter(targets_of(None).items()))
    assert write(name, running) == 0
    assert write(f"{target.way.place.rpartition(':')[0]}:1/1", running, "--yes") == 1
    assert "belongs" not in capsys.readouterr().err


def test_where_no_plant_runs_its_devices_may_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(next(iter(targets_of(None))), tmp_path, "--yes")
    assert "belongs" not in capsys.readouterr().err
