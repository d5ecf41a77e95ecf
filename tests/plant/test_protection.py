"""What a trip does to batches, and how acid comes back after solids have settled: the real line, its image in a test's hand."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.checking import commissioning, recorded
from simulators.line import Line
from tests.plant.cells import Bench

EMPTY: dict[str, float | None] = {"LIT-1011": 0.0, "LIT-1021": 0.0}       # as the first phase wants its tank
LOT, RECIPE = "DNAL-2026-0147", "LEACH-NDFEB-SEL"


@pytest.fixture
def bench(config: Any) -> Bench:
    return Bench(config)


def batches(bench: Bench, *units: str) -> None:
    """A batch on each of these tanks, waiting for its first prompt."""
    bench.show(EMPTY)
    for action in recorded(commissioning(Line(bench.config))):
        assert bench.ask(action.verb, action.target, **action.arguments) == ""
    for unit in units:
        assert bench.ask("batch.start", f"B-{unit}", recipe=RECIPE, lot=LOT, unit=unit) == ""
    bench.run(4)
    assert states(bench) == dict.fromkeys(units, "RUNNING")


def states(bench: Bench) -> dict[str, str]:
    return {name: engine.batch.state for name, engine in bench.parts.units.items() if engine.batch is not None}


@pytest.mark.parametrize(("readings", "held"), [
    ({"LIT-1011": 95.0}, {"R-101"}),                                        # level_high: hold unit
    ({"XV-201": 1.0, "ZSC-201": 0.0}, {"R-101", "R-102"}),                  # press_opened_on_feed: hold all
    ({"AIT-301": 12.0}, set[str]()),                                        # caustic_high: hold none
    ({"LIT-1031": 95.0}, set[str]()),                                       # the third tank's level: its own batch, and it has none
    ({"LIT-120": 1.0}, set[str]()),                                         # a permissive holds nobody
])  # fmt: skip
def test_a_trip_holds_the_batches_it_says_and_no_other(bench: Bench, readings: dict[str, float | None], held: set[str]):
    batches(bench, "R-101", "R-102")
    bench.show(EMPTY | readings)
    bench.run(10)
    assert {unit for unit, state in states(bench).items() if state in ("HOLDING", "HELD")} == held


def acid(bench: Bench) -> float:
    return bench.parts.loops["FIC-111"].out


def test_after_the_agitator_stood_in_acid_it_runs_alone_then_acid_comes_back_at_a_tenth_then_whole(bench: Bench):
    feeding: dict[str, float | None] = {"FQY-1011": 5.0}
    bench.show(feeding)
    bench.run(4)
    assert bench.ask("loop.set", "FIC-111", mode="AUTO", sp=0.5) == ""
    bench.run(4)
    assert acid(bench) == pytest.approx(0.5)
    bench.show({**feeding, "XI-1011": 0.0})
    bench.run(60)                               # thirty seconds
    bench.show(feeding)
    bench.run(20)
    assert "R-101.resuspension" in bench.parts.interlocks.reasons[bench.index["XS-111"]]
    bench.run(2 * 125)
    assert "R-101.resuspension" not in bench.parts.interlocks.reasons.get(bench.index["XS-111"], [])
    assert acid(bench) == pytest.approx(0.075)  # a tenth of the pump's 0.75 L/min
    bench.run(2 * 130)
    assert acid(bench) == pytest.approx(0.075)
    bench.run(2 * 60)
    assert acid(bench) == pytest.approx(0.5)


def test_before_there_is_acid_in_the_tank_a_stopped_agitator_leaves_no_limit_behind(bench: Bench):
    bench.show({"XI-1011": 0.0})
    bench.run(60)
    bench.show({})
    bench.run(2 * 125)
    assert bench.ask("loop.set", "FIC-111", mode="AUTO", sp=0.5) == ""
    bench.run(4)
    assert acid(bench) == pytest.approx(0.5)


def test_while_hydrogen_rises_after_a_re_suspension_acid_waits(bench: Bench):
    feeding: dict[str, float | None] = {"FQY-1011": 5.0}
    bench.show({**feeding, "XI-1011": 0.0})
    bench.run(20)
    bench.show(feeding)
    bench.run(2)
    assert bench.ask("interlock.reset", "R-101.agitator_not_proven") == ""
    for k in range(2 * 125):
        bench.show({**feeding, "AIT-1017": 1.0 + k / 120.0})                # 1 %LEL/min
        bench.run()
    assert bench.parts.interlocks.reasons[bench.index["XV-1011"]] == ["R-101.lel_unsteady"]
    bench.show({**feeding, "AIT-1017": 3.0})
    bench.run(2 * 65)
    assert bench.index["XV-1011"] not in bench.parts.interlocks.forced


def valves(bench: Bench) -> dict[str, float | None]:
    """What the hot and the cold valve of the first tank were sent to."""
    return {tag: bench.parts.outputs.by_name[tag].commanded for tag in ("TV-1011H", "TV-1011C")}


def jacket(bench: Bench, readings: dict[str, float | None], scans: int = 120) -> tuple[float, float]:
    """Hot and cold valve after so many scans in which both went where they were sent."""
    for _ in range(scans):
        bench.show(readings | valves(bench))
        bench.run()
    return valves(bench)["TV-1011H"] or 0.0, valves(bench)["TV-1011C"] or 0.0


def test_a_jacket_that_loses_its_outlet_while_it_cools_goes_on_cooling(bench: Bench):
    assert bench.ask("loop.set", "TIC-1012", mode="AUTO", sp=5.0) == ""
    hot, cold = jacket(bench, {})
    assert (hot, cold > 20.0) == (0.0, True)
    _, held = jacket(bench, {"TT-1013": None}, 5)
    assert jacket(bench, {"TT-1013": None}, 40) == (0.0, held)
    assert held >= cold
    assert bench.parts.loops["TIC-1012"].mode == "MANUAL"


def test_a_jacket_that_loses_its_outlet_while_it_heats_shuts_the_hot_valve_also_where_no_interlock_does(bench: Bench):
    assert bench.ask("interlock.bypass", "R-101.cooling_lost", minutes=60.0) == ""
    assert bench.ask("loop.set", "TIC-1012", mode="AUTO", sp=75.0) == ""
    assert jacket(bench, {})[0] > 20.0
    assert jacket(bench, {"TT-1013": None}, 40) == (0.0, 0.0)
    assert bench.parts.interlocks.forced == {}
