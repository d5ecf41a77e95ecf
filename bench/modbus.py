"""CPU per Modbus TCP request on either side, with the pymodbus client beside ours against the same server.

    python -m bench.modbus [rounds]

One process serves (core 0), one measures (core 1): rounds of one lockstep drain over all connections, as the demo runs it.
CPU time of the process is counted, so waiting costs nothing. ``ours`` is the whole gateway side: conversation, link,
check, decode into the image; ``rtu``: the same with RTU frames on TCP, without silence between them; ``pymodbus`` is
``AsyncModbusTcpClient.read_input_registers`` plus one bulk conversion.
Trust the ratios: absolute figures move with the machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import struct
import subprocess
import sys
import time
from collections.abc import Sequence

from pymodbus.client import AsyncModbusTcpClient

from bench.conversation import profile_of
from gateway.control.conversation import Binding, Conversation
from gateway.control.image import SECOND, Image, Now
from gateway.links.bus_link import BusLink
from gateway.links.modbus import ModbusLink
from gateway.links.rtu_wire import RtuWire
from gateway.links.ways import Socket
from simulators.bank import Bank
from simulators.serve_modbus import ModbusServers
from simulators.serve_rtu import RtuServers

FIRST_PORT = 25_020
PORTS = 12
FIRST_BUS = FIRST_PORT + PORTS


class Clock:
    """Plant time that moves by one second a round."""

    def __init__(self) -> None:
        self.now = Now(SECOND, SECOND)

    def __call__(self) -> Now:
        return self.now

    def step(self) -> None:
        self.now = Now(self.now.mono + SECOND, self.now.utc + SECOND)


async def serve() -> None:
    """The serving process: unit 1 has a block of 10 registers, unit 2 one of 64. Answers "cpu" on stdin with its CPU time."""
    banks = {1: Bank(profile_of(5), 1), 2: Bank(profile_of(32), 2)}
    servers = ModbusServers({FIRST_PORT + k: banks for k in range(PORTS)}, time.monotonic_ns)
    buses = RtuServers({FIRST_BUS + k: banks for k in range(PORTS)}, time.monotonic_ns)
    await servers.start()
    await buses.start()
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(time.process_time_ns(), flush=True)
    await servers.stop()
    await buses.stop()


class Peer:
    """The serving process as seen from here."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "bench.modbus", "serve"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdin
        assert self.process.stdout
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.stdout.readline()

    def cpu_ns(self) -> int:
        self.stdin.write("cpu\n")
        self.stdin.flush()
        return int(self.stdout.readline())

    def stop(self) -> None:
        self.stdin.close()
        self.process.wait(5)


async def ours(peer: Peer, unit: int, values: int, links: int, rounds: int, *, rtu: bool = False) -> tuple[float, float]:
    """Microseconds of CPU per request, gateway and server side, through our link; ``rtu``: to a bus behind a device server."""
    clock = Clock()
    made: list[tuple[Conversation, ModbusLink]] = []
    for k in range(links):
        image = Image([f"T{n}" for n in range(values)], [5 * SECOND] * values)
        bindings = [Binding(point=f"v{n}", tag=n) for n in range(values)]
        conversation = Conversation("D", profile_of(values), image, bindings, unit=unit)
        if rtu:
            way = Socket("127.0.0.1", FIRST_BUS + k, RtuWire)
            link = BusLink(f"L{k}", way, 0.1, [conversation], gap_s=0.0, clock=clock, rng=random.Random(k))
        else:
            link = ModbusLink(f"L{k}", Socket("127.0.0.1", FIRST_PORT + k), 1.0, [conversation], clock=clock, rng=random.Random(k))
        made.append((conversation, link))
    tasks = [asyncio.create_task(link.run()) for _, link in made]
    await asyncio.sleep(0.2)

    async def turns(count: int) -> None:
        for _ in range(count):
            clock.step()
            for conversation, link in made:
                conversation.beat(clock.now.mono)
                link.poke(clock.now.mono)
            for _, link in made:
                await link.drain()

    await turns(50)
    there, here = peer.cpu_ns(), time.process_time_ns()
    await turns(rounds)
    here, there = time.process_time_ns() - here, peer.cpu_ns() - there
    assert all(conversation.health.answered == rounds + 50 for conversation, _ in made)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return here / 1e3 / rounds / links, there / 1e3 / rounds / links


async def theirs(peer: Peer, unit: int, values: int, links: int, rounds: int) -> tuple[float, float]:
    """The same through the pymodbus client, all connections at once."""
    clients = [AsyncModbusTcpClient("127.0.0.1", port=FIRST_PORT + k, timeout=1, retries=0) for k in range(links)]
    for client in clients:
        await client.connect()

    async def turns(client: AsyncModbusTcpClient, count: int) -> None:
        for _ in range(count):
            answer = await client.read_input_registers(0, count=2 * values, device_id=unit)
            client.convert_from_registers(answer.registers, client.DATATYPE.FLOAT32)

    await asyncio.gather(*(turns(client, 50) for client in clients))
    there, here = peer.cpu_ns(), time.process_time_ns()
    await asyncio.gather(*(turns(client, rounds) for client in clients))
    here, there = time.process_time_ns() - here, peer.cpu_ns() - there
    for client in clients:
        client.close()
    return here / 1e3 / rounds / links, there / 1e3 / rounds / links


class Floor(asyncio.BufferedProtocol):
    """The least that asyncio can do: send a prebuilt frame, receive into one buffer, look at nothing."""

    def __init__(self, frame: bytes) -> None:
        self.frame, self.left, self.buffer = frame, 0, memoryview(bytearray(4096))
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.left -= 1
        if self.left:
            self.transport.write(self.frame)
        else:
            self.done.set_result(None)


async def floor(unit: int, values: int, links: int, rounds: int) -> float:
    """Microseconds of CPU per request of the bare transport."""
    frame = struct.pack(">HHHBBHH", 1, 0, 6, unit, 4, 0, 2 * values)
    loop = asyncio.get_running_loop()
    peers = [(await loop.create_connection(lambda: Floor(frame), "127.0.0.1", FIRST_PORT + k))[1] for k in range(links)]
    here = time.process_time_ns()
    for each in peers:
        each.left = rounds
        each.transport.write(frame)
    for each in peers:
        await each.done
        each.transport.close()
    return (time.process_time_ns() - here) / 1e3 / rounds / links


def pin(core: int) -> None:
    """Keep the two processes apart, where there are two cores."""
    if len(os.sched_getaffinity(0)) > core:
        os.sched_setaffinity(0, {core})


async def measure(rounds: int) -> Sequence[dict[str, float]]:
    """Print and return the table; medians of 3 interleaved runs."""
    peer = Peer()
    rows: list[dict[str, float]] = []
    print("registers  links  transport us   ours us  pymodbus us  pymodbus/ours   rtu us  rtu/ours | server us (ours / pymodbus / rtu)")
    try:
        for unit, values in ((1, 5), (2, 32)):
            for links in (1, PORTS):
                case = (unit, values, links, rounds)
                runs = [(await floor(*case), *await ours(peer, *case), *await theirs(peer, *case), *await ours(peer, *case, rtu=True))
                        for _ in range(3)]
                bare, mine, serving, other, other_serving, bus, bus_serving = (sorted(column)[1] for column in zip(*runs, strict=True))
                rows.append({"registers": 2 * values, "links": links, "transport_us": bare, "ours_us": mine, "pymodbus_us": other,
                             "server_us": serving, "rtu_us": bus})
                print(f"{2 * values:9}  {links:5}  {bare:12.1f}  {mine:8.1f}  {other:11.1f}  {other / mine:13.1f}  {bus:7.1f}  "
                      f"{bus / mine:8.1f} | {serving:.1f} / {other_serving:.1f} / {bus_serving:.1f}")
    finally:
        peer.stop()
    return rows


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        pin(0)
        asyncio.run(serve())
    else:
        pin(1)
        print(json.dumps(asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1500))))
