"""The committer: entries go in with a ticket, and nothing waits for the disk but what must.

    >>> committer = SteppedCommitter(MemoryJournal())
    >>> ticket = committer.submit([Note(text="agitator started")], Now(0, 0))
    >>> committer.committed() >= ticket
    True

A ticket is the sequence number of the last entry submitted; an entry is acknowledged once ``committed() >= ticket``.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import apsw

from gateway.control.chain import Entry
from gateway.control.image import Now
from gateway.records.store import JournalUnusable, Row, Store

_FAILURES = (apsw.Error, OSError, JournalUnusable, MemoryError)


class Committer(Protocol):
    """What the scan sees of the record."""

    @property
    def failed(self) -> str | None:
        """Why nothing is acknowledged any more, None while all is well."""
        ...

    def submit(self, entries: Sequence[Entry], now: Now) -> int:
        """Hand over entries in order; the ticket that ``committed`` will reach. Never blocks on the disk."""
        ...

    def committed(self) -> int:
        """The highest ticket that is durable."""
        ...

    async def durable(self, ticket: int) -> bool:
        """Wait until ``ticket`` is durable; False when it never will be."""
        ...

    def close(self, patience_s: float | None = None) -> bool:
        """Write what is left, then stop; False when the disk did not take it in that time: the journal is then still in use."""
        ...


class SteppedCommitter:
    """Commits inside ``submit``: for rehearsals and tests, where the disk has no time of its own.

    ``on_commit`` is called after each commit and failure, as the thread's twin does.
    """

    def __init__(self, journal: Store, on_commit: Callable[[], None] = lambda: None) -> None:
        self.journal = journal
        self._on_commit = on_commit
        self._failed: str | None = None
        self._sealed = journal.head.seq

    @property
    def failed(self) -> str | None:
        """Why nothing is acknowledged any more."""
        return self._failed

    def submit(self, entries: Sequence[Entry], now: Now) -> int:
        """Write entries at once. Raises ValueError for an entry that would not read back."""
        rows = self.journal.extend(entries, now)
        self._sealed = rows[-1][0] if rows else self._sealed
        if self._failed is None:
            try:
                self.journal.write(rows)
            except _FAILURES as why:
                self._failed = f"{type(why).__name__}: {why}"
            self._on_commit()
        return self._sealed

    def committed(self) -> int:
        """The highest ticket that is durable."""
        return self.journal.head.seq

    async def durable(self, ticket: int) -> bool:
        """Whether it is; there is nothing to wait for."""
        return self.committed() >= ticket

    def close(self, patience_s: float | None = None) -> bool:
        """Nothing is left to write."""
        return True


class ThreadCommitter:
    """One writer thread; whatever has gathered while the disk was busy is committed together.

    ``on_commit`` is called in the writer thread after each commit and once on failure: it should only wake the loop
    (``loop.call_soon_threadsafe``). A failure is for ever: nothing is tried again and nothing more is acknowledged.
    """

    def __init__(self, journal: Store, on_commit: Callable[[], None] = lambda: None) -> None:
        self.journal = journal
        self._on_commit = on_commit
        self._queue: deque[list[Row]] = deque()
        self._changed = threading.Condition()
        self._sealed = self._done = journal.head.seq
        self._closing = False
        self._failed: str | None = None
        self._waiting: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Future[bool]]] = []
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def failed(self) -> str | None:
        """Why nothing is acknowledged any more."""
        return self._failed

    @property
    def backlog(self) -> int:
        """Entries submitted and not yet durable."""
        return self._sealed - self._done

    def submit(self, entries: Sequence[Entry], now: Now) -> int:
        """Seal entries in the caller's thread and queue them. Raises ValueError for an entry that would not read back."""
        rows = self.journal.extend(entries, now)
        if rows:
            with self._changed:
                self._sealed = rows[-1][0]
                if self._failed is None:
                    self._queue.append(rows)
                    self._changed.notify_all()
        return self._sealed

    def committed(self) -> int:
        """The highest ticket that is durable."""
        return self._done

    def wait(self, ticket: int, timeout_s: float | None = None) -> bool:
        """Block until ``ticket`` is durable; False when it never will be or time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._done >= ticket or self._failed is not None or not self._thread.is_alive(), timeout_s)
            return self._done >= ticket

    async def durable(self, ticket: int) -> bool:
        """The same without blocking the loop."""
        loop = asyncio.get_running_loop()
        with self._changed:
            if self._done >= ticket or self._failed is not None:
                return self._done >= ticket
            future: asyncio.Future[bool] = loop.create_future()
            self._waiting.append((ticket, loop, future))
        return await future

    def close(self, patience_s: float | None = None) -> bool:
        """Write what is queued and end the thread. The journal stays open: who opened it closes it, unless the thread still holds it."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(patience_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (rows := self._next()) is not None:
            try:
                self.journal.write(rows)
            except _FAILURES as why:
                self._settle(self._done, f"{type(why).__name__}: {why}")
                return
            except BaseException as why:
                self._settle(self._done, f"{type(why).__name__}: {why}")
                raise
            self._settle(rows[-1][0], None)

    def _next(self) -> list[Row] | None:
        """All rows that are waiting, or None when there are none and none will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            rows = [row for batch in self._queue for row in batch]
            self._queue.clear()
        return rows or None

    def _settle(self, done: int, failed: str | None) -> None:
        with self._changed:
            self._done, self._failed = done, failed
            if failed is not None:
                self._queue.clear()
            ready = [each for each in self._waiting if each[0] <= done or failed is not None]
            self._waiting = [each for each in self._waiting if each not in ready]
            self._changed.notify_all()
        for ticket, loop, future in ready:
            _wake(loop, future, ticket <= done)
        self._on_commit()


def _wake(loop: asyncio.AbstractEventLoop, future: asyncio.Future[bool], durable: bool) -> None:
    """Resolve a waiter in its own loop, unless that loop is gone or the waiter gave up."""

    def resolve() -> None:
        if not future.done():
            future.set_result(durable)

    if not loop.is_closed():
        loop.call_soon_threadsafe(resolve)
