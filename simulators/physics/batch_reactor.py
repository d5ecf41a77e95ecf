"""A beaker at constant temperature: the reactions alone, for validation against published rows and for the titration test."""

from simulators.physics.chemistry import Chemistry
from simulators.physics.feed import Feed
from simulators.physics.kinetics import PROFILES, KineticProfile
from simulators.physics.species import (
    CATION,
    CL,
    FE3,
    LIQUOR_MASS_KG,
    LIQUOR_VOLUME_L,
    METALS,
    NA,
    SOLID_ELEMENTS,
    WATER,
    H,
    dot,
    empty_liquor,
    empty_solid,
)  # fmt: skip


class Beaker:
    """Liquor and solid held at `temperature_c`, perfectly stirred, open to nothing."""

    def __init__(self, water_l: float, hcl_mol: float, temperature_c: float) -> None:
        self.liquor = empty_liquor()
        self.liquor[WATER] = water_l / LIQUOR_MASS_KG[WATER]
        self.solid = empty_solid()
        self.charged = empty_solid()
        self.temperature_c = temperature_c
        self.chemistry = Chemistry()
        self.add_acid(hcl_mol)

    def add_acid(self, mol: float) -> None:
        """Hydrogen chloride, without water."""
        self.liquor[H] += mol
        self.liquor[CL] += mol

    def add_base(self, mol: float) -> None:
        """Sodium hydroxide, without water."""
        self.liquor[NA] += mol
        self.liquor[H] -= mol
        self.liquor[WATER] += mol

    def add_feed(self, feed: Feed, mass_kg: float, profile: KineticProfile | None = None) -> None:
        """Tip a lot in; its rate constants are its profile's or those given."""
        for i, n in enumerate(feed.solids(mass_kg)):
            self.solid[i] += n
            self.charged[i] += n
        self.chemistry.rates.set_feed(profile or PROFILES[feed.profile], feed.d50_um)

    @property
    def volume_l(self) -> float:
        """Volume of the liquor."""
        return dot(self.liquor, LIQUOR_VOLUME_L)

    def run(self, minutes: float, dt_s: float = 2.0) -> None:
        """React for so long."""
        for _ in range(round(minutes * 60.0 / dt_s)):
            self.chemistry.step(self.liquor, self.solid, self.charged, self.volume_l, self.temperature_c, 1.0, 0.0, dt_s)

    @property
    def ph(self) -> float:
        """pH at the beaker's temperature."""
        return self.chemistry.speciation.solve(self.liquor, self.volume_l, self.temperature_c)

    def element_mol(self, element: str, where: str) -> float:
        """Mol of an element in the "liquor", in the "solid" or as "charged"."""
        if where == "liquor":
            extra = self.liquor[FE3] if element == "Fe" else 0.0
            return self.liquor[CATION[element]] + extra
        amounts = self.solid if where == "solid" else self.charged
        return sum(n * row.get(element, 0.0) for n, row in zip(amounts, SOLID_ELEMENTS, strict=True))

    def extraction(self) -> dict[str, float]:
        """Dissolved fraction of each element charged."""
        return {e: 1.0 - self.element_mol(e, "solid") / c for e in METALS if (c := self.element_mol(e, "charged")) > 0.0}
