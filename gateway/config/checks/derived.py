"""Derived tags: made from values that exist, in the unit that comes out, without circles."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from devices.units import UNITS
from gateway.config.draft import Draft
from gateway.config.faults import Fault
from gateway.config.models import Derived
from gateway.config.scope import Scope, expression, misfit
from gateway.control.conditions import ConditionError, Expression, parse
from gateway.control.dimension import Quantity, quantity

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


def sources(draft: Draft) -> Iterator[Fault]:
    """A slope, total or mean is made from one value that exists."""
    for name, model in draft.derived.items():
        if model.kind != "expression" and model.of not in draft.value_names():
            yield draft.unknown(("derived", name, "of"), model.of, draft.value_names(), "tag")


def resets(draft: Draft) -> Iterator[Fault]:
    """Only a total begins anew, and with the batches of a unit that exists."""
    for name, model in draft.derived.items():
        if model.reset is None:
            continue
        if model.reset not in draft.declared["units"]:
            yield draft.unknown(("derived", name, "reset"), model.reset, draft.declared["units"], "unit")
        elif model.kind != "total":
            yield draft.fault(("derived", name, "reset"), f"{model.reset!r}: a {model.kind} has nothing to begin anew")


def order(draft: Draft) -> Iterator[Fault]:
    """A derived tag uses only derived tags above it, so there is no circle and one pass computes all."""
    above: set[str] = set()
    for name, model in draft.derived.items():
        for used in sorted(_names(model)):
            if used in draft.declared["derived"] and used not in above:
                what = "itself" if used == name else f"{used}, which stands below it"
                yield draft.fault(("derived", name, "of"), f"is made from {what}")
        above.add(name)


def _names(model: Derived) -> set[str]:
    names: set[str] = set()
    for text in (model.of, model.u):
        with contextlib.suppress(ConditionError):
            names |= set(parse(text).names) if isinstance(text, str) else set()
    return names


def results(draft: Draft) -> Iterator[Fault]:
    """What comes out stands in the declared unit: K/min for a slope of degC, L for a total of L/min."""
    for name, model in draft.derived.items():
        if model.unit not in UNITS:
            continue
        if model.kind == "expression":
            yield from _expression(draft, name, model)
            continue
        source = draft.unit_of(model.of) if model.of != name else None
        wrong = _misfit(model, source) if source in UNITS else None
        if wrong:
            yield draft.fault(("derived", name, "unit"), f"{model.unit!r}: the {model.kind} of {model.of} ({source}) {wrong}")


def _misfit(model: Derived, source: str) -> str | None:
    """Why the unit of a slope, total or mean cannot be; None when it can."""
    if model.kind == "mean":
        return None if model.unit == source else f"stands in {source}"
    if model.kind == "rate":
        wrong = misfit(quantity(source).difference().over(quantity("min")), model.unit)
        return f"per minute: {wrong}" if wrong else None
    amount, _, time = source.rpartition("/")
    if time not in SECONDS or amount not in UNITS:
        return "has no total: only a flow has"
    return None if UNITS[amount].fits(UNITS[model.unit]) else f"stands in {amount}"


def _expression(draft: Draft, name: str, model: Derived) -> Iterator[Fault]:
    path, scope = ("derived", name, "of"), Scope(draft)
    for found in expression(scope, path, model.of):
        if isinstance(found, Fault):
            yield found
        else:
            yield from _fits(draft, name, model, found, scope)


def _fits(draft: Draft, name: str, model: Derived, found: Expression, scope: Scope) -> Iterator[Fault]:
    wrong = _no_fit(found, scope, model.unit)
    if wrong:
        yield draft.fault(("derived", name, "unit"), f"{model.unit!r}: {wrong}")


def own_doubts(draft: Draft) -> Iterator[Fault]:
    """The uncertainty of a model stands in the unit of the value, a temperature's in K."""
    for name, model in draft.derived.items():
        if not isinstance(model.u, str) or model.unit not in UNITS:
            continue
        path, scope = ("derived", name, "u"), Scope(draft)
        for found in expression(scope, path, model.u):
            if isinstance(found, Fault):
                yield found
            else:
                wrong = _no_fit(found, scope, UNITS[model.unit].difference)
                if wrong:
                    yield draft.fault(path, f"{model.u!r}: {wrong}")


def _no_fit(found: Expression, scope: Scope, unit: str) -> str | None:
    """Why an expression does not stand in a unit; None when it does."""
    def measured(word: str) -> Quantity | None:
        symbol = scope.measure(word)
        return quantity(symbol) if symbol else None

    try:
        return misfit(found.measures(measured), unit)
    except ConditionError as error:
        return error.message


CHECKS = (sources, resets, order, results, own_doubts)
