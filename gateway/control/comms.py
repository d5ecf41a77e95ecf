"""What is wrong between the gateway and its instruments, each cause once: what communication alarms are made of.

    >>> comms = Comms({"GW-101": [talk, other]}, outputs_of, rows.told())
    >>> comms.look()
    >>> comms.stands("device", "TC-101", "lost")
    False

When nothing answers at all, that is the one cause. A link that has lost all of several devices has that one cause, its devices
none. A lost device has that one cause and no other. What a value behind it then is called Bad for is known: the alarm that says
only so is kept back.

Source: ANSI/ISA-18.2-2016 clause 10 (one alarm for one abnormal condition), 3.1.72 (suppressed by design).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from gateway.control.demand import Output
from gateway.control.health import Health

NETWORK = "NETWORK"
"""What an alarm ``of: network`` is about: all links together."""
FACTS: dict[str, dict[str, str]] = {
    "network": {"lost": "nothing answers on any of several links"},
    "link": {
        "lost": "none of its several devices answers",
        "noisy_bus": "more than 1 % of the answers on a bus are garbled",
        "late_answers": "answers come after the timeout",
        "second_master": "frames of units that are not on this link",
        "expiring": "a certificate ends within 30 days",
    },
    "device": {
        "lost": "it does not answer, or its server is not believed",
        "wrong_device": "another device answers at its address",
        "refused": "it refuses what it is asked for",
        "degraded": "its server says that it is not well",
        "skewed": "its clock is more than 5 s wrong",
        "disobeys": "an output was refused, or does not do what was written",
    },
}
"""What an alarm ``of`` the network, a link or a device may be about."""
_GIVEN_UP = ("diverged", "rejected")
_NOT_HEARD = ("SHLVD", "OOSRV", "DSUPR")        # states of an alarm that nobody hears


class Talk(Protocol):
    """What is looked at of a conversation."""

    device: str
    health: Health

    @property
    def state(self) -> str: ...
    def complaints(self) -> dict[str, str]: ...


class Told(msgspec.Struct, frozen=True):
    """Alarm rows that hang on communication. ``about``: row, "network", "link" or "device", which one, cause; ``bad``: row that
    only says that a value is Bad, and the device behind it.
    """

    about: tuple[tuple[int, str, str, str], ...] = ()
    bad: tuple[tuple[int, str], ...] = ()


class Comms:
    """See the module. ``links``: link -> its conversations; ``outputs``: device -> what it is commanded."""

    __slots__ = ("_devices", "_link_of", "_links", "_lost", "_network", "_outputs", "_rows", "_talks", "_told")

    def __init__(self, links: Mapping[str, Sequence[Talk]], outputs: Mapping[str, Sequence[Output]], told: Told) -> None:
        self._told = told
        self._lost = {(of, where): row for row, of, where, cause in told.about if cause == "lost"}      # causes that somebody is told of
        self._rows: dict[tuple[str, str, str], list[int]] = {}
        for row, of, where, cause in told.about:
            self._rows.setdefault((of, where, cause), []).append(row)
        self._talks = {name: tuple(talks) for name, talks in links.items()}
        self._outputs = {name: tuple(items) for name, items in outputs.items()}
        self._link_of = {talk.device: name for name, talks in links.items() for talk in talks}
        self._network: dict[str, str] = {}
        self._links: dict[str, dict[str, str]] = {}
        self._devices: dict[str, dict[str, str]] = {}

    def judge(self, truths: list[bool | None], suppressed: list[bool | None], states: Sequence[str]) -> None:
        """Put into the alarms' conditions and suppressions what hangs on communication, as it stands now.

        ``states``: of the alarms. An alarm is kept back only while another one tells of its cause, and only before it sounds: what
        somebody was told stays until he has seen it.
        """
        self.look()
        for row, *_ in self._told.about:
            truths[row] = False
        standing = {("network", NETWORK): self._network} if self._network else {}
        standing |= {("link", name): facts for name, facts in self._links.items() if facts}
        standing |= {("device", name): facts for name, facts in self._devices.items() if facts}
        for about, facts in standing.items():
            for cause in facts:
                for row in self._rows.get((*about, cause), ()):
                    truths[row] = True
        lost = any("lost" in facts for facts in standing.values())
        for row, device in self._told.bad if lost else ():
            if not suppressed[row] and states[row] in ("NORM", "DSUPR"):
                told = self._told_by(device)
                suppressed[row] = told is not None and states[told] not in _NOT_HEARD

    def look(self) -> None:
        """Take in how everything stands now."""
        every = [talk for talks in self._talks.values() for talk in talks]
        dark = ("network", NETWORK) in self._lost and len(self._talks) > 1 and all(talk.state == "lost" for talk in every)
        self._network = {"lost": f"no answer on any of {len(self._talks)} links"} if dark else {}
        for name, talks in self._talks.items():
            down = ("link", name) in self._lost and len(talks) > 1 and all(talk.state == "lost" for talk in talks)
            self._links[name] = {"lost": next(talk.health.last_error for talk in talks)} if down and not dark else _of_link(talks)
            for talk in talks:
                self._devices[talk.device] = {} if down or dark else self._of_device(talk)

    def _of_device(self, talk: Talk) -> dict[str, str]:
        if talk.state == "lost":
            return {"lost": talk.health.last_error}
        found = talk.complaints()
        astray = [item for item in self._outputs.get(talk.device, ()) if item.state in _GIVEN_UP]
        if astray:
            found["disobeys"] = ", ".join(f"{item.row.name} {item.state}" for item in astray)
        return found

    def stands(self, of: str, where: str, cause: str) -> bool:
        """Whether it is so, as last looked."""
        return cause in self._of(of, where)

    def says(self, row: int) -> str:
        """What there is to say about a row now; empty when it is not so, or not about communication."""
        about = next(((of, where, cause) for k, of, where, cause in self._told.about if k == row), None)
        return "" if about is None else self._of(*about[:2]).get(about[2], "")

    def _told_by(self, device: str) -> int | None:
        """The row that tells that a device is lost: by itself, with its link, with everything; None while it is not, or nobody is told."""
        ways = (("network", NETWORK), ("link", self._link_of.get(device, "")), ("device", device))
        return next((self._lost[way] for way in ways if way in self._lost and self.stands(*way, "lost")), None)

    def _of(self, of: str, where: str) -> dict[str, str]:
        return self._network if of == "network" else (self._links if of == "link" else self._devices).get(where, {})


def _of_link(talks: Sequence[Talk]) -> dict[str, str]:
    """What the link noted with any of its devices."""
    return {fact: words for talk in talks for fact, words in talk.health.standing.items() if fact in FACTS["link"]}
