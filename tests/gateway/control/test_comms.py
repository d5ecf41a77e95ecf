"""One alarm a cause: what is told of a link, of a device, and what is kept back because its cause is known."""

from __future__ import annotations

import pytest

from gateway.control.comms import FACTS, NETWORK, Comms, Told
from gateway.control.demand import Output, OutputRow
from gateway.control.health import Health


class Talk:
    """A conversation as the alarms see it."""

    def __init__(self, device: str, state: str = "up", **complaints: str) -> None:
        self.device, self.state, self.health, self.said = device, state, Health(), complaints
        self.health.last_error = f"{device} is silent"

    def complaints(self) -> dict[str, str]:
        return dict(self.said)


def output(name: str) -> Output:
    return Output(OutputRow(name=name, tag=0, readback=0, safe=0.0, low=0.0, high=1.0))


ROWS = (("link", "GW", "lost"), ("link", "GW", "noisy_bus"), ("device", "A", "lost"), ("device", "B", "lost"), ("device", "C", "lost"),
        ("device", "A", "wrong_device"), ("device", "A", "disobeys"), ("network", NETWORK, "lost"))
BAD_A, BAD_C = len(ROWS), len(ROWS) + 1


class Plant:
    """Two devices behind a gateway, one alone; two alarms that only say that a value is Bad."""

    def __init__(self, rows: tuple[tuple[str, str, str], ...] = ROWS) -> None:
        self.states = ["NORM"] * (len(ROWS) + 2)
        self.a, self.b, self.c, self.valve = Talk("A"), Talk("B"), Talk("C"), output("XV")
        told = Told(tuple((k, *row) for k, row in enumerate(ROWS) if row in rows), ((BAD_A, "A"), (BAD_C, "C")))
        self.comms = Comms({"GW": [self.a, self.b], "ALONE": [self.c]}, {"A": [self.valve]}, told)

    def told(self) -> tuple[list[str], list[int]]:
        """The causes that stand and the alarms that are kept back."""
        truths: list[bool | None] = [None] * (len(ROWS) + 2)
        suppressed: list[bool | None] = [False] * (len(ROWS) + 2)
        self.comms.judge(truths, suppressed, self.states)
        assert truths[BAD_A:] == [None, None]
        stand = [f"{where}.{cause}" for k, (_, where, cause) in enumerate(ROWS) if truths[k]]
        return stand, [k for k, hide in enumerate(suppressed) if hide]


def test_while_all_is_well_nothing_stands_and_nothing_is_kept_back():
    assert Plant().told() == ([], [])


@pytest.mark.fault("M01", "M03")
def test_a_lost_gateway_is_one_cause_whatever_hangs_on_it():
    plant = Plant()
    plant.a.state = plant.b.state = "lost"
    plant.valve.state = "diverged"
    plant.a.said = {"wrong_device": "no"}
    assert plant.told() == (["GW.lost"], [BAD_A])
    assert plant.comms.says(0) == "A is silent"
    assert plant.comms.says(2) == ""


def test_of_several_devices_one_that_is_lost_is_its_own_cause_and_the_only_one():
    plant = Plant()
    plant.a.state, plant.a.said = "lost", {"refused": "what it had refused before"}
    plant.valve.state = "rejected"
    assert plant.told() == (["A.lost"], [BAD_A])
    plant.c.state = "lost"
    assert plant.told() == (["A.lost", "C.lost"], [BAD_A, BAD_C])


@pytest.mark.fault("M17", "D10")
def test_a_device_that_answers_tells_its_own_causes():
    plant = Plant()
    plant.a.said = {"wrong_device": "wrong device: 7"}
    plant.valve.state = "diverged"
    assert plant.told() == (["A.wrong_device", "A.disobeys"], [])
    assert (plant.comms.says(5), plant.comms.says(6)) == ("wrong device: 7", "XV diverged")


def test_what_the_link_noted_is_told_of_the_link_whoever_it_was_noted_with():
    plant = Plant()
    plant.b.health.standing["noisy_bus"] = "9 of 100"
    assert plant.told() == (["GW.noisy_bus"], [])
    plant.a.state = "lost"
    assert plant.told() == (["GW.noisy_bus", "A.lost"], [BAD_A])


@pytest.mark.parametrize("kept", [(), ("network",), ("link",), ("device",), ("network", "device"), ("link", "device")])
def test_a_cause_that_nobody_is_told_of_hides_nothing(kept: tuple[str, ...]):
    plant = Plant(tuple(row for row in ROWS if row[0] in kept))
    plant.a.state = plant.b.state = "lost"
    causes, hidden = plant.told()
    assert (BAD_A in hidden) == ("link" in kept or "device" in kept)
    assert ("A.lost" in causes) == (kept in (("device",), ("network", "device")))
    plant.c.state = "lost"
    causes, hidden = plant.told()
    assert bool(causes) == bool(kept)
    assert (BAD_C in hidden) == ("network" in kept or "device" in kept)


@pytest.mark.parametrize("state", ["SHLVD", "OOSRV", "DSUPR"])
def test_an_alarm_that_nobody_hears_hides_nothing(state: str):
    plant = Plant()
    plant.c.state = "lost"
    plant.states[4] = state
    assert plant.told() == (["C.lost"], [])


@pytest.mark.parametrize("state", ["UNACK", "ACKED", "RTNUN", "LATCHED"])
def test_an_alarm_that_sounds_already_stays_until_somebody_has_seen_it(state: str):
    plant = Plant()
    plant.c.state, plant.states[BAD_C] = "lost", state
    assert plant.told() == (["C.lost"], [])


def test_when_nothing_answers_at_all_that_is_the_one_cause():
    plant = Plant()
    plant.a.state = plant.b.state = plant.c.state = "lost"
    assert plant.told() == (["NETWORK.lost"], [BAD_A, BAD_C])
    assert plant.comms.says(7) == "no answer on any of 2 links"
    plant.b.state = "up"
    assert plant.told() == (["A.lost", "C.lost"], [BAD_A, BAD_C])


def test_every_cause_is_described():
    assert all(words for causes in FACTS.values() for words in causes.values())
