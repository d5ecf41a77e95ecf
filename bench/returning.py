"""Fifty devices die and return: when all are Good again, and whether the scan noticed.

    python -m bench.returning [devices] [seconds]

The devices are one process on core 0, which is killed and started again; the gateway side (image, conversations, links, a tick
each 100 ms by the kernel's timer) is this one, on core 1. Lateness of a tick is how much later than the grid it began. The
machine itself stops programs now and then: compare the phases, and run it twice.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

from bench.links.modbus import PORT, RTU_PORT, Ours
from bench.links.programs import TESTED_CORE, Server, compiled
from devices.quality import is_bad, is_good
from gateway.ticker import Ticker

TICK_MS = 100
DEAD_S = 10.0
LIMIT_S = 60.0


class Scans:
    """A scan each tick, and how late each began."""

    def __init__(self, devices: int) -> None:
        self.devices = Ours(devices, TICK_MS, rtu=False)
        self.phase = ""
        self.begun: list[tuple[str, int, int]] = []         # phase, tick, when (ns)

    async def run(self) -> None:
        ticker, number = Ticker(TICK_MS * 1_000_000), 0
        while True:
            await ticker.wait()
            began = time.monotonic_ns()
            number += 1
            self.begun.append((self.phase, number + ticker.missed, began))
            devices = self.devices
            devices.image.age(began)
            for talk in devices.talks:
                talk.beat(began)
                talk.events.clear()
            for link in devices.links:
                link.poke(began)

    def lateness_ms(self, phase: str) -> tuple[int, float, float, float]:
        """Ticks of a phase, and the median, the 99th of a hundred and the largest lateness."""
        period = TICK_MS * 1_000_000
        grid = min(began - number * period for _, number, began in self.begun)
        late = sorted((began - number * period - grid) / 1e6 for each, number, began in self.begun if each == phase)
        return len(late), late[len(late) // 2], late[min(int(len(late) * 0.99), len(late) - 1)], late[-1]

    async def until(self, good: bool) -> float:
        """Seconds until every tag is Good, or Bad."""
        began = time.monotonic()
        while not all((is_good if good else is_bad)(quality) for quality in self.devices.image.quality):
            await asyncio.sleep(0.005)
            if time.monotonic() - began > LIMIT_S:
                raise TimeoutError(f"not all {'Good' if good else 'Bad'} within {LIMIT_S:g} s")
        return time.monotonic() - began


async def measure(devices: int, seconds: float) -> None:
    """Print the table."""
    command = [compiled("server"), str(PORT), str(RTU_PORT)]
    server = Server(command)
    scans = Scans(devices)
    running = asyncio.create_task(scans.run())
    await scans.until(good=True)
    scans.phase = "all up"
    await asyncio.sleep(seconds)
    scans.phase = "dead"
    server.kill()
    bad_s = await scans.until(good=False)
    await asyncio.sleep(max(DEAD_S, seconds / 2))
    scans.phase = "returning"
    with Server(command):
        good_s = await scans.until(good=True)
        scans.phase = "all up again"
        await asyncio.sleep(seconds)
    running.cancel()
    print(f"{devices} devices of 62 values, a scan each {TICK_MS} ms: all Bad {bad_s:.2f} s after their end, all Good {good_s:.2f} s "
          "after their return")
    print("phase          ticks  p50 ms  p99 ms  max ms late")
    for phase in ("all up", "dead", "returning", "all up again"):
        print("{:14} {:5}  {:6.2f}  {:6.2f}  {:6.2f}".format(phase, *scans.lateness_ms(phase)))


if __name__ == "__main__":
    if len(os.sched_getaffinity(0)) > TESTED_CORE:
        os.sched_setaffinity(0, {TESTED_CORE})
    given = [float(text) for text in sys.argv[1:]]
    asyncio.run(measure(int(given[0]) if given else 50, given[1] if given[1:] else 30.0))
