"""Control recipes: every amount computed with its unit, frozen, hashed, and refused when it is out of range."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.batch.recipe import RecipeRefused, Signature, instantiate, recipe_hash

SIGNATURES = {
    "HEAT": {"temperature": Signature("degC", 20, 90), "ramp": Signature("K/min", 0.05, 1.5, 0.5)},
    "CHARGE_WATER": {"volume": Signature("L", 20, 800), "tolerance": Signature("L", 0.5, 20, 5)},
    "DOSE_ACID": {"amount": Signature("mol", 10, 3000), "rate": Signature("L/min", 0.01, 0.75)},
}
LOT = {
    "lot": "L-1",
    "feed_state": "roasted",
    "mass_kg": 83.6,
    "mass_u_rel": 0.001,
    "moisture": 0.012,
    "moisture_u": 0.003,
    "d50_um": 150.0,
    "assay": {"Nd": {"fraction": 0.2, "u_rel": 0.01, "method": "ICP"}, "Fe": {"fraction": 0.475, "u_rel": 0.01, "method": "ICP"}},
}
RECIPE: dict[str, Any] = {
    "recipe": "R", "version": "1.0", "status": "released", "feed_states": ["roasted"],
    "formula": {
        "charge_mass": {"value": 80.0, "unit": "kg", "low": 20.0, "high": 90.0},
        "water": {"value": 0.5, "unit": "m3", "low": 0.1, "high": 0.6, "scale": "charge"},
        "acid_ratio": {"value": 4.5, "unit": "1", "low": 3.0, "high": 6.0},
        "temperature": {"value": 60.0, "unit": "degC", "low": 40.0, "high": 70.0},
    },
    "computed": {"acid": "acid_ratio * lot.ree_amount"},
    "procedure": {
        "water": {"phase": "CHARGE_WATER", "operation": "Prepare", "timeout_min": 60, "parameters": {"volume": "water"}},
        "warm": {"phase": "HEAT", "operation": "Prepare", "timeout_min": 60, "parameters": {"temperature": "temperature + 5 K"}},
        "acid": {"phase": "DOSE_ACID", "operation": "Leach", "timeout_min": 60, "parameters": {"amount": "acid", "rate": "30 L/h"}},
    },
}  # fmt: skip


def made(formula: dict[str, float] | None = None, **change: Any) -> dict[str, Any]:
    return instantiate({**RECIPE, **change}, LOT, "R-101", {"number": 1.0, "total_volume_l": 1000.0}, SIGNATURES, formula)


def with_parameter(step: str, key: str, value: Any) -> dict[str, Any]:
    procedure = copy.deepcopy(RECIPE["procedure"])
    procedure[step]["parameters"][key] = value
    return {"procedure": procedure}


def test_every_parameter_comes_out_in_the_unit_of_its_phase():
    steps = made()["procedure"]
    assert steps["water"]["parameters"] == {"volume": 500.0, "tolerance": 5.0}
    assert steps["warm"]["parameters"] == {"temperature": 65.0, "ramp": 0.5}
    assert steps["acid"]["parameters"]["rate"] == 0.5


def test_the_acid_follows_from_the_lot():
    neodymium_mol = 80.0 * (1 - 0.012) * 0.2 / 0.144242
    assert made()["procedure"]["acid"]["parameters"]["amount"] == pytest.approx(4.5 * neodymium_mol, rel=1e-6)
    assert made()["computed"]["acid"] == pytest.approx(4.5 * neodymium_mol, rel=1e-6)


def test_what_scales_with_the_charge_does_and_what_a_person_sets_does_not():
    assert made({"charge_mass": 40.0})["formula"]["water"] == 0.25
    assert made({"charge_mass": 40.0, "water": 0.3})["formula"]["water"] == 0.3


def test_a_control_recipe_is_frozen_and_its_hash_tells_any_change():
    one = made()
    assert recipe_hash(one) == recipe_hash(made())
    assert recipe_hash(one) != recipe_hash(made({"acid_ratio": 4.6}))
    one["procedure"]["warm"]["parameters"]["temperature"] += 1e-6
    assert recipe_hash(one) != recipe_hash(made())


@pytest.mark.fault("O01")
@pytest.mark.parametrize(("change", "words"), [
    (with_parameter("warm", "temperature", "60 bar"), "warm.temperature: bar does not go with degC"),
    (with_parameter("warm", "temperature", "60 K"), "warm.temperature: K is a difference"),
    (with_parameter("warm", "ramp", "temperature"), "warm.ramp"),
    (with_parameter("warm", "temperature", "60"), "does not go with degC"),
    (with_parameter("warm", "temperature", "temperature + 30 K"), "warm.temperature: 100 degC outside 20..90 degC"),
    (with_parameter("warm", "temperature", 132.0), "warm.temperature: 132 degC outside 20..90 degC"),
    (with_parameter("water", "volume", "water + 3 kg"), "does not go with"),
    (with_parameter("water", "volume", "water / 0"), "has no value"),
    (with_parameter("water", "volume", "wine"), "unknown name 'wine'"),
    (with_parameter("acid", "amount", "acid *"), "cannot read"),
    (with_parameter("acid", "amount", None), "acid.amount: the phase DOSE_ACID needs it"),
    (with_parameter("acid", "amount", "- " * 900 + "acid"), "deep"),
    ({"computed": {"acid": "acid_ratio > 3"}}, "needs a number"),
    ({"feed_states": ["metal"]}, "R takes metal feed; lot L-1 is roasted"),
])  # fmt: skip
def test_what_cannot_be_is_refused_with_place_value_and_what_would_be_allowed(change: dict[str, Any], words: str):
    formula = {"temperature": 70.0} if "+ 30 K" in str(change) else None
    with pytest.raises(RecipeRefused) as refused:
        made(formula, **change)
    assert words in str(refused.value)


@pytest.mark.fault("O01")
@pytest.mark.parametrize(("formula", "words"), [
    ({"temperature": 71.0}, "R.formula.temperature: 71 degC outside 40..70 degC"), ({"temperature": float("nan")}, "outside"),
    ({"charge_mass": 85.0, "water": 0.6}, "lot L-1 holds 83.6 kg"), ({"wine": 1.0}, "R has no formula value 'wine'; it has charge_mass"),
    ({"charge_mass": 20.0}, ""), ({"acid_ratio": -4.5}, "outside 3..6"), ({"water": float("inf")}, "outside"),
])  # fmt: skip
def test_a_formula_stays_inside_its_ranges(formula: dict[str, float], words: str):
    if not words:
        assert made(formula)["formula"]["water"] == 0.125
        return
    with pytest.raises(RecipeRefused) as refused:
        made(formula)
    assert words in str(refused.value)


@pytest.mark.fault("O01")
def test_of_ten_thousand_mutated_recipes_none_leaves_the_limits_of_its_phases():
    rng, taken = random.Random(7), 0
    for _ in range(10_000):
        recipe = {**RECIPE, "formula": {name: dict(item) for name, item in RECIPE["formula"].items()}}
        item = recipe["formula"][rng.choice(list(recipe["formula"]))]
        field = rng.choice(("value", "low", "high", "unit"))
        item[field] = (
            rng.choice(("kg", "L", "bar", "degC", "K"))
            if field == "unit"
            else rng.choice((0.0, -1.0, 1e9, float("nan"), rng.uniform(0, 200)))
        )
        try:
            control = instantiate(recipe, LOT, "R-101", {}, SIGNATURES, None)
        except (RecipeRefused, ZeroDivisionError):
            continue
        taken += 1
        for step in control["procedure"].values():
            for key, signature in SIGNATURES[step["phase"]].items():
                assert signature.low <= step["parameters"][key] <= signature.high
    assert 500 < taken < 9_500


@given(st.text(max_size=30))
def test_any_text_as_an_amount_is_a_number_or_refused(text: str):
    try:
        amount = made(**with_parameter("water", "volume", text))["procedure"]["water"]["parameters"]["volume"]
    except RecipeRefused:
        return
    assert 20 <= amount <= 800
