"""The demo: simulated line and plant process as two processes over sockets, a scripted operator, one batch to COMPLETE."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from gateway.client import Client, Refused
from gateway.commands.look import config_of
from gateway.commands.outcome import outcome
from gateway.commands.plant import SOCKET
from gateway.commands.rehearse import lot_files
from gateway.commands.screen import Screen
from gateway.config.models import Config
from gateway.protocol import tell

LOOK_S = 0.2
PATIENCE_S = 30.0


def demo(given: argparse.Namespace) -> int:
    """Run the demo; 0 only when the batch is COMPLETE."""
    elsewhere = lot_files(given)
    config = config_of(given.config)
    if config is None:
        return 2
    if elsewhere:
        print(f"lagan demo: two processes read the configuration: put {elsewhere[0]} into its lots folder", file=sys.stderr)
        return 2
    data = given.data or Path(tempfile.mkdtemp(prefix="lagan-demo-"))
    data.mkdir(parents=True, exist_ok=True)
    try:
        return asyncio.run(Demo(config, given, data).run())
    except Stuck as error:
        print(f"lagan demo: {error}; see {data}/plant.log and {data}/sim.log", file=sys.stderr)
        return 1


class Stuck(Exception):
    """The demo cannot go on."""


class Demo:
    """One demonstration in a data directory."""

    def __init__(self, config: Config, given: argparse.Namespace, data: Path) -> None:
        self.config, self.given, self.data = config, given, data
        self.lockstep = given.speed != 1.0
        self.sockets = Path(tempfile.mkdtemp(prefix="lagan-"))  # socket paths are short: 107 characters at most
        self.people = self.sockets / "people"
        self.batch = "DEMO-1"
        self.processes: list[asyncio.subprocess.Process] = []
        self.began = time.monotonic()

    async def run(self) -> int:
        """Start both processes, run the batch, stop both, say what came of it."""
        try:
            await self._start()
            async with Client(self.data / SOCKET, "scripted operator") as plant:
                status = await self._operate(plant)
                truth = (await tell(self.people, "truth", unit=self.given.unit))["truth"]
                with contextlib.suppress(ConnectionError, Refused):
                    await plant.ask("stop")
        finally:
            await self._stop()
        state = status["units"].get(self.given.unit, {}).get("state", "none")
        seconds = (status["mono_ns"] - self.first_mono) / 1e9
        result = outcome(self.config, self.data, self.batch, state, seconds, time.monotonic() - self.began, truth)
        if self.given.json:
            print(msgspec.json.encode(result).decode())
        else:
            Screen.farewell(result)
        return 0 if state == "COMPLETE" else 1

    async def _start(self) -> None:
        seed = [] if self.given.seed is None else ["--seed", str(self.given.seed)]
        folder = [] if self.given.config is None else [str(self.given.config)]
        lock = ["--lockstep", str(self.sockets / "time")] if self.lockstep else []
        await self._spawn("sim", *folder, "--people", str(self.people), "--speed", str(self.given.speed), *lock, *seed)
        await self._appears(self.people)
        await self._spawn("run", *folder, "--data", str(self.data), *lock, log="plant")
        await self._appears(self.data / SOCKET)

    async def _spawn(self, command: str, *arguments: str, log: str = "") -> None:
        with (self.data / f"{log or command}.log").open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "gateway.cli",
                command,
                *arguments,
                stdout=out,
                stderr=out,
                stdin=asyncio.subprocess.DEVNULL,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        self.processes.append(process)

    async def _appears(self, path: Path) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not path.exists():  # noqa: ASYNC240 (a start-up poll of a local path)
            if any(p.returncode is not None for p in self.processes) or time.monotonic() > deadline:
                raise Stuck(f"{path.name} did not appear: a process ended or hangs")
            await asyncio.sleep(LOOK_S)

    async def _operate(self, plant: Client) -> dict[str, Any]:
        """Look at the plant, do what the scripted operator does, until the batch has ended."""
        from simulators.checking import Shown, recorded
        from simulators.people import Operator

        errands: list[tuple[str, dict[str, Any]]] = []
        operator = Operator(
            self.batch,
            self.given.recipe,
            self.given.lot,
            self.given.unit,
            lambda lot, kg: errands.append(("tip", {"lot": lot, "mass_kg": kg})),
            lambda unit: errands.append(("begin", {"unit": unit})),
            checks=recorded(msgspec.convert((await tell(self.people, "checks"))["checks"], list[Shown])),
        )
        status = await plant.ask("status")
        self.first_mono = status["mono_ns"]
        with Screen(self.config, self.given.unit, quiet=self.given.json) as screen:
            while True:
                status = await plant.ask("status")
                screen.show(status)
                unit = status["units"].get(self.given.unit, {})
                for action in operator.look(
                    status["armed"], status["mono_ns"], unit.get("prompts", {}), unit.get("formula", {}).get("charge_mass", 0.0)
                ):
                    for what, body in errands:
                        await tell(self.people, what, **body)
                    errands.clear()
                    await plant.do(action.verb, action.target, why=action.why, **action.arguments)
                if unit.get("state") in ("COMPLETE", "STOPPED", "ABORTED", "HELD") and unit.get("batch") == self.batch:
                    return status
                if any(p.returncode is not None for p in self.processes):
                    raise Stuck("a process ended")
                await asyncio.sleep(LOOK_S)

    async def _stop(self) -> None:
        for process in reversed(self.processes):
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError, TimeoutError):
                    await asyncio.wait_for(process.wait(), 3.0) if process is self.processes[-1] else process.terminate()
        for process in self.processes:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), 5.0)
                except TimeoutError:
                    process.kill()
                    await process.wait()
