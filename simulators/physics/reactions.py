"""Which solid dissolves into what: every reaction one row of whole numbers, balanced in elements and charge.

    DISSOLUTION[i]                              # what one mol of phase i gives and takes, and its heat

Source: stoichiometry house domain brief 2.2; heats from the formation enthalpies in `species`.
"""

from typing import Final, NamedTuple

from simulators.physics.species import (
    CATION,
    FE2,
    FE3,
    H2O2,
    LIQUOR_CHARGE,
    LIQUOR_ENTHALPY,
    METAL,
    METALS,
    SOLID,
    SOLID_ELEMENTS,
    SOLID_ENTHALPY,
    WATER,
    B,
    H,
)  # fmt: skip


class Dissolution(NamedTuple):
    """One solid going into solution, per mol of phase: `cation` + `iron` Fe3+, taking `acid` H+, giving `water` and `hydrogen`."""

    cation: int
    iron: int
    acid: int
    water: float
    hydrogen: float
    heat_kj: float


def _dissolution(solid: int, cation: int, iron: int, acid: int, water: float, hydrogen: float) -> Dissolution:
    h = LIQUOR_ENTHALPY
    change = h[cation] + iron * h[FE3] + water * h[WATER] - SOLID_ENTHALPY[solid] - acid * h[H]
    return Dissolution(cation, iron, acid, water, hydrogen, change)


def _rows() -> tuple[Dissolution, ...]:
    rows = []
    for i, name in enumerate(SOLID[:-1]):
        kind, _, element = name.partition(".")
        elements = SOLID_ELEMENTS[i]
        iron = 0
        if kind in ("metal", "boundary"):
            cation = CATION[element]
            if element == "B":
                rows.append(_dissolution(i, cation, 0, 0, -3.0, 1.5))
                continue
            z = LIQUOR_CHARGE[cation]
            rows.append(_dissolution(i, cation, 0, z, 0.0, 0.5 * z))
            continue
        if kind == "perovskite":
            cation, iron = CATION[element], 1
            acid = 6
        elif element == "B":
            rows.append(_dissolution(i, B, 0, 0, -1.5, 0.0))
            continue
        else:
            cation = FE3 if kind in ("hematite", "ferrihydrite") else FE2 if element == "Fe2" else CATION[element]
            acid = LIQUOR_CHARGE[cation]
        rows.append(_dissolution(i, cation, iron, acid, float(elements.get("O", 0)), 0.0))
    return tuple(rows)


DISSOLUTION: Final = _rows()
IRON_METAL: Final = METAL + METALS.index("Fe")
COPPER_METAL: Final = METAL + METALS.index("Cu")
HEAT_PEROXIDE: Final = 2 * LIQUOR_ENTHALPY[FE3] + 2 * LIQUOR_ENTHALPY[WATER] - 2 * LIQUOR_ENTHALPY[FE2] - LIQUOR_ENTHALPY[H2O2]
HEAT_DECAY: Final = LIQUOR_ENTHALPY[WATER] - LIQUOR_ENTHALPY[H2O2]
HEAT_AIR: Final = LIQUOR_ENTHALPY[FE3] + 0.5 * LIQUOR_ENTHALPY[WATER] - LIQUOR_ENTHALPY[FE2]
HEAT_FERRIC: Final = 3 * LIQUOR_ENTHALPY[FE2] - 2 * LIQUOR_ENTHALPY[FE3] - SOLID_ENTHALPY[IRON_METAL]
