"""From a main coroutine to its result in virtual time; whatever is left behind or went wrong unseen fails the run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from simulators.wire.clocks import clocks_of
from simulators.wire.loop import VirtualLoop
from simulators.wire.network import Network

SETTLE_S = 1.0          # virtual time for what was closed at the very end to be gone
GRACE_S = 60.0          # virtual time that cancelled tasks have to end
_T = TypeVar("_T")


class Leak(RuntimeError):
    """The run is over and tasks, connections or listeners are not."""


def run(main: Callable[[Network], Coroutine[Any, Any, _T]], *, seed: int = 0, limit_s: float = 3600.0) -> _T:
    """The result of ``main(network)``. ``limit_s``: virtual seconds.

    Raises what main raises, or Deadlock, OutOfTime, Standstill, Unhandled, Leak; each with the seed and the last events of the
    wire as a note.
    """
    loop = VirtualLoop(limit_s)
    network = Network(loop, seed)
    try:
        with clocks_of(loop):
            try:
                result = loop.run_until_complete(main(network))
                _settle(loop, network)
                return result
            finally:
                _sweep(loop)
    except BaseException as error:
        trace = network.trace
        error.add_note(f"seed {seed}, {loop.elapsed_s:.6f} s; the last of {trace.count} events on the wire:\n{trace.tail()}")
        raise
    finally:
        loop.close()


def _settle(loop: VirtualLoop, network: Network) -> None:
    """Let what was closed be gone, then look at what is left. Raises Leak, Unhandled."""
    loop.limit_s = max(loop.limit_s, loop.elapsed_s + SETTLE_S)
    loop.run_until_complete(network.lapse(SETTLE_S))
    if loop.broken is not None:
        raise loop.broken
    left = [loop.waiting()] if asyncio.all_tasks(loop) else []
    left += [f"  {end!r}" for end in network.open_ends()]
    left += [f"  {host}:{port} is listened at" for host, port in network.listeners]
    if left:
        raise Leak("left behind:\n" + "\n".join(left))


def _sweep(loop: VirtualLoop) -> None:
    """Cancel what is left, so that nothing outlives the run; its own errors were reported or come from being cancelled."""
    loop.grace(GRACE_S)
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    with contextlib.suppress(RuntimeError):
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks))
        for end in loop.network.open_ends():
            end.abort()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
