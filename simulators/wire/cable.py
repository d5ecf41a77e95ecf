"""What lies between the clients and one listening address: two lanes, how a call is answered, and the connections in it."""

from __future__ import annotations

import errno
import random
from typing import TYPE_CHECKING, Literal

from simulators.wire.lane import Lane

if TYPE_CHECKING:
    from simulators.wire.end import End

Side = Literal["client", "server"]


class Connection:
    """The two ends of one connection. ``number``: of the cable's connections so far, from 1."""

    __slots__ = ("client", "number", "server")

    def __init__(self, number: int) -> None:
        self.number = number
        self.client: End
        self.server: End

    @property
    def ends(self) -> tuple[End, End]:
        return self.client, self.server


class Cable:
    """See the module. ``answer``: what a call finds: "accept", "refuse", "void" (nobody answers; the call is repeated until
    the caller's timeout) or "hang up" (accepted and closed at once). A listener that is not there refuses.
    """

    __slots__ = ("answer", "calls", "connections", "name", "to_client", "to_server")

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.to_server, self.to_client = Lane(random.Random(f"{seed} to {name}")), Lane(random.Random(f"{seed} from {name}"))
        self.answer: Literal["accept", "refuse", "void", "hang up"] = "accept"
        self.calls = 0
        self.connections: list[Connection] = []

    @property
    def lanes(self) -> tuple[Lane, Lane]:
        return self.to_server, self.to_client

    def set(self, **settings: object) -> None:
        """The same settings for both lanes."""
        for lane in self.lanes:
            for name, value in settings.items():
                setattr(lane, name, value)

    def part(self, from_s: float, until_s: float) -> None:
        """No way through in these seconds of loop time; what was sent then arrives afterwards, also a call."""
        for lane in self.lanes:
            lane.close_between(from_s, until_s)

    def reset(self, *sides: Side) -> None:
        """RST at the given ends (both when none is named) of every connection; an end that is spared learns it when it sends."""
        for connection in list(self.connections):
            for side in sides or ("client", "server"):
                getattr(connection, side).fail(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))

    def finish(self, side: Side) -> None:
        """One side closes every connection in order (FIN)."""
        for connection in list(self.connections):
            getattr(connection, side).close()
