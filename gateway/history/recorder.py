"""What of an image is worth keeping: a change beyond the tag's deadband, a change of quality, and a sign of life every minute.

    recorder = Recorder(image, history, deadband={"TT-1011A": 0.05})
    recorder.scan(now)                          # after each scan; buffered, handed over every 5 s or 500 samples
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import apsw

from gateway.control.image import SECOND, Image, Now
from gateway.history.rows import History, Sample

FLUSH_NS = 5 * SECOND
FLUSH_ROWS = 500
LIFE_NS = 60 * SECOND                           # a tag that does not change is written at least this often
_NEVER = 1e308                                  # stands for "no number written last": any number differs from it


class Recorder:
    """Picks samples from an image. Not safe for threads: it belongs to the scan; ``deliver`` takes the samples from there."""

    def __init__(
        self, image: Image, history: History, deadband: Mapping[str, float] | None = None,
        deliver: Callable[[Sequence[Sample]], None] | None = None,
    ) -> None:
        n = len(image.names)
        self.image = image
        self._deliver = deliver or history.keep
        self._ids = history.ids(image.names)
        self._band = [(deadband or {}).get(name, 0.0) for name in image.names]
        self._value = [_NEVER] * n
        self._quality = [-1] * n
        self._written = [0] * n
        self._samples: list[Sample] = []
        self._flushed = 0

    def scan(self, now: Now) -> None:
        """Take note of what changed since the last scan."""
        samples, utc, mono, ids, written = self._samples, now.utc, now.mono, self._ids, self._written
        last_value, last_quality = self._value, self._quality
        columns = zip(self.image.value, self.image.quality, last_value, last_quality, self._band, strict=True)
        for i, (value, quality, was, quality_was, band) in enumerate(columns):
            if quality != quality_was or (value != was and (value - was > band or was - value > band)):
                samples.append((ids[i], utc, value, quality))
                last_value[i] = value if value == value else _NEVER
                last_quality[i] = quality
                written[i] = mono
        if mono - self._flushed >= FLUSH_NS or len(samples) >= FLUSH_ROWS:
            self._live(now)
            self.flush(now)

    def _live(self, now: Now) -> None:
        """Write again what has not changed for a minute."""
        due = now.mono - LIFE_NS + FLUSH_NS
        value, quality = self.image.value, self.image.quality
        for i, written in enumerate(self._written):
            if written <= due:
                self._samples.append((self._ids[i], now.utc, value[i], quality[i]))
                self._written[i] = now.mono

    def flush(self, now: Now) -> None:
        """Hand over what has gathered."""
        self._flushed = now.mono
        if self._samples:
            samples, self._samples = self._samples, []
            self._deliver(samples)


class HistoryThread:
    """Keeps samples in a thread of its own, so a slow disk delays no scan. Give ``deliver`` to a Recorder.

    When the disk fails or falls behind, samples are dropped, oldest first, and the time they covered becomes a gap.
    """

    def __init__(self, history: History, most: int = 200_000) -> None:
        self.history = history
        self.dropped = 0
        self.failed: str | None = None
        self._most = most
        self._queue: deque[Sequence[Sample]] = deque()
        self._waiting = 0
        self._gaps: list[tuple[int, int, str]] = []
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)
        self._thread.start()

    def deliver(self, samples: Sequence[Sample]) -> None:
        """Queue samples; never waits for the disk."""
        with self._changed:
            self._queue.append(samples)
            self._waiting += len(samples)
            while self._waiting > self._most:
                self._drop(self._queue.popleft(), "the disk fell behind")
            self._changed.notify_all()

    def close(self, patience_s: float | None = None) -> bool:
        """Keep what is queued, then end; False when the disk did not take it in that time: the history is then still in use."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(patience_s)
        return not self._thread.is_alive()

    def _drop(self, samples: Sequence[Sample], cause: str) -> None:
        self._waiting -= len(samples)
        self._lost(samples, cause)

    def _lost(self, samples: Sequence[Sample], cause: str) -> None:
        self.dropped += len(samples)
        start, end = samples[0][1], samples[-1][1]
        if self._gaps and self._gaps[-1][2] == cause:
            start = self._gaps.pop()[0]
        self._gaps.append((start, end, cause))

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closing)
                if not self._queue:
                    return
                samples = [sample for batch in self._queue for sample in batch]
                gaps, self._gaps, self._waiting = self._gaps, [], 0
                self._queue.clear()
            self._keep(samples, gaps)

    def _keep(self, samples: Sequence[Sample], gaps: Sequence[tuple[int, int, str]]) -> None:
        try:
            for start, end, cause in gaps:
                self.history.gap(start, end, cause)
            self.history.keep(samples)
            self.failed = None
        except (apsw.Error, OSError) as why:
            with self._changed:
                self.failed = f"{type(why).__name__}: {why}"
                self._gaps = [*gaps, *self._gaps]
                self._lost(samples, "the disk refused the samples")
