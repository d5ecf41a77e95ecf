"""Nothing is acknowledged before it is on disk, and after a failed sync nothing ever again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from gateway.control.chain import Note
from gateway.control.image import Now
from gateway.records.committer import SteppedCommitter, ThreadCommitter
from gateway.records.journal import Journal, MemoryJournal


class FailingFile(apsw.VFSFile):
    """A file whose sync can be made to fail."""

    def __init__(self, inherit: str, name: object, flags: list[int]) -> None:
        super().__init__(inherit, name, flags)  # type: ignore[arg-type]

    def xSync(self, flags: int) -> None:
        if FailingDisk.broken:
            FailingDisk.refused += 1
            raise apsw.IOError("sync: input/output error")
        super().xSync(flags)


class FailingDisk(apsw.VFS):
    """A disk that reports EIO on fsync once ``broken`` is set."""

    broken = False
    refused = 0

    def __init__(self) -> None:
        super().__init__("failing", "")

    def xOpen(self, name: object, flags: list[int]) -> FailingFile:  # type: ignore[override]
        return FailingFile("", name, flags)


@pytest.fixture
def disk() -> Iterator[FailingDisk]:
    FailingDisk.broken, FailingDisk.refused = False, 0
    yield (vfs := FailingDisk())
    vfs.unregister()


class GatedJournal(MemoryJournal):
    """A disk that takes its time: a write ends when the gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.writes = 0

    def write(self, rows) -> None:  # type: ignore[no-untyped-def]
        self.gate.wait(10)
        self.writes += 1
        super().write(rows)


def test_the_stepped_committer_is_durable_at_once() -> None:
    committer = SteppedCommitter(MemoryJournal())
    assert committer.committed() == 0
    ticket = committer.submit([Note(text="a"), Note(text="b")], Now(1, 1))
    assert ticket == committer.committed() == 2
    assert committer.submit([], Now(2, 2)) == 2


def test_equal_runs_end_at_the_same_head_whatever_the_committer(tmp_path: Path) -> None:
    journals = MemoryJournal(), MemoryJournal(), Journal.open(tmp_path)
    committers = SteppedCommitter(journals[0]), ThreadCommitter(journals[1]), ThreadCommitter(journals[2])
    for committer in committers:
        for i in range(50):
            committer.submit([Note(text=f"scan {i}")] * (i % 3), Now(i, i))
        committer.close()
    assert journals[0].head == journals[1].head == journals[2].head
    journals[2].close()


@pytest.mark.fault("S09")
def test_a_slow_disk_gathers_entries_into_one_commit_and_the_scan_never_waits() -> None:
    journal = GatedJournal()
    committer = ThreadCommitter(journal)
    tickets = [committer.submit([Note(text=str(i))], Now(i, i)) for i in range(20)]
    assert committer.committed() == 0
    assert committer.backlog == 20
    journal.gate.set()
    assert committer.wait(tickets[-1], 10)
    assert journal.writes <= 2
    assert [s.seq for s in journal.read()] == tickets
    committer.close()


def test_the_loop_is_woken_after_each_commit_and_can_wait_for_a_ticket(tmp_path: Path) -> None:
    woken: list[int] = []
    journal = Journal.open(tmp_path)
    committer = ThreadCommitter(journal, on_commit=lambda: woken.append(journal.head.seq))

    async def lockstep() -> bool:
        done = [await committer.durable(committer.submit([Note(text=str(i))], Now(i, i))) for i in range(5)]
        both = await asyncio.gather(committer.durable(committer.submit([Note(text="x")], Now(9, 9))), committer.durable(6))
        return all(done) and all(both)

    assert asyncio.run(lockstep())
    committer.close()
    assert woken[-1] == 6
    journal.close()


@pytest.mark.fault("S05")
def test_a_failed_sync_ends_all_acknowledgement_and_is_never_tried_again(tmp_path: Path, disk: FailingDisk) -> None:
    journal = Journal.open(tmp_path, vfs="failing")
    woken: list[str | None] = []
    committer = ThreadCommitter(journal, on_commit=lambda: woken.append(committer.failed))
    good = committer.submit([Note(text="before")], Now(1, 1))
    assert committer.wait(good, 10)
    FailingDisk.broken = True
    lost = committer.submit([Note(text="never acknowledged")], Now(2, 2))
    assert not committer.wait(lost, 10)
    refused = disk.refused
    FailingDisk.broken = False
    later = committer.submit([Note(text="nor this")], Now(3, 3))
    assert not committer.wait(later, 10)
    assert not asyncio.run(committer.durable(later))
    assert committer.failed is not None
    assert "IOError" in committer.failed
    assert (committer.committed(), disk.refused, woken[-1]) == (good, refused, committer.failed)
    committer.close()
    journal.close()
    again = Journal.open(tmp_path)
    assert again.head.seq >= good
    again.close()


@pytest.mark.fault("S01")
def test_a_full_disk_is_a_failure_that_names_itself(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal._connection.pragma("max_page_count", journal._connection.pragma("page_count"))
    committer = SteppedCommitter(journal)
    first = committer.submit([Note(text="small")], Now(1, 1))
    assert committer.committed() == first
    assert committer.submit([Note(text="x" * 20_000)], Now(2, 2)) == 2
    assert committer.failed is not None
    assert "full" in committer.failed
    assert committer.submit([Note(text="small again")], Now(3, 3)) == 3
    assert committer.committed() == 1
    journal.close()


def test_closing_writes_what_is_queued() -> None:
    journal = GatedJournal()
    committer = ThreadCommitter(journal)
    for i in range(10):
        committer.submit([Note(text=str(i))], Now(i, i))
    journal.gate.set()
    committer.close()
    assert journal.head.seq == 10


async def test_the_stepped_twin_says_when_it_has_committed_and_keeps_nobody_waiting():
    told: list[int] = []
    journal = MemoryJournal()
    committer = SteppedCommitter(journal, lambda: told.append(journal.head.seq))
    ticket = committer.submit([Note(text="a"), Note(text="b")], Now(0, 0))
    assert told == [ticket] == [committer.committed()]
    assert await committer.durable(ticket)
    assert not await committer.durable(ticket + 1)
