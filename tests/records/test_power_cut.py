"""Power cuts: whatever a disk may keep, drop or tear of what was not yet synced, nothing acknowledged is gone.

A recording file system notes every write, truncation and sync of SQLite; the head anchor is noted beside it. For each place
in that log disks are made as a power cut could have left them, and a plant is started on each.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import msgspec
import pytest

from gateway.control.chain import Note
from gateway.control.image import Now
from gateway.records.journal import Journal
from gateway.records.verify import verify

SECTOR = 512
COMMITS = 25


class Event(msgspec.Struct):
    """One thing that happened to a file: write, truncate, sync or acked (``at``: offset, size or sequence number)."""

    kind: str
    name: str
    at: int = 0
    content: bytes = b""


class RecordingFile(apsw.VFSFile):
    """A file that notes what is done to it."""

    def __init__(self, log: list[Event], name: object, flags: list[int]) -> None:
        super().__init__("", name, flags)  # type: ignore[arg-type]
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self._log, self._name = log, Path(path).name

    def xWrite(self, data: bytes, offset: int) -> None:
        self._log.append(Event("write", self._name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        self._log.append(Event("truncate", self._name, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        self._log.append(Event("sync", self._name))
        super().xSync(flags)


class RecordingDisk(apsw.VFS):
    """A file system that notes what is done to its files."""

    def __init__(self) -> None:
        super().__init__("recording", "")
        self.log: list[Event] = []

    def xOpen(self, name: object, flags: list[int]) -> RecordingFile:  # type: ignore[override]
        return RecordingFile(self.log, name, flags)


@pytest.fixture
def disk() -> Iterator[RecordingDisk]:
    vfs = RecordingDisk()
    yield vfs
    vfs.unregister()


def recorded(directory: Path, disk: RecordingDisk) -> tuple[dict[str, bytes], list[Event]]:
    """The files before, and everything that happened to them during 25 commits with a checkpoint every few pages."""
    journal = Journal.open(directory, vfs="recording")
    journal._connection.pragma("wal_autocheckpoint", 8)
    before = {name: (directory / name).read_bytes() for name in ("journal.db", "journal.db-wal", "head")}
    disk.log.clear()
    head = before["head"]
    for i in range(COMMITS):
        seq = journal.append([Note(text=f"entry {i} " + "x" * 40 * (i % 7))], Now(i, i))
        now = (directory / "head").read_bytes()
        half = len(now) // 2
        start = 0 if now[:half] != head[:half] else half
        disk.log += [Event("write", "head", start, now[start:start + half]), Event("sync", "head"), Event("acked", "", seq)]
        head = now
    log = list(disk.log)
    journal.close()
    return before, log


def cut(before: dict[str, bytes], log: list[Event], rng: random.Random) -> dict[str, bytes]:
    """The files after a power cut at the end of ``log``: synced events are there, each other one may be kept, dropped or torn."""
    synced = {name: max((i for i, e in enumerate(log) if e.kind == "sync" and e.name == name), default=-1) for name in before}
    files = {name: bytearray(content) for name, content in before.items()}
    for i, event in enumerate(log):
        if event.kind in ("sync", "acked"):
            continue
        fate = "kept" if i < synced[event.name] else rng.choice(["kept", "dropped", "torn"])
        if fate == "dropped":
            continue
        image = files[event.name]
        if event.kind == "truncate":
            del image[event.at:]
            continue
        content = event.content if fate == "kept" else event.content[:SECTOR * rng.randint(0, len(event.content) // SECTOR)]
        image.extend(bytes(max(0, event.at + len(content) - len(image))))
        image[event.at:event.at + len(content)] = content
    return {name: bytes(image) for name, image in files.items()}


@pytest.mark.fault("S07")
@pytest.mark.parametrize("seed", [42, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 7))])
def test_a_power_cut_anywhere_loses_nothing_that_was_acknowledged(tmp_path: Path, disk: RecordingDisk, seed: int) -> None:
    before, log = recorded(tmp_path / "plant", disk)
    rng = random.Random(seed)
    told = [f"entry {i} " + "x" * 40 * (i % 7) for i in range(COMMITS)]
    assert sum(e.kind == "write" and e.name == "journal.db" for e in log) > 5, "no checkpoint was cut"
    cuts = range(len(log) + 1)
    assert len(cuts) > 150
    for k in cuts:
        after = tmp_path / "after"
        shutil.rmtree(after, ignore_errors=True)
        after.mkdir()
        for name, content in cut(before, log[:k], rng).items():
            (after / name).write_bytes(content)
        acked = max((e.at for e in log[:k] if e.kind == "acked"), default=0)
        journal = Journal.open(after)
        texts = [stored.entry.text for stored in journal.read() if isinstance(stored.entry, Note)]
        journal.append([Note(text="and on")], Now(99, 99))
        journal.close()
        assert len(texts) >= acked, (k, acked, len(texts))
        assert texts == told[:len(texts)]
        assert verify(after).ok, str(verify(after))
