"""Counters and watched values through a conversation: what the image shows, and what the record is told."""

from __future__ import annotations

import msgspec
import pytest

from devices.exchange import Reply
from devices.profile import Counting, Kind, Limits, Point, Profile, Table, Verified
from devices.quality import GOOD, UNCERTAIN_LAST_USABLE, is_bad
from gateway.control.conversation import Binding, Conversation
from gateway.control.image import SECOND, Image, Now
from simulators.bank import Bank

TICK = SECOND // 2
PULSES = Point("pulses", Table.INPUT, 0, Kind.UINT16, unit="L", scale=0.1, counting=Counting(most_per_s=20.0))
HOURS = Point("hours", Table.INPUT, 2, Kind.UINT32, unit="s")
PH = Point("ph", Table.INPUT, 10, Kind.FLOAT32, unit="pH")


class Meter:
    """A meter with a pulse counter and a probe; ``frozen_s`` and ``leap_per_s`` watch the probe."""

    def __init__(self, pulses: Point = PULSES, *, frozen_s: int = 0, leap_per_s: float = 0.0) -> None:
        profile = Profile(name="m", maker="m", model="m", protocol="modbus", source="assumed", verified=Verified.ASSUMED,
                          points=(pulses, HOURS, PH), limits=Limits(gap=20))
        self.image, self.bank = Image(["litres", "ph"], [3 * SECOND] * 2), Bank(profile)
        bound = [Binding(point="pulses", tag=0, gain=1.0, period_ns=TICK),
                 Binding(point="ph", tag=1, period_ns=TICK, frozen_ns=frozen_s * SECOND, leap_per_s=leap_per_s)]
        self.c = Conversation("M-1", profile, self.image, bound)
        self.at = SECOND

    def turn(self, raw: int | None = None, ph: float | None = None, runs_s: int | None = None, silent: bool = False) -> tuple[float, int]:
        """One scan; what the litres show."""
        self.at += TICK
        if raw is not None:
            self.bank.put_raw("pulses", raw)
        if ph is not None:
            self.bank.set("ph", ph)
        if runs_s is not None:
            self.bank.set("hours", runs_s)
        self.c.beat(self.at)
        while (request := self.c.due(self.at)) is not None:
            reply = Reply(request, failure="timeout") if silent else self.bank.answer(request, self.at)
            self.c.absorb(reply, Now(self.at, self.at))
        return self.image.value[0], self.image.quality[0]

    def told(self) -> list[str]:
        events, self.c.events = self.c.events, []
        return [detail for kind, detail in events if kind == "counter"]


@pytest.mark.fault("D05")
def test_a_counter_that_goes_round_goes_on_and_the_record_is_told():
    meter = Meter()
    assert meter.turn(65_530) == (pytest.approx(6553.0), GOOD)
    assert meter.turn(3) == (pytest.approx(6553.9), GOOD)
    assert meter.told() == ["pulses wrapped"]
    assert meter.turn(9) == (pytest.approx(6554.5), GOOD)


@pytest.mark.fault("D05")
def test_a_counter_that_begins_anew_is_uncertain_once_and_never_falls():
    meter = Meter()
    meter.turn(40_000)
    litres, quality = meter.turn(2)
    assert (litres, quality & 0xC0000000) == (pytest.approx(4000.2), 0x40000000)
    assert "began anew" in meter.told()[0]
    assert meter.turn(4) == (pytest.approx(4000.4), GOOD)


def test_the_devices_running_time_tells_a_wrap_from_a_new_beginning():
    meter = Meter(msgspec.structs.replace(PULSES, counting=Counting(most_per_s=20.0, running="hours")))
    meter.turn(65_530, runs_s=5000)
    meter.turn(2, runs_s=0)
    assert "began anew" in meter.told()[0]
    assert meter.turn(2, runs_s=1)[0] == pytest.approx(6553.2)


def test_a_counter_goes_on_where_the_plan_of_reads_is_made_anew():
    meter = Meter()
    meter.turn(65_530)
    meter.turn(3)
    (poll,) = meter.c.polling.polls
    assert meter.c.polling.divide(poll, 0)
    assert meter.turn(5)[0] == pytest.approx(6554.1)
    meter.c.connected(meter.at)
    assert meter.turn(6)[0] == pytest.approx(6554.2)


def test_a_running_time_that_is_no_longer_answered_takes_no_part():
    """A plan made anew may part the two; a running time that stands still would make every count a new beginning."""
    meter = Meter(msgspec.structs.replace(PULSES, counting=Counting(most_per_s=20.0, running="hours")))
    meter.turn(100, runs_s=5000)
    meter.turn(102, runs_s=5001)
    memory = meter.c.polling._memory  # pyright: ignore[reportPrivateUsage]
    (poll,) = meter.c.polling.polls
    following = poll._following  # pyright: ignore[reportPrivateUsage]
    assert following is not None
    following._tells.clear()  # pyright: ignore[reportPrivateUsage]
    assert memory.running == {"hours"}
    for k in range(1, 20):
        meter.at += 5 * SECOND
        assert meter.turn(102 + k, runs_s=5001 + 5 * k)[0] == pytest.approx(10.2 + 0.1 * k)
    assert meter.told() == []


def test_a_running_time_in_a_block_of_its_own_is_heard():
    meter = Meter(msgspec.structs.replace(PULSES, counting=Counting(most_per_s=20.0, running="hours")))
    meter.turn(65_530, runs_s=5000)
    (poll,) = meter.c.polling.polls
    while meter.c.polling.divide(poll, meter.at):  # until the running time stands alone
        poll = next(each for each in meter.c.polling.polls if any(point.name == "hours" for point in each.block.points))
    assert [point.name for point in poll.block.points] == ["hours"]
    meter.turn(65_534, runs_s=5001)
    told = meter.c.polling._memory.told["hours"]  # pyright: ignore[reportPrivateUsage]
    assert told[1] == meter.at


def test_an_outage_in_which_it_may_have_gone_round_is_a_gap():
    meter = Meter(msgspec.structs.replace(PULSES, kind=Kind.UINT16, counting=Counting(most_per_s=20_000.0)))
    meter.turn(1000)
    for _ in range(10):
        meter.turn(silent=True)
    assert is_bad(meter.image.quality[0])
    meter.at += 3 * SECOND
    litres, quality = meter.turn(900)
    assert (litres >= 100.0, quality) == (True, UNCERTAIN_LAST_USABLE)
    assert "gone round more than once" in meter.told()[0]


@pytest.mark.fault("D04")
def test_a_probe_that_stands_still_is_uncertain_until_it_moves():
    meter = Meter(frozen_s=20)
    meter.turn(0, ph=7.0)
    for _ in range(39):
        meter.turn()
        assert meter.image.quality[1] == GOOD
    meter.turn()
    assert meter.image.quality[1] == UNCERTAIN_LAST_USABLE
    meter.turn(ph=7.01)
    assert meter.image.quality[1] == GOOD


@pytest.mark.fault("D06")
def test_a_spike_of_a_probe_is_uncertain_and_a_probe_that_was_away_comes_back_as_it_comes():
    meter = Meter(leap_per_s=0.5)
    meter.turn(0, ph=7.0)
    meter.turn(ph=9.1)
    assert meter.image.quality[1] & 0xC0000000 == 0x40000000
    meter.turn(ph=7.05)
    assert meter.image.quality[1] == GOOD
    meter.turn(ph=float("nan"))
    meter.turn(ph=3.0)
    assert meter.image.quality[1] == GOOD
