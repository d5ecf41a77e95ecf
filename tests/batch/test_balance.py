"""A batch loses nothing: the account closes, and what is said about its uncertainty is what would be seen."""

from __future__ import annotations

import math
import random
import statistics

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.batch.balance import Amounts, BalanceInput, Liquor, Residue, Solids, balance, closing_heel
from gateway.batch.gather import gather, unassayed_heel
from gateway.batch.lots import Charge
from gateway.batch.quantity import Measured, Quantity
from gateway.batch.reconcile import chi2_95, reconcile, solve
from gateway.control.chain import Charged, IcpResult

ASSAY = {"Nd": 0.1656, "Pr": 0.03995, "Dy": 0.01308, "Fe": 0.47506}
EXTRACTION = {"Nd": 0.985, "Pr": 0.984, "Dy": 0.98, "Fe": 0.03}
DRY, FILTRATE, WASH, HEEL, SAMPLE, LEACH = 82.6, 540.0, 160.0, 5.0, 2.0, 600.0


def m(value: float, rel: float, source: str = "") -> Measured:
    return Measured(value, value * rel, source)


def batch(recovered: float = 0.95) -> BalanceInput:
    """A closed batch: every gram that is not in liquor, heel, sample or loss is in the cake."""
    fed = {e: DRY * a for e, a in ASSAY.items()}
    leach = {e: fed[e] * x / LEACH for e, x in EXTRACTION.items()}                       # kg/L
    filtrate = {e: recovered * fed[e] * x / (FILTRATE + WASH / 10) for e, x in EXTRACTION.items()}
    out = {e: c * (FILTRATE + WASH / 10 + HEEL + SAMPLE) for e, c in filtrate.items()}
    cake_dry = 70.0
    residue_dry = fed["Fe"] * (1 - EXTRACTION["Fe"]) / 0.62
    return BalanceInput(
        charges=[Charge("L1", m(DRY / 0.988, 0.001), Measured(0.012, 0.003), {e: m(a, 0.01) for e, a in ASSAY.items()})],
        liquor=[Liquor("filtrate", m(FILTRATE, 0.007, "FT-201"), {e: m(1e3 * c, 0.012) for e, c in filtrate.items()}),
                Liquor("wash", m(WASH, 0.007, "FT-201"), {e: m(1e2 * c, 0.012) for e, c in filtrate.items()})],
        cake=[Solids("cake", m(cake_dry / 0.6, 0.002), Measured(0.4, 0.01), {e: m((fed[e] - out[e]) / cake_dry, 0.015) for e in fed})],
        samples=[Liquor("sample", m(SAMPLE, 0.05), {e: m(1e3 * c, 0.012) for e, c in filtrate.items()})],
        closing_heel=[Liquor("heel", m(HEEL, 0.2), {e: m(1e3 * c, 0.012) for e, c in filtrate.items()})],
        residue_sampling=0.0,
        residue=Residue({e: m(fed[e] * (1 - EXTRACTION[e]) / residue_dry, 0.015) for e in fed},
                        Liquor("leach", m(LEACH, 0.01), {e: m(1e3 * c, 0.012) for e, c in leach.items()})),
    )


def test_a_closed_batch_closes_and_its_extraction_is_found() -> None:
    result = balance(batch())
    assert result.route == "iron"
    for element, found in result.elements.items():
        assert found.closure == pytest.approx(1.0, abs=1e-9)
        assert found.leach_extraction == pytest.approx(EXTRACTION[element], abs=1e-9)
        assert found.recovery == pytest.approx(0.95 * EXTRACTION[element], rel=1e-9)
    assert result.flags == {}


@settings(max_examples=50, derandomize=True)
@given(recovered=st.floats(0.5, 0.98), opening=st.floats(0, 20), lost=st.floats(0, 0.5))
def test_heel_and_losses_are_part_of_the_account(recovered: float, opening: float, lost: float) -> None:
    """What an opening heel brought is found again in the closing heel; what was spilt is told."""
    given_ = batch(recovered)
    heel = given_.closing_heel[0]
    brought = [Amounts("heel", {e: m(1e-3 * opening * c.value, 0.05) for e, c in heel.conc.items()})]
    closing = [Liquor("heel", m(HEEL + opening, 0.05), heel.conc)]
    cake = given_.cake[0]
    assay = dict(cake.assay)
    assay["Nd"] = m(assay["Nd"].value - lost / 70.0, 0.015)
    changed = msgspec.structs.replace(given_, opening_heel=brought, closing_heel=closing,
                                      cake=[msgspec.structs.replace(cake, assay=assay)], losses=[Amounts("spill", {"Nd": m(lost, 0.2)})])
    found = balance(changed).elements["Nd"]
    assert found.closure == pytest.approx(1.0, abs=1e-9)
    assert found.losses_kg == pytest.approx(lost)


def test_extraction_by_iron_is_known_to_a_tenth_of_a_per_cent_and_by_liquor_to_two() -> None:
    by_iron = balance(batch()).elements["Nd"]
    by_liquor = balance(msgspec.structs.replace(batch(), residue=None)).elements["Nd"]
    sampled = balance(msgspec.structs.replace(batch(), residue_sampling=0.05)).elements["Nd"]
    assert by_iron.u_leach_extraction < 0.0005 < sampled.u_leach_extraction < 0.001
    assert 0.01 < by_liquor.u_leach_extraction < 0.03


def test_the_weight_of_the_charge_drops_out_of_the_extraction_by_iron() -> None:
    given_ = batch()
    wrong = [msgspec.structs.replace(given_.charges[0], mass=m(1.01 * DRY / 0.988, 0.001))]
    right, off = balance(given_).elements["Nd"], balance(msgspec.structs.replace(given_, charges=wrong)).elements["Nd"]
    assert off.closure == pytest.approx(1 / 1.01)
    assert off.leach_extraction == pytest.approx(right.leach_extraction, abs=2e-5)


def test_metal_feed_whose_iron_dissolves_needs_a_weighed_residue() -> None:
    given_ = batch()
    assert given_.residue is not None
    assert given_.residue.liquor is not None
    dissolved = {**given_.residue.liquor.conc, "Fe": m(1e3 * DRY * ASSAY["Fe"] * 0.98 / LEACH, 0.012)}
    residue = msgspec.structs.replace(given_.residue, liquor=Liquor("leach", m(LEACH, 0.01), dissolved))
    assert balance(msgspec.structs.replace(given_, residue=residue)).route == "liquor"
    weighed = msgspec.structs.replace(residue, dry_mass=m(50.0, 0.02))
    assert balance(msgspec.structs.replace(given_, residue=weighed)).route == "solids"


# --- Monte Carlo: every figure is drawn anew, what is common (ICP per element, meter per name) is drawn once ---------------------
def drawn(given_: BalanceInput, rng: random.Random) -> BalanceInput:
    shared: dict[str, float] = {}

    def draw(x: Measured, source: str, common: float) -> Measured:
        z = shared.setdefault(source, rng.gauss(0, 1)) if source else 0.0
        r = common if source else 0.0
        return Measured(x.value + x.u * (math.sqrt(r) * z + math.sqrt(1 - r) * rng.gauss(0, 1)), x.u)

    def liquid(x: Liquor) -> Liquor:
        return Liquor(x.name, draw(x.volume, x.volume.source, 0.8), {e: draw(c, f"ICP {e}", 0.5) for e, c in x.conc.items()})

    charges = [Charge(c.lot, draw(c.mass, "", 0), draw(c.moisture, "", 0), {e: draw(a, "", 0) for e, a in c.assay.items()})
               for c in given_.charges]
    cake = [Solids(s.name, draw(s.mass, "", 0), draw(s.moisture, "", 0), {e: draw(a, f"ICP {e}", 0.5) for e, a in s.assay.items()})
            for s in given_.cake]
    assert given_.residue is not None
    assert given_.residue.liquor is not None
    residue = Residue({e: draw(a, f"ICP {e}", 0.5) for e, a in given_.residue.assay.items()}, liquid(given_.residue.liquor))
    return msgspec.structs.replace(
        given_, charges=charges, cake=cake, residue=residue, liquor=[liquid(x) for x in given_.liquor],
        samples=[liquid(x) for x in given_.samples], closing_heel=[liquid(x) for x in given_.closing_heel])


def test_monte_carlo_sees_the_uncertainty_that_was_propagated() -> None:
    rng = random.Random(20260711)
    said = balance(batch())
    runs = [balance(drawn(batch(), rng)).elements for _ in range(3000)]
    for element in ("Nd", "Dy"):
        for name in ("in_kg", "liquor_kg", "cake_kg", "heel_kg", "recovery", "closure", "leach_extraction"):
            seen = statistics.stdev(getattr(run[element], name) for run in runs)
            assert seen == pytest.approx(getattr(said.elements[element], f"u_{name}"), rel=0.10), (element, name)


def test_two_volumes_of_one_meter_are_less_sure_than_two_of_two_meters() -> None:
    given_ = batch()
    other = [given_.liquor[0], msgspec.structs.replace(given_.liquor[1], volume=m(WASH, 0.007, "FT-202"))]
    one = balance(given_).elements["Nd"].u_liquor_kg
    assert one > balance(msgspec.structs.replace(given_, liquor=other)).elements["Nd"].u_liquor_kg


# --- reconciliation -------------------------------------------------------------------------------------------------------------
def test_reconciled_accounts_close_raw_ones_stay_beside_and_nothing_becomes_less_sure() -> None:
    found = reconcile(drawn(batch(), random.Random(7)))
    assert found.raw["Nd"].closure != pytest.approx(1.0, abs=1e-6)
    for element, closed in found.elements.items():
        assert closed.closure == pytest.approx(1.0, abs=1e-9)
        assert closed.u_in_kg <= found.raw[element].u_in_kg * (1 + 1e-9)
        assert closed.u_liquor_kg <= found.raw[element].u_liquor_kg * (1 + 1e-9)
    assert found.dof == 4


def test_chi_square_of_honest_batches_is_as_large_as_it_should_be() -> None:
    rng = random.Random(11)
    values = [reconcile(drawn(batch(), rng)).chi2 for _ in range(400)]
    assert statistics.mean(values) == pytest.approx(4, rel=0.15)
    assert sum(value > chi2_95(4) for value in values) / len(values) == pytest.approx(0.05, abs=0.03)


def test_a_gross_error_of_the_cake_scale_is_found_out() -> None:
    given_ = batch()
    heavy = [msgspec.structs.replace(given_.cake[0], mass=m(1.3 * 70 / 0.6, 0.002))]
    found = reconcile(msgspec.structs.replace(given_, cake=heavy))
    assert not found.consistent
    flags = balance(msgspec.structs.replace(given_, cake=heavy)).flags
    assert any("not accepted" in text for text in flags["Fe"])


def test_the_least_sure_term_moves_most() -> None:
    """By hand: 10 +-0.1 in, 6 +-0.2 and 3 +-0.1 out: a gap of 1 splits as the variances 1:4:1."""
    exact = {"Nd": Measured(1.0, 0.0)}
    given_ = BalanceInput(
        charges=[Charge("L", Measured(10, 0.1), Measured(0, 0), exact)],
        liquor=[Liquor("filtrate", Measured(6000, 200.0), exact)],
        cake=[Solids("cake", Measured(3, 0.1), Measured(0, 0), exact)],
    )
    found = reconcile(given_).elements["Nd"]
    assert (found.in_kg, found.liquor_kg, found.cake_kg) == pytest.approx((10 - 1 / 6, 6 + 4 / 6, 3 + 1 / 6))


def test_the_equations_are_solved() -> None:
    assert solve([[0.0, 2.0], [1.0, 1.0]], [[4.0], [5.0]]) == [[3.0], [2.0]]
    with pytest.raises(ValueError, match="cannot be reconciled"):
        solve([[0.0]], [[1.0]])


# --- quantities, edges, the road from the journal -------------------------------------------------------------------------------
def test_a_quantity_subtracted_from_itself_is_exactly_nothing() -> None:
    x = Quantity.of(5.0, 0.3, "scale")
    assert ((x - x).value, (x - x).u) == (0.0, 0.0)
    assert (x * x).u == pytest.approx(2 * 5 * 0.3)


def test_a_figure_that_is_not_finite_is_refused_by_name() -> None:
    given_ = batch()
    with pytest.raises(ValueError, match="L1 mass"):
        balance(msgspec.structs.replace(given_, charges=[msgspec.structs.replace(given_.charges[0], mass=Measured(math.nan, 0.1))]))


def test_input_and_result_survive_the_journal() -> None:
    given_ = batch()
    assert msgspec.json.decode(msgspec.json.encode(given_), type=BalanceInput) == given_
    plain = balance(given_).plain()
    assert list(plain["Nd"])[::2] == ["in_kg", "liquor_kg", "cake_kg", "samples_kg", "losses_kg", "heel_kg", "leach_extraction", "recovery",
                                      "closure"]


def icp(purpose: str, values: dict[str, float], unit: str = "g/L", taken: int = 1, quality: int = 0, **context: float) -> IcpResult:
    return IcpResult(sample=f"S{taken}", batch="B", stream="R-101", purpose=purpose, taken_utc=taken, measured_utc=taken + 1, values=values,
                     u={e: 0.012 * v for e, v in values.items()}, unit=unit, quality=quality, context=context)


LOT = {"lot": "L1", "mass_kg": 83.6, "mass_u_rel": 0.001, "moisture": 0.012, "moisture_u": 0.003,
       "assay": {e: {"fraction": a, "u_rel": 0.01} for e, a in ASSAY.items()}}


def out(material: str, amount: float, unit: str, u: float = 0.1) -> Charged:
    return Charged(batch="B", material=material, amount=amount, unit=unit, u=u, direction="out")


def test_an_empty_tank_is_empty_give_or_take() -> None:
    charged = [Charged(batch="B", material="solids", amount=83.6, unit="kg", u=0.08, lot="L1"), out("heel", 0.0, "L", 1.5),
               out("heel_solids", 0.0, "kg", 2.0)]  # fmt: skip
    left = closing_heel(gather(LOT, charged, [icp("liquor", {"Nd": 20.0}), icp("cake", {"Fe": 0.55}, unit="kg/kg")]))
    assert left["Nd"] == (0.0, pytest.approx(0.03, rel=0.01))
    assert left["Fe"] == (0.0, pytest.approx(1.1, rel=0.01))


def test_solids_that_stay_without_an_analysis_are_not_nothing() -> None:
    charged = [Charged(batch="B", material="solids", amount=83.6, unit="kg", u=0.08, lot="L1"), out("heel_solids", 8.0, "kg", 2.0)]
    assert unassayed_heel(charged, gather(LOT, charged, []))
    assert not unassayed_heel(charged, gather(LOT, charged, [icp("cake", {"Fe": 0.55}, unit="kg/kg")]))


def test_what_an_earlier_lot_left_is_handed_on_although_this_lot_has_none_of_it() -> None:
    charged = [Charged(batch="B", material="solids", amount=83.6, unit="kg", u=0.08, lot="L1"), out("heel", 3.0, "L", 1.5)]
    assert closing_heel(gather(LOT, charged, [icp("liquor", {"Nd": 20.0, "Tb": 0.5})]))["Tb"][0] == pytest.approx(0.0015)


def test_solids_in_samples_and_heel_are_part_of_the_account() -> None:
    charged = [Charged(batch="B", material="solids", amount=83.6, unit="kg", u=0.08, lot="L1"), out("cake", 116, "kg"), out("heel", 3, "L"),
               out("sample_solids", 0.1, "kg"), out("cake_sample", 0.4, "kg"), out("heel_solids", 8.0, "kg", 2.0), out("sample", 1, "L")]
    results = [icp("residue", {"Nd": 0.003, "Fe": 0.62, "sample_kg": 0.06}, unit="kg/kg", taken=2),
               icp("cake", {"Nd": 0.005, "Fe": 0.55, "moisture": 0.4, "sample_kg": 0.4}, unit="kg/kg", taken=5)]
    found = balance(gather(LOT, charged, results)).elements["Fe"]
    assert found.samples_kg == pytest.approx(0.1 * 0.62 + 0.4 * 0.6 * 0.55)
    assert found.heel_kg == pytest.approx(8.0 * 0.55)
    assert found.u_heel_kg == pytest.approx(2.0 * 0.55, rel=0.01)


def test_what_the_batch_before_left_is_taken_off_what_stays() -> None:
    charged = [Charged(batch="B", material="solids", amount=83.6, unit="kg", u=0.08, lot="L1"), out("heel_solids", 8.0, "kg", 2.0)]
    given_ = gather(LOT, charged, [icp("cake", {"Fe": 0.55}, unit="kg/kg")], opening={"Fe": (4.0, 1.0), "Nd": (0.05, 0.03)})
    assert closing_heel(given_)["Fe"] == (pytest.approx(4.4), pytest.approx(1.1, rel=0.01))
    found = balance(given_).elements
    assert (found["Fe"].heel_kg, found["Nd"].heel_kg) == (pytest.approx(0.4), pytest.approx(-0.05))
    assert found["Nd"].u_heel_kg == pytest.approx(0.03)


@pytest.mark.parametrize("analysed", [True, False])
def test_filtrate_is_counted_without_what_stood_in_the_buffer(analysed: bool) -> None:
    """60 L of 20 g/L stood there, 600 L of 17 g/L came: the buffer holds 17.27 g/L."""
    mixed = (60 * 20.0 + 600 * 17.0) / 660
    charged = [Charged(batch="B", material="solids", amount=83.6, unit="kg", u=0.08, lot="L1"), out("filtrate", 600, "L", 4.0),
               Charged(batch="B", material="buffer", amount=60, unit="L", u=4.0, direction="in")]
    before = [icp("buffer-before", {"Nd": 20.0}, taken=1)] if analysed else []
    found = balance(gather(LOT, charged, [*before, icp("filtrate", {"Nd": mixed}, taken=2)])).elements["Nd"]
    true = 0.6 * 17.0
    assert abs(found.liquor_kg - true) <= found.u_liquor_kg
    assert found.liquor_kg == (pytest.approx(true) if analysed else pytest.approx(0.6 * mixed))
    assert (found.u_liquor_kg < 0.03 * true) == analysed


def test_a_residue_that_was_weighed_tells_the_extraction_where_the_iron_dissolves() -> None:
    charged = [Charged(batch="B", material="solids", amount=83.6, unit="kg", u=0.08, lot="L1")]
    results = [icp("leach", {"Nd": 22.0, "Fe": 75.0}, taken=1, volume_l=500.0),
               icp("residue", {"Nd": 0.002, "Fe": 0.01, "sample_kg": 0.002}, unit="kg/kg", taken=2, drawn_l=0.5, volume_l=500.0)]
    found = balance(gather(LOT, charged, results))
    assert found.route == "solids"
    assert found.elements["Nd"].leach_extraction == pytest.approx(1 - 2.0 * 0.002 / (83.6 * 0.988 * 0.1656))
    assert found.elements["Nd"].u_leach_extraction < 1e-4


def test_the_balance_is_gathered_from_what_the_journal_says() -> None:
    charged = [Charged(batch="B", material="solids", amount=41.8, unit="kg", u=0.04, lot="L1"),
               Charged(batch="B", material="solids", amount=41.8, unit="kg", u=0.04, lot="L1"),
               Charged(batch="B", material="filtrate", amount=540, unit="L", u=4, source="FT-201", direction="out"),
               Charged(batch="B", material="cake", amount=116, unit="kg", u=0.2, direction="out"),
               Charged(batch="B", material="wash", amount=160, unit="L", u=1, direction="in")]
    results = [icp("leach", {"Nd": 22.0, "Fe": 2.0}, taken=1, volume_l=600.0),
               icp("residue", {"Nd": 0.003, "Fe": 0.62}, unit="kg/kg", taken=2),
               icp("filtrate", {"Nd": 24.0, "Fe": 0.001}, taken=3),
               icp("filtrate", {"Nd": 999.0}, taken=4, quality=0x80000000),
               icp("cake", {"Nd": 0.005, "Fe": 0.55}, unit="kg/kg", taken=5, moisture=0.41)]
    given_ = gather(LOT, charged, results)
    assert given_.charges[0].mass == Measured(83.6, 0.08)
    assert [(each.name, each.conc["Nd"].value) for each in given_.liquor] == [("filtrate", 24.0)]
    assert given_.cake[0].moisture.value == 0.41
    assert balance(given_).route == "iron"
    assert balance(given_).elements["Nd"].recovery == pytest.approx(0.54 * 24 / (83.6 * 0.988 * 0.1656))
