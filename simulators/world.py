"""The line as one world: three leach tanks, hopper, reagents, press, buffers, gas and site, stepped by `dt_s`.

    world = World(seed=1)
    world.tip(Feed(), 82.6)
    world.values[world.index("R-101.water_valve_cmd")] = 1.0
    world.step(0.5)
    world.values[world.index("R-101.volume_l")]

`values` is the seam: outputs of devices write the `in` variables, banks read the `out` ones by index. Nothing here is random: noise belongs
to `senses`. Whatever enters is in some inventory (`books`), and every batch can say where its metal went (`truth`).
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from simulators.physics import variables as var
from simulators.physics.batch_account import BatchAccount
from simulators.physics.dosing import Dosing
from simulators.physics.feed import Feed
from simulators.physics.filtration import Filtration
from simulators.physics.hopper import Hopper
from simulators.physics.ledger import Ledger, add, present
from simulators.physics.parameters import PressParameters, TankParameters, WorldParameters
from simulators.physics.sampler import SAMPLE_POINTS, Sampler
from simulators.physics.samples import Sample, describe
from simulators.physics.site import CAUSTIC_10M, Rooms, Scrubber, Site
from simulators.physics.species import (
    ATOMIC_WEIGHT,
    CATION,
    CL,
    FE3,
    INERT,
    LIQUOR_CHARGE,
    LIQUOR_MASS_KG,
    LIQUOR_VOLUME_L,
    WATER,
    H,
    dot,
    empty_liquor,
    empty_solid,
)  # fmt: skip
from simulators.physics.tank import LeachTank

__all__ = ["SAMPLE_POINTS", "Feed", "PressParameters", "Sample", "TankParameters", "World", "WorldParameters"]

_HEEL_C: Final = 20.0
_LEAK: Final = 0.02  # share of the vent that a hatch loses to the hall while the fan draws: assumed
_LEAK_NO_FAN: Final = 0.3  # and while it stands: assumed


class World:
    """The simulated line. `values` in the order of `names()`."""

    __slots__ = (
        "_accounts", "_c301", "_fp201", "_index", "_k301", "_p121", "_p131", "_p132", "_p202", "_p211", "_room", "_sampler",
        "_screw", "_site", "_table", "_tk110", "_tk210", "_w101", "dosing", "elapsed_s", "filtration", "hopper", "ledger",
        "parameters", "rooms", "scrubber", "seed", "site", "tanks", "values",
    )  # fmt: skip

    def __init__(self, parameters: Mapping[str, Any] | WorldParameters | None = None, seed: int = 0) -> None:
        if parameters is None:
            p = WorldParameters()
        elif isinstance(parameters, WorldParameters):
            p = parameters
        else:
            p = msgspec.convert(dict(parameters), WorldParameters)
        self.parameters, self.seed = p, seed
        self._table = var.table()
        self._index = {name: i for i, (name, _, _) in enumerate(self._table)}
        self.values: list[float] = [0.0] * len(self._table)
        self.site = Site(p)
        self.scrubber = Scrubber(p)
        self.rooms = Rooms(p)
        self.hopper = Hopper(p.screw_max_kg_min)
        self.tanks = tuple(
            LeachTank(u, self._index[f"{u}.{var.TANK[0][0]}"], p.tank_variants.get(u, p.tank), p.ambient_c) for u in var.UNITS
        )
        self._accounts = tuple(BatchAccount() for _ in var.UNITS)
        self.ledger = Ledger()
        self.dosing = Dosing(p)
        self.filtration = Filtration(p, self.site, self.tanks, self._accounts, self.ledger)
        self._sampler = Sampler(self.tanks, self._accounts, self.filtration, p.ambient_c)
        self.elapsed_s = 0.0
        b = {unit: self._index[f"{unit}.{rows[0][0]}"] for unit, rows in var.SHARED}
        self._screw, self._w101, self._tk110, self._p121, self._p131, self._p132 = (
            b["SC-101"], b["W-101"], b["TK-110"], b["P-121"], b["P-131"], b["P-132"])  # fmt: skip
        self._fp201, self._p202, self._tk210, self._p211 = b["FP-201"], b["P-202"], b["TK-210"], b["P-211"]
        self._k301, self._c301, self._room, self._site = b["K-301"], b["C-301"], b["ROOM"], b["SITE"]
        self.values[self._tk110] = 1.0
        self.ledger.opening = self._present()
        self.step(0.0)

    # --- the seam --------------------------------------------------------------------------------------------------------------------

    def index(self, name: str) -> int:
        """Place of a variable in `values`; KeyError names what is not there."""
        return self._index[name]

    def names(self) -> list[tuple[str, str, str]]:
        """(name, unit of measure, "in" or "out") of every variable."""
        return list(self._table)

    # --- what people do --------------------------------------------------------------------------------------------------------------

    def tip(self, feed: Feed, mass_kg: float) -> None:
        """Tip a lot into hopper W-101; `feed` is what it truly holds."""
        self.hopper.tip(feed, mass_kg)
        layer = self.hopper.layers[-1]
        for i, n in enumerate(layer.solid):
            self.ledger.entered_solid[i] += n * mass_kg
        self.ledger.entered_liquor[WATER] += layer.water_mol * mass_kg
        self.values[self._w101] = self.hopper.weight_kg

    def refill(self, tank: str, litres: float) -> None:
        """A tanker fills TK-110, TK-120, TK-130 or TK-131 (reagents enter the books when dosed). KeyError for any other."""
        if tank == "TK-110":
            self.site.acid_l = min(self.parameters.acid_tank_l, self.site.acid_l + litres)
        else:
            self.dosing.refill(tank, litres)

    def set_heel(
        self,
        unit: str,
        volume_l: float,
        liquor_g_l: Mapping[str, float] | None = None,
        free_acid_mol_l: float = 0.05,
        solids_kg: float = 0.0,
        feed: Feed | None = None,
        temperature_c: float = _HEEL_C,
    ) -> None:
        """Put chloride liquor (iron as Fe3+) and, with `feed`, undissolved solids into a tank, as if left from before.

        Tank, wall and jacket stand at `temperature_c`.
        """
        liquor = empty_liquor()
        for e, g_l in (liquor_g_l or {}).items():
            liquor[FE3 if e == "Fe" else CATION[e]] += g_l * volume_l / ATOMIC_WEIGHT[e]
        liquor[H] = free_acid_mol_l * volume_l
        liquor[CL] = sum(n * z for n, z in zip(liquor, LIQUOR_CHARGE, strict=True))
        liquor[WATER] = max(0.0, volume_l - dot(liquor, LIQUOR_VOLUME_L)) / LIQUOR_VOLUME_L[WATER]
        tank = self.tanks[var.UNITS.index(unit)]
        before = tank.enthalpy_kj()
        solid = empty_solid()
        if solids_kg > 0.0:
            lot = feed or Feed()
            solid = lot.solids(solids_kg / (1.0 - lot.moisture))
            tank.set_feed(lot)
        tank.contents.put(liquor, solid)
        tank.contents.measure()
        tank.contents.heat_kj = tank.contents.capacity_kj_k * (temperature_c - 25.0)
        tank.jacket.stand_at(temperature_c)
        tank.contents.measure()
        tank.external_kj += tank.enthalpy_kj() - before
        add(self.ledger.entered_liquor, liquor)
        add(self.ledger.entered_solid, solid)
        tank.settle(self.values, self.site)

    def begin_batch(self, unit: str) -> None:
        """Zero the unit's batch account: what stands in it now is its opening heel."""
        k = var.UNITS.index(unit)
        tank = self.tanks[k]
        tank.dosed = empty_solid()
        tank.acid_mol = 0.0
        self._accounts[k].begin(tank.contents.liquor, tank.contents.solid)
        if self.filtration.press.source == k:
            self.filtration.press.source = None

    def mark_leach_end(self, unit: str) -> None:
        """Freeze the leach extraction at what is dissolved now."""
        k = var.UNITS.index(unit)
        self._accounts[k].mark(self.tanks[k].dosed, self.tanks[k].contents.solid)

    def empty_cake_bin(self) -> float:
        """Carry the cake away; returns its wet mass, kg."""
        press = self.filtration.press
        mass = press.bin_kg
        add(self.ledger.left_liquor, press.bin_liquor)
        add(self.ledger.left_solid, press.bin_solid)
        press.bin_liquor, press.bin_solid = empty_liquor(), empty_solid()
        press.weigh_bin()
        return mass

    def sample(self, point: str, volume_l: float) -> Sample:
        """Take a grab sample; its mass leaves the vessel.

        Points: R-101..R-103 (slurry), TK-210, TK-211, "cake FP-201", and "residue" or "residue R-101" (solids of a tank, washed free of
        liquor; a plain "residue" is of the first tank that holds solids). A residue sample marks the end of leach if nobody did.
        """
        liquor, solid, temperature, ph = self._sampler.grab(point, volume_l)
        add(self.ledger.left_liquor, liquor)
        add(self.ledger.left_solid, solid)
        if point.startswith("residue"):
            return describe(point, empty_liquor(), solid, temperature, ph)
        return describe(point, liquor, solid, temperature, ph)

    # --- the books -------------------------------------------------------------------------------------------------------------------

    def truth(self, unit: str = "R-101") -> dict[str, dict[str, float]]:
        """Where the metal of the unit's batch is: per element in_kg, opening_heel_kg, liquor_kg, cake_kg, samples_kg, losses_kg, heel_kg,
        leach_extraction, recovery and closure (fractions)."""
        k = var.UNITS.index(unit)
        tank = self.tanks[k]
        return self._accounts[k].truth(tank.dosed, tank.contents.liquor, tank.contents.solid)

    def _present(self) -> dict[str, float]:
        press, ledger = self.filtration.press, self.ledger
        liquors = [self.scrubber.liquor, ledger.bund_liquor, press.bin_liquor, *press.cells, *(b.liquor for b in self.filtration.buffers)]
        return present(liquors, (ledger.bund_solid, press.solid, press.bin_solid), self.tanks, self.hopper.layers)

    def books(self) -> dict[str, tuple[float, float, float]]:
        """Per element (entered, present, left) in mol (kg for X): entered = present + left, to rounding. The start counts as entered."""
        return self.ledger.balance(self.tanks, self._present())

    # --- the step --------------------------------------------------------------------------------------------------------------------

    def step(self, dt_s: float) -> None:
        """Move the world by `dt_s` seconds (0.5 normally, 5 at most)."""
        v, site, tanks = self.values, self.site, self.tanks
        s = self._site
        site.set_strength(v[self._tk110])
        site.step(dt_s, v[s + 1] >= 0.5, v[s + 2] >= 0.5, v[s + 3] >= 0.5, v[s + 4] >= 0.5, v[s + 5] >= 0.5, v[s + 6] >= 0.5)
        site.step_fan(v[self._k301], v[self._k301 + 1] >= 0.5, v[self._k301 + 2] >= 0.5, dt_s)
        for tank in tanks:
            tank.move(v, dt_s, site)
        if dt_s > 0.0:
            runs = site.power and not site.estop
            self.dosing.step((v[self._p121], v[self._p131], v[self._p132]), tanks, runs, dt_s)
            self._drop_solids(v, dt_s)
            if v[s + 7] >= 0.5:
                self._leak_acid(dt_s)
            for tank in tanks:
                tank.step(v, dt_s, site)
            self._vent(v, dt_s)
            self.filtration.step(v, self._fp201, self._p202, self._p211, dt_s)
            self.elapsed_s += dt_s
        self._write(v)

    def _drop_solids(self, v: list[float], dt_s: float) -> None:
        """The screw feeds the tanks whose slide gate is open; against shut gates it moves nothing."""
        hopper = self.hopper
        at = self._screw
        hopper.turn(v[at], v[at + 1] >= 0.5 and self.site.power and not self.site.estop, dt_s)
        if hopper.speed > 0.0 and hopper.layers:
            open_to = [tank for tank in self.tanks if tank.valves[var.SOLIDS] > 0.5]
            for tank in open_to:
                drawn = hopper.draw(dt_s, 1.0 / len(open_to))
                if drawn is not None:
                    tank.add_solids(*drawn)

    def _leak_acid(self, dt_s: float) -> None:
        litres = min(self.site.acid_l, self.parameters.bund_leak_l_min * dt_s / 60.0)
        self.site.acid_l -= litres
        for i, n in self.site.acid.mol:
            self.ledger.bund_liquor[i] += n * litres
            self.ledger.entered_liquor[i] += n * litres

    def _vent(self, v: list[float], dt_s: float) -> None:
        """Gas of all tanks goes to scrubber and stack; a little of it, more without a fan, into the hall."""
        hcl = 0.0
        left, came = self.ledger.left_gas, self.ledger.entered_gas
        leak = _LEAK * (1.0 - self.site.fan) + _LEAK_NO_FAN * (self.site.fan <= 0.01)
        leaks = [0.0, 0.0, 0.0, 0.0]
        for k, tank in enumerate(self.tanks):
            h2, o2, n2 = tank.gas_out
            left[0] += h2
            left[1] += o2
            left[2] += n2
            came[1] += 0.21 * tank.air_in_mol
            came[2] += 0.79 * tank.air_in_mol + tank.nitrogen_mol
            self.ledger.left_liquor[WATER] += tank.vapour_mol
            hcl += tank.vent_hcl_mol
            leaks[k] = leak * h2
            if tank.spilt is not None:
                self.ledger.spill(self._accounts[k], *tank.spilt)
        to_room = leak * hcl
        c = self._c301
        power = self.site.power
        self.scrubber.step(hcl - to_room, v[c] >= 0.5 and power, v[c + 1] >= 0.5 and power, self.site.duct_nm3_h, dt_s)
        gone = self.scrubber.stack_hcl_mol + to_room
        self.ledger.left_liquor[H] += gone
        self.ledger.left_liquor[CL] += gone
        if self.scrubber.caustic_l > 0.0:
            for i, n in CAUSTIC_10M.mol:
                self.ledger.entered_liquor[i] += n * self.scrubber.caustic_l
        leaks[3] = 0.1 * (leaks[0] + leaks[1] + leaks[2])
        self.rooms.step((leaks[0], leaks[1], leaks[2], leaks[3]), to_room, power, dt_s)

    def _write(self, v: list[float]) -> None:
        p, site, press, hopper = self.parameters, self.site, self.filtration.press, self.hopper
        cooling = 0.0
        for tank in self.tanks:
            tank.write(v, site)
            cooling += tank.jacket.cold_m3_h
        k = self._screw
        v[k + 2] = 1.0 if hopper.speed > 0.01 else 0.0
        v[k + 3] = 60.0 * hopper.speed
        v[k + 4] = 0.2 + 0.5 * hopper.speed if hopper.speed > 0.0 else 0.0
        v[self._w101] = hopper.weight_kg if hopper.layers else 0.0
        k = self._tk110
        level = 100.0 * site.acid_l / p.acid_tank_l
        v[k + 1] = level
        v[k + 2] = 1.0 if level < 10.0 else 0.0
        peroxide_l, base_l, base_fine_l = self.dosing.left_l
        v[k + 3] = 100.0 * peroxide_l / p.peroxide_tank_l
        v[k + 4] = 100.0 * base_l / p.base_tank_l
        v[k + 5] = 100.0 * base_fine_l / p.base_fine_tank_l
        v[self._p121 + 1], v[self._p131 + 1], v[self._p132 + 1] = self.dosing.flows
        k = self._fp201 + 5
        v[k : k + 15] = (
            1.0 if press.plates >= 1.0 else 0.0,
            press.hydraulic_bar,
            press.feed_bar,
            press.filtrate_m3_h,
            press.turbidity_ntu,
            press.conductivity,
            press.bin_kg,
            *press.switches(),
        )
        v[self._p202 + 1] = press.wash_m3_h
        k = self._tk210
        for buffer in self.filtration.buffers:
            v[k] = 100.0 * buffer.volume_l / buffer.capacity_l
            v[k + 1] = buffer.volume_l
            v[k + 2] = buffer.ph
            k += 3
        k = self._k301
        v[k + 3] = 1.0 if site.fan > 0.02 else 0.0
        v[k + 4] = site.fan_rpm
        v[k + 5] = site.fan_kw
        k = self._c301
        v[k + 2] = self.scrubber.dp_mbar(site.fan)
        v[k + 3] = site.duct_nm3_h
        v[k + 4] = self.scrubber.ph
        v[k + 5] = self.scrubber.hcl_mg_nm3
        v[k + 6] = 1.0 if self.scrubber.caustic_l > 0.0 else 0.0
        v[k + 7] = 1.0 - v[k + 6]
        k = self._room
        v[k : k + 4] = self.rooms.h2_pct_lel
        v[k + 4] = self.rooms.hcl_ppm
        v[k + 5] = self.rooms.air_m3_h
        k = self._site + 8
        v[k : k + 8] = (
            site.hot_c,
            site.chilled_c,
            cooling,
            site.air_bar,
            site.nitrogen_bar,
            1.0 if site.power else 0.0,
            1.0 if site.estop else 0.0,
            1.0 if dot(self.ledger.bund_liquor, LIQUOR_MASS_KG) + self.ledger.bund_solid[INERT] > 1.0 else 0.0,
        )
