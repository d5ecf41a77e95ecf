"""The journal on disk: entries in order, hash-chained, durable before they are acknowledged.

    journal = Journal.open(Path("/var/lib/lagan"))
    last = journal.append([Note(text="shift change")], now)     # returns once the disk has it
    journal.head.seq == last
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw

from gateway.control.chain import Entry, Stored
from gateway.control.image import Now
from gateway.records.anchor import Anchor, Head
from gateway.records.database import check_end, connect, damage_named, read, settle
from gateway.records.lock import DirectoryHeld, DirectoryLock
from gateway.records.store import Chain, JournalDamaged, JournalUnusable, MemoryJournal, Row, Store

__all__ = ["DirectoryHeld", "Head", "Journal", "JournalDamaged", "JournalUnusable", "MemoryJournal", "Row", "Store", "read"]


class Journal:
    """The journal on disk. One per data directory and process; ``read`` may be called from any thread, ``write`` from one."""

    def __init__(self, directory: Path, connection: apsw.Connection, anchor: Anchor, lock: DirectoryLock, head: Head) -> None:
        self.directory = directory
        self.notes: list[str] = []              # what opening found and put right; the caller journals it
        self._connection = connection
        self._anchor = anchor
        self._lock = lock
        self._chain = Chain(head)
        self._head = head
        self._failed: str | None = None

    @classmethod
    def open(cls, directory: Path, *, vfs: str | None = None) -> Journal:
        """Open or create the journal of a data directory.

        Raises DirectoryHeld (a second process), JournalDamaged (tail lost, chain broken), JournalUnusable (newer format,
        foreign file), OSError. ``vfs``: an apsw VFS by name, for fault injection.
        """
        directory.mkdir(parents=True, exist_ok=True)
        with damage_named(directory), contextlib.ExitStack() as undo:
            lock = DirectoryLock(directory)
            undo.callback(lock.release)
            connection = connect(directory, vfs)
            undo.callback(connection.close)
            head, notes = check_end(directory, connection)
            settle(directory, connection)
            anchor = Anchor(directory, head)
            undo.pop_all()
        journal = cls(directory, connection, anchor, lock, head)
        journal.notes = notes
        return journal

    @property
    def head(self) -> Head:
        """The last durable entry."""
        return self._head

    def extend(self, entries: Sequence[Entry], now: Now) -> list[Row]:
        """Seal entries onto the chain, in memory; every row must be written, in order."""
        return self._chain.extend(entries, now)

    def write(self, rows: Sequence[Row]) -> None:
        """One transaction, then the head anchor; returns when both are on disk.

        Raises apsw.Error or OSError; from then on every write raises JournalUnusable: a failed sync is never tried again,
        because the kernel may already have dropped the pages it could not write.
        """
        if self._failed is not None:
            raise JournalUnusable(f"{self.directory}: failed before: {self._failed}; nothing more is acknowledged")
        if not rows:
            return
        try:
            self._commit(rows)
        except (apsw.Error, OSError) as why:
            self._failed = f"{type(why).__name__}: {why}"
            raise

    def _commit(self, rows: Sequence[Row]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany("INSERT INTO journal VALUES(?, ?, ?)", rows)
            self._connection.execute("COMMIT")
        except apsw.Error:
            if self._connection.in_transaction:
                with contextlib.suppress(apsw.Error):
                    self._connection.execute("ROLLBACK")
            raise
        head = Head(rows[-1][0], rows[-1][2])
        self._anchor.write(head)
        self._head = head

    def append(self, entries: Sequence[Entry], now: Now) -> int:
        """Make entries durable (one transaction, all or none); the seq of the last."""
        self.write(self.extend(entries, now))
        return self._head.seq

    def read(self, after: int = 0) -> Iterator[Stored]:
        """Entries with seq > ``after``, in order, the chain checked on the way. Raises JournalDamaged."""
        return read(self.directory, after)

    def close(self) -> None:
        """Give back files and lock. What closing would write is written first: closing holds up every thread, and the disk may hang."""
        try:
            if self._failed is None:
                self._connection.execute("PRAGMA wal_checkpoint")
        except apsw.Error as why:
            self._failed = f"{type(why).__name__}: {why}"
        if self._failed is not None:
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        self._connection.close()
        self._anchor.close()
        self._lock.release()
