"""Filter press FP-201: slurry in, cake kept, filtrate out; wash, blow and drop.

The cake's liquor lies in three cells in a row, so a wash displaces and mixes as three stirred tanks would; a quarter of the wash water runs
past. Retention of solids is taken as perfect (assumed); turbidity is an indication that follows cake build-up.
"""

from math import exp

from simulators.physics.mechanics import flow_against
from simulators.physics.parameters import PressParameters
from simulators.physics.reagents import WATER_STOCK
from simulators.physics.species import (
    CL,
    LIQUOR_MASS_KG,
    LIQUOR_VOLUME_L,
    NA,
    SOLID_MASS_KG,
    SOLID_VOLUME_L,
    H,
    dot,
    empty_liquor,
    empty_solid,
)  # fmt: skip

_CELLS = 3


class FilterPress:
    """Plates, cake and the liquor in it. `filtrate` is the liquor (mol) that ran off in the last step; `source` the tank index last fed."""

    __slots__ = (
        "_drop_part", "_ran_l", "bin_kg", "bin_liquor", "bin_solid", "blow_valve", "cells", "conductivity",
        "drop_valve", "feed_bar", "feed_valve", "filtrate", "filtrate_m3_h", "hydraulic_bar", "p", "plates", "solid",
        "solid_kg", "source", "turbidity_ntu", "wash_m3_h", "wash_valve", "washed_l", "wetness",
    )  # fmt: skip

    def __init__(self, p: PressParameters) -> None:
        self.p = p
        self.solid = empty_solid()
        self.cells = [empty_liquor() for _ in range(_CELLS)]
        self.bin_solid = empty_solid()
        self.bin_liquor = empty_liquor()
        self.filtrate = empty_liquor()
        self.source: int | None = None
        self.solid_kg = 0.0
        self.bin_kg = 0.0
        self.plates = 0.0  # 1 = closed
        self.hydraulic_bar = self.feed_bar = self.filtrate_m3_h = self.wash_m3_h = self.conductivity = 0.0
        self.turbidity_ntu = 0.0
        self.wetness = p.liquor_per_kg_solid
        self.feed_valve = self.wash_valve = self.blow_valve = self.drop_valve = 0.0
        self.washed_l = 0.0  # wash water of the last step
        self._ran_l = 0.0
        self._drop_part = 0.0

    @property
    def closed(self) -> bool:
        """Plates shut and held."""
        return self.plates >= 1.0 and self.hydraulic_bar >= 0.5 * self.p.hydraulic_bar

    @property
    def resistance(self) -> float:
        """bar per m3/h of cloth and cake; a full chamber lets next to nothing through."""
        p = self.p
        r = p.cloth_bar_h_m3 + p.cake_bar_h_m3_kg * self.solid_kg
        cake_l = dot(self.solid, SOLID_VOLUME_L) / (1.0 - p.cake_porosity) if self.solid_kg > 0.0 else 0.0
        return r if cake_l < p.chamber_l else r * 1000.0

    def move(self, cmd: list[float], dt_s: float, air_ok: bool, power: bool) -> None:
        """Plates, hydraulics and valves; `cmd` = close, feed, wash, blow, drop. Without air the valves shut; without power plates stay."""
        p = self.p
        if power:
            want = 1.0 if cmd[0] >= 0.5 else 0.0
            travel = dt_s / p.plate_travel_s
            self.plates = min(want, self.plates + travel) if want > self.plates else max(want, self.plates - travel)
            target = p.hydraulic_bar if self.plates >= 1.0 and want else 0.0
            if self.hydraulic_bar != target:
                step = p.hydraulic_bar * dt_s / 5.0
                gap = target - self.hydraulic_bar
                self.hydraulic_bar += max(-step, min(step, gap))
        travel = dt_s / 3.0
        ok = air_ok and power
        self.feed_valve = _travel(self.feed_valve, cmd[1] >= 0.5 and ok, travel)
        self.wash_valve = _travel(self.wash_valve, cmd[2] >= 0.5 and ok, travel)
        self.blow_valve = _travel(self.blow_valve, cmd[3] >= 0.5 and ok, travel)
        self.drop_valve = _travel(self.drop_valve, cmd[4] >= 0.5 and ok, travel)

    def switches(self) -> list[float]:
        """End switches of feed, wash, blow and drop: open, closed, open, ..."""
        places = (self.feed_valve, self.wash_valve, self.blow_valve, self.drop_valve)
        return [1.0 if at_end else 0.0 for place in places for at_end in (place >= 1.0, place <= 0.0)]

    def begin(self) -> None:
        """Forget the last step's flows."""
        if self._ran_l or self.washed_l:
            self.filtrate = empty_liquor()
        self._ran_l = self.washed_l = 0.0
        self.feed_bar = 0.0

    def feed(self, liquor: list[float], solid: list[float], source: int, bar: float) -> None:
        """Slurry arrives; its solids stay, its liquor fills the cake and runs on."""
        if self.source != source:
            self.source = source
        for i, n in enumerate(solid):
            if n:
                self.solid[i] += n
        self.solid_kg = dot(self.solid, SOLID_MASS_KG)
        self.wetness = self.p.liquor_per_kg_solid
        self.feed_bar = bar
        self._push(liquor)

    def step(self, wash_sp: float, dt_s: float, power: bool) -> None:
        """Wash, blow and drop as the valves stand."""
        p = self.p
        self.wash_m3_h = 0.0
        wash_speed = min(max(wash_sp * 0.01, 0.0), 1.0) if power else 0.0
        if wash_speed > 0.0 and self.wash_valve > 0.5 and self.closed:
            q = min(flow_against(p.wash_pump_bar, wash_speed, self.resistance), p.wash_pump_max_m3_h * wash_speed)
            self.wash_m3_h = q
            litres = q * dt_s / 3.6
            water = empty_liquor()
            for i, n in WATER_STOCK.mol:
                water[i] = n * litres
            self.washed_l = litres
            through = [n * p.wash_efficiency for n in water]
            self._run_off([a - b for a, b in zip(water, through, strict=True)])
            self._push(through)
            self.feed_bar = max(self.feed_bar, p.wash_pump_bar * wash_speed * wash_speed * 0.9)
        if self.blow_valve > 0.5 and self.closed and self.solid_kg > 0.0:
            gap = self.wetness - p.blown_liquor_per_kg_solid
            self.wetness -= gap * (1.0 - exp(-dt_s / p.blow_time_s))
            self.feed_bar = max(self.feed_bar, 4.0)
            self._push(empty_liquor())
        if self.drop_valve > 0.5 and self.plates <= 0.0 and (self.solid_kg > 0.0 or any(self.cells[0])):
            self._drop(dt_s)
        flow = self._ran_l / dt_s * 3.6
        self.filtrate_m3_h = flow
        if flow > 0.0:
            charge = self.filtrate[CL] + abs(self.filtrate[NA]) + 3.5 * max(self.filtrate[H], 0.0)
            mol_l = charge / self._ran_l
            now = 90.0 * mol_l / (1.0 + 0.25 * mol_l)  # mS/cm, about 75 at 1 mol/L of chloride salt: assumed
            self.conductivity += (now - self.conductivity) * min(1.0, dt_s / 5.0)
            cloudy = 2.0 + 300.0 * exp(-self.solid_kg / 1.5)
            self.turbidity_ntu += (cloudy - self.turbidity_ntu) * min(1.0, dt_s / 10.0)

    def _push(self, inflow: list[float]) -> None:
        """Liquor enters the first cell; what a cell cannot hold goes to the next, the last to the filtrate."""
        hold_kg = self.wetness * self.solid_kg / _CELLS
        for cell in self.cells:
            for i, n in enumerate(inflow):
                if n:
                    cell[i] += n
            mass = dot(cell, LIQUOR_MASS_KG)
            if mass <= hold_kg:
                return
            part = 1.0 - hold_kg / mass
            inflow = [n * part for n in cell]
            for i, n in enumerate(inflow):
                cell[i] -= n
        self._run_off(inflow)

    def _run_off(self, liquor: list[float]) -> None:
        for i, n in enumerate(liquor):
            self.filtrate[i] += n
        self._ran_l += dot(liquor, LIQUOR_VOLUME_L)

    def _drop(self, dt_s: float) -> None:
        """Plates part and the cake falls, over `drop_time_s`."""
        self._drop_part += dt_s / self.p.drop_time_s
        part = 1.0 if self._drop_part >= 1.0 else dt_s / self.p.drop_time_s
        for i, n in enumerate(self.solid):
            moved = n * part
            self.bin_solid[i] += moved
            self.solid[i] -= moved
        for cell in self.cells:
            for i, n in enumerate(cell):
                moved = n * part
                self.bin_liquor[i] += moved
                cell[i] -= moved
        if part >= 1.0:
            self._drop_part = 0.0
            self.turbidity_ntu = 0.0
        self.solid_kg = dot(self.solid, SOLID_MASS_KG)
        self.weigh_bin()

    def weigh(self) -> None:
        """Refresh the mass of the cake between the plates."""
        self.solid_kg = dot(self.solid, SOLID_MASS_KG)

    def weigh_bin(self) -> None:
        """Refresh what the bin's scale carries."""
        self.bin_kg = dot(self.bin_solid, SOLID_MASS_KG) + dot(self.bin_liquor, LIQUOR_MASS_KG)


def _travel(at: float, opens: bool, travel: float) -> float:
    want = 1.0 if opens else 0.0
    if at == want:
        return at
    return min(want, at + travel) if want > at else max(want, at - travel)
