"""A run leaves nothing behind, and says with which seed it failed."""

from __future__ import annotations

import asyncio

import pytest

from simulators.wire import Leak, Network, run
from tests.simulators.wire.talk import PORT, Noting, pair


async def clean(net: Network) -> str:
    here, there = await pair(net)
    here.transport.write(b"hello")
    await net.lapse(1)
    here.transport.close()
    return (await asyncio.to_thread(bytes.decode, there.got[0])) + " and goodbye"


def test_the_result_of_main_is_the_result_of_the_run():
    assert run(clean) == "hello and goodbye"


def test_a_task_left_behind_is_a_leak_that_names_it():
    async def main(net: Network) -> None:
        task = asyncio.create_task(net.lapse(1e5), name="poller")
        assert not task.done()

    with pytest.raises(Leak, match=r"poller \(Network\.lapse\) waits at"):
        run(main)


def test_an_end_left_open_is_a_leak():
    async def main(net: Network) -> None:
        await pair(net)

    with pytest.raises(Leak, match=r"127\.0\.0\.1:15011 #1 to server open"):
        run(main)


def test_a_listener_left_behind_is_a_leak():
    async def main(net: Network) -> None:
        await net.loop.create_server(Noting, "127.0.0.1", PORT)

    with pytest.raises(Leak, match=r"127\.0\.0\.1:15011 is listened at"):
        run(main)


def test_what_is_left_is_cancelled_so_that_nothing_outlives_the_run():
    ended: list[str] = []

    async def stubborn(net: Network) -> None:
        try:
            await net.lapse(1e5)
        finally:
            await net.lapse(1)
            ended.append("cleaned up")

    async def main(net: Network) -> None:
        task = asyncio.create_task(stubborn(net))
        await net.lapse(1)
        assert not task.done()
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        run(main)
    assert ended == ["cleaned up"]


def test_a_failure_carries_the_seed_and_the_last_words_on_the_wire():
    async def main(net: Network) -> None:
        here, _ = await pair(net)
        here.transport.write(b"x" * 12)
        await net.lapse(2)
        raise AssertionError("level is wrong")

    with pytest.raises(AssertionError, match="level is wrong") as caught:
        run(main, seed=4711)
    note, = caught.value.__notes__
    assert note.startswith("seed 4711, 2.000000 s")
    assert "to server" in note
    assert "sent 12 B" in note
