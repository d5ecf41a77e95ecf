"""Reconciliation: one plant cannot lose mass, so measured terms are moved, as little as their uncertainties allow, until it does not.

    found = reconcile(measured)
    found.elements["Nd"].closure        # 1
    found.raw["Nd"].closure             # as measured
    found.adjustment["Nd"]["cake"]      # how far the cake had to move, in its own uncertainties

All elements at once, because they share masses and volumes. Source: weighted least squares with Lagrange multipliers,
VDI 2048-1:2017 (assumed: read about, not read).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.batch.balance import TERMS, Account, BalanceInput, ElementBalance, outgoing
from gateway.batch.quantity import Quantity, combine


class Reconciled(msgspec.Struct, frozen=True):
    """The account made to close with the least adjustment; the raw values stand beside it.

    ``adjustment``: element -> term -> adjustment in units of its standard uncertainty (beyond 1.96: a gross error is likely);
    ``chi2`` over ``dof`` constraints with its 95 % limit.
    """

    raw: dict[str, ElementBalance]
    elements: dict[str, ElementBalance]
    adjustment: dict[str, dict[str, float]]
    chi2: float
    chi2_limit: float
    dof: int

    @property
    def consistent(self) -> bool:
        """Whether what was measured can be one plant, within its uncertainties."""
        return self.chi2 <= self.chi2_limit


def reconcile(given: BalanceInput) -> Reconciled:
    """Adjust all terms of all elements at once, as little as their uncertainties allow, so that every account closes.

    With r the vector of imbalances and S its covariance, each term x becomes x - cov(x, r) S^-1 r. Leach extraction is left
    as measured: it does not depend on the account. Raises ValueError when nothing has an uncertainty.
    """
    account = Account(given)
    fed = [element for element in account.elements if account.terms[element]["in"].value > 0]
    gaps = [account.terms[element]["in"] - outgoing(account.terms[element]) for element in fed]
    spread = [[a.covariance(b) for b in gaps] for a in gaps]
    pull = solve(spread, [[gap.value] for gap in gaps])
    adjusted = {e: {name: _adjust(term, gaps, spread) for name, term in account.terms[e].items()} for e in fed}
    raw = {e: account.report(e, account.terms[e]) for e in fed}
    chi2 = sum(gap.value * weight[0] for gap, weight in zip(gaps, pull, strict=True))
    moved = {e: {name: _standardised(account.terms[e][name], adjusted[e][name]) for name in TERMS} for e in fed}
    return Reconciled(raw, {e: account.report(e, adjusted[e]) for e in fed}, moved, chi2, chi2_95(len(fed)), len(fed))


def _adjust(term: Quantity, gaps: list[Quantity], spread: list[list[float]]) -> Quantity:
    weights = [row[0] for row in solve(spread, [[term.covariance(gap)] for gap in gaps])]
    value = term.value - sum(weight * gap.value for weight, gap in zip(weights, gaps, strict=True))
    return combine(value, (1.0, term), *((-weight, gap) for weight, gap in zip(weights, gaps, strict=True)))


def _standardised(raw: Quantity, adjusted: Quantity) -> float:
    """Adjustment over its own standard uncertainty; 0 for a term that cannot move."""
    variance = raw.u**2 - adjusted.u**2
    return (adjusted.value - raw.value) / variance**0.5 if variance > 1e-12 * raw.u**2 else 0.0


def solve(matrix: Sequence[Sequence[float]], right: Sequence[Sequence[float]]) -> list[list[float]]:
    """X of ``matrix X = right`` by elimination with pivoting; ``matrix`` (n, n), ``right`` (n, m). Raises ValueError when singular."""
    n = len(matrix)
    rows = [[*line, *values] for line, values in zip(matrix, right, strict=True)]
    for k in range(n):
        pivot = max(range(k, n), key=lambda i: abs(rows[i][k]))
        if rows[pivot][k] == 0.0:
            raise ValueError("an account without any uncertainty cannot be reconciled; nothing adjusted")
        rows[k], rows[pivot] = rows[pivot], rows[k]
        for i in range(n):
            if i != k:
                factor = rows[i][k] / rows[k][k]
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
    return [[value / rows[k][k] for value in rows[k][n:]] for k in range(n)]


def chi2_95(dof: int) -> float:
    """95 % point of chi-square. Source: Wilson and Hilferty 1931 approximation (within 1 % for dof >= 2)."""
    if dof == 1:
        return 3.841
    a = 2.0 / (9.0 * dof)
    return dof * (1.0 - a + 1.6449 * a**0.5) ** 3
