"""The whole line with a link cut: one alarm a cause, over the real stacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.models import Config
from gateway.runtime import Runtime
from simulators.wire import Network, run
from tests.simulators.wire.line import plant_of

GAS = {"SITE.room_hydrogen", "SITE.room_hcl"}       # unknown gas in the room sounds by itself, whatever the cause: people leave


pytestmark = pytest.mark.usefixtures("quiet")


def sounding(runtime: Runtime) -> set[str]:
    return {item.row.name for item in runtime.plant.scan.parts.alarms.items if item.state in ("UNACK", "ACKED")}


@pytest.mark.fault("M01")
@pytest.mark.fault("M03")
def test_whatever_hangs_on_a_link_its_loss_is_one_alarm_and_ends_with_it(config: Config, tmp_path: Path):
    links = {"GW-101": "GW-101.link_lost", "GW-300": "GW-300.link_lost", "IO-100": "IO-100.device_lost", "ICP": "AE-501.device_lost"}

    async def main(net: Network) -> dict[str, tuple[set[str], set[str]]]:
        seen: dict[str, tuple[set[str], set[str]]] = {}
        async with plant_of(net, config, tmp_path) as runtime:
            await net.lapse(30)
            assert sounding(runtime) == set()
            for name in links:
                cable = net.cable(config.links[name].tcp_port)
                cable.answer = "refuse"
                cable.reset()
                await net.lapse(30)
                during = sounding(runtime)
                cable.answer = "accept"
                await net.lapse(90)
                seen[name] = during, sounding(runtime)
        return seen

    for name, (during, after) in run(main, seed=1, limit_s=900).items():
        assert during - GAS == {links[name]}, name
        assert (during & GAS == GAS) == (name == "GW-300")
        assert after == set(), name


@pytest.mark.fault("M29")
def test_a_link_that_comes_and_goes_sounds_once(config: Config, tmp_path: Path):
    async def main(net: Network) -> tuple[list[str], int]:
        states: list[str] = []
        async with plant_of(net, config, tmp_path) as runtime:
            await net.lapse(30)
            alarm = runtime.plant.scan.parts.alarms.by_name["IO-100.device_lost"]
            cable = net.cable(config.links["IO-100"].tcp_port)
            for second in range(180):
                cable.answer = "accept" if second % 7 == 6 else "hang up"
                if second % 7 == 0:
                    cable.reset()
                await net.lapse(1)
                states += [alarm.state] if states[-1:] != [alarm.state] else []
            link = next(each for each in runtime.links if each.name == "IO-100")
        return states, link.tally.connects

    states, connects = run(main, seed=1, limit_s=900)
    assert states == ["UNACK"]
    assert connects > 20
