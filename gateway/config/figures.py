"""What a figure of the site or of a unit measures: the unit is the end of its name.

    >>> figure_unit("rise_trip_k_min"), figure_unit("lel_alarm_pct_lel"), figure_unit("acid_overdose_1")
    ('K/min', '%LEL', '1')
"""

from __future__ import annotations

from devices.units import UNITS


def ending(symbol: str) -> str:
    """How a unit is written at the end of a name: ``m3/h`` is ``m3_h``, ``%LEL`` is ``pct_lel``."""
    return symbol.lower().replace("%lel", "pct_lel").replace("%", "pct").replace("/", "_")


_ENDINGS = {ending(symbol): symbol for symbol in UNITS}


def figure_unit(name: str) -> str:
    """The unit a figure's name ends with, the longest that fits; a plain number ("1") when it ends with none."""
    parts = name.lower().split("_")
    for start in range(max(1, len(parts) - 3), len(parts)):
        symbol = _ENDINGS.get("_".join(parts[start:]))
        if symbol is not None:
            return symbol
    return "1"
