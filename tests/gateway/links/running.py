"""What runs beside a test: a link and the scan that wakes it, ended together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any


class Running:
    """Tasks from now on; what one of them raised is the test's failure."""

    def __init__(self, *work: Coroutine[Any, Any, None]) -> None:
        self._tasks = [asyncio.create_task(each) for each in work]

    async def end(self, stop: Callable[[], Awaitable[None]] | None = None) -> None:
        """Cancel them, then stop the server they talked to, where it is the test's."""
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        if stop is not None:
            await stop()
        assert [error for error in ended if isinstance(error, Exception)] == []
