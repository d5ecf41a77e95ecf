"""Uncertainty of computed values: by source, so that what two inputs have in common counts once; unknown is never 0."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.quality import BAD, GOOD
from gateway.control.carried import Doubt
from gateway.control.conditions import ConditionError, compile_set, parse
from gateway.control.derived import Derived, DerivedRow
from gateway.control.dimension import quantity
from gateway.control.image import SECOND, Image, Now
from gateway.control.partials import partials
from gateway.control.uncertainty import EXACT, Doubts, Stated, figure_source, gain_of, offset_of

UNITS = {"A": "L/min", "B": "L/min", "C": "m3/h", "T": "degC", "S": "1", "R": "L/min"}
INDEX = {name: i for i, name in enumerate(UNITS)}
FIGURES = {"strength_mol_l": 10.0}


def quantity_of(name: str):
    return quantity("mol/L" if name in FIGURES else UNITS[name])


def resolve(name: str) -> int | float:
    return FIGURES[name] if name in FIGURES else INDEX[name]


def slopes_of(text: str, values: dict[str, float]) -> dict[str, float]:
    expression = parse(text)
    names = sorted(expression.names)
    slopes = partials(expression, names, resolve, quantity_of)
    return dict(zip(names, slopes([values.get(name, 1.0) for name in UNITS], lambda tag: 0.5), strict=True))


def value_of(text: str, values: dict[str, float]) -> float:
    return compile_set([parse(text).source_of(resolve, quantity_of)])([values.get(name, 1.0) for name in UNITS], [0] * len(UNITS))[0]


class Rig:
    """One derived tag R over an image of a few inputs, updated each second."""

    def __init__(self, kind: str, of: str, stated: dict[str, Stated], *, window_s: float = 60.0, figures: dict[str, float] | None = None,
                 u: float | None = None, u_rel: float = 0.0, per_s: float = 1.0) -> None:
        self.image = Image(list(UNITS), [10 * SECOND] * len(UNITS))
        for name, each in stated.items():
            self.image.doubts.state(INDEX[name], each)
        self.image.doubts.figures += figures or {}
        expression = parse(of)
        known = sorted(expression.names & set(INDEX))
        uncertain = [name for name in sorted(expression.names) if name in (figures or {})]
        number = None
        if kind == "expression":
            evaluate = compile_set([expression.source_of(resolve, quantity_of)])
            number = lambda v, q: evaluate(v, q, self.image.doubts.u)[0]  # noqa: E731
        tag, inputs = INDEX["R"], tuple(INDEX[name] for name in known)
        doubt = Doubt(
            kind=kind, tag=tag, of=inputs, u=None if u is None else lambda v, q: u, u_rel=u_rel, per_s=per_s,
            slopes=partials(expression, [*known, *uncertain], resolve, quantity_of) if kind == "expression" else None,
            figures=tuple((figure_source(k), (figures or {})[name]) for k, name in enumerate(uncertain)))  # fmt: skip
        self.derived = Derived(DerivedRow(tag=tag, kind=kind, of=inputs, number=number, window_ns=round(window_s * SECOND), per_s=per_s,
                                          doubt=doubt))
        self.now = Now(1000 * SECOND, 0)

    def show(self, times: int = 1, quality: int = GOOD, **values: float) -> Rig:
        for _ in range(times):
            self.now = Now(self.now.mono + SECOND, self.now.utc + SECOND)
            for name, value in values.items():
                self.image.put(INDEX[name], value, quality, asked=self.now.mono, seen=self.now.mono, source=self.now.utc)
            self.derived.update(self.image, self.now)
        return self

    @property
    def u(self) -> float:
        return self.image.doubts.u(INDEX["R"])


# --- inputs ------------------------------------------------------------------------------------------------------
def test_offset_and_gain_of_an_input_are_independent():
    doubts = Doubts([80.0])
    doubts.state(0, Stated(u=0.3, u_rel=0.005))
    assert doubts.of(0) == {offset_of(0): 0.3, gain_of(0): 0.4}
    assert doubts.u(0) == pytest.approx(0.5)


def test_nothing_stated_is_not_known_and_exact_is_0():
    doubts = Doubts([80.0, 1.0])
    doubts.state(1, EXACT)
    assert math.isnan(doubts.u(0))
    assert doubts.u(1) == 0.0


def test_a_tag_may_show_the_uncertainty_of_another():
    doubts = Doubts([30.0, 0.4])
    doubts.state(0, Stated(by=1))
    assert doubts.u(0) == 0.4


# --- derivatives -------------------------------------------------------------------------------------------------
TEXTS = (
    "A + B - C", "A * B / C", "A / (B + C) - 3 * A / B", "abs(A - B) * A", "min(A, B, C) + max(A, C)", "-A * (B - C) / (A + 5 L/min)",
    "exp(A / 3 L/min) * B", "exp(-1 * (A / (B + 1 L/min))) * C", "A / B / B + C / A / A", "(T - 20 degC) / 1 K * A", "usable(A) * B",
    "A * strength_mol_l / (B * strength_mol_l + 1 mol/min)",
)  # fmt: skip


@given(st.sampled_from(TEXTS), st.integers(0, 10**6))
def test_every_derivative_is_the_slope_of_the_whole_expression(text: str, seed: int):
    rng = random.Random(seed)
    values = {name: rng.uniform(1.0, 9.0) for name in ("A", "B", "C", "T")}
    for name, slope in slopes_of(text, values).items():
        if name in FIGURES:
            continue
        step = 1e-5
        found = (value_of(text, {**values, name: values[name] + step}) - value_of(text, {**values, name: values[name] - step})) / (2 * step)
        assert slope == pytest.approx(found, rel=1e-4, abs=1e-6), name


def test_a_flow_in_another_unit_moves_a_sum_by_its_factor():
    assert slopes_of("A + C", {})["C"] == pytest.approx(1000 / 60)


def test_the_derivative_by_a_figure_is_there_too():
    assert slopes_of("A * strength_mol_l", {"A": 3.0})["strength_mol_l"] == 3.0


def test_what_asks_for_a_quality_or_an_uncertainty_does_not_move():
    assert slopes_of("A / u(B)", {"A": 2.0})["B"] == 0.0


def test_an_exponent_has_no_unit():
    with pytest.raises(ConditionError, match="exp: L/min does not go with 1"):
        parse("exp(A)").measures(quantity_of)


def test_the_uncertainty_of_a_temperature_is_a_difference_and_that_of_a_figure_is_refused():
    assert parse("u(T)").measures(quantity_of).symbol == "K"
    with pytest.raises(ConditionError, match="u takes a tag"):
        parse("u(strength_mol_l)").source_of(resolve, quantity_of)


def test_without_a_stated_uncertainty_what_asks_for_it_is_unknown():
    source = parse("A > 3 * u(B)").source(resolve, UNITS.get)
    assert compile_set([source])([1.0] * 6, [0] * 6) == [None]
    assert compile_set([source])([1.0] * 6, [0] * 6, lambda tag: 0.1) == [True]


# --- expressions -------------------------------------------------------------------------------------------------
def test_independent_inputs_add_in_squares():
    rig = Rig("expression", "A + B", {"A": Stated(u=3.0), "B": Stated(u=4.0)}).show(A=1.0, B=1.0)
    assert rig.u == pytest.approx(5.0)


def test_an_input_that_occurs_twice_is_one_source():
    assert Rig("expression", "A + A", {"A": Stated(u=3.0)}).show(A=1.0).u == pytest.approx(6.0)
    assert Rig("expression", "A - A", {"A": Stated(u=3.0)}).show(A=1.0).u == 0.0
    assert Rig("expression", "A / (A + B)", {"A": Stated(u_rel=0.1), "B": Stated(u_rel=0.1)}).show(A=5.0, B=5.0).u == pytest.approx(
        0.25 * 0.1 * math.sqrt(2))  # fmt: skip


def test_a_value_made_of_computed_values_knows_what_they_have_in_common():
    """R = S - A where S = A + B: nothing of A's uncertainty is left."""
    rig = Rig("expression", "B - A", {"A": Stated(u=3.0)})
    rig.image.doubts.parts[INDEX["B"]] = {offset_of(INDEX["A"]): 3.0, offset_of(99): 4.0}
    assert rig.show(A=1.0, B=2.0).u == pytest.approx(4.0)


def test_a_mean_by_uncertainties_has_the_uncertainty_of_such_a_mean():
    text = "(A / u(A) / u(A) + B / u(B) / u(B)) / (1 / u(A) / u(A) + 1 / u(B) / u(B))"
    rig = Rig("expression", text, {"A": Stated(u=3.0), "B": Stated(u=4.0)}).show(A=10.0, B=12.0)
    assert rig.image.value[INDEX["R"]] == pytest.approx((10 / 9 + 12 / 16) / (1 / 9 + 1 / 16))
    assert rig.u == pytest.approx(1 / math.sqrt(1 / 9 + 1 / 16))


def test_figures_and_the_model_itself_count():
    rig = Rig("expression", "A * strength_mol_l", {"A": EXACT}, figures={"strength_mol_l": 0.05}, u=1.2).show(A=10.0)
    assert rig.u == pytest.approx(math.hypot(0.5, 1.2))
    assert rig.image.doubts.budget(INDEX["R"], rig.image.names) == {
        "model or scatter": pytest.approx(1.44 / 1.69), "strength_mol_l": pytest.approx(0.25 / 1.69)}


def test_one_input_without_a_statement_leaves_nothing_known_but_only_where_it_matters():
    assert math.isnan(Rig("expression", "A + B", {"A": Stated(u=3.0)}).show(A=1.0, B=1.0).u)
    assert Rig("expression", "A + 0 * B", {"A": Stated(u=3.0)}).show(A=1.0, B=1.0).u == 3.0


def test_a_bad_input_leaves_no_uncertainty_behind():
    rig = Rig("expression", "A + B", {"A": Stated(u=3.0), "B": EXACT}).show(A=1.0, B=1.0)
    assert math.isnan(rig.show(quality=BAD, A=1.0).u)


def test_the_first_order_agrees_with_a_thousand_drawn_inputs():
    rng = random.Random(5)
    values, u = {"A": 40.0, "B": 5.0, "C": 1.2}, {"A": 0.8, "B": 0.15, "C": 0.03}
    text = "A * B / (A + B) + exp(-1 * (C / 1 m3/h)) * A"
    rig = Rig("expression", text, {name: Stated(u=each) for name, each in u.items()}).show(A=values["A"], B=values["B"], C=values["C"])
    drawn = [value_of(text, {name: rng.gauss(value, u[name]) for name, value in values.items()}) for _ in range(4000)]
    mean = sum(drawn) / len(drawn)
    assert rig.u == pytest.approx(math.sqrt(sum((x - mean) ** 2 for x in drawn) / (len(drawn) - 1)), rel=0.05)


# --- totals, means, rates ----------------------------------------------------------------------------------------
def test_a_meter_that_is_wrong_by_a_share_is_wrong_by_that_share_of_its_total():
    rig = Rig("total", "A", {"A": Stated(u_rel=0.002)}).show(times=61, A=10.0)
    assert rig.image.value[INDEX["R"]] == pytest.approx(600.0)
    assert rig.u == pytest.approx(1.2)


def test_an_offset_grows_with_the_time_of_a_total_and_a_new_batch_begins_without():
    rig = Rig("total", "A", {"A": Stated(u=0.1)}, u=0.5).show(times=101, A=0.0)
    assert rig.u == pytest.approx(math.hypot(10.0, 0.5))
    rig.derived.restart()
    assert rig.show(A=0.0).u == pytest.approx(0.5)


def test_what_was_missed_adds_neither_to_a_total_nor_to_its_uncertainty():
    rig = Rig("total", "A", {"A": Stated(u=0.1)}).show(times=11, A=1.0)
    before = rig.u
    rig.show(times=50, quality=BAD, A=1.0).show(times=1, A=1.0)
    assert rig.u == pytest.approx(before)


def test_a_total_that_goes_on_from_a_record_has_no_uncertainty_until_it_begins_anew():
    rig = Rig("total", "A", {"A": Stated(u_rel=0.01)})
    rig.derived.total = 500.0
    assert math.isnan(rig.show(times=5, A=1.0).u)
    rig.derived.restart()
    assert rig.show(times=5, A=1.0).u >= 0.0


def test_a_mean_keeps_the_offset_and_averages_the_scatter():
    rng = random.Random(3)
    rig = Rig("mean", "A", {"A": Stated(u=0.2)}, window_s=100)
    for _ in range(101):
        rig.show(A=rng.gauss(50.0, 1.0))
    assert rig.u == pytest.approx(math.hypot(0.2, 0.1), rel=0.1)


def test_an_offset_is_no_slope_a_gain_is_and_scatter_counts():
    still = Rig("rate", "A", {"A": Stated(u=5.0, u_rel=0.02)})
    for k in range(61):
        still.show(A=100.0 + k)
    assert still.image.value[INDEX["R"]] == pytest.approx(60.0)
    assert still.u == pytest.approx(1.2)


def test_the_stated_scatter_of_a_rate_is_what_rates_scatter_by():
    rng, slopes, stated = random.Random(8), [], []
    for _ in range(300):
        rig = Rig("rate", "A", {"A": EXACT}, window_s=30)
        for _ in range(31):
            rig.show(A=rng.gauss(10.0, 0.5))
        slopes.append(rig.image.value[INDEX["R"]])
        stated.append(rig.u)
    assert sum(stated) / len(stated) == pytest.approx(math.sqrt(sum(x * x for x in slopes) / len(slopes)), rel=0.15)


def test_an_uncertainty_that_another_tag_shows_is_unknown_while_that_tag_is_not_good():
    image = Image(["AY", "AU"], [10 * SECOND] * 2)
    image.doubts.state(0, Stated(by=1))
    image.put(0, 20.0, GOOD, asked=0, seen=0, source=0)
    assert math.isnan(image.doubts.u(0))        # nothing was ever seen of it: not "known exactly"
    image.put(1, 0.4, GOOD, asked=0, seen=0, source=0)
    assert image.doubts.u(0) == 0.4
