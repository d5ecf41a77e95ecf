"""An event loop whose time is a number: when nothing is ready, it goes to the next timer at once.

Real descriptors, signals and threads still work. A job in an executor takes no virtual time: while one is under way nothing
else happens. A thread of one's own is announced with ``held``. What can never go on is an error, not a hang: no timer and
nothing ready (Deadlock), a limit reached (OutOfTime), callbacks for ever at one instant (Standstill), an exception that
nobody caught (Unhandled).
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulators.wire.network import Network

START_S = 1000.0                    # loop time at the start of a run; not 0, which code may take for "never"
UTC_S = 1_767_225_600.0             # 2026-01-01T00:00:00Z, which is START_S on the loop's clock
PASSES = 100_000                    # passes of the loop at one instant before it is called a standstill
RESOLUTION_S = 1e-9                 # of asyncio's timers: what is due within it is run at once
PATIENCE_S = 60.0                   # wall time that a job outside may take
ALONE_S = 2.0                       # without any work, after which a job is taken to need the loop; a busy machine only makes it slow
SLICE_S = 0.05                      # between two looks at that
_ASYNCIO = asyncio.__path__[0]


class Deadlock(RuntimeError):
    """Nothing can ever happen any more."""


class OutOfTime(RuntimeError):
    """The next thing that would happen lies beyond the limit of the run."""


class Standstill(RuntimeError):
    """Callbacks call one another for ever and time does not move."""


class Unhandled(RuntimeError):
    """A callback, or a task that nobody awaits, raised; the cause is attached."""


class _Selector(selectors.EpollSelector):
    """Waits for no descriptor unless somebody outside the loop is at work; moves the loop's time instead."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        loop = self.loop
        if loop.broken is not None:
            raise loop.broken
        if timeout is not None and timeout <= 0:
            loop.pass_on()
            return super().select(0) if loop.outside or len(self.get_map()) > 1 else []     # the one is the loop's own
        events = super().select(PATIENCE_S if loop.outside else 0)
        if not events:
            loop.jump(timeout)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module. ``network``: where its connections go; ``utc_s``: UTC minus loop time, may be moved by a test.

    ``slept_ns``: for how long the machine was suspended so far, likewise; the loop's time stood still then.
    ``outside``: jobs that work for the loop in other threads; ``broken``: what ends the run at the next pass.
    """

    def __init__(self, limit_s: float) -> None:
        selector = _Selector()
        selector.loop = self
        self._now = START_S
        super().__init__(selector)
        self.network: Network
        self.utc_s = UTC_S - START_S
        self.slept_ns = 0
        self.limit_s = limit_s
        self.outside = 0
        self.broken: Exception | None = None
        self._passes = 0
        self._workers = ThreadPoolExecutor(thread_name_prefix="wire")
        self.set_default_executor(self._workers)
        self.set_exception_handler(_unhandled)

    # --- time ----------------------------------------------------------------------------------------------------
    def time(self) -> float:
        """Virtual seconds, START_S at the beginning."""
        return self._now

    @property
    def elapsed_s(self) -> float:
        """Virtual seconds since the beginning, to the nanosecond."""
        return round(self._now - START_S, 9)

    def grace(self, by_s: float) -> None:
        """The run is over: what is left may still end in so many seconds, and what it raises is not told."""
        self.broken, self.limit_s, self._passes = None, self.elapsed_s + by_s, 0
        self.set_exception_handler(lambda *_: None)

    def pass_on(self) -> None:
        """Another pass at the same instant. Raises Standstill when there were too many."""
        self._passes += 1
        if self._passes > PASSES:
            raise Standstill(f"{PASSES} passes of the loop at {self.elapsed_s:.6f} s without time moving\n{self.waiting()}")

    def jump(self, by_s: float | None) -> None:
        """Go to the next timer. Raises Deadlock, OutOfTime."""
        if self.outside:
            raise Deadlock(f"at {self.elapsed_s:.6f} s a job outside the loop has taken {PATIENCE_S:.0f} s of wall time")
        if by_s is None:
            raise Deadlock(f"nothing can happen any more at {self.elapsed_s:.6f} s: no timer, nothing ready, no job\n{self.waiting()}")
        if self._now + by_s - START_S > self.limit_s:
            raise OutOfTime(f"the limit of {self.limit_s:g} s is reached\n{self.waiting()}")
        self._now += by_s
        self._passes = 0

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any, context: Any = None) -> asyncio.TimerHandle:
        """As asyncio's; a delay too small to be seen moves time all the same, so that who waits for the rest of a second gets there."""
        return super().call_later(max(delay, 2 * RESOLUTION_S) if delay > 0 else delay, callback, *args, context=context)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Time stands still inside the block, because somebody else works for it; who waits is woken by the loop."""
        self.outside += 1
        try:
            yield
        finally:
            self.outside -= 1

    def waiting(self) -> str:
        """Every task that is not done, with the place where it waits."""
        tasks = sorted(asyncio.all_tasks(self), key=lambda task: task.get_name())
        return "\n".join(f"  {task.get_name()} ({_name(task.get_coro())}) waits at {_place(task.get_coro())}" for task in tasks)

    # --- threads -------------------------------------------------------------------------------------------------
    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """As asyncio's; time and the loop stand still until the job is done: what comes next must not hang on how long it took."""
        job = (executor or self._workers).submit(func, *args)
        _let_work(job)
        future = asyncio.wrap_future(job, loop=self)
        self.outside += 1
        future.add_done_callback(self._came_back)
        return future

    def _came_back(self, future: asyncio.Future[Any]) -> None:
        self.outside -= 1

    async def shutdown_default_executor(self, *args: Any) -> None:
        """As asyncio's, which waits in a thread."""
        with self.held():
            await super().shutdown_default_executor(*args)

    # --- connections ---------------------------------------------------------------------------------------------
    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        """Through the network in memory. Raises OSError as a socket would, ValueError for TLS and given sockets."""
        _refuse(options)
        return await self.network.connect(protocol_factory, host, port, options.get("local_addr"))

    async def create_server(  # type: ignore[override]
        self, protocol_factory: Any, host: Any = None, port: Any = None, *, start_serving: bool = True, **options: Any
    ) -> asyncio.AbstractServer:
        """On the network in memory. Raises OSError when the address is taken, ValueError for TLS and given sockets."""
        _refuse(options)
        server = self.network.listener(protocol_factory, host, port)
        if start_serving:
            await server.start_serving()
        return server

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        """Names are not looked up: an address is what it says."""
        return [(2, 1, 6, "", (host, port))]


def _let_work(job: Future[Any]) -> None:
    """Wait until a job is done, as long as it works: by the CPU time of the process, of which nobody else uses any meanwhile."""
    began, idle_s, worked = time.perf_counter(), 0.0, time.process_time()       # time.monotonic is the loop's
    while not job.done() and idle_s < ALONE_S and time.perf_counter() - began < PATIENCE_S:
        wait([job], SLICE_S)
        before, worked = worked, time.process_time()
        idle_s = 0.0 if worked - before > 0.01 * SLICE_S else idle_s + SLICE_S


def _refuse(options: dict[str, Any]) -> None:
    for name in ("ssl", "sock"):
        if options.get(name) is not None:
            raise ValueError(f"the wire rehearsal carries no connection with {name}=")


def _unhandled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    assert isinstance(loop, VirtualLoop)
    if loop.broken is None:
        cause = context.get("exception")
        loop.broken = Unhandled(f"at {loop.elapsed_s:.6f} s: {context['message']}: {cause!r}")
        loop.broken.__cause__ = cause


def _name(coroutine: Any) -> str:
    return getattr(coroutine, "__qualname__", repr(coroutine))


def _place(waiting: Any) -> str:
    """File and line where a suspended coroutine waits: the innermost frame that is not asyncio's own, where there is one."""
    place = "an unknown place"
    while (frame := getattr(waiting, "cr_frame", None)) is not None:
        if place == "an unknown place" or not frame.f_code.co_filename.startswith(_ASYNCIO):
            place = f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
        waiting = waiting.cr_await
    return place
