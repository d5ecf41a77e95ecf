"""A serial bus behind a device server, in virtual time: what a fault costs the unit, and what it may not cost the others.

Every scenario also checks that no Good value was ever a wrong one: a device shows the second in which it was asked.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable

import pytest

from devices.quality import is_bad, is_good
from gateway.links.bus_link import RETURN_S
from gateway.links.rtu import adu, crc
from tests.gateway.links.bused import GAP_S, SCAN_S, TIMEOUT_S, WATCHDOG_S, Bused, live
from tests.gateway.links.peer import COUNT, SETPOINT, VALVE
from tests.gateway.links.test_rtu import mutated
from tests.gateway.links.wired import Watched

QUIET_S = 2 * TIMEOUT_S
Tap = Callable[[bytes], bytes]


def with_body(answer: bytes, body: bytes) -> bytes:
    """An answer with other data and the right CRC."""
    return adu(answer[:3] + body)


# ------------------------------------------------------------------------------------------------------- right ways
def test_units_are_asked_one_by_one_with_silence_between_and_a_canary_before_all():
    async def scenario(bus: Bused) -> list[tuple[float, bytes]]:
        await bus.good()
        await bus.net.lapse(5)
        assert bus.link.tally.canaries == 1
        return bus.asked

    asked = live(scenario)
    assert asked[0][1][:6] == bytes((1, 4, 0, 0, 0, 1)), "one register: the answer is believed in its form only"
    assert asked[0][0] >= QUIET_S, "nobody knows what was asked before"
    gaps = [b - a for (a, _), (b, _) in itertools.pairwise(asked)]
    assert min(gaps) >= GAP_S + 0.004 - 1e-9            # the silence, and there and back


def test_a_write_goes_before_the_reads_that_are_due():
    async def scenario(bus: Bused) -> tuple[list[str], list[int]]:
        await bus.good()
        await bus.net.lapse(1.003 - bus.seconds() % 1.0)        # the first unit of this scan is in flight
        bus.write(VALVE, 1)
        before = len(bus.asked)
        await bus.net.lapse(0.3)
        return bus.device.results, [data[1] for _, data in bus.asked[before:]]

    results, functions = live(scenario)
    assert (results, functions[0]) == (["accepted"], 5)


def test_a_device_that_wants_a_pause_gets_it_before_the_next_request_of_the_bus():
    async def scenario(bus: Bused) -> float:
        bus.device.pause_s = 0.05
        await bus.good()
        await bus.net.lapse(10)
        pairs = [(a, b) for (a, x), (b, _) in itertools.pairwise(bus.asked) if x[0] == 1]
        return min(b - a for a, b in pairs)

    assert live(scenario) >= 0.05


# ------------------------------------------------------------------------------------------------------ late answers
@pytest.mark.fault("M34")
@pytest.mark.parametrize("requests", [3000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_answers_around_the_timeout_never_reach_another_request(requests: int):
    async def scenario(bus: Bused) -> tuple[int, int]:
        number = itertools.count(1)
        latest: dict[int, int] = {}

        def note(data: bytes) -> bytes:
            latest[data[0]] = next(number)
            return bus._note(data)

        def stamp(data: bytes) -> bytes:            # the count of an answer is the number of the request that asked for it
            return with_body(data, data[3:7] + latest[data[0]].to_bytes(4, "big")) if data[1:3] == b"\x04\x08" else data

        def judge(device: Watched) -> None:
            if is_good(device.image.quality[COUNT]) and device.image.seen[COUNT] == bus.clock.now().mono:
                assert int(device.image.value[COUNT]) == latest[device.unit]
                seen.append(device.unit)

        seen: list[int] = []
        for device in bus.devices:
            device.look = functools.partial(judge, device)
        bus.cable.to_server.latency_s = 0.0
        bus.cable.to_server.tap, bus.cable.to_client.tap = note, stamp
        while len(bus.asked) < requests:
            bus.cable.to_client.latency_s = bus.cable.to_client.rng.choice((0.01, 0.1, 0.9 * TIMEOUT_S))
            bus.cable.to_client.jitter_s = bus.cable.to_client.rng.choice((0.0, 0.5, 3.0)) * TIMEOUT_S
            await bus.net.lapse(20)
        return len(seen), bus.link.tally.late

    seen, late = live(scenario, limit_s=1e7)
    assert seen > requests / 10
    assert late > requests / 100


@pytest.mark.fault("M34")
def test_after_a_timeout_the_bus_is_quiet_then_a_canary_goes_first():
    async def scenario(bus: Bused) -> tuple[list[tuple[float, bytes]], int]:
        await bus.good()
        await bus.net.lapse(2.9 - bus.seconds())
        bus.bank.delay_s = 1.6 * TIMEOUT_S
        await bus.net.lapse(0.2)
        bus.bank.delay_s = 0.0
        before = bus.seconds() - 0.2
        await bus.net.lapse(3)
        return [(at, data) for at, data in bus.asked if at >= before], bus.link.tally.late

    asked, late = live(scenario)
    (first, _), (canary, data), (following, after) = asked[:3]
    assert canary - first == pytest.approx(TIMEOUT_S + QUIET_S, abs=0.01)
    assert data[:6] == bytes((2, 4, 0, 0, 0, 1)), "the unit that is asked next"
    assert (following - canary < 0.02, after[:6]) == (True, bytes((2, 4, 0, 0, 0, 4)))
    assert late == 1


@pytest.mark.fault("M34")
def test_a_device_that_is_always_too_late_is_lost_never_believed_and_the_reason_is_told():
    async def scenario(bus: Bused) -> int:
        await bus.good()
        bus.bank.delay_s = 1.5 * TIMEOUT_S
        await bus.net.lapse(60)
        assert bus.device.state == "lost"
        assert is_bad(bus.device.quality)
        assert all(is_good(device.quality) for device in bus.devices[1:])
        assert bus.device.health.late == bus.link.tally.late
        assert ("late_answers", "BUS 127.0.0.1:15021: 5 answers came after the timeout of 250 ms") in bus.device.events
        bus.bank.delay_s = 0.0
        assert await bus.good(12) <= 6
        return bus.device.health.late

    assert live(scenario) >= 5


def test_where_a_canary_cannot_differ_from_what_is_owed_silence_proves_it():
    async def scenario(bus: Bused) -> tuple[int, int]:
        await bus.good()
        bus.bank.delay_s = 1.6 * TIMEOUT_S
        await bus.net.lapse(5)
        bus.bank.delay_s = 0.0
        good_s = await bus.good(20)
        await bus.net.lapse(10)
        assert is_good(bus.device.quality)
        return bus.link.tally.canaries, round(good_s)

    canaries, good_s = live(scenario, reticent=True)
    assert canaries >= 3
    assert good_s <= 6


# ---------------------------------------------------------------------------------------------- what one costs others
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("how", ["from the start", "while it runs"])
def test_a_dead_unit_never_lets_the_watchdog_of_another_run_out(how: str, seed: int):
    async def scenario(bus: Bused) -> tuple[set[int], float, float]:
        await bus.net.lapse(0.37 * seed)
        if how == "from the start":
            bus.bank.silent = True
        else:
            await bus.good()
            await bus.net.lapse(3.1 + 0.23 * seed)
            bus.bank.silent = True
        await bus.net.lapse(120)
        gaps = [b - a for unit in range(2, 9) for a, b in itertools.pairwise(bus.requests(unit))]
        dead = len(bus.requests(1)) * (TIMEOUT_S + QUIET_S)
        return bus.expired - {1}, max(gaps), dead / bus.seconds()

    expired, longest_s, share = live(scenario, units=8, watched=True, seed=seed)
    assert expired == set()
    assert longest_s <= WATCHDOG_S - 0.15
    assert share <= 0.25


@pytest.mark.parametrize("dead", [2, 4, 7])
def test_units_that_die_together_cost_their_time_once_and_then_a_quarter_of_the_bus(dead: int):
    async def scenario(bus: Bused) -> tuple[float, float]:
        await bus.good()
        for unit in range(1, dead + 1):
            bus.banks[unit].silent = True
        await bus.net.lapse(30)
        calls, before = bus.cable.calls, len(bus.asked)
        at = bus.seconds()
        await bus.net.lapse(120)
        assert bus.cable.calls == calls == 1, "the bus is not at fault while somebody answers"
        asked = bus.asked[before:]
        lost_s = sum(data[0] <= dead for _, data in asked) * (TIMEOUT_S + QUIET_S)
        gaps = [b - a for a, b in itertools.pairwise(at for at, data in asked if data[0] == 8)]
        return lost_s / (bus.seconds() - at), max(gaps)

    share, longest_s = live(scenario, units=8, watched=True)
    assert share <= 0.26
    assert longest_s <= WATCHDOG_S


def test_on_a_crowded_bus_the_device_whose_watchdog_is_running_out_goes_first():
    async def scenario(bus: Bused) -> tuple[float, float]:
        for device in bus.devices[:-1]:
            device.patience_s = None
        for bank in bus.banks.values():
            bank.delay_s = 0.1                      # a turn of the whole bus takes 3 s
        await bus.good(20)
        await bus.net.lapse(60)
        gaps = {unit: max(b - a for a, b in itertools.pairwise(bus.requests(unit))) for unit in (1, 30)}
        assert 30 not in bus.expired
        return gaps[30], gaps[1]

    watched_s, others_s = live(scenario, units=30, watched=True)
    assert watched_s <= 1.25
    assert 3 <= others_s <= 5


def test_a_silent_bus_is_opened_again_and_over_within_5_s_of_its_return():
    async def scenario(bus: Bused) -> tuple[int, float]:
        await bus.good()
        bus.cable.set(lost=True)
        await bus.net.lapse(60)
        assert all(is_bad(device.quality) for device in bus.devices)
        calls = bus.cable.calls
        bus.cable.set(lost=False)
        return calls, await bus.good(15)

    calls, good_s = live(scenario)
    assert calls > 5
    assert good_s <= 5 + 2.0, "a call that was lost may be under way"


@pytest.mark.fault("M36")
@pytest.mark.parametrize("seed", range(10))
def test_a_device_server_that_goes_is_bad_at_once_and_good_within_5_s_of_its_return(seed: int):
    async def scenario(bus: Bused) -> tuple[float, float]:
        await bus.good()
        await bus.net.lapse(0.11 * seed)
        bus.cable.answer = "refuse"
        bus.cable.reset()
        bad_s = max([await device.turned(is_bad, 1) for device in bus.devices])
        await bus.net.lapse(30 + 0.37 * seed)
        bus.cable.answer = "accept"
        return bad_s, await bus.good()

    bad_s, good_s = live(scenario, seed=seed)
    assert bad_s < 0.05
    assert RETURN_S[1] <= 5
    assert good_s <= 5


# ------------------------------------------------------------------------------------------------- noise and strangers
@pytest.mark.fault("M35")
def test_noise_before_every_answer_costs_nothing():
    async def scenario(bus: Bused) -> tuple[int, int]:
        rng = random.Random(1)
        bus.cable.to_client.tap = lambda data: rng.randbytes(rng.randint(1, 6)) + data
        await bus.good()
        await bus.net.lapse(60)
        assert all(is_good(device.quality) for device in bus.devices)
        return sum(device.health.timeouts for device in bus.devices), bus.link.tally.noise

    timeouts, noise = live(scenario)
    assert (timeouts, noise > 180) == (0, True)


@pytest.mark.fault("M35")
def test_a_bus_where_bytes_come_one_by_one_with_silence_between_works():
    async def scenario(bus: Bused) -> int:
        bus.cable.to_client.cut, bus.cable.to_client.gap_s = (1, 1), 0.008
        await bus.good()
        await bus.net.lapse(30)
        assert all(is_good(device.quality) for device in bus.devices)
        return sum(device.health.timeouts for device in bus.devices)

    assert live(scenario) == 0


@pytest.mark.fault("M33")
def test_a_garbled_answer_is_no_trip_is_counted_and_many_are_reported_once():
    async def scenario(bus: Bused) -> tuple[int, list[tuple[str, str]]]:
        await bus.good()
        rng = random.Random(2)

        def flip(data: bytes) -> bytes:
            at = rng.randrange(3, len(data))
            return data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1:]

        bus.once(flip)
        await bus.net.lapse(5)
        assert bus.link.tally.garbled == 1
        assert all(is_good(device.quality) and device.state == "up" for device in bus.devices), "one garbled answer is no trip"
        assert bus.device.events == []
        bus.cable.to_client.tap = lambda data: flip(data) if rng.random() < 0.1 else data
        await bus.net.lapse(200)
        return bus.link.tally.garbled, [event for device in bus.devices for event in device.events if event[0] == "noisy_bus"]

    garbled, events = live(scenario)
    assert garbled > 10
    assert len(events) == 1
    assert "garbled answers" in events[0][1]


@pytest.mark.fault("M37")
def test_another_master_on_the_bus_is_reported_and_its_frames_are_nobodys_value():
    async def scenario(bus: Bused) -> tuple[int, list[str]]:
        foreign = adu(bytes((9, 4, 0, 0, 0, 4))) + adu(bytes((9, 4, 8)) + bytes(8))
        bus.cable.to_client.tap = lambda data: foreign + data
        await bus.good()
        await bus.net.lapse(60)
        assert all(is_good(device.quality) for device in bus.devices)
        return bus.link.tally.strange, [kind for kind, _ in bus.device.events]

    strange, events = live(scenario)
    assert strange > 100
    assert events == ["second_master"]


@pytest.mark.fault("M37")
def test_answers_of_our_units_to_another_master_are_not_taken_for_ours():
    async def scenario(bus: Bused) -> int:
        await bus.good()
        stranger = adu(bytes((1, 4, 4)) + bytes(4))     # unit 1 tells somebody else of two registers
        bus.cable.to_client.tap = lambda data: stranger + data
        await bus.net.lapse(60)
        assert all(is_good(device.quality) for device in bus.devices)
        return bus.link.tally.surplus

    assert live(scenario) > 100


def test_a_flood_closes_the_connection_and_is_over_within_5_s():
    async def scenario(bus: Bused) -> tuple[float, int, float]:
        await bus.good()
        bus.once(lambda data: random.Random(1).randbytes(60_000))
        bad_s = max([await device.turned(is_bad, 5) for device in bus.devices])
        return bad_s, bus.link.tally.garbage, await bus.good()

    bad_s, garbage, good_s = live(scenario)
    assert bad_s <= SCAN_S + TIMEOUT_S
    assert (garbage, good_s <= 5) == (1, True)


@pytest.mark.fault("M33")
@pytest.mark.fault("M34")
@pytest.mark.fault("M35")
@pytest.mark.parametrize("seed", range(6))
def test_ten_minutes_of_bad_weather_show_no_wrong_good_value_and_end_well(seed: int):
    async def scenario(bus: Bused) -> int:
        rng = random.Random(seed)
        ills: list[Tap] = [
            lambda data: mutated(data, rng), lambda data: b"", lambda data: rng.randbytes(9) + data, lambda data: data[:-1],
            lambda data: data + data,
        ]
        for _ in range(60):
            ill, share = rng.choice(ills), rng.choice((0.0, 0.1, 0.5))
            bus.cable.to_client.tap = lambda data, ill=ill, share=share: ill(data) if rng.random() < share else data
            bus.cable.to_client.latency_s = rng.choice((0.002, 0.1, 0.3))
            bus.cable.to_client.cut = rng.choice((None, (1, 3)))
            for bank in bus.banks.values():
                bank.silent, bank.delay_s = rng.random() < 0.1, rng.choice((0.0, 0.0, 0.3))
            if rng.random() < 0.1:
                bus.cable.reset()
            await bus.net.lapse(10)
        bus.cable.to_client.tap, bus.cable.to_client.cut, bus.cable.to_client.latency_s = None, None, 0.002
        for bank in bus.banks.values():
            bank.silent, bank.delay_s = False, 0.0
        await bus.good(20)
        return sum(device.checks for device in bus.devices)

    assert live(scenario, seed=seed) > 100


# ------------------------------------------------------------------------------------------------------------- writes
def test_a_write_without_an_answer_is_one_frame_on_the_bus_whatever_happens_then():
    async def scenario(bus: Bused) -> tuple[list[str], int, int]:
        await bus.good()
        bus.bank.silent = True
        bus.write(SETPOINT, 12.3)
        await bus.net.lapse(30)
        bus.bank.silent = False
        await bus.good()
        await bus.net.lapse(30)
        return bus.device.results, len(bus.requests(1, 6)), bus.bank.written

    assert live(scenario) == (["unverified"], 1, 0)


def test_a_write_waits_for_the_quiet_but_for_no_canary():
    async def scenario(bus: Bused) -> tuple[float, list[bytes], list[str]]:
        await bus.good()
        await bus.net.lapse(2.9 - bus.seconds())
        bus.bank.silent = True
        await bus.net.lapse(0.2)
        bus.bank.silent = False
        bus.write(VALVE, 1)                         # the read of this second is without an answer
        sent_at = bus.asked[-1][0]
        before = len(bus.asked)
        await bus.net.lapse(2)
        return bus.asked[before][0] - sent_at, [data for _, data in bus.asked[before:before + 1]], bus.device.results

    after_s, frames, results = live(scenario)
    assert after_s == pytest.approx(TIMEOUT_S + QUIET_S, abs=0.01)
    assert (frames[0][1], results) == (5, ["accepted"])


def test_a_read_that_is_refused_is_answered_and_the_bus_goes_on():
    async def scenario(bus: Bused) -> tuple[list[str], int]:
        await bus.good()
        bus.once(lambda data: adu(bytes((data[0], data[1] | 0x80, 2))))
        await bus.net.lapse(10)
        return [kind for kind, _ in bus.device.events], bus.link.tally.timeouts

    assert live(scenario) == (["divided"], 0)


def test_the_crc_of_every_request_is_right():
    async def scenario(bus: Bused) -> list[bytes]:
        await bus.good()
        bus.write(VALVE, 1)
        await bus.net.lapse(5)
        return [data for _, data in bus.asked]

    assert all(crc(data[:-2]).to_bytes(2, "little") == data[-2:] for data in live(scenario))
