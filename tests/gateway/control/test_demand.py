"""The one road to an output: owners, limits, forcing, what is sent, what comes back, and what a trip never gives up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.quality import BAD_NO_COMMUNICATION, GOOD
from gateway.control.chain import OutputChanged, WriteFailed
from gateway.control.demand import Output, OutputRow, Outputs
from gateway.control.image import SECOND, Image, Now

VALVE, SWITCH = 0, 1


class Rig:
    """One output with its read-back, a scan every half second, and a device that may or may not follow."""

    def __init__(self, started: bool = True, follows: bool = True, **row: Any) -> None:
        self.image = Image(["XV", "ZSO"], [10 * SECOND] * 2)
        self.sent: list[float] = []
        given = {"name": "XV", "tag": VALVE, "readback": SWITCH, "settle_ns": 2 * SECOND, **row}
        self.outputs = Outputs([OutputRow(**given)], lambda tag, value, now, expires: self.sent.append(value))
        self.item: Output = self.outputs.items[0]
        self.now = Now(1000 * SECOND, 10**18)   # the plant has been up for a while
        self.started, self.follows = started, follows
        self.forced: dict[int, float] = {}
        self.quality = GOOD

    def want(self, value: float, owner: str = "program", again: bool = False) -> str:
        if self.item.ahead is not None:
            self.item.apply(self.item.ahead)    # the record has caught up
        found = self.outputs.request(VALVE, value, owner, "test", again=again)
        if isinstance(found, OutputChanged):
            self.item.apply(found)
        return found if isinstance(found, str) else ""

    def scan(self, times: int = 1, shown: float | None = None) -> Rig:
        for _ in range(times):
            self.now = Now(self.now.mono + SECOND // 2, self.now.utc + SECOND // 2)
            reasons = {tag: ["level"] for tag in self.forced}
            self.outputs.arbitrate(self.image, self.now, self.forced, reasons, self.started)
            if shown is not None:
                value = shown
            else:
                value = self.sent[-1] if self.follows and self.sent else self.image.value[SWITCH]
            asked = self.now.mono + 1
            self.image.put(SWITCH, value, self.quality, asked=asked, seen=asked, source=0)
        return self

    @property
    def failures(self) -> list[tuple[str, float | None]]:
        return [(f.outcome, f.readback) for f in self.outputs.failures if isinstance(f, WriteFailed)]


def test_nothing_is_written_until_somebody_wants_it():
    assert Rig().scan(100).sent == []


def test_an_output_begins_as_nobodys():
    item = Rig().item
    assert (item.owner, item.cause, item.batch, item.blocked, item.panel) == ("none", "", "", (), "")
    assert (item.wanted, item.loop, item.target, item.commanded) == (None, None, None, None)
    assert (item.state, item.failure, item.sent_utc) == ("idle", "", 0)


@pytest.mark.parametrize("first", ["unwanted", "at its panel"])
def test_an_output_that_is_left_alone_does_not_keep_the_next_one_from_being_written(first: str):
    image, sent = Image(["XV-1", "XV-2", "HS"], [10 * SECOND] * 3), list[tuple[int, float]]()
    rows = [OutputRow(name=f"XV-{k + 1}", tag=k, readback=k, local=2 if k == 0 and first == "at its panel" else None) for k in (0, 1)]
    outputs = Outputs(rows, lambda tag, value, now, expires: sent.append((tag, value)))
    image.put(2, 0.0, GOOD, asked=1, seen=1, source=0)
    outputs.by_name["XV-2"].apply(OutputChanged(tag="XV-2", wanted=1.0, was=0.0, owner="operator", cause="test"))
    outputs.arbitrate(image, Now(SECOND, 10**18), {}, {}, True)
    assert sent == [(1, 1.0)]


def test_a_command_says_when_it_was_given_and_until_when_it_may_be_written():
    image, sent = Image(["XV", "ZSO"], [10 * SECOND] * 2), list[tuple[int, float, int, int]]()
    row = OutputRow(name="XV", tag=VALVE, readback=SWITCH, command_age_ns=3 * SECOND)
    outputs = Outputs([row], lambda *command: sent.append(command))
    outputs.items[0].apply(OutputChanged(tag="XV", wanted=1.0, was=0.0, owner="operator", cause="test"))
    outputs.arbitrate(image, Now(100 * SECOND, 10**18), {}, {}, True)
    assert sent == [(VALVE, 1.0, 100 * SECOND, 103 * SECOND)]
    assert (outputs.items[0].sent_at, outputs.items[0].sent_utc) == (100 * SECOND, 10**18)


def test_during_start_up_outputs_go_to_their_safe_value_whatever_is_wanted():
    rig = Rig(started=False)
    rig.want(1.0)
    assert rig.scan(5).sent == [0.0]
    assert rig.item.blocked == ("start-up",)


def test_an_output_without_a_safe_value_is_left_alone_during_start_up():
    rig = Rig(started=False, safe=None)
    rig.want(1.0)
    assert rig.scan(5).sent == []


def test_a_value_is_written_once_and_verified_by_a_reading_asked_for_later():
    rig = Rig()
    rig.want(1.0)
    assert rig.scan().item.state == "sent"
    assert rig.scan(50).sent == [1.0]
    assert rig.item.state == "verified"


@pytest.mark.parametrize("value", [1.01, -0.01, float("nan"), float("inf")])
def test_a_value_outside_its_range_is_refused(value: float):
    rig = Rig()
    assert "outside 0..1; nothing written" in rig.want(value)
    assert rig.scan(5).sent == []


def test_a_trip_stands_above_the_recipe():
    rig = Rig()
    rig.want(1.0)
    rig.scan(4)
    rig.forced = {VALVE: 0.0}
    rig.want(1.0, "operator")
    assert rig.scan(10).sent == [1.0, 0.0]
    assert rig.item.blocked == ("level",)


def test_a_trip_forces_what_its_row_says_and_not_what_is_safe_otherwise():
    rig = Rig(safe=0.0)
    rig.want(0.0)
    rig.scan(4)
    rig.forced = {VALVE: 1.0}                   # a fan that has to run
    assert rig.scan(4).sent == [0.0, 1.0]


def test_a_trip_writes_anew_where_it_is_not_known_that_the_output_is_where_it_shall_be():
    rig = Rig()
    rig.want(0.0)
    assert rig.scan(4).item.state == "verified"
    rig.image.spoil([SWITCH], BAD_NO_COMMUNICATION)
    rig.forced = {VALVE: 0.0}
    assert rig.scan().sent == [0.0, 0.0]


def test_a_trip_writes_nothing_where_the_output_is_known_to_be_where_it_shall_be():
    rig = Rig()
    rig.quality = GOOD | 0x0401                 # bits of information make nothing worse
    rig.want(0.0)
    assert rig.scan(4).item.state == "verified"
    rig.forced = {VALVE: 0.0}
    assert rig.scan(4).sent == [0.0]


def test_what_a_loop_asked_for_moves_nothing_once_the_output_is_somebody_elses():
    rig = Rig(high=100.0)
    rig.item.loop = 80.0
    rig.want(20.0, "operator")
    assert rig.scan(4).sent == [20.0]


def test_an_output_that_comes_to_a_loop_stays_as_wanted_until_the_loop_has_asked():
    rig = Rig(high=100.0)
    rig.want(20.0, "loop")
    assert rig.scan(4).sent == [20.0]


@pytest.mark.parametrize("rate", [None, 10.0])
def test_what_is_still_wanted_when_a_permissive_is_back_is_written_again(rate: float | None):
    rig = Rig(rate_per_s=rate)
    rig.want(1.0)
    rig.scan(4)
    rig.forced = {VALVE: 0.0}
    rig.scan(4)
    rig.forced = {}
    assert rig.scan(4).sent == [1.0, 0.0, 1.0]


def test_after_the_reset_of_a_trip_nothing_moves_until_somebody_wants_it_anew():
    rig = Rig()
    rig.want(1.0, "operator")
    rig.scan(4)
    rig.forced = {VALVE: 0.0}
    taken = rig.outputs.take(rig.forced, "interlock level")
    assert [(e.wanted, e.was, e.owner) for e in taken if isinstance(e, OutputChanged)] == [(0.0, 1.0, "interlock")]
    for entry in taken:
        assert isinstance(entry, OutputChanged)
        rig.item.apply(entry)
    rig.scan(10)
    rig.forced = {}
    assert rig.scan(10).sent == [1.0, 0.0]
    rig.want(1.0, "operator")
    assert rig.scan().sent == [1.0, 0.0, 1.0]


def test_a_trip_that_lets_go_before_it_is_in_the_record_gives_nothing_back():
    rig = Rig()
    rig.want(1.0, "operator")
    rig.scan(4)
    rig.forced = {VALVE: 0.0}
    (taken,) = rig.outputs.take(rig.forced, "interlock level")
    rig.scan(2)
    rig.forced = {}
    assert rig.scan(10).sent == [1.0, 0.0]
    assert isinstance(taken, OutputChanged)
    rig.item.apply(taken)
    assert rig.scan(10).sent == [1.0, 0.0]


def test_what_somebody_wants_after_such_a_trip_is_a_wish_of_its_own_although_it_is_what_he_wanted_before():
    rig = Rig()
    rig.want(1.0, "operator")
    rig.scan(4)
    rig.forced = {VALVE: 0.0}
    (taken,) = rig.outputs.take(rig.forced, "interlock level")
    rig.scan(2)
    rig.forced = {}
    anew = rig.outputs.request(VALVE, 1.0, "operator", "again")
    assert isinstance(taken, OutputChanged)
    assert isinstance(anew, OutputChanged)
    rig.item.apply(taken)
    assert rig.scan(2).sent == [1.0, 0.0]
    rig.item.apply(anew)
    assert rig.scan(2).sent == [1.0, 0.0, 1.0]


def test_what_was_on_its_way_to_the_record_as_it_tripped_comes_to_nothing():
    rig = Rig()
    rig.want(0.0, "operator")
    rig.scan(4)
    opened = rig.outputs.request(VALVE, 1.0, "operator", "test")
    (taken,) = rig.outputs.take({VALVE: 0.0}, "interlock level")
    assert isinstance(opened, OutputChanged)
    assert isinstance(taken, OutputChanged)
    rig.item.apply(opened)
    assert rig.scan(4).sent == [0.0]
    assert (taken.was, taken.wanted) == (1.0, 0.0)
    rig.item.apply(taken)
    assert rig.scan(4).sent == [0.0]


def test_a_second_trip_is_not_let_go_by_what_the_record_says_of_the_first():
    rig = Rig()
    rig.want(1.0, "operator")
    rig.scan(4)
    (first,) = rig.outputs.take({VALVE: 0.0}, "interlock level")
    anew = rig.outputs.request(VALVE, 1.0, "operator", "again")
    (second,) = rig.outputs.take({VALVE: 0.0}, "interlock level")
    for entry in (first, anew):
        assert isinstance(entry, OutputChanged)
        rig.item.apply(entry)
        assert rig.scan(2).sent == [1.0, 0.0]
    assert isinstance(second, OutputChanged)
    rig.item.apply(second)
    assert rig.scan(2).sent == [1.0, 0.0]


def test_a_trip_takes_also_where_somebody_has_just_asked_for_what_it_wants():
    """Until that is durable the open wish before it is what is wanted."""
    rig = Rig()
    rig.want(1.0, "operator")
    rig.scan(4)
    rig.outputs.request(VALVE, 0.0, "operator", "test")
    (taken,) = rig.outputs.take({VALVE: 0.0}, "interlock level")
    assert isinstance(taken, OutputChanged)
    assert (taken.was, taken.wanted) == (0.0, 0.0)
    assert rig.scan(4).sent == [1.0, 0.0]
    assert rig.outputs.take({VALVE: 0.0}, "interlock pressure") == []       # taken is taken


def test_who_changes_his_mind_before_the_record_has_his_first_wish_is_heard():
    rig = Rig()
    rig.want(0.0, "operator")
    opened = rig.outputs.request(VALVE, 1.0, "operator", "test")
    closed = rig.outputs.request(VALVE, 0.0, "operator", "no, not that one")
    assert isinstance(opened, OutputChanged)
    assert isinstance(closed, OutputChanged)
    assert (closed.was, closed.wanted) == (1.0, 0.0)
    rig.item.apply(opened)
    rig.item.apply(closed)
    assert rig.scan(2).item.wanted == 0.0
    assert rig.outputs.request(VALVE, 0.0, "operator", "test") is None


def test_what_is_wanted_is_recorded_with_what_it_was_for_whom_and_why():
    rig = Rig()
    assert rig.outputs.request(VALVE, 1.0, "program", "fill") == OutputChanged(
        tag="XV", wanted=1.0, was=1.0, owner="program", cause="fill"
    )  # nobody had wanted anything
    rig.want(0.0)
    assert rig.outputs.request(VALVE, 1.0, "operator", "rinse", "B-7") == OutputChanged(
        tag="XV", wanted=1.0, was=0.0, owner="operator", cause="rinse", batch="B-7"
    )


def test_what_is_wanted_so_already_is_no_change_unless_it_was_given_up_and_is_asked_for_again():
    rig = Rig(follows=False)
    rig.want(1.0)
    rig.scan(60)
    assert rig.item.state == "diverged"
    assert rig.outputs.request(VALVE, 1.0, "program", "test") is None
    assert rig.outputs.request(VALVE, 1.0, "program", "test", again=True) is not None


def test_a_trip_takes_an_output_from_a_batch_and_the_record_says_from_which():
    rig = Rig()
    rig.item.apply(OutputChanged(tag="XV", wanted=1.0, was=1.0, owner="program", batch="B-7"))
    assert rig.outputs.take({VALVE: 0.0}, "interlock level") == [
        OutputChanged(tag="XV", wanted=0.0, was=1.0, owner="interlock", cause="interlock level", batch="B-7")
    ]


def test_a_trip_takes_nothing_from_a_loop_nor_what_is_wanted_so_already():
    rig = Rig()
    rig.want(0.0)
    assert rig.outputs.take({VALVE: 0.0}, "x") == []
    rig.item.owner = "loop"
    assert rig.outputs.take({VALVE: 1.0}, "x") == []


def test_after_a_restart_nobody_wants_anything_and_what_had_no_safe_value_stays_as_it_is():
    rig = Rig(safe=None)
    rig.want(1.0)
    rig.outputs.forget()
    assert (rig.item.wanted, rig.item.owner, rig.item.cause, rig.item.batch) == (None, "none", "", "")
    assert rig.scan(20).sent == []


# --- what comes back ---------------------------------------------------------------------------------------------------
@pytest.mark.fault("P02")
def test_a_stuck_valve_is_asked_once_more_then_told_and_left_alone():
    rig = Rig(follows=False)
    rig.want(1.0)
    assert rig.scan(60).sent == [1.0, 1.0]
    assert rig.item.state == "diverged"
    assert rig.failures == [("diverged", 0.0)]


@pytest.mark.fault("P02")
def test_a_stuck_valve_under_a_trip_is_asked_again_and_again_and_told_once():
    rig = Rig(reassert=False).scan()
    rig.forced = {VALVE: 0.0}
    rig.scan(60, shown=1.0)
    assert len(rig.sent) >= 10
    assert set(rig.sent) == {0.0}
    assert rig.failures == [("diverged", 1.0)]


@pytest.mark.fault("P03")
@pytest.mark.parametrize(("reassert", "sent"), [(True, [1.0, 1.0]), (False, [1.0])])
def test_what_is_changed_at_the_device_is_reasserted_once_or_left_by_policy(reassert: bool, sent: list[float]):
    rig = Rig(reassert=reassert)
    rig.want(1.0)
    rig.scan(6)
    assert rig.scan(40, shown=0.0).sent == sent
    assert rig.failures == [("diverged", 0.0)]


def test_a_reading_that_is_not_good_proves_nothing():
    rig = Rig()
    rig.want(1.0)
    rig.quality = BAD_NO_COMMUNICATION
    assert rig.scan(60).item.state == "sent"
    rig.quality = GOOD
    assert rig.scan(2).item.state == "verified"


def test_what_the_device_refused_is_written_again_when_it_is_wanted_anew():
    rig = Rig(follows=False)
    rig.want(1.0)
    rig.scan()
    rig.outputs.outcome(VALVE, 1.0, "rejected", "exception 4")
    assert rig.item.state == "rejected"
    assert rig.scan(60).sent == [1.0]           # a refusal is no drift: it is not asked again by itself
    rig.want(1.0, again=True)
    assert rig.scan().sent == [1.0, 1.0]


def test_a_failed_write_is_recorded_with_tag_value_and_detail():
    rig = Rig()
    rig.want(1.0)
    rig.scan()
    rig.outputs.outcome(VALVE, 1.0, "rejected", "exception 4")
    assert rig.outputs.failures == [WriteFailed(tag="XV", wanted=1.0, outcome="rejected", detail="exception 4")]


def test_a_write_that_was_accepted_is_no_failure():
    rig = Rig()
    rig.want(1.0)
    rig.scan()
    rig.outputs.outcome(VALVE, 1.0, "accepted", "")
    assert rig.outputs.failures == []
    assert rig.item.state == "sent"             # and no proof: that is what the read-back is for


@pytest.mark.fault("P02")
@pytest.mark.parametrize(("reassert", "tripped", "detail"), [
    (True, False, "left alone after one re-assertion"),
    (False, False, "not re-asserted by policy"),
    (False, True, "asked for again and again"),
    (True, True, "asked for again and again"),
])  # fmt: skip
def test_the_record_of_drift_says_what_is_done_about_it(reassert: bool, tripped: bool, detail: str):
    rig = Rig(reassert=reassert, follows=False).scan(shown=1.0)
    rig.forced = {VALVE: 0.0} if tripped else {}
    rig.want(0.0)
    rig.scan(60)
    assert rig.outputs.failures == [WriteFailed(tag="XV", wanted=0.0, outcome="diverged", readback=1.0, detail=detail)]


@pytest.mark.fault("P02")
def test_a_stuck_valve_has_its_settling_time_and_no_more_before_it_is_asked_again():
    rig = Rig(follows=False)
    rig.want(1.0)
    assert rig.scan(4).sent == [1.0]
    assert rig.scan().sent == [1.0, 1.0]        # 2 s after the first


@pytest.mark.fault("P02")
def test_a_trip_asks_a_stuck_valve_again_after_every_settling_time():
    rig = Rig(follows=False).scan(shown=1.0)
    rig.forced = {VALVE: 0.0}
    assert len(rig.scan(41).sent) == 11         # at 0, 2, 4 ... 20 s


def test_a_reading_that_was_asked_for_before_the_write_proves_nothing():
    rig = Rig(follows=False)
    rig.want(0.0)
    rig.scan()
    for asked in (1, rig.now.mono):             # long ago, and in the same moment
        rig.image.put(SWITCH, 0.0, GOOD, asked=asked, seen=rig.now.mono, source=0)
        rig.outputs.arbitrate(rig.image, Now(rig.now.mono + SECOND, rig.now.utc + SECOND), {}, {}, True)
        assert rig.item.state == "sent"


@pytest.mark.parametrize(("answer", "asked_before_s", "quality"), [(0.0, 1.0, GOOD), (0.0, 0.0, GOOD), (0.0, -1.0, BAD_NO_COMMUNICATION)])
def test_neither_a_late_answer_nor_a_bad_one_turns_what_was_verified_into_drift(answer: float, asked_before_s: float, quality: int):
    """An answer to a question of before the write that comes after the proof tells how it was then."""
    rig = Rig()
    rig.want(1.0)
    rig.scan()
    wrote = rig.now.mono
    rig.scan()
    assert rig.item.state == "verified"
    rig.image.put(SWITCH, answer, quality, asked=wrote - round(asked_before_s * SECOND), seen=rig.now.mono, source=0)
    rig.outputs.arbitrate(rig.image, Now(rig.now.mono + SECOND, rig.now.utc + SECOND), {}, {}, True)
    assert rig.item.state == "verified"


def test_a_read_back_at_the_edge_of_the_tolerance_is_as_commanded_and_stays_so():
    rig = Rig(tolerance=0.5)
    rig.want(1.0)
    rig.scan(2, shown=0.5)
    assert {rig.scan(shown=0.5).item.state for _ in range(40)} == {"verified"}
    assert rig.sent == [1.0]


def test_a_good_reading_with_bits_of_information_is_as_good_as_any():
    """What stands below the two severity bits of a status code does not make it worse."""
    rig = Rig(follows=False)
    rig.quality = GOOD | 0x0401
    rig.want(1.0)
    assert rig.scan(60).item.state == "diverged"
    assert rig.item.really(rig.image) == 0.0
    assert rig.item.actual(rig.image) == 0.0
    assert rig.scan(shown=1.0).sent == [1.0, 1.0]
    rig.want(0.0)
    assert rig.scan(4, shown=0.0).item.state == "verified"
    assert rig.scan(60, shown=1.0).item.state == "diverged"


def test_what_was_given_up_is_written_again_when_it_is_wanted_anew():
    rig = Rig(follows=False)
    rig.want(1.0)
    rig.scan(60)
    rig.sent.clear()
    assert rig.want(1.0) == ""
    assert rig.scan().sent == []
    rig.want(1.0, again=True)
    assert rig.scan().sent == [1.0]


@pytest.mark.parametrize("result", ["rejected", "expired", "unverified"])
def test_a_trip_writes_although_the_same_value_failed_before(result: str):
    rig = Rig(follows=False)
    rig.want(0.0)
    rig.scan(shown=1.0)
    rig.outputs.outcome(VALVE, 0.0, result, "exception 4")
    before = len(rig.scan(2, shown=1.0).sent)
    rig.forced = {VALVE: 0.0}
    assert len(rig.scan(shown=1.0).sent) == before + 1
    rig.outputs.outcome(VALVE, 0.0, result, "exception 4")
    assert len(rig.scan(10, shown=1.0).sent) > before + 1


def test_a_trip_that_the_device_refuses_asks_again_after_every_settling_time():
    rig = Rig(follows=False).scan(shown=1.0)
    rig.forced = {VALVE: 0.0}
    for _ in range(17):
        rig.scan()
        rig.outputs.outcome(VALVE, 0.0, "rejected", "exception 4")
    assert rig.sent == [0.0] * 5                # at 0, 2, 4, 6 and 8 s
    assert rig.item.state == "rejected"


def test_a_failure_is_recorded_once_and_again_after_it_worked_between():
    rig = Rig()
    rig.want(1.0)
    rig.scan()
    for _ in range(20):
        rig.outputs.outcome(VALVE, 1.0, "unverified", "timeout")
    assert rig.failures == [("unverified", None)]
    assert rig.scan(4).item.failure == ""
    rig.outputs.outcome(VALVE, 1.0, "unverified", "timeout")
    assert len(rig.failures) == 2


def test_the_end_of_an_overtaken_write_says_nothing_of_the_output():
    rig = Rig()
    rig.want(1.0)
    rig.scan()
    rig.want(0.0)
    rig.scan()
    rig.outputs.outcome(VALVE, 1.0, "rejected", "too late")
    assert rig.item.state == "sent"
    assert rig.failures == []


# --- how it moves ------------------------------------------------------------------------------------------------------
def test_a_rate_limit_holds_for_the_first_move_after_a_long_rest_too():
    rig = Rig(high=100.0, rate_per_s=10.0)
    rig.want(20.0)
    rig.scan(600)
    rig.want(80.0)
    rig.sent.clear()
    rig.scan()
    assert rig.sent == [pytest.approx(25.0)]
    rig.scan(30)
    assert rig.sent[-1] == 80.0
    assert all(abs(b - a) <= 5.0 + 1e-9 for a, b in zip(rig.sent, rig.sent[1:], strict=False))


def test_the_ramp_after_a_trip_begins_where_the_trip_has_put_it():
    rig = Rig(high=100.0, rate_per_s=10.0)
    rig.want(80.0)
    rig.scan()
    rig.forced = {VALVE: 0.0}
    rig.scan(4)
    rig.forced = {}
    rig.sent.clear()
    assert rig.scan(3).sent == pytest.approx([5.0, 10.0, 15.0])


def test_the_first_ramp_begins_at_what_ran_when_the_start_up_was_over_and_not_at_its_time():
    rig = Rig(safe=None, high=100.0, rate_per_s=10.0)
    rig.scan(shown=50.0).outputs.take_over(rig.image)
    rig.scan(100)
    rig.want(80.0)
    assert rig.scan(2).sent == pytest.approx([55.0, 60.0])


def test_what_a_loop_asks_for_is_what_it_does_once_the_ramp_has_arrived():
    rig = Rig(high=100.0, rate_per_s=10.0)
    rig.scan(shown=0.0).outputs.take_over(rig.image)
    rig.item.owner, rig.item.loop = "loop", 10.0
    assert rig.item.really(rig.image) is None
    assert rig.scan().item.really(rig.image) == pytest.approx(5.0)
    assert rig.scan(2).item.really(rig.image) is None


@pytest.mark.fault("P02")
def test_of_what_has_gone_astray_its_loop_learns_what_it_does_and_nothing_where_that_is_not_known():
    rig = Rig(follows=False, high=100.0)
    rig.want(80.0)
    rig.scan(60, shown=30.0)
    assert rig.item.state == "diverged"
    assert rig.item.really(rig.image) == 30.0
    rig.image.spoil([SWITCH], BAD_NO_COMMUNICATION)
    assert rig.item.really(rig.image) is None


def test_a_fine_device_is_asked_for_round_values():
    rig = Rig(high=100.0, quantum=0.1)
    rig.want(0.31)
    rig.scan(2)
    rig.want(99.97)
    assert rig.scan(2).sent == [0.3, 100.0]     # not 0.30000000000000004


def test_a_slow_ramp_arrives_although_the_device_is_coarse():
    rig = Rig(high=100.0, rate_per_s=0.1, quantum=0.5)
    rig.want(0.0)
    rig.scan()
    rig.want(10.0)
    assert rig.scan(2 * 101).sent[-1] == 10.0


def test_a_trip_knows_no_ramp():
    rig = Rig(high=100.0, rate_per_s=1.0)
    rig.want(50.0)
    rig.scan(4)
    rig.forced = {VALVE: 0.0}
    assert rig.scan().sent[-1] == 0.0


def test_moves_inside_the_deadband_are_spared_but_the_ends_are_reached():
    rig = Rig(high=1.0, deadband=0.1)
    for value in (0.5, 0.55, 0.45, 0.7, 0.95, 1.0):
        rig.want(value)
        rig.scan()
    assert rig.sent == [0.5, 0.7, 0.95, 1.0]


def test_what_is_wanted_anew_after_it_was_given_up_is_written_as_it_is_wanted():
    """The deadband spares moves from where an output is; where that is not known it spares nothing."""
    rig = Rig(deadband=0.1, tolerance=0.01, reassert=False)
    for value in (0.5, 0.55):
        rig.want(value)
        rig.scan(4)
    assert rig.scan(10, shown=0.0).item.state == "diverged"
    rig.want(0.55, again=True)
    assert rig.scan().sent == [0.5, 0.55]


def test_a_move_of_the_whole_deadband_is_made():
    rig = Rig(deadband=0.25)
    for value in (0.25, 0.5):
        rig.want(value)
        rig.scan()
    assert rig.sent == [0.25, 0.5]


def test_what_is_first_wanted_after_the_start_up_is_written_however_near_it_is_to_what_runs():
    rig = Rig(safe=None, high=100.0, deadband=5.0)
    rig.scan(shown=50.0).outputs.take_over(rig.image)
    rig.want(52.0)
    assert rig.scan(4).sent == [52.0]
    assert rig.item.state == "verified"


@given(st.lists(st.floats(-10, 200), min_size=1, max_size=30), st.sampled_from((0.0, 0.5, 7.0)), st.sampled_from((None, 5.0)))
def test_whatever_a_loop_asks_for_what_is_sent_is_inside_the_range(asks: list[float], quantum: float, rate: float | None):
    rig = Rig(low=10.0, high=90.0, quantum=quantum, rate_per_s=rate, safe=10.0)
    rig.item.owner = "loop"
    for ask in asks:
        rig.item.loop = ask
        rig.scan()
    assert all(10.0 <= value <= 90.0 for value in rig.sent)


# --- a command and what came of it -------------------------------------------------------------------------------------
def test_a_tag_that_stands_for_a_command_shows_it_although_the_device_answers_otherwise():
    rig = Rig(told=True, follows=False)
    rig.want(1.0)
    rig.scan()
    rig.image.put(VALVE, 0.0, GOOD, asked=1, seen=1, source=0)  # the drive says: not running
    rig.outputs.show(rig.image)
    assert rig.image.value[VALVE] == 1.0


def test_what_runs_when_the_start_up_is_over_counts_as_commanded_and_nothing_is_written():
    rig = Rig(told=True, safe=None)
    rig.scan(shown=1.0)
    rig.outputs.take_over(rig.image)
    assert rig.item.commanded == 1.0
    assert rig.scan(10, shown=1.0).sent == []
    rig.scan(shown=0.0)
    rig.outputs.show(rig.image)
    assert rig.image.value[VALVE] == 1.0  # told to run, and it does not: for an interlock to see


def test_what_is_not_known_to_run_when_the_start_up_is_over_counts_as_not_commanded():
    rig = Rig(safe=None)
    rig.quality = BAD_NO_COMMUNICATION
    rig.scan(shown=1.0).outputs.take_over(rig.image)
    assert rig.item.commanded is None


@pytest.mark.parametrize(("force", "echo", "quality", "writes"), [
    (0.0, 0.0, GOOD, 0),                        # told so, and there: nothing to say
    (0.0, 1.0, GOOD, 1),                        # somebody has told it to open, and it has not moved yet
    (0.0, 1.0, GOOD | 0x0401, 1),
    (0.0, 1.0, BAD_NO_COMMUNICATION, 0),        # what it was told is not known, but it is where it shall be
    (0.0, 0.5, GOOD, 0),                        # inside the tolerance
    (1.0, 1.0, GOOD, 0),
])  # fmt: skip
def test_a_trip_writes_where_the_device_was_told_something_else_although_the_switch_has_not_moved(
    force: float, echo: float, quality: int, writes: int
):
    rig = Rig()
    rig.want(force)
    assert rig.scan(4, shown=force).item.state == "verified"
    rig.image.put(VALVE, echo, quality, asked=rig.now.mono, seen=rig.now.mono, source=0)
    rig.forced = {VALVE: force}
    assert len(rig.scan(shown=force).sent) == 1 + writes


# --- wanted by nobody ----------------------------------------------------------------------------------------------------
def unwanted(shown: float = 0.0, **row: Any) -> Rig:
    """The start-up is over, nobody has wanted anything yet."""
    rig = Rig(started=False, follows=False, **row)
    rig.scan(6, shown=shown)
    rig.outputs.take_over(rig.image)
    rig.started = True
    return rig.scan(4, shown=shown)


@pytest.mark.fault("P02")
def test_what_the_start_up_made_safe_is_asked_for_once_more_when_somebody_else_moves_it_and_then_left_alone():
    rig = unwanted()
    assert (rig.sent, rig.item.wanted, rig.item.state) == ([0.0], None, "verified")
    rig.scan(60, shown=1.0)
    assert rig.sent == [0.0, 0.0]
    assert rig.failures == [("diverged", 1.0)]
    assert "after one re-assertion" in str(rig.outputs.failures[0])


def test_what_the_start_up_told_a_device_that_was_away_is_asked_for_once_more_when_it_is_back():
    rig = Rig(started=False, follows=False, safe=1.0)
    rig.quality = BAD_NO_COMMUNICATION
    rig.scan(60, shown=0.0)
    rig.outputs.take_over(rig.image)
    rig.started = True
    assert rig.scan(60, shown=0.0).sent == [1.0]
    rig.quality = GOOD
    rig.scan(2, shown=0.0)
    assert rig.sent == [1.0, 1.0]
    rig.scan(6, shown=1.0)
    assert (rig.item.state, rig.failures) == ("verified", [])


def test_what_the_device_did_by_itself_is_told_of_when_it_changes_and_not_asked_for():
    rig = unwanted(shown=1.0, safe=None)
    assert (rig.sent, rig.item.commanded, rig.item.state) == ([], 1.0, "verified")
    rig.scan(60, shown=0.0)
    assert (rig.sent, rig.item.commanded) == ([], 1.0)          # told to run and not running: for an interlock to see
    assert rig.failures == [("diverged", 0.0)]
    assert [f.detail for f in rig.outputs.failures if isinstance(f, WriteFailed)] == ["left alone: nobody wants anything of it"]
    rig.want(1.0)
    assert rig.scan(2, shown=1.0).sent == [1.0]


def test_what_the_device_does_counts_from_when_it_is_known_and_not_while_the_plant_starts():
    rig = Rig(started=False, safe=None)
    assert rig.scan(4, shown=1.0).item.commanded is None
    rig.quality = BAD_NO_COMMUNICATION
    rig.scan(shown=1.0).outputs.take_over(rig.image)
    rig.started = True
    assert rig.scan(4, shown=1.0).item.commanded is None
    rig.quality = GOOD
    assert rig.scan(2, shown=0.0).item.commanded == 0.0
    rig.want(0.0)
    rig.scan(60, shown=1.0)                     # wanted now, as it was: asked for like everything that is wanted
    assert rig.sent == [0.0]
    assert rig.failures == [("diverged", 1.0)]


def test_what_a_trip_left_behind_is_told_of_when_it_changes_and_not_asked_for_again():
    rig = unwanted(shown=0.0, safe=None)
    rig.forced = {VALVE: 1.0}
    rig.scan(4, shown=1.0)
    rig.forced = {}
    rig.scan(4, shown=1.0)
    assert (rig.sent, rig.item.wanted, rig.item.state) == ([1.0], None, "verified")
    rig.scan(60, shown=0.0)                     # an evacuation signal that somebody silences, say
    assert rig.sent == [1.0]
    assert rig.failures == [("diverged", 0.0)]


@pytest.mark.parametrize(("safe", "forced", "sent"), [
    (0.0, {}, [80.0, 0.0]),
    (None, {}, [80.0]),                         # it keeps what it does, whatever a loop or a person last asked for
    (None, {VALVE: 100.0}, [80.0, 100.0]),
    (0.0, {VALVE: 100.0}, [80.0, 100.0]),       # what an interlock forces goes before what is safe without one
])  # fmt: skip
@pytest.mark.parametrize("owner", ["operator", "loop", "forced"])
def test_at_the_end_interlocks_go_on_forcing_and_what_has_no_safe_value_stays(
    safe: float | None, forced: dict[int, float], sent: list[float], owner: str
):
    rig = Rig(safe=safe, high=100.0)
    rig.want(80.0)
    rig.scan(4)
    if owner == "loop":
        rig.item.owner, rig.item.loop = "loop", 20.0
    elif owner == "forced":
        rig.item.held = 20.0
    else:
        rig.want(20.0)
    rig.outputs.make_safe(rig.image, rig.now, forced, {tag: ["row"] for tag in forced}, "the end")
    assert rig.sent == sent
    assert rig.item.blocked == (("row",) if forced else ("the end",) if safe is not None else ())


def test_what_is_blocked_says_since_when():
    rig = Rig()
    rig.want(1.0)
    rig.scan(4)
    rig.forced = {VALVE: 0.0}
    rig.scan()
    since = rig.now.utc
    assert rig.scan(20).item.blocked_utc == since
    rig.forced = {}
    rig.scan()
    rig.forced = {VALVE: 0.0}
    assert rig.scan().item.blocked_utc == rig.now.utc != since


# --- worked at its own panel --------------------------------------------------------------------------------------------
LOCAL = 2


class Panel(Rig):
    """The same with a switch between local (0) and remote (1)."""

    def __init__(self, **row: Any) -> None:
        super().__init__(local=LOCAL, high=100.0, tolerance=0.5, **row)
        self.image = Image(["XV", "ZSO", "HS"], [10 * SECOND] * 3)
        self.turn(1.0)

    def turn(self, to: float, quality: int = GOOD) -> None:
        self.image.put(LOCAL, to, quality, asked=1, seen=1, source=0)

    @property
    def handed(self) -> list[tuple[str, float]]:
        return [(e.owner, e.wanted) for e in self.outputs.failures if isinstance(e, OutputChanged)]


def worked() -> Panel:
    rig = Panel()
    rig.want(40.0)
    rig.scan(10)
    rig.turn(0.0)
    rig.scan(4)
    return rig


def test_what_happens_at_a_panel_is_recorded_and_belongs_to_no_batch_any_more():
    rig = Panel()
    rig.item.apply(OutputChanged(tag="XV", wanted=40.0, was=40.0, owner="program", cause="fill", batch="B-7"))
    rig.scan(4)
    rig.turn(0.0)
    rig.scan(4)
    assert (rig.item.batch, rig.item.cause) == ("", "HS stands in local")
    rig.turn(1.0)
    rig.scan(4)
    assert rig.outputs.failures == [
        OutputChanged(tag="XV", wanted=40.0, was=40.0, owner="local", cause="HS stands in local"),
        OutputChanged(tag="XV", wanted=40.0, was=40.0, owner="none", cause="HS stands in remote again"),
    ]


def test_taken_to_its_panel_before_anybody_wanted_anything_or_knows_what_it_does_it_is_recorded_at_its_least():
    rig = Panel(low=10.0)
    rig.turn(0.0)
    rig.scan()
    assert rig.handed == [("local", 10.0)]
    assert rig.item.wanted is None


def test_what_failed_before_it_was_worked_at_its_panel_is_told_anew_if_it_fails_after():
    rig = Panel(follows=False)
    rig.want(40.0)
    rig.scan(60, shown=0.0)
    rig.turn(0.0)
    assert rig.scan(4, shown=0.0).item.state == "verified"
    assert rig.item.failure == ""
    rig.turn(1.0)
    rig.scan(4, shown=0.0)
    rig.want(40.0)
    rig.scan(60, shown=0.0)
    assert rig.failures == [("diverged", 0.0), ("diverged", 0.0)]


def test_in_local_nothing_is_written_and_what_it_does_is_what_is_wanted():
    rig = worked()
    rig.scan(40, shown=75.0)
    assert rig.sent == [40.0]
    assert (rig.item.wanted, rig.item.commanded, rig.item.owner) == (75.0, 75.0, "local")
    assert rig.handed == [("local", 40.0)]
    assert rig.failures == []                   # and it is no drift


def test_the_loop_of_an_output_that_is_worked_at_its_panel_follows_what_is_done_there():
    rig = worked()
    rig.scan(4, shown=75.0)
    assert rig.item.bound
    assert rig.item.really(rig.image) == 75.0


def test_back_in_remote_what_a_trip_has_taken_meanwhile_and_the_record_tells_late_moves_nothing():
    rig = Panel()
    rig.want(40.0)
    rig.scan(4)
    (trip,) = rig.outputs.take({VALVE: 0.0}, "interlock level")
    rig.scan(4)
    rig.turn(0.0)
    rig.scan(4, shown=75.0)
    rig.turn(1.0)
    sent = list(rig.scan(2, shown=75.0).sent)
    for late in (trip, *[entry for entry in rig.outputs.failures if isinstance(entry, OutputChanged)]):
        assert isinstance(late, OutputChanged)
        rig.item.apply(late)
        assert rig.scan(4, shown=75.0).sent == sent
    assert rig.item.ahead is None


def test_back_in_remote_it_goes_on_from_where_it_was_left_until_somebody_wants_it_anew():
    rig = worked()
    rig.scan(4, shown=75.0)
    rig.turn(1.0)
    rig.scan(40, shown=75.0)
    assert rig.sent == [40.0]
    assert rig.handed == [("local", 40.0), ("none", 75.0)]
    assert rig.item.wanted == 75.0
    assert rig.want(20.0) == ""
    assert rig.scan(4).sent == [40.0, 20.0]


def test_what_is_asked_while_it_is_worked_at_its_panel_is_refused():
    rig = worked()
    assert "worked at its panel, HS stands in local" in rig.want(20.0, "operator")
    assert rig.scan(10).sent == [40.0]


def test_an_interlock_is_written_in_local_too_and_takes_it_from_the_panel():
    rig = worked()
    rig.forced = {VALVE: 0.0}
    assert rig.scan(4).sent == [40.0, 0.0]
    assert rig.item.panel == ""


def test_a_switch_whose_reading_has_bits_of_information_is_as_good_as_any():
    rig = worked()
    rig.turn(1.0, GOOD | 0x0401)
    assert rig.scan(4).item.panel == ""


@pytest.mark.parametrize(("before", "panel"), [(1.0, False), (0.0, True)])
def test_an_unknown_switch_changes_nothing(before: float, panel: bool):
    rig = Panel()
    rig.want(40.0)
    rig.scan(4)
    rig.turn(before)
    rig.scan(4)
    rig.turn(1.0 - before, BAD_NO_COMMUNICATION)
    rig.scan(4)
    assert bool(rig.item.panel) is panel
