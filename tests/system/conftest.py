"""Ports of our own, and a batch in the middle of its acid: what every scenario over sockets starts from."""

from __future__ import annotations

import random
import re
import shutil
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from gateway.config.loading import load
from gateway.control.image import SECOND, Now
from gateway.paths import belfast_config
from gateway.protocol import START_MONO
from gateway.records.journal import Journal
from simulators.rehearsal import Run
from simulators.snapshot import save
from tests.system.site import Site

BATCH = "BELFAST-7"
BEFORE_H = 3.1  # filling, heating and solids take 2.5 h of plant time, a third of the acid half an hour
ACID_L = 18.0
_PORT = re.compile(r'(port: "?=?)(1\d{4})')


class Dosing(msgspec.Struct, frozen=True):
    """A batch a third through its acid: the journal's directory and the snapshot of the line, to be copied, not used."""

    data: Path
    line: Path
    batch: str
    entries: int


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Belfast line on loopback ports that nobody uses; a demonstration may run beside the tests."""
    folder = tmp_path_factory.mktemp("config")
    shutil.copytree(belfast_config(), folder, dirs_exist_ok=True)
    text = (folder / "devices.yaml").read_text()
    used = range(min(ports := [int(port) for _, port in _PORT.findall(text)]), max(ports) + 10)
    dice = random.Random()
    shift = next(s for s in (dice.randrange(1000, 15000, 100) for _ in range(100)) if all(_free(port + s) for port in used))
    (folder / "devices.yaml").write_text(_PORT.sub(lambda m: f"{m[1]}{int(m[2]) + shift}", text))
    return folder


@pytest.fixture(scope="session")
def dosing(tmp_path_factory: pytest.TempPathFactory) -> Dosing:
    """Rehearsed up to the middle of DOSE_ACID, so that its last entry is minutes old; a minute of wall time, once a session."""
    folder = tmp_path_factory.mktemp("dosing")
    journal = Journal.open(folder / "data")
    start = Now(START_MONO, time.time_ns() - round(BEFORE_H * 3600) * SECOND)
    run = Run(load(belfast_config()), journal, recipe="LEACH-NDFEB-SEL", lot="DNAL-2026-0147", batch=BATCH, start=start)
    while run.rehearsal.line.world.elapsed_s < 4 * 3600:
        run.step()
        batch = run.engine.batch
        assert batch is None or batch.state in ("IDLE", "RUNNING"), batch.cause
        if batch is not None and [step.phase for step in batch.active] == ["DOSE_ACID"] and run.rehearsal.value("FQI-1011") > ACID_L:
            break
    else:
        raise AssertionError("no acid within 4 h of plant time")
    assert run.rehearsal.now.utc < time.time_ns()
    save(run.rehearsal.line, run.rehearsal.now.mono, folder / "line")
    entries = journal.head.seq
    journal.close()
    return Dosing(folder / "data", folder / "line", BATCH, entries)


@pytest.fixture
def data(dosing: Dosing, tmp_path: Path) -> Path:
    """A copy of the dosing batch's journal."""
    shutil.copytree(dosing.data, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
async def site(config: Path, data: Path, dosing: Dosing, tmp_path: Path) -> AsyncIterator[Site]:
    """The line as the snapshot left it, served; no plant process yet: its power was cut while it dosed."""
    async with Site(tmp_path, config, data) as site:
        await site.start_line(dosing.line)
        yield site


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The whole batch comes last: it takes longer than all the others."""
    items.sort(key=lambda item: item.path.name == "test_demo.py")
