"""What every store of the journal has in common: rows, the chain that makes them, the proof that they follow one another.

    >>> journal = MemoryJournal()
    >>> journal.append([Note(text="first")], Now(0, 0))
    1
    >>> [stored.entry.text for stored in journal.read()]
    ['first']
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from gateway.control.chain import GENESIS, Entry, Stored, link, seal, unseal
from gateway.control.image import Now
from gateway.records.anchor import Head

Row = tuple[int, bytes, bytes]                  # seq, stored bytes, chained hash


class JournalDamaged(Exception):
    """The journal is not what was written. ``seq``: the first entry concerned; ``what``: what is wrong with it."""

    def __init__(self, where: object, seq: int, what: str) -> None:
        super().__init__(f"{where}: entry {seq}: {what}; not opened, restore the directory from a copy that verifies")
        self.seq = seq
        self.what = what


class JournalUnusable(Exception):
    """The journal cannot be used by this program: a newer format, a foreign file, a failed disk."""


class Chain:
    """The end of the chain in memory: turns entries into rows, one after another."""

    def __init__(self, head: Head) -> None:
        self.head = head

    def extend(self, entries: Sequence[Entry], now: Now) -> list[Row]:
        """Rows for ``entries`` at ``now``; the chain moves on to the last of them, or not at all.

        Raises ValueError for an entry that would not read back (NaN where a number is required).
        """
        seq, last = self.head.seq, self.head.hash
        rows: list[Row] = []
        for entry in entries:
            seq += 1
            stored = seal(entry, seq=seq, utc=now.utc, mono=now.mono)
            try:
                unseal(stored)
            except msgspec.DecodeError as why:
                raise ValueError(f"journal entry {seq} {type(entry).__name__}: {why}; nothing written") from None
            last = link(last, stored)
            rows.append((seq, stored, last))
        self.head = Head(seq, last)
        return rows


class Store(Protocol):
    """Where a committer puts rows. ``extend`` is called in order of submission, ``write`` in the same order."""

    @property
    def head(self) -> Head:
        """The last durable entry."""
        ...

    def extend(self, entries: Sequence[Entry], now: Now) -> list[Row]:
        """Seal entries onto the chain (in memory)."""
        ...

    def write(self, rows: Sequence[Row]) -> None:
        """Make rows durable."""
        ...

    def read(self, after: int = 0) -> Iterator[Stored]:
        """Entries with seq > ``after``, in order."""
        ...

    def close(self) -> None:
        """Give it back."""
        ...


def follow(rows: Iterator[Row], head: Head, where: object) -> Iterator[Stored]:
    """Entries of ``rows``, each proven to follow the one before it. Raises JournalDamaged at the first that does not."""
    seq, last = head.seq, head.hash
    for at, stored, chained in rows:
        if at != seq + 1:
            raise JournalDamaged(where, seq + 1, f"missing (next is {at})")
        last = link(last, stored) if isinstance(stored, bytes) else None
        if last is None or last != chained:
            raise JournalDamaged(where, at, "does not match its hash")
        try:
            entry = unseal(stored)
        except msgspec.DecodeError as why:
            raise JournalDamaged(where, at, f"is not an entry: {why}") from None
        if entry.seq != at:
            raise JournalDamaged(where, at, f"says it is entry {entry.seq}")
        seq = at
        yield entry


class MemoryJournal:
    """A journal in a list, for rehearsals: the same bytes, the same hashes, no disk."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._chain = Chain(Head(0, GENESIS))

    @property
    def head(self) -> Head:
        """The last entry."""
        return Head(self.rows[-1][0], self.rows[-1][2]) if self.rows else Head(0, GENESIS)

    def extend(self, entries: Sequence[Entry], now: Now) -> list[Row]:
        """Seal entries onto the chain."""
        return self._chain.extend(entries, now)

    def write(self, rows: Sequence[Row]) -> None:
        """Keep rows."""
        self.rows.extend(rows)

    def append(self, entries: Sequence[Entry], now: Now) -> int:
        """Keep entries; the seq of the last."""
        self.write(self.extend(entries, now))
        return self.head.seq

    def read(self, after: int = 0) -> Iterator[Stored]:
        """Entries with seq > ``after``, in order."""
        return (unseal(stored) for _, stored, _ in self.rows[after:])

    def close(self) -> None:
        """Nothing to give back."""
