"""What a sample taken from the line is: real mass out of a vessel, with the truth about it."""

import msgspec

from simulators.physics.species import (
    ATOMIC_WEIGHT,
    CATION,
    FE3,
    LIQUOR_MASS_KG,
    LIQUOR_VOLUME_L,
    METALS,
    SOLID_ELEMENTS,
    SOLID_MASS_KG,
    SOLID_VOLUME_L,
    dot,
)  # fmt: skip


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A grab sample. `liquor_g_l` per element; `solid_wt` weight fraction of the dry solids per element; `moisture` of wet solids.

    `free_ph` is the liquor's pH at the vessel's temperature.
    """

    point: str
    volume_l: float
    mass_kg: float
    density_kg_l: float
    temperature_c: float
    ph: float
    liquor_g_l: dict[str, float]
    solids_g_l: float
    solid_wt: dict[str, float]
    moisture: float


def liquor_kg(liquor: list[float]) -> dict[str, float]:
    """Kilograms of each metal dissolved."""
    out = {e: liquor[CATION[e]] * ATOMIC_WEIGHT[e] * 1e-3 for e in METALS}
    out["Fe"] += liquor[FE3] * ATOMIC_WEIGHT["Fe"] * 1e-3
    return out


def solid_kg(solid: list[float]) -> dict[str, float]:
    """Kilograms of each metal in the solids."""
    out = dict.fromkeys(METALS, 0.0)
    for n, row in zip(solid, SOLID_ELEMENTS, strict=True):
        if n:
            for e, k in row.items():
                if e in out:
                    out[e] += n * k * ATOMIC_WEIGHT[e] * 1e-3
    return out


def describe(point: str, liquor: list[float], solid: list[float], temperature_c: float, ph: float) -> Sample:
    """The truth about this liquor and solid."""
    liquor_l, liquor_mass = dot(liquor, LIQUOR_VOLUME_L), dot(liquor, LIQUOR_MASS_KG)
    solid_l, solid_mass = dot(solid, SOLID_VOLUME_L), dot(solid, SOLID_MASS_KG)
    volume, mass = liquor_l + solid_l, liquor_mass + solid_mass
    dissolved, undissolved = liquor_kg(liquor), solid_kg(solid)
    return Sample(
        point=point,
        volume_l=volume,
        mass_kg=mass,
        density_kg_l=liquor_mass / liquor_l if liquor_l > 0.0 else 0.0,
        temperature_c=temperature_c,
        ph=ph,
        liquor_g_l={e: 1e3 * kg / liquor_l if liquor_l > 0.0 else 0.0 for e, kg in dissolved.items()},
        solids_g_l=1e3 * solid_mass / volume if volume > 0.0 else 0.0,
        solid_wt={e: kg / solid_mass if solid_mass > 0.0 else 0.0 for e, kg in undissolved.items()},
        moisture=liquor_mass / mass if mass > 0.0 else 0.0,
    )
