"""What a lot brings: metal, rare earths, a want of acid, and a share in the product."""

from __future__ import annotations

import pytest

from gateway.batch.lots import acid_volume, charge_of, dry_mass, element_mass, metal_equivalent, mol_ree, oxygen_gain, shares

COMPOSITION_A = {"Nd": 0.228, "Pr": 0.055, "Dy": 0.018, "Tb": 0.002, "Fe": 0.654, "B": 0.010, "Co": 0.013, "Al": 0.004, "Cu": 0.0015}


def lot(name: str, mass_kg: float, assay: dict[str, float], moisture: float = 0.0) -> dict[str, object]:
    found = {element: {"fraction": fraction, "u_rel": 0.01, "method": "ICP-OES"} for element, fraction in assay.items()}
    return {"lot": name, "mass_kg": mass_kg, "mass_u_rel": 0.001, "moisture": moisture, "moisture_u": 0.003, "assay": found}


def roasted(metal_kg: float = 60.0) -> dict[str, object]:
    gain = 1 + oxygen_gain(COMPOSITION_A)
    return lot("ROASTED", metal_kg * gain, {element: fraction / gain for element, fraction in COMPOSITION_A.items()})


def test_stoichiometric_magnet_gains_37_7_per_cent_when_roasted() -> None:
    m = 2 * 144.242 + 14 * 55.845 + 10.81
    assert oxygen_gain({"Nd": 2 * 144.242 / m, "Fe": 14 * 55.845 / m, "B": 10.81 / m}) == pytest.approx(0.377, abs=0.001)


def test_a_roasted_lot_knows_the_metal_it_was_made_from() -> None:
    assert metal_equivalent(charge_of(roasted())).value == pytest.approx(60.0, abs=0.01)


def test_sixty_kilograms_of_metal_hold_125_6_mol_of_rare_earths_and_want_56_litres_of_acid() -> None:
    charge = charge_of(roasted())
    assert mol_ree(charge).value == pytest.approx(60 * 2.094, rel=0.002)
    assert acid_volume([charge], 4.5).value == pytest.approx(55.6, abs=0.3)


def test_uncertainty_of_rare_earths_counts_mass_and_moisture_once() -> None:
    """Nd, Pr, Dy and Tb stand on one mass and one moisture: those parts add linearly, the assays do not."""
    amount = mol_ree(charge_of(roasted()))
    common = (0.001**2 + 0.003**2) ** 0.5
    assert amount.u / amount.value == pytest.approx((common**2 + (0.01 * 0.79) ** 2) ** 0.5, rel=0.05)


def test_moisture_is_taken_off_the_charged_mass() -> None:
    charge = charge_of(lot("L", 83.6, {"Nd": 0.2}, moisture=0.012), mass_kg=100.0, u_kg=0.05)
    assert dry_mass(charge).value == pytest.approx(98.8)
    assert element_mass(charge, "Nd").value == pytest.approx(19.76)
    assert element_mass(charge, "Sm").value == 0.0


def test_shares_follow_the_mass_of_the_element_not_of_the_lot() -> None:
    rich, lean = charge_of(lot("RICH", 10, {"Nd": 0.2, "Dy": 0.08})), charge_of(lot("LEAN", 50, {"Nd": 0.2, "Dy": 0.008}))
    found = shares([rich, lean])
    assert [(s.lot, round(s.share, 3), s.basis) for s in found["Dy"]] == [("RICH", 0.667, "Dy mass"), ("LEAN", 0.333, "Dy mass")]
    assert found["Nd"][0].share == pytest.approx(1 / 6)
    assert sum(s.share for s in found["REE"]) == pytest.approx(1)
    assert found["Dy"][0].u_share == pytest.approx(found["Dy"][1].u_share)
    assert found["Dy"][0].model == "controlled blending"


def test_a_lot_alone_has_the_whole_share_without_doubt() -> None:
    only = shares([charge_of(lot("ONLY", 10, {"Nd": 0.2}))])["Nd"][0]
    assert (only.share, only.u_share) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-12))
