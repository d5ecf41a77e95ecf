"""The plant process and the served line, live on one virtual clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from gateway.config.models import Config
from gateway.plant import build
from gateway.records.committer import SteppedCommitter
from gateway.runtime import Runtime
from gateway.ticker import Clock, SteppedTicker
from simulators.serving import Simulation
from simulators.wire import Network


@contextlib.asynccontextmanager
async def plant_of(net: Network, config: Config, directory: Path) -> AsyncIterator[Runtime]:
    """Plant process and served line, live on the loop of this network."""
    line = asyncio.create_task(Simulation(config, seed=7).run(), name="line")
    await net.lapse(0)
    runtime = Runtime(build(config), directory, Clock(), ticker=SteppedTicker, committer=SteppedCommitter)
    plant = asyncio.create_task(runtime.run(), name="plant")
    yield runtime
    runtime.stop("the rehearsal is over")
    await plant
    line.cancel()
    await asyncio.gather(line, return_exceptions=True)
