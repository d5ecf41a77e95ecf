"""What a server says of itself, and when a certificate's end is told."""

from __future__ import annotations

import pytest

from devices.quality import GOOD, UNCERTAIN
from gateway.control.expiry import DAY, Expiry
from gateway.control.serving import SECOND, Serving


@pytest.mark.fault("U17")
@pytest.mark.parametrize(
    ("state", "level", "well"),
    [(0, 255, True), (0, 200, True), (0, 199, False), (0, 0, False), (None, None, True), (None, 255, True), (0, None, True),
     (9, 255, False), *[(state, 255, False) for state in range(1, 8)]])
def test_only_a_running_server_of_level_200_and_more_is_well(state: int | None, level: int | None, well: bool):
    each = Serving()
    events = each.heard(state, level, None, 0)
    assert each.quality == (GOOD if well else UNCERTAIN)
    assert [kind for kind, _ in events] == ([] if well else ["degraded"])


def test_a_change_is_told_once_in_each_direction():
    each = Serving()
    said = [each.heard(state, level, None, 0) for state, level in ((4, 255), (4, 255), (0, 10), (0, 255), (0, 255))]
    assert said == [
        [("degraded", "server state is Shutdown: its values are uncertain")], [], [], [("restored", "it was: service level is 10")], []]


@pytest.mark.fault("U14")
def test_a_wrong_clock_is_told_beyond_5_s_and_again_when_it_is_right_within_half_of_that():
    each, now = Serving(), 1_000_000 * SECOND
    ahead = [0, 5, 6, 4, 3, 2, 0, -6, -2]
    said = [[kind for kind, _ in each.heard(0, 255, now + s * SECOND, now)] for s in ahead]
    assert said == [[], [], ["skewed"], [], [], ["skew_ended"], [], ["skewed"], ["skew_ended"]]


@pytest.mark.fault("U12")
def test_the_end_of_a_certificate_is_told_once_at_each_limit_and_not_before():
    each = Expiry("it", 100 * DAY)
    told = [(day, said) for day in range(60, 110) if (said := each.due(day * DAY)) is not None]
    assert [day for day, _ in told] == [70, 93, 99, 100]
    assert [said.rpartition(", ")[2] for _, said in told[:3]] == ["in 30 days", "in 7 days", "in 1 day"]
    assert told[3][1] == "it ended on 1970-04-11: the next connection will be refused"


def test_who_comes_late_is_told_once():
    each = Expiry("it", 100 * DAY)
    assert each.due(99 * DAY + 1) == "it ends on 1970-04-11, in 0 days"
    assert each.due(99 * DAY + 2) is None
