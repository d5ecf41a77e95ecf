"""The jacket of a tank: hot and chilled water through two valves, a dead time, the water in the jacket and the wall.

    jacket.move(hot_pct, cold_pct, dt_s, fail=False)
    external_kj, to_wall_kj = jacket.flow(site, blocked, dt_s)
    jacket.wall_c += (to_wall_kj - what left the wall) / p.wall_kj_k

Explicit, stable to 5 s. Source: house domain brief 2, 3; numbers in `parameters.TankParameters`.
"""

from typing import Final

from simulators.physics.mechanics import equal_percentage
from simulators.physics.parameters import TankParameters
from simulators.physics.site import Site
from simulators.physics.species import CP_WATER, T_REF_C

_DELAY_CELLS: Final = 8
_JACKET_KJ_M3: Final = 1000.0 * CP_WATER


class Jacket:
    """`hot`, `cold` 0..1 open; `inlet_c`, `water_c`, `wall_c`; `flow_m3_h` in all, `cold_m3_h` of it chilled."""

    __slots__ = ("_delay", "_delay_s", "cold", "cold_m3_h", "flow_m3_h", "hot", "inlet_c", "p", "wall_c", "water_c")

    def __init__(self, p: TankParameters, ambient_c: float) -> None:
        self.p = p
        self.hot = self.cold = 0.0
        self.flow_m3_h = self.cold_m3_h = 0.0
        self.wall_c = self.water_c = self.inlet_c = ambient_c
        self._delay = [ambient_c] * _DELAY_CELLS
        self._delay_s = 0.0

    def stand_at(self, temperature_c: float) -> None:
        """As if it had stood at this temperature for long."""
        self.wall_c = self.water_c = self.inlet_c = temperature_c

    def enthalpy_kj(self) -> float:
        """Wall and water."""
        water = _JACKET_KJ_M3 * self.p.jacket_l * 1e-3 * (self.water_c - T_REF_C)
        return self.p.wall_kj_k * (self.wall_c - T_REF_C) + water

    def move(self, hot_pct: float, cold_pct: float, dt_s: float, fail: bool) -> None:
        """Both valves follow their commands, or go to their safe position: no heat, full cooling."""
        travel = dt_s / self.p.control_valve_travel_s
        hot = 0.0 if fail else min(max(hot_pct * 0.01, 0.0), 1.0)
        cold = 1.0 if fail else min(max(cold_pct * 0.01, 0.0), 1.0)
        if self.hot != hot:
            self.hot = min(hot, self.hot + travel) if hot > self.hot else max(hot, self.hot - travel)
        if self.cold != cold:
            self.cold = min(cold, self.cold + travel) if cold > self.cold else max(cold, self.cold - travel)

    def flow(self, site: Site, blocked: bool, dt_s: float) -> tuple[float, float]:
        """Water flows for `dt_s`: the heat it brings from outside and the heat it gives to the wall, kJ. `blocked`: hardly any chilled."""
        p = self.p
        hot = p.jacket_max_m3_h * equal_percentage(self.hot, p.valve_rangeability) if site.hot_flows else 0.0
        cold = p.jacket_max_m3_h * equal_percentage(self.cold, p.valve_rangeability) if site.chilled_flows else 0.0
        if blocked:
            cold *= 0.02
        flow = hot + cold
        self.flow_m3_h, self.cold_m3_h = flow, cold
        jacket_kj_k = _JACKET_KJ_M3 * p.jacket_l * 1e-3
        external = 0.0
        if flow > 0.0:
            self._delay_line((hot * site.hot_c + cold * site.chilled_c) / flow, dt_s)
            rate = _JACKET_KJ_M3 * flow / 3600.0
            external = rate * dt_s / (1.0 + rate * dt_s / jacket_kj_k) * (self.inlet_c - self.water_c)
        to_wall = 2.0 * p.ua_kw_k * (self.water_c - self.wall_c) * dt_s
        self.water_c += (external - to_wall) / jacket_kj_k
        return external, to_wall

    def _delay_line(self, inlet_c: float, dt_s: float) -> None:
        cells = self._delay
        cell_s = self.p.jacket_dead_time_s / _DELAY_CELLS
        self._delay_s += dt_s
        while self._delay_s >= cell_s:
            self._delay_s -= cell_s
            self.inlet_c = cells.pop()
            cells.insert(0, inlet_c)
