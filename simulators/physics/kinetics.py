"""How fast each phase dissolves: mixed chemical and ash control, one set of constants per feed profile.

For a conversion X, with y = (1 - X)^(1/3):  R_chem = 3 k_c y^2,  R_ash = 1.5 k_a y / (1 - y),  1/R = 1/R_chem + 1/R_ash   (per minute).
`relative_rate` gives R / (1 - X), which stays finite to the end of a particle.

Source: model class house domain brief 2.5 after Kumari 2018; constants per profile below.
"""

from math import exp
from typing import Final

import msgspec

R_KJ: Final = 8.314462e-3


class KineticProfile(msgspec.Struct, frozen=True, kw_only=True):
    """The rate constants of one kind of feed, each with the temperature, acid and size it was fixed at.

    `*_kc`, `*_ka` per minute; `*_ea` kJ/mol; `*_acid` mol/L; sizes in um. Never fitted to what the standard recipe should reach.
    """

    name: str = "roasted-A"
    source: str = "row A (Kumari 2018): 98 % at 300 min, 95 degC, 0.5 M HCl, 100 g/L; equal chemical and ash shares assumed"
    reference_d50_um: float = 150.0  # size of row A is not published: assumed
    perovskite_kc: float = 0.0
    perovskite_ka: float = 0.0
    perovskite_at_c: float = 95.0
    perovskite_acid: float = 0.5
    perovskite_ea: float = 30.1  # Kumari 2018 [K-high]; the apparent value, used for both resistances
    order: float = 0.5  # of 0.5-1 [K-med] the one that leaves row A's bracket A'..A'' least as its acid is used up
    oxide_kc: float = 0.3  # RE2O3 at 80 degC [K-med]
    oxide_ea: float = 30.1  # assumed as the perovskite
    hematite_kc: float = 2.0e-4  # at 80 degC in 1 M [K-low]
    hematite_at_c: float = 80.0
    hematite_acid: float = 1.0
    hematite_ea: float = 70.0
    minor_kc: float = 5.0e-3  # Co, Ni, Cu, Al oxides at 80 degC in 0.5 M: assumed
    boron_kc: float = 5.0e-2  # boron phase at 80 degC in 0.5 M: assumed
    minor_ea: float = 40.0  # assumed
    metal_kc: float = 0.05  # at 40 degC in 2 M, 150 um [K-med]
    metal_at_c: float = 40.0
    metal_acid: float = 2.0
    metal_ea: float = 40.0
    metal_order: float = 1.0
    boundary_factor: float = 5.0  # RE-rich grain boundary against matrix [K-med]


# perovskite_kc and perovskite_ka are what `validation.identify_row_a` finds when both resistances take half of the time to 98 %, with the
# acid of row A being used up as it goes; tests/simulators/physics/test_validation.py finds them again.
ROASTED_A: Final = KineticProfile(perovskite_kc=9.8962e-3, perovskite_ka=3.7060e-3)
ROASTED_C: Final = KineticProfile(
    name="roasted-C",
    source="row C (Jiang 2020): REE 96.27 % in 30 min at 110 degC; chemical control, house domain brief 2.6",
    perovskite_kc=2.2e-2,
    perovskite_ka=1e6,
    perovskite_at_c=110.0,
    perovskite_acid=1.0,  # assumed: the acid of row C is in excess and its strength unpublished
    hematite_kc=0.0,  # row C: 13.33 % Fe is less than the perovskite's own 13.75 %, so none can be resolved
)
PROFILES: Final = {p.name: p for p in (ROASTED_A, ROASTED_C)}


def arrhenius(ea_kj: float, temperature_c: float, at_c: float) -> float:
    """Factor of a rate constant between two temperatures."""
    return exp(-ea_kj / R_KJ * (1.0 / (temperature_c + 273.15) - 1.0 / (at_c + 273.15)))


def relative_rate(kc: float, ka: float, y: float) -> float:
    """R / (1 - X) per minute for y = (1 - X)^(1/3), mixed control."""
    return 1.0 / (y / (3.0 * kc) + (1.0 - y) * y * y / (1.5 * ka) + 1e-12)


class Rates:
    """The constants of one tank's feed, per minute, brought to its temperature, acid and particle size.

    `chemical` scales with d_ref/d and `ash` with (d_ref/d)^2; both with the mixing factor f(N).
    """

    __slots__ = (
        "_size", "_t", "_thermal", "boron", "boundary", "hematite", "metal", "minor", "oxide", "perovskite_a", "perovskite_c", "profile",
    )  # fmt: skip

    def __init__(self, profile: KineticProfile = ROASTED_A, d50_um: float = 150.0) -> None:
        self.perovskite_c = self.perovskite_a = self.oxide = self.hematite = self.minor = self.boron = self.metal = self.boundary = 0.0
        self._thermal = (0.0, 0.0, 0.0, 0.0, 0.0)
        self.set_feed(profile, d50_um)

    def set_feed(self, profile: KineticProfile, d50_um: float) -> None:
        """Take the constants of this feed and size."""
        self.profile = profile
        self._size = profile.reference_d50_um / max(d50_um, 1.0)
        self._t = -300.0

    def update(self, temperature_c: float, acid_mol_l: float, mixing: float) -> None:
        """Bring all constants to these conditions."""
        p = self.profile
        if abs(temperature_c - self._t) > 0.05:
            self._t = temperature_c
            self._thermal = (
                arrhenius(p.perovskite_ea, temperature_c, p.perovskite_at_c),
                arrhenius(p.oxide_ea, temperature_c, 80.0),
                arrhenius(p.hematite_ea, temperature_c, p.hematite_at_c),
                arrhenius(p.minor_ea, temperature_c, 80.0),
                arrhenius(p.metal_ea, temperature_c, p.metal_at_c),
            )
        f_perovskite, f_oxide, f_hematite, f_minor, f_metal = self._thermal
        chemical = self._size * mixing
        order = p.order
        acid_a = (acid_mol_l / p.perovskite_acid) ** order
        half = (acid_mol_l / 0.5) ** order
        self.perovskite_c = p.perovskite_kc * f_perovskite * acid_a * chemical
        self.perovskite_a = p.perovskite_ka * f_perovskite * acid_a * chemical * self._size
        self.oxide = p.oxide_kc * f_oxide * half * chemical
        self.hematite = p.hematite_kc * f_hematite * (acid_mol_l / p.hematite_acid) ** order * chemical
        self.minor = p.minor_kc * f_minor * half * chemical
        self.boron = p.boron_kc * f_minor * half * chemical
        self.metal = p.metal_kc * f_metal * (acid_mol_l / p.metal_acid) ** p.metal_order * chemical
        self.boundary = self.metal * p.boundary_factor
