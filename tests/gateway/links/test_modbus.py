"""A Modbus TCP link and the faults a wire, a gateway or a device can have (fault catalogue M01 to M32)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import socket
import struct

import pytest

from devices.quality import (
    BAD_COMMUNICATION_ERROR,
    BAD_CONFIGURATION_ERROR,
    BAD_DEVICE_FAILURE,
    BAD_NO_COMMUNICATION,
    GOOD,
    UNCERTAIN_NO_COMMUNICATION_LAST_USABLE,
    is_bad,
)
from gateway.control.image import SECOND, Now
from gateway.links.calling import BACKOFF_S
from gateway.links.modbus import ModbusLink
from gateway.links.transport import Wire
from gateway.links.ways import Socket
from simulators.serve_modbus import ModbusServers
from tests.gateway.links.handloop import HandLoop
from tests.gateway.links.peer import COUNT, LEVEL, PATIENCE_S, RATE, SETPOINT, VALVE, Asked, Listening, Rig, bank_of, frame

SLOW_S = 30.0       # a timeout that cannot be what ended a test
READ_4 = bytes((4, 8)) + struct.pack(">fI", 66.0, 99)


# ------------------------------------------------------------------------------------------------------ right ways
async def test_a_value_comes_through_and_the_line_is_idle_again():
    async with Rig() as rig:
        await rig.good_turn(12.5)
        assert rig.device.image.quality[LEVEL] == GOOD
        assert rig.device.health.answered == 1
        assert rig.device.health.answer_s > 0


async def test_every_kind_of_write_is_echoed_and_accepted():
    async with Rig() as rig:
        for tag, value, pdu in ((VALVE, 1, "050000ff00"), (SETPOINT, 12.3, "060008007b"), (RATE, 1.0, "10000a0002043f800000")):
            rig.write(tag, value)
            asked = await rig.request()
            assert asked.pdu.hex() == pdu
            asked.say(asked.good())
            await rig.idle()
        assert rig.device.results == ["accepted"] * 3


async def test_units_are_asked_in_turn_and_writes_first():
    async with Rig(units=3) as rig:
        rig.scan()
        first = await rig.request()
        rig.devices[2].write(VALVE, 1, rig.at, rig.at + SECOND)
        order = [first]
        for _ in range(3):
            order[-1].say(order[-1].good())
            order.append(await rig.request())
        order[-1].say(order[-1].good())
        await rig.idle()
        assert [(asked.unit, asked.pdu[0]) for asked in order] == [(1, 4), (3, 5), (2, 4), (3, 4)]


async def test_a_read_only_link_never_sends_a_write():
    async with Rig(read_only=True) as rig:
        rig.write(VALVE, 1)
        assert rig.device.results == ["rejected"]
        rig.scan()
        assert (await rig.request()).pdu[0] == 4


async def test_a_device_that_wants_a_pause_gets_it_before_the_next_request():
    async with Rig(units=2) as rig:
        rig.device.pause_s = 0.02
        rig.scan()
        first = await rig.request()
        first.say(first.good())
        answered = asyncio.get_running_loop().time()
        second = await rig.request()
        assert asyncio.get_running_loop().time() - answered >= 0.019
        second.say(second.good())
        await rig.idle()


async def test_drain_returns_at_once_when_the_link_is_down():
    async with Rig(listen=False) as rig:
        rig.scan()
        await rig.idle()


# ---------------------------------------------------------------------------------------------- the link goes away
@pytest.mark.fault("M01")
@pytest.mark.fault("M02")
@pytest.mark.parametrize("rst", [True, False])
async def test_a_broken_connection_fails_the_request_now_and_the_link_comes_back(rst: bool):
    async with Rig(SLOW_S) as rig:
        await rig.good_turn()
        rig.scan()
        asked = await rig.request()
        if rst:
            asked.reset()
        else:
            asked.writer.close()
        await rig.parted()
        assert rig.device.state == "lost"
        assert rig.device.image.quality[LEVEL] == BAD_NO_COMMUNICATION
        await rig.met()
        await rig.good_turn(1.0)
        assert [kind for kind, _ in rig.device.events] == ["lost", "regained"]


@pytest.mark.fault("M01")
async def test_a_write_in_flight_when_the_connection_breaks_is_unverified():
    async with Rig(SLOW_S) as rig:
        rig.write(VALVE, 1)
        (await rig.request()).reset()
        await rig.parted()
        assert rig.device.results == ["unverified"]


@pytest.mark.fault("M03")
async def test_a_refused_first_connection_is_tried_for_ever_and_reported_once():
    async with Rig(listen=False) as rig:
        await rig.parted()
        assert rig.link.tally.failures == 3
        assert [kind for kind, _ in rig.device.events] == ["lost"]
        await rig.peer.open()
        await rig.met()
        await rig.good_turn()


@pytest.mark.fault("M04")
async def test_a_silent_peer_is_left_after_two_timeouts():
    async with Rig() as rig:
        await rig.good_turn()
        rig.scan()
        await rig.request()
        await rig.idle()
        assert rig.device.image.quality[LEVEL] == GOOD, "one late answer is no trip"
        rig.scan()
        await rig.request()
        await rig.parted()
        assert is_bad(rig.device.image.quality[LEVEL])
        await rig.met()
        await rig.good_turn(2.0)


@pytest.mark.fault("M05")
async def test_a_connection_request_into_the_void_ends_by_its_own_timeout():
    with socket.socket() as full, contextlib.ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):          # more than the backlog holds: from now on SYNs are dropped
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        device = Listening(1)
        link = ModbusLink("GW", Socket("127.0.0.1", full.getsockname()[1]), 0.1, [device], clock=lambda: Now(0, 0), rng=random.Random(1),
                             connect_s=0.1)
        task = asyncio.create_task(link.run())
        async with asyncio.timeout(PATIENCE_S):
            await device.went.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert link.tally.failures == 3
        assert "no answer to the connection request" in device.events[0][1]


@pytest.mark.fault("M29")
async def test_a_peer_that_accepts_and_closes_is_tried_less_and_less_and_reported_once():
    async with Rig() as rig:
        await rig.good_turn()
        rig.peer.close_at_once = True
        rig.scan()
        (await rig.request()).reset()
        moments: list[float] = []
        for _ in range(4):
            async with asyncio.timeout(PATIENCE_S):
                await rig.peer.accepted.get()
            moments.append(asyncio.get_running_loop().time())
        gaps = [b - a for a, b in itertools.pairwise(moments[1:])]
        assert gaps[-1] > gaps[0]
        assert [kind for kind, _ in rig.device.events] == ["lost"]


@pytest.mark.fault("M29")
def test_back_off_doubles_with_jitter_up_to_its_cap():
    link = ModbusLink("GW", Socket("h", 1), 1.0, [], clock=lambda: Now(0, 0), rng=random.Random(1))
    delays = [link._next_delay() for _ in range(12)]
    assert delays[0] <= BACKOFF_S[0]
    assert all(0.5 * min(0.1 * 2**k, BACKOFF_S[1]) <= delay <= min(0.1 * 2**k, BACKOFF_S[1]) for k, delay in enumerate(delays))
    assert BACKOFF_S[1] <= 5.0


@pytest.mark.fault("M30")
async def test_fifty_devices_return_together_and_all_become_good():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    banks = {unit: bank_of(unit) for unit in range(1, 51)}
    servers = ModbusServers({port: banks}, lambda: 0)
    await servers.start()
    devices = [Listening(unit) for unit in banks]
    links = [ModbusLink(d.device, Socket("127.0.0.1", port), 1.0, [d], clock=lambda: Now(0, 0), rng=random.Random(d.unit)) for d in devices]
    tasks = [asyncio.create_task(link.run()) for link in links]

    async def all_of(event: str) -> None:
        async with asyncio.timeout(10):
            for device in devices:
                await getattr(device, event).wait()
                getattr(device, event).clear()

    await all_of("came")
    await servers.stop()
    await all_of("went")
    await servers.start()
    await all_of("came")
    for device, link in zip(devices, links, strict=True):
        device.beat(SECOND)
        await link.drain()
        device.beat(2 * SECOND)
        await link.drain()
        assert device.image.quality[LEVEL] == GOOD
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await servers.stop()


# ------------------------------------------------------------------------------------------- answers that are none
async def after_ill_answer(rig: Rig, *ill: bytes) -> Asked:
    """A good turn, then a scan answered by this; the request that it was."""
    await rig.good_turn()
    rig.scan()
    asked = await rig.request()
    for piece in ill:
        asked.say(piece)
    return asked


def of(rig: Rig, pdu: bytes, transaction: int | None = None, unit: int = 1) -> bytes:
    """A frame with the transaction that the second request of a rig has."""
    return frame(2 if transaction is None else transaction, unit, pdu)


@pytest.mark.fault("M09")
@pytest.mark.fault("M10")
@pytest.mark.fault("M13")
@pytest.mark.parametrize(("transaction", "unit"), [(3, 1), (0, 1), (1, 1), (0xFFFF, 1), (2, 2), (2, 0)])
async def test_an_answer_with_another_transaction_or_unit_is_thrown_away(transaction: int, unit: int):
    async with Rig() as rig:
        await after_ill_answer(rig, of(rig, READ_4, transaction, unit))
        await rig.idle()
        assert (rig.device.image.value[LEVEL], rig.device.health.timeouts) == (50.0, 1)
        assert rig.link.tally.surplus + rig.link.tally.strange == 1
        await rig.good_turn(3.0)


@pytest.mark.fault("M14")
@pytest.mark.fault("M15")
@pytest.mark.fault("M16")
@pytest.mark.fault("M22")
@pytest.mark.parametrize("pdu", [
    bytes((3,)) + READ_4[1:], bytes((4, 2, 0, 0)), bytes((4, 12)) + bytes(12), bytes((4, 200)) + bytes(8), bytes((4, 8)) + bytes(7),
    bytes((4,)), bytes((0x63, 8)) + bytes(8), bytes((0x83, 2)), bytes((0x84, 2, 0)), bytes((0x84,)),
], ids=lambda pdu: pdu.hex()[:8])
async def test_an_answer_of_wrong_function_or_count_makes_the_block_bad_and_nothing_else(pdu: bytes):
    async with Rig(SLOW_S) as rig:
        await after_ill_answer(rig, of(rig, pdu))
        await rig.idle()
        assert rig.device.image.quality[LEVEL] == rig.device.image.quality[COUNT] == BAD_COMMUNICATION_ERROR
        assert (rig.device.image.value[LEVEL], rig.link.tally.malformed, rig.device.state) == (50.0, 1, "up")
        await rig.good_turn(4.0)
        assert rig.link.tally.connects == 1


@pytest.mark.fault("M19")
@pytest.mark.fault("M20")
@pytest.mark.fault("M21")
@pytest.mark.parametrize("junk", [
    random.Random(1).randbytes(80), frame(2, 1, READ_4, protocol=7), frame(2, 1, READ_4, length=0), frame(2, 1, b"\x04", length=1),
    frame(2, 1, b"", length=0)[:6], frame(2, 1, READ_4, length=65535), frame(2, 1, bytes(60_000), length=60_001),
], ids=["garbage", "protocol 7", "length 0", "length 1", "header with length 0", "length 65535", "60 kB"])
async def test_what_is_no_modbus_closes_the_connection_at_once(junk: bytes):
    async with Rig(SLOW_S) as rig:
        await after_ill_answer(rig, junk)
        await rig.parted()
        assert rig.link.tally.garbage == 1
        assert is_bad(rig.device.image.quality[LEVEL])
        await rig.met()
        await rig.good_turn(5.0)


@pytest.mark.fault("M18")
@pytest.mark.fault("M06")
@pytest.mark.parametrize("length", [1, 9, 12])
async def test_a_frame_that_is_not_whole_in_time_closes_the_connection(length: int):
    async with Rig() as rig:
        await after_ill_answer(rig, of(rig, READ_4)[:length])
        await rig.parted()
        assert rig.device.image.value[LEVEL] == 50.0
        await rig.met()
        await rig.good_turn(6.0)


@pytest.mark.fault("M06")
async def test_a_byte_now_and_then_does_not_stretch_the_timeout():
    async with Rig(0.05) as rig:
        await rig.good_turn()
        rig.scan()
        asked = await rig.request()
        loop = asyncio.get_running_loop()
        for k, byte in enumerate(asked.good()):
            loop.call_later(0.03 * k, asked.say, bytes((byte,)))
        await rig.parted()
        assert rig.device.health.timeouts == 1
        await rig.met()


@pytest.mark.fault("M07")
async def test_a_frame_byte_by_byte_within_the_timeout_is_exact():
    async with Rig(SLOW_S) as rig:
        await rig.good_turn()
        rig.scan()
        asked = await rig.request()
        for byte in asked.good(77.25):
            asked.say(bytes((byte,)))
            await asked.writer.drain()
        await rig.idle()
        assert rig.device.image.value[LEVEL] == 77.25


@pytest.mark.fault("M08")
@pytest.mark.fault("M28")
async def test_of_two_answers_in_one_segment_the_first_counts():
    async with Rig() as rig:
        await after_ill_answer(rig, of(rig, READ_4) + of(rig, bytes((4, 8)) + struct.pack(">fI", 1.0, 1)))
        await rig.idle()
        assert (rig.device.image.value[LEVEL], rig.device.image.value[COUNT]) == (66.0, 99)
        await rig.good_turn(7.0)
        assert rig.link.tally.surplus == 1


@pytest.mark.fault("M11")
@pytest.mark.fault("M12")
async def test_a_late_answer_is_counted_and_never_taken_for_the_next_one():
    async with Rig(units=2) as rig:
        rig.scan()
        late = await rig.request()
        following = await rig.request()         # the first has timed out, the other unit is asked
        assert following.transaction != late.transaction
        late.say(late.good(11.0))
        following.say(following.good(22.0))
        await rig.idle()
        assert [device.image.value[LEVEL] for device in rig.devices] == [0.0, 22.0]
        assert (rig.device.health.late, rig.link.tally.late) == (1, 1)


# ----------------------------------------------------------------------------------------------- refusals, writes
@pytest.mark.parametrize(("code", "quality"), [
    pytest.param(1, BAD_CONFIGURATION_ERROR, marks=pytest.mark.fault("M23")),
    pytest.param(4, BAD_DEVICE_FAILURE, marks=pytest.mark.fault("M24")),
    pytest.param(6, UNCERTAIN_NO_COMMUNICATION_LAST_USABLE, marks=pytest.mark.fault("M25")),
    pytest.param(8, BAD_DEVICE_FAILURE, marks=pytest.mark.fault("M26")),
    pytest.param(99, BAD_COMMUNICATION_ERROR, marks=pytest.mark.fault("M26")),
])
async def test_an_exception_gives_its_quality_and_keeps_the_link(code: int, quality: int):
    async with Rig(SLOW_S) as rig:
        await after_ill_answer(rig, of(rig, bytes((0x84, code))))
        await rig.idle()
        assert rig.device.image.quality[LEVEL] == quality
        assert rig.link.tally.connects == 1
        assert rig.device.state == "up"


@pytest.mark.fault("M27")
@pytest.mark.parametrize("code", [10, 11])
async def test_a_unit_its_gateway_cannot_reach_is_lost_alone(code: int):
    async with Rig(SLOW_S, units=2) as rig:
        await rig.good_turn()
        rig.scan()
        for _ in rig.devices:
            asked = await rig.request()
            asked.say(frame(asked.transaction, 1, bytes((0x84, code))) if asked.unit == 1 else asked.good(8.0))
        await rig.idle()
        assert [device.state for device in rig.devices] == ["lost", "up"]
        assert rig.devices[1].image.value[LEVEL] == 8.0
        assert rig.link.tally.connects == 1


@pytest.mark.fault("M27")
@pytest.mark.parametrize("silent", [{2}, {2, 3}])
async def test_silent_units_do_not_take_the_link_from_their_neighbours(silent: set[int]):
    async with Rig(0.08, units=4) as rig:
        await rig.good_turn()
        for _ in range(5):
            rig.scan()
            await rig.answered_by(lambda asked: None if asked.unit in silent else asked.good(9.0))
        assert [device.state for device in rig.devices] == ["lost" if unit in silent else "up" for unit in (1, 2, 3, 4)]
        assert rig.link.tally.connects == 1


@pytest.mark.fault("M04")
async def test_three_units_silent_in_a_row_mean_the_link():
    async with Rig(0.08, units=4) as rig:
        await rig.good_turn()
        rig.scan()
        for _ in range(3):
            await rig.request()
        await rig.parted()
        assert all(device.state == "lost" for device in rig.devices)


@pytest.mark.fault("M17")
@pytest.mark.parametrize("echo", ["050001ff00", "0500000000", "0600000001", "05"])
async def test_a_write_whose_echo_differs_is_not_accepted(echo: str):
    async with Rig(SLOW_S) as rig:
        rig.write(VALVE, 1)
        asked = await rig.request()
        asked.say(frame(asked.transaction, asked.unit, bytes.fromhex(echo)))
        await rig.idle()
        assert rig.device.results == ["unverified"]
        assert rig.link.tally.malformed == 1


@pytest.mark.fault("M31")
async def test_an_unanswered_write_is_one_frame_on_the_wire():
    async with Rig() as rig:
        rig.write(VALVE, 1)
        await rig.request()
        await rig.idle()
        assert rig.device.results == ["unverified"]
        rig.scan()
        following = await rig.request()
        assert following.pdu[0] == 4
        following.say(following.good())
        await rig.idle()
        assert rig.peer.asked.empty()


@pytest.mark.fault("M32")
async def test_a_write_refused_for_one_of_its_registers_is_refused_as_a_whole():
    async with Rig(SLOW_S) as rig:
        rig.write(RATE, 1.0)
        asked = await rig.request()
        asked.say(frame(asked.transaction, asked.unit, bytes((0x90, 2))))
        await rig.idle()
        assert rig.device.results == ["rejected"]


# --------------------------------------------------------------------------- random delays, in time that we move
class DelayedDevice(asyncio.Transport):
    """Answers every frame with its own request number as the value, after a random time around the timeout."""

    def __init__(self, loop: HandLoop, rng: random.Random) -> None:
        super().__init__()
        self.loop, self.rng, self.wire, self.sent = loop, rng, Wire.__new__(Wire), 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += 1
        answer = frame(int.from_bytes(bytes(data[:2]), "big"), data[6], bytes((4, 8)) + struct.pack(">fI", 1.0, self.sent))
        self.loop.call_at(self.loop.at + self.rng.expovariate(1 / 0.4), self.receive, answer)
        if self.rng.random() < 0.05:
            self.loop.call_at(self.loop.at + self.rng.uniform(0, 3), self.receive, answer)

    def receive(self, data: bytes) -> None:
        cut = self.rng.randint(0, len(data))
        for piece in (data[:cut], data[cut:]):
            if piece and self.wire.open:
                self.wire.get_buffer(-1)[:len(piece)] = piece
                self.wire.buffer_updated(len(piece))

    def abort(self) -> None:
        self.wire.connection_lost(None)


@pytest.mark.fault("M11")
@pytest.mark.fault("M12")
@pytest.mark.fault("M28")
def test_thousands_of_answers_at_random_times_never_reach_the_wrong_request():
    rng, loop = random.Random(11), HandLoop()
    plant = [SECOND]
    devices = [Listening(unit) for unit in (1, 2, 3)]
    link = ModbusLink("GW", Socket("h", 1), 1.0, devices, clock=lambda: Now(plant[0], plant[0]), rng=rng)
    late = answered = 0
    owner: dict[int, int] = {}
    for _ in range(3000):
        if not link.up:
            transport = DelayedDevice(loop, rng)
            transport.wire = Wire(link)
            transport.wire.connection_made(transport)
            link.attach(transport.wire, loop)  # type: ignore[arg-type]
            owner = {}
            original = transport.write

            def note(data: bytes, send=original, sent=transport, owner=owner) -> None:  # type: ignore[no-untyped-def]
                send(data)
                owner[sent.sent] = data[6]

            transport.wire.write = note  # type: ignore[assignment]
        plant[0] += SECOND
        for device in devices:
            device.beat(plant[0])
        link.poke()
        for _ in range(6):
            if loop.timers:
                loop.step()
            for device in devices:
                if device.image.quality[COUNT] == GOOD:
                    assert owner[int(device.image.value[COUNT])] == device.unit
        late, answered = link.tally.late, sum(device.health.answered for device in devices)
    assert late > 100
    assert answered > 1000
