"""Hopper W-101 on its scale, and the screw under it: lots lie in layers and leave first in, first out."""

from simulators.physics.feed import Feed
from simulators.physics.species import LIQUOR_MASS_KG, SOLID_MASS_KG, WATER, dot


class Layer:
    """One lot as it lies: `solid` mol per kg as weighed, `water_mol` per kg, `mass_kg` left."""

    __slots__ = ("feed", "mass_kg", "solid", "water_mol")

    def __init__(self, feed: Feed, mass_kg: float) -> None:
        self.feed = feed
        self.solid = [n / mass_kg for n in feed.solids(mass_kg)]
        dry = dot(self.solid, SOLID_MASS_KG)
        self.water_mol = (1.0 - dry) / LIQUOR_MASS_KG[WATER]
        self.mass_kg = mass_kg


class Hopper:
    """The layers, and the screw's speed."""

    __slots__ = ("layers", "screw_max_kg_min", "speed")

    def __init__(self, screw_max_kg_min: float) -> None:
        self.screw_max_kg_min = screw_max_kg_min
        self.layers: list[Layer] = []
        self.speed = 0.0

    def tip(self, feed: Feed, mass_kg: float) -> None:
        """Empty a drum into the hopper."""
        if not mass_kg > 0.0:
            raise ValueError(f"W-101: tip of {mass_kg} kg from lot {feed.name}; nothing tipped")
        self.layers.append(Layer(feed, mass_kg))

    @property
    def weight_kg(self) -> float:
        """What the scale carries, less its tare."""
        return sum(layer.mass_kg for layer in self.layers)

    def turn(self, sp_pct: float, runs: bool, dt_s: float) -> None:
        """The screw's drive ramps in 3 s (assumed)."""
        want = min(max(sp_pct * 0.01, 0.0), 1.0) if runs else 0.0
        if self.speed != want:
            ramp = dt_s / 3.0
            self.speed = min(want, self.speed + ramp) if want > self.speed else max(want, self.speed - ramp)

    def draw(self, dt_s: float, share: float = 1.0) -> tuple[list[float], float, Feed] | None:
        """What the screw moves in `dt_s`: solid (mol), water (mol) and whose it is; from one layer at a time."""
        if not self.layers or self.speed <= 0.0:
            return None
        layer = self.layers[0]
        mass = min(layer.mass_kg, self.speed * self.screw_max_kg_min * dt_s / 60.0 * share)
        if mass >= layer.mass_kg - 1e-9:
            mass = layer.mass_kg
            self.layers.pop(0)
        layer.mass_kg -= mass
        return [n * mass for n in layer.solid], layer.water_mol * mass, layer.feed
