"""When the next scan is due: a fixed grid by the kernel's timer, and its stepped twin.

A missed tick is skipped and counted, never made up in a burst. asyncio's own timer is rounded up to a millisecond and
drifts; a timerfd in the loop is not and does not.
"""

from __future__ import annotations

import asyncio
import ctypes
import ctypes.util
import os
import struct
import time
from typing import Protocol

from gateway.control.image import Now

_CLOCK_MONOTONIC, _NONBLOCK, _CLOEXEC, _ABSTIME = 1, 0o4000, 0o2000000, 1


class Clock:
    """Plant time of a live plant: the machine's monotonic clock, and UTC beside it for the record."""

    def now(self) -> Now:
        """The present instant."""
        return Now(time.monotonic_ns(), time.time_ns())


class SteppedClock:
    """Plant time that somebody else moves (a simulator in lockstep, a rehearsal)."""

    def __init__(self, mono: int, utc: int) -> None:
        self._now = Now(mono, utc)

    def now(self) -> Now:
        """The present instant."""
        return self._now

    def set(self, now: Now) -> None:
        """Move to an instant."""
        self._now = now


class Timekeeper(Protocol):
    """Anything that tells plant time."""

    def now(self) -> Now:
        """The present instant."""
        ...


class Ticking(Protocol):
    """Wakes a coroutine on a grid. ``missed`` counts ticks that were skipped."""

    missed: int

    async def wait(self) -> None:
        """Until the next tick of the grid."""
        ...

    def close(self) -> None:
        """No tick any more."""
        ...


class Ticker:
    """Wakes a coroutine on the grid t0 + k * period. ``missed`` counts ticks that were skipped."""

    def __init__(self, period_ns: int) -> None:
        self.period_ns = period_ns
        self.missed = 0
        self._ready = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._fd = _timerfd(period_ns)
        self._loop.add_reader(self._fd, self._fired)

    def _fired(self) -> None:
        try:
            (expired,) = struct.unpack("=Q", os.read(self._fd, 8))
        except BlockingIOError:
            return
        self.missed += expired - 1
        self._ready.set()

    async def wait(self) -> None:
        """Until the next tick of the grid."""
        await self._ready.wait()
        self._ready.clear()

    def close(self) -> None:
        """Give the timer back."""
        self._loop.remove_reader(self._fd)
        os.close(self._fd)


class SteppedTicker:
    """The same grid on the loop's own timer: for a loop whose time somebody moves, which is exact and waits for no kernel."""

    def __init__(self, period_ns: int) -> None:
        self.period_ns = period_ns
        self.missed = 0
        self._last = self._passed()

    def _passed(self) -> int:
        return round(asyncio.get_running_loop().time() * 1e9) // self.period_ns

    async def wait(self) -> None:
        """Until the next tick of the grid; at once when it is over already."""
        passed = self._passed()
        if passed <= self._last:
            loop = asyncio.get_running_loop()
            await asyncio.sleep((self._last + 1) * self.period_ns / 1e9 - loop.time())
            passed = max(self._passed(), self._last + 1)
        self.missed += passed - self._last - 1
        self._last = passed

    def close(self) -> None:
        """Nothing is held."""


def _timerfd(period_ns: int) -> int:
    """A kernel timer that fires on the grid of the monotonic clock (os.timerfd_create exists from Python 3.13 only)."""
    libc = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
    fd = int(libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK | _CLOEXEC))
    if fd < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    first = (time.monotonic_ns() // period_ns + 1) * period_ns
    spec = struct.pack("=qqqq", *divmod(period_ns, 1_000_000_000), *divmod(first, 1_000_000_000))
    if libc.timerfd_settime(fd, _ABSTIME, spec, None) != 0:
        os.close(fd)
        raise OSError(ctypes.get_errno(), "timerfd_settime")
    return fd
