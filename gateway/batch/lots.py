"""Figures of a lot: what is in a charge, how well that is known, what acid it wants, and whose share is in the product.

    >>> charge = charge_of({"lot": "L1", "mass_kg": 82.6, "mass_u_rel": 0.001, "moisture": 0.0, "moisture_u": 0.003,
    ...                     "assay": {"Nd": {"fraction": 0.166, "u_rel": 0.01, "method": "ICP-OES"}}})
    >>> round(mol_ree(charge).value, 1)
    95.1
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from gateway.batch.quantity import Measured, Quantity, total

# g/mol. Source: IUPAC abridged standard atomic weights 2021.
ATOMIC_WEIGHT = {
    "La": 138.90547, "Ce": 140.116, "Pr": 140.90766, "Nd": 144.242, "Sm": 150.36, "Eu": 151.964, "Gd": 157.25, "Tb": 158.925354,
    "Dy": 162.500, "Ho": 164.930329, "Er": 167.259, "Y": 88.905838, "Fe": 55.845, "B": 10.81, "Co": 58.933194, "Al": 26.9815384,
    "Cu": 63.546, "Ni": 58.6934, "Ga": 69.723, "Nb": 92.90637, "Zr": 91.224,
}
RARE_EARTHS = ("La", "Ce", "Pr", "Nd", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Y")

# kg of oxygen taken up per kg of element when roasted in air to the oxide named; in the roast Pr and Tb stay trivalent (REFeO3).
# Source: stoichiometry with the weights above and O 15.999.
OXYGEN_UPTAKE = {
    "La": 0.17277, "Ce": 0.22837, "Pr": 0.17031, "Nd": 0.16638, "Sm": 0.15961, "Eu": 0.15792, "Gd": 0.15261, "Tb": 0.15100,
    "Dy": 0.14768, "Ho": 0.14551, "Er": 0.14348, "Y": 0.26993, "Fe": 0.42973, "B": 2.22003, "Co": 0.36197, "Al": 0.88944,
    "Cu": 0.25177, "Ni": 0.27259, "Ga": 0.34420, "Nb": 0.43053, "Zr": 0.35077,
}
HCL_32 = 10.17                                  # mol/L in 32 % hydrochloric acid at 20 degC, 1.159 kg/L

CustodyModel = Literal["identity preserved", "segregated", "controlled blending", "mass balance", "book and claim"]     # ISO 22095


class Charge(msgspec.Struct, frozen=True):
    """What was charged of one lot. ``mass``: kg as charged (wet); ``moisture``: kg/kg; ``assay``: element -> kg/kg of the dry lot."""

    lot: str
    mass: Measured
    moisture: Measured
    assay: dict[str, Measured]


class Share(msgspec.Struct, frozen=True):
    """The part of one element (or of all rare earths) that came from one lot; ``share`` 0..1 with standard uncertainty."""

    lot: str
    share: float
    u_share: float
    basis: str
    model: str = "controlled blending"


def charge_of(lot: Mapping[str, Any], mass_kg: float | None = None, u_kg: float | None = None) -> Charge:
    """A charge of a lot as configured (or as frozen in the journal), with the mass as weighed when it is given.

    Raises KeyError when the lot lacks a figure.
    """
    mass = float(lot["mass_kg"]) if mass_kg is None else mass_kg
    u = mass * float(lot["mass_u_rel"]) if u_kg is None else u_kg
    assay: dict[str, Measured] = {}
    for element, found in lot["assay"].items():
        fraction = float(found["fraction"])
        assay[str(element)] = Measured(fraction, fraction * float(found["u_rel"]))
    return Charge(str(lot["lot"]), Measured(mass, u), Measured(float(lot["moisture"]), float(lot["moisture_u"])), assay)


def dry_mass(charge: Charge) -> Quantity:
    """Dry mass of a charge, kg: m (1 - w)."""
    wet = charge.mass.quantity(f"{charge.lot} mass")
    return wet * (Quantity.exact(1.0) - charge.moisture.quantity(f"{charge.lot} moisture"))


def element_mass(charge: Charge, element: str) -> Quantity:
    """Mass of an element in a charge, kg; exactly 0 when it was not assayed."""
    assay = charge.assay.get(element)
    if assay is None:
        return Quantity.exact(0.0)
    return dry_mass(charge) * assay.quantity(f"{charge.lot} assay {element}")


def oxygen_gain(metal_assay: Mapping[str, float]) -> float:
    """Mass gain of a metal on complete roasting, kg/kg metal (Nd2Fe14B: 0.377). ``metal_assay``: element -> kg/kg metal."""
    return sum(fraction * OXYGEN_UPTAKE.get(element, 0.0) for element, fraction in metal_assay.items())


def metal_equivalent(charge: Charge) -> Quantity:
    """Mass of metal a fully roasted charge was made from, kg: the dry mass less the oxygen its elements took up.

    Assumes complete oxidation; elements that were not assayed count as unchanged.
    """
    taken = total(element_mass(charge, element).times(OXYGEN_UPTAKE.get(element, 0.0)) for element in charge.assay)
    return dry_mass(charge) - taken


def mol_ree(charge: Charge) -> Quantity:
    """Amount of rare earths in a charge, mol."""
    return total(element_mass(charge, element).times(1000.0 / ATOMIC_WEIGHT[element]) for element in charge.assay if element in RARE_EARTHS)


def acid_moles(charges: Iterable[Charge], mol_per_mol_ree: float) -> Quantity:
    """Acid a charge wants, mol H+ of a monoprotic acid: n mol per mol of rare earths."""
    return total(mol_ree(charge) for charge in charges).times(mol_per_mol_ree)


def acid_volume(charges: Iterable[Charge], mol_per_mol_ree: float, mol_per_l: float = HCL_32) -> Quantity:
    """The same as a volume of acid of ``mol_per_l``, L."""
    return acid_moles(charges, mol_per_mol_ree).times(1.0 / mol_per_l)


def shares(charges: Sequence[Charge], model: CustodyModel = "controlled blending") -> dict[str, list[Share]]:
    """Whose element is in the blend: element (and "REE") -> one share per lot, proportional to the mass of that element.

    By the mass of the element, never by the mass of the lot: 10 kg of a Dy-rich lot bring more Dy than 50 kg of a lean one.
    """
    found: dict[str, list[Share]] = {}
    elements = sorted({element for charge in charges for element in charge.assay})
    for element in elements:
        found[element] = _split(charges, [element_mass(charge, element) for charge in charges], f"{element} mass", model)
    rare = [total(element_mass(charge, element) for element in charge.assay if element in RARE_EARTHS) for charge in charges]
    found["REE"] = _split(charges, rare, "REE mass", model)
    return {element: split for element, split in found.items() if split}


def _split(charges: Sequence[Charge], masses: list[Quantity], basis: str, model: str) -> list[Share]:
    whole = total(masses)
    if whole.value <= 0:
        return []
    parts = [(charge.lot, mass / whole) for charge, mass in zip(charges, masses, strict=True)]
    return [Share(lot, part.value, part.u, basis, model) for lot, part in parts]
