"""What a program under test counts: units of work, and the CPU time of its own process, over a span of wall time."""

from __future__ import annotations

import gc
import json
import time


class Counted:
    """Between ``begin`` and ``end``, which prints one line of JSON.

    As in the plant process, what was made before the beginning is no longer looked at by the garbage collector.
    """

    def begin(self) -> None:
        """Everything is connected and warm."""
        gc.collect()
        gc.freeze()
        self.wall, self.cpu = time.monotonic(), time.process_time()

    def over(self, span_s: float) -> bool:
        """Whether the span has passed."""
        return time.monotonic() - self.wall >= span_s

    def end(self, requests: int) -> None:
        """``requests`` (or notifications) were done since the beginning."""
        cpu, wall = time.process_time() - self.cpu, time.monotonic() - self.wall
        print(json.dumps({"requests": requests, "cpu_s": cpu, "wall_s": wall}), flush=True)
