"""The plant process's Unix socket: commands in, answers out when they are durable, questions answered from the scan.

The socket is readable by its owner and group only; who is at the other end is told by the kernel (SO_PEERCRED) and
written beside the name that the client gives.
"""

from __future__ import annotations

import asyncio
import contextlib
import pwd
import socket
import struct
from pathlib import Path
from typing import Any

from gateway.control.command import Command
from gateway.control.explain import explain
from gateway.control.reasons import suspended
from gateway.protocol import VERSION, Ask, Do, Hello, Told, pack, read_word
from gateway.runtime import Runtime
from gateway.standing import alarms, links, loops, status

QUESTIONS = ("status", "alarms", "links", "loops", "checks", "explain", "suspended", "stop")
_CREDENTIALS = struct.Struct("3i")


class Door:
    """Serves one runtime on one socket."""

    def __init__(self, runtime: Runtime, path: Path) -> None:
        self.runtime, self.path = runtime, path
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Start to listen. A socket left behind by a process that died is replaced (the data directory's lock guards it)."""
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        self._server = await asyncio.start_unix_server(self._meet, str(self.path))
        self.path.chmod(0o660)

    async def close(self) -> None:
        """Stop to listen and forget the socket."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        if self.runtime.disk_answers:           # else the next process replaces it
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._talk(reader, writer)
        except (ValueError, ConnectionError, asyncio.CancelledError):
            pass  # a stranger, or somebody who left: nothing of the plant depends on them
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await read_word(reader)
        if not isinstance(hello, Hello):
            return
        writer.write(pack(Hello(VERSION, "lagan")))
        if hello.version != VERSION:
            return
        who = f"{hello.who} ({_peer(writer)})"
        while (word := await read_word(reader)) is not None:
            if isinstance(word, Do):
                self._spawn(self._do(word, who, writer))
            elif isinstance(word, Ask):
                writer.write(pack(self._answer(word, who)))
                await writer.drain()            # who does not listen is not told more

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _do(self, word: Do, who: str, writer: asyncio.StreamWriter) -> None:
        command = Command(verb=word.verb, target=word.target, who=who, why=word.why, key=word.key, arguments=word.arguments)
        answer = await self.runtime.do(command)
        ok = answer.entry.outcome == "accepted"
        writer.write(pack(Told(id=word.id, ok=ok, reason=answer.entry.reason, body=answer.body)))

    def _answer(self, word: Ask, who: str) -> Told:
        try:
            if word.what == "status":
                return Told(id=word.id, ok=True, body=status(self.runtime))
            if word.what == "explain":
                return Told(id=word.id, ok=True, body=explain(self.runtime.plant.scan, word.target, self.runtime.clock.now()))
            if word.what == "alarms":
                return Told(id=word.id, ok=True, body=alarms(self.runtime, word.target))
            if word.what == "suspended":
                return Told(id=word.id, ok=True, body=suspended(self.runtime.plant.scan.parts, self.runtime.clock.now()))
            if word.what == "links":
                return Told(id=word.id, ok=True, body=links(self.runtime))
            if word.what == "loops":
                return Told(id=word.id, ok=True, body=loops(self.runtime))
            if word.what == "checks":
                utc = self.runtime.clock.now().utc
                return Told(id=word.id, ok=True, body={"utc_ns": utc, "checks": self.runtime.plant.scan.parts.checks.listed(utc)})
            if word.what == "stop":
                self.runtime.stop(f"asked to by {who}")
                return Told(id=word.id, ok=True)
            return Told(id=word.id, ok=False, reason=f"no question {word.what!r}; there are {', '.join(QUESTIONS)}")
        except KeyError as error:
            return Told(id=word.id, ok=False, reason=f"unknown name {error}")


def _peer(writer: asyncio.StreamWriter) -> str:
    """Who the kernel says is at the other end."""
    sock = writer.get_extra_info("socket")
    _, uid, _ = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
