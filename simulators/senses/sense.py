"""One instrument between the truth and its register.

    sense = Sense(DEFAULTS["pt100"], seed=7)
    measured = sense.step(80.0, dt_s=0.5)
    sense.fail("frozen")

The sense, not the physics, holds all randomness; its generator is seeded and its own, so two runs with one seed are equal bit by bit.
"""

from math import cos, log, nan, sin, sqrt, tau
from random import Random
from typing import Final, Literal

import msgspec

Failure = Literal["none", "frozen", "offset", "nan", "over_range", "under_range", "spike", "lost"]
FAILURES: Final[tuple[Failure, ...]] = ("none", "frozen", "offset", "nan", "over_range", "under_range", "spike", "lost")
_FAIL_HIGH: Final = 1.10  # of span: NE 43's 21 mA and above
_FAIL_LOW: Final = -0.025  # of span: 3.6 mA
_AHEAD: Final = 64  # pairs of noise drawn at a time


class SenseParameters(msgspec.Struct, frozen=True, kw_only=True):
    """How an instrument falls short of the truth, in the unit it measures.

    `tau_s` first-order lag; `dead_time_s` before it; `noise` standard deviation; `drift_per_h`; `low`, `high` the clamp; `gain` multiplies.
    """

    tau_s: float = 0.0
    noise: float = 0.0
    drift_per_h: float = 0.0
    low: float = -1e30
    high: float = 1e30
    dead_time_s: float = 0.0
    gain: float = 1.0


class Sense:
    """State of one instrument: `value` the last measurement, `drift` accumulated, `failure` and its `size`."""

    __slots__ = (
        "_ahead", "_buffer", "_delayed_s", "_noise", "_primed", "_random", "_simple", "_tau",
        "drift", "failure", "parameters", "size", "state", "value",
    )  # fmt: skip

    def __init__(self, parameters: SenseParameters, seed: int) -> None:
        self.parameters = parameters
        self._random = Random(seed)
        self._ahead: list[float] = []
        self._noise, self._tau = parameters.noise, parameters.tau_s
        self._simple = parameters.dead_time_s <= 0.0
        self._buffer: list[float] = []
        self._delayed_s = 0.0
        self._primed = False
        self.state = self.value = self.drift = self.size = 0.0
        self.failure: Failure = "none"

    def step(self, true_value: float, dt_s: float) -> float:
        """The measurement after another `dt_s` of this truth."""
        p = self.parameters
        if not self._primed:
            self._primed = True
            self.state = true_value
        if not self._simple:
            true_value = self._delay(true_value, dt_s)
        tau = self._tau
        if tau > 0.0:
            true_value = self.state + (true_value - self.state) * (dt_s / (tau + dt_s))
        self.state = true_value
        value = true_value * p.gain
        if p.drift_per_h:
            self.drift += p.drift_per_h * dt_s / 3600.0
        value += self.drift
        if self._noise:
            ahead = self._ahead or self._draw()
            value += ahead.pop()
        if self.failure != "none":
            return self._failed(value)
        if value < p.low:
            value = p.low
        elif value > p.high:
            value = p.high
        self.value = value
        return value

    def fail(self, failure: Failure, size: float = 0.0) -> None:
        """Fail (or, with "none", recover). `size` is the offset, or a spike's height for one step.

        "lost" is an instrument that answers nothing useful: the last value stays and who serves it should say so (see `alive`).
        """
        if failure not in FAILURES:
            raise ValueError(f"failure {failure!r} is none of {', '.join(FAILURES)}; instrument unchanged")
        self.failure, self.size = failure, size

    def calibrate(self) -> None:
        """Forget the drift."""
        self.drift = 0.0

    @property
    def alive(self) -> bool:
        """False while lost: its server should not answer, or answer with a fault."""
        return self.failure != "lost"

    def _draw(self) -> list[float]:
        """Gaussian noise ahead, next one last: the pairs of Box and Muller, as ``random.gauss`` makes them one by one."""
        random, noise = self._random.random, self._noise
        drawn: list[float] = []
        for _ in range(_AHEAD):
            angle, radius = tau * random(), sqrt(-2.0 * log(1.0 - random()))
            drawn += (cos(angle) * radius * noise, sin(angle) * radius * noise)
        drawn.reverse()
        self._ahead = drawn
        return drawn

    def _failed(self, value: float) -> float:
        p = self.parameters
        span = p.high - p.low
        failure = self.failure
        if failure == "nan":
            return nan
        if failure == "over_range":
            self.value = p.low + _FAIL_HIGH * span
        elif failure == "under_range":
            self.value = p.low + _FAIL_LOW * span
        elif failure == "offset":
            self.value = min(max(value + self.size, p.low), p.high)
        elif failure == "spike":
            self.value = min(max(value + self.size, p.low), p.high)
            self.failure = "none"
        return self.value  # frozen and lost: as it was

    def _delay(self, true_value: float, dt_s: float) -> float:
        """A dead time of whole steps; a longer step shortens the line."""
        line = self._buffer
        line.append(true_value)
        self._delayed_s += dt_s
        while self._delayed_s > self.parameters.dead_time_s and len(line) > 1:
            line.pop(0)
            self._delayed_s -= dt_s
        return line[0]
