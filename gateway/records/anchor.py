"""The head of the journal, kept outside the database: a hash chain alone does not notice that its tail is gone.

Two slots in one file are overwritten in turn, so a torn write leaves the slot before it. Each slot is one line of text
padded to 4096 bytes; a slot is valid only if it reads back as exactly the bytes its content would be written as.

    >>> parse(render(Head(7, bytes(32)))) == Head(7, bytes(32))
    True
"""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path

import msgspec

SLOT = 4096                                     # bytes; a slot never shares a physical sector with the other
NAME = "head"
_LINE = re.compile(rb"LAGAN-HEAD 1 seq=(\d{20}) hash=([0-9a-f]{64}) crc=[0-9a-f]{8}")


class Head(msgspec.Struct, frozen=True):
    """Where the journal ends: the last sequence number and its chained hash (32 bytes; 32 zeros at seq 0)."""

    seq: int
    hash: bytes


def render(head: Head) -> bytes:
    """The 4096 bytes of a slot."""
    line = b"LAGAN-HEAD 1 seq=%020d hash=%s" % (head.seq, head.hash.hex().encode())
    return (line + b" crc=%08x" % zlib.crc32(line)).ljust(SLOT - 1) + b"\n"


def parse(slot: bytes) -> Head | None:
    """The head in a slot, None when any byte of it is wrong."""
    found = _LINE.match(slot)
    if found is None:
        return None
    head = Head(int(found[1]), bytes.fromhex(found[2].decode()))
    return head if render(head) == slot else None


def slots(directory: Path) -> list[Head | None]:
    """Both slots as they stand on disk, None for a damaged one. Raises FileNotFoundError when there is no head file."""
    raw = (directory / NAME).read_bytes()
    if len(raw) != 2 * SLOT:
        return [None, None]
    return [parse(raw[:SLOT]), parse(raw[SLOT:])]


def newest(both: list[Head | None]) -> Head | None:
    """The later of the valid slots."""
    valid = [head for head in both if head is not None]
    return max(valid, key=lambda head: head.seq, default=None)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class Anchor:
    """The open head file. ``write`` returns once the head is on disk."""

    def __init__(self, directory: Path, head: Head) -> None:
        """Take over the file at ``head``: both slots are written anew, one after the other, so at least one is always valid."""
        path = directory / NAME
        fresh = not path.exists() or path.stat().st_size != 2 * SLOT
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self._next = 0
        if fresh:
            os.ftruncate(self._fd, 2 * SLOT)
        else:
            self._next = self._stale(directory)
        self.write(head)
        self.write(head)
        os.fsync(self._fd)
        sync_directory(directory)

    @staticmethod
    def _stale(directory: Path) -> int:
        both = slots(directory)
        best = newest(both)
        return 1 if best is not None and both[0] == best else 0

    def write(self, head: Head) -> None:
        """Overwrite the older slot and sync it. Raises OSError; the other slot still stands then."""
        if os.pwrite(self._fd, render(head), self._next * SLOT) != SLOT:
            raise OSError("head anchor written in part: disk full?")
        os.fdatasync(self._fd)
        self._next ^= 1

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)
