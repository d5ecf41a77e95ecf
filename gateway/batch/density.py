"""What the analyser said last of the liquor in a tank, and how its rare earths have moved with the density since the batch began.

    slope, u = calibrated([(1105.0, 21.4), (1105.5, 23.6), (1106.2, 25.6)])     # (kg/m3, g/L) of successive samples

Between two analyses the density goes on: what the analyses say of the two together is the slope by which it is read. It is no
property of the liquor (evaporation, dissolution and acid all move both), so only the latest analyses count, and it comes with
the uncertainty that their scatter leaves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from devices.quality import is_good
from gateway.control.chain import IcpResult, SampleRequested

LATEST = 4                                      # analyses that a slope is drawn through (assumed: two hours of a leach)
UNKNOWN_U = 5.0                                 # of a slope that nothing is known of: g/L per kg/m3 (assumed)
SHARE_U = 0.3                                   # of a slope at least: it changes as the leach goes on (assumed)
RARE_EARTHS = ("Nd", "Pr", "Dy", "Tb")


class Analysed(msgspec.Struct, frozen=True):
    """The last analysis of a tank's liquor. ``tree``, ``u``: g/L; ``density``: kg/m3 when it was drawn; ``slope``: g/L per kg/m3."""

    sample: str
    tree: float
    u: float
    density: float | None
    slope: float
    slope_u: float


def last_analysis(results: Sequence[IcpResult], requests: Mapping[str, SampleRequested], stream: str) -> Analysed | None:
    """What the good results of a stream say; None when there is none."""
    good = [each for each in results if each.stream == stream and each.unit == "g/L" and is_good(each.quality)]
    if not good:
        return None
    last = good[-1]
    points = [(density, _tree(each)) for each in good[-LATEST:] if (density := _density(each, requests)) is not None]
    u = math.fsum(last.u.get(element, 0.02 * last.values.get(element, 0.0)) for element in RARE_EARTHS)     # one dilution: they add up
    return Analysed(last.sample, _tree(last), u, _density(last, requests), *calibrated(points))


def calibrated(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Slope and its standard uncertainty, by least squares; 0 with a wide one where three analyses do not show any."""
    n = len(points)
    if n < 3:
        return 0.0, UNKNOWN_U
    x0, y0 = math.fsum(x for x, _ in points) / n, math.fsum(y for _, y in points) / n
    spread = math.fsum((x - x0) ** 2 for x, _ in points)
    if spread < 1e-6:
        return 0.0, UNKNOWN_U
    slope = math.fsum((x - x0) * (y - y0) for x, y in points) / spread
    off = math.fsum((y - y0 - slope * (x - x0)) ** 2 for x, y in points)
    u = math.hypot(math.sqrt(off / (n - 2) / spread), SHARE_U * slope)
    return (slope, u) if u <= UNKNOWN_U else (0.0, UNKNOWN_U)


def _tree(result: IcpResult) -> float:
    return math.fsum(result.values.get(element, 0.0) for element in RARE_EARTHS)


def _density(result: IcpResult, requests: Mapping[str, SampleRequested]) -> float | None:
    asked = requests.get(result.sample)
    return None if asked is None else asked.context.get("density_kg_m3")
