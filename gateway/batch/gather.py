"""From what the journal says of a batch to what its balance is computed from.

A volume or mass meets its analysis by name: ``Charged.material`` (filtrate, wash, cake, heel, sample) must occur in the
``purpose`` or ``stream`` of the ICP result, the latest usable one counts. Bad results are never used.

    >>> given = gather(lot, charged, results)
    >>> given.liquor[0].name
    'filtrate'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from devices.quality import is_bad
from gateway.batch.balance import BalanceInput, Liquor, Residue, Solids
from gateway.batch.lots import Charge, charge_of
from gateway.batch.quantity import Measured
from gateway.control.chain import Charged, IcpResult, SampleRequested

VOLUME_U_REL = 0.01                             # of a tank volume by level, when the result does not say (assumed)
MOISTURE = Measured(0.40, 0.02)                 # of a blown filter cake, when nobody measured it (assumed, 35..45 %)


def gather(
    lots: Mapping[str, Any] | Sequence[Mapping[str, Any]], charged: Iterable[Charged], results: Iterable[IcpResult],
    cake_moisture: Measured = MOISTURE, requests: Iterable[SampleRequested] = (),
) -> BalanceInput:
    """The input of ``balance`` from a batch's entries. ``lots``: as frozen in BatchCreated.lot; each needs its figures.

    ``direction`` tells an opening heel (in) from a closing one (out); ``requests``: their context (volume_l) counts where the
    result has none.
    """
    asked = {each.sample: each.context for each in requests}
    amounts = [each for each in charged if each.amount > 0]
    usable = [msgspec.structs.replace(each, context={**asked.get(each.sample, {}), **each.context})
              for each in results if not is_bad(each.quality)]
    known: list[Mapping[str, Any]] = [lots] if isinstance(lots, Mapping) else list(lots)
    return BalanceInput(
        charges=_charges(known, [each for each in amounts if each.material == "solids" and each.direction == "in"]),
        liquor=_volumes(amounts, usable, ("filtrate", "liquor", "wash"), "out"),
        cake=_cakes(amounts, usable, cake_moisture),
        samples=_volumes(amounts, usable, ("sample",), "out"),
        opening_heel=_volumes(amounts, usable, ("heel",), "in"),
        closing_heel=_volumes(amounts, usable, ("heel",), "out"),
        residue=_residue(usable),
    )


def _charges(lots: Sequence[Mapping[str, Any]], solids: Sequence[Charged]) -> list[Charge]:
    """One charge per lot, the drafts weighed in added up; their scale errors add linearly (one scale)."""
    found: list[Charge] = []
    for lot in lots:
        drafts = [each for each in solids if each.lot in ("", lot["lot"])]
        if drafts:
            found.append(charge_of(lot, sum(each.amount for each in drafts), sum(each.u for each in drafts)))
    return found


def _volumes(amounts: Sequence[Charged], results: Sequence[IcpResult], materials: Sequence[str], direction: str) -> list[Liquor]:
    found: list[Liquor] = []
    for each in amounts:
        if each.material in materials and each.direction == direction and each.unit == "L":
            result = _analysis(each.material, results, "g/L")
            if result is None and each.material == "heel":
                result = _analysis("liquor", results, "g/L")        # what stayed behind is what was sampled last in the tank
            if result is not None:
                found.append(Liquor(each.material, Measured(each.amount, each.u, each.source), _figures(result)))
    return found


def _cakes(amounts: Sequence[Charged], results: Sequence[IcpResult], moisture: Measured) -> list[Solids]:
    result = _analysis("cake", results, "kg/kg")
    cakes = [each for each in amounts if each.material == "cake" and each.direction == "out"]
    if result is None:
        return []
    context = result.context
    if "moisture" in result.values:
        moisture = Measured(result.values["moisture"], result.u.get("moisture", 0.01))
    elif "moisture" in context:
        moisture = Measured(context["moisture"], context.get("u_moisture", 0.01))
    return [Solids("cake", Measured(each.amount, each.u, each.source), moisture, _figures(result)) for each in cakes]


def _residue(results: Sequence[IcpResult]) -> Residue | None:
    """The washed residue and the liquor it stood in; None when no residue was analysed."""
    solid = _analysis("residue", results, "kg/kg")
    if solid is None:
        return None
    leach = [each for each in results if each.unit == "g/L" and each.taken_utc <= solid.taken_utc and "volume_l" in each.context]
    weighed = solid.context.get("dry_mass_kg")
    return Residue(
        _figures(solid),
        _tank(leach[-1]) if leach else None,
        None if weighed is None else Measured(weighed, solid.context.get("u_dry_mass_kg", 0.02 * weighed)),
    )


def _tank(result: IcpResult) -> Liquor:
    volume = result.context["volume_l"]
    return Liquor("leach", Measured(volume, result.context.get("u_volume_l", VOLUME_U_REL * volume)), _figures(result))


def _analysis(material: str, results: Sequence[IcpResult], unit: str) -> IcpResult | None:
    """The latest result for a material."""
    named = [each for each in results if each.unit == unit and material in f"{each.purpose} {each.stream}".lower()]
    return max(named, key=lambda each: each.taken_utc, default=None)


def _figures(result: IcpResult) -> dict[str, Measured]:
    elements = {element: value for element, value in result.values.items() if element != "moisture"}
    return {element: Measured(value, result.u.get(element, 0.02 * abs(value))) for element, value in elements.items()}
