"""The plant process as a service: how it stops, that there is one of it, and that it can look without touching."""

from __future__ import annotations

import pytest

from gateway.client import Client, Refused
from gateway.control.chain import ServiceStarted, ServiceStopped
from gateway.records.journal import read
from tests.system.site import Site, lagan

pytestmark = pytest.mark.system

START_S = 60.0


async def armed(site: Site, plant: Client, scans: int = 0) -> None:
    """Wait for the first full image, and for so many scans."""

    async def ready() -> bool:
        status = await plant.ask("status")
        return status["armed"] and status["scans"] > scans

    await site.until_true(ready, START_S, "the first full image")


async def watchdogs_ran_out(site: Site) -> dict[str, dict[str, float]]:
    """Wait for every device that has a watchdog; what they are commanded then."""

    async def all_of_them() -> bool:
        devices = await site.people.devices()
        return all(devices[name]["expired"] for name in ("IO-101", "IO-100", "IO-200", "IO-300", "P-111", "M-101", "M-301"))

    await site.until_true(all_of_them, START_S, "the watchdogs")
    return {name: device["outputs"] for name, device in (await site.people.devices()).items()}


@pytest.mark.fault("H03")
async def test_sigterm_drives_outputs_safe_and_exits_zero(site: Site):
    plant = await site.start_gateway()
    await armed(site, plant)
    await plant.do("output.set", "XV-1025", value=1.0, why="rinsing R-102")
    await plant.do("loop.set", "TIC-1012", mode="MANUAL", out=80.0, why="warming R-101")
    await site.until_all(("R-102.water_flow_l_min", "R-101.hot_valve_cmd_pct"), 30.0)
    assert await site.stop_gateway() == 0, site.log()
    devices = await site.people.devices()
    assert not devices["IO-101"]["expired"]  # it was told, it did not have to find out
    assert not devices["IO-102"]["expired"]
    assert (devices["IO-101"]["outputs"]["ao_2_0"], devices["IO-102"]["outputs"]["do_5_4"]) == (0, 0)
    assert devices["IO-300"]["outputs"]["do_5_0"] == 1  # the scrubber goes on
    assert devices["M-301"]["outputs"]["run"] == 0x047F  # and the fan
    *_, last = read(site.data)
    assert isinstance(last.entry, ServiceStopped)
    assert last.entry.reason == "signal SIGTERM"
    assert (await lagan("record", "verify", site.data))[0] == 0


@pytest.mark.fault("H04")
async def test_a_second_plant_process_on_the_same_data_is_refused(site: Site):
    plant = await site.start_gateway()
    await armed(site, plant)
    code, out, err = await lagan("run", site.config, "--data", site.data)
    assert (code, out) == (1, "")
    assert "held by running process" in err
    assert "Traceback" not in err
    scans = (await plant.ask("status"))["scans"]
    await armed(site, plant, scans + 4)
    assert set((await plant.ask("status"))["devices"].values()) == {"up"}
    assert await site.stop_gateway() == 0, site.log()
    starts = [stored for stored in read(site.data) if isinstance(stored.entry, ServiceStarted)]
    assert len(starts) == 1
    assert (await lagan("record", "verify", site.data))[0] == 0


async def test_read_only_writes_nothing(site: Site):
    before = await watchdogs_ran_out(site)
    writes = {name: device["written"] for name, device in (await site.people.devices()).items()}
    plant = await site.start_gateway("--read-only")
    await armed(site, plant, 20)
    assert (await plant.ask("explain", "TT-1011A"))["quality"] == "Good"
    with pytest.raises(Refused, match="read-only"):
        await plant.do("output.set", "XV-1025", value=1.0, why="try")
    with pytest.raises(Refused, match="read-only"):
        await plant.do("batch.restart", "BELFAST-7", why="try")
    assert await site.stop_gateway() == 0, site.log()
    after = await site.people.devices()
    assert {name: device["written"] for name, device in after.items()} == writes
    assert {name: device["outputs"] for name, device in after.items()} == before
