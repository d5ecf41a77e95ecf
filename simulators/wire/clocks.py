"""The clocks of the process follow a loop while it runs: libraries ask ``time`` for the time and must not see another one.

asyncua paces its subscriptions and judges the age of a session by ``time.monotonic``; the gateway's own clock asks for the time since
the machine's start, which is ahead of the loop's by what the machine has slept.
``time.perf_counter`` stays the machine's, so that a run can be measured, and ``datetime.now`` cannot be led.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from simulators.wire.loop import VirtualLoop

NS = 1_000_000_000


@contextlib.contextmanager
def clocks_of(loop: VirtualLoop) -> Iterator[None]:
    """``time.monotonic``, ``time.time``, their nanoseconds and the time since the machine's start are the loop's inside the block."""
    led: dict[str, Callable[..., float]] = {
        "monotonic": loop.time,
        "monotonic_ns": lambda: round(loop.time() * NS),
        "clock_gettime_ns": lambda clock: round(loop.time() * NS) + (loop.slept_ns if clock == time.CLOCK_BOOTTIME else 0),
        "time": lambda: loop.time() + loop.utc_s,
        "time_ns": lambda: round(loop.time() * NS) + round(loop.utc_s * NS),
    }
    real = {name: getattr(time, name) for name in led}
    try:
        for name, clock in led.items():
            setattr(time, name, clock)
        yield
    finally:
        for name, clock in real.items():
            setattr(time, name, clock)
