"""The gateway loses its power in the middle of a batch: the devices make themselves safe, a person takes the batch up again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from gateway.client import Client
from gateway.control.chain import Stored
from gateway.records.journal import read
from tests.system.conftest import Dosing
from tests.system.site import Site, lagan

pytestmark = pytest.mark.system

WATCHDOG_S = 3.0
HEATING_S = 30.0
TANKS = ("R-101", "R-102", "R-103")
RECOVER_S = 60.0
RESUME_S = 240.0  # two minutes of proved agitation, one of low hydrogen, and room for a slow machine

# What moves matter into a tank or out of it, as the devices command it; all of it is zero when it is safe.
VALVES = ("acid", "solids_gate", "water", "peroxide", "base", "base_fine", "discharge")
DOSING = (
    *(f"{tank}.{name if name == 'solids_gate' else name + '_valve'}_cmd" for tank in TANKS for name in VALVES),
    *(f"{tank}.acid_pump_sp_l_min" for tank in TANKS),
    *(f"{tank}.transfer_pump_sp_pct" for tank in TANKS),
    "SC-101.enable", "P-121.sp_l_min", "P-131.sp_l_min", "P-132.sp_l_min",
)  # fmt: skip
HEATING = tuple(f"{tank}.hot_valve_cmd_pct" for tank in TANKS)
LOOPS = ("TIC-1011", "TIC-1012", "FIC-111", "AIC-1012C", "AIC-1012F", "PIC-141")

# By hand, so that more than acid has to stop: R-102, which is free, gets peroxide, solids and its transfer pump, R-101 base and heat.
Orders = tuple[tuple[str, str, dict[str, Any]], ...]
STIRRING: Orders = (("output.set", "XS-1021", {"value": 1.0}), ("loop.set", "SIC-1021", {"mode": "AUTO", "sp": 150.0}))
VALVES_OPEN: Orders = tuple(("output.set", valve, {"value": 1.0}) for valve in ("XV-1026", "XV-1022", "XV-1024", "XV-1017"))
PUMPS_RUN: Orders = (
    ("output.set", "FY-121", {"value": 0.1}),
    ("output.set", "XS-121", {"value": 1.0}),
    ("loop.set", "SIC-101", {"mode": "MANUAL", "out": 10.0}),
    ("output.set", "XS-101", {"value": 1.0}),
    ("loop.set", "PIC-142", {"mode": "MANUAL", "out": 20.0}),
    ("output.set", "XS-142", {"value": 1.0}),
    ("loop.set", "AIC-1012C", {"mode": "AUTO", "sp": 3.0}),
    ("output.set", "XS-131", {"value": 1.0}),
    ("loop.set", "TIC-1012", {"mode": "MANUAL", "out": 80.0}),
)
OPEN = ("R-102.peroxide_valve_open", "R-102.solids_gate_open", "R-102.discharge_valve_open", "R-101.base_valve_open")
RUNNING = (
    "R-101.acid_valve_cmd", "R-101.acid_pump_sp_l_min", "R-102.peroxide_valve_cmd", "P-121.sp_l_min", "R-101.base_valve_cmd",
    "P-131.sp_l_min", "R-102.discharge_valve_cmd", "R-102.transfer_pump_sp_pct", "R-102.solids_gate_cmd", "SC-101.enable",
)  # fmt: skip
HOT = "R-101.hot_valve_cmd_pct"


async def unit_of(plant: Client) -> dict:
    return (await plant.ask("status"))["units"].get("R-101", {})


async def comes_back_held(site: Site, plant: Client, dosing: Dosing) -> None:
    """The batch is where it was, HELD with a reason, its loops in MANUAL; until a person asks, no matter moves."""
    moved: dict[str, float] = {}

    async def look_for_held() -> bool:
        moved.update({name: value for name, value in (await site.people.see(*DOSING)).items() if value})
        status = await plant.ask("status")
        return status["armed"] and status["units"]["R-101"]["state"] == "HELD"

    await site.until_true(look_for_held, RECOVER_S, "HELD")
    scans = (await plant.ask("status"))["scans"]

    async def ten_scans_on() -> bool:
        await look_for_held()
        return (await plant.ask("status"))["scans"] > scans + 10

    await site.until_true(ten_scans_on, RECOVER_S, "ten more scans")
    unit = await unit_of(plant)
    assert (unit["batch"], unit["state"], unit["cause"]) == (dosing.batch, "HELD", "the plant process restarted")
    assert [(step["step"], step["phase"], step["state"]) for step in unit["steps"]] == [("acid", "DOSE_ACID", "HELD")]
    assert moved == {}
    for loop in LOOPS:
        assert (await plant.ask("explain", loop))["mode"] == "MANUAL", loop


async def a_person_restarts(site: Site, plant: Client, dosing: Dosing) -> float:
    """Reset what stands, restart the batch; the seconds until acid flows again. What it kept warm and stirred it takes up by itself."""
    for name in (await plant.ask("status"))["interlocks"]:
        latched = await plant.ask("explain", name)
        if latched["tripped"] and latched["cause_is"] == "false":
            await plant.do("interlock.reset", name, why="seen to after the power cut")
    began = time.monotonic()
    await plant.do("batch.restart", dosing.batch, why="power is back")

    async def restarts() -> bool:
        return (await unit_of(plant))["state"] == "RESTARTING"

    await site.until_true(restarts, 5.0, "RESTARTING")

    async def acid_flows() -> bool:
        assert (await unit_of(plant))["state"] in ("RESTARTING", "RUNNING"), await unit_of(plant)
        return (await site.people.see("R-101.acid_flow_l_min"))["R-101.acid_flow_l_min"] > 0.01

    await site.until_true(acid_flows, RESUME_S, "acid")
    assert (await unit_of(plant))["state"] == "RUNNING"
    kept = {loop: await plant.ask("explain", loop) for loop in ("TIC-1011", "TIC-1012", "SIC-1011")}
    assert {loop: state["mode"] for loop, state in kept.items()} == {"TIC-1011": "AUTO", "TIC-1012": "CASCADE", "SIC-1011": "AUTO"}
    assert (kept["TIC-1011"]["sp"], kept["SIC-1011"]["sp"]) == (60.0, 300.0)
    return time.monotonic() - began


async def by_hand(plant: Client, orders: Orders) -> None:
    for verb, target, arguments in orders:
        await plant.do(verb, target, why="work on R-102", **arguments)


async def more_than_acid_runs(site: Site, plant: Client) -> None:
    """Open the valves first: pumps do not run against closed ones."""
    await by_hand(plant, VALVES_OPEN)
    await site.until_all(OPEN, RESUME_S)
    await by_hand(plant, PUMPS_RUN)
    await site.until_all((*RUNNING, HOT), 30.0)


async def time_to_safe(site: Site, since: float, variables: tuple[str, ...], within_s: float) -> dict[str, float]:
    """Seconds after which each variable that was not zero is zero and stays so."""
    stopped: dict[str, float] = {}
    ran: set[str] = set()

    async def all_stopped() -> bool:
        seen = await site.people.see(*variables)
        at = time.monotonic() - since
        ran.update(name for name, value in seen.items() if value)
        for name, value in seen.items():
            if value:
                stopped.pop(name, None)
            elif name in ran:
                stopped.setdefault(name, at)
        return not any(seen.values())

    await site.until_true(all_stopped, within_s, f"safe outputs of {', '.join(variables)}")
    return stopped


def acknowledged(data: Path, seq: int) -> list[Stored]:
    return [stored for stored in read(data) if stored.seq <= seq]


async def test_power_to_the_gateway_is_cut_while_dosing(
    site: Site, dosing: Dosing, capsys: pytest.CaptureFixture[str]
):
    await time_to_safe(site, time.monotonic(), DOSING, RECOVER_S)  # it was cut while it dosed: the watchdogs are running
    plant = await site.start_gateway()
    await comes_back_held(site, plant, dosing)
    await by_hand(plant, STIRRING)
    resumed = await a_person_restarts(site, plant, dosing)
    await more_than_acid_runs(site, plant)
    cold = (await site.people.see("R-101.cold_valve_cmd_pct"))["R-101.cold_valve_cmd_pct"]
    record = acknowledged(site.data, (await plant.ask("status"))["journal"]["seq"])

    cut = await site.kill_gateway()
    stopped = await time_to_safe(site, cut, (*DOSING, *HEATING), HEATING_S)
    heating = stopped.pop(HOT)
    with capsys.disabled():
        print(f"\nafter the power cut: dosing safe in {max(stopped.values()):.2f} s ({len(stopped)} outputs), "
              f"heating in {heating:.2f} s; acid had flowed again {resumed:.0f} s after the restart")  # fmt: skip
    assert set(stopped) >= set(RUNNING)
    assert {name: round(seconds, 2) for name, seconds in stopped.items() if seconds > WATCHDOG_S} == {}
    kept = await site.people.see("R-101.agitator_running", "R-101.agitator_rpm", "K-301.running", "C-301.recirc_enable",
                                 "R-101.cold_valve_cmd_pct", HOT)  # fmt: skip
    assert (kept["R-101.agitator_running"], kept["K-301.running"], kept["C-301.recirc_enable"]) == (1.0, 1.0, 1.0)
    assert kept["R-101.agitator_rpm"] > 250.0
    assert kept["R-101.cold_valve_cmd_pct"] >= cold
    assert kept[HOT] == 0.0

    plant = await site.start_gateway()
    await comes_back_held(site, plant, dosing)
    assert acknowledged(site.data, len(record)) == record
    code, verdict, _ = await lagan("record", "verify", site.data)
    assert code == 0, verdict
    await a_person_restarts(site, plant, dosing)
    assert await site.stop_gateway() == 0, site.log()
