"""Plant time owned by a simulator: a private socket beside the plant links, one tick and one answer per scan.

Frames of the lockstep socket (little-endian): simulator -> gateway ``T`` mono utc (int64 ns each); gateway -> simulator
``D`` when the scan is done, its entries durable and its links drained. Other frames are text for the simulated people
(tip a lot into the hopper) and what the simulator alone knows (the truth), as JSON. This socket is no plant link: a plant
has none.
"""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path
from typing import Any

import msgspec

from gateway.control.image import Now
from gateway.runtime import Runtime
from gateway.ticker import SteppedClock

START_MONO = 3_600_000_000_000                  # where plant time begins that nobody's clock gives
START_UTC = 1_767_225_600_000_000_000           # 2026-01-01T00:00:00Z
_TICK = struct.Struct("<cqq")
DONE = b"D"


class Lockstep:
    """The gateway's end: scans when told, answers when all is still."""

    def __init__(self, runtime: Runtime, clock: SteppedClock, path: Path) -> None:
        self.runtime, self.clock, self.path = runtime, clock, path

    async def run(self) -> None:
        """Serve ticks until the simulator goes away or the runtime stops."""
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        runtime = self.runtime
        try:
            while not runtime.stopping.is_set():
                try:
                    frame = await reader.readexactly(_TICK.size)
                except (asyncio.IncompleteReadError, ConnectionResetError):
                    runtime.stop("the simulator went away", failed=True)
                    break
                _, mono, utc = _TICK.unpack(frame)
                self.clock.set(Now(mono, utc))
                ticket = runtime.tick()
                if runtime.committer.committed() < ticket:
                    await runtime.committer.durable(ticket)
                for link in runtime.links:
                    await link.drain()
                writer.write(DONE)
        finally:
            writer.close()


def tick_frame(now: Now) -> bytes:
    """The simulator's word for one tick."""
    return _TICK.pack(b"T", now.mono, now.utc)


async def tell(path: Path, what: str, **body: Any) -> dict[str, Any]:
    """Say something to the simulated people's socket and take the answer (one JSON line each way)."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(msgspec.json.encode({"what": what, **body}) + b"\n")
    answer = msgspec.json.decode(await reader.readline())
    writer.close()
    return answer
