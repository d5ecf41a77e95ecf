"""A serial port that is a real terminal (a pty): noise, garbled and late answers, an echoing adapter, an unplugged one, a second owner."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

import pytest

from devices.exchange import Read, Write
from devices.quality import BAD_NO_COMMUNICATION, GOOD, is_bad
from gateway.links.inquiry import Inquiry
from gateway.links.quiet import gap_s
from gateway.links.rtu import adu
from gateway.links.rtu_wire import RtuWire
from gateway.links.serial import Line, SerialPort
from gateway.links.ways import Port
from tests.gateway.links.peer import LEVEL, PATIENCE_S, SETPOINT, VALVE
from tests.gateway.links.ptybus import LINE, Far, Ported


async def test_values_and_writes_pass_a_serial_port(tmp_path: Path):
    async with Ported(tmp_path, units=2) as bus:
        await bus.turn(12.5)
        assert [(device.image.value[LEVEL], device.image.quality[LEVEL]) for device in bus.devices] == [(12.5, GOOD)] * 2
        bus.device.write(VALVE, 1, bus.at, bus.at + 10**10)
        bus.device.write(SETPOINT, 7.0, bus.at, bus.at + 10**10)
        await bus.turn(13.0)
        assert bus.device.results == ["accepted", "accepted"]
        assert bus.link.tally.timeouts == 0


@pytest.mark.fault("M33")
async def test_a_garbled_answer_is_thrown_away_and_the_next_scan_is_good(tmp_path: Path):
    async with Ported(tmp_path) as bus:
        await bus.turn(1.0)
        bus.far.say = lambda answer: answer[:4] + bytes((answer[4] ^ 8,)) + answer[5:]
        await bus.turn(2.0)
        assert (bus.device.image.value[LEVEL], bus.link.tally.garbled, bus.device.health.timeouts) == (1.0, 1, 1)
        bus.far.say = bytes
        await bus.turn(3.0)
        assert (bus.device.image.value[LEVEL], bus.device.image.quality[LEVEL]) == (3.0, GOOD)


@pytest.mark.fault("M34")
async def test_a_late_answer_is_drained_and_is_not_the_value_of_the_next_request(tmp_path: Path):
    async with Ported(tmp_path, units=2) as bus:
        await bus.turn(1.0)
        bus.far.banks[1].delay_s = 0.16
        await bus.turn(2.0)
        assert [device.image.value[LEVEL] for device in bus.devices] == [1.0, 2.0]
        bus.far.banks[1].delay_s = 0.0
        await bus.turn(3.0)
        assert [device.image.value[LEVEL] for device in bus.devices] == [3.0, 3.0]
        assert (bus.link.tally.late, bus.device.health.late, bus.device.state) == (1, 1, "up")


@pytest.mark.fault("M35")
@pytest.mark.parametrize("noise", [b"\0", b"\xff\xff", b"\x01\x04", b"\x01\x04\x08\x42"])
async def test_noise_before_an_answer_does_not_cost_the_cycle(tmp_path: Path, noise: bytes):
    async with Ported(tmp_path) as bus:
        bus.far.say = lambda answer: noise + answer
        for level in (1.0, 2.0, 3.0):
            await bus.turn(level)
            assert bus.device.image.value[LEVEL] == level
        assert bus.link.tally.timeouts == 0
        assert bus.link.tally.noise >= 3 * len(noise)


@pytest.mark.fault("M35")
async def test_an_adapter_that_hears_itself_is_noticed_and_writes_still_need_their_answer(tmp_path: Path):
    async with Ported(tmp_path) as bus:
        bus.far.echo = True
        await bus.turn(4.0)
        assert bus.device.image.value[LEVEL] == 4.0
        bus.device.write(VALVE, 1, bus.at, bus.at + 10**10)
        await bus.turn(5.0)
        bus.far.banks[1].silent = True
        bus.device.write(VALVE, 0, bus.at, bus.at + 10**10)
        await bus.turn(6.0)
        assert bus.device.results == ["accepted", "unverified"]


@pytest.mark.fault("M36")
async def test_an_unplugged_adapter_is_bad_at_once_and_comes_back_by_its_name(tmp_path: Path):
    async with Ported(tmp_path, units=2) as bus:
        await bus.turn(1.0)
        bus.link.timeout_s = 30.0                   # a timeout that cannot be what ends the request in flight
        for bank in bus.far.banks.values():
            bank.silent = True
        bus.at += 10**9
        bus.device.beat(bus.at)
        bus.link.poke()
        async with asyncio.timeout(PATIENCE_S):
            while bus.far.asked.qsize():
                bus.far.asked.get_nowait()
            await bus.far.asked.get()
        bus.far.unplug()
        await bus.parted()
        assert [device.state for device in bus.devices] == ["lost", "lost"]
        assert all(device.image.quality[LEVEL] == BAD_NO_COMMUNICATION for device in bus.devices)
        assert str(bus.far.path) in bus.device.events[0][1]
        for bank in bus.far.banks.values():
            bank.silent = False
        bus.link.timeout_s = 0.1
        bus.far.plug()
        await bus.met()
        await bus.turn(2.0)
        assert [device.image.value[LEVEL] for device in bus.devices] == [2.0, 2.0]


@pytest.mark.fault("M36")
async def test_a_port_that_is_not_there_is_looked_for_and_reported_once(tmp_path: Path):
    async with Ported(tmp_path, plugged=False) as bus:
        await bus.parted()
        assert bus.link.tally.failures >= 3
        assert [kind for kind, _ in bus.device.events] == ["lost"]
        assert "No such file" in bus.device.events[0][1]
        bus.far.plug()
        await bus.met()
        await bus.turn(1.0)
        assert bus.device.image.value[LEVEL] == 1.0


@pytest.mark.fault("M37")
async def test_a_second_owner_of_a_port_is_refused_with_the_reason(tmp_path: Path):
    async with Ported(tmp_path) as bus:
        with pytest.raises(OSError, match=r"port is owned by another program: a bus has one master"):
            SerialPort(asyncio.get_running_loop(), str(bus.far.path), LINE, RtuWire(bus.link))
        await bus.turn(1.0)
        assert bus.device.image.value[LEVEL] == 1.0


@pytest.mark.fault("M37")
async def test_a_port_that_somebody_else_has_is_not_touched_until_he_lets_go(tmp_path: Path):
    async with Ported(tmp_path, plugged=False) as bus:
        bus.far.plug()
        other = os.open(bus.far.path, os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(other, fcntl.LOCK_EX)
        await bus.parted()
        assert "owned by another program" in bus.device.events[0][1]
        assert bus.far.asked.empty()
        os.close(other)
        await bus.met()
        await bus.turn(1.0)
        assert bus.device.image.value[LEVEL] == 1.0


async def test_what_is_no_serial_port_is_said(tmp_path: Path):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OSError, match="is no serial port"):
        SerialPort(asyncio.get_running_loop(), str(file), LINE, asyncio.BufferedProtocol())


def test_a_rate_that_no_port_has_is_refused():
    with pytest.raises(ValueError, match="12345 baud"):
        _ = Line(baud=12_345).speed


async def test_a_port_is_raw_at_its_rate_and_is_left_unlocked(tmp_path: Path):
    far = Far(tmp_path / "port", 1)
    far.plug()
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    class Ear(asyncio.BufferedProtocol):
        buffer = bytearray(64)

        def get_buffer(self, sizehint: int) -> memoryview:
            return memoryview(self.buffer)

        def buffer_updated(self, nbytes: int) -> None:
            if not heard.done():
                heard.set_result(bytes(self.buffer[:nbytes]))

    for _ in range(2):
        port = SerialPort(asyncio.get_running_loop(), str(far.path), LINE, Ear())
        far.send(b"\x03\r\n\x11\x13\xff\x00")           # interrupt, line ends, XON, XOFF: bytes like any other
        async with asyncio.timeout(PATIENCE_S):
            assert await heard == b"\x03\r\n\x11\x13\xff\x00"
        port.abort()
        heard = asyncio.get_running_loop().create_future()
    far.unplug()


async def test_questions_at_commissioning_go_over_a_serial_port(tmp_path: Path):
    far = Far(tmp_path / "port", 2)
    far.plug()
    far.banks[2].set("level", 3.5)
    async with Inquiry(Port(str(far.path), LINE), 0.1, gap_s(LINE.baud)) as device:
        assert [unit for unit in range(1, 4) if await device.answers(unit)] == [1, 2]
        assert (await device.ask(Read(2, 4, 0, 2))).payload.hex() == "40600000"
        assert (await device.ask(Write(1, 6, 8, (5,)))).ok
        assert (await device.ask(Read(1, 4, 900, 1))).exception == 2
        far.banks[2].delay_s = 0.14
        assert (await device.ask(Read(2, 4, 0, 2))).failure == "timeout"
        far.banks[2].delay_s = 0.0
        far.banks[2].set("level", 4.5)
        assert (await device.ask(Read(2, 4, 0, 2))).payload.hex() == "40900000"
    far.unplug()


async def test_a_question_whose_port_is_unplugged_ends_with_the_reason(tmp_path: Path):
    far = Far(tmp_path / "port", 1)
    far.plug()
    far.banks[1].silent = True
    async with Inquiry(Port(str(far.path), LINE), 30.0, 0.002) as device:
        asking = asyncio.create_task(device.ask(Read(1, 4, 0, 2)))
        await far.asked.get()
        far.unplug()
        with pytest.raises(ConnectionError):
            await asking


@pytest.mark.fault("M37")
async def test_frames_that_nobody_asked_for_are_counted_and_change_nothing(tmp_path: Path):
    async with Ported(tmp_path, timeout_s=1.0) as bus:       # nothing of it is about time
        await bus.turn(1.0)
        bus.far.send(adu(bytes((1, 4, 8)) + bytes(8)) + adu(bytes((9, 4, 8)) + bytes(8)))
        bus.far.say = lambda answer: adu(bytes((9, 4, 2, 0, 0))) + answer
        await bus.turn(2.0)
        assert (bus.device.image.value[LEVEL], bus.link.tally.surplus) == (2.0, 1)
        assert bus.link.tally.strange >= 2
        assert not is_bad(bus.device.image.quality[LEVEL])
