"""What is on its way to the record: when it may act, and how long it has waited."""

from __future__ import annotations

import pytest

from gateway.control.chain import Note
from gateway.control.image import SECOND, Now
from gateway.control.outgoing import Outgoing


def at(second: float) -> Now:
    return Now(round(second * SECOND), 10**18 + round(second * SECOND))


def test_entries_act_in_order_each_with_the_time_of_its_scan_and_once():
    outgoing, first, second = Outgoing(), [Note(text="a")], [Note(text="b")]
    outgoing.submitted(3, at(1), list(first))
    outgoing.submitted(5, at(2), list(second))
    assert outgoing
    assert outgoing.durable(2, at(3)) == []
    assert outgoing.durable(4, at(4)) == [(at(1), first)]
    assert outgoing.durable(5, at(5)) == [(at(2), second)]
    assert not outgoing
    assert outgoing.durable(9, at(6)) == []


def test_the_oldest_that_waits_is_what_counts():
    outgoing = Outgoing()
    outgoing.durable(0, at(0))
    outgoing.submitted(1, at(0), [Note(text="a")])
    waited: list[float] = []
    for half_seconds in range(1, 9):
        now = at(half_seconds / 2)
        outgoing.durable(1 if half_seconds >= 6 else 0, now)
        waited.append(outgoing.waited_s)
        if half_seconds == 2:
            outgoing.submitted(2, now, [Note(text="b")])
    assert waited == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.5, 2.0, 2.5, 3.0])
    outgoing.durable(2, at(5))
    assert outgoing.waited_s == 0.0


def test_a_process_that_stood_still_for_a_minute_has_no_late_record():
    outgoing = Outgoing(longest_s=1.0)
    outgoing.durable(0, at(0))
    outgoing.submitted(1, at(0), [Note(text="a")])
    outgoing.durable(0, at(60))
    assert outgoing.waited_s == 1.0
    outgoing.durable(0, at(60.5))
    assert outgoing.waited_s == 1.5
