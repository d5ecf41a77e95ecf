"""The feed buffers TK-210 and TK-211: a volume of filtrate, its pH, and a pump that empties it to the separation (not modelled)."""

from simulators.physics.speciation import Speciation
from simulators.physics.species import LIQUOR_VOLUME_L, dot, empty_liquor

BUFFER_C = 25.0
"""The buffers are taken at 25 degC: their heat is not kept (assumed)."""


class Buffer:
    """Liquor (mol) with `volume_l` and `ph`; pH is refreshed every 5 s of moving liquor."""

    __slots__ = ("_speciation", "_stale_s", "capacity_l", "liquor", "ph", "volume_l")

    def __init__(self, capacity_l: float) -> None:
        self.capacity_l = capacity_l
        self.liquor = empty_liquor()
        self.volume_l = 0.0
        self.ph = 7.0
        self._speciation = Speciation()
        self._stale_s = 0.0

    def add(self, liquor: list[float]) -> None:
        """Liquor runs in."""
        mine = self.liquor
        for i, n in enumerate(liquor):
            mine[i] += n
        self.volume_l = dot(mine, LIQUOR_VOLUME_L)

    def draw(self, litres: float) -> list[float]:
        """Liquor runs out."""
        part = min(1.0, litres / self.volume_l) if self.volume_l > 0.0 else 0.0
        out = [n * part for n in self.liquor]
        for i, n in enumerate(out):
            self.liquor[i] -= n
        self.volume_l = dot(self.liquor, LIQUOR_VOLUME_L)
        return out

    def settle(self, dt_s: float, moved: bool) -> None:
        """Refresh the pH when it is due."""
        if moved:
            self._stale_s += dt_s
        if self._stale_s >= 5.0 or (self._stale_s > 0.0 and not moved):
            self._stale_s = 0.0
            if self.volume_l > 1.0:
                self.ph = self._speciation.solve(self.liquor, self.volume_l, BUFFER_C)
