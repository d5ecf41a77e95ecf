"""What happens in a stirred vessel of liquor and solid in one step: every reaction, its acid, its water, its gas and its heat.

Each reaction is one row of whole numbers (`reactions`), so that mass and charge are exact whatever the rates do.
Extents are bounded by what is there: a phase decays by exp(-k dt), acid demand is shared out by A / (A + demand), where A is the buffer
capacity (the acid that moves ln[H+] by one), and a precipitation may not move ln[H+] by more than a half in one step.

Source: stoichiometry house domain brief 2.2; heats from the formation enthalpies in `species`.
"""

from math import exp
from typing import Final

from simulators.physics.kinetics import Rates, arrhenius, relative_rate
from simulators.physics.reactions import COPPER_METAL, DISSOLUTION, HEAT_AIR, HEAT_DECAY, HEAT_FERRIC, HEAT_PEROXIDE, IRON_METAL
from simulators.physics.speciation import LN10, Speciation, log_k
from simulators.physics.species import (
    AL,
    AL_OH,
    ALO,
    BO,
    BOUNDARY,
    CO,
    CO_OH,
    COO,
    CU,
    CU_OH,
    CUO,
    FE2,
    FE2_OH,
    FE3,
    FERRIHYDRITE,
    H2O2,
    HEMATITE,
    HEMATITE_NEW,
    HYDROXIDE,
    INERT,
    METAL,
    ND,
    NI,
    NI_OH,
    NIO,
    OXIDE,
    PEROVSKITE,
    RARE_EARTHS,
    SORBED,
    WATER,
    H,
)  # fmt: skip

HEMATITE_LOG_KS: Final = 0.5  # goethite/hematite, Fe3+ + water = solid + 3 H+ reversed, 25 degC; <= 1 (house domain brief 0.1)
HEMATITE_KS_H: Final = -62.0  # kJ/mol, between hematite -65 and goethite -60.6 [K-high]
HEMATITE_K: Final = (0.02, 80.0, 80.0)  # per min at 80 degC, Ea 80 kJ/mol: assumed
FERRIHYDRITE_LOG_KS: Final = 3.96  # [K-high]
FERRIHYDRITE_KS_H: Final = -73.4  # kJ/mol [K-med]
FERRIHYDRITE_K: Final = (0.5, 50.0, 25.0)  # per min at 25 degC, Ea 50: assumed
HYDROXIDE_K: Final = 2.0  # per min: assumed
# log*Ks of the hydroxides: RE from pKsp 21.5 (Nd, Pr) and 21.9 (Dy, Tb); the rest put at the onset pH of the house brief, 2.5.
# No temperature term: assumed.
_HYDROXIDES: Final = (
    *((HYDROXIDE + i, ND + i, 3, 20.5 if e in ("Nd", "Pr") else 20.1) for i, e in enumerate(RARE_EARTHS)),
    (AL_OH, AL, 3, 10.8),
    (CU_OH, CU, 2, 9.3),
    (CO_OH, CO, 2, 13.5),
    (NI_OH, NI, 2, 13.5),
    (FE2_OH, FE2, 2, 13.4),
)
HYDROXIDE_ONSET_PH: Final = 3.2
SORPTION_AT_3_5: Final = 0.015  # of the RE, middle of 0.5-3 % at pH 3.5 [K-med]
SORPTION_SLOPE: Final = 0.55  # decades per pH: 10 % at pH 5 [K-med]
SORPTION_HALF: Final = 0.05  # mol ferrihydrite per mol RE at which half of that is reached: assumed
SORPTION_PER_MIN: Final = 0.05  # assumed
PEROXIDE_IRON: Final = (76.0, 40.0, 25.0)  # L/mol/s at 25 degC, Ea 40 (Fenton's first step) [K-med]
PEROXIDE_DECAY: Final = (2.0e-5, 60.0, 25.0)  # per s at 25 degC in iron liquor, Ea 60: assumed
AIR_IRON: Final = (2.0e-8, 70.0, 25.0)  # per s in air at 25 degC, Ea 70; acid chloride, very slow: assumed
FERRIC_METAL: Final = 0.5  # per min, Fe3+ reduced by metal while any is left: assumed


_THIRD: Final = 1.0 / 3.0


class Chemistry:
    """The reactions of one vessel. `step` changes `liquor` and `solid` in place and leaves gas and heat in its attributes.

    `hydrogen_mol`, `oxygen_mol` (given off; negative when air's oxygen is taken up), `heat_kj` (released) of the last step; `rates` belongs
    to the feed; `saturation` is Omega of the leach's iron oxide.
    """

    __slots__ = ("_ks_f", "_ks_h", "_t", "_thermal", "heat_kj", "hydrogen_mol", "oxygen_mol", "rates", "saturation", "speciation")

    def __init__(self) -> None:
        self.rates = Rates()
        self.speciation = Speciation()
        self.hydrogen_mol = self.oxygen_mol = self.heat_kj = self.saturation = 0.0
        self._t = -300.0
        self._ks_h = self._ks_f = 0.0
        self._thermal = (0.0,) * 5

    def _warm(self, temperature_c: float) -> None:
        self._t = temperature_c
        self._ks_h = 10.0 ** log_k(HEMATITE_LOG_KS, HEMATITE_KS_H, temperature_c)
        self._ks_f = 10.0 ** log_k(FERRIHYDRITE_LOG_KS, FERRIHYDRITE_KS_H, temperature_c)
        laws = (HEMATITE_K, FERRIHYDRITE_K, PEROXIDE_IRON, PEROXIDE_DECAY, AIR_IRON)
        self._thermal = tuple(k * arrhenius(ea, temperature_c, at) for k, ea, at in laws)

    def step(
        self,
        liquor: list[float],
        solid: list[float],
        charged: list[float],
        volume_l: float,
        temperature_c: float,
        mixing: float,
        oxygen: float,
        dt_s: float,
    ) -> None:
        """React for `dt_s` (keep it at 2 s or less).

        `charged` mol per phase as it came in, the base of conversion; `volume_l` of liquor; `mixing` f(N) 0.1..1; `oxygen` mole fraction in
        the headspace.
        """
        self.hydrogen_mol = self.oxygen_mol = self.heat_kj = 0.0
        if abs(temperature_c - self._t) > 0.1:
            self._warm(temperature_c)
        s = self.speciation
        s.solve(liquor, volume_l, temperature_c)
        budget = s.buffer * volume_l  # mol of acid that moves ln[H+] by one
        a_h = s.gamma * s.h
        a_h3 = a_h * a_h * a_h
        g3 = s.gamma**9
        a_iron = g3 * s.iron_free
        omega_h = a_iron / (self._ks_h * a_h3)
        omega_f = a_iron / (self._ks_f * a_h3)
        self.saturation = omega_h
        dt_min = dt_s / 60.0
        if liquor[FE3] > 1e-9:
            if omega_h > 1.0:
                self._precipitate_iron(liquor, solid, HEMATITE_NEW, self._thermal[0], omega_h, budget, dt_min)
            if omega_f > 1.0:
                self._precipitate_iron(liquor, solid, FERRIHYDRITE, self._thermal[1], omega_f, budget, dt_min)
        if s.ph > HYDROXIDE_ONSET_PH or sum(solid[HYDROXIDE:INERT]) > 1e-9:
            self._precipitate_hydroxides(liquor, solid, volume_l, a_h, budget, dt_min)
        if solid[FERRIHYDRITE] > 1e-6 or solid[SORBED] > 1e-9:
            self._sorb(liquor, solid, s.ph, budget, dt_min)
        self._dissolve(liquor, solid, charged, temperature_c, mixing, omega_h, omega_f, budget, dt_min)
        self._oxidise(liquor, solid, volume_l, oxygen, dt_s)

    def _dissolve(
        self,
        liquor: list[float],
        solid: list[float],
        charged: list[float],
        temperature_c: float,
        mixing: float,
        omega_h: float,
        omega_f: float,
        budget: float,
        dt_min: float,
    ) -> None:
        rates = self.rates
        s = self.speciation
        rates.update(temperature_c, s.h, mixing)
        extents: list[tuple[int, float]] = []
        demand = 0.0
        for i in range(PEROVSKITE, PEROVSKITE + 4):
            n = solid[i]
            if n > 1e-12:
                y = (n / charged[i]) ** _THIRD if n < charged[i] else 1.0
                x = n * (1.0 - exp(-relative_rate(rates.perovskite_c, rates.perovskite_a, y) * dt_min))
                extents.append((i, x))
                demand += 6.0 * x
        under = 1.0 - omega_h if omega_h < 1.0 else 0.0
        for i, k in (
            (HEMATITE, rates.hematite * under), (HEMATITE_NEW, rates.hematite * under), (COO, rates.minor), (NIO, rates.minor),
            (CUO, rates.minor), (ALO, rates.minor), (BO, rates.boron), (OXIDE, rates.oxide), (OXIDE + 1, rates.oxide),
            (OXIDE + 2, rates.oxide), (OXIDE + 3, rates.oxide),
        ):  # fmt: skip
            n = solid[i]
            if n > 1e-12 and k > 0.0:
                y = (n / charged[i]) ** _THIRD if n < charged[i] else 1.0
                x = n * (1.0 - exp(-3.0 * k * dt_min / y))
                extents.append((i, x))
                demand += DISSOLUTION[i].acid * x
        if omega_f < 1.0 and solid[FERRIHYDRITE] > 1e-12:
            x = solid[FERRIHYDRITE] * (1.0 - exp(-self._thermal[1] * (1.0 - omega_f) * dt_min))
            extents.append((FERRIHYDRITE, x))
            demand += 3.0 * x
        demand += self._dissolve_metal(solid, charged, extents, dt_min)
        share = budget / (budget + demand) if demand > 0.0 else 1.0
        for i, x in extents:
            self._apply(liquor, solid, i, x * share)

    def _dissolve_metal(self, solid: list[float], charged: list[float], extents: list[tuple[int, float]], dt_min: float) -> float:
        """The matrix goes congruently (its copper stays behind as metal), the grain boundary likewise; returns the acid wanted, mol."""
        demand = 0.0
        iron = solid[IRON_METAL]
        if iron > 1e-12:
            y = (iron / charged[IRON_METAL]) ** _THIRD if iron < charged[IRON_METAL] else 1.0
            fraction = 1.0 - exp(-3.0 * self.rates.metal * dt_min / y)
            for i in range(METAL, METAL + 10):
                if solid[i] > 0.0 and i != COPPER_METAL:
                    x = solid[i] * fraction
                    extents.append((i, x))
                    demand += DISSOLUTION[i].acid * x
        for i in range(BOUNDARY, BOUNDARY + 4):
            n = solid[i]
            if n > 1e-12:
                y = (n / charged[i]) ** _THIRD if n < charged[i] else 1.0
                x = n * (1.0 - exp(-3.0 * self.rates.boundary * dt_min / y))
                extents.append((i, x))
                demand += 3.0 * x
        return demand

    def _apply(self, liquor: list[float], solid: list[float], i: int, x: float) -> None:
        """`x` mol of phase `i` dissolve (negative: precipitate)."""
        row = DISSOLUTION[i]
        solid[i] -= x
        liquor[row.cation] += x
        if row.iron:
            liquor[FE3] += x * row.iron
        liquor[H] -= x * row.acid
        liquor[WATER] += x * row.water
        self.hydrogen_mol += x * row.hydrogen
        self.heat_kj -= x * row.heat_kj

    def _precipitate_iron(
        self, liquor: list[float], solid: list[float], i: int, k_per_min: float, omega: float, budget: float, dt_min: float
    ) -> None:
        x = liquor[FE3] * (1.0 - 1.0 / omega) * (1.0 - exp(-k_per_min * dt_min))
        self._apply(liquor, solid, i, -min(x, budget / 6.0))

    def _precipitate_hydroxides(
        self, liquor: list[float], solid: list[float], volume_l: float, a_h: float, budget: float, dt_min: float
    ) -> None:
        gamma = self.speciation.gamma
        part = 1.0 - exp(-HYDROXIDE_K * dt_min)
        budget *= 0.5
        for i, cation, z, log_ks in _HYDROXIDES:
            n = liquor[cation]
            if n > 1e-9 or solid[i] > 1e-9:
                activity = n / volume_l * gamma ** (z * z)
                omega = activity / (exp(LN10 * log_ks) * a_h**z)
                if omega > 1.0:
                    x = -min(n * (1.0 - 1.0 / omega) * part, budget / z)
                else:
                    x = min(solid[i] * (1.0 - omega) * part, budget / z)
                budget -= abs(x) * z
                self._apply(liquor, solid, i, x)

    def _sorb(self, liquor: list[float], solid: list[float], ph: float, budget: float, dt_min: float) -> None:
        """Rare earths taken up by (or given back from) the iron cake, drifting to the share the pH allows."""
        dissolved = liquor[ND] + liquor[ND + 1] + liquor[ND + 2] + liquor[ND + 3]
        held = solid[SORBED] + solid[SORBED + 1] + solid[SORBED + 2] + solid[SORBED + 3]
        total = dissolved + held
        if total < 1e-9:
            return
        ratio = solid[FERRIHYDRITE] / total
        share = min(SORPTION_AT_3_5 * exp(LN10 * SORPTION_SLOPE * (ph - 3.5)), 0.3) * ratio / (ratio + SORPTION_HALF)
        part = 1.0 - exp(-SORPTION_PER_MIN * dt_min)
        budget /= 15.0
        for k in range(4):
            want = share * (liquor[ND + k] + solid[SORBED + k])
            x = (solid[SORBED + k] - want) * part
            self._apply(liquor, solid, SORBED + k, max(-budget, min(budget, x)))

    def _oxidise(self, liquor: list[float], solid: list[float], volume_l: float, oxygen: float, dt_s: float) -> None:
        """Fe2+ by peroxide and by air, peroxide's own decay, and Fe3+ reduced by metal that is left."""
        _, _, k_fenton, k_decay, k_air = self._thermal
        iron = liquor[FE2]
        peroxide = liquor[H2O2]
        if peroxide > 1e-12:
            if iron > 1e-12:
                more = max(0.5 * iron, peroxide) / volume_l
                x = min(0.5 * iron, peroxide) * (1.0 - exp(-k_fenton * more * dt_s))
                liquor[FE2] -= 2.0 * x
                liquor[FE3] += 2.0 * x
                liquor[H] -= 2.0 * x
                liquor[H2O2] -= x
                liquor[WATER] += 2.0 * x
                self.heat_kj -= x * HEAT_PEROXIDE
                peroxide = liquor[H2O2]
            x = peroxide * (1.0 - exp(-k_decay * dt_s))
            liquor[H2O2] -= x
            liquor[WATER] += x
            self.oxygen_mol += 0.5 * x
            self.heat_kj -= x * HEAT_DECAY
        if iron > 1e-9 and oxygen > 1e-4:
            x = liquor[FE2] * (1.0 - exp(-k_air * oxygen / 0.21 * dt_s))
            liquor[FE2] -= x
            liquor[FE3] += x
            liquor[H] -= x
            liquor[WATER] += 0.5 * x
            self.oxygen_mol -= 0.25 * x
            self.heat_kj -= x * HEAT_AIR
        metal = solid[IRON_METAL]
        if metal > 1e-12 and liquor[FE3] > 1e-12:
            x = min(0.5 * liquor[FE3], metal) * (1.0 - exp(-FERRIC_METAL * dt_s / 60.0))
            solid[IRON_METAL] -= x
            liquor[FE3] -= 2.0 * x
            liquor[FE2] += 3.0 * x
            self.heat_kj -= x * HEAT_FERRIC
