"""Who speaks the plant process's words: used by the command line and the scripted operator."""

from __future__ import annotations

import asyncio
import getpass
import itertools
from pathlib import Path
from typing import Any

from gateway.protocol import VERSION, Ask, Do, Hello, Told, pack, read_word

_GONE = "the plant process went away before it answered"


class Refused(Exception):
    """The plant process said no, and why."""


class Client:
    """One connection. Use ``async with Client(path) as plant: await plant.ask("status")``."""

    def __init__(self, path: Path, who: str = "") -> None:
        self.path, self.who = path, who or getpass.getuser()
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Told]] = {}
        self._listener: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Client:
        self._reader, self._writer = await asyncio.open_unix_connection(str(self.path))
        self._writer.write(pack(Hello(VERSION, self.who)))
        hello = await read_word(self._reader)
        if not isinstance(hello, Hello) or hello.version != VERSION:
            raise Refused(f"the plant process speaks version {getattr(hello, 'version', '?')}, this client {VERSION}")
        self._listener = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listener is not None:
            self._listener.cancel()
        self._writer.close()

    async def _listen(self) -> None:
        try:
            while (word := await read_word(self._reader)) is not None:
                if isinstance(word, Told) and word.id in self._waiting:
                    self._waiting.pop(word.id).set_result(word)
        except ValueError:
            pass                                # it speaks nonsense: as good as gone
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionError(_GONE))

    async def _send(self, word: Do | Ask) -> Told:
        if self._listener is None or self._listener.done():
            raise ConnectionError(_GONE)
        future: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._waiting[word.id] = future
        self._writer.write(pack(word))
        return await future

    async def do(self, verb: str, target: str, *, why: str = "", key: str = "", **arguments: Any) -> dict[str, Any]:
        """Give a command and wait until it is in the journal. Raises Refused with the reason."""
        told = await self._send(Do(id=next(self._ids), verb=verb, target=target, why=why, key=key, arguments=arguments))
        if not told.ok:
            raise Refused(told.reason)
        return told.body

    async def ask(self, what: str, target: str = "") -> dict[str, Any]:
        """Ask a question. Raises Refused when it cannot be answered."""
        told = await self._send(Ask(id=next(self._ids), what=what, target=target))
        if not told.ok:
            raise Refused(told.reason)
        return told.body
