"""The stuff of the line: components of the liquor, phases of the solid, gases, and what each is made of.

The liquor is kept as *components*, not as species: `H` is the total of protons over water (free acid minus hydroxide, hydrolysed iron and
borate), so any hydrolysis is already balanced and pH is a question asked of the components (see `speciation`). Amounts are mol, except
the inert solid, whose "mol" is one kilogram.

Source: atomic weights IUPAC 2021; formation enthalpies as marked at each table, kJ/mol at 25 degC.
"""

from operator import mul
from typing import Final

ATOMIC_WEIGHT: Final = {
    "Nd": 144.242, "Pr": 140.90766, "Dy": 162.500, "Tb": 158.925354, "Fe": 55.845, "B": 10.81, "Co": 58.933194, "Al": 26.9815384,
    "Cu": 63.546, "Ni": 58.6934, "H": 1.008, "O": 15.999, "Cl": 35.45, "Na": 22.98976928, "N": 14.007, "X": 1000.0,
}  # fmt: skip
"""g/mol; `X` is the inert remainder, counted in kg."""
ELEMENTS: Final[tuple[str, ...]] = tuple(ATOMIC_WEIGHT)
RARE_EARTHS: Final[tuple[str, ...]] = ("Nd", "Pr", "Dy", "Tb")
METALS: Final[tuple[str, ...]] = ("Nd", "Pr", "Dy", "Tb", "Fe", "B", "Co", "Al", "Cu", "Ni")
"""The elements a lot is assayed for; all else of a lot is inert or oxygen."""

# Liquor: name, elements, charge, formation enthalpy [K-high unless marked], apparent molar volume in mL/mol.
# Volumes: Cl chosen so that 32 % HCl has 1.159 kg/L; cations from Millero's table [K-med]; the sum is not conserved and need not be.
_LIQUOR: Final = (
    ("H", {"H": 1}, 1, 0.0, 0.0),
    ("Cl", {"Cl": 1}, -1, -167.2, 20.5),
    ("Na", {"Na": 1}, 1, -240.1, -1.2),
    ("Nd", {"Nd": 1}, 3, -696.2, -43.0),
    ("Pr", {"Pr": 1}, 3, -704.6, -43.0),
    ("Dy", {"Dy": 1}, 3, -699.0, -41.0),
    ("Tb", {"Tb": 1}, 3, -682.8, -41.0),
    ("Fe2", {"Fe": 1}, 2, -89.1, -25.0),
    ("Fe3", {"Fe": 1}, 3, -48.5, -44.0),
    ("B", {"B": 1, "O": 3, "H": 3}, 0, -1072.3, 39.0),
    ("Co", {"Co": 1}, 2, -58.2, -24.0),
    ("Al", {"Al": 1}, 3, -538.4, -42.0),
    ("Cu", {"Cu": 1}, 2, 64.8, -26.0),
    ("Ni", {"Ni": 1}, 2, -54.0, -24.0),
    ("H2O2", {"H": 2, "O": 2}, 0, -191.2, 22.0),
    ("H2O", {"H": 2, "O": 1}, 0, -285.83, 18.07),
)
LIQUOR: Final = tuple(row[0] for row in _LIQUOR)
H, CL, NA, ND, PR, DY, TB, FE2, FE3, B, CO, AL, CU, NI, H2O2, WATER = range(16)
LIQUOR_CHARGE: Final = tuple(row[2] for row in _LIQUOR)
LIQUOR_ENTHALPY: Final = tuple(row[3] for row in _LIQUOR)
LIQUOR_VOLUME_L: Final = tuple(row[4] * 1e-3 for row in _LIQUOR)
CATION: Final = {"Nd": ND, "Pr": PR, "Dy": DY, "Tb": TB, "Fe": FE2, "B": B, "Co": CO, "Al": AL, "Cu": CU, "Ni": NI}

_RE_METAL_H: Final = 0.0  # elements; the alloy's formation enthalpy sits on its iron
_FE_METAL_H: Final = -93.39 / 14.0  # Nd2Fe14B -93.39 kJ/mol [S: PrOMMiS], shared over its 14 iron atoms: gives -2761 kJ/mol dissolution
_RE2O3_H: Final = {"Nd": -1807.9, "Pr": -1809.6, "Dy": -1863.1, "Tb": -1865.2}  # per RE2O3 [K-high]
_REOH3_H: Final = {"Nd": -1416.0, "Pr": -1420.0, "Dy": -1428.0, "Tb": -1412.0}  # [K-low, assumed within 20 kJ/mol]
_PEROVSKITE_H: Final = -44.0  # kJ/mol REFeO3 from its oxides [K-low, assumed equal for the four]

# Solids: name, elements, formation enthalpy kJ/mol [K-high unless marked], density kg/m3 [K-high].
_SOLID: Final = (
    *((f"metal.{e}", {e: 1}, _FE_METAL_H if e == "Fe" else _RE_METAL_H, 7500.0) for e in METALS),
    *((f"boundary.{e}", {e: 1}, _RE_METAL_H, 7000.0) for e in RARE_EARTHS),
    *((f"oxide.{e}", {e: 1, "O": 1.5}, 0.5 * _RE2O3_H[e], 7200.0) for e in RARE_EARTHS),
    *((f"perovskite.{e}", {e: 1, "Fe": 1, "O": 3}, 0.5 * (_RE2O3_H[e] - 824.2) + _PEROVSKITE_H, 6900.0) for e in RARE_EARTHS),
    ("hematite", {"Fe": 1, "O": 1.5}, -412.1, 5250.0),
    ("oxide.Co", {"Co": 1, "O": 1}, -237.9, 6440.0),
    ("oxide.Ni", {"Ni": 1, "O": 1}, -239.7, 6670.0),
    ("oxide.Cu", {"Cu": 1, "O": 1}, -157.3, 6310.0),
    ("oxide.Al", {"Al": 1, "O": 1.5}, -837.85, 3950.0),
    ("oxide.B", {"B": 1, "O": 1.5}, -636.75, 2460.0),
    ("hematite.new", {"Fe": 1, "O": 1.5}, -412.1, 5250.0),
    ("ferrihydrite", {"Fe": 1, "O": 3, "H": 3}, -827.0, 3800.0),
    *((f"sorbed.{e}", {e: 1, "O": 3, "H": 3}, _REOH3_H[e], 4500.0) for e in RARE_EARTHS),
    *((f"hydroxide.{e}", {e: 1, "O": 3, "H": 3}, _REOH3_H[e], 4500.0) for e in RARE_EARTHS),
    ("hydroxide.Al", {"Al": 1, "O": 3, "H": 3}, -1293.0, 2420.0),
    ("hydroxide.Cu", {"Cu": 1, "O": 2, "H": 2}, -450.0, 3370.0),
    ("hydroxide.Co", {"Co": 1, "O": 2, "H": 2}, -540.0, 3600.0),
    ("hydroxide.Ni", {"Ni": 1, "O": 2, "H": 2}, -530.0, 4100.0),
    ("hydroxide.Fe2", {"Fe": 1, "O": 2, "H": 2}, -574.0, 3400.0),
    ("inert", {"X": 1}, 0.0, 4500.0),
)  # fmt: skip
SOLID: Final = tuple(row[0] for row in _SOLID)
SOLID_INDEX: Final = {name: i for i, name in enumerate(SOLID)}
METAL, BOUNDARY, OXIDE, PEROVSKITE = 0, 10, 14, 18
"""First index of the blocks metal (10, order of METALS), boundary, oxide and perovskite (4 each, order of RARE_EARTHS)."""
HEMATITE, COO, NIO, CUO, ALO, BO, HEMATITE_NEW, FERRIHYDRITE, SORBED, HYDROXIDE, AL_OH, CU_OH, CO_OH, NI_OH, FE2_OH, INERT = (
    22, 23, 24, 25, 26, 27, 28, 29, 30, 34, 38, 39, 40, 41, 42, 43)  # fmt: skip
SOLID_ENTHALPY: Final = tuple(row[2] for row in _SOLID)

GAS: Final = ("H2", "O2", "N2")
GAS_ELEMENTS: Final = ({"H": 2}, {"O": 2}, {"N": 2})
GAS_MASS_KG: Final = (2.016e-3, 31.998e-3, 28.014e-3)

T_REF_C: Final = 25.0
CP_WATER: Final = 4.18  # kJ/kg/K; the solutes are given none, which puts 32 % HCl at 2.8 and liquor at 3.6-4.0 [assumed]
CP_SOLID: Final = 0.65  # kJ/kg/K, oxides 0.6-0.7 [K-high]
LITRES_PER_NORMAL_MOL: Final = 22.414
_N_LIQUOR: Final = len(LIQUOR)
_N_SOLID: Final = len(SOLID)


def _molar_mass_kg(elements: dict[str, float]) -> float:
    return sum(ATOMIC_WEIGHT[e] * k for e, k in elements.items()) * 1e-3


LIQUOR_MASS_KG: Final = tuple(_molar_mass_kg(dict(row[1])) for row in _LIQUOR)
SOLID_MASS_KG: Final = tuple(_molar_mass_kg(dict(row[1])) for row in _SOLID)
SOLID_VOLUME_L: Final = tuple(m / row[3] * 1e3 for m, row in zip(SOLID_MASS_KG, _SOLID, strict=True))
LIQUOR_ELEMENTS: Final = tuple(dict(row[1]) for row in _LIQUOR)
SOLID_ELEMENTS: Final = tuple(dict(row[1]) for row in _SOLID)
CP_LIQUOR_WATER: Final = CP_WATER * LIQUOR_MASS_KG[WATER]
"""kJ/K per mol of water component: the whole heat capacity of the liquor."""


def empty_liquor() -> list[float]:
    """A liquor of nothing: mol per component."""
    return [0.0] * _N_LIQUOR


def empty_solid() -> list[float]:
    """A solid of nothing: mol per phase."""
    return [0.0] * _N_SOLID


def dot(a: list[float], b: tuple[float, ...]) -> float:
    """Sum of products, the cheapest way plain Python has."""
    return sum(map(mul, a, b))


def charge(liquor: list[float]) -> float:
    """Net charge of the components, mol; zero in any liquor that exists."""
    return dot(liquor, LIQUOR_CHARGE)


def count_elements(liquor: list[float] | None = None, solid: list[float] | None = None, gas: list[float] | None = None) -> dict[str, float]:
    """Mol of each element (kg for `X`) in what is given."""
    total = dict.fromkeys(ELEMENTS, 0.0)
    for amounts, rows in ((liquor, LIQUOR_ELEMENTS), (solid, SOLID_ELEMENTS), (gas, GAS_ELEMENTS)):
        for n, row in zip(amounts or (), rows, strict=False):
            if n:
                for e, k in row.items():
                    total[e] += n * k
    return total
