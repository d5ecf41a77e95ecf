"""From a master recipe, a lot and a charge to the control recipe: a frozen copy with every amount computed, and its hash.

The expressions are those of the condition language; every name carries its unit, and a parameter comes out in the unit
of its phase. A value outside the formula's range or the phase's limits is refused with both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.batch.lots import RARE_EARTHS, charge_of, dry_mass, element_mass, mol_ree
from gateway.control.conditions import ConditionError, compile_set, parse
from gateway.control.dimension import DIMENSIONLESS, Quantity, quantity

IRON_KG_PER_MOL = 0.055845                      # IUPAC 2021


class RecipeRefused(ValueError):
    """A recipe that cannot be made for this lot, charge or formula."""


class Signature(msgspec.Struct, frozen=True):
    """One parameter of a phase: unit, limits and default (None: the recipe must give it)."""

    unit: str
    low: float
    high: float
    default: float | None = None


class Figure(msgspec.Struct, frozen=True):
    """A named number with what it measures."""

    value: float
    measures: Quantity


def instantiate(recipe: Mapping[str, Any], lot: Mapping[str, Any], unit: str, unit_figures: Mapping[str, float],
                signatures: Mapping[str, Mapping[str, Signature]], formula: Mapping[str, float] | None = None) -> dict[str, Any]:
    """The control recipe.

    ``recipe``, ``lot``: plain mappings of the configuration. ``formula``: values a person changed, within their ranges.
    Raises RecipeRefused with what, value and what would be allowed.
    """
    if lot["feed_state"] not in recipe["feed_states"]:
        raise RecipeRefused(f"{recipe['recipe']} takes {', '.join(recipe['feed_states'])} feed; lot {lot['lot']} is {lot['feed_state']}")
    values = _formula(recipe, formula or {})
    figures = {name: Figure(value, quantity(recipe["formula"][name]["unit"])) for name, value in values.items()}
    figures |= _lot_figures(lot, values.get("charge_mass", float(lot["mass_kg"])))
    figures |= {f"unit.{name}": Figure(float(value), DIMENSIONLESS) for name, value in unit_figures.items()}
    for name, text in recipe.get("computed", {}).items():
        figures[name] = _evaluate(text, figures, f"computed.{name}")
    procedure = {name: _step(name, step, figures, signatures) for name, step in recipe["procedure"].items()}
    return {
        "recipe": recipe["recipe"], "version": recipe["version"], "status": recipe["status"], "unit": unit, "lot": lot["lot"],
        "formula": values, "computed": {name: round(figures[name].value, 6) for name in recipe.get("computed", {})},
        "units": {name: figures[name].measures.symbol for name in (*values, *recipe.get("computed", {}))},
        "procedure": procedure,
        "shared": {"lot": lot["lot"], "stream": unit_figures.get("number", 1), "feed_state": lot["feed_state"]},
    }


def recipe_hash(control_recipe: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of a control recipe, hexadecimal."""
    return hashlib.sha256(msgspec.json.encode(control_recipe, order="deterministic")).hexdigest()


def _formula(recipe: Mapping[str, Any], changed: Mapping[str, float]) -> dict[str, float]:
    items = recipe["formula"]
    for name in changed:
        if name not in items:
            raise RecipeRefused(f"{recipe['recipe']} has no formula value {name!r}; it has {', '.join(items)}")
    values: dict[str, float] = {}
    ratio = changed.get("charge_mass", 0.0) / items["charge_mass"]["value"] if "charge_mass" in changed else 1.0
    for name, item in items.items():
        default = item["value"] * (ratio if item.get("scale") == "charge" else 1.0)
        value = float(changed.get(name, default))
        if not item["low"] <= value <= item["high"]:
            limits = f"{item['low']:g}..{item['high']:g} {item['unit']}"
            raise RecipeRefused(f"{recipe['recipe']}.formula.{name}: {value:g} {item['unit']} outside {limits}")
        values[name] = round(value, 6)
    return values


def _lot_figures(lot: Mapping[str, Any], charge_kg: float) -> dict[str, Figure]:
    if charge_kg > lot["mass_kg"] * 1.0005:
        raise RecipeRefused(f"charge_mass {charge_kg:g} kg: lot {lot['lot']} holds {lot['mass_kg']:g} kg")
    charge = charge_of(lot, charge_kg)
    dry = dry_mass(charge).value
    ree = sum(element_mass(charge, e).value for e in RARE_EARTHS if e in lot["assay"])
    iron = element_mass(charge, "Fe").value / IRON_KG_PER_MOL if "Fe" in lot["assay"] else 0.0
    return {
        "lot.dry_fraction": Figure(dry / charge_kg, DIMENSIONLESS),
        "lot.ree_fraction": Figure(ree / dry, DIMENSIONLESS),
        "lot.ree_amount": Figure(mol_ree(charge).value, quantity("mol")),
        "lot.iron_amount": Figure(iron, quantity("mol")),
        "lot.d50_um": Figure(float(lot["d50_um"]), DIMENSIONLESS),
    }


def _evaluate(text: str, figures: Mapping[str, Figure], where: str) -> Figure:
    constants = {name: figure.value for name, figure in figures.items()}
    try:
        expression = parse(text)
        measures = expression.measures(lambda name: figures[name].measures if name in figures else None)
        source = expression.source_of(lambda name: constants[name], lambda name: figures[name].measures if name in figures else None)
    except ConditionError as error:
        raise RecipeRefused(f"{where}: {error} in {text!r}") from None
    value = compile_set([source])([], [])[0]
    if value is None:
        raise RecipeRefused(f"{where}: {text!r} has no value")
    return Figure(float(value), measures)


def _step(name: str, step: Mapping[str, Any], figures: Mapping[str, Figure],
          signatures: Mapping[str, Mapping[str, Signature]]) -> dict[str, Any]:
    known = signatures[step["phase"]]
    parameters: dict[str, float] = {}
    for key, signature in known.items():
        given = step["parameters"].get(key, signature.default)
        if given is None:
            raise RecipeRefused(f"{name}.{key}: the phase {step['phase']} needs it")
        where = f"{name}.{key}"
        value = _in_unit(_evaluate(given, figures, where), signature.unit, where) if isinstance(given, str) else float(given)
        if not signature.low <= value <= signature.high:
            raise RecipeRefused(f"{where}: {value:g} {signature.unit} outside {signature.low:g}..{signature.high:g} {signature.unit}")
        parameters[key] = round(value, 6)
    return {"phase": step["phase"], "operation": step["operation"], "parameters": parameters, "timeout_min": step["timeout_min"],
            "parallel": list(step.get("parallel", ()))}


def _in_unit(figure: Figure, unit: str, where: str) -> float:
    want = quantity(unit)
    try:
        figure.measures.check_fits(want)
    except ValueError as error:
        raise RecipeRefused(f"{where}: {error}") from None
    if {figure.measures.kind, want.kind} == {"point", ""} and not figure.measures.any_unit:
        raise RecipeRefused(f"{where}: {figure.measures.symbol} is a difference, {unit} a point on a scale" if want.kind else
                            f"{where}: {figure.measures.symbol} is a point on a scale, {unit} a difference")
    gain, offset = figure.measures.into(want)
    return figure.value * gain + offset
