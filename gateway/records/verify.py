"""Proof of a journal: every entry, every hash, every number in sequence, and the end against the head anchor.

    >>> verify(directory).ok
    True

Works on the journal of a running plant as well as on a copy; it never writes. The first fault ends the walk, because
nothing after it is proven.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import apsw
import msgspec

from gateway.control.chain import FORMAT, GENESIS, link, unseal
from gateway.records.anchor import Head, newest, slots
from gateway.records.database import NAME, pages, read_only, require_ours
from gateway.records.store import JournalUnusable, Row

ENTRY, HASH, GAP, ANCHOR, TAIL, DATABASE = "bytes not an entry", "hash mismatch", "seq gap", "head anchor", "lost tail", "database damaged"


class Fault(msgspec.Struct, frozen=True):
    """The first thing wrong: at which entry, of which kind, and in words."""

    seq: int
    kind: str
    what: str


class Verdict(msgspec.Struct, frozen=True):
    """How far the journal is proven. ``ahead``: entries stored after the last acknowledged one (a stop in mid-commit)."""

    directory: str
    entries: int
    head: str                                   # hex of the last proven hash
    fault: Fault | None = None
    ahead: int = 0
    first_utc: int = 0
    last_utc: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.fault is None

    def __str__(self) -> str:
        if self.fault is not None:
            fault = self.fault
            return f"{self.directory}: FAULT at entry {fault.seq}: {fault.kind}: {fault.what} ({self.entries} entries proven before it)"
        ahead = f", {self.ahead} of them stored but not acknowledged before the last stop" if self.ahead else ""
        return f"{self.directory}: {self.entries} entries{ahead}, every hash holds, head {self.head}"


class _Broken(Exception):
    def __init__(self, seq: int, kind: str, what: str) -> None:
        super().__init__(what)
        self.fault = Fault(seq, kind, what)


def verify(directory: Path) -> Verdict:
    """Walk the whole journal in ``directory``. Raises FileNotFoundError when there is no journal; a damaged one is a verdict."""
    walk = _Walk(directory)
    fault: Fault | None = None
    try:
        walk.run()
    except _Broken as broken:
        fault = broken.fault
    except JournalUnusable as why:
        fault = Fault(walk.head.seq + 1, DATABASE, str(why))
    except apsw.Error as why:
        fault = Fault(walk.head.seq + 1, DATABASE, f"{type(why).__name__}: {why}")
    ahead = walk.head.seq - walk.anchor.seq if fault is None else 0
    return Verdict(str(directory), walk.head.seq, walk.head.hash.hex(), fault, ahead, walk.first_utc, walk.last_utc)


class _Walk:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.head = self.anchor = Head(0, GENESIS)
        self.first_utc = self.last_utc = 0
        self._met = False                       # the anchored entry was seen, with the anchored hash

    def run(self) -> None:
        with contextlib.closing(read_only(self.directory)) as connection:
            require_ours(self.directory, connection)
            damaged = self._read_anchor()       # before the rows: a running plant only ever adds to them
            self._meet()
            for row in pages(connection, 0):
                self._step(row)
                self._meet()
        self._end(damaged)

    def _read_anchor(self) -> bool:
        both: list[Head | None] = []
        for _ in range(3):                      # a slot may be under the pen of a running plant
            try:
                both = slots(self.directory)
            except FileNotFoundError:
                raise _Broken(0, ANCHOR, "the head file is missing: a lost tail could not be noticed") from None
            if None not in both:
                break
        found = newest(both)
        if found is None:
            raise _Broken(0, ANCHOR, "the head file is damaged: a lost tail could not be noticed")
        self.anchor = found
        return None in both

    def _step(self, row: Row) -> None:
        seq, stored, chained = row
        expected = self.head.seq + 1
        if seq != expected:
            raise _Broken(expected, GAP, f"entry {expected} is missing, the next is {seq}")
        if not isinstance(stored, bytes) or not isinstance(chained, bytes):
            raise _Broken(seq, ENTRY, "the columns hold no bytes")
        head = Head(seq, link(self.head.hash, stored))
        if head.hash != chained:
            raise _Broken(seq, HASH, "the stored bytes or the stored hash were changed")
        self._read(seq, stored)
        self.head = head

    def _read(self, seq: int, stored: bytes) -> None:
        try:
            entry = unseal(stored)
        except msgspec.DecodeError as why:
            raise _Broken(seq, ENTRY, str(why)) from None
        if entry.seq != seq:
            raise _Broken(seq, GAP, f"the entry says it is {entry.seq}")
        if entry.v > FORMAT:
            raise _Broken(seq, ENTRY, f"format {entry.v}, this program knows up to {FORMAT}")
        self.first_utc = self.first_utc or entry.utc
        self.last_utc = entry.utc

    def _meet(self) -> None:
        if self.head.seq == self.anchor.seq:
            if self.head != self.anchor:
                raise _Broken(self.anchor.seq, ANCHOR, "the entry is not the one the head anchor names: the chain was written anew")
            self._met = True

    def _end(self, damaged: bool) -> None:
        if not self._met:
            lost = self.anchor.seq - self.head.seq
            raise _Broken(self.head.seq + 1, TAIL, f"{lost} acknowledged entries are gone: the head anchor stands at {self.anchor.seq}")
        if damaged:
            raise _Broken(self.anchor.seq, ANCHOR, "one of the two slots of the head file is damaged; a start of the plant repairs it")


__all__ = ["ANCHOR", "DATABASE", "ENTRY", "GAP", "HASH", "NAME", "TAIL", "Fault", "Verdict", "verify"]
