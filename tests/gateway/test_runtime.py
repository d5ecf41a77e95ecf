"""The live process around a scan, stepped by hand: answers wait for the disk, a restart folds the journal, a stop makes safe."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.client import Client, Refused
from gateway.config.loading import load
from gateway.config.models import Config
from gateway.control.chain import CommandReceived, ServiceStopped
from gateway.control.command import Command
from gateway.control.image import SECOND, Now
from gateway.door import Door
from gateway.paths import belfast_config
from gateway.plant import build
from gateway.protocol import START_MONO, START_UTC, Do, Hello, pack, read_word
from gateway.records.journal import read
from gateway.records.verify import verify
from gateway.runtime import Runtime
from gateway.ticker import SteppedClock


@pytest.fixture(scope="module")
def config() -> Config:
    return load(belfast_config())


class Process:
    """A plant process without its links' sockets; ``until`` lets scans go by until an answer is there."""

    def __init__(self, config: Config, directory: Path) -> None:
        self.clock = SteppedClock(START_MONO, START_UTC)
        self.runtime = Runtime(build(config), directory, self.clock, lockstep=True)

    def tick(self) -> int:
        now = self.clock.now()
        self.clock.set(Now(now.mono + SECOND // 2, now.utc + SECOND // 2))
        return self.runtime.tick()

    async def until(self, work: Any) -> Any:
        """The result of some work that needs scans to go by."""
        task = asyncio.ensure_future(work)
        for _ in range(200):
            await self.runtime.committer.durable(self.tick())
            done, _ = await asyncio.wait((task,), timeout=0.02)
            if done:
                return task.result()
        raise AssertionError("no answer within 200 scans")

    def do(self, key: str = "", who: str = "Ann", **arguments: Any) -> Any:
        return self.until(self.runtime.do(Command(verb="output.set", target="XS-302", who=who, key=key, arguments=arguments)))


@pytest.fixture
async def process(config: Config, tmp_path: Path) -> AsyncIterator[Process]:
    process = Process(config, tmp_path)
    yield process
    if not process.runtime.why:
        process.runtime.stop("the test is over")
        await process.runtime.close()


async def test_an_answer_comes_when_its_entry_is_durable(process: Process, tmp_path: Path):
    answer = await process.do(value=1)
    assert answer.entry.outcome == "accepted"
    assert [s.entry.target for s in read(tmp_path) if isinstance(s.entry, CommandReceived)] == ["XS-302"]


@pytest.mark.fault("O05")
async def test_a_command_that_is_given_again_is_answered_although_nothing_is_left_to_write(process: Process, tmp_path: Path):
    first = await process.do(key="k", value=1)
    second = await process.do(key="k", value=1)
    assert second.entry == first.entry
    assert len([s for s in read(tmp_path) if isinstance(s.entry, CommandReceived)]) == 1


async def test_stopping_makes_every_output_safe_and_says_why(process: Process, tmp_path: Path):
    await process.do(value=1)
    process.runtime.stop("end of shift")
    await process.runtime.close()
    outputs = process.runtime.plant.scan.parts.outputs
    assert {i.row.name: i.commanded for i in outputs.items if i.row.safe is not None and i.commanded != i.row.safe} == {}
    assert [s.entry.reason for s in read(tmp_path) if isinstance(s.entry, ServiceStopped)] == ["end of shift"]
    assert verify(tmp_path).ok


async def test_a_second_process_goes_on_with_the_journal_of_the_first(config: Config, tmp_path: Path):
    first = Process(config, tmp_path)
    await first.do(key="k", value=1)
    first.runtime.stop("test")
    await first.runtime.close()
    second = Process(config, tmp_path)
    before = second.runtime.journal.head.seq
    assert (await second.do(key="k", value=1)).entry.outcome == "accepted"
    assert second.runtime.plant.scan.parts.outputs.by_name["XS-302"].wanted is None  # carried out once, in the first life
    assert second.runtime.journal.head.seq - before < 60
    second.runtime.stop("test")
    await second.runtime.close()
    assert verify(tmp_path).ok


@pytest.mark.fault("S09")
async def test_a_disk_that_does_not_answer_ends_in_the_safe_state_and_the_process_does_not_wait_for_it(
    process: Process, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    await process.do(value=1)
    runtime, gate, written = process.runtime, threading.Event(), process.runtime.journal.write

    def wait_for_the_disk(rows: Any) -> None:
        gate.wait()
        written(rows)

    monkeypatch.setattr(runtime.journal, "write", wait_for_the_disk)
    monkeypatch.setattr("gateway.runtime.DISK_S", 0.01)
    runtime.plant.scan.inbox.append(Command(verb="output.set", target="XS-302", who="Ann", arguments={"value": 0}))
    for _ in range(31):
        process.tick()
        assert not runtime.stopping.is_set()
    process.tick()
    assert runtime.failure == "journal: the disk does not answer; an entry has waited for more than 15 s"
    door = Door(runtime, tmp_path / "plant.sock")
    await door.open()
    await runtime.close()
    await door.close()
    assert door.path.exists()                   # nothing touches a directory that may keep it for ever
    outputs = runtime.plant.scan.parts.outputs
    assert {i.row.name: i.commanded for i in outputs.items if i.row.safe is not None and i.commanded != i.row.safe} == {}
    assert [s.entry for s in read(tmp_path) if isinstance(s.entry, ServiceStopped)] == []
    gate.set()                                  # an hour later, or never
    assert runtime.committer.close()
    runtime.journal.close()
    assert verify(tmp_path).ok


# --- the door ----------------------------------------------------------------------------------------------------------
@pytest.fixture
async def door(process: Process, tmp_path: Path) -> AsyncIterator[Path]:
    door = Door(process.runtime, tmp_path / "plant.sock")
    await door.open()
    yield door.path
    await door.close()
    assert not door.path.exists()


async def test_who_commands_is_named_by_the_kernel_too(process: Process, door: Path, tmp_path: Path):
    async with Client(door, "Ann") as plant:
        await process.until(plant.do("output.set", "XS-302", value=1))
    (stored,) = [s.entry for s in read(tmp_path) if isinstance(s.entry, CommandReceived)]
    assert stored.who.startswith("Ann (")


async def test_a_refusal_comes_with_its_reason(process: Process, door: Path):
    async with Client(door) as plant:
        with pytest.raises(Refused, match=r"XS-302: 7 outside 0\.\.1; nothing written"):
            await process.until(plant.do("output.set", "XS-302", value=7))
        with pytest.raises(Refused, match="unknown name"):
            await plant.ask("explain", "NOPE")
        with pytest.raises(Refused, match="no question"):
            await plant.ask("wish")


async def test_questions_are_answered_from_the_scan(process: Process, door: Path):
    process.tick()
    async with Client(door) as plant:
        status = await plant.ask("status")
        assert (status["armed"], status["units"]) == (False, {})
        assert (await plant.ask("explain", "XV-1015"))["blocked_by"] == ["start-up"]
        links = (await plant.ask("links"))["links"]
        assert {device for link in links.values() for device in link["devices"]} == set(process.runtime.plant.config.devices)
        every = [device for link in links.values() for device in link["devices"].values()]
        assert {(each["state"], each["ne107"]) for each in every} <= {("unknown", "function check"), ("lost", "failure")}
        assert all(each["plan"] for each in every)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_the_socket_is_for_owner_and_group_only(door: Path):
    assert mode_of(door) == 0o660


@pytest.mark.parametrize(
    "noise", [b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, b"", pack(Hello(999, "future")), (3).to_bytes(4, "big") + b"abc"]
)
async def test_a_stranger_is_shown_out_and_the_plant_goes_on(process: Process, door: Path, noise: bytes):
    reader, writer = await asyncio.open_unix_connection(str(door))
    writer.write(noise)
    writer.write_eof()
    await reader.read()
    writer.close()
    await writer.wait_closed()
    assert (await process.do(value=1)).entry.outcome == "accepted"


async def test_a_client_that_leaves_before_its_answer_harms_nobody(process: Process, door: Path):
    reader, writer = await asyncio.open_unix_connection(str(door))
    writer.write(pack(Hello(1, "Ann")) + pack(Do(id=1, verb="output.set", target="XS-302", arguments={"value": 1})))
    assert isinstance(await read_word(reader), Hello)
    writer.close()
    await writer.wait_closed()
    assert (await process.do(value=0)).entry.outcome == "accepted"


async def test_a_client_whose_plant_process_goes_away_is_told_so(process: Process, tmp_path: Path):
    door = Door(process.runtime, tmp_path / "other.sock")
    await door.open()
    async with Client(door.path) as plant:
        await plant.ask("status")
        await door.close()
        with pytest.raises(ConnectionError, match="went away"):
            await plant.ask("status")


async def test_who_stops_the_process_is_in_the_record(process: Process, door: Path, tmp_path: Path):
    async with Client(door, "Ann") as plant:
        await plant.ask("stop")
    await process.runtime.close()
    (stored,) = [s.entry for s in read(tmp_path) if isinstance(s.entry, ServiceStopped)]
    assert stored.reason.startswith("asked to by Ann (")


async def test_every_loop_is_told_and_a_tuning_that_is_not_the_configured_one_stands_out(process: Process, door: Path):
    async with Client(door, "Ann") as plant:
        await process.until(plant.do("loop.retune", "TIC-1012", gain=2.5, ti_s=70.0, why="from a step", rule="SIMC PI"))
        process.tick()
        told = (await plant.ask("loops"))["loops"]
        assert set(told) == set(process.runtime.plant.config.loops)
        assert (told["TIC-1012"]["tuning"]["gain"], told["TIC-1012"]["configured"]["gain"]) == (2.5, 3.7)
        assert told["TIC-1012"]["performance"]["in_limits"] is None
        assert list((await plant.ask("status"))["loops"]) == ["TIC-1012"]
        with pytest.raises(Refused, match="pv is not good"):
            await process.until(plant.do("loop.tune", "TIC-1012", amplitude=10.0, hysteresis=0.1, pv_low=0.0, pv_high=90.0, longest_s=600.0,
                                         why="test"))
