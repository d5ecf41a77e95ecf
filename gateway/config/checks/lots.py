"""Lots: an assay that can be true, and a recipe that can take them."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.batch.lots import ATOMIC_WEIGHT
from gateway.batch.recipe import RecipeRefused, Signature, instantiate
from gateway.config.draft import Draft
from gateway.config.faults import Fault
from gateway.config.phases import PHASES

NEEDED = ("Nd", "Pr", "Dy", "Tb", "Fe")
ELEMENTS = set(ATOMIC_WEIGHT) | {"C", "O", "N", "H", "Si", "Mg", "Mn", "Ti", "Mo", "Cr", "Zn", "Sn", "P", "S"}
ORIGINS = ("mining", "refining", "separation", "metal", "alloy", "magnet")
MOIST = 0.45  # swarf under water drains to less than this


def assays(draft: Draft) -> Iterator[Fault]:
    """Elements exist, the ones a balance needs are there, and together they are no more than the lot."""
    for name, lot in draft.lots.items():
        path = ("lots", name, "assay")
        for element in lot.assay:
            if element not in ELEMENTS:
                yield draft.unknown((*path, element), element, ELEMENTS, "element")
        missing = [element for element in NEEDED if element not in lot.assay]
        if missing:
            yield draft.fault(path, f"no {', '.join(missing)}; not found is a fraction of 0 with its uncertainty, not a gap")
        total = sum(assay.fraction for assay in lot.assay.values())
        if total > 1:
            yield draft.fault(path, f"fractions sum to {total:.4g}, more than the lot")
        elif lot.feed_state == "roasted" and total > 0.85 and "O" not in lot.assay:
            yield draft.fault(
                path, f"fractions sum to {total:.4g}: no room for the oxygen of a roasted lot (a full roast leaves about 0.73)"
            )
        elif lot.feed_state == "metal" and total < 0.8 and not missing:
            yield draft.fault(path, f"fractions sum to {total:.4g}: a metallic lot holds more; is it roasted?")


def waters(draft: Draft) -> Iterator[Fault]:
    """Moisture and its uncertainty are believable."""
    for name, lot in draft.lots.items():
        if lot.moisture > MOIST:
            yield draft.fault(
                ("lots", name, "moisture"), f"{lot.moisture:g} is a fraction of the lot; more than {MOIST:g} is slurry, not swarf"
            )
        if lot.moisture_u > max(lot.moisture, 0.02):
            yield draft.fault(("lots", name, "moisture_u"), f"{lot.moisture_u:g} is absolute, and more than the moisture itself")


def origins(draft: Draft) -> Iterator[Fault]:
    """Every stage of origin is stated; unknown is a statement, a gap is not."""
    for name, lot in draft.lots.items():
        for stage in lot.origin:
            if stage not in ORIGINS:
                yield draft.unknown(("lots", name, "origin", stage), stage, ORIGINS, "stage of origin")
        missing = [stage for stage in ORIGINS if stage not in lot.origin]
        if missing:
            yield draft.fault(("lots", name, "origin"), f"no {', '.join(missing)}; say unknown where it is not known")


def takers(draft: Draft) -> Iterator[Fault]:
    """A recipe that runs takes its lots: every amount computes and lies inside the phases' limits."""
    signatures = {
        key: {p: Signature(s.unit, s.low, s.high, s.default) for p, s in phase.parameters.items()} for key, phase in PHASES.items()
    }
    for name, recipe in draft.recipes.items():
        unit = next((key for key, unit in draft.units.items() if unit.equipment_class == recipe.equipment_class), None)
        charge = recipe.formula.get("charge_mass")
        if recipe.status in ("draft", "retired") or unit is None or charge is None:
            continue
        figures = {"number": float(draft.units[unit].number), **draft.units[unit].parameters}
        for lot_name, lot in draft.lots.items():
            if lot.feed_state not in recipe.feed_states or lot.mass_kg < charge.low:
                continue
            changed = {"charge_mass": min(charge.value, lot.mass_kg)}
            try:
                instantiate(recipe.model_dump(mode="json"), lot.model_dump(mode="json"), unit, figures, signatures, changed)
            except RecipeRefused as error:
                yield draft.fault(("lots", lot_name), f"recipe {name} cannot take it: {error}")


def has_takers(draft: Draft) -> Iterator[Fault]:
    """A lot that no recipe takes stays in quarantine for ever."""
    feeds = {feed for recipe in draft.recipes.values() for feed in recipe.feed_states}
    if len(draft.recipes) < len(draft.declared["recipes"]):
        return
    for name, lot in draft.lots.items():
        if lot.feed_state not in feeds:
            yield draft.fault(("lots", name, "feed_state"), f"no recipe takes {lot.feed_state} feed", tuple(sorted(feeds)))


CHECKS = (assays, waters, origins, has_takers)
AT_LAST = (takers,)  # only when nothing else is wrong: it would tell the same faults again
