"""The reagents: what a litre of each is made of and how much heat its mixing gives.

The excess heat is what the stock holds above its components at infinite dilution: it comes free on entry. For caustic it includes the
neutralisation, -55.8 kJ/mol, since its hydroxide is booked as water less a proton (exact as long as the tank stays acid).
"""

from typing import Final, NamedTuple

from simulators.physics.species import CL, CP_LIQUOR_WATER, H2O2, LIQUOR_ENTHALPY, LIQUOR_MASS_KG, NA, WATER, H

HCL_DILUTION_KJ: Final = 12.0  # per mol, 32 % to 2 M [K-med]
NEUTRALISATION_KJ: Final = 55.8  # [C]
NAOH_DILUTION_KJ: Final = 3.0  # per mol from 10 M: assumed
_HCL_G: Final = 36.458
_WATER_KG: Final = LIQUOR_MASS_KG[WATER]


class Stock(NamedTuple):
    """One litre: `mol` as (component, mol/L) pairs, `enthalpy_kj` formation + excess at 25 degC, `excess_kj`, `cp_kj_k`, `kg`."""

    mol: tuple[tuple[int, float], ...]
    enthalpy_kj: float
    excess_kj: float
    cp_kj_k: float
    kg: float


def _stock(mol: dict[int, float], excess_kj: float) -> Stock:
    formation = sum(LIQUOR_ENTHALPY[i] * n for i, n in mol.items())
    mass = sum(LIQUOR_MASS_KG[i] * n for i, n in mol.items())
    return Stock(tuple(mol.items()), formation + excess_kj, excess_kj, CP_LIQUOR_WATER * mol[WATER], mass)


def hydrochloric_acid(weight_fraction: float) -> Stock:
    """HCl of this strength; 0.32 is 1.159 kg/L and 10.17 mol/L [C]."""
    density = 1.0 + 0.159 * weight_fraction / 0.32
    hcl = weight_fraction * density * 1000.0 / _HCL_G
    return _stock({H: hcl, CL: hcl, WATER: (1.0 - weight_fraction) * density / _WATER_KG}, HCL_DILUTION_KJ * hcl)


def caustic(mol_l: float) -> Stock:
    """NaOH; 10 mol/L is 1.33 kg/L [K-high]."""
    water_kg = 1.0 + 0.033 * mol_l - 0.039997 * mol_l
    excess_kj = (NEUTRALISATION_KJ + NAOH_DILUTION_KJ * mol_l / 10.0) * mol_l
    return _stock({NA: mol_l, H: -mol_l, WATER: mol_l + water_kg / _WATER_KG}, excess_kj)


WATER_STOCK: Final = _stock({WATER: 0.998 / _WATER_KG}, 0.0)
PEROXIDE_35: Final = _stock({H2O2: 0.35 * 1132.0 / 34.014, WATER: 0.65 * 1.132 / _WATER_KG}, 0.0)
"""35 % hydrogen peroxide, 1.132 kg/L [K-high]; its small dilution heat left out."""
