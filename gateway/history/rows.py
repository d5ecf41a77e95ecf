"""The row historian: samples of every tag in ``history.db``, and queries that keep the extremes.

    history = History.open(directory)
    history.write(now_utc, [("TT-1011A", 61.5, GOOD)])
    history.query("TT-1011A", start_utc, end_utc, max_points=600).values

Trends are worth less than the record: the file is synced at checkpoints only (synchronous NORMAL), so a power cut may cost
the last seconds, never the file. What was not recorded is a gap with a cause, never a line drawn across it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import apsw
import msgspec

from devices.quality import BAD_NO_COMMUNICATION
from gateway.history.decimate import decimate

NAME = "history.db"
FORMAT = 1

Sample = tuple[int, int, float, int]            # tag id, UTC ns, value, quality

_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS tags(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS samples(tag INTEGER NOT NULL, ts INTEGER NOT NULL, value REAL, quality INTEGER NOT NULL,
  PRIMARY KEY(tag, ts)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gaps(start INTEGER NOT NULL, "end" INTEGER NOT NULL, cause TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS mark(only INTEGER PRIMARY KEY CHECK (only = 1), ts INTEGER NOT NULL);
PRAGMA user_version=1;
COMMIT;
"""
_HELD = "SELECT ?, value, quality FROM samples WHERE tag = ? AND ts < ? ORDER BY ts DESC LIMIT 1"
_WITHIN = "SELECT ts, value, quality FROM samples WHERE tag = ? AND ts BETWEEN ? AND ? ORDER BY ts"


class Series(msgspec.Struct, frozen=True):
    """Samples of one tag in order: UTC ns, value (NaN where there was none), quality (OPC UA status code)."""

    tag: str
    times: list[int]
    values: list[float]
    qualities: list[int]


class Gap(msgspec.Struct, frozen=True):
    """A time in which nothing was recorded (UTC ns), and why."""

    start: int
    end: int
    cause: str


class History:
    """The historian's file. One connection writes; every query opens its own, so it may run in any thread."""

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self.path = path
        self._connection = connection
        self._ids: dict[str, int] = {str(name): int(str(i)) for name, i in connection.execute("SELECT name, id FROM tags")}

    @classmethod
    def open(cls, directory: Path) -> History:
        """Open or create the history of a data directory. Raises ValueError for a newer format, apsw.Error."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / NAME
        connection = apsw.Connection(str(path))
        connection.set_busy_timeout(5000)
        connection.execute("PRAGMA mmap_size=0")
        connection.pragma("journal_mode", "wal")
        connection.execute("PRAGMA synchronous=NORMAL")
        version = connection.pragma("user_version")
        if isinstance(version, int) and version > FORMAT:
            connection.close()
            raise ValueError(f"{path}: format {version}, this program knows up to {FORMAT}; not touched")
        connection.execute(_SCHEMA)
        return cls(path, connection)

    def ids(self, names: Iterable[str]) -> list[int]:
        """The numbers of tags, new ones added."""
        for name in names:
            if name not in self._ids:
                self._connection.execute("INSERT INTO tags(name) VALUES(?)", (name,))
                self._ids[name] = self._connection.last_insert_rowid()
        return [self._ids[name] for name in names]

    def write(self, now_utc: int, readings: Sequence[tuple[str, float, int]]) -> None:
        """Keep readings (tag, value, quality) taken at ``now_utc``."""
        ids = self.ids([tag for tag, _, _ in readings])
        self.keep([(i, now_utc, value, quality) for i, (_, value, quality) in zip(ids, readings, strict=True)])

    def keep(self, samples: Sequence[Sample]) -> None:
        """Keep samples in one transaction. A time that is there already stays as it was."""
        if not samples:
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany("INSERT OR IGNORE INTO samples VALUES(?, ?, ?, ?)", samples)
            self._connection.execute("INSERT OR REPLACE INTO mark VALUES(1, ?)", (samples[-1][1],))
            self._connection.execute("COMMIT")
        except apsw.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def gap(self, start: int, end: int, cause: str) -> None:
        """Say that nothing was recorded from ``start`` to ``end`` (UTC ns)."""
        self._connection.execute("INSERT INTO gaps VALUES(?, ?, ?)", (start, end, cause))

    def resume(self, now_utc: int, cause: str = "the plant process was down") -> None:
        """Call once after a start: the time since the last sample is a gap."""
        last: int | None = self._connection.execute("SELECT ts FROM mark").get
        if last is not None and last < now_utc:
            self.gap(last, now_utc, cause)

    def close(self) -> None:
        """Give back the file. What closing would write is written first: closing holds up every thread, and the disk may hang."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint")
        except apsw.Error:
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        self._connection.close()

    def query(self, tag: str, start: int, end: int, max_points: int = 1000) -> Series:
        """Samples of a tag in ``start``..``end`` (UTC ns), at most about ``max_points``; see ``query``."""
        return query(self.path.parent, tag, start, end, max_points)

    def gaps(self, start: int, end: int) -> list[Gap]:
        """Gaps that touch ``start``..``end``."""
        with reading(self.path.parent) as connection:
            return _gaps(connection, start, end)


@contextlib.contextmanager
def reading(directory: Path) -> Iterator[apsw.Connection]:
    """A connection that cannot write."""
    connection = apsw.Connection(str(directory / NAME), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.set_busy_timeout(5000)
        connection.execute("PRAGMA mmap_size=0")
        yield connection
    finally:
        connection.close()


def query(directory: Path, tag: str, start: int, end: int, max_points: int = 1000) -> Series:
    """Samples of a tag, thinned so that every minimum, maximum and loss of quality is still there.

    The value that held at ``start`` comes first; a gap stands as one Bad sample without a value where it begins. An unknown tag
    has no samples.
    """
    with reading(directory) as connection:
        rows = _rows(connection, tag, start, end)
        if rows:
            rows += [(gap.start + 1, math.nan, BAD_NO_COMMUNICATION) for gap in _gaps(connection, start, end)]
            rows.sort(key=lambda row: row[0])
    kept = decimate(rows, max_points)
    return Series(tag, [ts for ts, _, _ in kept], [value for _, value, _ in kept], [quality for _, _, quality in kept])


def _rows(connection: apsw.Connection, tag: str, start: int, end: int) -> list[tuple[int, float, int]]:
    number = connection.execute("SELECT id FROM tags WHERE name = ?", (tag,)).get
    if number is None:
        return []
    found = connection.execute(_HELD, (start, number, start)).fetchall()
    found += connection.execute(_WITHIN, (number, start, end))
    return [(ts, math.nan if value is None else value, quality) for ts, value, quality in found]  # type: ignore[misc]


def _gaps(connection: apsw.Connection, start: int, end: int) -> list[Gap]:
    rows = connection.execute('SELECT start, "end", cause FROM gaps WHERE "end" >= ? AND start <= ? ORDER BY start', (start, end))
    return [Gap(*row) for row in rows]  # type: ignore[arg-type]
