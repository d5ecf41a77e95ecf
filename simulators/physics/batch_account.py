"""Where the metal of one batch went, from the moment it began: the truth a batch record is judged against."""

from typing import Final

from simulators.physics.samples import liquor_kg, solid_kg
from simulators.physics.species import METALS, empty_liquor, empty_solid

REPORTED: Final = ("Nd", "Pr", "Dy", "Tb", "Fe", "B", "Co")


def _kg(liquor: list[float], solid: list[float]) -> dict[str, float]:
    dissolved, undissolved = liquor_kg(liquor), solid_kg(solid)
    return {e: dissolved[e] + undissolved[e] for e in METALS}


class BatchAccount:
    """Accumulators of one unit, mol. A cake belongs to the tank that fed the press last."""

    def __init__(self) -> None:
        self.begin(empty_liquor(), empty_solid())

    def begin(self, liquor: list[float], solid: list[float]) -> None:
        """Zero everything; what is given is the opening heel."""
        self._opening_solid = list(solid)
        self._opening = _kg(liquor, solid)
        self._pressed = (empty_liquor(), empty_solid())
        self._sampled = (empty_liquor(), empty_solid())
        self._cake_sampled = (empty_liquor(), empty_solid())
        self._lost = (empty_liquor(), empty_solid())
        self._filtrate = empty_liquor()
        self.leach_extraction: dict[str, float] | None = None

    def mark(self, dosed: list[float], solid: list[float]) -> None:
        """Leach extraction from the solids as they are: 1 - undissolved / (charged + opening - sampled solids)."""
        base = solid_kg([a + b - c for a, b, c in zip(dosed, self._opening_solid, self._sampled[1], strict=True)])
        left = solid_kg(solid)
        self.leach_extraction = {e: 1.0 - left[e] / base[e] if base[e] > 0.0 else 0.0 for e in REPORTED}

    def add_pressed(self, liquor: list[float], solid: list[float]) -> None:
        """Slurry went to the press."""
        _add(self._pressed, liquor, solid)

    def add_filtrate(self, liquor: list[float]) -> None:
        """Filtrate or washings ran to TK-210."""
        for i, n in enumerate(liquor):
            self._filtrate[i] += n

    def add_sample(self, liquor: list[float], solid: list[float]) -> None:
        """A sample was taken from the tank."""
        _add(self._sampled, liquor, solid)

    def add_cake_sample(self, liquor: list[float], solid: list[float]) -> None:
        """A sample was taken from the cake."""
        _add(self._cake_sampled, liquor, solid)

    def add_loss(self, liquor: list[float], solid: list[float]) -> None:
        """Slurry ran into the bund."""
        _add(self._lost, liquor, solid)

    def truth(self, dosed: list[float], liquor: list[float], solid: list[float]) -> dict[str, dict[str, float]]:
        """Per element, kg and fractions; `liquor` and `solid` are what stands in the tank now."""
        charged, heel = solid_kg(dosed), _kg(liquor, solid)
        pressed, sampled, cake_sampled, lost = (_kg(*pair) for pair in (self._pressed, self._sampled, self._cake_sampled, self._lost))
        filtrate = liquor_kg(self._filtrate)
        out = {}
        for e in REPORTED:
            came = charged[e] + self._opening[e]
            cake = pressed[e] - filtrate[e] - cake_sampled[e]
            samples = sampled[e] + cake_sampled[e]
            found = filtrate[e] + cake + samples + lost[e] + heel[e]
            out[e] = {
                "in_kg": charged[e],
                "opening_heel_kg": self._opening[e],
                "liquor_kg": filtrate[e],
                "cake_kg": cake,
                "samples_kg": samples,
                "losses_kg": lost[e],
                "heel_kg": heel[e],
                "leach_extraction": self.leach_extraction[e] if self.leach_extraction is not None else float("nan"),
                "recovery": filtrate[e] / came if came > 0.0 else 0.0,
                "closure": found / came if came > 0.0 else 1.0,
            }
        return out


def _add(into: tuple[list[float], list[float]], liquor: list[float], solid: list[float]) -> None:
    for i, n in enumerate(liquor):
        into[0][i] += n
    for i, n in enumerate(solid):
        if n:
            into[1][i] += n
