"""The books of the line: what entered since the start and what left, mol (solids in their phases), and what lies in the bund.

    ledger.entered_liquor[WATER] += 5.0
    ledger.balance(tanks, present)              # per element: entered = present + left, to rounding
"""

from collections.abc import Iterable, Sequence

from simulators.physics.batch_account import BatchAccount
from simulators.physics.hopper import Layer
from simulators.physics.species import ELEMENTS, WATER, count_elements, empty_liquor, empty_solid
from simulators.physics.tank import LeachTank


class Ledger:
    """Accumulators of the whole line. `opening` counts as entered; `bund_*` is present, but out of reach."""

    __slots__ = (
        "bund_liquor", "bund_solid", "entered_gas", "entered_liquor", "entered_solid", "left_gas", "left_liquor", "left_solid", "opening",
    )  # fmt: skip

    def __init__(self) -> None:
        self.bund_liquor, self.bund_solid = empty_liquor(), empty_solid()
        self.entered_liquor, self.entered_solid, self.entered_gas = empty_liquor(), empty_solid(), [0.0, 0.0, 0.0]
        self.left_liquor, self.left_solid, self.left_gas = empty_liquor(), empty_solid(), [0.0, 0.0, 0.0]
        self.opening = dict.fromkeys(ELEMENTS, 0.0)

    def spill(self, account: BatchAccount, liquor: list[float], solid: list[float]) -> None:
        """Slurry of a batch ran into the bund."""
        add(self.bund_liquor, liquor)
        add(self.bund_solid, solid)
        account.add_loss(liquor, solid)

    def balance(self, tanks: Sequence[LeachTank], present: dict[str, float]) -> dict[str, tuple[float, float, float]]:
        """Per element (entered, present, left); reagents are booked in the tank they ran into."""
        entered = count_elements(self.entered_liquor, self.entered_solid, self.entered_gas)
        for tank in tanks:
            for e, n in count_elements(tank.entered).items():
                entered[e] += n
        left = count_elements(self.left_liquor, self.left_solid, self.left_gas)
        return {e: (entered[e] + self.opening[e], present[e], left[e]) for e in ELEMENTS}


def present(
    liquors: Iterable[list[float]], solids: Iterable[list[float]], tanks: Iterable[LeachTank], layers: Iterable[Layer]
) -> dict[str, float]:
    """What all these inventories hold, per element."""
    total = dict.fromkeys(ELEMENTS, 0.0)
    parts = [count_elements(liquor) for liquor in liquors]
    parts += [count_elements(None, solid) for solid in solids]
    for tank in tanks:
        hs = tank.headspace
        parts.append(count_elements(tank.contents.liquor, tank.contents.solid, [hs.h2, hs.o2, hs.n2]))
    for layer in layers:
        water = empty_liquor()
        water[WATER] = layer.water_mol * layer.mass_kg
        parts.append(count_elements(water, [n * layer.mass_kg for n in layer.solid]))
    for part in parts:
        for e, n in part.items():
            total[e] += n
    return total


def add(into: list[float], what: list[float]) -> None:
    """Add one inventory to another."""
    for i, n in enumerate(what):
        if n:
            into[i] += n
