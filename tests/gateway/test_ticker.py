"""The tick goes before everything else that is ready; its stepped twin keeps the grid: exact, a missed tick is skipped and counted."""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import time
from collections.abc import Iterator

import pytest

from gateway.control.image import SECOND
from gateway.ticker import FEW, Clock, SteppedTicker, Ticker, TickLoop, _timerfd  # pyright: ignore[reportPrivateUsage]
from simulators.wire import Network, run


@pytest.mark.parametrize("period_ns", [SECOND // 2, SECOND, SECOND // 5, 5 * SECOND])
def test_ticks_fall_on_the_grid_of_the_clock_and_do_not_drift(period_ns: int):
    async def main(net: Network) -> list[int]:
        await net.lapse(0.123)
        ticker, seen = SteppedTicker(period_ns), []
        for _ in range(50):
            await ticker.wait()
            seen.append(round(net.loop.time() * 1e9))
        ticker.close()
        assert ticker.missed == 0
        return seen

    seen = run(main)
    assert seen == [(seen[0] // period_ns + k) * period_ns for k in range(50)]
    assert seen[0] == (1000 * SECOND + 123_000_000) // period_ns * period_ns + period_ns


def test_a_scan_that_took_too_long_skips_ticks_and_goes_on_with_the_grid():
    async def main(net: Network) -> tuple[list[float], int]:
        ticker, seen = SteppedTicker(SECOND), []
        for busy_s in (0.2, 3.4, 0.2, 1.0):
            await ticker.wait()
            seen.append(net.loop.elapsed_s)
            await net.lapse(busy_s)
        return seen, ticker.missed

    assert run(main) == ([1.0, 2.0, 5.4, 6.0], 2)


def test_the_stepped_ticker_calls_on_the_grid_until_it_is_closed():
    async def main(net: Network) -> list[float]:
        seen: list[float] = []
        ticker = SteppedTicker(SECOND, lambda: seen.append(net.loop.elapsed_s))
        await net.lapse(3.5)
        ticker.close()
        await net.lapse(3)
        return seen

    assert run(main) == [1.0, 2.0, 3.0]


# --- a machine that sleeps -----------------------------------------------------------------------------------------------
class Machine:
    """The machine's clocks: asleep, its uptime and the wall clock go on and the monotonic clock stands still."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.mono, self.slept, self.utc = 5_000 * SECOND, 70 * SECOND, 10**18
        clocks = {time.CLOCK_MONOTONIC: lambda: self.mono, time.CLOCK_BOOTTIME: lambda: self.mono + self.slept}
        patch.setattr(time, "monotonic_ns", clocks[time.CLOCK_MONOTONIC])
        patch.setattr(time, "clock_gettime_ns", lambda clock: clocks[clock]())
        patch.setattr(time, "time_ns", lambda: self.utc + self.mono + self.slept)

    def sleep(self, ns: int) -> None:
        self.slept += ns


@pytest.mark.fault("T03")
def test_plant_time_goes_on_while_the_machine_sleeps_and_the_clock_says_for_how_long_once(monkeypatch: pytest.MonkeyPatch):
    machine = Machine(monkeypatch)
    clock = Clock()
    before = clock.now()
    assert clock.slept_ns() == 0                # what it slept before the process was there is nothing to it
    machine.mono += SECOND
    assert clock.slept_ns() == 0
    machine.sleep(600 * SECOND)
    now = clock.now()
    assert (now.mono - before.mono, now.utc - before.utc) == (601 * SECOND, 601 * SECOND)
    assert [clock.slept_ns(), clock.slept_ns()] == [600 * SECOND, 0]


@pytest.mark.fault("T03")
def test_after_a_sleep_the_first_tick_comes_at_once_and_what_was_missed_is_not_made_up(monkeypatch: pytest.MonkeyPatch):
    machine, ready = Machine(monkeypatch), Ready(3)
    ready.loop.first(ready.ends[2][0], SECOND)
    assert sorted(ready.told()) == [0, 1, 2]    # the timer's end is ready in this test as well
    machine.sleep(600 * SECOND)
    assert ready.told() == [2]
    assert sorted(ready.told()) == [0, 1, 2]
    machine.mono += SECOND - 1
    assert sorted(ready.told()) == [0, 1, 2]
    machine.mono += 1
    assert ready.told() == [2]
    ready.close()


@pytest.mark.fault("T03")
def test_the_kernels_timer_is_on_the_clock_of_plant_time():
    fd = _timerfd(SECOND)
    try:
        with open(f"/proc/self/fdinfo/{fd}") as info:
            told = dict(line.rstrip().split(":", 1) for line in info if ":" in line)
    finally:
        os.close(fd)
    assert int(told["clockid"]) == time.CLOCK_BOOTTIME


# --- the loop in which the tick comes first ------------------------------------------------------------------------------
class Ready:
    """An event loop's selector with pipes that can be read, numbered, the first of them standing for the timer."""

    def __init__(self, pipes: int) -> None:
        self.loop = TickLoop()
        self.selector = self.loop._few  # pyright: ignore[reportPrivateUsage]
        self.ends = [os.pipe() for _ in range(pipes)]
        for number, (ours, theirs) in enumerate(self.ends):
            self.selector.register(ours, selectors.EVENT_READ, number)
            os.write(theirs, b"x")

    def told(self) -> list[int]:
        return [key.data for key, events in self.selector.select(0) if events == selectors.EVENT_READ]

    def close(self) -> None:
        self.loop.close()
        for end in self.ends:
            for fd in end:
                os.close(fd)


@pytest.fixture
def ready() -> Iterator[Ready]:
    ready = Ready(20)
    yield ready
    ready.close()


def test_few_sockets_are_told_of_at_a_time_and_each_has_its_turn(ready: Ready):
    told = [ready.told() for _ in range(3)]
    assert [len(each) for each in told] == [FEW, FEW, FEW]
    assert {number for each in told for number in each} == set(range(20))


def test_a_tick_that_is_due_is_told_of_alone_and_before_what_was_ready_earlier(ready: Ready, monkeypatch: pytest.MonkeyPatch):
    now = [1000]
    monkeypatch.setattr(time, "clock_gettime_ns", lambda _: now[0])
    ready.told()
    ready.loop.first(ready.ends[19][0], 500)
    now[0] = 1499
    assert ready.told() != [19]
    now[0] = 1500
    assert ready.told() == [19]
    assert len(ready.told()) == FEW             # once: the next is due at 2000
    now[0] = 2600                               # one was missed; the grid stays
    assert ready.told() == [19]
    now[0] = 2999
    assert ready.told() != [19]
    ready.loop.first(-1, 0)
    now[0] = 10_000
    assert ready.told() != [19]


def test_what_the_kernel_told_of_first_is_not_told_of_again_by_the_clock(monkeypatch: pytest.MonkeyPatch):
    now = [1000]
    monkeypatch.setattr(time, "clock_gettime_ns", lambda _: now[0])
    ready = Ready(2)
    ready.loop.first(ready.ends[0][0], 500)
    now[0] = 1499
    assert sorted(ready.told()) == [0, 1]       # as when the timer goes off while the loop waits for it
    now[0] = 1500
    os.read(ready.ends[0][0], 1)
    assert ready.told() == [0]                  # due all the same, since 1499 belonged to the tick before
    assert ready.told() == [1]
    ready.close()


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A clock that goes on by 10 ns whenever it is looked at."""
    now = [1000]

    def look(_: int) -> int:
        now[0] += 10
        return now[0]

    monkeypatch.setattr(time, "clock_gettime_ns", look)
    return now


@pytest.mark.parametrize("at", [1400, 1450, 1490])
def test_shortly_before_a_tick_nothing_else_is_begun_and_the_tick_is_told_of_on_the_grid(ready: Ready, running: list[int], at: int):
    ready.loop.first(ready.ends[19][0], 500, 100)
    running[0] = at
    assert ready.told() == [19]
    assert 1500 <= running[0] <= 1540
    assert len(ready.told()) == FEW             # the sockets have their turn, at once
    assert running[0] < 1600


def test_the_timer_that_goes_off_early_is_told_of_on_the_grid_and_alone(running: list[int]):
    ready = Ready(2)
    ready.loop.first(ready.ends[0][0], 500, 100)
    running[0] = 1385                           # not near at the look, near when the timer has gone off
    assert ready.told() == [0]
    assert 1500 <= running[0] <= 1540
    assert sorted(ready.told()) == [0, 1]
    ready.close()


def test_a_timer_ahead_of_the_clock_or_behind_it_makes_one_tick_of_one(monkeypatch: pytest.MonkeyPatch):
    now, ours, theirs = [1_000_000], *os.pipe2(os.O_NONBLOCK)
    monkeypatch.setattr(time, "clock_gettime_ns", lambda _: now[0])
    monkeypatch.setattr("gateway.ticker._timerfd", lambda period_ns, early_ns: ours)
    ticks: list[int] = []

    async def main() -> None:
        ticker = Ticker(1000, lambda: ticks.append(now[0]))
        fired = ticker._fired  # pyright: ignore[reportPrivateUsage]
        ahead, behind, late = [(1_000_990, True), (1_001_000, False)], [(1_001_001, True)], [(1_002_010, True), (1_002_500, True)]
        for at, rung in [*ahead, *behind, *late, (1_005_000, False)]:
            now[0] = at
            if rung:
                os.write(theirs, bytes(8))
            fired()
        assert ticker.missed == 2
        with pytest.raises(BlockingIOError):    # what the timer said was read
            os.read(ours, 8)
        ticker.close()

    with asyncio.Runner() as runner:
        runner.run(main())
    os.close(theirs)
    assert ticks == [1_001_000, 1_002_010, 1_005_000]


@pytest.mark.parametrize(("period_ns", "early_ns"), [(500_000_000, 1_000_000), (100_000_000, 1_000_000), (10_000_000, 100_000)])
def test_waiting_for_the_grid_takes_a_hundredth_of_a_core_at_most(monkeypatch: pytest.MonkeyPatch, period_ns: int, early_ns: int):
    asked: list[tuple[int, int]] = []
    ours, theirs = os.pipe()

    def timer(period_ns: int, early_ns: int) -> int:
        asked.append((period_ns, early_ns))
        return os.dup(ours)

    monkeypatch.setattr("gateway.ticker._timerfd", timer)

    async def main() -> None:
        Ticker(period_ns).close()

    for factory in (TickLoop, asyncio.SelectorEventLoop):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main())
    os.close(ours)
    os.close(theirs)
    assert asked == [(period_ns, early_ns), (period_ns, 0)]     # a plain loop cannot wait for the grid


def test_what_is_no_longer_watched_is_not_told_of_and_a_hang_up_is(ready: Ready):
    for number, (ours, theirs) in enumerate(ready.ends):
        if number > 1:
            ready.selector.unregister(ours)
        os.close(theirs)
    os.read(ready.ends[0][0], 1)                # nothing is left in it: only the other end is gone
    ready.selector.modify(ready.ends[1][0], selectors.EVENT_READ, 77)
    assert sorted(ready.told()) == [0, 77]
    ready.ends = [(ours, os.dup(ours)) for ours, _ in ready.ends]


def test_a_signal_and_a_timer_wake_the_loop_and_ticks_come_by_their_call():
    async def main() -> int:
        ticks, enough, told = 0, asyncio.Event(), asyncio.Event()

        def tick() -> None:
            nonlocal ticks
            ticks += 1
            if ticks == 3:
                enough.set()

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, told.set)
        ticker = Ticker(2_000_000, tick)
        async with asyncio.timeout(30):
            await enough.wait()
            ticker.close()
            os.kill(os.getpid(), signal.SIGUSR1)
            await told.wait()
            later = asyncio.Event()
            loop.call_later(0.001, later.set)
            await later.wait()
        loop.remove_signal_handler(signal.SIGUSR1)
        return ticks

    with asyncio.Runner(loop_factory=TickLoop) as runner:
        assert runner.run(main()) >= 3


def test_a_scan_as_long_as_its_period_leaves_the_sockets_their_turn(ready: Ready, monkeypatch: pytest.MonkeyPatch):
    now = [1000]
    monkeypatch.setattr(time, "clock_gettime_ns", lambda _: now[0])
    ready.loop.first(ready.ends[19][0], 500)
    told: list[list[int]] = []
    for _ in range(6):
        now[0] += 500                           # the next tick is due at every look
        told.append(ready.told())
    assert [each == [19] for each in told] == [True, False, True, False, True, False]
    assert all(len(each) == FEW for each in told[1::2])
