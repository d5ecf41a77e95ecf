"""The figures of a device on its wire and its NE 107 state."""

import pytest

from devices.quality import (
    BAD_NO_COMMUNICATION,
    BAD_WAITING_FOR_INITIAL_DATA,
    GOOD,
    GOOD_LOCAL_OVERRIDE,
    UNCERTAIN_SUBNORMAL,
)
from gateway.control.health import EDGES_MS, Health, ne107


def test_an_answer_is_counted_under_the_first_edge_that_it_does_not_pass():
    health = Health()
    for seconds in (0.0005, 0.001, 0.0011, 1.0, 1.0001):
        health.took(seconds)
    assert sum(health.answers) == 5
    assert len(health.answers) == len(EDGES_MS) + 1
    assert (health.answers[0], health.answers[1], health.answers[-2], health.answers[-1]) == (2, 1, 1, 1)


def test_two_devices_do_not_share_their_counts():
    one, other = Health(), Health()
    one.took(0.01)
    assert sum(other.answers) == 0


@pytest.mark.parametrize(
    ("state", "qualities", "refused", "warned", "meant"),
    [
        ("up", [GOOD, GOOD_LOCAL_OVERRIDE], False, False, "good"),
        ("lost", [GOOD], False, False, "failure"),
        ("up", [GOOD, BAD_NO_COMMUNICATION, UNCERTAIN_SUBNORMAL], False, False, "failure"),
        ("up", [GOOD, UNCERTAIN_SUBNORMAL], True, False, "out of specification"),
        ("up", [GOOD, BAD_WAITING_FOR_INITIAL_DATA], False, False, "good"),
        ("unknown", [BAD_WAITING_FOR_INITIAL_DATA], False, False, "function check"),
        ("up", [GOOD], True, False, "maintenance required"),
        ("up", [GOOD], False, True, "maintenance required"),
    ],
)
def test_the_worst_of_what_is_known_gives_the_state(state: str, qualities: list[int], refused: bool, warned: bool, meant: str):
    assert ne107(state, qualities, refused, warned) == meant
