"""What a meter's total has counted since a batch began, also where the total falls: cleared at its panel, or by a loss of power.

    >>> dosed = Dosed(0.0, 850.0)
    >>> [(reading, dosed.take(reading, asked), dosed.amount) for asked, reading in enumerate((853.0, 0.5, 0.5, 0.5, 1.5))]
    [(853.0, False, 3.0), (0.5, False, 3.0), (0.5, False, 3.0), (0.5, True, 3.5), (1.5, False, 4.5)]

One or two readings that are low make no fall: a meter that starts may show 0 before it has loaded its total.
"""

from __future__ import annotations

FALL_L = 0.5                                    # a meter that counts both ways goes back by less (assumed)
STANDS = 3                                      # readings in a row that are low, before the total has fallen (assumed)


class Dosed:
    """``amount``: counted since the batch began; ``reading``: where the total stood when it was last believed."""

    __slots__ = ("_asked", "_low", "amount", "reading")

    def __init__(self, amount: float, reading: float) -> None:
        self.amount, self.reading = amount, reading
        self._low = self._asked = 0

    def take(self, reading: float, asked: int) -> bool:
        """A reading and when it was asked for; whether the total fell. What it shows then was counted since, what nobody read is lost."""
        if reading >= self.reading - FALL_L:
            self.amount += reading - self.reading
            self.reading, self._low = reading, 0
            return False
        if asked != self._asked:
            self._low, self._asked = self._low + 1, asked
        if self._low < STANDS:
            return False
        self.amount += max(reading, 0.0)
        self.reading, self._low = reading, 0
        return True
