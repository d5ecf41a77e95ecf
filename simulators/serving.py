"""The simulated line behind real sockets: Modbus TCP and OPC UA on loopback, and who moves its time.

At speed 1 the line follows the wall clock. Otherwise it owns plant time: each tick goes to the gateway over the lockstep
socket and the next one waits for the gateway's answer; a gateway that does not answer within the lease is left behind, the
line goes on at the pace of the wall clock and the devices' watchdogs run out as they would in a plant.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import ssl
import time
from pathlib import Path
from typing import Any

import msgspec

from devices.profile import Access
from gateway.config.models import Config
from gateway.protocol import START_MONO, START_UTC, stay_awake, tick_frame
from simulators.bank import Bank
from simulators.checking import commissioning
from simulators.line import SECOND, Line
from simulators.secured import server_context
from simulators.serve_modbus import ModbusServers
from simulators.serve_opcua import OpcUaServer, Secured
from simulators.serve_rtu import RtuServers
from simulators.snapshot import restore

LEASE_S = 12.0  # of wall time for one scan of the gateway: longer than its own patience with an answer
PUBLISH_NS = 5 * SECOND


class Simulation:
    """Servers around one line. ``lockstep``: socket of the private clock, None to follow the wall clock.

    ``pki``: certificates of the simulated OPC UA server, where the configuration has it secured.
    ``snapshot``: file of a saved line to go on from. Raises SnapshotRefused when it is of another plant.
    ``unserved``: links on a serial port of this machine, at whose other end nobody simulated can be.
    """

    def __init__(
        self,
        config: Config,
        *,
        seed: int | None = None,
        lockstep: Path | None = None,
        people: Path | None = None,
        speed: float = 0.0,
        snapshot: Path | None = None,
        pki: Path = Path("sim-pki"),
    ) -> None:
        self.config, self.lockstep, self.people, self.speed, self.pki = config, lockstep, people, speed, pki
        self.period_ns = round(config.site.scan.trip_s * SECOND)
        live = lockstep is None
        self.mono, self.utc = (time.monotonic_ns(), time.time_ns()) if live else (START_MONO, START_UTC)
        self.line = Line(config, seed, self.utc - self.mono)
        if snapshot is not None:
            restore(self.line, snapshot, self.mono, self.utc - self.mono)
        self.modbus = ModbusServers(self._ports("modbus_tcp", "modbus_tls"), self._clock, tls=self._secured())
        self.buses = RtuServers(self._ports("modbus_rtu_tcp"), self._clock)
        self.unserved = sorted(name for name, link in config.links.items() if link.kind == "modbus_rtu")
        self.opcua = self._opcua()
        self._published = 0
        self._gateway: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._met = asyncio.Event()
        self._awake: asyncio.Task[None] | None = None

    def _clock(self) -> int:
        return time.monotonic_ns() if self.lockstep is None else self.mono

    def _ports(self, *kinds: str) -> dict[int, dict[int, Any]]:
        """Port -> unit -> bank, of the links of these kinds."""
        ports: dict[int, dict[int, Any]] = {}
        for name, bank in self.line.banks.items():
            link = self.config.links[self.config.devices[name].link]
            if link.kind in kinds:
                ports.setdefault(link.tcp_port, {})[bank.unit_id] = bank
        return ports

    def _secured(self) -> dict[int, ssl.SSLContext]:
        """The simulated server proves itself with the link's own certificate, which must speak for the link's host or server_name."""
        return {
            link.tcp_port: server_context(link.ca or "", link.certificate or "", link.key or "")
            for link in self.config.links.values()
            if link.kind == "modbus_tls"
        }

    def _opcua(self) -> OpcUaServer | None:
        for link in self.config.links.values():
            if link.kind == "opcua":
                given = link.security
                secured = None if given.none else Secured(given.policy, given.mode, self.pki)
                users = {given.user: os.environ.get(given.password_env, "")} if given.user else None
                if users is not None and not users[given.user]:
                    raise ValueError(f"the simulated server takes the password of {given.user} from password_env, and there is none")
                return OpcUaServer(self.line.icp, self._clock, host=link.host, port=link.tcp_port, users=users, secured=secured)
        return None

    async def run(self) -> None:
        """Serve until cancelled."""
        servers: list[asyncio.Server] = []
        try:
            await self.modbus.start()
            await self.buses.start()
            if self.opcua is not None:
                await self.opcua.start()
            if self.people is not None:
                servers.append(await asyncio.start_unix_server(self._person, str(self.people)))
            if self.lockstep is None:
                await self._follow_the_wall()
            else:
                gc.collect()
                gc.freeze()
                servers.append(await asyncio.start_unix_server(self._gateway_came, str(self.lockstep)))
                self._awake = asyncio.create_task(stay_awake())
                await self._own_time()
        finally:
            if self._awake is not None:
                self._awake.cancel()
            for server in servers:
                server.close()
            await self.modbus.stop()
            await self.buses.stop()
            if self.opcua is not None:
                await self.opcua.stop()

    # --- time ---------------------------------------------------------------------------------------------------
    async def _follow_the_wall(self) -> None:
        due = time.monotonic_ns()
        while True:
            due += self.period_ns
            await asyncio.sleep(max(due - time.monotonic_ns(), 0) / SECOND)
            if time.monotonic_ns() - due > 10 * self.period_ns:
                due = time.monotonic_ns()       # the machine slept: no burst to catch up
            self.mono, self.utc = time.monotonic_ns(), time.time_ns()
            await self._step()

    async def _own_time(self) -> None:
        await self._met.wait()
        began, first = time.monotonic_ns(), self.mono
        while True:
            self.mono, self.utc = self.mono + self.period_ns, self.utc + self.period_ns
            told = self._tell_gateway()         # it scans what it knows while the line moves; its polls wait for the step
            await self._step()
            if not (told and await self._gateway_is_done()):
                await asyncio.sleep(self.period_ns / SECOND)     # nobody scans: the plant goes on in its own time
                began, first = time.monotonic_ns(), self.mono
            elif self.speed:
                ahead = (self.mono - first) / self.speed - (time.monotonic_ns() - began)
                if ahead > 0:
                    await asyncio.sleep(ahead / SECOND)

    async def _step(self) -> None:
        self.line.step(self.period_ns / SECOND, self.mono)
        if self.opcua is not None and self.mono - self._published >= PUBLISH_NS:
            self._published = self.mono
            await self.opcua.publish()

    def _tell_gateway(self) -> bool:
        """One tick to the gateway; False when there is none."""
        if self._gateway is None:
            return False
        self._gateway[1].write(tick_frame(self.mono, self.utc))
        return True

    async def _gateway_is_done(self) -> bool:
        """Its answer to the tick; False when there is none within the lease."""
        assert self._gateway is not None
        reader, writer = self._gateway
        try:
            async with asyncio.timeout(LEASE_S):
                return bool(await reader.readexactly(1))
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            self._gateway = None
            return False

    async def _gateway_came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._gateway is not None:
            self._gateway[1].close()
        self._gateway = (reader, writer)
        self._met.set()

    # --- the simulated people -----------------------------------------------------------------------------------
    async def _person(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(msgspec.json.encode(self._answered(line)) + b"\n")
        writer.close()

    def _answered(self, line: bytes) -> dict[str, Any]:
        """The answer to one line; what cannot be understood is said, and moves nothing."""
        try:
            return self._hear(msgspec.json.decode(line, type=dict[str, Any]))
        except (KeyError, ValueError, TypeError, msgspec.MsgspecError) as error:
            return {"ok": False, "reason": f"{type(error).__name__}: {error}"}

    def _hear(self, word: dict[str, Any]) -> dict[str, Any]:
        """tip a lot | begin a batch's account | tell the truth | set or get a variable of the world | what the devices were commanded |
        what the instruments show of buffers, gas, weights and a control sample."""
        what = word.get("what")
        if what == "tip":
            self.line.tip(word["lot"], float(word["mass_kg"]))
        elif what == "begin":
            self.line.begin_batch(word["unit"])
        elif what == "truth":
            return {"ok": True, "truth": self.line.world.truth(word["unit"])}
        elif what == "set":
            self.line.world.values[self.line.world.index(word["variable"])] = float(word["value"])
        elif what == "get":
            return {"ok": True, "value": self.line.world.values[self.line.world.index(word["variable"])]}
        elif what == "checks":
            return {"ok": True, "checks": msgspec.to_builtins(commissioning(self.line))}
        elif what == "devices":
            return {"ok": True, "devices": {name: _commanded(bank) for name, bank in self.line.banks.items()}}
        else:
            return {"ok": False, "reason": f"no such word {what!r}"}
        return {"ok": True}


def _commanded(bank: Bank) -> dict[str, Any]:
    """What a device was told: its output registers (words as they stand), how many writes came, whether its watchdog ran out."""
    outputs = {point.name: bank.raw(point.name) for point in bank.profile.points if point.access is Access.READ_WRITE}
    return {"outputs": outputs, "written": bank.written, "expired": bank.expired}
