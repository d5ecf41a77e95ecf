"""The redox potential of a liquor, as an electrode against Ag/AgCl sees it.

Source: house domain brief 3 (Nernst on Fe3+/Fe2+ with 771 mV, less 200); the rest assumed where a line says so.
"""

from math import log10

from simulators.physics.speciation import Speciation
from simulators.physics.species import FE2, H2O2, METAL
from simulators.physics.vessel import Contents


def orp_mv(contents: Contents, speciation: Speciation) -> float:
    """Potential, mV; peroxide lifts it, dissolving iron pulls it down."""
    c, s = contents, speciation
    if c.capacity_kj_k <= 2.0:
        return 200.0
    liquor = c.liquor
    kelvin = c.temperature_c + 273.15
    iron = max(liquor[FE2] / c.liquor_l, 1e-5)
    mv = 571.0 + 0.19842 * kelvin * log10(max(s.iron_free * s.gamma**5, 1e-9) / iron)
    if c.solid[METAL + 4] > 0.1 and s.ph < 6.0:
        mv = min(mv, -100.0)  # mixed potential of dissolving iron: assumed
    if liquor[H2O2] > 1e-3:
        mv = max(mv, 600.0 + 30.0 * log10(liquor[H2O2] / c.liquor_l / 1e-3 + 1.0))
    return max(-500.0, min(1100.0, mv))
