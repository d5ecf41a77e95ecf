"""Liquor and solids that share a vessel, their heat, and how a part of them is taken out."""

from simulators.physics.species import (
    CP_LIQUOR_WATER,
    CP_SOLID,
    LIQUOR_ENTHALPY,
    LIQUOR_MASS_KG,
    LIQUOR_VOLUME_L,
    SOLID_ENTHALPY,
    SOLID_MASS_KG,
    SOLID_VOLUME_L,
    T_REF_C,
    WATER,
    dot,
    empty_liquor,
    empty_solid,
)


class Contents:
    """What stands in a vessel. `liquor` and `solid` in mol, `heat_kj` sensible above 25 degC, `charged` solids as they came in.

    `measure()` refreshes `liquor_l`, `liquor_kg`, `solid_kg`, `solid_l`, `capacity_kj_k`, `temperature_c`.
    """

    __slots__ = ("capacity_kj_k", "charged", "heat_kj", "liquor", "liquor_kg", "liquor_l", "solid", "solid_kg", "solid_l", "temperature_c")

    def __init__(self, temperature_c: float = 20.0) -> None:
        self.liquor = empty_liquor()
        self.solid = empty_solid()
        self.charged = empty_solid()
        self.heat_kj = 0.0
        self.liquor_l = self.liquor_kg = self.solid_kg = self.solid_l = self.capacity_kj_k = 0.0
        self.temperature_c = temperature_c

    def weigh_solids(self) -> None:
        """Mass and volume of the solids; to be called where they changed."""
        self.solid_kg = dot(self.solid, SOLID_MASS_KG)
        self.solid_l = dot(self.solid, SOLID_VOLUME_L)

    def measure(self) -> None:
        """Volume, mass and temperature of what is there now."""
        liquor = self.liquor
        c = CP_LIQUOR_WATER * liquor[WATER] + CP_SOLID * self.solid_kg
        self.capacity_kj_k = c
        if c > 0.4:  # about 0.1 L of water; below it the temperature is the wall's
            self.temperature_c = t = T_REF_C + self.heat_kj / c
        else:
            t = self.temperature_c
        swell = 1.0 + 4.0e-6 * (t - 4.0) * (t - 4.0)  # water's expansion: 2.3 % at 80 degC
        self.liquor_l = dot(liquor, LIQUOR_VOLUME_L) * swell
        self.liquor_kg = dot(liquor, LIQUOR_MASS_KG)

    def enthalpy_kj(self) -> float:
        """Formation plus sensible enthalpy: what only an exchange with the outside can change."""
        return dot(self.liquor, LIQUOR_ENTHALPY) + dot(self.solid, SOLID_ENTHALPY) + self.heat_kj

    def take(self, liquor_part: float, solid_part: float) -> tuple[list[float], list[float], float]:
        """Remove these fractions; returns the liquor, the solid (mol) and their sensible heat (kJ)."""
        liquor, solid, charged = self.liquor, self.solid, self.charged
        heat = 0.0
        if self.capacity_kj_k > 0.0:
            part = (CP_LIQUOR_WATER * liquor[WATER] * liquor_part + CP_SOLID * self.solid_kg * solid_part) / self.capacity_kj_k
            heat = self.heat_kj * min(part, 1.0)
        out_liquor = [n * liquor_part for n in liquor]
        for i, n in enumerate(out_liquor):
            liquor[i] -= n
        if solid_part > 0.0 and self.solid_kg > 0.0:
            out_solid = [n * solid_part for n in solid]
            keep = 1.0 - solid_part
            for i, n in enumerate(out_solid):
                if n:
                    solid[i] -= n
            self.charged = [n * keep for n in charged]
            self.weigh_solids()
        else:
            out_solid = empty_solid()
        self.heat_kj -= heat
        return out_liquor, out_solid, heat

    def put(self, liquor: list[float], solid: list[float] | None = None, heat_kj: float = 0.0) -> None:
        """Add liquor, solid (as newly charged) and their sensible heat."""
        mine = self.liquor
        for i, n in enumerate(liquor):
            if n:
                mine[i] += n
        if solid is not None:
            for i, n in enumerate(solid):
                if n:
                    self.solid[i] += n
                    self.charged[i] += n
            self.weigh_solids()
        self.heat_kj += heat_kj
