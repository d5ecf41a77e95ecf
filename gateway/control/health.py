"""How a device does on its wire: figures of its answers, and its state as NAMUR NE 107 names it.

    >>> health = Health()
    >>> health.took(0.012)
    >>> health.answers                      # up to 1, 2, 5, 10, 20, 50 ... ms, and slower
    [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]

NE 107 (2017) knows, besides "good", four states: F failure (no valid signal), C function check (not valid for a time, as
somebody works on it), S out of specification (uncertain), M maintenance required (valid, but its reserve runs out). Here F is
read from Bad values or a lost device, S from Uncertain ones, M from parts that the device refuses and from a wire that is ill, and C
from a wire that is not yet proven.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Literal

import msgspec

from devices.quality import BAD_WAITING_FOR_INITIAL_DATA, is_bad, is_uncertain

EDGES_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Upper edges of the answer times that are counted together; the last count is of what took longer."""
_EDGES_S = tuple(edge / 1000 for edge in EDGES_MS)
_SMOOTHING = 1 / 16

State = Literal["good", "failure", "function check", "out of specification", "maintenance required"]


class Health(msgspec.Struct):
    """Figures of one device. ``answer_s``: running mean of the answer time, supplied by the link, as are ``late`` answers.

    ``answers``: how many answers took up to each of ``EDGES_MS``, and longer. ``last_error``: in words, with its moment in UTC.
    ``standing``: what the link says is wrong now, by its cause (``comms.FACTS``), in words.
    """

    answered: int = 0
    timeouts: int = 0
    exceptions: int = 0
    malformed: int = 0
    surplus: int = 0
    late: int = 0
    answer_s: float = 0.0
    answers: list[int] = msgspec.field(default_factory=lambda: [0] * (len(EDGES_MS) + 1))
    last_error: str = ""
    last_error_ns: int = 0
    standing: dict[str, str] = msgspec.field(default_factory=dict[str, str])

    def took(self, seconds: float) -> None:
        """An answer came after so many seconds of wall time."""
        self.answer_s += (seconds - self.answer_s) * _SMOOTHING
        self.answers[bisect_left(_EDGES_S, seconds)] += 1

    def erred(self, what: str, utc_ns: int) -> None:
        """Something went wrong, in words."""
        self.last_error, self.last_error_ns = what, utc_ns


class Asked(msgspec.Struct, frozen=True):
    """One thing that a device is asked for: registers or nodes in words, its points, how many tags live in it, whether refused."""

    what: str
    tags: int
    refused: bool = False
    points: tuple[str, ...] = ()


def ne107(state: str, qualities: Iterable[int], refused: bool = False, warned: bool = False) -> State:
    """The NE 107 state of a device. ``state``: of its conversation (unknown, up, lost); ``refused``: parts of what is asked;
    ``warned``: its wire is ill.

    The worst wins, in the order F, C, S, M. Values that never arrived yet are no failure while the device is not lost.
    """
    known = [each for each in qualities if each != BAD_WAITING_FOR_INITIAL_DATA]
    if state == "lost" or any(map(is_bad, known)):
        return "failure"
    if state != "up":
        return "function check"
    if any(map(is_uncertain, known)):
        return "out of specification"
    return "maintenance required" if refused or warned else "good"
