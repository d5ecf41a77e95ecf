"""Where samples are drawn on the line: tanks, buffers, the cake, and the residue of a tank washed free of liquor.

    liquor, solid, temperature_c, ph = sampler.grab("R-101", 0.05)      # its mass has left the vessel
"""

from collections.abc import Sequence
from typing import Final

from simulators.physics import variables as var
from simulators.physics.batch_account import BatchAccount
from simulators.physics.buffer import BUFFER_C
from simulators.physics.filtration import Filtration
from simulators.physics.mechanics import suspension
from simulators.physics.species import LIQUOR_VOLUME_L, SOLID_VOLUME_L, dot, empty_liquor, empty_solid
from simulators.physics.tank import LeachTank

SAMPLE_POINTS: Final = (*var.UNITS, "TK-210", "TK-211", "cake FP-201", "residue", *(f"residue {unit}" for unit in var.UNITS))


class Sampler:
    """All sample points of a line."""

    __slots__ = ("_accounts", "_ambient_c", "_filtration", "_tanks")

    def __init__(
        self, tanks: Sequence[LeachTank], accounts: Sequence[BatchAccount], filtration: Filtration, ambient_c: float
    ) -> None:
        self._tanks, self._accounts, self._filtration, self._ambient_c = tanks, accounts, filtration, ambient_c

    def grab(self, point: str, volume_l: float) -> tuple[list[float], list[float], float, float]:
        """Liquor and solid (mol), temperature (degC) and pH of what was taken. Raises ValueError for an unknown point."""
        if point in ("TK-210", "TK-211"):
            buffer = self._filtration.buffers[0 if point == "TK-210" else 1]
            return buffer.draw(volume_l), empty_solid(), BUFFER_C, buffer.ph
        if point == "cake FP-201":
            return *self._grab_cake(volume_l), self._ambient_c, 7.0
        unit = point.removeprefix("residue").strip() or self._first_with_solids()
        if unit not in var.UNITS:
            raise ValueError(f"sample point {point!r} is none of {', '.join(SAMPLE_POINTS)}; nothing sampled")
        k = var.UNITS.index(unit)
        tank, account = self._tanks[k], self._accounts[k]
        if point.startswith("residue") and account.leach_extraction is None:
            account.mark(tank.dosed, tank.contents.solid)
        tank.contents.measure()
        part = min(1.0, volume_l / tank.slurry_l) if tank.slurry_l > 0.0 else 0.0
        ph = tank.chemistry.speciation.ph
        mixed = suspension(tank.rpm, tank.njs_rpm)
        liquor, solid = tank.take(part, part if point.startswith("residue") else part * mixed)
        account.add_sample(liquor, solid)
        return liquor, solid, tank.contents.temperature_c, ph

    def _grab_cake(self, volume_l: float) -> tuple[list[float], list[float]]:
        press = self._filtration.press
        from_bin = press.bin_kg > 0.0
        liquors = [press.bin_liquor] if from_bin else press.cells
        solids = press.bin_solid if from_bin else press.solid
        volume = sum(dot(n, LIQUOR_VOLUME_L) for n in liquors) + dot(solids, SOLID_VOLUME_L)
        part = min(1.0, volume_l / volume) if volume > 0.0 else 0.0
        liquor, solid = empty_liquor(), empty_solid()
        for place in liquors:
            _move(place, liquor, part)
        _move(solids, solid, part)
        press.weigh_bin()
        press.weigh()
        if press.source is not None:
            self._accounts[press.source].add_cake_sample(liquor, solid)
        return liquor, solid

    def _first_with_solids(self) -> str:
        for tank in self._tanks:
            if tank.contents.solid_kg > 0.0:
                return tank.unit
        raise ValueError("residue: no tank holds solids; nothing sampled")


def _move(source: list[float], into: list[float], part: float) -> None:
    for i, n in enumerate(source):
        moved = n * part
        into[i] += moved
        source[i] -= moved
