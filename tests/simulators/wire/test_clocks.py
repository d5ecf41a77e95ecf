"""The process's clocks follow the loop while a run lasts, and only then."""

from __future__ import annotations

import time

import pytest

from gateway.ticker import Clock
from simulators.wire import Network, run
from simulators.wire.loop import START_S, UTC_S

CLOCKS = ("monotonic", "monotonic_ns", "time", "time_ns")


def test_every_clock_moves_with_the_loop():
    async def main(net: Network) -> list[tuple[float, ...]]:
        seen = [tuple(getattr(time, name)() for name in CLOCKS)]
        await net.lapse(2.5)
        return [*seen, tuple(getattr(time, name)() for name in CLOCKS)]

    first, then = run(main)
    assert first == (START_S, START_S * 1e9, UTC_S, UTC_S * 1e9)
    assert [b - a for a, b in zip(first, then, strict=True)] == [2.5, 2.5e9, 2.5, 2.5e9]


def test_the_gateways_own_clock_tells_the_loops_time():
    async def main(net: Network) -> list[int]:
        clock = Clock()
        seen = [clock.now().mono]
        await net.lapse(60)
        return [*seen, clock.now().mono]

    assert run(main) == [1_000_000_000_000, 1_060_000_000_000]


@pytest.mark.fault("T03")
def test_a_machine_that_sleeps_is_ahead_of_the_loop_and_its_clock_says_for_how_long():
    async def main(net: Network) -> tuple[int, int, float]:
        clock = Clock()
        before = clock.now()
        net.loop.slept_ns += 600_000_000_000
        return clock.now().mono - before.mono, clock.slept_ns(), net.loop.elapsed_s

    assert run(main) == (600_000_000_000, 600_000_000_000, 0.0)


@pytest.mark.fault("T01")
@pytest.mark.parametrize("step_s", [3600.0, -3600.0, -UTC_S])
def test_the_wall_clock_may_be_set_without_a_timer_noticing(step_s: float):
    async def main(net: Network) -> tuple[float, float]:
        clock = Clock()
        net.loop.call_later(5, lambda: setattr(net.loop, "utc_s", net.loop.utc_s + step_s))
        before = clock.now()
        await net.lapse(10)
        after = clock.now()
        return (after.mono - before.mono) / 1e9, (after.utc - before.utc) / 1e9

    assert run(main) == (10.0, pytest.approx(10.0 + step_s))


def test_after_the_run_the_clocks_are_the_machines_again_also_when_it_failed():
    names = (*CLOCKS, "clock_gettime_ns")
    real = [getattr(time, name) for name in names]

    async def fail(net: Network) -> None:
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        run(fail)
    assert [getattr(time, name) for name in names] == real
