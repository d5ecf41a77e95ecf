"""The plant process and the served line on one virtual clock: a minute of the plant, with a connection lost in its middle."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.quality import is_bad, is_good
from gateway.config.loading import load
from gateway.config.models import Config
from gateway.paths import belfast_config
from gateway.plant import build
from gateway.records.committer import SteppedCommitter
from gateway.records.verify import verify
from gateway.runtime import Runtime
from gateway.ticker import Clock, SteppedTicker
from simulators.serving import Simulation
from simulators.wire import Network, run

PORT, TAG = 15011, "TT-1011A"           # serial gateway of tank 1, a temperature behind it


@pytest.fixture(scope="module")
def config() -> Config:
    return load(belfast_config())


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The runtime freezes the garbage of its start-up; asyncua writes of connections that are lost on purpose."""
    level = logging.getLogger("asyncua").level
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("asyncua").setLevel(level)
    gc.unfreeze()


class Minute:
    """One minute: ``bad_s`` and ``good_s`` say when the tag turned Bad and came back, in virtual seconds after the fault."""

    def __init__(self, config: Config, directory: Path, seed: int) -> None:
        self.config, self.directory, self.seed = config, directory, seed
        self.before = self.bad_s = self.good_s = -1.0
        self.scans = 0
        self.others_stayed = True
        self.digest = ""

    def live(self) -> Minute:
        run(self._main, seed=self.seed, limit_s=90)
        return self

    async def _main(self, net: Network) -> None:
        line = asyncio.create_task(Simulation(self.config, seed=7).run(), name="line")
        await net.lapse(0)
        runtime = Runtime(build(self.config), self.directory, Clock(), ticker=SteppedTicker, committer=SteppedCommitter)
        plant = asyncio.create_task(runtime.run(), name="plant")
        await net.lapse(30)
        await self._break(net, runtime)
        await net.lapse(60 - net.loop.elapsed_s)
        self.scans, self.digest = runtime.plant.scan.count, net.trace.digest
        runtime.stop("the minute is over")
        await plant
        line.cancel()
        await asyncio.gather(line, return_exceptions=True)

    async def _break(self, net: Network, runtime: Runtime) -> None:
        image = runtime.plant.image
        i, other = image.names.index(TAG), image.names.index("TT-1021A")
        self.before = image.value[i] if is_good(image.quality[i]) else -1.0
        at = net.loop.elapsed_s
        net.cable(PORT).reset()
        while self.good_s < 0 and net.loop.elapsed_s < 55:
            await net.lapse(0.01)
            if is_bad(image.quality[i]) and self.bad_s < 0:
                self.bad_s = net.loop.elapsed_s - at
            if is_good(image.quality[i]) and self.bad_s >= 0:
                self.good_s = net.loop.elapsed_s - at
            self.others_stayed &= is_good(image.quality[other])


@pytest.mark.fault("M01")
def test_a_minute_of_the_plant_loses_a_device_and_gets_it_back(config: Config, tmp_path: Path):
    minute = Minute(config, tmp_path, 1).live()
    assert 0 < minute.before < 100
    assert 0 < minute.bad_s <= 0.05
    assert minute.bad_s < minute.good_s <= 5
    assert minute.others_stayed
    assert minute.scans in (119, 120), "one every half second"
    assert verify(tmp_path).ok


def test_the_minute_is_the_same_again(config: Config, tmp_path: Path):
    first = Minute(config, tmp_path / "a", 1).live()
    again = Minute(config, tmp_path / "b", 1).live()
    assert (first.digest, first.bad_s, first.good_s) == (again.digest, again.bad_s, again.good_s)
