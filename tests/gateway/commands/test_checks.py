"""What is due, on a terminal; and writing down what instruments showed, over the plant process's own socket."""

from __future__ import annotations

import argparse
import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from gateway.client import Client
from gateway.commands import checks
from gateway.commands.checks import Wrong, readings, show, verdict
from gateway.commands.plant import SOCKET
from gateway.config.loading import load
from gateway.control.image import SECOND, Now
from gateway.door import Door
from gateway.paths import belfast_config
from gateway.plant import build
from gateway.protocol import START_MONO, START_UTC
from gateway.runtime import Runtime
from gateway.ticker import SteppedClock

NAMES = ["buffer_1", "buffer_2", "temperature_c"]


def test_readings_go_by_the_order_that_the_check_wants_or_by_name():
    assert readings("4.00, 7.00,25", NAMES, "reference") == {"buffer_1": 4.0, "buffer_2": 7.0, "temperature_c": 25.0}
    assert readings("mv_1=-173.2,mv_2=1e0", ["ph_1", "ph_2"], "as_found") == {"mv_1": -173.2, "mv_2": 1.0}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("4,7", "buffer_1, buffer_2, temperature_c wanted, in this order"),
        ("4,7,warm", "could not convert"),
        ("4,buffer_2=7,25", "all as NAME"),
    ],
)
def test_readings_that_cannot_be_understood_say_what_is_wanted(text: str, says: str):
    with pytest.raises(Wrong, match=says):
        readings(text, NAMES, "reference")


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Path]:
    """A plant process with its door open, scanning all the while; where its data are."""
    clock = SteppedClock(START_MONO, START_UTC)
    runtime = Runtime(build(load(belfast_config())), tmp_path, clock, lockstep=True)
    door = Door(runtime, tmp_path / SOCKET)
    await door.open()

    async def live() -> None:
        while True:
            now = clock.now()
            clock.set(Now(now.mono + SECOND // 2, now.utc + SECOND // 2))
            await runtime.committer.durable(runtime.tick())
            await asyncio.to_thread(int)        # others come to speak

    living = asyncio.create_task(live())
    yield tmp_path
    living.cancel()
    await asyncio.gather(living, return_exceptions=True)
    await door.close()
    runtime.stop("the test is over")
    await runtime.close()


def given(data: Path, **changed: Any) -> argparse.Namespace:
    plain: dict[str, Any] = dict.fromkeys(("check", "as_found", "as_left", "file"))
    plain |= {"data": data, "who": "Ann", "why": "weekly", "key": "", "reference": "", "certificate": "", "method": "", "corrects": 0,
              "due": False, "json": False}
    return argparse.Namespace(**{**plain, **changed})


async def told(command: Any, arguments: argparse.Namespace) -> int:
    """Run a command as the command line does, beside the plant."""
    return await asyncio.to_thread(command, arguments)


async def test_a_calibration_is_written_down_and_its_verdict_told(plant: Path, capsys: pytest.CaptureFixture[str]):
    ph = given(plant, check="R-101.ph", reference="4,7,25", as_found="4.05,7.02", certificate="buffers 2291")
    assert await told(checks.calibrate, ph) == 0
    assert capsys.readouterr().out.startswith("R-101.ph: passed, record 1: slope_pct 99, offset_ph 0.02")
    async with Client(plant / SOCKET, "Bob") as client:
        row = next(row for row in (await client.ask("checks"))["checks"] if row["check"] == "R-101.ph")
    assert row["state"] == "valid"
    assert row["last"]["who"].startswith("Ann (")
    assert verdict(row).startswith("passed, record 1")


async def test_a_worn_probe_is_told_as_failed_and_the_command_says_so(plant: Path, capsys: pytest.CaptureFixture[str]):
    ph = given(plant, check="R-101.ph", reference="4,7,25", as_found="4.9,7.0", certificate="buffers 2291")
    assert await told(checks.calibrate, ph) == 1
    assert "R-101.ph: FAILED, record 1: slope_pct 70 outside 85..105" in capsys.readouterr().out


async def test_a_record_without_a_certificate_is_refused(plant: Path, capsys: pytest.CaptureFixture[str]):
    assert await told(checks.calibrate, given(plant, check="R-101.ph", reference="4,7,25", as_found="4.05,7.02")) == 1
    assert "refused: no certificate" in capsys.readouterr().err


async def test_a_file_of_records_is_written_down_whole(plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rows = [{"check": f"R-10{n}.lel", "reference": {"applied_pct_lel": 50}, "as_found": {"reading_pct_lel": 49, "t90_s": 14},
             "certificate": "gas 7"} for n in (1, 2)]
    file = tmp_path / "calibrator.json"
    file.write_bytes(msgspec.json.encode({"checks": rows}))
    assert await told(checks.calibrate, given(plant, file=file)) == 0
    assert capsys.readouterr().out.count("passed, record 1: response_pct 98") == 2


async def test_a_file_that_is_no_list_of_checks_is_no_record(plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "calibrator.json"
    file.write_text('{"checks": [{"of": 1}]}')
    assert await told(checks.calibrate, given(plant, file=file)) == 2
    assert "no list of checks" in capsys.readouterr().err


async def test_what_is_due_is_listed(plant: Path, capsys: pytest.CaptureFixture[str]):
    assert await told(checks.checks, given(plant, due=True, json=True)) == 0
    listed = msgspec.json.decode(capsys.readouterr().out)["checks"]
    assert {row["state"] for row in listed} == {"never"}
    assert {"R-101.ph", "hopper_scale", "R-103.hydrogen_proof"} <= {row["check"] for row in listed}


def test_the_table_puts_first_what_wants_somebody():
    last = {"number": 1, "who": "Ann", "at_utc": START_UTC, "found": {"slope_pct": 99.0}, "left": {}, "faults": [], "found_faults": []}
    plain = {"of": "T", "due_utc_ns": START_UTC, "blocks": "start", "feeds": []}
    states = (("a", "valid", last), ("b", "overdue", last), ("c", "never", None))
    rows = [{**plain, "check": name, "state": state, "last": record} for name, state, record in states]
    out = io.StringIO()
    show(rows, Console(file=out, width=160))
    lines = [line for line in out.getvalue().splitlines() if line[2:3] in "abc" and "T" in line]
    assert [line[2] for line in lines] == ["c", "b", "a"]
    assert "slope_pct 99" in lines[1]
