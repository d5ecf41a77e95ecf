"""Questions at commissioning: what answers, what it is, what its registers may mean; strangers and liars are not believed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from pymodbus.constants import MoreData
from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse

from devices.exchange import Read, Write
from devices.instruments import PROFILES
from devices.profile import Kind, Table, WordOrder
from devices.sighting import fitting, readings
from gateway.commands.modbus import Target, Wrong, draft, meanings, target_of
from gateway.commands.probe import probe
from gateway.config.instrument import Instrument, profile_of, profile_yaml
from gateway.config.shape import plain
from gateway.config.yaml_source import parse
from gateway.links.inquiry import Inquiry
from gateway.links.ways import Socket
from simulators.bank import Bank
from simulators.serve_modbus import ModbusServers

RADAR = PROFILES["vegapuls_c21"]


@pytest.fixture
async def radar() -> AsyncIterator[tuple[Bank, Inquiry]]:
    """A radar as unit 4 and a pump as unit 20 behind one address."""
    bank, pump = Bank(RADAR, 4), Bank(PROFILES["prominent_gamma_x"], 20)
    bank.set("level_unit", 45)
    bank.set("temperature_unit", 32)
    bank.set("level", 1.25)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    servers = ModbusServers({port: {4: bank, 20: pump}}, lambda: 0)
    await servers.start()
    async with Inquiry(Socket("127.0.0.1", port), 0.3) as device:
        yield bank, device
    await servers.stop()


async def test_units_that_answer_are_told_from_those_that_do_not(radar: tuple[Bank, Inquiry]):
    _, device = radar
    assert [unit for unit in range(1, 30) if await device.answers(unit)] == [4, 20]


async def test_what_can_be_read_is_found_by_halving_what_is_refused(radar: tuple[Bank, Inquiry]):
    _, device = radar
    assert [(address, len(payload) // 2) for address, payload in await device.map(4, 4, 0, 300)] == [(100, 12)]
    assert device.asked < 2 * 301


async def test_a_map_makes_a_description_to_begin_from(radar: tuple[Bank, Inquiry]):
    _, device = radar
    found = draft("found", Table.INPUT, await device.map(4, 4, 90, 120), {0: "VEGA"}, "here")
    tree, faults = parse(profile_yaml(found), "x.yaml")
    assert (faults, [point.address for point in found.points], found.maker) == ([], list(range(100, 112)), "VEGA")
    assert tree is not None
    assert profile_of(Instrument.model_validate(plain(tree, (), tree.place, {}), strict=True)) == found


async def test_every_point_of_a_profile_is_proved(radar: tuple[Bank, Inquiry]):
    bank, device = radar
    proofs = await probe(device, 4, RADAR, {"level": 1.25})
    assert [(each.point, each.note) for each in proofs] == [(point.name, "") for point in RADAR.points]
    bank.set("status", 1)
    lost = {each.point: each for each in await probe(device, 4, RADAR, {})}["level"]
    assert (lost.quality, lost.note) == ("BadSensorFailure", "not good")


async def test_a_reading_that_does_not_fit_tells_the_word_order_that_would(radar: tuple[Bank, Inquiry]):
    _, device = radar
    wrong = msgspec.structs.replace(RADAR, order=WordOrder.ABCD)
    level = {each.point: each for each in await probe(device, 4, wrong, {"level": 1.25})}["level"]
    assert "expected 1.25; fits as float32 CDAB (now float32 ABCD)" in level.note


async def test_a_point_that_the_device_does_not_have_is_told(radar: tuple[Bank, Inquiry]):
    _, device = radar
    proofs = await probe(device, 20, RADAR, {})
    assert all("exception" in each.note for each in proofs)


# --- a peer that says what the test wants ------------------------------------------------------------------------------
Script = Callable[[bytes], list[bytes]]


@contextlib.asynccontextmanager
async def peer(script: Script) -> AsyncIterator[Inquiry]:
    """A server that answers each request with the frames of a script."""
    served: list[asyncio.Task[Any] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(6)
                request = head + await reader.readexactly(int.from_bytes(head[4:], "big"))
                writer.write(b"".join(script(request)))
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with Inquiry(Socket("127.0.0.1", server.sockets[0].getsockname()[1]), 0.1) as device:
        yield device
    server.close()
    await asyncio.gather(*[task for task in served if task is not None])


def answer(request: bytes, pdu: bytes, transaction: int | None = None, unit: int | None = None) -> bytes:
    number = int.from_bytes(request[:2], "big") if transaction is None else transaction
    return number.to_bytes(2, "big") + b"\0\0" + (len(pdu) + 1).to_bytes(2, "big") + bytes([request[6] if unit is None else unit]) + pdu


@pytest.mark.parametrize(
    ("frames", "failure"),
    [
        (lambda r: [answer(r, b"\x03\x02\x00\x07", transaction=0)], "timeout"),
        (lambda r: [answer(r, b"\x03\x02\x00\x07", unit=9)], "timeout"),
        (lambda r: [], "timeout"),
        (lambda r: [answer(r, b"\x04\x02\x00\x07")], "malformed"),
        (lambda r: [answer(r, b"\x03\x04\x00\x07\x00\x08")], "malformed"),
        (lambda r: [answer(r, b"\x03\x02\x00\x08", transaction=77), answer(r, b"\x03\x02\x00\x07")], None),
    ],
)
async def test_only_the_answer_to_the_question_is_believed(frames: Script, failure: str | None):
    async with peer(frames) as device:
        reply = await device.ask(Read(1, 3, 0, 1))
    assert (reply.failure, reply.payload) == (failure, b"" if failure else b"\x00\x07")


async def test_a_write_whose_echo_differs_is_not_taken_as_done():
    async with peer(lambda r: [answer(r, r[7:9] + b"\x00\x63" + r[11:])]) as device:
        assert (await device.ask(Write(1, 6, 10, (5,)))).failure == "malformed"


async def test_garbage_ends_the_connection_with_a_reason():
    async with peer(lambda r: [b"HTTP/1.1 400 Bad Request\r\n"]) as device:
        with pytest.raises(ConnectionError, match="no Modbus TCP header"):
            await device.ask(Read(1, 3, 0, 1))


def objects(request: bytes, **more: Any) -> list[bytes]:
    response = ReadDeviceInformationResponse(read_code=request[9], dev_id=request[6], **more)
    response.transaction_id = int.from_bytes(request[:2], "big")
    return [FramerSocket(DecodePDU(True)).buildFrame(response)]


async def test_a_device_says_what_it_is_and_one_that_knows_only_the_basics_is_asked_for_those():
    def script(request: bytes) -> list[bytes]:
        if request[9] == 2:
            return [answer(request, b"\xab\x03")]
        return objects(request, information={0: b"Acme", 1: b"pH 4", 2: b"1.7"})

    async with peer(script) as device:
        assert await device.identify(1) == {0: "Acme", 1: "pH 4", 2: "1.7"}


async def test_a_device_that_does_not_know_the_question_or_repeats_itself_for_ever_ends_it():
    async with peer(lambda r: [answer(r, b"\xab\x01")]) as device:
        assert await device.identify(1) is None

    def for_ever(request: bytes) -> list[bytes]:
        (frame,) = objects(request, information={0: b"Acme"})
        return [frame[:11] + bytes([MoreData.KEEP_READING, 0]) + frame[13:]]

    async with peer(for_ever) as device:
        assert await device.identify(1) == {0: "Acme"}
        assert device.asked == 1


# --- what registers may mean, targets ----------------------------------------------------------------------------------
def test_a_known_reading_finds_kind_order_and_scale():
    assert fitting((0x0000, 0x3FA0), 1.25) == [(Kind.FLOAT32, WordOrder.CDAB, 1.0)]
    assert (Kind.UINT16, WordOrder.ABCD, 0.1) in fitting((653,), 65.3)
    assert (Kind.INT16, WordOrder.ABCD, 0.1) in fitting((0x10000 - 125,), -12.5)
    assert fitting((653,), 12.0) == []
    assert {order for kind, order, value in readings((0x3FA0, 0)) if kind is Kind.FLOAT32 and value == 1.25} == {WordOrder.ABCD}


def test_registers_are_shown_as_numbers_text_and_likely_floats():
    assert meanings(106, [0x0000, 0x3FA0, 0x5645]) == [
        "  106  0x0000      0       0  ..  CDAB 1.25",
        "  107  0x3FA0  16288   16288  ?.  ABCD 1.25263  DCBA 3434.02",
        "  108  0x5645  22085   22085  VE",
    ]


@pytest.mark.parametrize(("text", "target"), [
    ("10.0.0.5/7", Target(Socket("10.0.0.5", 502), 7)), ("gw:15011/1", Target(Socket("gw", 15011), 1)),
    ("LC-102", Target(Socket("127.0.0.1", 15012), 4)),
])  # fmt: skip
def test_a_target_is_an_address_or_a_device_of_the_configuration(text: str, target: Target):
    assert target_of(text, None) == target


@pytest.mark.parametrize("text", ["10.0.0.5/0", "10.0.0.5/256", "host:99999/1", "/3", "nobody", "AE-501", "host:x/1"])
def test_what_is_neither_is_refused(text: str):
    with pytest.raises(Wrong):
        target_of(text, None)
