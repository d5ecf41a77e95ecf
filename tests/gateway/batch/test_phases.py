"""The phases of the leach line on the wiring of R-101, with what the instruments show given by hand."""

from __future__ import annotations

from typing import Any

import pytest

from devices.quality import BAD_NO_COMMUNICATION, GOOD
from gateway.batch.phases import PHASES
from gateway.config.loading import load
from gateway.config.models import Config
from gateway.config.phases import PHASES as DECLARED
from gateway.control.chain import BatchCreated, BatchState, Charged, Entry, IcpResult, Prompted, SampleRequested, StepState
from gateway.control.image import SECOND, Now
from gateway.paths import belfast_config
from gateway.plant import build

ALWAYS = {
    "level": 50.0,
    "temperature": 60.0,
    "agitator_running": 1.0,
    "lel": 0.0,
    "ph": 1.0,
    "press.plates_closed": 1.0,
    "press.hydraulic_pressure": 200.0,
    "feeder.hopper_weight": 40.0,
    "orp": 300.0,
}
FIRST = {"CHECK_UNIT": {"level": 1.0}, "HEAT": {"temperature": 20.0}, "COOL": {"temperature": 80.0}}  # or they would be over at once


@pytest.fixture(scope="module")
def config() -> Config:
    return load(belfast_config())


class Bench:
    """R-101 with one step RUNNING; ``show`` says what its instruments say."""

    def __init__(self, config: Config, phase: str, shown: dict[str, float] | None = None, **parameters: float) -> None:
        self.plant = build(config)
        self.engine = self.plant.scan.parts.units["R-101"]
        self.image = self.plant.image
        self.image.quality[:] = [GOOD] * len(self.image.names)
        self.now = Now(1000 * SECOND, 10**18)
        self.log: list[Entry] = []
        for role, value in (ALWAYS | FIRST.get(phase, {}) | (shown or {})).items():
            self.show(role, value)
        declared = DECLARED[phase].parameters
        chosen = {name: p.default if p.default is not None else (p.low + p.high) / 2 for name, p in declared.items()} | parameters
        step = {"phase": phase, "operation": "Test", "parameters": chosen, "timeout_min": 6000, "parallel": []}
        control: dict[str, Any] = {"procedure": {"it": step}, "shared": {"lot": "L", "stream": 1.0}, "computed": {}, "formula": {}}
        lot = {"lot": "L", "feed_state": "roasted"}
        self.give(BatchCreated(batch="B-1", unit="R-101", recipe="r", recipe_hash="", control_recipe=control, lot=lot, who="Ann"))
        self.give(BatchState(batch="B-1", was="IDLE", now="RUNNING", cause="start"))
        self.run(1)

    def show(self, role: str, value: float, quality: int = GOOD) -> None:
        """From now on the instrument of a role shows this."""
        i = self.engine.wiring.roles[role]
        self.image.value[i], self.image.quality[i] = value, quality

    def give(self, entry: Entry) -> None:
        """An entry that has become durable."""
        self.log.append(entry)
        self.plant.scan.apply(entry, self.now, live=True)

    def run(self, seconds: float) -> list[Entry]:
        """Scans; their entries are durable at once."""
        found: list[Entry] = []
        for _ in range(round(2 * seconds)):
            self.now = Now(self.now.mono + SECOND // 2, self.now.utc + SECOND // 2)
            entries = self.engine.scan(self.now)
            for entry in entries:
                self.give(entry)
            found += entries
        return found

    def answer(self, prompt: str, answer: str = "yes") -> None:
        self.give(Prompted(batch="B-1", prompt=prompt, event="answered", answer=answer, who="Ann"))

    def command(self, event: str) -> str | None:
        refused = self.engine.command(event, "Ann", "")
        self.run(0.5)
        return refused

    @property
    def state(self) -> str:
        return self.engine.batch.state

    @property
    def cause(self) -> str:
        return self.engine.batch.cause

    def wanted(self, role: str) -> float | None:
        """What is wanted of an output, through its loop where it has one."""
        tag = self.engine.wiring.roles[role]
        name = self.engine.loop_of.get(tag)
        return self.plant.scan.parts.outputs.by_tag[tag].wanted if name is None else self.plant.scan.parts.loops[name].out

    def loop(self, role: str) -> Any:
        return self.plant.scan.parts.loops[self.engine.wiring.loops[role]]

    def of(self, kind: type[Any]) -> list[Any]:
        return [entry for entry in self.log if isinstance(entry, kind)]

    def report(self) -> dict[str, Any]:
        return [entry.report for entry in self.of(StepState) if entry.now == "COMPLETE"][-1]


# --- all of them -------------------------------------------------------------------------------------------------------
def test_every_phase_that_a_recipe_may_call_has_its_code():
    assert set(PHASES) == set(DECLARED)


@pytest.mark.parametrize("name", sorted(PHASES))
def test_every_role_and_loop_a_phase_looks_at_or_stops_exists_on_every_tank(config: Config, name: str):
    plant = build(config)
    for engine in plant.scan.parts.units.values():
        for role in (*PHASES[name].needs, *PHASES[name].zeros):
            assert role in engine.wiring.roles
        for role in PHASES[name].feeds:
            assert role in engine.wiring.loops
        for role in PHASES[name].zeros:
            tag = engine.wiring.roles[role]
            assert tag in plant.scan.parts.outputs.by_tag


@pytest.mark.parametrize("event", ["HOLD", "STOP", "ABORT"])
@pytest.mark.parametrize("name", sorted(PHASES))
def test_held_stopped_or_aborted_a_phase_leaves_nothing_dosing(config: Config, name: str, event: str):
    bench = Bench(config, name)
    for prompt in ("unit-released", "lot-tipped", "filtrate-released", "press-empty"):
        if prompt in bench.engine.batch.prompts:
            bench.answer(prompt)
    bench.run(20)
    if bench.state == "RUNNING":
        assert bench.command(event) is None
    bench.run(5)
    assert bench.state in ("HELD", "STOPPED", "ABORTED", "COMPLETE")
    for role in PHASES[name].zeros:
        assert bench.wanted(role) in (0.0, None), role
    for role in PHASES[name].feeds:
        assert (bench.loop(role).mode, bench.loop(role).out) == ("MANUAL", 0.0), role
    if bench.state in ("STOPPED", "ABORTED"):
        assert (bench.loop("jacket").mode, bench.loop("jacket").out) == ("MANUAL", 0.0)


@pytest.mark.parametrize(("name", "role"), [(name, role) for name in sorted(PHASES) for role in PHASES[name].needs])
def test_a_phase_holds_when_an_input_that_it_needs_is_not_good(config: Config, name: str, role: str):
    bench = Bench(config, name)
    bench.run(2)
    bench.show(role, 1e6, BAD_NO_COMMUNICATION)
    bench.run(3)
    assert bench.state == "HELD"
    assert "BadNoCommunication" in bench.cause


# --- charging and dosing -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("shown", "answer", "words"), [
    ({"level": 30.0}, "yes", "the tank is not empty"),
    ({"lel": 9.0}, "yes", "hydrogen 9.0 %LEL above"),
    ({}, "no", "not released: no"),
])  # fmt: skip
def test_a_unit_that_is_not_ready_holds_the_batch_before_anything_is_charged(
    config: Config, shown: dict[str, float], answer: str, words: str
):
    bench = Bench(config, "CHECK_UNIT", shown)
    bench.run(2)
    if "unit-released" in bench.engine.batch.prompts:
        bench.answer("unit-released", answer)
    bench.run(3)
    assert bench.state == "HELD"
    assert words in bench.cause


def fill(bench: Bench, role: str, per_s: float, seconds: float) -> None:
    """A totaliser runs while its valve is wanted open."""
    i = bench.engine.wiring.roles[role]
    for _ in range(round(2 * seconds)):
        bench.run(0.5)
        if bench.wanted("water_valve") == 1.0:
            bench.image.value[i] += per_s / 2


def test_water_stops_early_by_what_is_still_on_its_way(config: Config):
    bench = Bench(config, "CHARGE_WATER", volume=100.0)
    bench.show("water_flow", 40.0)
    fill(bench, "water_total", 40 / 60, 200)
    assert bench.wanted("water_valve") == 0.0
    bench.run(20)
    assert bench.state in ("RUNNING", "COMPLETE")
    assert bench.of(Charged)[0].amount == pytest.approx(99.0, abs=0.7)


def test_water_outside_its_tolerance_is_a_hold_with_both_figures(config: Config):
    bench = Bench(config, "CHARGE_WATER", volume=100.0, tolerance=5.0)
    bench.run(3)
    bench.show("water_total", 112.0)
    bench.run(15)
    assert bench.state == "HELD"
    assert "water 112.0 L, wanted 100 +-5 L" in bench.cause


def test_a_hopper_that_holds_too_little_is_a_hold(config: Config):
    bench = Bench(config, "DOSE_SOLIDS", mass=60.0)
    bench.answer("lot-tipped")
    bench.run(10)
    assert bench.state == "HELD"
    assert "hopper holds 40.0 kg, the recipe wants 60.0 kg" in bench.cause


def acid(config: Config) -> Bench:
    bench = Bench(config, "DOSE_ACID", amount=100.0, strength=10.0, rate=0.6)
    bench.run(2)
    return bench


def test_acid_flows_at_its_rate_slower_below_its_ph_and_at_the_end(config: Config):
    bench = acid(config)
    assert (bench.loop("acid").mode, bench.loop("acid").sp) == ("AUTO", 0.6)
    bench.show("ph", 0.2)
    bench.run(1)
    assert bench.loop("acid").sp == 0.3
    bench.show("ph", 1.0)
    bench.show("acid_total", 9.6)
    bench.run(1)
    assert bench.loop("acid").sp == pytest.approx(0.18)
    bench.show("acid_total", 10.0)
    bench.run(1)
    assert (bench.wanted("acid_valve"), bench.wanted("acid_pump_run"), bench.loop("acid").mode) == (0.0, 0.0, "MANUAL")
    bench.run(12)
    assert bench.report()["volume_l"] == 10.0


@pytest.mark.fault("D05")
def test_a_total_that_was_cleared_holds_the_batch_and_the_dose_is_not_given_twice(config: Config):
    bench = acid(config)
    bench.show("acid_total", 6.0)
    bench.run(5)
    bench.show("acid_total", 0.1)
    bench.run(5)
    assert (bench.state, bench.wanted("acid_valve"), bench.wanted("acid_pump_run")) == ("HELD", 0.0, 0.0)
    assert "counts on from 6" in bench.cause
    bench.show("lel", 1.0)
    bench.command("RESTART")
    bench.run(70)
    assert bench.state == "RUNNING"
    bench.show("acid_total", 3.95)
    bench.run(2)
    assert bench.wanted("acid_valve") == 1.0
    bench.show("acid_total", 4.1)
    bench.run(20)
    assert bench.state == "COMPLETE"
    assert bench.report()["volume_l"] == pytest.approx(10.0, abs=0.2)
    (charged,) = bench.of(Charged)
    assert charged.u > 0.2


@pytest.mark.fault("D05")
@pytest.mark.parametrize(("name", "role"), [("OXIDISE", "peroxide.total"), ("ADJUST_PH", "base.total"), ("ADJUST_PH", "base_fine.total"),
                                            ("CHARGE_WATER", "water_total"), ("WASH", "press.wash_total")])  # fmt: skip
def test_no_phase_doses_again_what_its_total_forgot(config: Config, name: str, role: str):
    bench = Bench(config, name, {role: 5.0, "ph": 1.0, "orp": 300.0, "temperature": 40.0})
    bench.run(2)
    for k in range(1, 80):
        bench.show(role, 5.0 + k)
        bench.run(0.5)
    before = bench.state
    bench.show(role, 0.0)
    bench.run(2)
    assert (before, bench.state) == ("RUNNING", "HELD")
    assert "counts on from" in bench.cause


def test_after_a_hold_acid_waits_for_agitator_and_hydrogen_and_begins_at_a_tenth_every_time(config: Config):
    bench = acid(config)
    bench.engine.batch.shared["agitated"] = True
    for _ in range(2):
        bench.command("HOLD")
        bench.run(5)
        assert bench.state == "HELD"
        bench.show("agitator_running", 0.0)
        bench.command("RESTART")
        bench.run(30)
        assert bench.state == "RESTARTING"
        bench.show("agitator_running", 1.0)
        bench.show("lel", 9.0)
        bench.run(100)
        assert bench.state == "RESTARTING"
        bench.show("lel", 1.0)
        bench.run(55)
        assert bench.state == "RESTARTING"
        bench.run(10)
        assert bench.state == "RUNNING"
        assert bench.loop("acid").sp == pytest.approx(0.06)
        bench.run(280)
        assert bench.loop("acid").sp == pytest.approx(0.06)
        bench.run(30)
        assert bench.loop("acid").sp == 0.6


def test_peroxide_waits_while_it_is_warm_stops_at_its_potential_and_never_exceeds_its_cap(config: Config):
    bench = Bench(config, "OXIDISE", volume_max=2.0, orp=550.0, stable_min=1.0, temperature_max=60.0)
    bench.show("temperature", 61.0)
    bench.run(3)
    assert bench.wanted("peroxide.run") == 0.0
    bench.show("temperature", 55.0)
    bench.run(2)
    assert (bench.wanted("peroxide.run"), bench.wanted("peroxide_valve")) == (1.0, 1.0)
    bench.show("peroxide.total", 2.0)
    bench.run(2)
    assert bench.wanted("peroxide.run") == 0.0
    bench.run(65)
    assert bench.report()["capped"] is True
    assert bench.wanted("peroxide_valve") == 0.0


def test_base_goes_in_coarse_then_fine_and_above_the_highest_ph_the_batch_holds(config: Config):
    bench = Bench(config, "ADJUST_PH", ph=3.5, coarse_to=2.5, age=1.0)
    bench.run(3)
    assert (bench.loop("base").mode, bench.wanted("base_valve"), bench.wanted("base_fine_valve")) == ("AUTO", 1.0, None)
    bench.show("ph", 2.4)
    bench.run(35)
    assert (bench.loop("base").mode, bench.wanted("base_valve"), bench.wanted("base.run")) == ("MANUAL", 0.0, 0.0)
    assert (bench.loop("base_fine").mode, bench.loop("base_fine").sp) == ("AUTO", 3.5)
    bench.show("ph", 4.1)
    bench.run(3)
    assert bench.state == "HELD"
    assert "pH 4.10 above 4" in bench.cause
    assert (bench.wanted("base_fine_valve"), bench.loop("base_fine").out) == (0.0, 0.0)


# --- leach and after ---------------------------------------------------------------------------------------------------
def icp(bench: Bench, values: dict[str, float], quality: int = GOOD) -> None:
    """The analyser answers the last sample."""
    asked = bench.of(SampleRequested)[-1]
    found = {"sample": asked.sample, "stream": asked.stream, "purpose": asked.purpose, "context": asked.context}
    bench.give(IcpResult(batch="B-1", taken_utc=0, measured_utc=0, values=values, u=dict.fromkeys(values, 0.1), quality=quality, **found))


def test_a_leach_ends_when_the_bound_of_its_slope_says_so_and_not_before_its_time(config: Config):
    bench = Bench(config, "LEACH", min_time=60.0, max_time=240.0, sample_interval=10.0, slope_limit=2.0)
    for _ in range(6):
        bench.run(599)
        icp(bench, {"Nd": 20.0})
        bench.run(1)
        if bench.state != "RUNNING" or bench.of(StepState)[-1].now == "COMPLETE":
            break
    bench.run(30)
    report = bench.report()
    assert report["ended_by"] == "ICP slope"
    assert 60.0 <= report["minutes"] <= 61.0


@pytest.mark.fault("P08")
def test_an_analyser_that_never_answers_is_asked_once_and_the_leach_ends_by_its_time(config: Config):
    bench = Bench(config, "LEACH", min_time=10.0, max_time=60.0, sample_interval=5.0)
    bench.run(3700)
    assert len(bench.of(SampleRequested)) == 1
    assert bench.report()["ended_by"] == "maximum time"


def test_after_a_long_hold_samples_are_not_drawn_in_a_burst(config: Config):
    bench = Bench(config, "LEACH", min_time=300.0, max_time=400.0, sample_interval=10.0)
    bench.run(60)
    icp(bench, {"Nd": 20.0})
    bench.command("HOLD")
    bench.run(3 * 3600)
    bench.command("RESTART")
    before = len(bench.of(SampleRequested))
    for _ in range(20):
        bench.run(30)
        if bench.of(SampleRequested)[-1].sample not in {r.sample for r in bench.of(IcpResult)}:
            icp(bench, {"Nd": 20.0})
    assert len(bench.of(SampleRequested)) - before <= 2


def test_the_leach_keeps_the_jacket_on_its_tank(config: Config):
    bench = Bench(config, "LEACH", temperature=80.0)
    bench.run(2)
    assert (bench.loop("jacket").mode, bench.loop("temperature").mode, bench.loop("temperature").sp) == ("CASCADE", "AUTO", 80.0)


@pytest.mark.parametrize("name", ["SAMPLE", "RESIDUE_SAMPLE"])
def test_a_sample_whose_checks_failed_is_drawn_again_after_a_person_looked(config: Config, name: str):
    bench = Bench(config, name)
    bench.run(2)
    before = 0
    if name == "RESIDUE_SAMPLE":  # the liquor that it stands in comes first, whatever its checks say
        icp(bench, {}, BAD_NO_COMMUNICATION)
        bench.run(2)
        before = 1
    icp(bench, {}, BAD_NO_COMMUNICATION)
    bench.run(3)
    assert bench.state == "HELD"
    assert "sample again" in bench.cause
    bench.command("RESTART")
    bench.run(3)
    assert [each.purpose for each in bench.of(SampleRequested)][before:] == 2 * [bench.of(SampleRequested)[-1].purpose]


def test_the_residue_is_drawn_after_the_liquor_that_it_stands_in(config: Config):
    bench = Bench(config, "RESIDUE_SAMPLE", volume=0.4)
    bench.run(2)
    icp(bench, {"Fe": 0.4})
    bench.run(2)
    liquor, residue = bench.of(SampleRequested)
    assert (liquor.stream, liquor.purpose, residue.stream, residue.purpose) == ("R-101", "residue-liquor", "residue R-101", "residue")
    assert residue.context["drawn_l"] == 0.4


def test_an_almost_empty_tank_is_neither_heated_nor_cooled(config: Config):
    bench = Bench(config, "FILTER", {"buffer.level": 0.0, "level": 40.0})
    bench.engine.batch.shared["agitated"] = True
    bench.run(65)
    bench.show("level", 10.0)
    bench.run(2)
    jacket = bench.loop("jacket")
    assert (jacket.mode, jacket.row.share(jacket.out), jacket.row.share_low(jacket.out)) == ("MANUAL", 0.0, 0.0)


def test_the_tanks_share_feeder_reagents_press_and_buffer_and_know_of_one_another(config: Config):
    engines = build(config).scan.parts.units
    shared = engines["R-102"].wiring.shared
    assert {name: shared[name] for name in ("DOSE_SOLIDS", "OXIDISE", "ADJUST_PH", "FILTER", "DROP", "TO_BUFFER", "SAMPLE")} == {
        "DOSE_SOLIDS": ("SC-101",), "OXIDISE": ("P-121",), "ADJUST_PH": ("P-131", "P-132"), "FILTER": ("FP-201", "TK-210"),
        "DROP": ("FP-201",), "TO_BUFFER": ("TK-210",), "SAMPLE": (),
    }  # fmt: skip
    assert engines["R-102"].neighbours == [engines["R-101"], engines["R-103"]]


# --- press, buffer and what stays in the tank ------------------------------------------------------------------------------
def filtering(config: Config, buffer_pct: float) -> Bench:
    """A tank before the press, which somebody has found empty."""
    bench = Bench(config, "FILTER", {"buffer.level": buffer_pct})
    bench.run(1)
    bench.answer("press-empty")
    return bench


def test_filtrate_does_not_come_to_a_buffer_that_is_not_empty(config: Config):
    bench = filtering(config, 12.0)
    bench.run(65)
    assert bench.state == "HELD"
    assert "the buffer holds 12.0 %, more than 4 %: pump it on first" in bench.cause
    assert bench.wanted("press.feed_valve") in (None, 0.0)


def test_nothing_is_pumped_onto_a_press_that_nobody_found_empty(config: Config):
    bench = Bench(config, "FILTER", {"buffer.level": 0.2})
    bench.run(120)
    assert bench.state == "RUNNING"
    assert bench.wanted("press.feed_valve") in (None, 0.0)
    bench.answer("press-empty", "no, there is cake in it")
    bench.run(5)
    assert bench.state == "HELD"
    assert "there is cake in it" in bench.cause


def test_what_stands_in_the_buffer_is_analysed_before_filtrate_comes_to_it(config: Config):
    bench = filtering(config, 3.0)
    bench.run(90)
    assert [(each.stream, each.purpose) for each in bench.of(SampleRequested)] == [("TK-210", "buffer-before")]
    assert bench.wanted("press.feed_valve") in (None, 0.0)
    icp(bench, {"Nd": 17.0})
    bench.run(3)
    assert bench.wanted("press.feed_valve") == 1.0
    assert [(each.material, each.amount, each.direction) for each in bench.of(Charged)] == [("buffer", 60.0, "in")]


def test_an_empty_buffer_needs_no_analysis(config: Config):
    bench = filtering(config, 0.2)
    bench.run(65)
    assert (bench.of(SampleRequested), bench.wanted("press.feed_valve")) == ([], 1.0)


def test_level_and_weight_tell_solids_from_liquor_in_what_stays(config: Config):
    """4.6 L of 11.9 kg: 2.94 L of liquor at 1.06 and 1.66 L of oxide at 5.0 kg/L."""
    bench = Bench(config, "TO_BUFFER", {"level": 0.46, "weight": 1.06 * 2.94 + 5.0 * 1.66})
    bench.answer("filtrate-released")
    for k in range(140):  # noise of both instruments averages out
        bench.show("level", 0.46 + (0.2 if k % 2 else -0.2))
        bench.run(0.5)
    assert bench.state == "COMPLETE"
    found = {each.material: each for each in bench.of(Charged)}
    assert found["heel"].amount == pytest.approx(2.94, abs=0.05)
    assert found["heel_solids"].amount == pytest.approx(8.3, abs=0.1)
    assert found["heel_solids"].u > 1.0


def test_samples_are_counted_with_their_solids(config: Config):
    bench = Bench(config, "TO_BUFFER", {"level": 0.4, "weight": 4.2})
    bench.engine.batch.shared["residue_sample_l"] = 0.5
    asked = SampleRequested(batch="B-1", sample="S-R", stream="residue R-101", purpose="residue", context={"drawn_l": 0.5})
    drawn = [SampleRequested(batch="B-1", sample=f"S-{k}", stream="R-101", purpose="leach-sample") for k in range(10)]
    for entry in (asked, *drawn):
        bench.give(entry)
    bench.give(IcpResult(sample="S-R", batch="B-1", stream="residue R-101", purpose="residue", taken_utc=1, measured_utc=2, unit="kg/kg",
                         values={"Fe": 0.68, "sample_kg": 0.06}, u={"sample_kg": 1e-4}, context={"drawn_l": 0.5}))  # fmt: skip
    bench.answer("filtrate-released")
    bench.run(70)
    found = {each.material: each for each in bench.of(Charged)}
    assert found["sample"].amount == pytest.approx(0.5 + 10 * 0.05)
    assert found["sample_solids"].amount == pytest.approx(0.06 + 10 * 0.05 * 0.12)


def test_the_cake_sample_was_drawn_after_the_scale_was_read(config: Config):
    bench = Bench(config, "DROP", {"press.cake_weight": 20.0}, time=1.0)
    bench.run(70)
    bench.show("press.cake_weight", 98.0)
    bench.run(30)
    icp(bench, {"Fe": 0.67, "sample_kg": 0.39})
    bench.run(3)
    assert {each.material: each.amount for each in bench.of(Charged)} == {"cake": pytest.approx(77.61), "cake_sample": 0.39}


def test_a_blow_that_was_held_blows_its_whole_time(config: Config):
    bench = Bench(config, "BLOW", time=1.0)
    bench.run(30)
    bench.command("HOLD")
    bench.run(600)
    bench.command("RESTART")
    bench.run(55)
    assert bench.wanted("press.blow_valve") == 1.0
    bench.run(10)
    assert bench.wanted("press.blow_valve") == 0.0
