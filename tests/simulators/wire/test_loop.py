"""Virtual time: it goes to the next timer, stands while a thread works, and never hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest

from simulators.wire import Deadlock, Network, OutOfTime, Standstill, Unhandled, run
from simulators.wire.loop import START_S


def test_a_day_of_sleep_takes_no_time_and_ends_at_the_exact_second():
    async def main(net: Network) -> float:
        await net.lapse(86_400 * 3)
        return net.loop.time()

    assert run(main, limit_s=86_400 * 4) == START_S + 86_400 * 3


def test_timers_fire_each_at_its_own_instant():
    async def main(net: Network) -> list[tuple[float, str]]:
        seen: list[tuple[float, str]] = []
        for at, name in ((2.0, "second"), (0.1, "first"), (2.1, "third")):
            net.loop.call_later(at, lambda name=name: seen.append((net.loop.elapsed_s, name)))
        await net.lapse(5)
        return seen

    assert run(main) == [(0.1, "first"), (2.0, "second"), (2.1, "third")]


def test_a_timeout_ends_what_it_bounds_at_its_second():
    async def main(net: Network) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await asyncio.Event().wait()
        return net.loop.elapsed_s

    assert run(main) == 3.0


def test_who_waits_for_the_rest_of_a_moment_gets_there_however_small_it_is():
    async def main(net: Network) -> float:
        ends = net.loop.time() + 0.3
        while (left := ends - net.loop.time()) > 0:
            await net.lapse(left / 2)
        return net.loop.elapsed_s

    assert run(main) == pytest.approx(0.3, abs=1e-6)


# --- threads ---------------------------------------------------------------------------------------------------------
def test_time_does_not_jump_over_a_job_in_an_executor():
    entered, go_on = threading.Event(), threading.Event()

    def job() -> int:
        entered.set()
        assert go_on.wait(10)
        return 7

    async def main(net: Network) -> tuple[int, float, float]:
        timer = asyncio.create_task(net.lapse(60))
        work = net.loop.run_in_executor(None, job)
        net.loop.call_soon(go_on.set)           # the loop goes on beside the job; only time does not
        answer = await work
        assert entered.is_set()
        came = net.loop.elapsed_s
        await timer
        return answer, came, net.loop.elapsed_s

    assert run(main) == (7, 0.0, 60.0)


def test_what_a_job_says_to_the_loop_is_heard_at_the_same_instant():
    async def main(net: Network) -> list[float]:
        heard: list[float] = []
        await asyncio.to_thread(lambda: net.loop.call_soon_threadsafe(lambda: heard.append(net.loop.elapsed_s)))
        await net.lapse(1)
        return heard

    assert run(main) == [0.0]


def test_time_stands_still_for_a_thread_that_was_announced():
    async def main(net: Network) -> tuple[str, float]:
        async def answer() -> str:
            return "from the loop"

        def ask() -> None:
            told.append(asyncio.run_coroutine_threadsafe(answer(), net.loop).result(10))
            net.loop.call_soon_threadsafe(done.set)

        told: list[str] = []
        done = asyncio.Event()
        asyncio.get_running_loop().call_later(5, done.set)          # would win if time jumped
        with net.loop.held():
            thread = threading.Thread(target=ask)
            thread.start()
            await done.wait()
        thread.join()
        return told[0], net.loop.elapsed_s

    assert run(main) == ("from the loop", 0.0)


def test_a_signal_reaches_its_handler():
    async def main(net: Network) -> None:
        told = asyncio.Event()
        net.loop.add_signal_handler(signal.SIGUSR1, told.set)
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.wait_for(told.wait(), 10)
        net.loop.remove_signal_handler(signal.SIGUSR1)

    run(main)


def test_a_real_descriptor_is_still_read():
    async def main(net: Network) -> bytes:
        ours, theirs = os.pipe()
        got: asyncio.Future[bytes] = net.loop.create_future()
        net.loop.add_reader(ours, lambda: got.done() or got.set_result(os.read(ours, 9)))
        os.write(theirs, b"real")
        try:
            return await asyncio.wait_for(got, 1)
        finally:
            net.loop.remove_reader(ours)
            os.close(ours)
            os.close(theirs)

    assert run(main) == b"real"


# --- what cannot go on is an error ---------------------------------------------------------------------------------
def test_nothing_left_to_happen_is_a_deadlock_that_names_who_waits():
    async def forever(net: Network) -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match=r"nothing can happen any more at 0\.0.*\n.*forever\) waits at .*test_loop\.py"):
        run(forever)


def test_the_limit_ends_a_run_that_would_go_on_for_ever():
    async def tick(net: Network) -> None:
        while True:
            await net.lapse(1)

    with pytest.raises(OutOfTime, match=r"the limit of 30 s is reached\n.*waits at") as caught:
        run(tick, seed=77, limit_s=30)
    assert "seed 77, 30.000000 s" in caught.value.__notes__[0]


def test_callbacks_for_ever_at_one_instant_are_a_standstill(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("simulators.wire.loop.PASSES", 1000)

    async def spin(net: Network) -> None:
        while True:
            await net.lapse(0)

    with pytest.raises(Standstill, match=r"1000 passes of the loop at 0\.0"):
        run(spin)


def test_a_job_that_never_ends_is_told_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("simulators.wire.loop.PATIENCE_S", 0.01)
    never = threading.Event()

    async def main(net: Network) -> None:
        net.loop.call_soon(lambda: None)
        with pytest.raises(asyncio.CancelledError):
            await net.loop.run_in_executor(None, never.wait, 10)

    async def forgotten(net: Network) -> None:
        try:
            await main(net)
        finally:
            never.set()

    with pytest.raises(Deadlock, match="a job outside the loop"):
        run(forgotten)


def test_an_exception_in_a_callback_ends_the_run_with_its_cause():
    async def main(net: Network) -> None:
        net.loop.call_later(2, lambda: 1 / 0)
        await net.lapse(60)

    with pytest.raises(Unhandled, match=r"at 2\.0.*ZeroDivisionError") as caught:
        run(main)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_an_exception_of_a_task_that_nobody_awaits_ends_the_run():
    async def main(net: Network) -> None:
        async def fail() -> None:
            await net.lapse(1)
            raise ValueError("unseen")

        task = asyncio.create_task(fail())
        await net.lapse(2)
        assert task.done()
        del task
        await net.lapse(60)

    with pytest.raises(Unhandled, match="unseen"):
        run(main)


def test_tls_is_refused_rather_than_pretended():
    async def main(net: Network) -> None:
        with pytest.raises(ValueError, match="ssl="):
            await net.loop.create_connection(asyncio.Protocol, "127.0.0.1", 1, ssl=True)
        with pytest.raises(ValueError, match="sock="):
            await net.loop.create_server(asyncio.Protocol, sock=object())  # type: ignore[call-overload]

    run(main)


def test_names_are_not_looked_up():
    async def main(net: Network) -> object:
        return await net.loop.getaddrinfo("no.such.host.invalid", 502)

    assert run(main) == [(2, 1, 6, "", ("no.such.host.invalid", 502))]
