"""The plant process and the served line on one virtual clock: a minute of the plant, with a connection lost in its middle."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from devices.quality import is_bad, is_good
from gateway import runtime as runtimes
from gateway.config.models import Config
from gateway.control.chain import Note
from gateway.control.command import Command
from gateway.records.journal import read
from gateway.records.verify import verify
from gateway.runtime import Runtime
from simulators.wire import Cable, Network, run
from tests.simulators.wire.line import plant_of

PORT, TAG = 15011, "TT-1011A"           # serial gateway of tank 1, a temperature behind it


pytestmark = pytest.mark.usefixtures("quiet")


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
        async with plant_of(net, self.config, self.directory) as runtime:
            await net.lapse(30)
            await self._break(net, runtime)
            await net.lapse(60 - net.loop.elapsed_s)
            self.scans, self.digest = runtime.plant.scan.count, net.trace.digest

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


@pytest.fixture(scope="module")
def minute(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Minute:
    return Minute(config, tmp_path_factory.mktemp("minute"), 1).live()


@pytest.mark.fault("M01")
def test_a_minute_of_the_plant_loses_a_device_and_gets_it_back(minute: Minute):
    assert 0 < minute.before < 100
    assert 0 < minute.bad_s <= 0.05
    assert minute.bad_s < minute.good_s <= 5
    assert minute.others_stayed
    assert minute.scans in (119, 120), "one every half second"
    assert verify(minute.directory).ok


def test_the_minute_is_the_same_again(config: Config, minute: Minute, tmp_path: Path):
    again = Minute(config, tmp_path, 1).live()
    assert (minute.digest, minute.bad_s, minute.good_s) == (again.digest, again.bad_s, again.good_s)


def measured(runtime: Runtime) -> set[str]:
    """Tags read from a device that are Bad; what is derived from several may need its whole window again."""
    image, tags = runtime.plant.image, runtime.plant.config.tags
    return {name for name, quality in zip(image.names, image.quality, strict=True)
            if is_bad(quality) and name in tags and tags[name].device is not None}


@pytest.mark.parametrize(("seed", "rounds"), [(1, 12), *(pytest.param(seed, 60, marks=pytest.mark.soak) for seed in range(2, 22))])
def test_in_bad_weather_on_every_cable_the_process_lives_and_all_is_good_within_10_s_after_it(
    config: Config, tmp_path: Path, seed: int, rounds: int
):
    async def main(net: Network) -> tuple[set[str], set[str], set[str], int]:
        rng = random.Random(seed)
        cables = [net.cable(port) for port in sorted({link.tcp_port for link in config.links.values()})]
        async with plant_of(net, config, tmp_path) as runtime:
            await net.lapse(40)
            before, worst = measured(runtime), set[str]()
            for _ in range(rounds):
                for cable in cables:
                    worsen(cable, rng, net.loop.time())
                await net.lapse(10)
                worst |= measured(runtime)
            for cable in cables:
                cable.set(latency_s=0.0, jitter_s=0.0, cut=None, lost=False)
                cable.answer = "accept"
            await net.lapse(10)
            assert runtime.failure is None
            return before, worst, measured(runtime), runtime.plant.scan.count

    before, worst, after, scans = run(main, seed=seed, limit_s=3600)
    assert len(worst) > 100
    assert after <= before
    assert scans >= 2 * (40 + 10 * rounds + 10) - 1
    assert verify(tmp_path).ok


def worsen(cable: Cable, rng: random.Random, now: float) -> None:
    """Another ten seconds of this cable."""
    cable.set(latency_s=rng.choice((0.0, 0.01, 0.1)), jitter_s=rng.choice((0.0, 0.1)), cut=rng.choice((None, (1, 5))), lost=False)
    cable.answer = rng.choice(("accept", "accept", "hang up", "refuse", "void"))
    what = rng.randrange(8)
    if what == 0:
        cable.reset()
    elif what == 1:
        cable.finish("server")
    elif what == 2:
        rng.choice(cable.lanes).lost = True
    elif what == 3:
        cable.part(now, now + rng.uniform(0, 8))


@pytest.mark.fault("T03")
def test_after_ten_minutes_of_suspend_nothing_is_known_until_it_was_asked_anew_and_a_bypass_is_over(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The monotonic clock of a suspended machine, and with it the loop and its sockets, stand still; everything else goes on."""
    logged: list[tuple[str, float]] = []
    monkeypatch.setattr(runtimes.log, "warning", lambda event, **more: logged.append((event, more.get("seconds", 0.0))))

    async def main(net: Network) -> tuple[set[str], set[str], set[str], bool, bool]:
        async with plant_of(net, config, tmp_path) as runtime:
            await net.lapse(40)
            scan, before, seen = runtime.plant.scan, measured(runtime), list[set[str]]()
            tick = runtime.tick

            def seeing() -> int:
                ticket = tick()
                seen.append(measured(runtime))
                return ticket

            runtime.tick = seeing
            command = Command(verb="interlock.bypass", target="R-101.acid_pump_lost", who="Ann", why="test", arguments={"minutes": 5})
            assert (await runtime.do(command)).entry.outcome == "accepted"
            await net.lapse(2)
            row = scan.parts.interlocks.by_name["R-101.acid_pump_lost"]
            stood = bool(row.bypass_until)
            net.loop.slept_ns += 600_000_000_000
            net.loop.utc_s += 600
            await net.lapse(0.5)
            over, at_wake = not row.bypass_until, seen[-1]
            await net.lapse(10)
            assert runtime.failure is None
            return before, at_wake, measured(runtime), stood, over

    before, at_wake, after, stood, over = run(main, limit_s=120)
    assert len(at_wake) > 100
    assert after <= before
    assert (stood, over) == (True, True)
    assert logged.count(("machine_slept", 600.0)) == 1
    assert [stored.entry.text for stored in read(tmp_path) if isinstance(stored.entry, Note)] == ["the machine slept for 600.0 s"]
