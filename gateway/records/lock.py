"""One plant process per data directory: a second one is refused before it can write or move anything (fault H04)."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

NAME = "lock"


class DirectoryHeld(Exception):
    """Another process holds the data directory."""


class DirectoryLock:
    """An exclusive advisory lock on ``<directory>/lock``; the kernel lets go of it when the process ends, however it ends."""

    def __init__(self, directory: Path) -> None:
        """Take the lock. Raises DirectoryHeld, naming the process that has it."""
        self._fd = os.open(directory / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            raise DirectoryHeld(f"{directory}: held by running process {holder}; nothing opened, nothing written") from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go."""
        os.close(self._fd)
