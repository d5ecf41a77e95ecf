"""Calls and listeners: accepted, refused, unanswered, hung up on; and the same seed is the same run."""

from __future__ import annotations

import asyncio

import pytest

from simulators.wire import Network, Trace, run
from tests.simulators.wire.talk import PORT, Noting


async def call(net: Network, host: str = "127.0.0.1") -> Noting:
    _, protocol = await net.loop.create_connection(Noting, host, PORT)
    return protocol


def test_nobody_listens_so_the_call_is_refused_after_there_and_back():
    async def main(net: Network) -> float:
        net.cable(PORT).set(latency_s=0.1)
        with pytest.raises(ConnectionRefusedError, match="Connect call failed"):
            await call(net)
        return net.loop.elapsed_s

    assert run(main) == 0.2


@pytest.mark.parametrize(("listening", "called"), [("127.0.0.1", "localhost"), ("0.0.0.0", "127.0.0.1"), (None, "10.0.0.9")])
def test_a_listener_is_found_under_the_names_that_mean_it(listening: str | None, called: str):
    async def main(net: Network) -> list[str]:
        server = await net.loop.create_server(Noting, listening, PORT)
        protocol = await call(net, called)
        server.close()
        protocol.transport.close()
        await server.wait_closed()
        return protocol.events

    assert run(main) == ["made", "lost"]


def test_a_call_into_the_void_hangs_until_the_callers_timeout_or_the_kernels():
    async def main(net: Network) -> tuple[float, float]:
        net.cable(PORT).answer = "void"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await call(net)
        own = net.loop.elapsed_s
        with pytest.raises(TimeoutError, match="Connect call failed"):
            await call(net)
        return own, net.loop.elapsed_s - own

    assert run(main) == (3.0, 127.0)


def test_a_call_that_is_repeated_comes_through_when_the_cable_is_plugged_in():
    async def main(net: Network) -> float:
        server = await net.loop.create_server(Noting, "127.0.0.1", PORT)
        net.cable(PORT).set(lost=True)
        net.loop.call_later(4, lambda: net.cable(PORT).set(lost=False))
        protocol = await call(net)
        server.close()
        protocol.transport.close()
        return net.loop.elapsed_s

    assert run(main) == 7.0, "after 1, 3 and 7 s"


def test_accepted_and_hung_up_on():
    async def main(net: Network) -> list[str]:
        server = await net.loop.create_server(Noting, "127.0.0.1", PORT)
        net.cable(PORT).answer = "hang up"
        protocol = await call(net)
        await net.lapse(1)
        server.close()
        return protocol.events

    assert run(main) == ["made", "eof", "lost"]


def test_a_call_in_a_partition_comes_through_when_it_ends():
    async def main(net: Network) -> float:
        server = await net.loop.create_server(Noting, "127.0.0.1", PORT)
        net.cable(PORT).part(net.loop.time(), net.loop.time() + 7)
        protocol = await call(net)
        server.close()
        protocol.transport.close()
        return net.loop.elapsed_s

    assert run(main) == 7.0


def test_one_port_has_one_listener():
    async def main(net: Network) -> None:
        server = await net.loop.create_server(Noting, "127.0.0.1", PORT)
        with pytest.raises(OSError, match="address already in use"):
            await net.loop.create_server(Noting, "127.0.0.1", PORT)
        server.close()
        again = await net.loop.create_server(Noting, "127.0.0.1", PORT)
        again.close()

    run(main)


def test_a_closed_listener_refuses_calls_and_keeps_its_connections_until_they_end():
    async def main(net: Network) -> list[object]:
        server = await net.loop.create_server(Noting, "127.0.0.1", PORT)
        protocol = await call(net)
        server.close()
        assert server.sockets == ()  # type: ignore[attr-defined]
        with pytest.raises(ConnectionRefusedError):
            await call(net)
        closed = asyncio.create_task(server.wait_closed())
        await net.lapse(5)
        seen: list[object] = [closed.done(), list(protocol.events)]
        protocol.transport.close()
        await closed
        return seen

    assert run(main) == [False, ["made"]]


def test_calls_that_overlap_keep_their_numbers_and_a_listener_can_show_all_out():
    async def main(net: Network) -> tuple[list[str], list[list[str]]]:
        server = await net.loop.create_server(Noting, None, PORT)
        net.cable(PORT).to_client.latency_s = 1
        first = asyncio.create_task(call(net))
        await net.lapse(0.5)
        clients = await asyncio.gather(first, call(net))
        assert [client.transport.get_extra_info("peername") for client in clients] == [("127.0.0.1", PORT)] * 2
        server.close()
        server.close_clients()  # type: ignore[attr-defined]
        await server.wait_closed()
        await net.lapse(2)
        return [event.who for event in net.trace.of("open")], [client.events for client in clients]

    numbers, heard = run(main)
    assert numbers == ["127.0.0.1:15011 #1", "127.0.0.1:15011 #2"]
    assert heard == [["made", "eof", "lost"]] * 2


def test_a_caller_that_gives_up_leaves_nothing_open():
    async def main(net: Network) -> None:
        server = await net.loop.create_server(Noting, "127.0.0.1", PORT)
        net.cable(PORT).set(latency_s=1)
        for patience_s in (0.5, 1.5, 1.999):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await call(net)
        server.close()

    run(main)


# --- the same seed is the same run -----------------------------------------------------------------------------------
def weather(seed: int) -> Trace:
    """An hour of five lines of chatter in bad weather."""
    class Echo(Noting):
        def data_received(self, data: bytes) -> None:
            self.transport.write(data)

    async def main(net: Network) -> Trace:
        listeners = [await net.loop.create_server(Echo, "127.0.0.1", PORT + k) for k in range(5)]
        for k in range(5):
            net.cable(PORT + k).set(latency_s=0.01, jitter_s=0.5, cut=(1, 9))
        clients = [(await net.loop.create_connection(Noting, "127.0.0.1", PORT + k))[1] for k in range(5)]
        for second in range(60):
            for client in clients:
                client.transport.write(bytes(second + 1))
            await net.lapse(1)
        net.cable(PORT).reset("server")
        for client in clients:
            client.transport.abort()
        for listener in listeners:
            listener.close()
        return net.trace

    return run(main, seed=seed)


def test_the_same_seed_plays_the_same_events_in_the_same_order_and_another_seed_does_not():
    first, again, other = weather(11), weather(11), weather(12)
    assert first.count > 1000
    assert (first.digest, list(first.events)) == (again.digest, list(again.events))
    assert first.digest != other.digest


def test_a_cable_more_does_not_change_what_the_others_do():
    async def main(net: Network, more: bool) -> list[float]:
        if more:
            assert net.cable(1).to_server.delay_s() == 0.0
            net.cable(2).set(jitter_s=1.0)
            net.cable(2).to_client.delay_s()
        net.cable(PORT).set(jitter_s=1.0)
        return [net.cable(PORT).to_server.delay_s() for _ in range(5)]

    assert run(lambda net: main(net, False), seed=5) == run(lambda net: main(net, True), seed=5)


def test_the_trace_can_be_read():
    trace = weather(1)
    assert len(trace.of("call")) == 5
    assert len(trace.tail(3).splitlines()) == 3
    assert {event.who for event in trace.of("sent", "127.0.0.1:15012")} == {"127.0.0.1:15012 #1 to server", "127.0.0.1:15012 #1 to client"}
