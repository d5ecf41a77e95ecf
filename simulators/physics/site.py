"""The services the tanks live on: hot and chilled water, air, nitrogen, power, the vent fan and the scrubber; and the rooms around them."""

from typing import Final

from simulators.physics.gas import NORMAL_M3
from simulators.physics.parameters import WorldParameters
from simulators.physics.reagents import Stock, caustic, hydrochloric_acid
from simulators.physics.species import CL, LIQUOR_MASS_KG, WATER, H, empty_liquor

CAUSTIC_10M: Final = caustic(10.0)
CAUSTIC_1M: Final = caustic(1.0)
_LOST_S: Final = 300.0  # a lost service's temperature drifts off: assumed
_AIR_S: Final = 30.0  # receiver empties: assumed
_FAN_RPM: Final = 2900.0
_CARBONATE: Final = 0.02  # mol/L in the scrubber: assumed
_K1: Final = 10.0**-6.35
_K2: Final = 10.0**-10.33
_START_ALKALINITY: Final = 0.0226  # mol/L: pH 9.5


def carbonate_ph(alkalinity_mol_l: float) -> float:
    """pH of caustic that air has carbonated: alkalinity = OH - H + HCO3 + 2 CO3, pK 6.35 and 10.33 at 25 degC [K-high] (bisection).

    The carbonate stands at 0.02 mol/L whatever happens, and its mass is left out of the books: assumed.
    """
    low, high = 0.0, 14.0
    for _ in range(36):
        ph = 0.5 * (low + high)
        h = 10.0**-ph
        held = _CARBONATE * (_K1 * h + 2.0 * _K1 * _K2) / (h * h + _K1 * h + _K1 * _K2)
        if 1e-14 / h - h + held < alkalinity_mol_l:
            low = ph
        else:
            high = ph
    return 0.5 * (low + high)


class Site:
    """Services, flags and stocks that the tanks share within a step."""

    __slots__ = (
        "_strength", "acid", "acid_l", "air_bar", "air_ok", "chilled_c", "chilled_flows", "duct_nm3_h", "estop",
        "fan", "hot_c", "hot_flows", "nitrogen", "nitrogen_bar", "p", "power", "water_c",
    )  # fmt: skip

    def __init__(self, p: WorldParameters) -> None:
        self.p = p
        self.hot_c, self.chilled_c, self.water_c = p.hot_supply_c, p.chilled_supply_c, p.water_c
        self.air_bar, self.nitrogen_bar = 6.0, 5.0
        self.hot_flows = self.chilled_flows = self.power = self.air_ok = True
        self.estop = False
        self.nitrogen = 1.0
        self.fan = 0.0  # speed, 0..1
        self.duct_nm3_h = 0.0
        self.acid_l = p.acid_start_l
        self.acid: Stock = hydrochloric_acid(p.acid_weight_fraction)
        self._strength = 1.0

    def set_strength(self, factor: float) -> None:
        """The day tank holds acid of another strength."""
        if factor != self._strength:
            self._strength = factor
            self.acid = hydrochloric_acid(max(0.0, min(0.37, self.p.acid_weight_fraction * factor)))

    def step(
        self, dt_s: float, chilled_lost: bool, hot_lost: bool, air_lost: bool, nitrogen_lost: bool, power_lost: bool, estop: bool
    ) -> None:
        """Services drift to where their faults put them."""
        p = self.p
        part = min(1.0, dt_s / _LOST_S)
        self.hot_c += ((p.ambient_c if hot_lost else p.hot_supply_c) - self.hot_c) * part
        self.chilled_c += ((25.0 if chilled_lost else p.chilled_supply_c) - self.chilled_c) * part
        part = min(1.0, dt_s / _AIR_S)
        self.air_bar += ((0.0 if air_lost else 6.0) - self.air_bar) * part
        self.nitrogen_bar += ((0.0 if nitrogen_lost else 5.0) - self.nitrogen_bar) * part
        self.power = not power_lost
        self.estop = estop
        self.air_ok = self.air_bar > 3.0
        self.hot_flows = self.power and not hot_lost
        self.chilled_flows = self.power and not chilled_lost
        self.nitrogen = min(1.0, self.nitrogen_bar / 4.0)

    def step_fan(self, sp_pct: float, enable: bool, trip: bool, dt_s: float) -> None:
        """The vent fan ramps."""
        want = min(max(sp_pct * 0.01, 0.0), 1.0) if enable and self.power and not trip else 0.0
        if self.fan != want:
            ramp = dt_s / self.p.fan_ramp_s
            self.fan = min(want, self.fan + ramp) if want > self.fan else max(want, self.fan - ramp)
        self.duct_nm3_h = self.p.duct_flow_nm3_h * self.fan

    @property
    def fan_rpm(self) -> float:
        """Shaft speed of K-301."""
        return _FAN_RPM * self.fan

    @property
    def fan_kw(self) -> float:
        """Shaft power of K-301: 2.2 kW at full speed (assumed), by the cube law."""
        return 2.2 * self.fan**3


class Scrubber:
    """C-301: takes HCl out of the duct into its caustic. `liquor` in mol; `stack_hcl_mol` left over in the last step."""

    __slots__ = ("_alkalinity", "_ph", "caustic_l", "hcl_mg_nm3", "liquor", "p", "recirculates", "stack_hcl_mol")

    def __init__(self, p: WorldParameters) -> None:
        self.p = p
        self.liquor = empty_liquor()
        for i, n in CAUSTIC_10M.mol:
            self.liquor[i] += n * 0.1 * _START_ALKALINITY * p.scrubber_l
        self.liquor[WATER] += p.scrubber_l / LIQUOR_MASS_KG[WATER]
        self.stack_hcl_mol = self.hcl_mg_nm3 = self.caustic_l = 0.0
        self.recirculates = False
        self._alkalinity = -1.0
        self._ph = 7.0

    def step(self, hcl_mol: float, recirc: bool, caustic_valve: bool, duct_nm3_h: float, dt_s: float) -> None:
        """Absorb what came; `hcl_mol` in this step."""
        p = self.p
        self.recirculates = recirc
        self.caustic_l = p.caustic_l_min * dt_s / 60.0 if caustic_valve else 0.0
        if self.caustic_l > 0.0:
            for i, n in CAUSTIC_10M.mol:
                self.liquor[i] += n * self.caustic_l
        efficiency = (p.scrubber_efficiency if self.ph > 4.0 else 0.9) if recirc else 0.0
        taken = hcl_mol * efficiency
        self.liquor[H] += taken
        self.liquor[CL] += taken
        self.stack_hcl_mol = hcl_mol - taken
        flow = max(duct_nm3_h, 20.0)
        mg = self.stack_hcl_mol * 36458.0 / dt_s * 3600.0 / flow
        self.hcl_mg_nm3 += (mg - self.hcl_mg_nm3) * min(1.0, dt_s / 10.0)

    @property
    def ph(self) -> float:
        """pH of the scrubber liquor, refreshed where its alkalinity moved by a micromol per litre."""
        alkalinity = -self.liquor[H] / (self.liquor[WATER] * LIQUOR_MASS_KG[WATER])
        if abs(alkalinity - self._alkalinity) > 1e-6:
            self._alkalinity = alkalinity
            self._ph = carbonate_ph(alkalinity)
        return self._ph

    def dp_mbar(self, fan: float) -> float:
        """Pressure drop over the packing: 10 mbar at full flow and wetted (5-15, house domain brief 1), half of it dry (assumed)."""
        return fan * fan * (10.0 if self.recirculates else 5.0)


class Rooms:
    """Four hydrogen detectors and one HCl detector in the ventilated hall, each in its own zone."""

    __slots__ = ("air_m3_h", "h2_pct_lel", "hcl_ppm", "p")

    def __init__(self, p: WorldParameters) -> None:
        self.p = p
        self.h2_pct_lel = [0.0, 0.0, 0.0, 0.0]
        self.hcl_ppm = 0.0
        self.air_m3_h = p.room_air_m3_h

    def step(self, leaks_h2_mol: tuple[float, float, float, float], hcl_mol: float, power: bool, dt_s: float) -> None:
        """Leaks mix into a zone and are blown out of it; a quarter of the hall's air passes each."""
        p = self.p
        self.air_m3_h += ((p.room_air_m3_h if power else 0.02 * p.room_air_m3_h) - self.air_m3_h) * min(1.0, dt_s / 20.0)
        part = min(1.0, self.air_m3_h / 4.0 / p.room_zone_m3 / 3600.0 * dt_s)
        for k in range(4):
            level = self.h2_pct_lel[k]
            if level or leaks_h2_mol[k]:
                self.h2_pct_lel[k] = level + leaks_h2_mol[k] * NORMAL_M3 / p.room_zone_m3 * 2500.0 - level * part
        self.hcl_ppm += hcl_mol * NORMAL_M3 / (4.0 * p.room_zone_m3) * 1e6 - self.hcl_ppm * part
