"""A lot of magnet swarf or roast as the hopper gets it, and the phases it is made of.

    Feed(name="L-7", assay={"Nd": 0.228, ...}, basis="alloy", state="roasted").solids(82.6)   ->  mol per phase

Source: phases of a roast Jiang 2020, Orefice and Binnemans 2019 (house domain brief 2.2): all rare earth as REFeO3 at 800 degC,
RE2O3 below 500.
"""

from typing import Final, Literal

import msgspec

from simulators.physics.kinetics import PROFILES
from simulators.physics.species import (
    ALO,
    ATOMIC_WEIGHT,
    BO,
    BOUNDARY,
    COO,
    CUO,
    HEMATITE,
    INERT,
    METAL,
    METALS,
    NIO,
    OXIDE,
    PEROVSKITE,
    RARE_EARTHS,
    SOLID_MASS_KG,
    dot,
    empty_solid,
)  # fmt: skip

FeedState = Literal["metal", "partly_oxidised", "roasted"]
DEFAULT_A: Final = {"Nd": 0.228, "Pr": 0.055, "Dy": 0.018, "Tb": 0.002, "Fe": 0.654, "B": 0.010, "Co": 0.013, "Al": 0.004, "Cu": 0.0015}
""""Simulator default A" of the house domain brief (EV magnet), weight fraction of the alloy; the rest is inert."""
WIND_TURBINE: Final = {"Nd": 0.236, "Pr": 0.053, "Dy": 0.004, "Fe": 0.69, "B": 0.01}
"""Feed of row A, back-calculated from the liquor of Kumari 2018 [C]."""
ND2FE14B: Final = {"Nd": 2 * 144.242 / 1081.12, "Fe": 14 * 55.845 / 1081.12, "B": 10.81 / 1081.12}
_OXIDISED: Final = {"metal": 0.0, "partly_oxidised": 0.6, "roasted": 1.0}  # share of the alloy; partly 0.6 is assumed
_PEROVSKITE: Final = {"metal": 0.0, "partly_oxidised": 0.2, "roasted": 1.0}  # share of the oxidised RE: Fe-bound only above 500-600 degC
BOUNDARY_SHARE: Final = 0.10  # of the metal's RE in the RE-rich grain boundary: assumed from 30.3 % RE against 26.7 % in Nd2Fe14B
_OXIDES: Final = (("Co", COO), ("Ni", NIO), ("Cu", CUO), ("Al", ALO), ("B", BO))


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """One lot: what it truly holds, whatever its papers say.

    `assay` weight fractions, of the dry lot as charged (`basis="as_fed"`) or of the alloy before it was oxidised (`"alloy"`); `moisture`
    weight fraction of the lot as weighed; `d50_um`; `profile` names its rate constants in `kinetics.PROFILES`.
    """

    name: str = "default-A"
    assay: dict[str, float] = msgspec.field(default_factory=lambda: dict(DEFAULT_A))
    basis: Literal["as_fed", "alloy"] = "alloy"
    state: FeedState = "roasted"
    moisture: float = 0.0
    d50_um: float = 150.0
    profile: str = "roasted-A"
    oxidised_share: float | None = None
    perovskite_share: float | None = None

    def __post_init__(self) -> None:
        unknown = set(self.assay) - set(METALS) - {"other"}
        if unknown or self.profile not in PROFILES:
            raise ValueError(f"lot {self.name}: unknown element {sorted(unknown)} or profile {self.profile!r}; nothing tipped")
        if not (0.0 <= self.moisture < 1.0 and self.d50_um > 0.0 and all(v >= 0.0 for v in self.assay.values())):
            raise ValueError(f"lot {self.name}: moisture {self.moisture}, d50 {self.d50_um} um or a negative assay; nothing tipped")

    def solids(self, mass_kg: float) -> list[float]:
        """The phases in `mass_kg` as weighed (water left out), mol per phase; exact to that dry mass, the remainder being inert.

        Raises ValueError where the assay and its oxygen outweigh the lot by more than 1 %.
        """
        dry = mass_kg * (1.0 - self.moisture)
        solid = self._phases()
        own = dot(solid, SOLID_MASS_KG)
        alloy_rest = max(0.0, 1.0 - sum(v for e, v in self.assay.items() if e != "other")) if self.basis == "alloy" else 0.0
        total = own + alloy_rest if self.basis == "alloy" else max(1.0, own)
        if self.basis == "as_fed" and own > 1.01:
            raise ValueError(
                f"lot {self.name}: elements and oxygen weigh {own:.3f} kg per kg of lot; assay is of the alloy? nothing tipped"
            )
        solid[INERT] = total - own
        return [n * dry / total for n in solid]

    def element_kg(self, mass_kg: float) -> dict[str, float]:
        """Kilograms of each assayed element in `mass_kg` as weighed."""
        dry = mass_kg * (1.0 - self.moisture)
        own = dot(self._phases(), SOLID_MASS_KG)
        rest = max(0.0, 1.0 - sum(v for e, v in self.assay.items() if e != "other"))
        scale = dry / (own + rest if self.basis == "alloy" else max(1.0, own))
        return {e: self.assay.get(e, 0.0) * scale for e in METALS}

    def _phases(self) -> list[float]:
        """Mol per phase for the elements of one kg of what `assay` speaks of."""
        ox = self.oxidised_share if self.oxidised_share is not None else _OXIDISED[self.state]
        per = self.perovskite_share if self.perovskite_share is not None else _PEROVSKITE[self.state]
        mol = {e: self.assay.get(e, 0.0) * 1000.0 / ATOMIC_WEIGHT[e] for e in METALS}
        solid = empty_solid()
        for k, e in enumerate(RARE_EARTHS):
            solid[METAL + k] = mol[e] * (1.0 - ox) * (1.0 - BOUNDARY_SHARE)
            solid[BOUNDARY + k] = mol[e] * (1.0 - ox) * BOUNDARY_SHARE
            solid[PEROVSKITE + k] = mol[e] * ox * per
            solid[OXIDE + k] = mol[e] * ox * (1.0 - per)
        bound = sum(solid[PEROVSKITE : PEROVSKITE + 4])
        solid[METAL + 4] = mol["Fe"] * (1.0 - ox)
        solid[HEMATITE] = mol["Fe"] * ox - bound
        if solid[HEMATITE] < 0.0:
            raise ValueError(f"lot {self.name}: {bound:.2f} mol/kg of REFeO3 wants more iron than there is; nothing tipped")
        for e, oxide in _OXIDES:
            solid[METAL + METALS.index(e)] = mol[e] * (1.0 - ox)
            solid[oxide] = mol[e] * ox
        return solid
