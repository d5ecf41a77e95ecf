"""A loop tuned as a person does it: an experiment over the door, a model, a tuning accepted, a restart that keeps it."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from gateway.client import Client
from gateway.config.loading import load
from gateway.records.store import MemoryJournal
from gateway.records.verify import verify
from simulators.rehearsal import Rehearsal
from simulators.snapshot import save
from tests.system.site import Site, lagan

pytestmark = pytest.mark.system
LOOP = "FIC-202"


@pytest.fixture
def quick(config: Path, tmp_path: Path) -> Path:
    """The line with a wash loop that runs at every scan: its process is as quick as its flowmeter."""
    folder = tmp_path / "config"
    shutil.copytree(config, folder)
    loops = folder / "loops.yaml"
    text = loops.read_text()
    assert "  FIC-202:\n" in text
    loops.write_text(text.replace("  FIC-202:\n", "  FIC-202:\n    scan: trip\n"))
    return folder


def press_closed(config: Path, path: Path) -> None:
    """A line whose press is closed, so that wash water may flow."""
    rehearsal = Rehearsal(load(config), MemoryJournal(), seed=3)
    rehearsal.run(40)
    rehearsal.command("output.set", "XS-201", value=1)
    rehearsal.run(60)
    save(rehearsal.line, rehearsal.now.mono, path)


async def washing(site: Site, plant: Client) -> None:
    """Wash water runs at half speed of its pump."""

    async def armed() -> bool:
        return (await plant.ask("status"))["armed"]

    await site.until_true(armed, 40.0, "the first full image")
    await plant.do("output.set", "XV-202", value=1, why="wash")
    await plant.do("loop.set", LOOP, mode="MANUAL", out=50.0, why="wash")

    async def flows() -> bool:
        return (await plant.ask("explain", "FIT-202"))["value"] > 0.9

    await site.until_true(flows, 20.0, "wash water")


async def test_a_loop_is_swung_fitted_tuned_and_stays_so(tmp_path: Path, quick: Path):
    press_closed(quick, tmp_path / "line")
    async with Site(tmp_path, quick) as site:
        await site.start_line(tmp_path / "line")
        plant = await site.start_gateway()
        await washing(site, plant)
        data = ["--data", site.data, "--config", quick, "--who", "Ann", "--why", "commissioning"]
        swing = ["--relay", "--amplitude", "20", "--hysteresis", "0.25", "--pv-low", "0.1", "--pv-high", "3", "--longest", "120"]
        more = ["--accept", "gentle", "--json", "--svg", tmp_path / "tune.svg"]
        code, out, err = await lagan("tune", LOOP, *swing, *data, *more, within_s=180)
        assert code == 0, err
        told = msgspec.json.decode(out)
        assert told["experiment"]["reason"] == "done"
        assert 1.0 < told["experiment"]["pu_s"] < 30.0
        assert 0.01 < told["model"]["gain"] < 0.04          # the pump: 2 m3/h at full speed
        gentle = next(row for row in told["tunings"] if row["key"] == "gentle")
        assert gentle["ms"] < 1.6
        assert (tmp_path / "tune.svg").read_text().startswith("<svg")

        async def tuned() -> bool:
            return (await plant.ask("explain", LOOP))["tuning"]["gain"] == gentle["gain"]

        await site.until_true(tuned, 10.0, "the tuning, one scan after its entry")
        explained = await plant.ask("explain", LOOP)
        assert (explained["mode"], explained["out"]) == ("MANUAL", 50.0)
        assert (await plant.ask("loops"))["loops"][LOOP]["configured"]["gain"] == 8.0
        assert await site.stop_gateway() == 0
        again = await site.start_gateway()
        assert (await again.ask("explain", LOOP))["tuning"]["gain"] == gentle["gain"]
        assert verify(site.data).ok


async def test_who_interrupts_the_command_ends_the_experiment_by_abort(tmp_path: Path, quick: Path):
    press_closed(quick, tmp_path / "line")
    async with Site(tmp_path, quick) as site:
        await site.start_line(tmp_path / "line")
        plant = await site.start_gateway()
        await washing(site, plant)
        await plant.do("loop.tune", LOOP, amplitude=20.0, hysteresis=0.25, pv_low=0.1, pv_high=3.0, longest_s=600.0, why="test")
        code, out, err = await lagan("tune", LOOP, "--abort", "--data", site.data, "--config", quick, "--why", "enough")
        assert (code, out) == (0, f"{LOOP}: the experiment ends\n"), err

        async def over() -> bool:
            return (await plant.ask("explain", LOOP)).get("experiment", {}).get("reason") == "asked"

        await site.until_true(over, 10.0, "its end")
        assert (await plant.ask("explain", LOOP))["out"] == 50.0
