"""A relay experiment in a plant: asked for, written down, watched by the interlocks, and over as if it had not been."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from gateway.control.chain import LoopMode, LoopTuned, LoopTuning
from gateway.control.explain import explain
from gateway.control.image import SECOND
from gateway.control.interlock import Interlocks, Row
from gateway.control.laws import PidLaw
from gateway.control.loop import Loop
from gateway.control.scan import replay
from gateway.control.tuning.experiment import tuning_of
from tests.gateway.control.small import JI, LI, STEP, TI, TV, XV, Small
from tests.gateway.control.tuning.plants import Lags

ASKED: dict[str, Any] = {"amplitude": 10.0, "hysteresis": 0.2, "pv_low": 20.0, "pv_high": 80.0, "longest_s": 600.0}


class Heated(Small):
    """The small plant with a heater that heats: JI follows TV by 1 K/%, 20 s and 3 s of dead time."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.nature = Lags(1.0, [20.0], 3.0, STEP / 1e9, start=40.0)
        self.show(JI, 40.0)
        self.show(TV, 40.0)

    def live(self, scans: int, until: Any = None) -> list[Any]:
        """Scans with nature between them; the entries."""
        entries: list[Any] = []
        for _ in range(scans):
            entries += self.run()
            if JI in self.readings:
                self.show(JI, self.nature.step(self.readings[TV][0]))
            if until is not None and until():
                break
        return entries

    def manual(self, out: float = 40.0) -> Heated:
        """Started, at rest in MANUAL at this output."""
        self.live(3)
        assert self.ask("loop.set", "JIC", mode="MANUAL", out=out) == ""
        self.live(400)
        return self

    def auto(self) -> Heated:
        """At rest in AUTO."""
        self.manual()
        assert self.ask("loop.set", "JIC", mode="AUTO", sp=40.0) == ""
        self.live(400)
        return self

    @property
    def running(self) -> bool:
        return "JIC" in self.scan.driving.tunings.running

    def ended(self) -> LoopTuning:
        """How the last experiment ended, as the journal has it."""
        found = [s.entry for s in self.journal.read() if isinstance(s.entry, LoopTuning) and s.entry.event == "ended"]
        return found[-1]


def law(plant: Small) -> PidLaw:
    """The controller of JIC."""
    found = plant.loops["JIC"].law
    assert isinstance(found, PidLaw)
    return found


def limit_cycle(theta: float) -> float:
    """Period of a relay of 10 with a hysteresis of 0.2 on 1/(20 s + 1) with this dead time."""
    a = 10.0 - 9.8 * math.exp(-theta / 20.0)
    return 2.0 * (theta + 20.0 * math.log((10.0 + a) / 9.8))


@pytest.mark.parametrize("mode", ["MANUAL", "AUTO"])
def test_an_experiment_ends_by_itself_and_leaves_the_loop_as_it_was(mode: str):
    plant = Heated().manual() if mode == "MANUAL" else Heated().auto()
    loop = plant.loops["JIC"]
    before = (loop.mode, loop.sp, loop.out)
    assert plant.ask("loop.tune", "JIC", **ASKED) == ""
    assert not plant.running
    plant.live(2)
    assert plant.running
    told = explain(plant.scan, "JIC", plant.now)["experiment"]
    assert (told["state"], told["returns_to"], told["d"], told["who"]) == ("running", before[2], 10.0, "Ann")
    assert explain(plant.scan, "TV", plant.now)["because"] == "JIC TUNE"
    plant.live(1200, until=lambda: not plant.running)
    plant.live(2)
    entry = plant.ended()
    assert entry.reason == "done"
    quick, slow = limit_cycle(3.0), limit_cycle(4.0)            # dead time, and up to two scans from a switch to its answer
    assert quick < entry.result["pu_s"] < slow
    assert entry.result["ku"] == pytest.approx(40.0 / math.pi / math.sqrt(entry.result["a"] ** 2 - 0.2**2))
    assert (loop.mode, loop.sp) == before[:2]
    assert entry.out == before[2]
    if mode == "MANUAL":
        assert loop.out == before[2]
    assert explain(plant.scan, "JIC", plant.now)["experiment"]["reason"] == "done"


def test_auto_goes_on_from_the_old_output_without_a_bump():
    plant = Heated().auto()
    loop = plant.loops["JIC"]
    old = loop.out
    plant.ask("loop.tune", "JIC", **ASKED)
    plant.live(30)
    assert abs(loop.out - old) == pytest.approx(10.0)
    assert plant.ask("loop.tune", "JIC", event="abort") == ""
    plant.live(5, until=lambda: not plant.running)
    assert not plant.running
    first = law(plant).tuning.gain * (STEP / 1e9) / (law(plant).tuning.ti_s or 1) * abs(40.0 - plant.image.value[JI])
    assert abs(loop.out - old) <= first + 1e-9


def test_until_its_entry_is_durable_nothing_moves():
    plant = Heated(lag=5).manual()
    plant.sent.clear()
    assert plant.ask("loop.tune", "JIC", **ASKED) == ""
    plant.live(4)
    assert plant.sent == []
    plant.live(3)
    assert plant.sent != []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"amplitude": 70.0}, "40 +- 70 outside 0..100"),
        ({"amplitude": -1.0}, "outside 0..100"),
        ({"amplitude": float("nan")}, "not finite"),
        ({"hysteresis": 0.0}, "not above 0"),
        ({"pv_low": 50.0}, "does not lie within"),
        ({"longest_s": 1e6}, "longest_s"),
        ({"longest_s": 1.0}, "longest_s"),
        ({"why": " "}, "needs a reason"),
    ],
)
def test_what_cannot_be_is_refused_and_recorded_so(changed: dict[str, Any], words: str):
    plant = Heated().manual()
    assert words in plant.ask("loop.tune", "JIC", **{**ASKED, **changed})
    plant.live(3)
    assert not plant.running
    assert plant.answers[-1].entry.outcome == "refused"


def test_an_experiment_needs_all_of_its_limits():
    plant = Heated().manual()
    assert plant.ask("loop.tune", "JIC", amplitude=10.0) == "JIC: an experiment needs hysteresis, pv_low, pv_high, longest_s"


def test_two_at_once_are_one_too_many():
    plant = Heated().manual()
    assert plant.ask("loop.tune", "JIC", **ASKED) == ""
    assert "runs or is being recorded" in plant.ask("loop.tune", "JIC", **ASKED)
    plant.live(3)
    assert "runs or is being recorded" in plant.ask("loop.tune", "JIC", **ASKED)
    assert "an experiment runs" in plant.ask("loop.retune", "JIC", gain=1.0, ti_s=30.0)


def test_a_loop_that_another_drives_is_not_tuned_under_it():
    plant = Heated()
    plant.live(3)
    plant.ask("loop.set", "JIC", mode="CASCADE")
    plant.live(3)
    assert "JIC is in CASCADE" in plant.ask("loop.tune", "JIC", **ASKED)


# --- what ends it ------------------------------------------------------------------------------------------------------------
def shown(plant: Heated) -> Heated:
    """An experiment that runs, the output up or down."""
    assert plant.ask("loop.tune", "JIC", **ASKED) == ""
    plant.live(20)
    assert plant.running
    assert abs(plant.loops["JIC"].out - 40.0) == pytest.approx(10.0, abs=0.1)
    return plant


def test_a_trip_ends_it_in_the_scan_that_sees_it_and_forces_the_output():
    plant = shown(Heated().manual())
    plant.show(LI, 95.0)
    plant.live(2)
    assert not plant.running
    assert plant.sent[-1] == ("TV", 0.0)
    plant.live(2)
    assert (plant.ended().reason, plant.ended().detail) == ("blocked", "TV: level_high")
    assert plant.loops["JIC"].out == 40.0
    plant.show(LI, 50.0)
    plant.live(4)
    assert plant.sent[-1] == ("TV", 0.0)        # a trip latches: nothing moves before somebody resets it


@pytest.mark.parametrize("wait", [0, 1, 2, 3])
def test_a_trip_that_only_holds_the_unit_ends_it_in_that_scan_whosever_turn_it_is(wait: int):
    plant = Heated()
    row = Row(name="level_high", unit="R-1", group="R-1", effects={XV: 0.0})
    plant.parts.interlocks = Interlocks([row], {XV: 0.0}, 3600 * SECOND)
    plant.manual()
    plant.show(TI, 40.0)
    assert plant.ask("loop.set", "TIC", mode="MANUAL", out=40.0) == ""
    assert plant.ask("loop.set", "JIC", mode="CASCADE") == ""
    plant.live(60 + wait)
    assert plant.ask("loop.tune", "TIC", **{**ASKED, "amplitude": 5.0}) == ""
    plant.live(6)
    assert "TIC" in plant.scan.driving.tunings.running
    plant.show(LI, 95.0)
    scans = [{type(entry).__name__ for entry in plant.live(1)} for _ in range(2)]
    assert [names & {"InterlockChanged", "LoopTuning"} for names in scans] == [set(), {"InterlockChanged", "LoopTuning"}]
    assert (plant.ended().reason, plant.ended().detail) == ("hold", "interlock level_high")


def test_while_a_trip_stands_none_begins():
    plant = Heated().manual()
    plant.show(LI, 95.0)
    plant.live(4)
    assert "level_high" in plant.ask("loop.tune", "JIC", **ASKED)


def test_a_pv_that_is_lost_ends_it():
    plant = shown(Heated().manual())
    plant.lose(JI)
    plant.live(3)
    assert (plant.ended().reason, plant.loops["JIC"].out) == ("bad_pv", 40.0)


def test_a_pv_beyond_its_limit_ends_it():
    plant = shown(Heated().manual())
    plant.nature.states[0] = 85.0
    plant.live(4)
    assert plant.ended().reason == "pv_limit"
    assert "outside 20..80" in plant.ended().detail


def test_its_longest_time_ends_it():
    plant = Heated().manual()
    plant.ask("loop.tune", "JIC", **{**ASKED, "longest_s": 12.0})
    plant.live(40)
    assert plant.ended().reason == "time"
    assert plant.loops["JIC"].out == 40.0


@pytest.mark.parametrize(
    ("asked", "mode", "out"),
    [({"mode": "MANUAL"}, "MANUAL", 40.0), ({"mode": "MANUAL", "out": 12.0}, "MANUAL", 12.0), ({"mode": "AUTO", "sp": 41.0}, "AUTO", None)],
)
def test_whoever_sets_the_loop_has_it(asked: dict[str, Any], mode: str, out: float | None):
    plant = shown(Heated().manual())
    assert plant.ask("loop.set", "JIC", **asked) == ""
    plant.live(3)
    assert not plant.running
    loop = plant.loops["JIC"]
    assert loop.mode == mode
    if out is not None:
        assert loop.out == out
    assert plant.ended().reason in ("owner", "asked")


def test_an_output_that_does_not_obey_ends_it():
    plant = shown(Heated().manual())
    plant.parts.outputs.by_tag[TV].state = "diverged"
    plant.live(3)
    assert plant.ended().detail == "TV diverged"


def test_who_works_the_output_at_its_panel_ends_it():
    plant = shown(Heated().manual())
    plant.parts.outputs.by_tag[TV].panel = "HS-1 stands in local"
    plant.live(3)
    assert (plant.ended().reason, plant.ended().detail) == ("owner", "TV is worked at its panel, HS-1 stands in local")


@pytest.mark.parametrize(("tag", "says"), [("TV", "TV is forced to 30"), ("JI", "its pv is forced")])
def test_a_forced_output_or_pv_ends_it(tag: str, says: str):
    plant = shown(Heated().manual())
    assert plant.ask("force.set", tag, value=30.0, minutes=10) == ""
    plant.live(3)
    assert (plant.ended().reason, plant.ended().detail) == ("owner", says)


def test_an_outer_loop_swings_the_setpoint_of_its_inner_one_and_ends_when_that_leaves():
    plant = Heated().manual()
    plant.show(TI, 40.0)
    for name, mode in (("TIC", {"mode": "MANUAL", "out": 40.0}), ("JIC", {"mode": "CASCADE"})):
        assert plant.ask("loop.set", name, **mode) == ""
    plant.live(60)
    assert plant.ask("loop.tune", "TIC", **{**ASKED, "amplitude": 5.0}) == ""
    plant.live(6)
    assert plant.loops["JIC"].sp in (35.0, 45.0)
    assert plant.ask("loop.set", "JIC", mode="MANUAL", out=40.0) == ""
    plant.live(6)
    found = plant.ended()
    assert (found.loop, found.reason, found.detail) == ("TIC", "owner", "JIC is in MANUAL, not in CASCADE")
    assert plant.loops["TIC"].out == 40.0


def test_a_restart_ends_it_and_the_loop_stands_in_manual_at_the_output_of_the_device():
    plant = shown(Heated().auto())
    again = Heated(journal=plant.journal)
    replay(again.scan, list(plant.journal.read()))
    assert again.running
    again.show(JI, 44.0)
    again.show(TV, plant.readings[TV][0])
    again.live(4)
    assert not again.running
    assert again.ended().reason == "restart"
    loop = again.loops["JIC"]
    assert (loop.mode, loop.out) == ("MANUAL", again.readings[TV][0])
    third = Heated(journal=plant.journal)
    replay(third.scan, list(plant.journal.read()))
    assert not third.running


# --- tunings that are accepted ---------------------------------------------------------------------------------------------------
def test_an_accepted_tuning_acts_when_it_is_durable_and_without_a_bump():
    plant = Heated().auto()
    loop = plant.loops["JIC"]
    plant.nature.states[0] = 43.0               # a deviation, so that a bump would show
    assert plant.ask("loop.retune", "JIC", gain=1.5, ti_s=45.0, td_s=0.5, rule="SIMC PI") == ""
    assert law(plant).tuning.gain == 3.0
    outs = [loop.out]
    while law(plant).tuning.gain == 3.0:
        plant.live(1)
        outs.append(loop.out)
    assert tuning_of(loop) == (1.5, 45.0, 0.5)
    deviation = abs(40.0 - plant.image.value[JI])
    assert deviation > 2.0
    assert abs(outs[-1] - outs[-2]) <= 3.0 * 0.5 / 60.0 * deviation + 1e-9      # no more than the integral moves it; the gain alone: 4
    told = explain(plant.scan, "JIC", plant.now)
    assert {"gain": 1.5, "ti_s": 45.0, "td_s": 0.5}.items() <= told["tuning"].items()
    assert told["tuned"] == {"rule": "SIMC PI", "who": "Ann", "why": "test"}
    assert told["configured"] == {"gain": 3.0, "ti_s": 60.0, "td_s": 0.0}
    entry = next(s.entry for s in plant.journal.read() if isinstance(s.entry, LoopTuned))
    assert (entry.gain_was, entry.ti_was_s, entry.td_was_s, entry.why) == (3.0, 60.0, 0.0, "test")


def test_a_restart_keeps_an_accepted_tuning_and_a_new_configuration_stands_above_it():
    plant = Heated().auto()
    plant.ask("loop.retune", "JIC", gain=1.5, ti_s=45.0)
    plant.live(2)
    same = Heated(journal=plant.journal)
    replay(same.scan, list(plant.journal.read()))
    assert law(same).tuning.gain == 1.5
    changed = Heated(journal=plant.journal)
    changed.loops["JIC"] = Loop(msgspec.structs.replace(changed.loops["JIC"].row, gain=2.0))
    replay(changed.scan, list(plant.journal.read()))
    assert law(changed).tuning.gain == 2.0
    assert "configured" not in explain(changed.scan, "JIC", changed.now)


def test_back_to_the_configuration_is_a_tuning_too():
    plant = Heated().auto()
    plant.ask("loop.retune", "JIC", gain=1.5, ti_s=45.0)
    plant.live(2)
    plant.ask("loop.retune", "JIC", gain=3.0, ti_s=60.0)
    plant.live(2)
    assert "configured" not in explain(plant.scan, "JIC", plant.now)
    assert plant.ask("loop.retune", "JIC", gain=3.0, ti_s=60.0) == "JIC has this tuning"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"gain": 0.0, "ti_s": 60.0}, "gain > 0"),
        ({"gain": float("inf"), "ti_s": 60.0}, "gain > 0"),
        ({"gain": 1.0, "ti_s": 0.5}, "ti_s >= 1"),
        ({"gain": 1.0, "ti_s": 60.0, "td_s": -1.0}, "td_s >= 0"),
        ({"gain": 1.0, "ti_s": 60.0, "why": ""}, "needs a reason"),
        ({"ti_s": 60.0}, "unknown name 'gain'"),
    ],
)
def test_a_tuning_that_is_none_is_refused(asked: dict[str, Any], words: str):
    assert words in Heated().auto().ask("loop.retune", "JIC", **asked)


def test_journals_from_before_still_replay():
    plant = Heated().auto()
    assert any(isinstance(s.entry, LoopMode) for s in plant.journal.read())
    again = Heated(journal=plant.journal)
    replay(again.scan, list(plant.journal.read()))
    assert again.loops["JIC"].mode == "AUTO"
