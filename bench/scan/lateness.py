"""A tick of the live loop, with a scan in it and with the links at half a core; a C loop beside it in the same run."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import subprocess
import time
from pathlib import Path

import msgspec

from bench.links.modbus import PORT, RTU_PORT, Ours
from bench.links.programs import Server, compiled, pinned
from bench.scan.plants import Plant
from gateway.ticker import Ticker, TickLoop, uptime_ns

WINDOW_S = 0.004
CONNECTIONS = 50


class Lateness(msgspec.Struct, frozen=True):
    """Of one run: the period, whether the links were at work and at what share of a core, and the lateness, us."""

    period_ms: float
    loaded: bool
    ticks: int
    missed: int
    links_core: float
    p50: float
    p99: float
    p999: float
    worst: float
    c_p50: float
    c_p99: float
    c_p999: float
    c_worst: float


def share(sorted_ns: list[int], part: float) -> float:
    """The value below which that part lies, us."""
    return sorted_ns[min(int(len(sorted_ns) * part), len(sorted_ns) - 1)] / 1000.0


class Links:
    """Fifty Modbus connections kept so busy that their callbacks take half of a core."""

    def __init__(self) -> None:
        self.busy = self.wall = 0.0

    async def work(self) -> None:
        ours = Ours(CONNECTIONS, 0, rtu=False)
        await ours.connected()
        began = time.perf_counter()
        while True:
            window, used = time.perf_counter(), time.process_time()
            while time.process_time() - used < WINDOW_S / 2:
                await ours.round()
            self.busy += time.process_time() - used
            rest = WINDOW_S - (time.perf_counter() - window)
            await asyncio.sleep(max(rest, 0.0))
            self.wall = time.perf_counter() - began


async def ticks(period_ms: float, count: int, plant: Plant, links: Links | None) -> tuple[list[int], int, float]:
    """How late each tick began (ns), how many were missed, and the share of a core that the links took."""
    period = round(period_ms * 1e6)
    work = asyncio.create_task(links.work()) if links is not None else None
    await asyncio.sleep(0.5)
    gc.collect()
    gc.freeze()                                 # as the runtime does after start-up
    late: list[int] = []
    enough = asyncio.Event()

    def tick() -> None:
        late.append(uptime_ns() % period)
        plant.scan()
        if len(late) == count or (work is not None and work.done()):
            enough.set()

    ticker = Ticker(period, tick)
    await enough.wait()
    ticker.close()
    if work is not None and work.done():
        work.result()
    if work is not None:
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
    return late, ticker.missed, links.busy / links.wall if links is not None and links.wall else 0.0


def measure(period_ms: float, count: int, loaded: bool) -> Lateness:
    """One run. The C loop keeps to the other core, where the devices are too: it is idle but for them."""
    program = compiled("nanosleep", beside=Path(__file__).parent)
    beside = subprocess.Popen([program, str(round(period_ms * 1000)), str(count)], stdout=subprocess.PIPE, text=True, preexec_fn=pinned(0))
    if len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {1})
    with contextlib.ExitStack() as stack:
        if loaded:
            stack.enter_context(Server([compiled("server"), str(PORT), str(RTU_PORT)]))
        runner = stack.enter_context(asyncio.Runner(loop_factory=TickLoop))
        late, missed, core = runner.run(ticks(period_ms, count, Plant(150), Links() if loaded else None))
    assert beside.stdout is not None
    floor = sorted(json.loads(beside.stdout.read()))
    beside.wait(60)
    late.sort()
    return Lateness(period_ms, loaded, count, missed, core, share(late, 0.5), share(late, 0.99), share(late, 0.999), late[-1] / 1000.0,
                    share(floor, 0.5), share(floor, 0.99), share(floor, 0.999), floor[-1] / 1000.0)
