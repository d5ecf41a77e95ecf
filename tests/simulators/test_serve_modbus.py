"""Banks behind pymodbus's server answer a stock client as they answer a call."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator

import pytest
from pymodbus.client import AsyncModbusTcpClient

from gateway.control.conversation import Binding, Conversation
from gateway.control.image import SECOND, Image, Now
from gateway.links.modbus import ModbusLink
from gateway.links.ways import Socket
from simulators.bank import Bank
from simulators.serve_modbus import ModbusServers
from tests.simulators.test_bank import PROFILE


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Served:
    """Two units on one port and a pymodbus client."""

    def __init__(self) -> None:
        self.banks = {1: Bank(PROFILE, 1), 7: Bank(PROFILE, 7)}
        self.now, self.port = 5 * SECOND, free_port()
        self.servers = ModbusServers({self.port: self.banks}, lambda: self.now)
        self.client = AsyncModbusTcpClient("127.0.0.1", port=self.port, timeout=0.2, retries=0)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """A line that is being served."""
    line = Served()
    await line.servers.start()
    assert await line.client.connect()
    yield line
    line.client.close()
    await line.servers.stop()


async def test_a_stock_client_reads_and_writes_every_table(served: Served):
    bank, client = served.banks[7], served.client
    bank.set("far", 1234)
    bank.set("switch", 1)
    assert (await client.read_input_registers(110, count=1, device_id=7)).registers == [1234]
    assert (await client.read_discrete_inputs(8, count=1, device_id=7)).bits[0] is True
    assert not (await client.write_coil(3, True, device_id=7)).isError()
    assert not (await client.write_coils(3, [True, True], device_id=7)).isError()
    assert not (await client.write_register(0, 555, device_id=7)).isError()
    assert not (await client.write_registers(1, [1, 2], device_id=7)).isError()
    assert (bank.get("valve"), bank.get("pump"), bank.get("out"), bank.get("pair")) == (1, 1, 55.5, 65538)
    assert (await client.read_coils(3, count=2, device_id=7)).bits[:2] == [True, True]
    assert (await client.read_holding_registers(0, count=3, device_id=7)).registers == [555, 1, 2]
    assert served.banks[1].get("valve") == 0


async def test_refusals_carry_the_exception_of_the_bank(served: Served):
    client = served.client
    assert (await client.read_input_registers(0, count=1, device_id=1)).exception_code == 2
    assert (await client.write_register(0, 9999, device_id=1)).exception_code == 3
    assert (await client.read_exception_status(device_id=1)).exception_code == 1
    assert (await client.read_input_registers(110, count=1, device_id=99)).exception_code == 11


async def test_plant_time_feeds_the_watchdog(served: Served):
    await served.client.write_coil(3, True, device_id=1)
    served.banks[1].step(8 * SECOND + 1)
    assert served.banks[1].expired


async def test_a_silent_device_and_a_slow_one(served: Served):
    device = Conversation("D", PROFILE, Image(["far"], [SECOND]), [Binding(point="far", tag=0)])
    way = Socket("127.0.0.1", served.port)
    link = ModbusLink("L", way, 0.05, [device], clock=lambda: Now(served.now, served.now), rng=random.Random(1))
    task = asyncio.create_task(link.run())
    try:
        served.banks[1].delay_s = 0.01
        async with asyncio.timeout(5):
            while device.health.answered == 0:
                served.now += SECOND
                device.beat(served.now)
                await link.drain()
                await asyncio.wait([task], timeout=0.01)
            assert device.health.answer_s > 0
            served.banks[1].silent = True
            while device.state == "up":
                served.now += SECOND
                device.beat(served.now)
                await link.drain()
        assert device.state == "lost"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_port_that_is_taken_is_told_and_leaves_none_open():
    free = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        servers = ModbusServers({free: {1: Bank(PROFILE)}, number: {1: Bank(PROFILE)}}, lambda: 0)
        with pytest.raises(OSError, match=f"cannot serve 127.0.0.1:{number}"):
            await servers.start()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", free))
