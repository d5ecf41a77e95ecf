"""What a device's conversation makes of answers, silence and refusals."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from devices.exchange import Read, Reply, Write
from devices.profile import Point, Table, Watchdog
from devices.quality import (
    BAD_COMMUNICATION_ERROR,
    BAD_CONFIGURATION_ERROR,
    BAD_DEVICE_FAILURE,
    BAD_NO_COMMUNICATION,
    BAD_NOT_CONNECTED,
    BAD_SENSOR_FAILURE,
    BAD_WAITING_FOR_INITIAL_DATA,
    GOOD,
    UNCERTAIN_EU_EXCEEDED,
    UNCERTAIN_NO_COMMUNICATION_LAST_USABLE,
    is_bad,
    is_good,
)
from gateway.control.conversation import Binding
from gateway.control.image import SECOND
from tests.gateway.control.conversing import NAMES, PROFILE, TAG, TICK, Talk, bindings


def asked(talk: Talk, want: type = Read) -> Read | Write:
    """The next request, which must be one of this kind."""
    request = talk.c.due(talk.at)
    assert isinstance(request, want)
    return request  # type: ignore[return-value]


def fail(talk: Talk, failure: str) -> None:
    """Answer the next request with a failure."""
    talk.c.absorb(Reply(asked(talk, object), failure=failure), talk.now)  # type: ignore[arg-type]


def refuse(talk: Talk, code: int) -> None:
    """Answer the next request with a Modbus exception."""
    talk.c.absorb(Reply(asked(talk, object), exception=code), talk.now)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------------- reading
def test_a_device_is_unknown_and_its_tags_wait_until_the_first_answer():
    talk = Talk()
    assert talk.c.state == "unknown"
    assert talk.quality("level") == BAD_WAITING_FOR_INITIAL_DATA
    talk.turn()
    assert talk.c.state == "up"


def test_values_travel_scaled_with_quality_and_both_times():
    talk = Talk()
    talk.bank.set("level", 2.5)
    talk.bank.set("speed", 145.3)
    talk.bank.set("switch", 1)
    talk.turn()
    assert (talk.value("level"), talk.value("speed"), talk.value("switch")) == (2.5, pytest.approx(145.3), 1.0)
    assert talk.quality("level") == GOOD
    reading = talk.image.reading("level")
    assert (reading.seen_mono, reading.source_utc) == (talk.at, talk.at + 5 * SECOND)


@pytest.mark.fault("T03")
def test_an_answer_that_lay_in_the_machine_while_it_slept_is_no_reading():
    talk = Talk()
    talk.turn()
    talk.bank.set("level", 7.0)
    talk.at += TICK
    talk.c.beat(talk.at)
    answer = talk.bank.answer(asked(talk), talk.at)
    talk.at += 600 * SECOND
    talk.image.age(talk.at)
    talk.c.absorb(answer, talk.now)
    assert all(talk.quality(name) == BAD_NO_COMMUNICATION for name in NAMES if name not in ("reset", "run"))
    assert "answered after 600" in talk.c.health.last_error
    talk.turn()
    assert (talk.value("level"), talk.quality("level")) == (7.0, GOOD)


def test_gain_offset_and_inversion_map_point_to_tag():
    bound = bindings(speed=Binding(point="speed", tag=TAG["speed"], gain=2.0, offset=10.0, period_ns=TICK),
                     switch=Binding(point="switch", tag=TAG["switch"], invert=True, period_ns=TICK))
    talk = Talk(bound=bound)
    talk.bank.set("speed", 100.0)
    talk.turn()
    assert (talk.value("speed"), talk.value("switch")) == (210.0, 1.0)


def test_a_value_outside_what_the_plant_allows_is_uncertain():
    talk = Talk(bound=bindings(speed=Binding(point="speed", tag=TAG["speed"], low=0.0, high=100.0, period_ns=TICK)))
    talk.bank.set("speed", 120.0)
    talk.turn()
    assert talk.quality("speed") == UNCERTAIN_EU_EXCEEDED


def test_status_and_not_available_make_a_value_bad():
    talk = Talk()
    talk.bank.set("fault", 3)
    talk.bank.put_raw("speed", -32768)
    talk.turn()
    assert talk.quality("level") == BAD_SENSOR_FAILURE
    assert talk.quality("speed") == BAD_NOT_CONNECTED


@pytest.mark.fault("D01")
@pytest.mark.parametrize("ill", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_bad_and_never_enters_the_image(ill: float):
    talk = Talk()
    talk.bank.set("level", ill)
    talk.turn()
    assert is_bad(talk.quality("level"))
    assert talk.value("level") == 0.0


def test_no_read_is_offered_without_the_token_of_a_scan():
    talk = Talk()
    assert talk.c.due(talk.at) is None
    talk.turn()
    talk.at += 10 * TICK
    assert talk.c.due(talk.at) is None


def test_a_token_goes_stale_and_takes_its_reads_with_it():
    talk = Talk()
    talk.c.beat(talk.at)
    talk.at += 2 * TICK + 1
    assert talk.c.due(talk.at) is None
    talk.turn()
    assert talk.quality("level") == GOOD


def test_blocks_of_one_period_share_a_tick_and_are_asked_once_in_it():
    talk = Talk()
    talk.turn()
    talk.c.beat(talk.at)
    assert talk.answer() == 0
    talk.turn(TICK)
    assert talk.value("level") == 0.0


def test_a_poll_that_was_missed_is_skipped_and_counted_not_made_up():
    talk = Talk()
    talk.c.beat(talk.at)
    first = talk.answer()
    for _ in range(4):
        talk.at += TICK
        talk.c.beat(talk.at)
    assert talk.c.polling.skipped > 0
    assert talk.answer() == first


def test_one_request_is_in_flight_at_a_time():
    talk = Talk()
    talk.c.beat(talk.at)
    asked(talk)
    assert talk.c.due(talk.at) is None


def test_a_reply_to_another_request_changes_nothing():
    talk = Talk()
    talk.c.beat(talk.at)
    request = asked(talk)
    talk.c.absorb(Reply(Read(1, 4, 0, 4), payload=b"\x7f" * 8), talk.now)
    assert talk.c.health.surplus == 1
    assert talk.quality("level") == BAD_WAITING_FOR_INITIAL_DATA
    talk.c.absorb(talk.bank.answer(request, talk.at), talk.now)
    assert talk.c.health.answered == 1


# --------------------------------------------------------------------------------------------------------- failures
def test_one_timeout_keeps_the_last_value_until_it_is_too_old():
    talk = Talk()
    talk.turn()
    talk.at += TICK
    talk.c.beat(talk.at)
    fail(talk, "timeout")
    assert talk.quality("level") == GOOD
    talk.image.age(talk.at + 6 * SECOND)
    assert talk.quality("level") == BAD_NO_COMMUNICATION


@pytest.mark.fault("M04")
def test_two_timeouts_in_a_row_lose_the_device_and_spoil_every_tag_at_once():
    talk = Talk()
    talk.turn()
    talk.at += TICK
    talk.c.beat(talk.at)
    fail(talk, "timeout")
    fail(talk, "timeout")
    assert talk.c.state == "lost"
    assert all(is_bad(talk.image.quality[tag]) for tag in talk.c.tags)
    assert [kind for kind, _ in talk.c.events] == ["lost"]


@pytest.mark.fault("M04")
def test_a_lost_device_is_probed_with_one_request_and_regained_by_its_answer():
    talk = Talk()
    talk.c.lost(talk.now, "unplugged")
    talk.c.beat(talk.at)
    fail(talk, "timeout")
    assert talk.c.due(talk.at) is None
    talk.c.beat(talk.at + TICK)
    assert talk.c.due(talk.at + TICK) is None, "the next probe waits"
    talk.turn(SECOND)
    assert talk.c.state == "up"
    talk.turn()
    assert all(is_good(talk.quality(name)) for name in ("level", "speed", "switch", "valve"))
    assert [kind for kind, _ in talk.c.events] == ["lost", "regained"]


@pytest.mark.fault("M23")
@pytest.mark.parametrize("code", [1, 2, 3])
def test_a_block_the_device_does_not_know_is_a_configuration_error_tried_again_in_a_minute(code: int):
    talk = Talk()
    talk.c.beat(talk.at)
    first = asked(talk)
    talk.c.absorb(Reply(first, exception=code), talk.now)
    poll = next(p for p in talk.c.polling.polls if p.request is first)
    assert {talk.image.quality[tag] for tag in poll.tags} <= {BAD_CONFIGURATION_ERROR}
    for _ in range(100):
        talk.turn()
        talk.c.beat(talk.at)
    assert poll.not_before > talk.at
    for _ in range(30):
        talk.turn()
    assert all(is_good(talk.image.quality[tag]) for tag in poll.tags)
    assert [kind for kind, _ in talk.c.events] == ["refused"]


@pytest.mark.fault("M24")
def test_exception_4_is_a_device_failure_at_once():
    talk = Talk()
    talk.turn()
    talk.at += TICK
    talk.c.beat(talk.at)
    refuse(talk, 4)
    assert BAD_DEVICE_FAILURE in talk.image.quality
    assert talk.c.state == "up"


@pytest.mark.fault("M25")
@pytest.mark.parametrize("code", [5, 6])
def test_a_busy_device_keeps_its_last_value_as_uncertain_for_three_scans(code: int):
    talk = Talk(bound=[Binding(point="level", tag=TAG["level"], period_ns=TICK)])
    talk.turn()
    seen: list[int] = []
    waits: list[int] = []
    for _ in range(4):
        talk.at += 10 * SECOND
        talk.c.beat(talk.at)
        refuse(talk, code)
        seen.append(talk.quality("level"))
        waits.append((talk.c.polling.polls[0].not_before - talk.at) // SECOND)
    assert seen == [UNCERTAIN_NO_COMMUNICATION_LAST_USABLE] * 3 + [BAD_DEVICE_FAILURE]
    assert waits == [1, 2, 4, 4]


@pytest.mark.fault("M26")
@pytest.mark.parametrize("code", [0, 7, 8, 9, 99])
def test_other_exceptions_are_bad_and_their_code_is_recorded(code: int):
    talk = Talk(bound=[Binding(point="level", tag=TAG["level"], period_ns=TICK)])
    talk.turn()
    talk.at += TICK
    talk.c.beat(talk.at)
    refuse(talk, code)
    assert is_bad(talk.quality("level"))
    assert f"exception {code}" in talk.c.health.last_error


@pytest.mark.fault("M27")
@pytest.mark.parametrize("code", [10, 11])
def test_a_gateway_that_cannot_reach_the_unit_loses_that_unit(code: int):
    talk = Talk()
    talk.turn()
    talk.at += TICK
    talk.c.beat(talk.at)
    refuse(talk, code)
    assert talk.c.state == "lost"
    assert all(is_bad(talk.image.quality[tag]) for tag in talk.c.tags)


@pytest.mark.fault("M15")
def test_a_payload_of_the_wrong_length_makes_the_whole_block_bad():
    talk = Talk()
    talk.c.beat(talk.at)
    request = asked(talk)
    talk.c.absorb(Reply(request, payload=bytes(7)), talk.now)
    assert talk.c.health.malformed == 1
    assert BAD_COMMUNICATION_ERROR in talk.image.quality
    assert GOOD not in talk.image.quality


def test_a_lost_link_spoils_every_tag_and_leaves_the_write_in_flight_unverified():
    talk = Talk()
    talk.turn()
    talk.write("valve", 1)
    asked(talk, Write)
    talk.c.lost(talk.now, "connection reset")
    assert talk.outcomes() == [("valve", 1, "unverified")]
    assert all(is_bad(talk.image.quality[tag]) for tag in talk.c.tags)


# ---------------------------------------------------------------------------------------------------------- writing
def test_a_write_goes_first_arrives_rounded_and_is_accepted():
    talk = Talk()
    talk.c.beat(talk.at)
    talk.write("setpoint", 12.34)
    talk.answer()
    assert talk.bank.get("setpoint") == pytest.approx(12.3)
    assert talk.outcomes() == [("setpoint", 12.34, "accepted")]
    assert talk.c.resolution(TAG["setpoint"]) == pytest.approx(0.1)


def test_the_function_code_follows_width_and_what_the_device_allows():
    talk = Talk()
    talk.write("valve", 1)
    assert asked(talk, Write) == Write(1, 5, 0, (1,))
    only = replace(PROFILE, limits=replace(PROFILE.limits, write_functions=(15, 16)))
    talk = Talk(only)
    talk.write("setpoint", 1)
    assert asked(talk, Write) == Write(1, 16, 10, (10,))
    with pytest.raises(ValueError, match="rate: no function writes 2 of table holding"):
        Talk(replace(PROFILE, limits=replace(PROFILE.limits, write_functions=(5, 6))))


def test_the_latest_write_to_a_point_wins_and_the_other_ends_expired():
    talk = Talk()
    talk.write("setpoint", 10)
    talk.write("setpoint", 20)
    talk.answer()
    assert talk.outcomes() == [("setpoint", 10, "expired"), ("setpoint", 20, "accepted")]
    assert talk.bank.get("setpoint") == 20


def test_a_write_that_was_not_sent_in_time_is_dead():
    talk = Talk()
    talk.write("valve", 1, life_ns=SECOND)
    talk.at += 2 * SECOND
    talk.c.beat(talk.at)
    assert talk.outcomes() == [("valve", 1, "expired")]
    talk.answer()
    assert talk.bank.get("valve") == 0


def test_a_write_that_became_too_old_between_two_scans_is_not_sent():
    talk = Talk()
    talk.write("valve", 1, life_ns=SECOND)
    talk.at += 2 * SECOND
    assert talk.c.due(talk.at) is None
    assert talk.outcomes() == [("valve", 1, "expired")]


@pytest.mark.fault("M31")
def test_a_write_without_an_answer_is_unverified_and_never_sent_again():
    talk = Talk()
    talk.write("valve", 1)
    fail(talk, "timeout")
    assert talk.outcomes() == [("valve", 1, "unverified")]
    talk.c.beat(talk.at)
    assert isinstance(talk.c.due(talk.at), Read)


@pytest.mark.fault("M32")
def test_a_refused_write_is_rejected_with_the_reason():
    talk = Talk()
    talk.write("rate", 1.5)
    refuse(talk, 2)
    assert talk.c.outcomes[0].result == "rejected"
    assert "exception 2 on write 16 of 12" in talk.c.outcomes[0].detail


@pytest.mark.parametrize(("code", "result"), [(1, "rejected"), (3, "rejected"), (4, "rejected"), (6, "rejected"), (10, "rejected"),
                                              (5, "unverified"), (11, "unverified")])
def test_an_exception_on_a_write_says_whether_it_may_have_acted(code: int, result: str):
    talk = Talk()
    talk.write("valve", 1)
    refuse(talk, code)
    assert [o.result for o in talk.c.outcomes] == [result]


def test_what_a_register_cannot_carry_is_rejected_before_it_is_sent():
    talk = Talk()
    for value in (4000.0, float("nan")):
        talk.write("setpoint", value)
    talk.write("run", 7)
    assert [result for _, _, result in talk.outcomes()] == ["rejected"] * 3
    assert talk.c.due(talk.at) is None


def test_a_start_sequence_is_written_word_by_word_and_stops_at_a_refusal():
    talk = Talk()
    talk.write("run", 1)
    words = []
    while (request := talk.c.due(talk.at)) is not None:
        assert isinstance(request, Write)
        words.append(request.values[0])
        talk.c.absorb(talk.bank.answer(request, talk.at), talk.now)
    assert words == [0x47E, 0x47F]
    assert talk.outcomes() == [("run", 1, "accepted")]
    talk.write("run", 1)
    refuse(talk, 4)
    assert talk.c.due(talk.at) is None
    assert talk.outcomes() == [("run", 1, "rejected")]


def test_a_stop_overtakes_a_start_sequence_under_way():
    talk = Talk()
    talk.write("run", 1)
    talk.c.absorb(talk.bank.answer(asked(talk, Write), talk.at), talk.now)
    talk.write("run", 0)
    talk.answer()
    assert talk.bank.raw("run") == 0x47E
    assert talk.outcomes() == [("run", 1, "expired"), ("run", 0, "accepted")]


def test_a_trigger_is_written_once_and_its_release_is_no_write():
    talk = Talk()
    talk.write("reset", 1)
    talk.answer()
    assert talk.bank.raw("reset") == 0xAA
    talk.write("reset", 0)
    assert talk.c.due(talk.at) is None
    assert [result for _, _, result in talk.outcomes()] == ["accepted", "accepted"]


def test_one_bit_of_a_register_keeps_the_others_and_waits_until_they_are_known():
    talk = Talk()
    talk.bank.set("remote", 1)
    talk.write("enable", 1)
    assert talk.c.due(talk.at) is None
    talk.turn()
    assert (talk.bank.get("remote"), talk.bank.get("enable")) == (1, 1)
    talk.write("remote", 0)
    talk.answer()
    assert (talk.bank.get("remote"), talk.bank.get("enable")) == (0, 1)


def test_one_bit_of_a_register_is_not_mistaken_for_the_same_address_of_another_table():
    others = tuple(each for each in PROFILE.points if each.name != "speed")
    talk = Talk(replace(PROFILE, points=(*others, Point("speed", Table.INPUT, 30))))
    talk.bank.set("remote", 1)
    talk.turn()
    talk.write("enable", 1)
    talk.answer()
    assert (talk.bank.get("remote"), talk.bank.get("enable")) == (1, 1)


def test_memory_that_wears_out_takes_the_same_value_once_a_minute():
    talk = Talk()
    for value in (5, 5, 6):
        talk.write("span", value)
        talk.answer()
    assert [result for _, _, result in talk.outcomes()] == ["accepted", "rejected", "accepted"]
    assert talk.c.writing.spared == 1
    talk.at += 61 * SECOND
    talk.write("span", 6)
    talk.answer()
    assert [result for _, _, result in talk.outcomes()] == ["accepted"]


def test_a_read_only_conversation_rejects_every_write():
    talk = Talk(read_only=True)
    talk.write("valve", 1)
    assert talk.outcomes() == [("valve", 1, "rejected")]
    assert talk.c.due(talk.at) is None


def test_a_write_to_no_output_is_a_fault_of_the_caller():
    with pytest.raises(KeyError, match="no output"):
        Talk().write("level", 1)


# ----------------------------------------------------------------------------------------------- heartbeat, identity
def beating(pattern: str, point: str) -> Talk:
    """A talk with a device that is fed by writes only, with a timeout of 3 s."""
    return Talk(replace(PROFILE, watchdog=Watchdog(timeout_s=3.0, fed_by="write", point=point, pattern=pattern, actions={})))


def written(talk: Talk, turns: int) -> list[int]:
    """First values of the writes that go out in so many scans."""
    found: list[int] = []
    for _ in range(turns):
        talk.at += TICK
        talk.c.beat(talk.at)
        while (request := talk.c.due(talk.at)) is not None:
            if isinstance(request, Write):
                found.append(request.values[0])
            talk.c.absorb(talk.bank.answer(request, talk.at), talk.now)
    return found


@pytest.mark.parametrize(("pattern", "words"), [("toggle", [1, 0, 1]), ("count", [1, 2, 3])])
def test_a_heartbeat_goes_out_every_third_of_the_timeout(pattern: str, words: list[int]):
    assert written(beating(pattern, "setpoint"), 6) == words


def test_a_heartbeat_repeats_the_last_accepted_command_and_nothing_after_an_unverified_one():
    talk = beating("same", "setpoint")
    assert written(talk, 4) == []
    talk.write("setpoint", 30)
    assert written(talk, 5) == [300, 300, 300]
    talk.write("setpoint", 0)
    fail(talk, "timeout")
    assert written(talk, 6) == [], "it may be running at 0 now: 30 must not be restored"


def test_a_heartbeat_does_not_restart_a_device_after_a_broken_link():
    talk = beating("same", "setpoint")
    talk.write("setpoint", 30)
    written(talk, 2)
    talk.c.lost(talk.now, "unplugged")
    talk.c.connected(talk.at)
    assert written(talk, 8) == []


def test_a_hung_scan_stops_all_traffic_and_the_watchdog_of_the_device_acts():
    talk = Talk()
    talk.write("valve", 1)
    talk.turn()
    assert talk.bank.get("valve") == 1
    for _ in range(8):
        talk.at += TICK
        talk.bank.step(talk.at)
        talk.answer()
    assert talk.bank.expired
    assert talk.bank.get("valve") == 0


@pytest.mark.fault("D10")
def test_a_wrong_device_gets_no_write_and_gives_no_good_value():
    talk = Talk(replace(PROFILE, identity=("model", 77)))
    talk.bank.put_raw("model", 12)
    talk.write("valve", 1)
    talk.turn()
    assert talk.outcomes() == [("valve", 1, "rejected")]
    assert talk.quality("level") == BAD_CONFIGURATION_ERROR
    talk.write("valve", 1)
    for _ in range(3):
        talk.turn()
    assert [(o.result, o.detail) for o in talk.c.outcomes] == [("rejected", "wrong device")]
    assert [kind for kind, _ in talk.c.events] == ["wrong_device"]
    talk.bank.put_raw("model", 77)
    for _ in range(12):
        talk.turn()
    assert talk.quality("level") == GOOD


@pytest.mark.fault("D10")
def test_a_device_that_was_silent_must_prove_itself_again():
    talk = Talk(replace(PROFILE, identity=("model", 77)))
    talk.bank.put_raw("model", 77)
    talk.turn()
    talk.at += TICK
    talk.c.beat(talk.at)
    fail(talk, "timeout")
    fail(talk, "timeout")
    talk.bank.put_raw("model", 12)
    for _ in range(4):
        talk.turn()
    talk.write("valve", 1)
    assert talk.outcomes() == [("valve", 1, "rejected")]
    assert talk.quality("level") == BAD_CONFIGURATION_ERROR


def test_the_right_device_is_proven_before_anything_else():
    talk = Talk(replace(PROFILE, identity=("model", 77)))
    talk.write("valve", 1)
    talk.c.beat(talk.at)
    assert asked(talk) == Read(1, 3, 40, 1)


# ------------------------------------------------------------------------------------------------------- properties
class Interleavings(RuleBasedStateMachine):
    """Any order of asking, answering, failing, writing and losing: no wrong value is Good, each write ends once."""

    def __init__(self) -> None:
        super().__init__()
        self.talk = Talk(replace(PROFILE, identity=("model", 77)))
        self.flight: Read | Write | None = None
        self.asked = 0
        self.ended = 0
        self.true: dict[str, set[float]] = {"speed": {0.0}, "setpoint": {0.0}}
        self.talk.c.connected(self.talk.at)

    @rule(ns=st.sampled_from([0, TICK // 2, TICK, 3 * SECOND]))
    def scan(self, ns: int) -> None:
        self.talk.at += ns
        self.talk.bank.step(self.talk.at)
        self.talk.c.beat(self.talk.at)

    @rule(raw=st.integers(-3000, 3000))
    def physics(self, raw: int) -> None:
        self.talk.bank.set("speed", raw / 10)

    @precondition(lambda self: self.flight is None)
    @rule()
    def ask(self) -> None:
        self.flight = self.talk.c.due(self.talk.at)  # type: ignore[assignment]

    @precondition(lambda self: self.flight is not None)
    @rule(ending=st.sampled_from(["answer"] * 6 + ["timeout", "acted, then timeout", "malformed", "stray", 2, 4, 6, 11]))
    def end(self, ending: str | int) -> None:
        talk, flight = self.talk, self.flight
        assert flight is not None
        if ending == "stray":
            return talk.c.absorb(Reply(Read(9, 4, 0, 4), payload=b"\x01" * 8), talk.now)
        self.flight = None
        if ending == "answer":
            reply = talk.bank.answer(flight, talk.at)
        elif ending == "acted, then timeout":
            talk.bank.answer(flight, talk.at)
            reply = Reply(flight, failure="timeout")
        else:
            reply = Reply(flight, failure=ending) if isinstance(ending, str) else Reply(flight, exception=ending)
        talk.c.absorb(reply, talk.now)
        if ending == "answer" and isinstance(flight, Read) and talk.quality("speed") == GOOD and talk.image.seen[TAG["speed"]] == talk.at:
            self.true["speed"] = {talk.bank.get("speed")} if flight.function == 4 else self.true["speed"]

    @rule(name=st.sampled_from(["valve", "setpoint", "run", "span", "enable", "reset"]), value=st.sampled_from([0, 1, 5]))
    def write(self, name: str, value: int) -> None:
        self.talk.write(name, value)
        self.asked += 1

    @rule()
    def lose(self) -> None:
        self.flight = None
        self.talk.c.lost(self.talk.now, "unplugged")
        self.talk.c.connected(self.talk.at)

    @rule(number=st.sampled_from([77, 77, 77, 5]))
    def swap(self, number: int) -> None:
        self.talk.bank.put_raw("model", number)

    @invariant()
    def no_wrong_value_is_good(self) -> None:
        if self.talk.quality("speed") == GOOD:
            assert self.talk.value("speed") in self.true["speed"]
        if self.talk.c.state == "lost":
            assert all(is_bad(self.talk.image.quality[tag]) for tag in self.talk.c.tags)

    @invariant()
    def every_write_ends_at_most_once(self) -> None:
        self.ended += len(self.talk.outcomes())
        writing = self.talk.c.writing
        assert self.ended + len(writing.waiting) + (writing.active is not None) == self.asked

    def teardown(self) -> None:
        self.talk.c.lost(self.talk.now, "the end")
        self.talk.at += 10 * SECOND
        self.talk.c.beat(self.talk.at)
        self.ended += len(self.talk.outcomes())
        assert self.ended == self.asked, "every write ends in exactly one outcome"


Interleavings.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestInterleavings = Interleavings.TestCase


@given(st.lists(st.tuples(st.sampled_from(["valve", "setpoint", "rate", "run", "span"]), st.integers(0, 1)), max_size=20))
@settings(max_examples=50, deadline=None)
def test_after_any_accepted_writes_the_device_holds_the_last_of_each(writes: list[tuple[str, int]]):
    talk = Talk()
    for name, value in writes:
        talk.write(name, value)
    talk.answer()
    last = dict(writes)
    for name, value in last.items():
        assert talk.bank.raw("run") == (0x47F if value else 0x47E) if name == "run" else talk.bank.get(name) == value
    assert len(talk.outcomes()) == len(writes)
    assert set(last) <= set(NAMES)
