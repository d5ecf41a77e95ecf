"""Whatever is done to a journal behind the plant's back, verify finds it, at the entry where it begins."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.control.chain import AlarmChanged, Charged, Note
from gateway.control.image import Now
from gateway.records.journal import Journal, JournalDamaged
from gateway.records.verify import verify

N = 30
ORIGINAL = "SELECT seq, bytes, hash FROM journal ORDER BY seq"


def write(directory: Path) -> Journal:
    journal = Journal.open(directory)
    for i in range(N // 3):
        journal.append([
            Note(text=f"entry of scan {i}"),
            AlarmChanged(alarm="R-101.hydrogen_high", was="NORM", now="UNACK", value=10.5 + i),
            Charged(batch="B1", material="acid", amount=0.1 * i, unit="L", u=0.01),
        ], Now(i, 10**18 + i))
    return journal


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty entries, the plant stopped in order."""
    directory = tmp_path_factory.mktemp("sound")
    write(directory).close()
    return directory


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty entries as a killed plant leaves them: nearly all of it still in the write-ahead log."""
    live, copy = tmp_path_factory.mktemp("live"), tmp_path_factory.mktemp("killed")
    journal = write(live)
    for name in ("journal.db", "journal.db-wal", "head"):
        shutil.copy(live / name, copy / name)
    journal.close()
    return copy


def copied(source: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(source, to)
    return to


def alter(directory: Path, *statements: tuple[str, tuple[object, ...]]) -> None:
    connection = apsw.Connection(str(directory / "journal.db"))
    for name in ("journal_never_changes", "journal_never_forgets", "journal_only_grows"):
        connection.execute(f"DROP TRIGGER {name}")
    for statement, values in statements:
        connection.execute(statement, values)  # type: ignore[arg-type]
    connection.close()


def rows(directory: Path) -> list[tuple[int, bytes, bytes]]:
    connection = apsw.Connection(str(directory / "journal.db"))
    try:
        return connection.execute(ORIGINAL).fetchall()  # type: ignore[return-value]
    finally:
        connection.close()


def flip(path: Path, at: int, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= 1 << bit
    path.write_bytes(content)


def test_a_sound_journal_is_proven_to_its_head(sound: Path) -> None:
    verdict = verify(sound)
    assert verdict.ok
    assert verdict.entries == N
    assert "every hash holds" in str(verdict)


def test_the_journal_of_a_running_plant_is_verified_beside_it(tmp_path: Path) -> None:
    journal = write(tmp_path)
    assert verify(tmp_path).entries == N
    journal.append([Note(text="later")], Now(99, 99))
    assert verify(tmp_path).entries == N + 1
    journal.close()


reuse = settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])


@reuse
@given(seq=st.integers(1, N), column=st.sampled_from(["bytes", "hash"]), at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_any_changed_byte_of_any_entry_is_found_at_that_entry(
    sound: Path, tmp_path: Path, seq: int, column: str, at: int, bit: int,
) -> None:
    directory = copied(sound, tmp_path / "j")
    content = bytearray(rows(directory)[seq - 1][1 if column == "bytes" else 2])
    content[at % len(content)] ^= 1 << bit
    alter(directory, (f"UPDATE journal SET {column} = ? WHERE seq = ?", (bytes(content), seq)))
    fault = verify(directory).fault
    assert fault is not None
    assert fault.seq == seq


@reuse
@given(at=st.integers(0, 2 * 4096 - 1), bit=st.integers(0, 7))
def test_any_changed_byte_of_the_head_anchor_is_found(sound: Path, tmp_path: Path, at: int, bit: int) -> None:
    directory = copied(sound, tmp_path / "j")
    flip(directory / "head", at, bit)
    assert not verify(directory).ok


@pytest.mark.fault("S04")
@reuse
@given(name=st.sampled_from(["journal.db", "journal.db-wal"]), at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_bit_rot_in_the_files_is_found_or_has_touched_no_entry(running: Path, tmp_path: Path, name: str, at: int, bit: int) -> None:
    want = rows(copied(running, tmp_path / "j"))
    directory = copied(running, tmp_path / "j")
    flip(directory / name, at, bit)
    if verify(directory).ok:
        assert rows(directory) == want


@pytest.mark.fault("S03")
def test_a_log_cut_at_any_frame_is_a_lost_tail(running: Path, tmp_path: Path) -> None:
    frames = range(32, (running / "journal.db-wal").stat().st_size, 4096 + 24)
    for size in [0, *frames]:
        directory = copied(running, tmp_path / "j")
        with (directory / "journal.db-wal").open("rb+") as log:
            log.truncate(size)
        fault = verify(directory).fault
        assert fault is not None
        assert fault.kind in ("lost tail", "database damaged")
        with pytest.raises(JournalDamaged):
            Journal.open(directory)


@pytest.mark.parametrize("seq", [1, 2, 15, 29])
def test_a_missing_entry_is_a_gap(sound: Path, tmp_path: Path, seq: int) -> None:
    directory = copied(sound, tmp_path / "j")
    alter(directory, ("DELETE FROM journal WHERE seq = ?", (seq,)))
    fault = verify(directory).fault
    assert fault is not None
    assert (fault.seq, fault.kind) == (seq, "seq gap")


@pytest.mark.parametrize("left", [0, 1, 17, 29])
def test_a_truncated_tail_is_found_by_the_anchor(sound: Path, tmp_path: Path, left: int) -> None:
    directory = copied(sound, tmp_path / "j")
    alter(directory, ("DELETE FROM journal WHERE seq > ?", (left,)))
    fault = verify(directory).fault
    assert fault is not None
    assert (fault.seq, fault.kind) == (left + 1, "lost tail")


def test_swapped_entries_are_found_at_the_first_of_them(sound: Path, tmp_path: Path) -> None:
    directory = copied(sound, tmp_path / "j")
    alter(directory, ("UPDATE journal SET seq = -7 WHERE seq = 7", ()), ("UPDATE journal SET seq = 7 WHERE seq = 12", ()),
          ("UPDATE journal SET seq = 12 WHERE seq = -7", ()))
    fault = verify(directory).fault
    assert fault is not None
    assert (fault.seq, fault.kind) == (7, "hash mismatch")


def test_a_chain_written_anew_from_end_to_end_is_found_by_the_anchor(sound: Path, tmp_path: Path) -> None:
    forged = tmp_path / "forged"
    journal = Journal.open(forged)
    for i in range(N):
        journal.append([Note(text=f"all is well {i}")], Now(i, i))
    journal.close()
    shutil.copy(sound / "head", forged / "head")
    fault = verify(forged).fault
    assert fault is not None
    assert fault.kind == "head anchor"


def test_a_missing_head_anchor_is_a_fault(sound: Path, tmp_path: Path) -> None:
    directory = copied(sound, tmp_path / "j")
    (directory / "head").unlink()
    assert not verify(directory).ok


def test_a_file_that_is_no_database_is_a_verdict_not_a_crash(sound: Path, tmp_path: Path) -> None:
    directory = copied(sound, tmp_path / "j")
    (directory / "journal.db").write_bytes(b"not a database at all" * 500)
    fault = verify(directory).fault
    assert fault is not None
    assert fault.kind == "database damaged"


WRITER = """
import sys
from pathlib import Path
from gateway.control.chain import Note
from gateway.control.image import Now
from gateway.records.committer import ThreadCommitter
from gateway.records.journal import Journal
committer = ThreadCommitter(Journal.open(Path(sys.argv[1])))
i = 0
while True:
    ticket = committer.submit([Note(text=f"entry {i + k}") for k in range(1 + i % 5)], Now(i, i))
    i += 1 + i % 5
    if committer.wait(ticket):
        print(ticket, flush=True)
"""


@pytest.mark.fault("S06")
@pytest.mark.parametrize("acknowledged", [1, 2, 7, 40, 200])
def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path, acknowledged: int) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    assert writer.stdout is not None
    last = 0
    for _ in range(acknowledged):
        last = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.read().split("\n")
    writer.wait()
    writer.stdout.close()
    last = max([last, *(int(line) for line in rest[:-1] if line)])
    verdict = verify(tmp_path)
    assert verdict.ok, str(verdict)
    assert verdict.entries >= last
    journal = Journal.open(tmp_path)
    assert [s.entry for s in journal.read()] == [Note(text=f"entry {i}") for i in range(verdict.entries)]
    journal.close()
