"""The simulated line and the plant process as programs of their own, and the people who stand around them.

    async with Site(directory, config) as site:
        await site.start_line(snapshot)
        plant = await site.start_gateway()
        await site.kill_gateway()

Nothing here waits without a bound, and whatever was started is reaped at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import msgspec

from gateway.client import Client
from gateway.commands.plant import SOCKET

HOUSE = Path(__file__).resolve().parents[2]
LOOK_S = 0.05
START_S = 60.0
STOP_S = 20.0
WHO = "shift operator"

T = TypeVar("T")


async def until(look: Callable[[], Awaitable[T]], within_s: float, what: str) -> T:
    """Look again and again until there is something to see. Raises AssertionError saying what did not come."""
    seen: Any = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while True:
                seen = await look()
                if seen:
                    return seen
                await asyncio.sleep(LOOK_S)
    raise AssertionError(f"{what} did not come within {within_s:g} s; last seen {seen!r}")


async def lagan(*arguments: str | Path, within_s: float = 60.0) -> tuple[int, str, str]:
    """One command from start to end: exit code, standard output, standard error."""
    process = await _spawn(*arguments, out=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(within_s):
            out, err = await process.communicate()
    finally:
        await reap(process)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def reap(process: asyncio.subprocess.Process) -> int:
    """End a process that has not ended, and wait for it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    async with asyncio.timeout(STOP_S):
        return await process.wait()


async def _spawn(*arguments: str | Path, out: Any) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out, cwd=HOUSE, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip


def there_is(path: Path) -> bool:
    """Whether a file or socket has appeared."""
    return path.exists()


class People:
    """Those who stand beside the simulated line: they see what is true, whatever the gateway believes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def __aenter__(self) -> People:
        self._reader, self._writer = await asyncio.open_unix_connection(str(self.path))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def see(self, *variables: str) -> dict[str, float]:
        """Variables of the world, all at one instant."""
        words = [{"what": "get", "variable": variable} for variable in variables]
        return {variable: answer["value"] for variable, answer in zip(variables, await self._say(words), strict=True)}

    async def devices(self) -> dict[str, dict[str, Any]]:
        """What every device was commanded: its outputs, how many writes came, whether its watchdog ran out."""
        (answer,) = await self._say([{"what": "devices"}])
        return answer["devices"]

    async def _say(self, words: list[dict[str, str]]) -> list[dict[str, Any]]:
        self._writer.write(b"".join(msgspec.json.encode(word) + b"\n" for word in words))
        async with asyncio.timeout(5.0):
            return [msgspec.json.decode(await self._reader.readline()) for _ in words]


class Site:
    """A line and a plant process in one directory. ``data``: the plant process's data directory; ``config``: folder."""

    def __init__(self, directory: Path, config: Path, data: Path | None = None) -> None:
        self.directory, self.config = directory, config
        self.data = data or directory / "data"
        self.line: asyncio.subprocess.Process | None = None
        self.gateway: asyncio.subprocess.Process | None = None
        self.people: People
        self._open = contextlib.AsyncExitStack()
        self._client = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Site:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._client.aclose()
        await self._open.aclose()
        for process in (self.gateway, self.line):
            if process is not None:
                await reap(process)

    async def start_line(self, snapshot: Path | None = None) -> None:
        """The simulated line at the pace of the wall clock; its people are there when it is."""
        going_on = ["--from", snapshot] if snapshot is not None else []
        people = self.directory / "people"
        self.line = await self._start("sim", self.config, "--people", people, *going_on)
        self.people = await self._open.enter_async_context(People(await self._appears(people, self.line)))
        await self.until_true(self._answers, START_S, "the last port of the line")

    async def start_gateway(self, *flags: str) -> Client:
        """The plant process on its data directory, and a person who talks to it."""
        await self._client.aclose()
        door = self.data / SOCKET
        door.unlink(missing_ok=True)            # left by a process that was killed
        self.gateway = await self._start("run", self.config, "--data", self.data, *flags)
        plant = await self._client.enter_async_context(Client(await self._appears(door, self.gateway), WHO))
        return plant

    async def kill_gateway(self) -> float:
        """As when its power is cut; returns the instant, monotonic s."""
        assert self.gateway is not None
        at = time.monotonic()
        self.gateway.kill()
        await reap(self.gateway)
        return at

    async def stop_gateway(self) -> int:
        """As a service manager stops it: SIGTERM; returns its exit code."""
        assert self.gateway is not None
        self.gateway.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_S):
            return await self.gateway.wait()

    async def until_true(self, look: Callable[[], Awaitable[bool]], within_s: float, what: str) -> None:
        """Wait for something while both programs live."""

        async def alive() -> bool:
            for process in (self.line, self.gateway):
                assert process is None or process.returncode in (None, -signal.SIGKILL), self.log()
            return await look()

        await until(alive, within_s, what)

    async def until_all(self, variables: tuple[str, ...], within_s: float) -> None:
        """Wait until none of these variables of the world is zero."""
        still: list[str] = []

        async def none_is_zero() -> bool:
            still[:] = [name for name, value in (await self.people.see(*variables)).items() if not value]
            return not still

        try:
            await self.until_true(none_is_zero, within_s, "the last of them")
        except AssertionError as late:
            raise AssertionError(f"still zero: {', '.join(still)}; {late}") from None

    def log(self) -> str:
        """The ends of what the programs said."""
        return "\n".join(f"{path.name}: {path.read_text()[-2000:]}" for path in sorted(self.directory.glob("*.log")))

    async def _start(self, command: str, *arguments: str | Path) -> asyncio.subprocess.Process:
        with (self.directory / f"{command}.log").open("ab") as out:
            return await _spawn(command, *arguments, out=out)

    async def _appears(self, path: Path, process: asyncio.subprocess.Process) -> Path:
        async def there() -> bool:
            assert process.returncode is None, self.log()
            return there_is(path)

        await until(there, START_S, str(path))
        return path

    async def _answers(self) -> bool:
        return bool(await self.people.devices())
