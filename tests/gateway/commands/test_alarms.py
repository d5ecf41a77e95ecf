"""The list of alarms over the socket and on a terminal: what a person sees, and what he does with it, on a line whose network is down."""

from __future__ import annotations

import argparse
import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from gateway.client import Client, Refused
from gateway.commands.alarms import alarm, show_alarms
from gateway.config.loading import load
from gateway.control.chain import AlarmChanged, CommandReceived
from gateway.control.image import SECOND, Now
from gateway.door import Door
from gateway.paths import belfast_config
from gateway.plant import build
from gateway.protocol import START_MONO, START_UTC
from gateway.records.journal import read
from gateway.runtime import Runtime
from gateway.ticker import SteppedClock


class Silent:
    """A plant process to which no instrument answers, past its start-up; ``until`` lets scans go by until an answer is there."""

    def __init__(self, directory: Path) -> None:
        self.clock = SteppedClock(START_MONO, START_UTC)
        self.runtime = Runtime(build(load(belfast_config())), directory, self.clock, lockstep=True)

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            now = self.clock.now()
            self.clock.set(Now(now.mono + SECOND // 2, now.utc + SECOND // 2))
            self.ticket = self.runtime.tick()

    async def until(self, work: Any) -> Any:
        task = asyncio.ensure_future(work)
        for _ in range(200):
            self.tick()
            await self.runtime.committer.durable(self.ticket)
            done, _ = await asyncio.wait((task,), timeout=0.02)
            if done:
                return task.result()
        raise AssertionError("no answer within 200 scans")


@pytest.fixture
async def silent(tmp_path: Path) -> AsyncIterator[Silent]:
    process = Silent(tmp_path)
    door = Door(process.runtime, tmp_path / "plant.sock")
    await door.open()
    process.tick(80)
    assert process.runtime.plant.scan.armed
    yield process
    await door.close()
    process.runtime.stop("the test is over")
    await process.runtime.close()


def printed(told: dict[str, Any], width: int = 80) -> list[str]:
    out = io.StringIO()
    show_alarms(told, Console(file=out, width=width))
    return [" ".join(line.split()) for line in out.getvalue().splitlines()]


async def test_a_line_without_its_network_is_a_flood_with_what_is_critical_on_top(silent: Silent, tmp_path: Path):
    async with Client(tmp_path / "plant.sock", "Ann") as plant:
        told = await plant.ask("alarms")
        status = await plant.ask("status")
    assert told["flood"]["active"]
    assert status["flood"] == told["flood"]
    priorities = [line["priority"] for line in told["alarms"]]
    assert priorities == sorted(priorities, key=("critical", "high", "medium", "low").index)
    assert told["alarms"][0]["priority"] == "critical"
    named = [name for line in told["alarms"] for name in (line["alarm"], *line["others"])]
    assert sorted(named) == sorted(told["states"])
    assert told["trips"]
    lines = printed(told)
    assert lines[0].startswith("FLOOD since 2026-01-01 00:")
    assert f"{sum(len(line['others']) for line in told['alarms'])} medium and low ones are folded" in " ".join(lines[:2])
    assert sum(" critical " in line for line in lines) == priorities.count("critical")


async def test_the_alarms_of_one_unit_are_acknowledged_by_one_command_each_as_it_was_seen(silent: Silent, tmp_path: Path):
    given = options(tmp_path, "ack", unit="R-101", why="network down")
    async with Client(tmp_path / "plant.sock", "Ann") as plant:
        before = (await plant.ask("alarms", "R-101"))["states"]
        others = (await plant.ask("alarms", "R-102"))["states"]
    assert len(before) >= 2
    assert await silent.until(asyncio.to_thread(alarm, given)) == 0
    async with Client(tmp_path / "plant.sock", "Ann") as plant:
        assert set((await plant.ask("alarms", "R-101"))["states"].values()) == {"ACKED"}
        assert (await plant.ask("alarms", "R-102"))["states"] == others
        with pytest.raises(Refused, match="unknown name 'R-999'"):
            await plant.ask("alarms", "R-999")
    entries = [item.entry for item in read(tmp_path)]
    (command,) = [entry for entry in entries if isinstance(entry, CommandReceived)]
    assert (command.verb, command.target, command.arguments) == ("alarm.ack", "R-101", {"alarms": before})
    acked = [entry for entry in entries if isinstance(entry, AlarmChanged) and entry.now == "ACKED"]
    assert {entry.alarm for entry in acked} == set(before)
    assert all(entry.who.startswith("Bea (") and entry.why == "network down" for entry in acked)
    assert await silent.until(asyncio.to_thread(alarm, given)) == 0  # nothing is left to acknowledge, and that is no error


async def test_out_of_service_needs_a_reason_and_is_listed_until_it_is_back(
    silent: Silent, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    name = "SITE.room_hydrogen"
    assert await silent.until(asyncio.to_thread(alarm, options(tmp_path, "disable", name))) == 1
    assert "disable needs a reason" in capsys.readouterr().err
    assert await silent.until(asyncio.to_thread(alarm, options(tmp_path, "shelve", name, why="too loud"))) == 1
    assert "is critical and is not shelved" in capsys.readouterr().err
    assert await silent.until(asyncio.to_thread(alarm, options(tmp_path, "disable", name, why="head sent in, hand-held one in use"))) == 0
    assert await silent.until(asyncio.to_thread(alarm, options(tmp_path, "shelve", "SITE.room_hcl", why="calibration", minutes=30))) == 0
    async with Client(tmp_path / "plant.sock", "Ann") as plant:
        told = await plant.ask("alarms")
    assert name not in told["states"]
    text = " ".join(printed(told, 200))
    assert f"out of service: {name} (critical) since 2026-01-01" in text
    assert "head sent in, hand-held one in use" in text
    assert "shelved: SITE.room_hcl (high) until 2026-01-01 00:3" in text
    assert await silent.until(asyncio.to_thread(alarm, options(tmp_path, "enable", name))) == 0
    silent.tick(4)
    assert silent.runtime.plant.scan.parts.alarms.by_name[name].state == "UNACK"


async def test_of_several_alarms_those_that_are_not_there_to_acknowledge_are_named(
    silent: Silent, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    given = options(tmp_path, "ack", "R-101.level_lost", "R-101.lel_high", "NOPE")
    assert await silent.until(asyncio.to_thread(alarm, given)) == 1
    said = capsys.readouterr()
    assert said.out == "1 of 3 acknowledged: in the journal\n"
    assert said.err == "not acknowledged: R-101.lel_high, NOPE\n"
    assert silent.runtime.plant.scan.parts.alarms.by_name["R-101.level_lost"].state == "ACKED"
    assert await silent.until(asyncio.to_thread(alarm, options(tmp_path, "ack", "R-101.lel_high", "NOPE"))) == 1
    assert "refused: R-101.lel_high: ACK is not possible in NORM" in capsys.readouterr().err


@pytest.mark.parametrize(("verb", "target", "unit"), [("shelve", (), "R-101"), ("ack", ("a",), "R-101"), ("ack", (), None)])
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(verb: str, target: tuple[str, ...], unit: str | None, tmp_path: Path):
    assert alarm(options(tmp_path, verb, *target, unit=unit)) == 2


def test_without_a_plant_process_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert alarm(options(tmp_path, "ack", "a")) == 1
    assert "no plant process" in capsys.readouterr().err


def test_a_quiet_plant_says_so():
    flood = {"active": False, "since_utc": 0, "in_10_min": 0, "peak": 0, "total": 0}
    told = {"flood": flood, "trips": [], "alarms": [], "left_out": 0, "states": {}, "shelved": [], "out_of_service": [], "suppressed": []}
    assert printed(told) == ["no alarm"]


def options(data: Path, verb: str, *target: str, unit: str | None = None, why: str = "", minutes: float = 60.0) -> argparse.Namespace:
    return argparse.Namespace(data=data, verb=verb, target=list(target), unit=unit, why=why, who="Bea", key="", minutes=minutes)
