"""The Modbus rows of the fault catalogue in virtual time: how soon a fault is seen, what it may cost, how soon it is over.

Plant time of a whole test is minutes, its wall time milliseconds. Every scenario also checks that no Good value was ever a
wrong one: the device shows the second in which it was asked.
"""

from __future__ import annotations

import functools
import itertools
import random

import pytest
from msgspec.structs import replace

from devices.profile import Point, Table
from devices.quality import (
    BAD_COMMUNICATION_ERROR,
    BAD_CONFIGURATION_ERROR,
    BAD_DEVICE_FAILURE,
    BAD_NO_COMMUNICATION,
    UNCERTAIN_NO_COMMUNICATION_LAST_USABLE,
    is_bad,
    is_good,
)
from gateway.control.image import SECOND
from gateway.links.calling import BACKOFF_S, CONNECT_S, TRIES_BEFORE_LOST
from simulators.wire import Network, run
from tests.gateway.links.peer import COUNT, PROFILE, RATE, VALVE
from tests.gateway.links.wired import BAD_AT_ONCE_S, PORT, SCAN_S, TIMEOUT_S, Tap, Watched, Wired, live, reframed, refusing

BACK_S = 5.0            # device back to Good


def every_second(asked: list[float]) -> bool:
    """Whether these were the scans, each on its second (the first meets a connection that is not there yet)."""
    return asked == [float(second) for second in range(1, len(asked) + 1)]


# ---------------------------------------------------------------------------------------------- the connection goes
@pytest.mark.fault("M01")
@pytest.mark.fault("M02")
@pytest.mark.parametrize("how", ["rst", "rst seen by the gateway alone", "fin"])
@pytest.mark.parametrize("seed", range(3))
def test_a_connection_that_breaks_mid_request_is_seen_within_50_ms_and_over_within_5_s(how: str, seed: int):
    async def scenario(wired: Wired) -> tuple[float, float]:
        await wired.good()
        await wired.in_flight()
        if how == "fin":
            wired.cable.finish("server")
        else:
            wired.cable.reset(*(["client"] if "alone" in how else []))  # type: ignore[list-item]
        return await wired.device.turned(is_bad, 1), await wired.good()

    bad_s, good_s = live(scenario, seed=seed)
    assert bad_s < 0.05
    assert good_s <= BACK_S


@pytest.mark.fault("M03")
@pytest.mark.parametrize("seed", range(40))
def test_a_device_that_was_down_at_the_start_is_good_within_5_s_of_its_return(seed: int):
    async def scenario(wired: Wired) -> tuple[float, list[str]]:
        await wired.net.lapse(60 + 0.37 * seed)
        await wired.servers.start()
        return await wired.good(), [kind for kind, _ in wired.device.events]

    good_s, events = live(scenario, seed=seed, serve=False)
    assert good_s <= BACK_S
    assert events == ["lost", "regained"]


@pytest.mark.fault("M03")
def test_a_refused_device_is_reported_at_the_third_try_and_the_others_start():
    async def main(net: Network) -> tuple[int, float, float]:
        async with Wired(net, serve=False) as down, Wired(net, port=PORT + 1) as up:
            await down.device.went.wait()
            failures, at = down.link.tally.failures, net.loop.elapsed_s
            return failures, at, at + await up.good(2)

    failures, at, other_good_at = run(main)
    assert failures == TRIES_BEFORE_LOST == 3
    assert at < 1
    assert other_good_at <= 1.0


@pytest.mark.fault("M04")
@pytest.mark.parametrize("how", ["it answers nothing", "the cable is pulled", "its answers are lost"])
def test_a_silent_peer_is_bad_and_called_again_after_two_timeouts(how: str):
    async def scenario(wired: Wired) -> tuple[float, float, float]:
        await wired.good()
        await wired.net.lapse(10.02 - wired.seconds())          # just after an answer: the longest way to notice
        if how == "it answers nothing":
            wired.bank.silent = True
        elif how == "the cable is pulled":
            wired.cable.set(lost=True)
        else:
            wired.cable.to_client.lost = True
        bad_s = await wired.device.turned(is_bad, 10)
        while wired.cable.calls < 2:
            await wired.net.lapse(0.01)
        called_s = wired.seconds() - 10.02
        await wired.net.lapse(60)
        wired.cable.set(lost=False)
        wired.bank.silent = False
        return bad_s, called_s, await wired.good()

    bad_s, called_s, good_s = live(scenario)
    asked_s = 0.98                                  # until the scan that gets no answer; the second time-out waits for a scan too
    assert bad_s <= asked_s + 2 * TIMEOUT_S + 0.51
    assert called_s <= asked_s + 2 * TIMEOUT_S + 1
    assert good_s <= BACK_S + (0.0 if how == "it answers nothing" else 2.0), "a call that was lost may be under way"


@pytest.mark.fault("M05")
def test_a_call_into_the_void_ends_after_3_s_and_holds_nobody_up():
    async def main(net: Network) -> tuple[list[float], float, float]:
        net.cable(PORT).answer = "void"
        async with Wired(net) as lost, Wired(net, port=PORT + 1) as other:
            await lost.device.went.wait()
            reported = net.loop.elapsed_s
            await net.lapse(30)
            gaps = [b - a for a, b in itertools.pairwise(event.at_s for event in net.trace.of("call", f"127.0.0.1:{PORT} "))]
            net.cable(PORT).answer = "accept"
            assert every_second(other.requests(1))
            return gaps, reported, await lost.good(10)

    gaps, reported, good_s = run(main)
    assert CONNECT_S <= 3.0
    assert all(CONNECT_S <= gap <= CONNECT_S + BACKOFF_S[1] for gap in gaps)
    assert reported <= TRIES_BEFORE_LOST * CONNECT_S + 0.5
    assert good_s <= CONNECT_S + BACK_S


@pytest.mark.fault("M29")
def test_ten_minutes_of_accept_then_close_are_one_report_and_few_calls():
    async def scenario(wired: Wired) -> tuple[int, list[str], float]:
        await wired.good()
        wired.cable.answer = "hang up"
        wired.cable.reset()
        await wired.net.lapse(600)
        calls, events = wired.cable.calls - 1, [kind for kind, _ in wired.device.events]
        wired.cable.answer = "accept"
        return calls, events, await wired.good()

    calls, events, good_s = live(scenario)
    assert 600 / 5 <= calls <= 600 / 2 + 10
    assert events == ["lost"]
    assert good_s <= BACK_S


@pytest.mark.fault("M30")
def test_fifty_devices_that_return_together_are_good_within_10_s_and_do_not_call_in_step():
    async def main(net: Network) -> tuple[float, int]:
        lines = [Wired(net, port=PORT + k, seed=k) for k in range(50)]
        for line in lines:
            await line.__aenter__()
        await net.lapse(5)
        for line in lines:
            await line.servers.stop()
        await net.lapse(60)
        back = net.loop.time()
        for line in lines:
            await line.servers.start()
        good_s = max([await line.good() + net.loop.time() - back for line in lines])
        calls = sorted(event.at_s for event in net.trace.of("call") if event.at_s >= back)
        for line in lines:
            await line.__aexit__(None, None, None)
        return good_s, max(sum(at <= other < at + 0.1 for other in calls) for at in calls)

    good_s, crowd = run(main)
    assert good_s <= 10
    assert crowd <= 15


@pytest.mark.fault("M25")
def test_of_200_devices_polled_each_second_ten_dead_ones_cost_the_others_nothing():
    """Twenty gateways with ten units each; behind every second one a unit falls silent for good."""
    async def main(net: Network) -> tuple[list[float], int]:
        lines = [Wired(net, port=PORT + k, units=10, seed=k) for k in range(20)]
        for line in lines:
            await line.__aenter__()
        await net.lapse(5)
        for line in lines[::2]:
            line.banks[1 + len(line.asked) % 10].silent = True
        dead = {(line.port, unit) for line in lines for unit, bank in line.banks.items() if bank.silent}
        await net.lapse(120)
        gaps: list[float] = []
        for line in lines:
            for unit in line.banks:
                asked = [at for at in line.requests(unit) if at >= 5]
                if (line.port, unit) not in dead:
                    gaps += [later - earlier for earlier, later in itertools.pairwise(asked)]
        for line in lines:
            assert all(is_good(device.quality) == ((line.port, device.unit) not in dead) for device in line.devices)
            await line.__aexit__(None, None, None)
        return gaps, len(dead)

    gaps, dead = run(main, limit_s=600)
    assert dead == 10
    assert len(gaps) >= 190 * 119
    assert max(gaps) <= SCAN_S + 0.01


def test_a_unit_that_returns_is_found_also_where_the_others_take_all_the_time_there_is():
    async def scenario(wired: Wired) -> float:
        for bank in wired.banks.values():
            bank.delay_s = 0.4                  # three of them are more than a scan
        silent = wired.banks[4]
        silent.silent = True
        await wired.net.lapse(30)
        assert wired.devices[3].state == "lost"
        silent.silent = False
        return await wired.devices[3].turned(is_good, 30)

    assert live(scenario, units=4) <= 10


# --------------------------------------------------------------------------------------------- how the bytes arrive
@pytest.mark.fault("M06")
@pytest.mark.parametrize("phase_s", [0.0, 0.25])
def test_a_drip_slower_than_the_timeout_is_closed_on_the_timeout_of_the_whole_frame(phase_s: float):
    async def scenario(wired: Wired) -> float:
        await wired.good()
        await wired.net.lapse(5 + phase_s)
        wired.cable.to_client.cut, wired.cable.to_client.gap_s = (1, 1), 0.06
        before = len(wired.asked)
        await wired.device.turned(is_bad, 5)
        return wired.seconds() - wired.asked[before][0]

    assert TIMEOUT_S - 0.05 <= live(scenario) <= TIMEOUT_S + 0.05


@pytest.mark.fault("M07")
def test_a_drip_within_the_timeout_is_taken_and_exact():
    async def scenario(wired: Wired) -> tuple[int, int]:
        wired.cable.set(cut=(1, 1), gap_s=0.005)
        await wired.good()
        await wired.net.lapse(60)
        assert is_good(wired.device.quality)
        return wired.device.health.answered, wired.device.health.timeouts

    answered, timeouts = live(scenario)
    assert (answered >= 60, timeouts) == (True, 0)


@pytest.mark.fault("M08")
@pytest.mark.fault("M28")
def test_an_answer_that_comes_twice_counts_once():
    async def scenario(wired: Wired) -> tuple[int, int]:
        wired.always(lambda data: data + data)
        await wired.good()
        await wired.net.lapse(60)
        assert is_good(wired.device.quality)
        return len(wired.asked), wired.link.tally.surplus

    asked, surplus = live(scenario)
    assert asked >= 60
    assert surplus == asked


@pytest.mark.fault("M11")
@pytest.mark.fault("M12")
@pytest.mark.parametrize("requests", [3000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_answers_around_the_timeout_never_reach_another_request(requests: int):
    async def scenario(wired: Wired) -> tuple[int, int, int]:
        latest: dict[int, int] = {}

        def note(data: bytes) -> bytes:
            latest[data[6]] = int.from_bytes(data[:2], "big")
            return wired._note(data)

        def stamp(data: bytes) -> bytes:            # the count of an answer is the transaction that asked for it
            return data[:13] + b"\0\0" + data[:2] + data[17:] if data[7] == 4 else data

        def judge(device: Watched) -> None:
            if is_good(device.image.quality[COUNT]) and device.image.seen[COUNT] == wired.clock.now().mono:
                assert int(device.image.value[COUNT]) == latest[device.unit]
                seen.append(device.unit)

        seen: list[int] = []
        for device in wired.devices:
            device.look = functools.partial(judge, device)
        wired.cable.to_server.tap, wired.cable.to_client.tap = note, stamp
        wired.cable.to_client.latency_s, wired.cable.to_client.jitter_s = 0.1, 1.5 * TIMEOUT_S
        while len(wired.asked) < requests:
            await wired.net.lapse(60)
        return len(seen), wired.link.tally.late, wired.link.tally.strange

    seen, late, strange = live(scenario, units=3, limit_s=1e7)
    assert seen > requests / 4
    assert late > requests / 20
    assert strange == 0


@pytest.mark.fault("M12")
def test_every_request_has_a_transaction_of_its_own():
    async def scenario(wired: Wired) -> list[int]:
        wired.bank.silent = True
        await wired.net.lapse(600)
        return [int.from_bytes(data[:2], "big") for _, data in wired.asked]

    transactions = live(scenario)
    assert len(transactions) > 100
    assert len(set(transactions)) == len(transactions)


# --------------------------------------------------------------------------------------------- answers that are none
@pytest.mark.fault("M09")
@pytest.mark.fault("M10")
@pytest.mark.fault("M13")
@pytest.mark.parametrize("change", [
    lambda data: reframed(data, transaction=int.from_bytes(data[:2], "big") + 1),
    lambda data: reframed(data, transaction=0),
    lambda data: reframed(data, unit=data[6] + 1),
], ids=["transaction + 1", "transaction 0", "unit + 1"])
def test_an_answer_to_somebody_else_is_waited_out_and_the_next_scan_is_good(change: Tap):
    async def scenario(wired: Wired) -> tuple[int, int]:
        await wired.good()
        wired.once(change)
        await wired.net.lapse(1 + TIMEOUT_S - wired.seconds() % 1.0 + 0.01)
        assert (wired.device.health.timeouts, is_good(wired.device.quality)) == (1, True), "one lost answer is no trip"
        await wired.net.lapse(10)
        return wired.device.health.timeouts, wired.cable.calls

    assert live(scenario) == (1, 1)


@pytest.mark.fault("M14")
@pytest.mark.fault("M15")
@pytest.mark.fault("M16")
@pytest.mark.fault("M22")
@pytest.mark.parametrize("pdu", [
    bytes((3, 8)) + bytes(8), bytes((4, 2, 0, 0)), bytes((4, 12)) + bytes(12), bytes((4, 200)) + bytes(8), bytes((0x63, 8)) + bytes(8),
], ids=["function 3 for 4", "fewer", "more", "a byte count that lies", "function 0x63"])
def test_an_answer_that_does_not_fit_makes_its_block_bad_at_once_and_no_other(pdu: bytes):
    async def scenario(wired: Wired) -> tuple[float, int, list[float]]:
        await wired.good()
        wired.always(lambda data: reframed(data, pdu=pdu), unit=1)
        bad_s = await wired.device.turned(is_bad, 5)
        assert wired.device.quality == BAD_COMMUNICATION_ERROR
        await wired.net.lapse(60)
        assert is_good(wired.devices[1].quality)
        wired.cable.to_client.tap = None
        assert await wired.good() <= 1.1
        return bad_s, wired.cable.calls, wired.requests(2)

    bad_s, calls, others = live(scenario, units=2)
    assert bad_s <= BAD_AT_ONCE_S
    assert calls == 1
    assert every_second(others)


@pytest.mark.fault("M18")
@pytest.mark.fault("M19")
@pytest.mark.fault("M20")
@pytest.mark.fault("M21")
@pytest.mark.parametrize(("change", "garbage"), [
    (lambda data: data[:9], 0),
    (lambda data: random.Random(1).randbytes(80), 1),
    (lambda data: reframed(data, protocol=7), 1),
    (lambda data: reframed(data, length=0), 1),
    (lambda data: reframed(data, length=1), 1),
    (lambda data: reframed(data, length=65535), 1),
    (lambda data: reframed(data, pdu=bytes(60_000), length=60_001), 1),
], ids=["9 of 17 bytes", "garbage", "protocol 7", "length 0", "length 1", "length 65535", "60 kB"])
def test_what_is_no_frame_closes_the_connection_and_is_over_within_5_s(change: Tap, garbage: int):
    async def scenario(wired: Wired) -> tuple[float, float, int, int]:
        await wired.good()
        wired.once(change)
        bad_s = await wired.device.turned(is_bad, 5)
        return bad_s, await wired.good(), wired.link.tally.garbage, wired.cable.calls

    bad_s, good_s, counted, calls = live(scenario)
    assert bad_s <= BAD_AT_ONCE_S + (TIMEOUT_S if not garbage else 0)
    assert good_s <= BACK_S
    assert (counted, calls) == (garbage, 2)


# ------------------------------------------------------------------------------------------------ refusals
@pytest.mark.fault("M23")
@pytest.mark.parametrize("code", [1, 2, 3])
def test_a_refused_block_is_reported_once_and_asked_for_once_a_minute(code: int):
    async def scenario(wired: Wired) -> tuple[list[float], list[str]]:
        wired.always(refusing(code))
        await wired.net.lapse(250)
        assert wired.device.quality == BAD_CONFIGURATION_ERROR
        return wired.requests(1), [kind for kind, _ in wired.device.events]

    asked, told = live(scenario)
    assert sorted(set(asked)) == [1.0, 61.0, 121.0, 181.0, 241.0]
    assert told == (["refused"] if code == 1 else ["divided", "refused", "refused"])  # the value and the status beside it


@pytest.mark.fault("M24")
@pytest.mark.fault("M26")
@pytest.mark.parametrize(("code", "quality"), [
    (4, BAD_DEVICE_FAILURE), (7, BAD_COMMUNICATION_ERROR), (8, BAD_DEVICE_FAILURE), (9, BAD_COMMUNICATION_ERROR),
    (0, BAD_COMMUNICATION_ERROR), (99, BAD_COMMUNICATION_ERROR),
])
def test_an_exception_is_bad_at_once_and_its_code_is_kept(code: int, quality: int):
    async def scenario(wired: Wired) -> float:
        await wired.good()
        wired.always(refusing(code))
        bad_s = await wired.device.turned(is_bad, 5)
        assert wired.device.quality == quality
        assert f"exception {code}" in wired.device.health.last_error
        wired.cable.to_client.tap = None
        assert await wired.good() <= 1.1
        return bad_s

    assert live(scenario) <= BAD_AT_ONCE_S


@pytest.mark.fault("M25")
@pytest.mark.parametrize("code", [5, 6])
def test_a_busy_device_is_uncertain_for_three_answers_then_bad_and_is_left_1_2_4_s(code: int):
    async def scenario(wired: Wired) -> tuple[list[float], list[int]]:
        await wired.good()
        wired.always(refusing(code), unit=1)
        began = wired.seconds()
        qualities: list[int] = []
        for _ in range(5):
            asked = len(wired.requests(1))
            while len(wired.requests(1)) == asked:
                await wired.net.lapse(0.05)
            await wired.net.lapse(0.05)
            qualities.append(wired.device.quality)
        assert is_good(wired.devices[1].quality)
        return [at for at in wired.requests(1) if at > began], qualities

    asked, qualities = live(scenario, units=2)
    assert [b - a for a, b in itertools.pairwise(asked)] == [1.0, 2.0, 4.0, 4.0]
    assert qualities == [UNCERTAIN_NO_COMMUNICATION_LAST_USABLE] * 3 + [BAD_DEVICE_FAILURE] * 2


@pytest.mark.fault("M27")
@pytest.mark.parametrize("code", [10, 11])
def test_a_unit_behind_a_gateway_goes_alone_and_the_others_keep_their_scan(code: int):
    async def scenario(wired: Wired) -> tuple[float, list[list[float]]]:
        await wired.good()
        wired.always(refusing(code), unit=1)
        bad_s = await wired.device.turned(is_bad, 5)
        assert wired.device.quality == BAD_NO_COMMUNICATION
        await wired.net.lapse(60)
        assert all(is_good(device.quality) for device in wired.devices[1:])
        wired.cable.to_client.tap = None
        assert await wired.good() <= 5 + 1.1
        return bad_s, [wired.requests(unit) for unit in (2, 3)]

    bad_s, others = live(scenario, units=3)
    assert bad_s <= BAD_AT_ONCE_S
    assert all(map(every_second, others))


# ------------------------------------------------------------------------------------------------ writes
@pytest.mark.fault("M17")
@pytest.mark.parametrize("echo", ["050001ff00", "0500000000"], ids=["another address", "another value"])
def test_a_write_whose_echo_differs_is_unverified_and_sent_once(echo: str):
    async def scenario(wired: Wired) -> tuple[list[str], int]:
        await wired.good()
        wired.once(lambda data: reframed(data, pdu=bytes.fromhex(echo)))
        wired.write(VALVE, 1)
        await wired.net.lapse(60)
        return wired.device.results, len(wired.requests(1, 5))

    assert live(scenario) == (["unverified"], 1)


@pytest.mark.fault("M31")
@pytest.mark.parametrize("how", ["the request is lost", "the answer is lost", "the connection breaks"])
def test_a_write_without_an_answer_is_one_frame_on_the_wire_whatever_happens_then(how: str):
    async def scenario(wired: Wired) -> tuple[list[str], int, int]:
        await wired.good()
        wired.cable.to_server.lost = how == "the request is lost"
        wired.cable.to_client.lost = how == "the answer is lost"
        wired.bank.delay_s = 0.2
        wired.write(VALVE, 1)
        await wired.net.lapse(0.1)
        if how == "the connection breaks":
            wired.cable.reset()
        await wired.net.lapse(10)
        wired.cable.set(lost=False)
        wired.bank.delay_s = 0.0
        await wired.good()
        await wired.net.lapse(60)
        return wired.device.results, len(wired.requests(1, 5)), wired.bank.written

    results, frames, carried_out = live(scenario)
    assert (results, frames) == (["unverified"], 1)
    assert carried_out == (0 if how == "the request is lost" else 1)


@pytest.mark.fault("M32")
def test_a_write_refused_for_one_register_is_rejected_as_a_whole_and_not_sent_again():
    async def scenario(wired: Wired) -> tuple[list[str], int]:
        await wired.good()
        wired.once(refusing(2))
        wired.write(RATE, 1.5)
        await wired.net.lapse(60)
        return wired.device.results, len(wired.requests(1, 16))

    assert live(scenario) == (["rejected"], 1)


# ------------------------------------------------------------------------------------------------ all of it at once
@pytest.mark.parametrize("seed", range(12))
def test_ten_minutes_of_bad_weather_show_no_wrong_good_value_and_end_well(seed: int):
    async def scenario(wired: Wired) -> int:
        rng = random.Random(seed)
        ills: list[Tap] = [
            lambda data: data[:rng.randrange(len(data))], lambda data: data + data, lambda data: b"", lambda data: rng.randbytes(40),
            lambda data: reframed(data, transaction=rng.randrange(65536)), lambda data: reframed(data, unit=rng.randrange(256)),
            lambda data: reframed(data, length=rng.randrange(65536)), refusing(rng.choice((4, 6, 11))),
        ]
        for _ in range(60):
            cable = wired.cable
            cable.set(latency_s=rng.choice((0, 0.02, 0.3)), jitter_s=rng.choice((0, 0.4)), cut=rng.choice((None, (1, 3))), lost=False)
            cable.answer = rng.choice(("accept", "accept", "accept", "hang up", "refuse"))
            wired.bank.silent = rng.random() < 0.1
            what = rng.randrange(5)
            if what == 0:
                cable.reset()
            elif what == 1:
                cable.finish("server")
            elif what == 2:
                rng.choice(cable.lanes).lost = True
            elif what == 3:
                wired.once(rng.choice(ills))
            else:
                cable.part(wired.net.loop.time(), wired.net.loop.time() + rng.uniform(0, 8))
            await wired.net.lapse(10)
        wired.cable.set(latency_s=0.0, jitter_s=0.0, cut=None, lost=False)
        wired.cable.answer, wired.cable.to_client.tap, wired.bank.silent = "accept", None, False
        await wired.good(15)
        return sum(device.checks for device in wired.devices)

    assert live(scenario, seed=seed, units=2) > 100


# ------------------------------------------------------------------------------------------------ devices with manners of their own
def connections(wired: Wired) -> int:
    return len(wired.net.trace.of("open"))


def test_a_device_that_wants_time_after_a_connection_gets_it_before_the_first_request():
    async def scenario(wired: Wired) -> tuple[float, float]:
        await wired.good()
        opened = wired.net.trace.of("open")[0].at_s - wired.net.loop.time() + wired.seconds()
        return opened, wired.asked[0][0]

    opened, asked = live(scenario, settle_s=1.3)
    assert asked - opened == pytest.approx(1.3, abs=0.01)


def test_a_device_that_wants_its_connection_closed_is_called_for_each_scan_and_stays_good():
    async def scenario(wired: Wired) -> tuple[int, int, int]:
        await wired.good()
        await wired.net.lapse(60)
        assert is_good(wired.device.quality)
        assert wired.device.events == []
        open_now = [connection for connection in wired.cable.connections if not connection.client.gone]
        wired.write(RATE, 12.5)                 # between two scans: it is called at once
        await wired.net.lapse(0.2)
        assert wired.device.results == ["accepted"]
        return connections(wired), len(open_now), wired.link.tally.losses

    calls, open_now, losses = live(scenario, keep=False)
    assert 60 <= calls <= 63
    assert (open_now, losses) == (0, 0)


def test_a_device_that_is_gone_between_two_calls_is_bad_at_the_third_try_and_good_again_on_its_return():
    async def scenario(wired: Wired) -> tuple[float, list[str], float]:
        await wired.good()
        await wired.net.lapse(2.5 - wired.seconds() % 1)
        wired.cable.answer = "refuse"
        bad_s = await wired.device.turned(is_bad, 20)
        await wired.net.lapse(30)
        wired.cable.answer = "accept"
        return bad_s, [event for event, _ in wired.device.events], await wired.good()

    bad_s, events, good_s = live(scenario, keep=False)
    assert bad_s <= 2.0
    assert events == ["lost"]
    assert good_s <= BACK_S


@pytest.mark.fault("D10")
def test_who_answers_after_a_rest_is_proved_anew():
    """The address is another device's when it is called again: it gets no write and none of its values is believed."""
    async def scenario(wired: Wired) -> tuple[list[str], bool, int]:
        wired.bank.put_raw("id", 77)
        await wired.good()
        await wired.net.lapse(3.5 - wired.seconds() % 1)
        wired.bank.put_raw("id", 99)
        written = wired.bank.written
        wired.write(RATE, 12.5)
        await wired.net.lapse(5)
        return wired.device.results, is_bad(wired.device.quality), wired.bank.written - written

    named = replace(PROFILE, points=(*PROFILE.points, Point("id", Table.HOLDING, 20)), identity=("id", 77))
    assert live(scenario, keep=False, profile=named) == (["rejected"], True, 0)


def test_a_link_at_rest_is_drained_when_its_device_was_asked():
    async def scenario(wired: Wired) -> tuple[int, int]:
        await wired.good()
        await wired.net.lapse(0.5)
        before = wired.device.health.answered
        now = wired.clock.now().mono
        wired.device.beat(now + SECOND)
        await wired.link.drain()
        return before, wired.device.health.answered

    before, after = live(scenario, keep=False)
    assert after == before + 1
