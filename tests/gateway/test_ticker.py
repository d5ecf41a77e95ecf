"""The stepped twin of the ticker keeps the grid of the kernel's: exact, and a missed tick is skipped and counted."""

from __future__ import annotations

import pytest

from gateway.control.image import SECOND
from gateway.ticker import SteppedTicker
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
