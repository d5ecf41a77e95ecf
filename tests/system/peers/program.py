"""Somebody else's program beside a test: started, asked over its input what it holds, killed, reaped.

    async with Program([binary, "tcp", 0], tmp_path) as peer:
        await peer.ask("put holding int16 ABCD 100 -2")
        await peer.kill()
        await peer.start()
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tests.system.site import reap

FOLDER = Path(__file__).resolve().parent
READY_S, ANSWER_S = 60.0, 20.0


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def compiled(source: Path, binary: Path, *libraries: str) -> Path:
    """A program from one file of C."""
    cc = shutil.which("cc")
    assert cc, "cc missing: apt-get install gcc libc6-dev"
    made = subprocess.run([cc, "-O1", "-Wall", "-Wextra", "-Werror", "-o", binary, source, *libraries], capture_output=True, text=True)
    assert made.returncode == 0, f"{made.stderr}\nis libmodbus-dev installed?"
    return binary


class Program:
    """``ready``: what it said when it could be talked to. What it says besides stands in ``peer.log`` of the directory."""

    def __init__(self, arguments: Sequence[object], directory: Path) -> None:
        self.arguments, self.log = [str(each) for each in arguments], directory / "peer.log"
        self.ready: list[str] = []
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Program:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.kill()

    async def start(self) -> None:
        """Until it says that it is ready."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log, cwd=FOLDER, limit=1 << 20)
        try:
            while not self.ready or self.ready[0] != "ready":
                self.ready = (await self._line(READY_S)).split()
        except BaseException:
            await self.kill()
            raise

    async def ask(self, words: str) -> str:
        """One line to it, one line from it. Raises AssertionError for what it calls an error."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(words.encode() + b"\n")
        said = await self._line(ANSWER_S)
        assert not said.startswith("error"), f"{words}: {said}"
        return said

    async def kill(self) -> None:
        """As when its power is cut."""
        process, self._process, self.ready = self._process, None, []
        if process is not None:
            await reap(process)
            assert process.stdin is not None
            process.stdin.close()

    async def _line(self, within_s: float) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(within_s):
            line = await self._process.stdout.readline()
        assert line, f"{self.arguments[0]} has ended:\n{self.log.read_text()[-2000:]}"
        return line.decode().strip()
