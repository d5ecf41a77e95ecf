"""The live loop: ticks, links, journal, history and the Unix socket around one scan.

Live, the kernel's timer gives the ticks. In lockstep, a simulator that owns plant time gives them over a private socket
(``gateway.lockstep``); the scan, the links and the journal are the same. Whatever ends the process, the outputs go to
their safe values first; if the process is killed, the devices' own watchdogs do it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib.metadata
import platform
import random
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import structlog

from gateway.control.analyzer import OpcUaConversation
from gateway.control.chain import ServiceStarted, ServiceStopped, Stored
from gateway.control.command import Answer
from gateway.control.conversation import Conversation
from gateway.control.image import SECOND, Now
from gateway.control.scan import remaining, replay
from gateway.history.recorder import HistoryThread, Recorder
from gateway.history.rows import History
from gateway.links.bus_link import BusLink
from gateway.links.modbus import ModbusLink
from gateway.links.opcua import OpcUaLink
from gateway.links.quiet import gap_s
from gateway.links.security import configured
from gateway.links.ways import way_of
from gateway.plant import Plant, deadbands
from gateway.records.committer import Committer, ThreadCommitter
from gateway.records.journal import Journal
from gateway.ticker import Ticker, Ticking, Timekeeper

PATIENCE_S = 5.0  # with an answer in lockstep: plant time waits for it, and a busy machine is no lost device
SLEPT_S = 1.0  # of a suspended machine, between two scans: as T03 of the fault catalogue has it
SAFE_S = 1.0  # what a stopping process gives its last writes
DISK_S = 20.0  # and the disk its last entries, with the outputs safe by then: assumed, well below the 90 s of systemd
Link = ModbusLink | OpcUaLink

log = structlog.get_logger()


class Runtime:
    """One plant process. ``run`` lives until it is stopped; ``tick`` is one scan with everything around it.

    ``ticker`` makes the grid of ``run`` from a period in ns and what is to be done, ``committer`` the writer of the journal; both have a
    stepped twin.
    """

    def __init__(
        self,
        plant: Plant,
        directory: Path,
        clock: Timekeeper,
        *,
        lockstep: bool = False,
        read_only: bool = False,
        ticker: Callable[[int, Callable[[], None]], Ticking] = Ticker,
        committer: Callable[[Journal, Callable[[], None]], Committer] = ThreadCommitter,
    ) -> None:
        self.plant, self.clock, self.read_only = plant, clock, read_only
        self.journal = Journal.open(directory)
        self.history = History.open(directory)
        self.recovered = recover(plant, list(self.journal.read()), clock.now())
        self.committer = committer(self.journal, self._durable)
        self.keeper = HistoryThread(self.history)
        self.recorder = Recorder(plant.image, self.history, deadbands(plant), self.keeper.deliver)
        self.links = [self._link(name, directory, lockstep) for name in plant.links]
        self.ticket = self.committer.committed()
        self.answers: list[tuple[int, Answer, asyncio.Future[Answer]]] = []
        self.asked: dict[int, asyncio.Future[Answer]] = {}
        self.stopping = asyncio.Event()
        self.why = ""
        self.failure: str | None = None
        self.disk_answers = True                # False: whoever touches the data directory now may wait for ever
        self.lockstep = lockstep
        self._ticker = ticker
        self._loop = asyncio.get_running_loop()
        self._tasks: list[asyncio.Task[None]] = []

    def _link(self, name: str, directory: Path, lockstep: bool) -> Link:
        link, talks = self.plant.config.links[name], self.plant.links[name]
        timeout_s = max(link.timeout_ms / 1000, PATIENCE_S if lockstep else 0.0)
        if link.kind == "opcua":
            (talk,) = talks
            assert isinstance(talk, OpcUaConversation)
            return OpcUaLink(
                name,
                f"opc.tcp://{link.host}:{link.tcp_port}",
                talk,
                self.clock.now,
                security=configured(link.security, link.host, directory, datetime.fromtimestamp(self.clock.now().utc / SECOND, UTC)),
                timeout_s=timeout_s,
                polled=lockstep,
                read_only=self.read_only,
                seed=name,
            )
        way = way_of(link)
        modbus = [talk for talk in talks if isinstance(talk, Conversation)]
        clock, rng = self.clock.now, random.Random(name)
        if link.bus:
            usual_s = link.timeout_ms / 1000
            return BusLink(
                name, way, timeout_s, modbus, gap_s=gap_s(link.baud), clock=clock, rng=rng, read_only=self.read_only, usual_s=usual_s
            )
        return ModbusLink(name, way, timeout_s, modbus, clock=clock, rng=rng, read_only=self.read_only, window=link.window)

    # --- one scan -----------------------------------------------------------------------------------------------
    def tick(self) -> int:
        """One scan and what follows from it; returns the ticket of its entries. Never waits."""
        now = self.clock.now()
        scan = self.plant.scan
        slept_s = self.clock.slept_ns() / SECOND
        if slept_s > SLEPT_S:
            log.warning("machine_slept", seconds=round(slept_s, 1))
            scan.slept_s = slept_s
        result = scan.run(now, self.committer.committed())
        if result.entries:
            self.ticket = self.committer.submit(result.entries, now)
            scan.submitted(self.ticket)
        ticket = self.ticket
        for answer in result.answers:
            future = self.asked.pop(id(answer.command), None)
            if future is not None:
                self.answers.append((ticket, answer, future))
        if result.answers and self.committer.committed() >= ticket:
            self._release()                     # a command given twice: its entry has been durable for long, no commit will say so
        self.recorder.scan(now)
        for link in self.links:
            link.poke(now.mono)
        waited_s, most_s = scan.parts.outgoing.waited_s, self.plant.config.site.record.safe_s
        if self.committer.failed:
            self.stop(f"journal: {self.committer.failed}", failed=True)
        elif waited_s > most_s:
            self.stop(f"journal: the disk does not answer; an entry has waited for more than {most_s:g} s", failed=True)
        return ticket

    def _durable(self) -> None:
        """Called in the writer's thread after each commit."""
        self._loop.call_soon_threadsafe(self._release)

    def _release(self) -> None:
        """Answer the commands whose entries are durable."""
        done = self.committer.committed()
        ready, self.answers = [a for a in self.answers if a[0] <= done], [a for a in self.answers if a[0] > done]
        for _, answer, future in ready:
            if not future.done():
                future.set_result(answer)

    def start(self) -> None:
        """Write down that the process is up, freeze start-up garbage, start the links."""
        self.committer.submit([self._birth()], self.clock.now())
        gc.collect()
        gc.freeze()
        self._tasks = [asyncio.create_task(self._supervise(link), name=link.name) for link in self.links]

    def _birth(self) -> ServiceStarted:
        software = {name: importlib.metadata.version(name) for name in ("pymodbus", "asyncua", "apsw")}
        software["python"], software["sqlite"] = platform.python_version(), apsw.sqlite_lib_version()
        return ServiceStarted(
            version=_version(),
            config_digest=self.plant.config.digest,
            software=software,
            recovered=self.recovered,
            read_only=self.read_only,
            clock="simulated" if self.lockstep else "machine clock, synchronisation not checked",
        )

    async def _supervise(self, link: Link) -> None:
        """A link that fails ends the process: nobody would see its devices any more."""
        try:
            await link.run()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("link_failed", link=link.name)
            self.stop(f"link {link.name}: {error}", failed=True)

    def stop(self, why: str, failed: bool = False) -> None:
        """Ask the process to go to its safe state and end."""
        if not self.stopping.is_set():
            self.why = why
            self.failure = why if failed else None
            self.stopping.set()

    # --- live ---------------------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Scan on the grid until stopped. Raises RuntimeError when the process had to stop by itself."""
        for name in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(name, self.stop, f"signal {name.name}")
        self.start()
        period_ns = round(self.plant.config.site.scan.trip_s * SECOND)
        missed = 0

        def due() -> None:
            nonlocal missed
            if self.stopping.is_set():
                return
            if ticker.missed != missed:
                log.warning("scan_overran", missed=ticker.missed - missed)
                missed = ticker.missed
            try:
                self.tick()
            except Exception as error:
                log.exception("scan_failed")
                self.stop(f"scan: {error}", failed=True)

        ticker = self._ticker(period_ns, due)
        try:
            await self.stopping.wait()
        finally:
            ticker.close()
            await self.close()
        if self.failure:
            raise RuntimeError(self.failure)

    async def close(self) -> None:
        """Safe state, last entries, doors closed."""
        now = self.clock.now()
        try:
            await self._make_safe(now)
        except Exception:                       # the devices' own watchdogs take over; the rest of the closing goes on
            log.exception("safe_state_failed")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.committer.failed is None:
            self.committer.submit([ServiceStopped(reason=self.why or "stopped")], now)
        self.recorder.flush(now)
        self.disk_answers = self.committer.close(DISK_S) and within(DISK_S, self.journal.close)
        if not self.disk_answers:
            log.error("journal_unwritten", committed=self.committer.committed(), waited_s=DISK_S)
        patience_s = DISK_S if self.disk_answers else 0.0
        self.disk_answers &= self.keeper.close(patience_s) and within(patience_s, self.history.close)

    async def _make_safe(self, now: Now) -> None:
        """Every output to where it is safe; wait for the wire, but not for long."""
        parts = self.plant.scan.parts
        parts.outputs.make_safe(parts.image, now, *self.plant.scan.forced(), "the plant process stops")
        try:
            async with asyncio.timeout(SAFE_S):
                for link in self.links:
                    with contextlib.suppress(Exception):    # what ails one link must not keep the others from being safe
                        link.poke(now.mono)
                await asyncio.gather(*(link.drain() for link in self.links), return_exceptions=True)
        except TimeoutError:
            log.warning("safe_writes_unfinished")

    # --- commands -----------------------------------------------------------------------------------------------
    async def do(self, command: Any) -> Answer:
        """Give the scan a command; the answer when its entry is durable."""
        future: asyncio.Future[Answer] = self._loop.create_future()
        self.asked[id(command)] = future
        self.plant.scan.inbox.append(command)
        return await future


def within(seconds: float, work: Callable[[], None]) -> bool:
    """Let some work be done that the disk may keep for ever; whether it was done in this time. What it raises is logged."""

    def do() -> None:
        try:
            work()
        except Exception:
            log.exception("closing_failed")

    thread = threading.Thread(target=do, name="closing", daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


def recover(plant: Plant, stored: list[Stored], now: Now) -> list[str]:
    """Fold the journal into a fresh plant. Batches that were running come back HELD; a person resumes them."""
    replay(plant.scan, stored)
    remaining(plant.scan, Now(now.mono, max((now.utc, *(item.utc for item in stored)))))
    recovered: list[str] = []
    for engine in plant.scan.parts.units.values():
        batch = engine.batch
        if batch is None:
            continue
        if engine.recover(now):
            recovered.append(batch.id)
        measured = {result.sample for result in batch.results}
        for sample in batch.requests.values():
            if sample.sample not in measured and plant.analyzer is not None:
                plant.analyzer.expect_result(
                    sample.sample, batch.id, sample.stream.partition(" ")[2] or sample.stream, sample.purpose, now.mono
                )
    return recovered


def _version() -> str:
    try:
        return importlib.metadata.version("lagan-plant")
    except importlib.metadata.PackageNotFoundError:
        return "source"
