"""What a meter's total has counted since a batch began, also where the total falls: cleared at its panel, or by a loss of power.

    >>> dosed = Dosed(0.0, 850.0)
    >>> [(reading, dosed.take(reading), dosed.amount) for reading in (853.0, 0.5, 1.5)]
    [(853.0, False, 3.0), (0.5, True, 3.5), (1.5, False, 4.5)]
"""

from __future__ import annotations

FALL_L = 0.5                                    # a meter that counts both ways goes back by less (assumed)


class Dosed:
    """``amount``: counted since the batch began; ``reading``: where the total stood when it was looked at last."""

    __slots__ = ("amount", "reading")

    def __init__(self, amount: float, reading: float) -> None:
        self.amount, self.reading = amount, reading

    def take(self, reading: float) -> bool:
        """One reading; whether the total fell. What it shows after that was counted since, what nobody read before is lost."""
        fell = reading < self.reading - FALL_L
        self.amount += max(reading, 0.0) if fell else reading - self.reading
        self.reading = reading
        return fell
