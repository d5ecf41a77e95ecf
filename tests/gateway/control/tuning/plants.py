"""Plants whose answer is known, stepped exactly: lags in a row behind a dead time, for a step of any length."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable, Sequence

from gateway.control.image import SECOND


class Lags:
    """``gain e^-(theta s) / prod(T s + 1)``; each lag is exact for a constant input. ``integrating``: 1/s stands before the lags."""

    def __init__(self, gain: float, lags: Sequence[float], theta: float, h: float, integrating: bool = False, start: float = 0.0) -> None:
        self.gain, self.h, self.integrating = gain, h, integrating
        self.factors = [math.exp(-h / lag) for lag in lags]
        self.states = [start * gain] * len(lags)
        self.total = 0.0
        self.line = deque([start] * round(theta / h))

    def step(self, u: float) -> float:
        """The pv after one step with this output."""
        self.line.append(u)
        x = self.line.popleft() * self.gain
        if self.integrating:
            self.total += x * self.h
            x = self.total
        for i, a in enumerate(self.factors):
            self.states[i] = x = x + a * (self.states[i] - x)
        return x


def drive(plant: Lags, ask: Callable[[int, float], float | None], *, load: float = 0.0, noise: float = 0.0, seed: int = 1,
          begin: float = 0.0, most: int = 200_000) -> list[tuple[float, float, float]]:
    """Step a plant with what ``ask(now, pv)`` answers until it answers None; rows of (s, out, pv). ``load`` adds to the output."""
    rng = random.Random(seed)
    rows: list[tuple[float, float, float]] = []
    pv = begin
    for k in range(most):
        out = ask(round(k * plant.h * SECOND), pv)
        if out is None:
            break
        rows.append((k * plant.h, out, pv))
        pv = plant.step(out + load) + (rng.gauss(0.0, noise) if noise else 0.0)
    return rows
