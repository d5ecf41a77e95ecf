"""The air above the liquor: hydrogen, oxygen and nitrogen in the headspace, what leaves by the vent, and the vapour it carries.

The headspace stands at atmospheric pressure, so what is made or blown in pushes the same amount out, well mixed; where the level falls, air
comes back through the vent. Source: vapour pressure of water Antoine; of HCl Henry 2.04e6 mol2/kg2/atm at 25 degC, 74.9 kJ/mol [K-high].
"""

from math import exp
from typing import Final

ATMOSPHERE_PA: Final = 101325.0
_HCL_PA: Final = ATMOSPHERE_PA / 2.04e6
NORMAL_M3: Final = 0.022414
LEL_VOL_PCT: Final = 4.0  # hydrogen [K-high]


def water_vapour_pa(temperature_c: float) -> float:
    """Saturated vapour pressure of water, Pa (Antoine, 1-100 degC)."""
    return 133.322 * 10.0 ** (8.07131 - 1730.63 / (233.426 + temperature_c))


class Headspace:
    """Gas over one tank: `h2`, `o2`, `n2` mol; what left in the last step: `out_mol` dry, `out_h2`, `out_o2`, `out_n2`.

    `air_in_mol` is drawn from the room and so enters the books.
    """

    __slots__ = ("_t", "_vapour", "air_in_mol", "h2", "hcl_constant", "n2", "o2", "out_h2", "out_mol", "out_n2", "out_o2", "vapour_part")

    def __init__(self, volume_m3: float) -> None:
        n = ATMOSPHERE_PA * volume_m3 / (8.314462 * 293.15)
        self.h2, self.o2, self.n2 = 0.0, 0.21 * n, 0.79 * n
        self.out_mol = self.out_h2 = self.out_o2 = self.out_n2 = self.air_in_mol = 0.0
        self._t = -300.0
        self._vapour = self.vapour_part = self.hcl_constant = 0.0

    def _warm(self, temperature_c: float) -> None:
        self._t = temperature_c
        self._vapour = min(water_vapour_pa(min(temperature_c, 99.0)), 0.9 * ATMOSPHERE_PA)
        self.vapour_part = self._vapour / (ATMOSPHERE_PA - self._vapour)
        henry_pa = _HCL_PA * exp(-74.9 / 8.314462e-3 * (1.0 / (temperature_c + 273.15) - 1.0 / 298.15))
        self.hcl_constant = henry_pa / (ATMOSPHERE_PA - self._vapour)

    def step(self, volume_m3: float, temperature_c: float, air_mol: float, n2_mol: float, h2_mol: float, o2_mol: float) -> None:
        """Mix in what came during the step and let the surplus go. `air_mol` is the sweep; amounts in mol."""
        if abs(temperature_c - self._t) > 0.2:
            self._warm(temperature_c)
        room = (ATMOSPHERE_PA - self._vapour) * volume_m3 / (8.314462 * (temperature_c + 273.15))
        self.h2 += h2_mol
        self.o2 += o2_mol
        self.n2 += n2_mol
        total = self.h2 + self.o2 + self.n2
        if total + air_mol < room:
            air_mol = room - total
        if air_mol > 0.0:
            self.o2 += 0.21 * air_mol
            self.n2 += 0.79 * air_mol
            total += air_mol
        self.air_in_mol = air_mol
        out = total - room
        if out > 0.0:
            part = out / total
            self.out_h2, self.out_o2, self.out_n2 = self.h2 * part, self.o2 * part, self.n2 * part
            self.h2 -= self.out_h2
            self.o2 -= self.out_o2
            self.n2 -= self.out_n2
            self.out_mol = out
        else:
            self.out_mol = self.out_h2 = self.out_o2 = self.out_n2 = 0.0

    def oxygen_part(self) -> float:
        """Mole fraction of oxygen in the dry headspace."""
        total = self.h2 + self.o2 + self.n2
        return self.o2 / total if total > 0.0 else 0.0
