"""The balance of a batch: where each element went, how sure that is, and whether the account closes.

    result = balance(measured)
    result.elements["Nd"].leach_extraction, result.elements["Nd"].u_leach_extraction

Account per element: ``in = liquor + cake + samples + losses + heel`` with heel = closing less opening heel.

**Recovery to filtrate** is liquor / in (filtrate and washes). **Leach extraction** comes from a washed residue sample drawn
before the pH is raised, 1 - (undissolved element) / (in + opening heel), by one of three routes:

* ``iron``: the residue is tied to the charge by iron, which stays solid as hematite. Undissolved = (a_i / a_Fe) residue x
  (Fe in + Fe opening heel - Fe dissolved). Mass and moisture of the charge and the mass of the residue drop out, so
  u(E) = (1 - E) x u_rel of four ratios and of the sampling: 0.1 % at 98 %. Used while less than half of the iron is
  dissolved (roasted feed).
* ``solids``: the residue was weighed. Used when iron dissolves and a residue mass is given.
* ``liquor``: dissolved element / in. The last resort: about 2 %.

What is assumed about correlation: figures of one ICP calibration (per element), of one volume meter and of one scale share
``icp_common`` / ``meter_common`` of their variance (0.5 and 0.8, assumed); the digestion of a residue sample is counted as
independent per element though it cancels in the ratio (the larger u is reported). The lot's assay is another laboratory's.
Source: JCGM 100:2008 5.1, 5.2. ``reconcile`` makes the account close.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.batch.lots import Charge, element_mass
from gateway.batch.quantity import Measured, Quantity, total

TERMS = ("in", "liquor", "cake", "samples", "losses", "heel")
ACCEPT, WARN = 0.05, 0.03                       # closure: |C - 1| beyond which it is rejected, or deserves a look
HEEL = 0.01                                     # opening heel / in above which recovery is overstated


class Liquor(msgspec.Struct, frozen=True):
    """A volume of solution, L, with what it holds, element -> g/L. ``volume.source``: the meter."""

    name: str
    volume: Measured
    conc: dict[str, Measured]


class Solids(msgspec.Struct, frozen=True):
    """A mass of wet solids, kg, its moisture, kg/kg, and its assay, element -> kg/kg dry."""

    name: str
    mass: Measured
    moisture: Measured
    assay: dict[str, Measured]


class Residue(msgspec.Struct, frozen=True):
    """The washed residue sample of the leach and the liquor it was drawn from.

    ``assay``: element -> kg/kg dry; ``dry_mass``: kg of dry residue in the tank, where it was measured.
    """

    assay: dict[str, Measured]
    liquor: Liquor | None = None
    dry_mass: Measured | None = None


class Amounts(msgspec.Struct, frozen=True):
    """What is known as masses, element -> kg: a loss, or what the batch before left in the tank."""

    name: str
    mass: dict[str, Measured]


class BalanceInput(msgspec.Struct, frozen=True):
    """Everything a balance is computed from; kept in the journal beside its result."""

    charges: list[Charge]
    liquor: list[Liquor] = []
    cake: list[Solids] = []
    samples: list[Liquor] = []
    sample_solids: list[Solids] = []
    losses: list[Amounts] = []
    opening_heel: list[Amounts] = []
    closing_heel: list[Liquor] = []
    closing_heel_solids: list[Solids] = []
    residue: Residue | None = None
    icp_common: float = 0.5
    meter_common: float = 0.8
    residue_sampling: float = 0.05              # relative u of how well a residue sample stands for the tank (assumed)


class ElementBalance(msgspec.Struct, frozen=True):
    """The balance of one element: kg and fractions, each with its standard uncertainty (k = 1)."""

    in_kg: float
    u_in_kg: float
    liquor_kg: float
    u_liquor_kg: float
    cake_kg: float
    u_cake_kg: float
    samples_kg: float
    u_samples_kg: float
    losses_kg: float
    u_losses_kg: float
    heel_kg: float
    u_heel_kg: float
    leach_extraction: float
    u_leach_extraction: float
    recovery: float
    u_recovery: float
    closure: float
    u_closure: float


class BalanceResult(msgspec.Struct, frozen=True):
    """The balance of a batch. ``budget``: what the uncertainty of each closure is made of (share of variance by source)."""

    elements: dict[str, ElementBalance]
    route: str                                  # iron | solids | liquor
    flags: dict[str, list[str]]                 # element -> what an auditor should look at; empty when all is well
    budget: dict[str, dict[str, float]] = {}

    def plain(self) -> dict[str, dict[str, float]]:
        """The elements as the journal's Balance entry takes them."""
        return {element: msgspec.structs.asdict(found) for element, found in self.elements.items()}


class Account:
    """The terms of every element as quantities that share their sources."""

    def __init__(self, given: BalanceInput) -> None:
        self.given = given
        self.elements = sorted({element for charge in given.charges for element in charge.assay})
        self.opening = {element: _known(given.opening_heel, element) for element in self.elements}
        self.terms = {element: self._terms(element) for element in self.elements}
        self.route, self.extraction = self._extractions()

    def _figure(self, figure: Measured, name: str, source: str, common: float) -> Quantity:
        """A figure with what it shares; a figure that names its own common share keeps it."""
        if figure.common == 0.0:
            figure = Measured(figure.value, figure.u, figure.source or source, common)
        return figure.quantity(name)

    def _held(self, volumes: Sequence[Liquor], role: str, element: str) -> Quantity:
        """Mass of an element in volumes of liquor, kg."""
        masses: list[Quantity] = []
        for i, liquor in enumerate(volumes):
            conc = liquor.conc.get(element)
            if conc is not None:
                label = f"{role} {i} {liquor.name}"
                volume = self._figure(liquor.volume, f"{label} volume", "", self.given.meter_common)
                masses.append((volume * self._figure(conc, f"{label} {element}", f"ICP {element}", self.given.icp_common)).times(1e-3))
        return total(masses)

    def _solid(self, lots: Sequence[Solids], role: str, element: str) -> Quantity:
        """Mass of an element in wet solids, kg."""
        masses: list[Quantity] = []
        for i, solids in enumerate(lots):
            assay = solids.assay.get(element)
            if assay is not None:
                label = f"{role} {i} {solids.name}"
                wet = self._figure(solids.mass, f"{label} mass", "", self.given.meter_common)
                dry = wet * (Quantity.exact(1.0) - solids.moisture.quantity(f"{label} moisture"))
                masses.append(dry * self._figure(assay, f"{label} {element}", f"ICP {element}", self.given.icp_common))
        return total(masses)

    def _terms(self, element: str) -> dict[str, Quantity]:
        given = self.given
        return {
            "in": total(element_mass(charge, element) for charge in given.charges),
            "liquor": self._held(given.liquor, "liquor", element),
            "cake": self._solid(given.cake, "cake", element),
            "samples": self._held(given.samples, "sample", element) + self._solid(given.sample_solids, "sampled", element),
            "losses": _known(given.losses, element),
            "heel": self.closing(element) - self.opening[element],
        }

    def closing(self, element: str) -> Quantity:
        """What stays in the tank, dissolved and solid, kg."""
        given = self.given
        return self._held(given.closing_heel, "closing heel", element) + self._solid(given.closing_heel_solids, "closing heel", element)

    def _dissolved(self, element: str) -> Quantity:
        """Mass in solution when the residue was drawn, kg; without such a sample, what left as liquor."""
        residue = self.given.residue
        if residue is not None and residue.liquor is not None:
            return self._held([residue.liquor], "leach liquor", element)
        return self.terms[element]["liquor"]

    def _extractions(self) -> tuple[str, dict[str, Quantity]]:
        residue = self.given.residue
        if residue is None:
            return "liquor", {element: self._by_liquor(element) for element in self.elements}
        assay = {element: self._figure(found, f"residue {element}", f"ICP {element}", self.given.icp_common)
                 for element, found in residue.assay.items()}
        route, mass = self._residue_mass(residue, assay)
        one, sampled = Quantity.exact(1.0), Quantity.of(1.0, self.given.residue_sampling, "residue sampling")
        return route, {
            element: one - assay[element] * (one if route == "iron" and element == "Fe" else sampled) * mass / self._brought(element)
            if mass is not None and element in assay and self.terms[element]["in"].value > 0 else self._by_liquor(element)
            for element in self.elements
        }

    def _brought(self, element: str) -> Quantity:
        """What could have dissolved, kg: what was fed and what stood in the tank before."""
        return self.terms[element]["in"] + self.opening[element]

    def _residue_mass(self, residue: Residue, assay: dict[str, Quantity]) -> tuple[str, Quantity | None]:
        """Dry mass of the residue, kg, and the route by which it is known."""
        iron = assay.get("Fe")
        if iron is not None and iron.value > 0 and "Fe" in self.terms:
            dissolved = self._dissolved("Fe")
            brought = self._brought("Fe")
            if dissolved.value < 0.5 * brought.value:
                return "iron", (brought - dissolved) / iron
        if residue.dry_mass is not None:
            return "solids", residue.dry_mass.quantity("residue mass")
        return "liquor", None

    def _by_liquor(self, element: str) -> Quantity:
        brought = self._brought(element)
        return self._dissolved(element) / brought if brought.value > 0 else Quantity.exact(0.0)

    def report(self, element: str, terms: dict[str, Quantity]) -> ElementBalance:
        """The figures of an element from its terms. Raises ZeroDivisionError when nothing of it was fed."""
        out = outgoing(terms)
        figures = {
            **{f"{name}_kg": terms[name] for name in TERMS},
            "leach_extraction": self.extraction[element],
            "recovery": terms["liquor"] / terms["in"],
            "closure": out / terms["in"],
        }
        named: dict[str, Any] = {}
        for name, figure in figures.items():
            named[name], named[f"u_{name}"] = figure.value, figure.u
        return ElementBalance(**named)


def _known(amounts: Sequence[Amounts], element: str) -> Quantity:
    return total(each.mass[element].quantity(f"{each.name} {element}") for each in amounts if element in each.mass)


def closing_heel(given: BalanceInput) -> dict[str, tuple[float, float]]:
    """What the batch leaves in the tank, element -> (kg, standard uncertainty): the opening heel of the next one."""
    account = Account(given)
    analysed = {element for each in given.closing_heel for element in each.conc}
    analysed.update(element for each in given.closing_heel_solids for element in each.assay)
    found = {element: account.closing(element) for element in sorted({*account.elements, *analysed})}
    return {element: (held.value, held.u) for element, held in found.items()}


def outgoing(terms: dict[str, Quantity]) -> Quantity:
    """Everything that left or stayed, kg."""
    return total(terms[name] for name in TERMS[1:])


def balance(given: BalanceInput) -> BalanceResult:
    """The balance per element. Elements without a mass in the charge are left out. Raises ValueError for a figure that is not finite."""
    account = Account(given)
    fed = [element for element in account.elements if account.terms[element]["in"].value > 0]
    elements = {element: account.report(element, account.terms[element]) for element in fed}
    opening = {element: account.opening[element].value for element in fed}
    budget = {element: (outgoing(account.terms[element]) / account.terms[element]["in"]).budget() for element in fed}
    flags = {element: found for element in fed if (found := _flags(elements[element], opening[element]))}
    return BalanceResult(elements, account.route, flags, budget)


def _flags(found: ElementBalance, opening_kg: float) -> list[str]:
    """What does not fit, in words. Source: acceptance limits of the batch record, closure 95..105 %, a look beyond 97..103 %."""
    off = abs(found.closure - 1.0)
    leach = found.leach_extraction
    checks = (
        (off > ACCEPT, f"closure {found.closure:.3f} outside {1 - ACCEPT:.2f}..{1 + ACCEPT:.2f}: not accepted"),
        (WARN < off <= ACCEPT, f"closure {found.closure:.3f} outside {1 - WARN:.2f}..{1 + WARN:.2f}: look at it"),
        (off > 2 * found.u_closure, f"closure {found.closure:.3f} is off by more than 2u = {2 * found.u_closure:.3f}: not by chance"),
        (found.recovery > 1 + 2 * found.u_recovery, f"recovery {found.recovery:.3f} above 1 by more than 2u"),
        (leach > 1 + 2 * found.u_leach_extraction, f"leach extraction {leach:.3f} above 1 by more than 2u"),
        (opening_kg > HEEL * found.in_kg, f"opening heel brought {opening_kg:.3f} kg: recovery is overstated"),
    )
    return [text for wrong, text in checks if wrong]
