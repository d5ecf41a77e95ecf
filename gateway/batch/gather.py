"""From what the journal says of a batch to what its balance is computed from.

A volume or mass meets its analysis by name: ``Charged.material`` (filtrate, wash, cake, sample) must occur in the
``purpose`` or ``stream`` of the ICP result, the latest usable one counts. Bad results are never used. What stays in the
tank is taken to be what was sampled last: liquor as the liquor, solids as the cake (where there is none, as the residue).

    >>> given = gather(lot, charged, results)
    >>> given.liquor[0].name
    'filtrate'
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from devices.quality import is_bad
from gateway.batch.balance import Amounts, BalanceInput, Liquor, Residue, Solids
from gateway.batch.lots import ATOMIC_WEIGHT, Charge, charge_of
from gateway.batch.quantity import Measured
from gateway.control.chain import Charged, IcpResult, SampleRequested

SOLIDS_KG_L = 5.0                               # iron oxide: hematite 5.3, goethite 4.3 (assumed)
RESIDUE_U_REL = 0.05                            # of the solids in the tank by one slurry sample (assumed)
DRAWN_U_REL = 0.1                               # of the volume of a slurry sample (assumed)
VOLUME_U_REL = 0.01                             # of a tank volume by level, when the result does not say (assumed)
MOISTURE = Measured(0.40, 0.02)                 # of a blown filter cake, when nobody measured it (assumed, 35..45 %)


def gather(
    lots: Mapping[str, Any] | Sequence[Mapping[str, Any]], charged: Iterable[Charged], results: Iterable[IcpResult],
    cake_moisture: Measured = MOISTURE, requests: Iterable[SampleRequested] = (),
    opening: Mapping[str, tuple[float, float]] | None = None,
) -> BalanceInput:
    """The input of ``balance`` from a batch's entries. ``lots``: as frozen in BatchCreated.lot; each needs its figures.

    ``requests``: their context (volume_l) counts where the result has none. ``opening``: what the batch before left in the
    tank, element -> (kg, standard uncertainty).
    """
    asked = {each.sample: each.context for each in requests}
    amounts = [each for each in charged if each.amount > 0 or each.u > 0]       # nothing, more or less, is a figure too
    usable = [msgspec.structs.replace(each, context={**asked.get(each.sample, {}), **each.context})
              for each in results if not is_bad(each.quality)]
    known: list[Mapping[str, Any]] = [lots] if isinstance(lots, Mapping) else list(lots)
    dry = Measured(0.0, 0.0)
    moisture = _moisture(usable, cake_moisture)
    left = {element: Measured(kg, u) for element, (kg, u) in (opening or {}).items()}
    return BalanceInput(
        charges=_charges(known, [each for each in amounts if each.material == "solids" and each.direction == "in"]),
        liquor=_volumes(amounts, usable, ("filtrate", "liquor", "wash")) + _stood_before(amounts, usable),
        cake=_solids(amounts, usable, "cake", ("cake",), moisture),
        samples=_volumes(amounts, usable, ("sample",)),
        sample_solids=_solids(amounts, usable, "sample_solids", ("residue",), dry)
        + _solids(amounts, usable, "cake_sample", ("cake",), moisture),
        opening_heel=[Amounts("opening heel", left)] if left else [],
        closing_heel=_volumes(amounts, usable, ("heel",)),
        closing_heel_solids=_solids(amounts, usable, "heel_solids", ("cake", "residue"), dry),
        residue=_residue(usable),
    )


def unassayed_heel(charged: Iterable[Charged], given: BalanceInput) -> bool:
    """Whether solids stay in the tank of which no analysis says what they hold."""
    return not given.closing_heel_solids and any(each.material == "heel_solids" and each.amount > 0 for each in charged)


def _charges(lots: Sequence[Mapping[str, Any]], solids: Sequence[Charged]) -> list[Charge]:
    """One charge per lot, the drafts weighed in added up; their scale errors add linearly (one scale)."""
    found: list[Charge] = []
    for lot in lots:
        drafts = [each for each in solids if each.lot in ("", lot["lot"])]
        if drafts:
            found.append(charge_of(lot, sum(each.amount for each in drafts), sum(each.u for each in drafts)))
    return found


def _volumes(amounts: Sequence[Charged], results: Sequence[IcpResult], materials: Sequence[str]) -> list[Liquor]:
    found: list[Liquor] = []
    for each in amounts:
        if each.material in materials and each.direction == "out" and each.unit == "L":
            result = _analysis(each.material, results, "g/L")
            if result is None and each.material == "heel":
                result = _analysis("liquor", results, "g/L")        # what stayed behind is what was sampled last in the tank
            if result is not None:
                found.append(Liquor(each.material, Measured(each.amount, each.u, each.source), _figures(result)))
    return found


def _stood_before(amounts: Sequence[Charged], results: Sequence[IcpResult]) -> list[Liquor]:
    """What stood in the buffer before the filtrate came, as what it adds: the difference in strength between then and now.

    Without an analysis of its own its strength may be anything between none and twice that of the mixture.
    """
    after, before = _analysis("filtrate", results, "g/L"), _analysis("buffer-before", results, "g/L")
    if after is None:
        return []
    now, then = _figures(after), {} if before is None else _figures(before)
    change = {
        element: Measured(c.value - then[element].value, math.hypot(c.u, then[element].u))
        if element in then else Measured(0.0, c.value / math.sqrt(3.0))
        for element, c in now.items()
    }
    return [Liquor("buffer", Measured(each.amount, each.u, each.source), change)
            for each in amounts if each.material == "buffer" and each.direction == "in"]


def _solids(
    amounts: Sequence[Charged], results: Sequence[IcpResult], material: str, analyses: Sequence[str], moisture: Measured
) -> list[Solids]:
    """Masses of a material with the assay of the first of ``analyses`` that was made."""
    result = next((found for name in analyses if (found := _analysis(name, results, "kg/kg")) is not None), None)
    if result is None:
        return []
    return [Solids(material, Measured(each.amount, each.u, each.source), moisture, _figures(result))
            for each in amounts if each.material == material and each.direction == "out" and each.unit == "kg"]


def _moisture(results: Sequence[IcpResult], unmeasured: Measured) -> Measured:
    """Moisture of the cake, kg/kg: as the laboratory found it."""
    result = _analysis("cake", results, "kg/kg")
    if result is None:
        return unmeasured
    if "moisture" in result.values:
        return Measured(result.values["moisture"], result.u.get("moisture", 0.01))
    context = result.context
    return Measured(context["moisture"], context.get("u_moisture", 0.01)) if "moisture" in context else unmeasured


def _residue(results: Sequence[IcpResult]) -> Residue | None:
    """The washed residue and the liquor it stood in; None when no residue was analysed."""
    solid = _analysis("residue", results, "kg/kg")
    if solid is None:
        return None
    leach = [each for each in results if each.unit == "g/L" and each.taken_utc <= solid.taken_utc and "volume_l" in each.context]
    kg_l = _in_slurry(solid)
    volume = solid.context.get("volume_l")
    mass = None if kg_l is None or volume is None else Measured(kg_l * volume, math.hypot(RESIDUE_U_REL, DRAWN_U_REL) * kg_l * volume)
    return Residue(_figures(solid), _tank(leach[-1], (kg_l or 0.0) / SOLIDS_KG_L) if leach else None, mass)


def _in_slurry(residue: IcpResult) -> float | None:
    """Dry solids in the slurry, kg/L, from what the residue sample weighed; None where nobody weighed it."""
    weighed, drawn = residue.values.get("sample_kg"), residue.context.get("drawn_l")
    return weighed / drawn if weighed is not None and drawn else None


def _tank(result: IcpResult, solids_share: float) -> Liquor:
    volume = result.context["volume_l"] * (1.0 - solids_share)
    return Liquor("leach", Measured(volume, result.context.get("u_volume_l", VOLUME_U_REL * volume)), _figures(result))


def _analysis(material: str, results: Sequence[IcpResult], unit: str) -> IcpResult | None:
    """The latest result for a material."""
    named = [each for each in results if each.unit == unit and material in f"{each.purpose} {each.stream}".lower()]
    return max(named, key=lambda each: each.taken_utc, default=None)


def _figures(result: IcpResult) -> dict[str, Measured]:
    elements = {element: value for element, value in result.values.items() if element in ATOMIC_WEIGHT}
    return {element: Measured(value, result.u.get(element, 0.02 * abs(value))) for element, value in elements.items()}
