"""The Belfast line copied to a folder of its own, to be spoiled and read again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config.faults import Fault
from gateway.config.loading import ConfigFaults, load
from gateway.config.yaml_source import Tree, read
from gateway.paths import belfast_config

Trees = dict[tuple[str, bytes], tuple[Tree | None, list[Fault]]]


@pytest.fixture(scope="session")
def reader() -> Callable[[Path, str], tuple[Tree | None, list[Fault]]]:
    """Reads a file once for each content, so that a hundred spoiled plants do not take a hundred times as long."""
    trees: Trees = {}

    def remembered(path: Path, name: str) -> tuple[Tree | None, list[Fault]]:
        if not path.is_file():
            return read(path, name)
        key = (name, path.read_bytes())
        if key not in trees:
            trees[key] = read(path, name)
        return trees[key]

    return remembered


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """A copy of the Belfast configuration."""
    return Path(shutil.copytree(belfast_config(), tmp_path / "config"))


@pytest.fixture(scope="session")
def faults_of(reader: Callable[[Path, str], tuple[Tree | None, list[Fault]]]) -> Callable[[Path], list[Fault]]:
    """What is wrong with a folder; nothing when it loads."""

    def found(folder: Path) -> list[Fault]:
        try:
            load(folder, reader=reader)
        except ConfigFaults as refused:
            return refused.faults
        return []

    return found
