"""One leach tank: valves, agitator, reactions, jacket and vent, stepped by `dt_s`.

Order of a step: things that move, what flows in, reactions (every `chemistry_period_s`), heat, gas, and what an instrument could see.
Source: house domain brief 2, 3; numbers in `parameters.TankParameters`.
"""

from math import pi
from typing import Final

from simulators.physics import variables as var
from simulators.physics.chemistry import Chemistry
from simulators.physics.feed import Feed
from simulators.physics.gas import LEL_VOL_PCT, NORMAL_M3, Headspace
from simulators.physics.jacket import Jacket
from simulators.physics.kinetics import PROFILES
from simulators.physics.mechanics import agitator_kw, just_suspended_rpm, suspension
from simulators.physics.parameters import TankParameters
from simulators.physics.reagents import WATER_STOCK, Stock
from simulators.physics.redox import orp_mv
from simulators.physics.site import Site
from simulators.physics.species import (
    CL,
    CP_LIQUOR_WATER,
    CP_SOLID,
    LIQUOR_ENTHALPY,
    SOLID_ENTHALPY,
    SOLID_MASS_KG,
    T_REF_C,
    WATER,
    H,
    dot,
    empty_liquor,
    empty_solid,
)  # fmt: skip
from simulators.physics.vessel import Contents

EVAPORATION_KJ: Final = 44.0  # per mol at 25 degC [K-high]; HCl vapour is given its heat of solution, 74.9
HCL_VAPOUR_KJ: Final = 74.9
_N_VALVES: Final = len(var.ON_OFF)
_AGITATOR_MIN_L: Final = 120.0  # impeller covered: assumed
_IDLE_S: Final = 1.99


class LeachTank:
    """R-10n. Reads its commands from and writes its measurements to `values[base:]`."""

    __slots__ = (
        "_idle_s", "_made", "acid_l_min", "acid_mol", "air_in_mol", "ambient_c", "area_m2", "base", "chemistry", "contents", "d50_um",
        "dosed", "duct_nm3_h", "entered", "external_kj", "foam_m", "gas_out", "h2_nm3_h", "headspace", "headspace_mbar", "jacket",
        "lel_pct", "nitrogen_mol", "njs_rpm", "p", "pump_rpm", "rpm", "spilt", "transfer_m3_h", "unit", "valves", "vapour_mol",
        "vent_hcl_mol", "waiting_s", "water_l_min",
    )  # fmt: skip

    def __init__(self, unit: str, base: int, p: TankParameters, ambient_c: float) -> None:
        self.unit, self.base, self.p, self.ambient_c = unit, base, p, ambient_c
        self.contents = Contents(ambient_c)
        self.chemistry = Chemistry()
        self.headspace = Headspace(p.capacity_l * 1e-3)
        self.area_m2 = pi / 4.0 * p.diameter_m**2
        self.valves = [0.0] * _N_VALVES
        self.jacket = Jacket(p, ambient_c)
        self.rpm = self.acid_l_min = self.water_l_min = self.transfer_m3_h = 0.0
        self.njs_rpm = 0.0
        self.d50_um = 150.0
        self._idle_s = 0.0
        self.foam_m = self.lel_pct = self.vent_hcl_mol = self.duct_nm3_h = 0.0
        self.waiting_s = 0.0  # time the chemistry still owes
        self.headspace_mbar = self.h2_nm3_h = 0.0
        self._made = [0.0, 0.0]  # hydrogen, oxygen of the last chemistry, mol
        self.external_kj = 0.0  # enthalpy that came from outside since the start
        self.dosed = empty_solid()  # solids charged in this batch
        self.acid_mol = 0.0  # HCl dosed in this batch
        self.spilt: tuple[list[float], list[float]] | None = None
        self.vapour_mol = self.air_in_mol = 0.0
        self.gas_out = (0.0, 0.0, 0.0)
        self.nitrogen_mol = 0.0
        self.pump_rpm = 0.0
        self.entered = empty_liquor()  # reagents and water since the start, mol

    # --- what flows in and out -------------------------------------------------------------------------------------------------------

    def add_stock(self, stock: Stock, litres: float, temperature_c: float) -> None:
        """A reagent or water runs in."""
        liquor, entered = self.contents.liquor, self.entered
        for i, n in stock.mol:
            x = n * litres
            liquor[i] += x
            entered[i] += x
        sensible = stock.cp_kj_k * (temperature_c - T_REF_C) * litres
        self.contents.heat_kj += sensible + stock.excess_kj * litres
        self.external_kj += sensible + stock.enthalpy_kj * litres

    def set_feed(self, feed: Feed) -> None:
        """Rate constants and particle size of what lies in the tank; the last profile charged stands for all (assumed)."""
        self.d50_um = feed.d50_um
        self.chemistry.rates.set_feed(PROFILES[feed.profile], feed.d50_um)

    def add_solids(self, solid: list[float], water_mol: float, feed: Feed) -> None:
        """Feed falls in, at ambient temperature, with its moisture."""
        c = self.contents
        mass = dot(solid, SOLID_MASS_KG)
        if c.solid_kg < 1e-3 or feed.profile != self.chemistry.rates.profile.name:
            self.set_feed(feed)
        elif abs(feed.d50_um - self.d50_um) > 0.01:  # size of a blend: by mass
            self.d50_um += (feed.d50_um - self.d50_um) * mass / (c.solid_kg + mass)
            self.chemistry.rates.set_feed(PROFILES[feed.profile], self.d50_um)
        heat = (CP_SOLID * mass + CP_LIQUOR_WATER * water_mol) * (self.ambient_c - T_REF_C)
        c.liquor[WATER] += water_mol
        for i, n in enumerate(solid):
            if n:
                c.solid[i] += n
                c.charged[i] += n
                self.dosed[i] += n
        c.weigh_solids()
        c.heat_kj += heat
        self.external_kj += heat + dot(solid, SOLID_ENTHALPY) + water_mol * LIQUOR_ENTHALPY[WATER]

    def take(self, liquor_part: float, solid_part: float) -> tuple[list[float], list[float]]:
        """A part of the contents leaves (to the press, as a sample, over the brim)."""
        self.contents.measure()
        liquor, solid, heat = self.contents.take(liquor_part, solid_part)
        self.external_kj -= heat + dot(liquor, LIQUOR_ENTHALPY) + dot(solid, SOLID_ENTHALPY)
        self.contents.measure()
        return liquor, solid

    def enthalpy_kj(self) -> float:
        """Contents, wall and jacket; changes only by `external_kj`."""
        return self.contents.enthalpy_kj() + self.jacket.enthalpy_kj()

    @property
    def slurry_l(self) -> float:
        """Liquor and solids together."""
        return self.contents.liquor_l + self.contents.solid_l

    # --- the step --------------------------------------------------------------------------------------------------------------------

    def move(self, v: list[float], dt_s: float, site: Site) -> None:
        """Valves, agitator and pumps follow their commands, or go to their safe position."""
        p, b, valves = self.p, self.base, self.valves
        fail = not site.air_ok or not site.power
        travel = dt_s / p.valve_travel_s
        cmd = b + var.VALVE_CMD
        for k in range(_N_VALVES):
            want = 1.0 if v[cmd + k] >= 0.5 else 0.0
            if fail:
                want = 1.0 if k == var.PURGE else 0.0
            elif site.estop and k != var.PURGE:
                want = 0.0
            at = valves[k]
            if at != want:
                if k == var.ACID and v[b + var.ACID_STUCK] >= 0.5:
                    continue
                valves[k] = min(want, at + travel) if want > at else max(want, at - travel)
        self.jacket.move(v[b + var.HOT_CMD], v[b + var.COLD_CMD], dt_s, fail)
        runs = site.power and v[b + var.AGITATOR_ENABLE] >= 0.5 and v[b + var.AGITATOR_TRIP] < 0.5
        want = min(max(v[b], 0.0), p.agitator_max_rpm) if runs else 0.0
        if self.rpm != want:
            ramp = p.agitator_max_rpm / p.agitator_ramp_s * dt_s
            self.rpm = min(want, self.rpm + ramp) if want > self.rpm else max(want, self.rpm - ramp)
        want = min(max(v[b + var.ACID_SP], 0.0), p.acid_pump_max_l_min) if site.power and not site.estop else 0.0
        if valves[var.ACID] < 0.5 or site.acid_l <= 0.0:
            want = 0.0
        if self.acid_l_min != want:
            gap = want - self.acid_l_min
            self.acid_l_min = want if abs(gap) < 1e-4 else self.acid_l_min + gap * min(1.0, dt_s / p.acid_pump_lag_s)
            if valves[var.ACID] < 0.05:
                self.acid_l_min = 0.0
        self.water_l_min = p.water_l_min * valves[var.WATER_IN]

    def step(self, v: list[float], dt_s: float, site: Site) -> None:
        """One step after `move` and after the shared reagents have been added."""
        c = self.contents
        if self.acid_l_min > 0.0:
            litres = min(self.acid_l_min * dt_s / 60.0, site.acid_l)
            site.acid_l -= litres
            self.acid_mol += site.acid.mol[0][1] * litres
            self.add_stock(site.acid, litres, self.ambient_c)
        if self.water_l_min > 0.0:
            self.add_stock(WATER_STOCK, self.water_l_min * dt_s / 60.0, site.water_c)
        c.measure()
        wet = c.capacity_kj_k > 2.0
        if wet:
            self.waiting_s += dt_s
            if self.waiting_s >= self.p.chemistry_period_s - 1e-9:
                self._react()
        elif self._idle_s + dt_s < _IDLE_S:
            self._idle_s += dt_s
            self._rest()
            return
        dt_s += self._idle_s
        self._idle_s = 0.0
        self._heat(v, dt_s, site, wet)
        self._breathe(v, dt_s, site, wet)
        self.spilt = None
        if c.liquor_l + c.solid_l > self.p.capacity_l:
            over = 1.0 - self.p.capacity_l / (c.liquor_l + c.solid_l)
            self.spilt = self.take(over, over)

    def _rest(self) -> None:
        """An empty tank is looked after every 2 s only; meanwhile nothing leaves it."""
        self.gas_out = (0.0, 0.0, 0.0)
        self.vapour_mol = self.vent_hcl_mol = self.air_in_mol = self.nitrogen_mol = 0.0
        self.spilt = None

    def _react(self) -> None:
        c, p = self.contents, self.p
        gassed = self._made[0] > 0.0
        self.njs_rpm = just_suspended_rpm(self.d50_um, c.solid_kg, c.liquor_kg, p.impeller_m, p.zwietering_s)
        mixing = suspension(self.rpm, self.njs_rpm)
        oxygen = self.headspace.oxygen_part()
        parts = max(1, round(self.waiting_s / 2.0 + 0.25))
        dt = self.waiting_s / parts
        h2 = o2 = heat = 0.0
        chemistry = self.chemistry
        for _ in range(parts):
            chemistry.step(c.liquor, c.solid, c.charged, c.liquor_l, c.temperature_c, mixing, oxygen, dt)
            h2 += chemistry.hydrogen_mol
            o2 += chemistry.oxygen_mol
            heat += chemistry.heat_kj
        if o2 < 0.0 and -o2 > self.headspace.o2:
            raise AssertionError(f"{self.unit}: reactions took {-o2} mol of oxygen from {self.headspace.o2}")
        c.heat_kj += heat
        self._made[0] = h2
        self._made[1] = o2
        self.headspace.h2 += h2
        self.headspace.o2 += o2
        if h2 > 0.0 or gassed:
            self.h2_nm3_h = h2 * NORMAL_M3 * 3600.0 / self.waiting_s
        self.waiting_s = 0.0
        c.weigh_solids()
        c.measure()

    def _heat(self, v: list[float], dt_s: float, site: Site, wet: bool) -> None:
        """Jacket water, wall and contents exchange heat; explicit, stable to 5 s."""
        c, p, jacket = self.contents, self.p, self.jacket
        external, to_wall = jacket.flow(site, v[self.base + var.COOLING_BLOCKED] >= 0.5, dt_s)
        loss = p.loss_kw_k * (jacket.wall_c - self.ambient_c) * dt_s
        inward = 0.0
        shaft = 0.0
        if wet:
            covered = min(1.0, (c.liquor_l + c.solid_l) / p.jacket_full_at_l)
            stirred = 0.5 + 0.5 * min(1.0, self.rpm / 200.0)  # film at rest half as good: assumed
            inward = 2.0 * p.ua_kw_k * covered * stirred * (jacket.wall_c - c.temperature_c) * dt_s
            if self.rpm > 0.0 and c.liquor_l > _AGITATOR_MIN_L:
                shaft = self._shaft_kw() * dt_s
            c.heat_kj += inward + shaft
        elif c.heat_kj or c.capacity_kj_k > 0.0:  # a film: it takes the wall's temperature
            inward = c.capacity_kj_k * (jacket.wall_c - T_REF_C) - c.heat_kj
            c.heat_kj += inward
            c.temperature_c = jacket.wall_c
        else:
            c.temperature_c = jacket.wall_c
        jacket.wall_c += (to_wall - loss - inward) / p.wall_kj_k
        self.external_kj += external - loss + shaft

    def _shaft_kw(self) -> float:
        c = self.contents
        volume = c.liquor_l + c.solid_l
        density = 1000.0 * (c.liquor_kg + c.solid_kg) / volume
        return agitator_kw(self.p.power_number, density, self.rpm, self.p.impeller_m, self.h2_nm3_h > 0.5)

    def _breathe(self, v: list[float], dt_s: float, site: Site, wet: bool) -> None:
        """Sweep, purge and reaction gas leave with their share of water and HCl vapour."""
        c, p, hs = self.contents, self.p, self.headspace
        purge = p.purge_nm3_h * self.valves[var.PURGE] * site.nitrogen
        sweep = max(p.leak_nm3_h, p.sweep_nm3_h - purge) * site.fan
        k = dt_s / (3600.0 * NORMAL_M3)
        self.nitrogen_mol = purge * k
        free_m3 = max(0.02, (p.capacity_l - c.liquor_l - c.solid_l) * 1e-3)
        hs.step(free_m3, c.temperature_c, sweep * k, self.nitrogen_mol, 0.0, 0.0)
        self.air_in_mol = hs.air_in_mol
        self.gas_out = (hs.out_h2, hs.out_o2, hs.out_n2)
        self.vapour_mol = self.vent_hcl_mol = 0.0
        out = hs.out_mol
        if wet and out > 0.0:
            liquor = c.liquor
            vapour = min(out * hs.vapour_part * p.vapour_saturation, 0.02 * liquor[WATER])
            h = self.chemistry.speciation.h
            hcl = out * hs.hcl_constant * h * liquor[CL] / c.liquor_l * p.vapour_saturation
            hcl = min(hcl, 0.001 * h * c.liquor_l, 0.001 * liquor[CL])
            liquor[WATER] -= vapour
            liquor[H] -= hcl
            liquor[CL] -= hcl
            leaving = vapour * CP_LIQUOR_WATER * (c.temperature_c - T_REF_C)
            c.heat_kj -= vapour * EVAPORATION_KJ + hcl * HCL_VAPOUR_KJ + leaving
            self.external_kj -= vapour * (LIQUOR_ENTHALPY[WATER] + EVAPORATION_KJ)
            self.external_kj -= hcl * (LIQUOR_ENTHALPY[CL] + LIQUOR_ENTHALPY[H] + HCL_VAPOUR_KJ) + leaving
            self.vapour_mol, self.vent_hcl_mol = vapour, hcl
        nm3_h = out / k
        self.headspace_mbar = -3.0 * site.fan + (nm3_h / 30.0) ** 2  # draught 3 mbar; vent loss 1 mbar at 30 Nm3/h: assumed
        duct = max(site.duct_nm3_h * p.duct_share, 20.0)  # natural draught when the fan stands: assumed
        self.duct_nm3_h = duct + nm3_h
        lel = 100.0 * (hs.out_h2 / k) / self.duct_nm3_h * 100.0 / LEL_VOL_PCT
        self.lel_pct += (lel - self.lel_pct) * min(1.0, dt_s / 4.0)  # mixing in the duct: assumed
        foam = 0.12 if v[self.base + var.FOAM] >= 0.5 and wet else 0.0
        if self.foam_m != foam:
            self.foam_m += max(-0.002 * dt_s, min(0.002 * dt_s, foam - self.foam_m))

    # --- what an instrument could see ------------------------------------------------------------------------------------------------

    def settle(self, v: list[float], site: Site) -> None:
        """Answer for contents that were put in from outside."""
        c = self.contents
        c.measure()
        if c.liquor_l > 0.1:
            self.chemistry.speciation.solve(c.liquor, c.liquor_l, c.temperature_c)
        self.write(v, site)

    def write(self, v: list[float], site: Site) -> None:
        """Put the truth where instruments read it."""
        c, p = self.contents, self.p
        o = self.base + var.TANK_OUT
        slurry = c.liquor_l + c.solid_l
        mass = c.liquor_kg + c.solid_kg
        level = slurry * 1e-3 / self.area_m2 + self.foam_m
        s = self.chemistry.speciation
        covered = c.liquor_l > _AGITATOR_MIN_L
        speed = self.transfer_m3_h / p.transfer_max_m3_h
        v[o : o + 24] = (
            c.temperature_c,
            c.temperature_c,
            self.jacket.inlet_c,
            self.jacket.water_c,
            self.jacket.flow_m3_h,
            slurry,
            level,
            1.0 if level * self.area_m2 >= 0.9e-3 * p.capacity_l else 0.0,
            1000.0 * mass / slurry if slurry > 1.0 else 1.2,
            mass,
            s.ph if slurry > 1.0 else 7.0,
            orp_mv(c, s),
            self.rpm,
            1.0 if self.rpm > 5.0 else 0.0,
            0.0 if self.rpm <= 0.0 else 0.05 + (self._shaft_kw() / 0.9 if covered else 0.0),
            self.acid_l_min,
            site.acid.kg * 1000.0,
            self.water_l_min,
            self.transfer_m3_h,
            self.pump_rpm,
            0.0 if self.pump_rpm <= 0.0 else 0.1 + 1.5 * (self.pump_rpm / 2900.0) ** 3 * (0.5 + 0.5 * min(1.0, speed)),
            self.lel_pct,
            100.0 * self.headspace.oxygen_part(),
            self.headspace_mbar,
        )
        k = self.base + var.VALVE_SWITCH
        for at in self.valves:
            v[k] = 1.0 if at >= 0.98 else 0.0
            v[k + 1] = 1.0 if at <= 0.02 else 0.0
            k += 2
        v[k] = 100.0 * self.jacket.hot
        v[k + 1] = 100.0 * self.jacket.cold
