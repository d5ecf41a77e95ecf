"""The journal's SQLite file: how it is created, opened, proven and read.

Source: SQLite "Write-Ahead Logging" and "PRAGMA synchronous". The file is created under EXTRA and its directory synced, else
a power cut can undo the switch to WAL and every commit after it; the connection that writes is the one that checkpoints.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import apsw

from gateway.control.chain import FORMAT, GENESIS, Stored
from gateway.records.anchor import Head, newest, slots, sync_directory
from gateway.records.store import JournalDamaged, JournalUnusable, Row, follow

NAME = "journal.db"
APPLICATION_ID = 0x6C61676E                     # "lagn"
TAIL = 64                                       # entries whose chain is checked on opening; reading checks the rest
PAGE = 512                                      # rows per read statement: no read holds back a checkpoint for long
_PAGE = "SELECT seq, bytes, hash FROM journal WHERE seq > ? ORDER BY seq LIMIT ?"

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS journal(seq INTEGER PRIMARY KEY, bytes BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TRIGGER IF NOT EXISTS journal_never_changes BEFORE UPDATE ON journal
  BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS journal_never_forgets BEFORE DELETE ON journal
  BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS journal_only_grows BEFORE INSERT ON journal
  WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM journal)
  BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
PRAGMA application_id={APPLICATION_ID};
PRAGMA user_version={FORMAT};
COMMIT;
"""


def connect(directory: Path, vfs: str | None = None) -> apsw.Connection:
    """The one writing connection; the file is created when missing. Raises JournalUnusable for a foreign or newer file.

    Until ``settle`` nothing in an existing file is moved: a damaged journal stays as it was found.
    """
    connection = apsw.Connection(str(directory / NAME), vfs=vfs) if vfs else apsw.Connection(str(directory / NAME))
    try:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.set_busy_timeout(5000)
        for pragma in ("synchronous=EXTRA", "mmap_size=0", "trusted_schema=OFF", "cell_size_check=ON"):
            connection.execute(f"PRAGMA {pragma}")
        require_ours(directory, connection)
        connection.pragma("journal_mode", "wal")
        if not connection.table_exists(None, "journal"):
            connection.execute(_SCHEMA)
            settle(directory, connection)
        connection.execute("PRAGMA synchronous=FULL")
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def damage_named(directory: Path) -> Iterator[None]:
    """What SQLite says of a damaged file, as JournalDamaged."""
    try:
        yield
    except (apsw.NotADBError, apsw.CorruptError) as why:
        raise JournalDamaged(directory / NAME, 1, f"or a later one: the database is damaged: {why}") from None


def settle(directory: Path, connection: apsw.Connection) -> None:
    """Bring everything read so far into the main file, synced: what a killed process wrote may still be in the page cache only."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sync_directory(directory)
    sync_directory(directory.absolute().parent)


def require_ours(directory: Path, connection: apsw.Connection) -> None:
    """Raises JournalUnusable unless the file is a journal in a format this program knows."""
    application, version = connection.pragma("application_id"), connection.pragma("user_version")
    empty = not connection.execute("SELECT count(*) FROM sqlite_schema").get
    if application != APPLICATION_ID and not empty:
        raise JournalUnusable(f"{directory / NAME}: not a journal (application id {application}); not touched")
    if isinstance(version, int) and version > FORMAT:
        raise JournalUnusable(f"{directory / NAME}: format {version}, this program knows up to {FORMAT}; not touched, use a newer program")


def check_end(directory: Path, connection: apsw.Connection) -> tuple[Head, list[str]]:
    """The head of the database, proven against the anchor; and what a crash left that opening puts right.

    Raises JournalDamaged when entries that were acknowledged are gone or changed.
    """
    last: int = connection.execute("SELECT coalesce(max(seq), 0) FROM journal").get
    anchored, notes = read_anchor(directory, last)
    if anchored.seq > last:
        raise JournalDamaged(directory, last + 1, f"lost: the head anchor stands at {anchored.seq}, the journal ends at {last}")
    start = max(0, min(anchored.seq, last - TAIL))
    head = head_at(connection, start, directory)
    deque(follow(pages(connection, start), head, directory), maxlen=0)
    if head_at(connection, anchored.seq, directory) != anchored:
        raise JournalDamaged(directory, anchored.seq, "is not the one the head anchor names")
    if anchored.seq < last:
        notes.append(f"{last - anchored.seq} entries were stored but not acknowledged before the last stop (from {anchored.seq + 1})")
    return head_at(connection, last, directory), notes


def read_anchor(directory: Path, last: int) -> tuple[Head, list[str]]:
    """The anchored head and notes on a damaged slot. Raises JournalDamaged when there is none although there are entries."""
    try:
        both = slots(directory)
    except FileNotFoundError:
        both = []
    head = newest(both)
    if head is None:
        if last:
            raise JournalDamaged(directory, last, "the head anchor is missing or damaged: a lost tail could not be noticed") from None
        return Head(0, GENESIS), []
    return head, ["a torn slot of the head anchor was written anew"] if None in both else []


def head_at(connection: apsw.Connection, seq: int, where: object) -> Head:
    """The head as it was at ``seq``. Raises JournalDamaged when there is no such entry."""
    if seq == 0:
        return Head(0, GENESIS)
    chained: bytes | None = connection.execute("SELECT hash FROM journal WHERE seq = ?", (seq,)).get
    if not isinstance(chained, bytes):
        raise JournalDamaged(where, seq, "missing")
    return Head(seq, chained)


def read_only(directory: Path) -> apsw.Connection:
    """A connection that cannot write. Raises FileNotFoundError, apsw.Error."""
    path = directory / NAME
    if not path.exists():
        raise FileNotFoundError(f"{path}: no journal there")
    wal = directory / (NAME + "-wal")
    unwritable = not os.access(directory, os.W_OK)
    frozen = "&immutable=1" if unwritable and (not wal.exists() or wal.stat().st_size == 0) else ""
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(f"file:{path.absolute().as_posix().replace('?', '%3f').replace('#', '%23')}?mode=ro{frozen}", flags=flags)
    connection.set_busy_timeout(5000)
    connection.execute("PRAGMA mmap_size=0")
    return connection


def pages(connection: apsw.Connection, after: int) -> Iterator[Row]:
    """Rows with seq > ``after``, a page per statement."""
    while True:
        rows = cast("list[Row]", connection.execute(_PAGE, (after, PAGE)).fetchall())
        if not rows:
            return
        yield from rows
        after = rows[-1][0]


def read(directory: Path, after: int = 0) -> Iterator[Stored]:
    """Entries of the journal in ``directory`` with seq > ``after``, whether a plant process is running or not."""
    with damage_named(directory), contextlib.closing(read_only(directory)) as connection:
        yield from follow(pages(connection, after), head_at(connection, after, directory), directory)
