"""Which nodes are read when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.control.reading import Reading

NAMES = ("nd", "state", "level")


def reading(**proof: int) -> Reading:
    return Reading(NAMES, 5000, {name: proof.get(name, 5000) for name in NAMES})


def test_everything_is_read_at_the_bulk_period_and_nothing_between():
    each = reading()
    assert [each.due(now) for now in (0, 100, 4999, 5000, 5001)] == [NAMES, (), (), NAMES, ()]


def test_what_ages_fast_is_read_more_often_and_a_bulk_read_counts_for_it():
    each = reading(state=2000)
    assert [each.due(now) for now in (0, 1999, 2000, 4000, 5000, 5999, 6000)] == [NAMES, (), ("state",), ("state",), NAMES, (), ("state",)]


def test_what_is_polled_comes_at_its_own_rate_until_the_next_connection():
    each = reading()
    each.due(0)
    each.poll({"nd": 1000})
    assert [each.due(now) for now in (500, 1000, 2000)] == [("nd",), ("nd",), ("nd",)]
    each.reset()
    assert [each.due(now) for now in (2500, 3000, 4000)] == [NAMES, (), ()]


def test_what_is_asked_for_at_once_comes_once():
    each = reading()
    each.due(0)
    each.at_once(["level"])
    assert not each.idle(1)
    assert [each.due(1), each.due(2)] == [("level",), ()]
    each.at_once()
    assert [each.due(3), each.due(4)] == [NAMES, ()]


@given(st.lists(st.integers(0, 400), min_size=1, max_size=60), st.sampled_from([700, 1000, 5000]))
def test_it_is_idle_exactly_when_nothing_is_due(steps: list[int], period: int):
    each, now = reading(nd=period), 0
    for step in steps:
        now += step
        idle = each.idle(now)
        assert idle == (each.due(now) == ())
        assert each.idle(now)
