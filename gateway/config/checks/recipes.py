"""Recipes: phases that exist, parameters inside their limits, expressions that compute, an order that is safe."""

from __future__ import annotations

from collections.abc import Iterator

from devices.equipment import CLASSES
from devices.units import UNITS
from gateway.config.draft import Draft
from gateway.config.faults import Fault
from gateway.config.models import Recipe, Step
from gateway.config.phases import LOT_FIGURES, PHASES, Parameter
from gateway.control.conditions import ConditionError, Expression, parse
from gateway.control.dimension import DIMENSIONLESS, Quantity, quantity

# A phase and the phase that must stand somewhere before it.
AFTER = {
    "START_AGITATOR": "CHARGE_WATER",
    "HEAT": "CHARGE_WATER",
    "DOSE_SOLIDS": "START_AGITATOR",
    "DOSE_ACID": "START_AGITATOR",
    "LEACH": "DOSE_ACID",
    "OXIDISE": "COOL",
    "WASH": "FILTER",
    "BLOW": "FILTER",
    "DROP": "FILTER",
}
LAST = "TO_BUFFER"
LASTS_MIN = {"LEACH": "max_time", "ADJUST_PH": "age", "OXIDISE": "stable_min", "BLOW": "time", "DROP": "time"}


def classes(draft: Draft) -> Iterator[Fault]:
    """The class exists and a unit has it."""
    for name, recipe in draft.recipes.items():
        path = ("recipes", name, "class")
        if recipe.equipment_class not in CLASSES:
            yield draft.unknown(path, recipe.equipment_class, CLASSES, "equipment class")
        elif draft.units and recipe.equipment_class not in {unit.equipment_class for unit in draft.units.values()}:
            yield draft.fault(path, f"no unit has class {recipe.equipment_class!r}")
        if not recipe.feed_states:
            yield draft.fault(("recipes", name, "feed_states"), "no feed; the recipe could take nothing")


def formulas(draft: Draft) -> Iterator[Fault]:
    """Units known, value inside its range, scaling has something to scale by."""
    for name, recipe in draft.recipes.items():
        for key, item in recipe.formula.items():
            path = ("recipes", name, "formula", key)
            if item.unit not in UNITS:
                yield draft.fault((*path, "unit"), repr(item.unit), UNITS, draft.near(item.unit, UNITS))
            if item.low > item.high:
                yield draft.fault((*path, "low"), f"{item.low:g}..{item.high:g} is inverted")
            elif not item.low <= item.value <= item.high:
                yield draft.fault((*path, "value"), f"{item.value:g} {item.unit} outside {item.low:g}..{item.high:g} {item.unit}")
            if item.scale == "charge" and "charge_mass" not in recipe.formula:
                yield draft.fault((*path, "scale"), "scaled by charge, but the formula has no charge_mass")


def quantities(draft: Draft, recipe: Recipe) -> dict[str, Quantity]:
    """What a recipe expression may name: formula, figures of the lot and of the unit, computed values."""
    found = {key: quantity(item.unit) for key, item in recipe.formula.items() if item.unit in UNITS}
    found |= {key: quantity(unit) for key, unit in LOT_FIGURES.items()}
    found["unit.number"] = DIMENSIONLESS
    for unit in draft.units.values():
        if unit.equipment_class == recipe.equipment_class:
            found |= {f"unit.{key}": DIMENSIONLESS for key in unit.parameters}
    for key, text in recipe.computed.items():
        try:
            found[key] = parse(text).measures(found.get)
        except ConditionError:
            continue
    return found


def computed(draft: Draft) -> Iterator[Fault]:
    """Each computed value is made of the formula and of what stands above it."""
    for name, recipe in draft.recipes.items():
        known = quantities(draft, Recipe.model_construct(**{**recipe.__dict__, "computed": {}}))
        for key, text in recipe.computed.items():
            path = ("recipes", name, "computed", key)
            if key in recipe.formula:
                yield draft.fault(path, f"{key!r} is already a formula value")
            yield from _readable(draft, path, text, known, recipe)
            try:
                known[key] = parse(text).measures(known.get)
            except ConditionError:
                known[key] = DIMENSIONLESS


def _readable(draft: Draft, path: tuple[str, ...], text: str, known: dict[str, Quantity], recipe: Recipe) -> Iterator[Fault]:
    try:
        expression: Expression = parse(text)
    except ConditionError as error:
        yield draft.fault(path, error.message)
        return
    strangers = sorted(expression.names - known.keys())
    for stranger in strangers:
        if stranger not in recipe.formula:
            yield draft.unknown(path, stranger, known, "name")
    if not strangers:
        try:
            expression.measures(known.get)
        except ConditionError as error:
            yield draft.fault(path, error.message)


def steps(draft: Draft) -> Iterator[tuple[str, Recipe, str, Step]]:
    """Every step whose phase is known."""
    for name, recipe in draft.recipes.items():
        for key, step in recipe.procedure.items():
            if step.phase in PHASES:
                yield name, recipe, key, step


def phases(draft: Draft) -> Iterator[Fault]:
    """Every phase exists and may be used for this feed."""
    for name, recipe in draft.recipes.items():
        for key, step in recipe.procedure.items():
            path = ("recipes", name, "procedure", key, "phase")
            if step.phase not in PHASES:
                yield draft.unknown(path, step.phase, PHASES, "phase")
                continue
            strange = [feed for feed in recipe.feed_states if feed not in PHASES[step.phase].feeds]
            if strange:
                yield draft.fault(path, f"{step.phase} is not for {', '.join(strange)} feed")


def parameters(draft: Draft) -> Iterator[Fault]:
    """Parameters known, complete, and inside the limits of the phase."""
    for name, recipe, key, step in steps(draft):
        path, wanted = ("recipes", name, "procedure", key, "parameters"), PHASES[step.phase].parameters
        for parameter, signature in wanted.items():
            if signature.default is None and parameter not in step.parameters:
                yield draft.fault((*path, parameter), f"{step.phase} needs it, in {signature.unit}")
        for parameter, value in step.parameters.items():
            if parameter not in wanted:
                yield draft.unknown((*path, parameter), parameter, wanted, f"parameter of {step.phase}")
            elif isinstance(value, str):
                yield from _expression(draft, (*path, parameter), value, wanted[parameter], recipe)
            else:
                yield from _inside(draft, (*path, parameter), value, value, wanted[parameter])


def _inside(draft: Draft, path: tuple[str, ...], low: float, high: float, signature: Parameter) -> Iterator[Fault]:
    if low < signature.low or high > signature.high:
        given = f"{low:g}" if low == high else f"{low:g}..{high:g}"
        yield draft.fault(path, f"{given} {signature.unit} outside {signature.low:g}..{signature.high:g} {signature.unit}")


def _expression(draft: Draft, path: tuple[str, ...], text: str, signature: Parameter, recipe: Recipe) -> Iterator[Fault]:
    """An expression gives the parameter's dimension; a formula value alone stays inside the phase's limits over its whole range."""
    known = quantities(draft, recipe)
    wrong = list(_readable(draft, path, text, {**dict.fromkeys(recipe.computed, DIMENSIONLESS), **known}, recipe))
    yield from wrong
    if wrong or signature.unit not in UNITS or not parse(text).names <= known.keys():
        return
    found, want = parse(text).measures(known.get), quantity(signature.unit)
    try:
        found.check_fits(want)
    except ValueError as error:
        yield draft.fault(path, f"{text!r}: {error}")
        return
    item = recipe.formula.get(text)
    if item is not None and item.low <= item.value <= item.high:
        gain, offset = found.into(want)
        yield from _inside(draft, path, item.low * gain + offset, item.high * gain + offset, signature)


def parallels(draft: Draft) -> Iterator[Fault]:
    """A parallel step exists, comes later, and is started by one step only."""
    for name, recipe in draft.recipes.items():
        place = {key: i for i, key in enumerate(recipe.procedure)}
        started: dict[str, str] = {}
        for key, step in recipe.procedure.items():
            path = ("recipes", name, "procedure", key, "parallel")
            for other in step.parallel:
                if other not in place:
                    yield draft.unknown(path, other, place, "step")
                elif place[other] <= place[key]:
                    yield draft.fault(
                        path, f"{other} stands {'before' if other != key else 'as'} {key} itself; it could never be reached again"
                    )
                elif started.setdefault(other, key) != key:
                    yield draft.fault(path, f"{other} is already started by {started[other]}")


def order(draft: Draft) -> Iterator[Fault]:
    """The unit is checked first, nothing is dosed unstirred, and the liquor goes somewhere."""
    for name, recipe in draft.recipes.items():
        path, run = ("recipes", name, "procedure"), list(recipe.procedure.items())
        if not run:
            yield draft.fault(path, "no steps")
            continue
        if run[0][1].phase != "CHECK_UNIT":
            yield draft.fault((*path, run[0][0], "phase"), f"{run[0][1].phase} is first; a batch begins with CHECK_UNIT")
        if run[-1][1].phase in PHASES and run[-1][1].phase != LAST:
            says = f"{run[-1][1].phase} is last; a batch ends with {LAST}, which measures what came out and what stays"
            yield draft.fault((*path, run[-1][0], "phase"), says)
        for i, (key, step) in enumerate(run):
            wanted = AFTER.get(step.phase)
            if wanted is not None and wanted not in {earlier.phase for _, earlier in run[:i]}:
                yield draft.fault((*path, key, "phase"), f"{step.phase} without {wanted} before it")


def equipment(draft: Draft) -> Iterator[Fault]:
    """Every unit of the class has the roles and the shared units a phase works with."""
    for name, recipe, key, step in steps(draft):
        phase = PHASES[step.phase]
        for unit_name, unit in draft.units.items():
            if unit.equipment_class != recipe.equipment_class:
                continue
            missing = [role for role in phase.roles if role not in unit.roles] + [short for short in phase.uses if short not in unit.uses]
            known = {role.name for role in CLASSES[unit.equipment_class].roles} if unit.equipment_class in CLASSES else set()
            missing = [role for role in missing if role not in known]  # a missing role of the class has its own fault
            if missing:
                yield draft.fault(
                    ("recipes", name, "procedure", key, "phase"), f"{step.phase} needs {', '.join(missing)}, which {unit_name} has not"
                )


def timeouts(draft: Draft) -> Iterator[Fault]:
    """A step's timeout is longer than the time the step is told to take."""
    for name, recipe, key, step in steps(draft):
        parameter = LASTS_MIN.get(step.phase)
        value = step.parameters.get(parameter or "")
        item = recipe.formula.get(value) if isinstance(value, str) else None
        longest = item.high if item else value
        if isinstance(longest, int | float) and longest >= step.timeout_min:
            yield draft.fault(
                ("recipes", name, "procedure", key, "timeout_min"), f"{step.timeout_min:g} min; {parameter} alone may take {longest:g} min"
            )


def setpoints(draft: Draft) -> Iterator[Fault]:
    """A temperature the recipe may ask for is one the unit's loop accepts."""
    for name, recipe, key, step in steps(draft):
        value = step.parameters.get("temperature")
        item = recipe.formula.get(value) if isinstance(value, str) else None
        if item is not None and item.unit != "degC":
            continue
        ends = (item.low, item.high) if item else (value, value) if isinstance(value, int | float) else None
        for unit in draft.units.values():
            loop = draft.loops.get(unit.loops.get("temperature", ""))
            if (
                ends is None
                or loop is None
                or unit.equipment_class != recipe.equipment_class
                or loop.sp_low is None
                or loop.sp_high is None
            ):
                continue
            if ends[0] < loop.sp_low or ends[1] > loop.sp_high:
                path = ("recipes", name, "procedure", key, "parameters", "temperature")
                yield draft.fault(
                    path, f"{ends[0]:g}..{ends[1]:g} degC; loop {unit.loops['temperature']} takes {loop.sp_low:g}..{loop.sp_high:g} degC"
                )


def formula_used(draft: Draft) -> Iterator[Fault]:
    """A formula value that nothing uses would be changed in vain."""
    for name, recipe in draft.recipes.items():
        texts = [
            *recipe.computed.values(),
            *(v for step in recipe.procedure.values() for v in step.parameters.values() if isinstance(v, str)),
        ]
        used: set[str] = set()
        for text in texts:
            try:
                used |= parse(text).names
            except ConditionError:
                used |= set(recipe.formula)
        for key in recipe.formula.keys() - used - {"charge_mass"}:
            yield draft.fault(("recipes", name, "formula", key), "no step and no computed value uses it")


CHECKS = (classes, formulas, computed, phases, parameters, parallels, order, equipment, timeouts, setpoints, formula_used)
