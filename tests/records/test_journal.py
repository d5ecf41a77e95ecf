"""The journal keeps what it acknowledged, in order, and refuses to open when it cannot prove that."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from gateway.control.chain import AlarmChanged, Note, OutputChanged
from gateway.control.image import Now
from gateway.records.anchor import SLOT, Head, parse, render
from gateway.records.journal import DirectoryHeld, Journal, JournalDamaged, JournalUnusable, MemoryJournal, read


def filled(directory: Path, n: int = 5) -> Path:
    journal = Journal.open(directory)
    for i in range(1, n + 1):
        journal.append([Note(text=f"note {i}")], Now(i, 1000 + i))
    journal.close()
    return directory


def raw(directory: Path) -> apsw.Connection:
    """A connection that knows no rules: the triggers are gone."""
    connection = apsw.Connection(str(directory / "journal.db"))
    for name in ("journal_never_changes", "journal_never_forgets", "journal_only_grows"):
        connection.execute(f"DROP TRIGGER {name}")
    return connection


def test_entries_come_back_in_order_with_their_times(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "d")
    assert journal.append([Note(text="a"), Note(text="b")], Now(7, 70)) == 2
    assert journal.append([Note(text="c")], Now(8, 80)) == 3
    found = [(s.seq, s.mono, s.utc, s.entry) for s in journal.read(after=1)]
    assert found == [(2, 7, 70, Note(text="b")), (3, 8, 80, Note(text="c"))]
    journal.close()


def test_the_journal_goes_on_where_it_ended(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    journal = Journal.open(tmp_path)
    assert journal.head.seq == 3
    assert journal.notes == []
    assert journal.append([Note(text="next")], Now(9, 9)) == 4
    journal.close()
    assert [s.seq for s in read(tmp_path)] == [1, 2, 3, 4]


def test_disk_and_memory_have_the_same_bytes_and_the_same_head(tmp_path: Path) -> None:
    disk, memory = Journal.open(tmp_path), MemoryJournal()
    for journal in (disk, memory):
        journal.append([AlarmChanged(alarm="R-101.level_high", was="NORM", now="UNACK", value=81.5)], Now(1, 2))
        journal.append([Note(text="µ°²"), OutputChanged(tag="XV-111", wanted=1.0, was=0.0, owner="program")], Now(3, 4))
    assert disk.head == memory.head
    assert list(disk.read()) == list(memory.read())
    disk.close()


@pytest.mark.fault("H04")
def test_a_second_plant_process_is_refused_the_data_directory(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    with pytest.raises(DirectoryHeld, match="held by running process"):
        Journal.open(tmp_path)
    journal.append([Note(text="still the owner")], Now(1, 1))
    journal.close()
    Journal.open(tmp_path).close()


@pytest.mark.parametrize("statement", [
    "UPDATE journal SET bytes = x'00' WHERE seq = 2",
    "DELETE FROM journal WHERE seq = 5",
    "INSERT OR REPLACE INTO journal VALUES(3, x'00', x'00')",
    "INSERT INTO journal VALUES(99, x'00', x'00')",
])
def test_an_entry_is_never_changed_deleted_or_slipped_in(tmp_path: Path, statement: str) -> None:
    filled(tmp_path)
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    with pytest.raises(apsw.ConstraintError, match="append-only"):
        connection.execute(statement)
    connection.close()


def test_an_entry_that_would_not_read_back_is_refused_and_the_chain_stands(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    with pytest.raises(ValueError, match="OutputChanged"):
        journal.append([Note(text="x"), OutputChanged(tag="a", wanted=float("nan"), was=0.0, owner="program")], Now(1, 1))
    assert journal.append([Note(text="y")], Now(1, 1)) == 1
    journal.close()


def test_a_lost_tail_is_named_when_the_plant_starts(tmp_path: Path) -> None:
    filled(tmp_path)
    connection = raw(tmp_path)
    connection.execute("DELETE FROM journal WHERE seq > 3")
    connection.close()
    with pytest.raises(JournalDamaged, match="entry 4: lost: the head anchor stands at 5, the journal ends at 3"):
        Journal.open(tmp_path)


def test_a_changed_entry_near_the_end_stops_the_start(tmp_path: Path) -> None:
    filled(tmp_path)
    connection = raw(tmp_path)
    connection.execute("UPDATE journal SET bytes = replace(bytes, 'note 4', 'note 9') WHERE seq = 4")
    connection.close()
    with pytest.raises(JournalDamaged) as caught:
        Journal.open(tmp_path)
    assert caught.value.seq == 4


def test_an_old_entry_that_was_changed_is_found_when_it_is_read(tmp_path: Path) -> None:
    filled(tmp_path, 100)
    connection = raw(tmp_path)
    connection.execute("UPDATE journal SET bytes = CAST(replace(CAST(bytes AS TEXT), 'note 4\"', 'note 9\"') AS BLOB) WHERE seq = 4")
    connection.close()
    journal = Journal.open(tmp_path)
    with pytest.raises(JournalDamaged, match="entry 4: does not match its hash"):
        list(journal.read())
    journal.close()


@pytest.mark.fault("S10")
def test_a_restored_older_database_is_refused(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    old = (tmp_path / "journal.db").read_bytes()
    filled(tmp_path, 2)
    (tmp_path / "journal.db").write_bytes(old)
    with pytest.raises(JournalDamaged, match="entry 4: lost"):
        Journal.open(tmp_path)


@pytest.mark.fault("S10")
def test_a_journal_of_a_newer_format_is_refused_untouched(tmp_path: Path) -> None:
    filled(tmp_path)
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    connection.execute("PRAGMA user_version=2")
    connection.close()
    before = (tmp_path / "journal.db").read_bytes()
    with pytest.raises(JournalUnusable, match="format 2, this program knows up to 1"):
        Journal.open(tmp_path)
    assert (tmp_path / "journal.db").read_bytes() == before


def test_a_foreign_database_is_not_touched(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    connection.execute("CREATE TABLE recipes(x)")
    connection.close()
    with pytest.raises(JournalUnusable, match="not a journal"):
        Journal.open(tmp_path)


def test_a_missing_head_anchor_is_not_taken_for_an_empty_journal(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "head").unlink()
    with pytest.raises(JournalDamaged, match="head anchor is missing"):
        Journal.open(tmp_path)


def test_entries_stored_but_not_acknowledged_before_a_power_cut_are_kept_and_told(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    anchored = (tmp_path / "head").read_bytes()
    filled(tmp_path, 1)
    (tmp_path / "head").write_bytes(anchored)
    journal = Journal.open(tmp_path)
    assert journal.head.seq == 4
    assert journal.notes == ["1 entries were stored but not acknowledged before the last stop (from 4)"]
    journal.close()


def test_a_torn_slot_leaves_the_slot_before_it(tmp_path: Path) -> None:
    filled(tmp_path, 4)
    both = bytearray((tmp_path / "head").read_bytes())
    newer = 0 if parse(bytes(both[:SLOT])) == max((parse(bytes(both[:SLOT])), parse(bytes(both[SLOT:]))), key=lambda h: h.seq) else 1  # type: ignore[union-attr]
    both[newer * SLOT + 30:newer * SLOT + 60] = bytes(30)
    (tmp_path / "head").write_bytes(both)
    journal = Journal.open(tmp_path)
    assert journal.head.seq == 4
    assert any("torn slot" in note for note in journal.notes)
    journal.close()
    assert None not in [parse(half) for half in ((tmp_path / "head").read_bytes()[:SLOT], (tmp_path / "head").read_bytes()[SLOT:])]


def test_every_changed_byte_of_a_slot_makes_it_invalid() -> None:
    slot = render(Head(123, bytes(range(32))))
    for at in range(SLOT):
        changed = bytearray(slot)
        changed[at] ^= 1
        assert parse(bytes(changed)) is None, at
