"""Simulated units on a serial bus: who answers, who is silent, and the whole line with its serial gateways as buses."""

from __future__ import annotations

import asyncio
import shutil
import socket
from pathlib import Path

import pytest
from pymodbus.framer import FramerRTU

from devices.exchange import Read
from devices.quality import is_bad
from gateway.config.loading import load
from gateway.config.models import Config
from gateway.links.bus_link import BusLink
from gateway.links.inquiry import Inquiry
from gateway.links.ways import way_of
from gateway.paths import belfast_config
from simulators.bank import Bank
from simulators.serve_modbus import ModbusServers
from simulators.serve_rtu import RtuUnits
from simulators.serving import Simulation
from simulators.wire import Network, run
from tests.gateway.links.certificates import Authority
from tests.gateway.links.peer import bank_of
from tests.simulators.wire.line import plant_of

pytestmark = pytest.mark.usefixtures("quiet")


def framed(body: str) -> bytes:
    data = bytes.fromhex(body)
    return data + FramerRTU.compute_CRC(data).to_bytes(2, "big")


@pytest.fixture
def bus() -> tuple[Bank, RtuUnits]:
    bank = bank_of(3)
    bank.set("level", 50.0)
    return bank, RtuUnits({3: bank}, lambda: 0)


def test_a_unit_answers_reads_writes_and_what_it_does_not_know(bus: tuple[Bank, RtuUnits]):
    _, units = bus
    assert units.heard(framed("0304 0000 0002")) == [(0.0, framed("0304 04 42480000"))]
    assert units.heard(framed("0306 0008 0005")) == [(0.0, framed("0306 0008 0005"))]
    assert units.heard(framed("0310 000a 0002 04 3f800000")) == [(0.0, framed("0310 000a 0002"))]
    assert units.heard(framed("0304 0384 0001")) == [(0.0, framed("0384 02"))]


def test_nobody_answers_for_a_unit_that_is_not_there_or_for_a_garbled_request(bus: tuple[Bank, RtuUnits]):
    bank, units = bus
    assert units.heard(framed("0404 0000 0002")) == []
    assert units.heard(framed("0304 0000 0002")[:-1] + b"\0") == []
    bank.silent = True
    assert units.heard(framed("0304 0000 0002")) == []
    bank.silent, bank.delay_s = False, 0.1
    assert units.heard(framed("0304 0000 0002"))[0][0] == 0.1


def with_buses(folder: Path) -> Config:
    """The Belfast line with every serial gateway as a device server that passes RTU frames."""
    shutil.copytree(belfast_config(), folder)
    file = folder / "devices.yaml"
    lines = file.read_text().splitlines(keepends=True)
    text, here = "", False
    for line in lines:
        here = line.startswith("  GW-") if line.startswith("  ") and not line.startswith("   ") else here
        if here:
            line = line.replace("modbus_tcp", "modbus_rtu_tcp").replace("window: 16, ", "")
        text += "" if here and line.lstrip().startswith("window:") else line
    file.write_text(text)
    return load(folder)


def test_the_whole_line_runs_with_its_serial_gateways_as_buses(tmp_path: Path):
    config = with_buses(tmp_path / "config")

    async def main(net: Network) -> None:
        async with plant_of(net, config, tmp_path / "data") as runtime:
            await net.lapse(30)
            buses = [link for link in runtime.links if isinstance(link, BusLink)]
            image = runtime.plant.image
            assert len(buses) == 6
            bad = [image.names[tag] for bus in buses for talk in bus.conversations for tag in talk.tags  # type: ignore[attr-defined]
                   if is_bad(image.quality[tag])]
            assert bad == []
            assert [bus.tally.timeouts for bus in buses] == [0] * 6
            assert [bus.tally.canaries for bus in buses] == [1] * 6

    run(main, seed=3, limit_s=60)


def test_a_secured_link_is_served_with_the_links_own_certificate(tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    authority = Authority(tmp_path)
    certificate, key = authority.issue("gateway", host="127.0.0.1")
    shutil.copytree(belfast_config(), tmp_path / "config")
    file = tmp_path / "config" / "devices.yaml"
    secured = f"GW-200: {{kind: modbus_tls, port: {port}, ca: {authority.file}, certificate: {certificate}, key: {key}, window: 16"
    file.write_text(file.read_text().replace("GW-200: {kind: modbus_tcp, port: 15040, window: 16", secured))
    config = load(tmp_path / "config")
    simulation = Simulation(config, seed=1)
    assert list(simulation.modbus.tls) == [port]

    async def asked() -> bytes:
        servers = ModbusServers({port: simulation.modbus.ports[port]}, lambda: 0, tls=simulation.modbus.tls)
        await servers.start()
        async with Inquiry(way_of(config.links["GW-200"])) as device:
            reply = await device.ask(Read(2, 3, 0, 1))
        await servers.stop()
        return reply.payload or bytes((reply.exception or 0,))

    assert asyncio.run(asked()) != b"\0"


def test_a_link_on_a_serial_port_is_not_simulated_and_is_named(tmp_path: Path):
    shutil.copytree(belfast_config(), tmp_path / "config")
    file = tmp_path / "config" / "devices.yaml"
    text = file.read_text()
    file.write_text(text.replace("GW-200: {kind: modbus_tcp, port: 15040, window: 16", "GW-200: {kind: modbus_rtu, path: /dev/ttyS9"))
    simulation = Simulation(load(tmp_path / "config"), seed=1)
    assert simulation.unserved == ["GW-200"]
    assert 15040 not in simulation.modbus.ports
