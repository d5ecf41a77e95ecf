"""run, sim and people: the plant process, the simulated line, and who stands around it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys

import msgspec
import structlog

from gateway.commands.look import config_of
from gateway.protocol import tell

SOCKET = "plant.sock"


def run(given: argparse.Namespace) -> int:
    """The plant process until it is stopped; 1 when it had to stop by itself."""
    config = config_of(given.config)
    if config is None:
        return 2
    from gateway.records.lock import DirectoryHeld
    from gateway.records.store import JournalDamaged, JournalUnusable
    from gateway.ticker import TickLoop

    _log_to_stderr()
    given.data.mkdir(parents=True, exist_ok=True)
    try:
        with asyncio.Runner(loop_factory=TickLoop) as runner:
            runner.run(_run(config, given))
    except (DirectoryHeld, JournalDamaged, JournalUnusable, OSError, RuntimeError) as error:
        print(f"lagan run: {error}", file=sys.stderr)
        return 1
    return 0


async def _run(config: object, given: argparse.Namespace) -> None:
    from gateway.config.models import Config
    from gateway.door import Door
    from gateway.lockstep import Lockstep
    from gateway.plant import build
    from gateway.protocol import START_MONO, START_UTC
    from gateway.runtime import Runtime
    from gateway.ticker import Clock, SteppedClock

    assert isinstance(config, Config)
    plant = build(config, read_only=given.read_only)
    stepped = SteppedClock(START_MONO, START_UTC) if given.lockstep else None
    runtime = Runtime(plant, given.data, stepped or Clock(), lockstep=stepped is not None, read_only=given.read_only)
    door = Door(runtime, given.data / SOCKET)
    await door.open()
    try:
        if stepped is None:
            await runtime.run()
            return
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, runtime.stop, f"signal {name.name}")
        runtime.start()
        try:
            await Lockstep(runtime, stepped, given.lockstep).run()
        except Exception as error:
            runtime.stop(f"scan: {error}", failed=True)
        finally:
            await runtime.close()
        if runtime.failure:
            raise RuntimeError(runtime.failure)
    finally:
        await door.close()


def sim(given: argparse.Namespace) -> int:
    """The simulated line until it is interrupted."""
    from simulators.serving import Simulation

    config = config_of(given.config)
    if config is None:
        return 2
    _log_to_stderr()
    try:
        simulation = Simulation(
            config, seed=given.seed, lockstep=given.lockstep, people=given.people, speed=given.speed, snapshot=given.snapshot, pki=given.pki
        )
    except (OSError, ValueError) as error:
        print(f"lagan sim: {error}", file=sys.stderr)
        return 2
    for name in simulation.unserved:
        path = config.links[name].path
        print(f"lagan sim: nobody answers on {name}: {path} is a serial port; as modbus_rtu_tcp it can be simulated", file=sys.stderr)

    async def serve() -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await simulation.run()

    try:
        asyncio.run(serve())
    except OSError as error:
        print(f"lagan sim: {error}", file=sys.stderr)
        return 1
    return 0


def people(given: argparse.Namespace) -> int:
    """One word to the simulated people; prints their answer."""
    body = dict(item.partition("=")[::2] for item in given.about)
    try:
        answer = asyncio.run(tell(given.socket, given.word, **body))
    except (OSError, msgspec.DecodeError) as error:
        print(f"lagan people: nobody answers at {given.socket}: {error}", file=sys.stderr)
        return 1
    print(msgspec.json.encode(answer).decode())
    return 0 if answer.get("ok") else 1


def _log_to_stderr() -> None:
    """Facts of the process go to standard error; the journal is the record."""
    import logging

    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
