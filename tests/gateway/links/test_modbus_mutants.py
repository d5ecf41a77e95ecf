"""Spoiled answers by the hundred thousand: none becomes a wrong Good value, none ends the link.

Every request has a number, which the device shows as its value: a Good value that was just seen must be the number of the
request that was just asked of that unit. What is spoiled is all but the value itself, which nobody could tell from another.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct
import tracemalloc
from collections import deque

import pytest

from devices.quality import GOOD
from gateway.control.image import SECOND, Now
from gateway.links.modbus import OVERDUE, ModbusLink
from gateway.links.transport import Wire
from gateway.links.ways import Socket
from tests.gateway.links.handloop import HandLoop
from tests.gateway.links.peer import COUNT, LEVEL, Listening, frame

UNITS: tuple[int, ...] = (1, 2, 3)
RIGHT = 0.3             # share of answers that are left as they are
HEAD = 9                # bytes of an answer that are no value: transaction, protocol, length, unit, function, count


class Numbered:
    """What the device says: request ``number`` of ``unit``, spoiled. ``numbers``: the last of each unit; ``spoiled``: how many."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.number, self.spoiled = rng, 0, 0
        self.numbers = dict.fromkeys(UNITS, -1)
        self._before: deque[bytes] = deque(maxlen=50)

    def answer(self, request: bytes) -> list[bytes]:
        """The pieces that come back for a request."""
        transaction, unit = int.from_bytes(request[:2], "big"), request[6]
        self.number += 1
        self.numbers[unit] = self.number
        first, count = struct.unpack(">HH", request[8:12])             # the whole block, or a part of it where it was refused
        data = struct.pack(">fI", float(unit), self.number)[2 * first:2 * (first + count)]
        right = frame(transaction, unit, bytes((4, len(data))) + data)
        pieces = [right] if self.rng.random() < RIGHT else self._spoiled(right, transaction, unit, data)
        self._before.append(right)
        return pieces

    def _spoiled(self, right: bytes, transaction: int, unit: int, data: bytes) -> list[bytes]:
        rng = self.rng
        self.spoiled += 1
        cut = rng.randrange(1, len(right))
        stale = rng.choice(self._before) if self._before else b""
        longer = rng.randrange(1, 5)
        at = rng.randrange(HEAD)
        flipped = right[:at] + bytes((right[at] ^ 1 << rng.randrange(8),)) + right[at + 1:]
        stranger = frame(transaction, rng.choice([u for u in (*UNITS, 4, 255) if u != unit]), right[7:])
        other = rng.choice([2, 3, 5, 6, 16, 22, 23, 43, 0x83, 0x90])
        short, long = data[:-2], data + bytes(2 * longer)
        ways: list[list[bytes]] = [
            [], [flipped], [right[:cut]], [right + rng.randbytes(longer)], [right[:at], b"\xee" * longer, right[at:]],
            [stale], [stale, right], [right, stale], [right, right], [stranger], [stranger, right],
            [rng.randbytes(rng.randrange(1, 300))],
            [frame(transaction, unit, bytes((0x84, rng.choice([1, 2, 3, 4, 5, 6, 8, 10, 11, 0, 77]))))],
            [frame(transaction, unit, bytes((other,)) + right[8:])],
            [frame(transaction, unit, bytes((4, len(short))) + short)],
            [frame(transaction, unit, bytes((4, len(long))) + long)],
            [frame(transaction, unit, right[7:], protocol=rng.randrange(1, 65536))],
            [frame(transaction, unit, right[7:], length=rng.choice([0, 1, 2, 10, 12, 254, 255, 65535]))],
        ]
        return rng.choice(ways)


class Seen:
    """Good values that were looked at."""

    def __init__(self) -> None:
        self.good = 0

    def look(self, devices: list[Listening], numbers: dict[int, int], now: int) -> None:
        for device in devices:
            if device.image.quality[COUNT] == GOOD and device.image.seen[COUNT] == now:
                self.good += 1
                assert device.image.value[COUNT] == numbers[device.unit]
                assert device.image.value[LEVEL] == device.unit


class Piecemeal(asyncio.Transport):
    """The device on a wire without a socket: it answers when it is let."""

    def __init__(self, device: Numbered, wire: Wire) -> None:
        super().__init__()
        self._device, self._wire, self._asked = device, wire, list[bytes]()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._asked.append(bytes(data))

    def let(self) -> bool:
        """Answer what was asked; False when nothing was."""
        if not self._asked:
            return False
        for piece in self._device.answer(self._asked.pop(0)):
            if self._wire.open:
                self._wire.get_buffer(-1)[:len(piece)] = piece
                self._wire.buffer_updated(len(piece))
        return True

    def abort(self) -> None:
        self._wire.connection_lost(None)


@pytest.mark.fault("M06")
@pytest.mark.fault("M07")
@pytest.mark.fault("M08")
@pytest.mark.fault("M10")
@pytest.mark.parametrize("spoiled", [20_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_of_spoiled_answers_none_is_a_wrong_good_value_and_nothing_grows(spoiled: int):
    rng, loop, plant = random.Random(6), HandLoop(), [SECOND]
    device, seen, devices = Numbered(rng), Seen(), [Listening(unit) for unit in UNITS]
    link = ModbusLink("GW", Socket("h", 1), 0.5, devices, clock=lambda: Now(plant[0], plant[0]), rng=rng)
    transport: Piecemeal | None = None
    held: list[int] = []
    tracemalloc.start()
    while device.spoiled < spoiled:
        plant[0] += SECOND
        loop.at += 1.0
        if not link.up or transport is None:
            wire = Wire(link)
            transport = Piecemeal(device, wire)
            wire.connection_made(transport)
            link.attach(wire, loop)  # type: ignore[arg-type]
        for each in devices:
            each.beat(plant[0])
            each.events.clear()
        link.poke()
        for _ in range(20):
            if transport.let():
                seen.look(devices, device.numbers, plant[0])
            elif loop.timers and link.up and link._flights:     # the answer never came
                loop.step()
            else:
                break
        else:
            pytest.fail("a scan that does not come to rest")
        loop.timers = [timer for timer in loop.timers if not timer[2].cancelled]
        assert len(link._overdue) <= OVERDUE
        if device.spoiled >= spoiled * len(held) // 4:
            held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert seen.good > device.spoiled / 10
    assert held[-1] - held[1] < 200_000, f"bytes held at each quarter: {held}"


class SocketDevice:
    """The device behind a real socket."""

    def __init__(self, rng: random.Random) -> None:
        self.device = Numbered(rng)
        self.talks: set[asyncio.Task[None]] = set()

    def called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody connects."""
        talk = asyncio.ensure_future(self.talk(reader, writer))
        self.talks.add(talk)
        talk.add_done_callback(self.talks.discard)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readexactly(6)
                for piece in self.device.answer(head + await reader.readexactly(int.from_bytes(head[4:6], "big"))):
                    writer.write(piece)
                    await writer.drain()
        writer.transport.abort()


@pytest.mark.fault("M06")
@pytest.mark.parametrize("spoiled", [300, pytest.param(20_000, marks=pytest.mark.soak)])
async def test_of_spoiled_answers_over_a_socket_none_is_a_wrong_good_value(spoiled: int):
    rng, plant = random.Random(60), [SECOND]
    peer, seen, devices = SocketDevice(rng), Seen(), [Listening(unit) for unit in UNITS]
    server = await asyncio.start_server(peer.called, "127.0.0.1", 0)
    way = Socket("127.0.0.1", server.sockets[0].getsockname()[1])
    link = ModbusLink("GW", way, 0.02, devices, clock=lambda: Now(plant[0], plant[0]), rng=rng, backoff_s=(0.001, 0.01))
    running = asyncio.create_task(link.run())
    async with asyncio.timeout(60 + spoiled * 0.1):
        while peer.device.spoiled < spoiled:
            plant[0] += SECOND
            for each in devices:
                each.beat(plant[0])
                each.events.clear()
            link.poke()
            await link.drain()
            seen.look(devices, peer.device.numbers, plant[0])
            if not link.up:
                devices[0].came.clear()
                await devices[0].came.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    server.close()
    for talk in peer.talks:
        talk.cancel()
    await asyncio.gather(*peer.talks, return_exceptions=True)
    assert seen.good > spoiled / 20
