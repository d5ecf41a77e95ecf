"""Cost of one step of the simulated line, and of one instrument.

    python -m bench.physics [steps]

One tank leaching, two standing empty, fan and scrubber running: the rehearsal's usual case. The best of eight rounds counts.
"""

from __future__ import annotations

import sys
import time

from simulators.physics.feed import Feed
from simulators.senses import DEFAULTS, Sense
from simulators.world import World

ON = {
    "K-301.sp_pct": 100.0, "K-301.enable": 1.0, "C-301.recirc_enable": 1.0, "R-101.agitator_sp_rpm": 280.0, "R-101.agitator_enable": 1.0,
    "R-101.hot_valve_cmd_pct": 70.0, "R-101.acid_valve_cmd": 1.0, "R-101.acid_pump_sp_l_min": 0.3,
}  # fmt: skip


def leaching() -> World:
    """The line with R-101 in its leach phase."""
    world = World(seed=1)
    world.set_heel("R-101", 560.0, {"Nd": 10.0, "Fe": 0.5}, 0.6, 70.0, Feed(), 80.0)
    for name, value in ON.items():
        world.values[world.index(name)] = value
    for _ in range(200):
        world.step(0.5)
    return world


def best(rounds: int, steps: int, call) -> float:
    """Microseconds per call, the best round."""
    found = float("inf")
    for _ in range(rounds):
        begun = time.perf_counter()
        for _ in range(steps):
            call()
        found = min(found, time.perf_counter() - begun)
    return found / steps * 1e6


def main() -> None:
    """Print both figures."""
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    world = leaching()
    cost = best(8, steps, lambda: world.step(0.5))
    print(f"World.step(0.5), one tank leaching: {cost:.0f} us, {0.5e6 / cost:.0f} times real time")
    idle = World(seed=1)
    print(f"World.step(0.5), all tanks empty:   {best(8, steps, lambda: idle.step(0.5)):.0f} us")
    sense = Sense(DEFAULTS["pt100"], seed=1)
    print(f"Sense.step: {best(8, 20 * steps, lambda: sense.step(80.0, 0.5)):.2f} us")


if __name__ == "__main__":
    main()
