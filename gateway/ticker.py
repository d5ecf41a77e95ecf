"""When the next scan is due: a fixed grid by the kernel's timer, and its stepped twin.

A missed tick is skipped and counted, never made up in a burst. asyncio's own timer is rounded up to a millisecond and
drifts; a timerfd in the loop is not and does not. A plain event loop serves every socket that is ready before it looks
again; ``TickLoop`` looks at the clock first and serves a few at a time. A core that has slept takes most of a millisecond
until Python runs on it (bench/scan): ``TickLoop`` is woken that much early and waits for the grid awake.

Plant time and its grid are the time since the machine started (CLOCK_BOOTTIME). The monotonic clock stands still while a machine is
suspended: what was read before would look fresh after ten minutes, and the end of a bypass would move by them.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import ctypes.util
import os
import select
import selectors
import struct
import time
from collections.abc import Callable
from typing import Any, Protocol

from gateway.control.image import Now

FEW = 8                                         # sockets served between two looks at the clock
EARLY_NS = 1_000_000                            # awake before a tick; never more than a hundredth of the period, so of a core
_NONBLOCK, _CLOEXEC, _ABSTIME = 0o4000, 0o2000000, 1


def uptime_ns() -> int:
    """Since the machine was started, with the time in which it was suspended; never set by anybody."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Clock:
    """Plant time of a live plant: the machine's time since its start, and UTC beside it for the record."""

    def __init__(self) -> None:
        self._asleep = uptime_ns() - time.monotonic_ns()

    def now(self) -> Now:
        """The present instant."""
        return Now(uptime_ns(), time.time_ns())

    def slept_ns(self) -> int:
        """How long the machine was suspended since this was asked last: by how much more its uptime has grown than its monotonic clock."""
        was, self._asleep = self._asleep, uptime_ns() - time.monotonic_ns()
        return self._asleep - was


class SteppedClock:
    """Plant time that somebody else moves (a simulator in lockstep, a rehearsal)."""

    def __init__(self, mono: int, utc: int) -> None:
        self._now = Now(mono, utc)

    def now(self) -> Now:
        """The present instant."""
        return self._now

    def slept_ns(self) -> int:
        """Never: it goes as somebody moves it."""
        return 0

    def set(self, now: Now) -> None:
        """Move to an instant."""
        self._now = now


class Timekeeper(Protocol):
    """Anything that tells plant time, and whether the machine was suspended meanwhile."""

    def now(self) -> Now:
        """The present instant."""
        ...

    def slept_ns(self) -> int:
        """How long the machine was suspended since this was asked last."""
        ...


class TickLoop(asyncio.SelectorEventLoop):
    """An event loop in which a tick that is due comes before everything else that is ready."""

    def __init__(self) -> None:
        self._few = _Few()
        super().__init__(self._few)

    def first(self, fd: int, period_ns: int, early_ns: int = 0) -> None:
        """From now on what reads this timer goes first, on the grid; the timer goes off so much earlier. A period of 0: nothing does."""
        self._few.period_ns, self._few.fd, self._few.early_ns = period_ns, fd, early_ns
        self._few.served()


class _Few(selectors.EpollSelector):
    """Tells of few descriptors at a time. ``fd``: a timer that goes off ``early_ns`` before the grid; it is told of on the grid."""

    def __init__(self) -> None:
        super().__init__()
        self.fd = -1
        self.period_ns = self.early_ns = 0
        self._due = 0
        self._told = False                      # of a tick, at the last look: the sockets have their turn before the next
        self._epoll = select.epoll.fromfd(os.dup(self.fileno()))
        self._keys: dict[int, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        self._keys[key.fd] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = super().unregister(fileobj)
        self._keys.pop(key.fd, None)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().modify(fileobj, events, data)
        self._keys[key.fd] = key
        return key

    def served(self) -> None:
        """The tick was served: the next one is due a period on."""
        self._due = (uptime_ns() // self.period_ns + 1) * self.period_ns if self.period_ns else 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        near = self._near()
        if near and not self._told:
            return self._tick()
        self._told = False
        try:
            found = self._epoll.poll(0 if near else -1 if timeout is None else max(timeout, 0), FEW)
        except InterruptedError:
            return []
        if not near and self._near() and any(fd == self.fd for fd, _ in found):
            return self._tick()                 # what else is ready still is at the next look
        return [(key, _events(event) & key.events) for fd, event in found if (key := self._keys.get(fd)) is not None]

    def _near(self) -> bool:
        return bool(self._due) and uptime_ns() >= self._due - self.early_ns

    def _tick(self) -> list[tuple[selectors.SelectorKey, int]]:
        """The tick alone, when it is due: what is left until then is waited for awake."""
        while uptime_ns() < self._due:
            pass
        self.served()
        self._told = True
        return [(self._keys[self.fd], selectors.EVENT_READ)]

    def close(self) -> None:
        self._epoll.close()
        super().close()


def _events(event: int) -> int:
    """What epoll says in the words of selectors: a hang-up or an error is told to whoever reads and whoever writes."""
    return (selectors.EVENT_WRITE if event & ~select.EPOLLIN else 0) | (selectors.EVENT_READ if event & ~select.EPOLLOUT else 0)


class Ticking(Protocol):
    """Wakes a coroutine on a grid, or calls a function. ``missed`` counts ticks that were skipped."""

    missed: int

    async def wait(self) -> None:
        """Until the next tick of the grid."""
        ...

    def close(self) -> None:
        """No tick any more."""
        ...


class Ticker:
    """The grid t0 + k * period: wakes a coroutine, or calls ``on_tick`` at once. ``missed`` counts ticks that were skipped."""

    def __init__(self, period_ns: int, on_tick: Callable[[], None] | None = None) -> None:
        self.period_ns = period_ns
        self.missed = 0
        self._on_tick = on_tick
        self._ready = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._last = uptime_ns() // period_ns
        early_ns = min(EARLY_NS, period_ns // 100) if isinstance(self._loop, TickLoop) else 0
        self._fd = _timerfd(period_ns, early_ns)
        self._loop.add_reader(self._fd, self._fired)
        if isinstance(self._loop, TickLoop):
            self._loop.first(self._fd, period_ns, early_ns)

    def _fired(self) -> None:
        """Told of by the loop on the grid or by the timer itself, which may be behind or ahead of it: the clock says which tick it is."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._fd, 8)
        tick = uptime_ns() // self.period_ns
        if tick <= self._last:
            return
        self.missed += tick - self._last - 1
        self._last = tick
        if self._on_tick is not None:
            self._on_tick()
        else:
            self._ready.set()

    async def wait(self) -> None:
        """Until the next tick of the grid."""
        await self._ready.wait()
        self._ready.clear()

    def close(self) -> None:
        """Give the timer back."""
        if isinstance(self._loop, TickLoop):
            self._loop.first(-1, 0)
        self._loop.remove_reader(self._fd)
        os.close(self._fd)


class SteppedTicker:
    """The same grid on the loop's own timer: for a loop whose time somebody moves, which is exact and waits for no kernel."""

    def __init__(self, period_ns: int, on_tick: Callable[[], None] | None = None) -> None:
        self.period_ns = period_ns
        self.missed = 0
        self._last = self._passed()
        self._calls = None if on_tick is None else asyncio.create_task(self._call(on_tick), name="ticks")

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

    async def _call(self, on_tick: Callable[[], None]) -> None:
        while True:
            await self.wait()
            on_tick()

    def close(self) -> None:
        """No call any more."""
        if self._calls is not None:
            self._calls.cancel()


def _timerfd(period_ns: int, early_ns: int = 0) -> int:
    """A kernel timer that goes off so much before the grid (os.timerfd_create exists from Python 3.13 only)."""
    libc = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
    fd = int(libc.timerfd_create(time.CLOCK_BOOTTIME, _NONBLOCK | _CLOEXEC))
    if fd < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    first = (uptime_ns() // period_ns + 1) * period_ns - early_ns
    spec = struct.pack("=qqqq", *divmod(period_ns, 1_000_000_000), *divmod(first, 1_000_000_000))
    if libc.timerfd_settime(fd, _ABSTIME, spec, None) != 0:
        os.close(fd)
        raise OSError(ctypes.get_errno(), "timerfd_settime")
    return fd
