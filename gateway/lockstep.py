"""Plant time owned by a simulator: a private socket beside the plant links, one tick and one answer per scan.

The words are in ``gateway.protocol``: the simulator says ``T`` and the time, the gateway answers ``D`` when the scan is
done, its entries are durable and its links are drained. This socket is no plant link: a plant has none.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway.control.image import Now
from gateway.protocol import DONE, TICK, stay_awake
from gateway.runtime import Runtime
from gateway.ticker import SteppedClock


class Lockstep:
    """The gateway's end: scans when told, answers when all is still."""

    def __init__(self, runtime: Runtime, clock: SteppedClock, path: Path) -> None:
        self.runtime, self.clock, self.path = runtime, clock, path

    async def run(self) -> None:
        """Serve ticks until the simulator goes away or the runtime stops."""
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        runtime = self.runtime
        awake = asyncio.create_task(stay_awake())
        stopping = asyncio.create_task(runtime.stopping.wait())
        try:
            while not runtime.stopping.is_set():
                try:
                    frame = await reader.readexactly(TICK.size)
                except (asyncio.IncompleteReadError, ConnectionResetError):
                    runtime.stop("the simulator went away", failed=True)
                    break
                _, mono, utc = TICK.unpack(frame)
                self.clock.set(Now(mono, utc))
                ticket = runtime.tick()
                if runtime.committer.committed() < ticket:      # a disk that hangs must not keep the process from its end
                    await asyncio.wait((asyncio.ensure_future(runtime.committer.durable(ticket)), stopping),
                                       return_when=asyncio.FIRST_COMPLETED)
                    if runtime.stopping.is_set():
                        break
                for link in runtime.links:
                    await link.drain()
                writer.write(DONE)
        finally:
            awake.cancel()
            stopping.cancel()
            writer.close()
