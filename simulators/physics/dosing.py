"""Peroxide and the two bases: three tanks, three pumps, and the routing valves that decide which leach tank gets them."""

from collections.abc import Sequence

from simulators.physics import variables as var
from simulators.physics.parameters import WorldParameters
from simulators.physics.reagents import PEROXIDE_35
from simulators.physics.site import CAUSTIC_1M, CAUSTIC_10M
from simulators.physics.tank import LeachTank


class Dosing:
    """Levels of TK-120, TK-130 and TK-131 (`left_l`, L) and what P-121, P-131 and P-132 deliver (`flows`, L/min), in this order."""

    __slots__ = ("_p", "_ways", "flows", "left_l")

    def __init__(self, p: WorldParameters) -> None:
        self._p = p
        self._ways = (
            (p.peroxide_max_l_min, var.PEROXIDE, PEROXIDE_35),
            (p.base_max_l_min, var.BASE, CAUSTIC_10M),
            (p.base_fine_max_l_min, var.BASE_FINE, CAUSTIC_1M),
        )
        self.left_l = [p.peroxide_start_l, p.base_start_l, p.base_fine_start_l]
        self.flows = [0.0, 0.0, 0.0]

    def step(self, setpoints: Sequence[float], tanks: Sequence[LeachTank], runs: bool, dt_s: float) -> None:
        """Each reagent reaches the tanks whose routing valve is open, in equal parts. `setpoints` in L/min."""
        minutes = dt_s / 60.0
        for k, (top, valve, stock) in enumerate(self._ways):
            flow, have = 0.0, self.left_l[k]
            if setpoints[k] > 0.0 and runs and have > 0.0:
                open_to = [tank for tank in tanks if tank.valves[valve] > 0.5]
                if open_to:
                    litres = min(min(setpoints[k], top) * minutes, have)
                    flow = litres / minutes
                    for tank in open_to:
                        tank.add_stock(stock, litres / len(open_to), self._p.ambient_c)
                    self.left_l[k] -= litres
            self.flows[k] = flow

    def refill(self, tank: str, litres: float) -> None:
        """A tanker fills one of the tanks. Raises KeyError for any other."""
        p = self._p
        k, most = {"TK-120": (0, p.peroxide_tank_l), "TK-130": (1, p.base_tank_l), "TK-131": (2, p.base_fine_tank_l)}[tank]
        self.left_l[k] = min(most, self.left_l[k] + litres)
