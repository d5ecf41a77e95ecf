"""An end behaves as a transport on a TCP socket does: order of callbacks, FIN, RST, flow control, the window."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

import pytest

from simulators.wire import Network, Unhandled, run
from simulators.wire.lane import WINDOW
from tests.simulators.wire.talk import PORT, Noting, Reading, pair


def test_names_are_what_sockets_would_say():
    async def main(net: Network) -> None:
        here, there = await pair(net)
        assert here.transport.get_extra_info("peername") == there.transport.get_extra_info("sockname") == ("127.0.0.1", PORT)
        assert here.transport.get_extra_info("sockname") == there.transport.get_extra_info("peername")
        assert here.transport.get_extra_info("socket").getpeername() == ("127.0.0.1", PORT)
        assert here.transport.get_extra_info("socket").fileno() == -1
        here.transport.close()

    run(main)


def test_close_sends_what_was_written_then_a_fin_and_the_other_end_closes_too():
    async def main(net: Network) -> tuple[list[str], list[str]]:
        here, there = await pair(net)
        here.transport.write(b"last words")
        here.transport.close()
        here.transport.write(b"too late")
        await net.lapse(1)
        return here.events, there.events

    assert run(main) == (["made", "lost"], ["made", "got 10", "eof", "lost"])


def test_an_end_that_keeps_open_after_a_fin_can_still_write():
    async def main(net: Network) -> tuple[list[bytes], list[str]]:
        here, there = await pair(net, server=Noting(keep_open=True))
        here.transport.write(b"question")
        here.transport.write_eof()
        await net.lapse(1)
        there.transport.write(b"answer")
        there.transport.close()
        await net.lapse(1)
        with pytest.raises(RuntimeError, match="after write_eof"):
            here.transport.write(b"more")
        return here.got, there.events

    assert run(main) == ([b"answer"], ["made", "got 8", "eof", "lost"])


@pytest.mark.parametrize("sides", [("client",), ("server",), ()])
def test_a_reset_tells_the_ends_it_names_at_once(sides: tuple[str, ...]):
    async def main(net: Network) -> list[bool]:
        here, there = await pair(net)
        net.cable(PORT).reset(*sides)  # type: ignore[arg-type]
        await net.lapse(1)
        told = [isinstance(end.error, ConnectionResetError) for end in (here, there)]
        for end in (here, there):
            end.transport.abort()
        return told

    assert run(main) == ["client" in sides or not sides, "server" in sides or not sides]


def test_an_end_that_was_spared_learns_of_the_reset_when_it_sends():
    async def main(net: Network) -> list[str]:
        here, there = await pair(net)
        net.cable(PORT).reset("client")
        await net.lapse(3600)
        assert there.events == ["made"], "half open for an hour"
        there.transport.write(b"anybody there?")
        await net.lapse(1)
        assert isinstance(there.error, ConnectionResetError)
        return here.events

    assert run(main, limit_s=4000) == ["made", "lost"]


def test_linger_zero_makes_abort_a_reset_and_without_it_a_fin():
    async def main(net: Network) -> list[bool]:
        resets: list[bool] = []
        for linger in (False, True):
            here, there = await pair(net)
            if linger:
                here.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            here.transport.abort()
            await net.lapse(1)
            resets.append(isinstance(there.error, ConnectionResetError))
        return resets

    assert run(main) == [False, True]


def test_closing_with_unread_bytes_is_a_reset_for_the_other_end():
    async def main(net: Network) -> Exception | None:
        here, there = await pair(net)
        there.transport.pause_reading()
        here.transport.write(b"never read")
        await net.lapse(1)
        there.transport.close()
        await net.lapse(1)
        return here.error

    assert isinstance(run(main), ConnectionResetError)


def test_a_paused_reader_gets_everything_later_in_order():
    async def main(net: Network) -> tuple[list[bytes], list[bytes]]:
        here, there = await pair(net)
        there.transport.pause_reading()
        assert not there.transport.is_reading()
        for word in (b"one ", b"two ", b"three"):
            here.transport.write(word)
            await net.lapse(1)
        before = list(there.got)
        there.transport.resume_reading()
        await net.lapse(1)
        here.transport.close()
        return before, there.got

    assert run(main) == ([], [b"one two three"])


def test_a_writer_is_held_up_when_nobody_reads_and_goes_on_when_somebody_does():
    async def main(net: Network) -> tuple[list[str], int]:
        here, there = await pair(net)
        there.transport.pause_reading()
        for _ in range(8):
            here.transport.write(bytes(WINDOW // 4))
        assert here.events == ["made", "pause"]
        assert here.transport.get_write_buffer_size() == WINDOW
        here.transport.close()
        await net.lapse(10)
        assert here.events == ["made", "pause"], "close waits for what was written"
        there.transport.resume_reading()
        await net.lapse(1)
        return here.events, sum(map(len, there.got))

    assert run(main) == (["made", "pause", "resume", "lost"], 2 * WINDOW)


def test_into_a_lost_lane_a_writer_fills_its_window_and_is_held_up():
    async def main(net: Network) -> list[str]:
        here, there = await pair(net)
        net.cable(PORT).to_server.lost = True
        for _ in range(8):
            here.transport.write(bytes(WINDOW // 4))
        await net.lapse(60)
        here.transport.abort()
        there.transport.abort()
        return here.events

    assert run(main) == ["made", "pause"]


def test_a_buffered_protocol_is_filled_as_far_as_it_goes():
    async def main(net: Network) -> list[bytes]:
        reading = Reading(4)
        here, _ = await pair(net, server=reading)
        here.transport.write(b"abcdefghij")
        await net.lapse(1)
        here.transport.close()
        return reading.got

    assert run(main) == [b"abcd", b"efgh", b"ij"]


def test_the_transports_own_limit_of_a_receive_is_kept():
    async def main(net: Network) -> list[int]:
        here, there = await pair(net)
        there.transport.max_size = 4096
        here.transport.write(bytes(10_000))
        await net.lapse(1)
        here.transport.close()
        return [len(piece) for piece in there.got]

    assert run(main) == [4096, 4096, 1808]


def test_a_protocol_that_raises_on_what_it_hears_ends_the_run():
    class Broken(Noting):
        def data_received(self, data: bytes) -> None:
            raise ValueError("cannot parse")

    async def main(net: Network) -> None:
        here, _ = await pair(net, server=Broken())
        here.transport.write(b"x")
        await net.lapse(60)

    with pytest.raises(Unhandled, match="cannot parse"):
        run(main)


def test_streams_talk_over_it():
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        writer.close()

    async def main(net: Network) -> bytes:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        net.cable(port).set(cut=(1, 2), latency_s=0.01)
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"hello\nworld\n")
        answers = await reader.readline() + await reader.readline()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return answers

    assert run(main) == b"HELLO\nWORLD\n"


# --- the same as over loopback ---------------------------------------------------------------------------------------
class Polite(Noting):
    """Answers a FIN with a last word and closes."""

    def __init__(self) -> None:
        super().__init__(keep_open=True)

    def eof_received(self) -> bool:
        super().eof_received()
        self.transport.write(b"goodbye")
        self.transport.close()
        return True


class Curt(Noting):
    """Closes on the first word."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.transport.close()


def say_and_close(here: Noting) -> None:
    here.transport.write(b"hello")
    here.transport.close()
    here.transport.write(b"too late")


def say_and_fin(here: Noting) -> None:
    here.transport.write(b"hello")
    here.transport.write_eof()
    here.transport.write_eof()


def say_and_abort(here: Noting) -> None:
    here.transport.write(b"hello")
    here.transport.abort()
    here.transport.close()


def reset(here: Noting) -> None:
    here.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    here.transport.abort()


def say(here: Noting) -> None:
    here.transport.write(b"hello")


@pytest.mark.parametrize("server", [Noting, Polite, Curt])
@pytest.mark.parametrize("act", [say_and_close, say_and_fin, say_and_abort, reset, say])
def test_both_ends_hear_the_same_as_over_loopback(act: Callable[[Noting], None], server: type[Noting]):
    if (act, server) in ((say, Noting), (say, Polite)):
        server = Curt                           # somebody has to end it

    async def main(net: Network | None) -> tuple[list[object], ...]:
        here, there = await pair(net, server=server())
        act(here)
        async with asyncio.timeout(10):
            await here.over.wait()
            await there.over.wait()
        return tuple([*end.events, type(end.error)] for end in (here, there))

    async def over_loopback() -> tuple[list[object], ...]:
        return await main(None)

    assert run(main) == asyncio.run(over_loopback())
