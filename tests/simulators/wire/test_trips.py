"""Every Modbus link of the line in turn answers no more, with the real stacks between: its trips come within polls, requests and a scan."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.models import Config
from gateway.control.command import Command
from gateway.plant.reach import Reach
from gateway.runtime import Runtime
from simulators.wire import Network, run
from tests.simulators.wire.line import plant_of

BAD = 0x80000000
POLLS = 2                                       # without an answer, after which a value is Bad
LOOK_S = 0.01


pytestmark = pytest.mark.usefixtures("quiet")


def deciding(runtime: Runtime, tags: set[str], reach: Reach) -> set[str]:
    """Calm trips that would not be calm with all of these tags lost; what is computed from them is lost too."""
    parts = runtime.plant.scan.parts
    values, qualities = parts.forces.columns(parts.image)
    for name in tags:
        qualities[parts.image.index[name]] = BAD
    for derived in parts.derived:
        if any(qualities[i] & BAD for i in derived.row.of):
            qualities[derived.row.tag] = BAD
    then = parts.conditions(values, qualities)
    return {item.row.name for item, truth in zip(parts.interlocks.items, then, strict=False)
            if not item.active and not item.row.permissive and truth is not False and reach.read[item.row.name] & tags}


class Silence:
    """``late``: (link, row) -> (seconds until it tripped, seconds that were allowed); ``unsafe``: (row, output) not where it forces."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.late: dict[tuple[str, str], tuple[float, float]] = {}
        self.unsafe: set[tuple[str, str]] = set()

    async def listen(self, net: Network, runtime: Runtime) -> None:
        """All links, one after the other."""
        index = {name: k for k, name in enumerate([*self.config.tags, *self.config.derived])}
        reach = Reach(self.config, index)
        await net.lapse(320)                    # every window is filled
        assert runtime.plant.scan.armed
        for name, link in self.config.links.items():
            if link.kind == "modbus_tcp":
                tags = {tag for tag, given in self.config.tags.items()
                        if given.device is not None and given.scan == "trip" and self.config.devices[given.device].link == name}
                await self._lose(net, runtime, name, deciding(runtime, tags, reach))

    async def _lose(self, net: Network, runtime: Runtime, link: str, rows: set[str]) -> None:
        scan_s, request_s = self.config.site.scan.trip_s, self.config.links[link].timeout_ms / 1000
        allowed = POLLS * (scan_s + request_s) + scan_s
        interlocks = runtime.plant.scan.parts.interlocks
        cable, began = net.cable(self.config.links[link].tcp_port), net.loop.elapsed_s
        cable.to_client.lost = True             # it is heard of no more
        waiting = set(rows)
        while waiting and net.loop.elapsed_s - began < 10:
            await net.lapse(LOOK_S)
            for name in [name for name in waiting if interlocks.by_name[name].active]:
                waiting.discard(name)
                self.late[link, name] = (net.loop.elapsed_s - began, allowed)
        self.late |= {(link, name): (float("inf"), allowed) for name in waiting}
        self._look(runtime, rows)
        cable.to_client.lost = False
        await net.lapse(20)
        inbox = runtime.plant.scan.inbox
        inbox += [Command(verb="interlock.reset", target=i.row.name, who="Ann", why="test") for i in interlocks.items if i.tripped]
        await net.lapse(10)

    def _look(self, runtime: Runtime, rows: set[str]) -> None:
        """What the rows force is what was told to the devices, at once."""
        parts = runtime.plant.scan.parts
        for name in rows:
            for tag in parts.interlocks.by_name[name].row.effects:
                item = parts.outputs.by_tag[tag]
                if item.commanded != parts.interlocks.forced[tag]:
                    self.unsafe.add((name, item.row.name))


def test_a_link_that_falls_silent_trips_what_hangs_on_it_within_two_polls_two_requests_and_a_scan(config: Config, tmp_path: Path):
    silence = Silence(config)

    async def main(net: Network) -> None:
        async with plant_of(net, config, tmp_path) as runtime:
            await silence.listen(net, runtime)
            assert runtime.failure is None

    run(main, seed=3, limit_s=3600)
    assert {key: times for key, times in silence.late.items() if times[0] > times[1] + LOOK_S} == {}
    assert silence.unsafe == set()
    assert len({link for link, _ in silence.late}) >= 9
    assert len({row for _, row in silence.late}) >= 60
