"""How fast plant time passes on the wire rehearsal, with everything that lives on it.

    python -m bench.wire [seconds of plant time]

``x real time`` is plant time over CPU time of this process, with everything in it: both stacks, the devices and the loop
(nothing waits, so on an idle machine it is wall time). Trust the ratios: absolute figures move with the machine.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog
from asyncua import Client, Server, ua

from bench.conversation import profile_of
from gateway.config.loading import load
from gateway.control.conversation import Binding, Conversation
from gateway.control.image import SECOND, Image
from gateway.links.modbus import ModbusLink
from gateway.links.ways import Socket
from gateway.paths import belfast_config
from gateway.plant import build
from gateway.records.committer import SteppedCommitter
from gateway.runtime import Runtime
from gateway.ticker import Clock, SteppedTicker
from simulators.bank import Bank
from simulators.serve_modbus import ModbusServers
from simulators.serving import Simulation
from simulators.wire import Network, run

PORT = 15_011
Main = Callable[[Network], Coroutine[Any, Any, None]]


def modbus(devices: int, seconds: int, **weather: Any) -> Main:
    """Devices of 10 registers, each behind a link of its own, polled every second."""
    async def main(net: Network) -> None:
        clock = Clock()
        servers = ModbusServers({PORT + k: {1: Bank(profile_of(5), 1)} for k in range(devices)}, time.monotonic_ns)
        await servers.start()
        made: list[tuple[Conversation, ModbusLink]] = []
        for k in range(devices):
            net.cable(PORT + k).set(**weather)
            image = Image([f"T{n}" for n in range(5)], [5 * SECOND] * 5)
            talk = Conversation("D", profile_of(5), image, [Binding(point=f"v{n}", tag=n) for n in range(5)], unit=1)
            made.append((talk, ModbusLink(f"L{k}", Socket("127.0.0.1", PORT + k), 0.5, [talk], clock=clock.now, rng=random.Random(k))))
        tasks = [asyncio.create_task(link.run()) for _, link in made]
        for _ in range(seconds):
            await net.lapse(1)
            now = clock.now().mono
            for talk, link in made:
                talk.beat(now)
                link.poke(now)
        await net.lapse(1)
        assert all(talk.health.answered >= seconds - 1 for talk, _ in made)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await servers.stop()

    return main


def opcua(variables: int, seconds: int) -> Main:
    """Stock asyncua on both sides: variables that change every second, all of them subscribed to."""
    async def main(net: Network) -> None:
        server = Server()
        await server.init()
        server.set_endpoint("opc.tcp://127.0.0.1:4840")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        server.disable_clock()
        folder = await server.nodes.objects.add_folder(2, "bench")
        nodes = [await folder.add_variable(2, f"V{k}", 0.0) for k in range(variables)]
        await server.start()
        client = Client("opc.tcp://127.0.0.1:4840")
        await client.connect()
        got = [0]

        class Counting:
            def datachange_notification(self, node: Any, val: Any, data: Any) -> None:
                got[0] += 1

        subscription = await client.create_subscription(1000, Counting())
        await subscription.subscribe_data_change([client.get_node(node.nodeid) for node in nodes])
        for second in range(1, seconds + 1):
            await net.lapse(1)
            for node in nodes:
                await node.write_value(float(second))
        await net.lapse(2)
        assert got[0] >= variables * seconds
        await client.disconnect()
        await server.stop()

    return main


def plant(seconds: int) -> Main:
    """The whole Belfast line: plant process with journal and history, served devices, physics."""
    async def main(net: Network) -> None:
        config = load(belfast_config())
        line = asyncio.create_task(Simulation(config, seed=7).run())
        await net.lapse(0)
        with tempfile.TemporaryDirectory() as directory:
            runtime = Runtime(build(config), Path(directory), Clock(), ticker=SteppedTicker, committer=SteppedCommitter)
            task = asyncio.create_task(runtime.run())
            await net.lapse(seconds)
            runtime.stop("the measurement is over")
            await task
        line.cancel()
        await asyncio.gather(line, return_exceptions=True)

    return main


def empty(seconds: int) -> Main:
    """A timer a second and nothing else."""
    async def main(net: Network) -> None:
        for _ in range(seconds):
            await net.lapse(1)

    return main


def measure(name: str, seconds: int, main: Callable[[int], Main]) -> None:
    """Print one row. What start and stop cost is measured by a run of one second and taken off."""
    cost = []
    events = [0]
    for span in (1, seconds):
        async def counted(net: Network, span: int = span) -> None:
            await main(span)(net)
            events[0] = net.trace.count

        began = time.process_time()
        run(counted, seed=1, limit_s=span + 3600)
        cost.append(time.process_time() - began)
    took = max(cost[1] - cost[0], 1e-9)
    print(f"{name:58}{seconds:9}{cost[0]:10.2f}{took:10.2f}{(seconds - 1) / took:12.0f}{events[0]:10}")


def main() -> None:
    """Print the table."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 3600
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    print(f"{'':58}{'plant s':>9}{'start s':>10}{'CPU s':>10}{'x real time':>12}{'events':>10}")
    measure("a timer a second", 10 * seconds, empty)
    measure("1 Modbus device, polled each second", seconds, lambda span: modbus(1, span))
    measure("1 Modbus device, 20 ms, jitter 50 ms, every byte alone", seconds,
            lambda span: modbus(1, span, latency_s=0.02, jitter_s=0.05, cut=(1, 1)))
    measure("50 Modbus devices on 50 links, polled each second", seconds // 10, lambda span: modbus(50, span))
    measure("100 OPC UA variables (stock asyncua), changing each second", seconds // 10, lambda span: opcua(100, span))
    measure("the Belfast line: plant process, devices, physics", seconds // 10, plant)


if __name__ == "__main__":
    main()
