"""When a bus may be spoken on, and which read proves that it is in step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.exchange import Read, Write
from gateway.config.checks.links import LOST
from gateway.links.quiet import LONGEST_QUIET_S, Bus, form, gap_s

LONG, SHORT, HOLDING = Read(1, 4, 0, 8), Read(1, 4, 20, 2), Read(1, 3, 0, 8)
WRITE = Write(1, 6, 8, (5,))


def in_step(timeout_s: float = 0.25) -> Bus:
    """A bus on which unit 1 has just answered a canary."""
    bus = Bus(timeout_s, 0.002)
    bus.opened(0.0)
    assert bus.answered(SHORT, False, 0.6, 0.62)
    return bus


@pytest.mark.parametrize(("baud", "silence_ms"), [(1200, 32.1), (9600, 4.01), (19_200, 2.01), (38_400, 1.75), (115_200, 1.75)])
def test_the_silence_before_a_frame_is_that_of_the_standard(baud: int, silence_ms: float):
    assert gap_s(baud) * 1000 == pytest.approx(silence_ms, abs=0.05)


def test_the_check_of_a_configuration_reckons_with_the_quiet_that_is_kept():
    bus = Bus(0.25, 0.002)
    assert bus.timeout_s * LOST == bus.timeout_s + bus.quiet_s


def test_a_port_that_was_just_opened_is_left_alone_and_a_canary_goes_before_anything():
    bus = Bus(0.25, 0.002)
    bus.opened(10.0)
    assert bus.ready_at == 10.5
    assert bus.canary(LONG, [LONG]) == Read(1, 4, 0, 1)
    assert bus.canary(WRITE, [LONG]) == Read(1, 4, 0, 1)
    assert bus.canary(WRITE, []) == Read(1, 3, 0, 1)


def test_on_a_bus_in_step_a_request_goes_at_once_after_the_silence():
    bus = in_step()
    assert bus.ready_at == pytest.approx(0.622)
    assert bus.canary(LONG, [LONG]) is None
    bus.heard(5.0)
    assert bus.ready_at == pytest.approx(5.002)


def test_quiet_lasts_twice_the_timeout_or_as_long_as_the_slowest_answer_seen():
    bus = in_step()
    bus.missed(LONG, 1.0, 1.25)
    assert bus.ready_at == 1.75
    assert bus.stray(1, bytes((4, 16)) + bytes(16), 2.0)        # it came after a second
    assert bus.slowest_s == 1.0
    bus.missed(LONG, 3.0, 3.25)
    assert bus.ready_at == 4.25
    bus.slowest_s = 60.0
    assert bus.quiet_s == LONGEST_QUIET_S


def test_the_canary_differs_from_every_request_its_unit_owes_an_answer_to():
    bus = in_step()
    bus.missed(LONG, 1.0, 1.25)
    assert bus.canary(LONG, [LONG, HOLDING]) == HOLDING, "not even its refusal can be taken for the late one"
    assert bus.canary(LONG, [LONG, SHORT]) == Read(1, 4, 0, 1)
    bus.missed(Read(1, 4, 0, 1), 2.0, 2.25)
    assert bus.canary(LONG, [LONG, SHORT]) == SHORT


def test_another_unit_needs_a_canary_too_until_somebody_has_answered():
    bus = in_step()
    bus.missed(LONG, 1.0, 1.25)
    other = Read(2, 4, 0, 8)
    assert bus.canary(other, [other]) == Read(2, 4, 0, 1)
    assert bus.answered(Read(2, 4, 0, 1), False, 1.8, 1.81)
    assert bus.canary(other, [other]) is None
    assert bus.canary(LONG, [LONG]) is not None, "its own is still owed"


def test_a_write_needs_one_only_where_its_answer_could_be_that_of_an_earlier_write():
    bus = in_step()
    bus.missed(LONG, 1.0, 1.25)
    assert bus.canary(WRITE, [LONG]) is None
    bus.missed(WRITE, 2.0, 2.25)
    assert bus.canary(WRITE, [LONG]) is not None


@pytest.mark.parametrize("refused", [False, True])
def test_an_answer_that_may_be_the_late_one_is_proved_by_the_silence_after_it(refused: bool):
    bus = in_step()
    canary = SHORT if refused else LONG             # a refusal tells its function alone
    bus.missed(LONG, 1.0, 1.25)
    assert not bus.answered(canary, refused, 2.0, 2.01)
    assert bus.ready_at == 2.51
    assert bus.silent_since()
    assert bus.canary(LONG, [LONG]) is None


def test_a_second_answer_in_that_silence_means_that_the_first_was_the_late_one():
    bus = in_step()
    bus.missed(LONG, 1.0, 1.25)
    bus.answered(LONG, False, 2.0, 2.01)
    bus.stray(1, bytes((4, 16)) + bytes(16), 2.1)
    assert not bus.silent_since()
    assert bus.dirty
    assert bus.canary(LONG, [LONG]) is not None


def test_a_unit_that_owes_again_waits_three_times_what_it_cost():
    bus = in_step()
    bus.missed(LONG, 1.0, 1.25)
    assert bus.may(1, 1.75), "the first time may be an accident"
    bus.missed(Read(1, 4, 0, 1), 1.75, 2.0)
    assert not bus.may(1, 2.5 + 3 * 0.75 - 0.01)
    assert bus.may(1, 2.5 + 3 * 0.75)
    assert bus.may(2, 2.0)


@given(st.lists(st.tuples(st.sampled_from((LONG, SHORT, HOLDING, Read(2, 3, 5, 1), WRITE)), st.booleans()), max_size=30))
def test_whatever_happened_a_read_goes_without_a_canary_only_when_its_unit_owes_nothing(history: list[tuple[Read | Write, bool]]):
    bus = in_step()
    now = 1.0
    owed: dict[int, set[tuple[int, int]]] = {}
    for request, answered in history:
        now = bus.ready_at
        asked = bus.canary(request, [LONG, SHORT, HOLDING] if request.unit == 1 else []) or request
        if not answered:
            bus.missed(asked, now, now + 0.25)
            owed.setdefault(asked.unit, set()).add(form(asked))
        elif bus.answered(asked, False, now, now + 0.01):
            assert asked.unit not in owed or form(asked) not in owed[asked.unit]
            owed.pop(asked.unit, None)
        for read in (LONG, SHORT, HOLDING):
            assert bus.canary(read, [LONG]) is not None or 1 not in owed
