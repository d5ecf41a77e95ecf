"""Trials of the closed loops on the simulated line: a heat-up, a pH, hydrogen under its limiter, and one disturbance after another.

    for row in disturbances(config):
        print(row.name, row.first_alarm, row.trip, row.state)

A run is brought to a place in its batch once; every disturbance starts there in a process of its own (``aside``), so that none
sees another. What is measured is what nature knows (`World.values`), not what the instruments show.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from gateway.config.models import Config
from gateway.control.chain import AlarmChanged, BatchState, InterlockChanged
from gateway.control.image import SECOND
from gateway.control.machine import ENDED
from gateway.records.store import MemoryJournal
from simulators.people import BRING_UP
from simulators.physics.gas import LEL_VOL_PCT
from simulators.physics.reagents import WATER_STOCK
from simulators.physics.samples import solid_kg
from simulators.rehearsal import Rehearsal, Run

T = TypeVar("T")
WHO = "trial"
UNIT, NUMBER = "R-101", 1


class HeatUp(msgspec.Struct, frozen=True):
    """600 L from 20 to 80 degC along a ramp, then held. Temperatures of nature, K."""

    minutes: float                              # until within 0.5 K of the setpoint, for good
    ramp_k_min: float
    over_k: float                               # most above 80 degC
    steady_k: float                             # most away from 80 degC in the second half of the holding
    lag_k: float                                # most behind the working setpoint on the way


class Ageing(msgspec.Struct, frozen=True):
    """pH 3.5 by coarse and fine dosing in a whole batch. Nature's pH."""

    highest: float
    within: float                               # share of the ageing time within 0.1
    minutes: float                              # from the first base to the beginning of the ageing
    aged_min: float


class Hydrogen(msgspec.Struct, frozen=True):
    """A metal batch under its limiter: % LEL in the duct as nature has it, and how long its acid took."""

    highest: float
    mean: float                                 # while the limiter held the feed
    spread: float                               # standard deviation then
    limited: float                              # share of the dosing time that the limiter held the feed
    hours: float
    least_hours: float                          # for the same hydrogen at 8 % LEL all the time, at this vent flow
    hydrogen_nm3: float
    vent_nm3_h: float


class Row(msgspec.Struct, frozen=True):
    """One disturbance and what came of it. Seconds count from the disturbance; extremes are nature's."""

    name: str
    where: str
    first_alarm: str
    alarm_s: float | None
    trip: str
    trip_s: float | None
    state: str                                  # of the batch when it had been watched
    away_k: float                               # most away from the working setpoint; where no loop follows one, from where it was
    lel: float
    o2: float                                   # in the headspace, %
    ph: float
    acid_l: float                               # that still went in
    extraction: float                           # of neodymium when it had been watched
    back_min: float | None                      # from the mending until the batch ran again
    alarms: tuple[str, ...] = ()
    note: str = ""


# --- a plant to try things on ---------------------------------------------------------------------------------------------
def aside(work: Callable[[], T], kind: type[T]) -> T:
    """Do something in a copy of this process, and bring back what came of it. Raises RuntimeError when it failed there."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        with os.fdopen(into, "wb") as pipe:
            try:
                pipe.write(msgspec.json.encode(work()))
            except BaseException as error:
                pipe.write(b"!" + repr(error).encode())
        os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    if told[:1] in (b"", b"!"):
        raise RuntimeError(told[1:].decode() or "it died")
    return msgspec.json.decode(told, type=kind)


def truth(rehearsal: Rehearsal, name: str) -> float:
    """What nature knows of a variable."""
    world = rehearsal.line.world
    return world.values[world.index(name)]


def step_of(run: Run) -> str:
    """The step that is active, the first of several."""
    batch = run.engine.batch
    return next((each.name for each in batch.active), "") if batch is not None else ""


def until(run: Run, reached: Callable[[], bool], most_h: float) -> None:
    """Step a batch until it is so. Raises RuntimeError when it does not come, or the batch ends or holds before."""
    began = run.rehearsal.now.mono
    while not reached():
        batch = run.engine.batch
        if batch is not None and (batch.state in ENDED or batch.state == "HELD"):
            raise RuntimeError(f"batch {batch.state}: {batch.cause}")
        if run.rehearsal.now.mono - began > most_h * 3600 * SECOND:
            raise RuntimeError(f"not within {most_h} h, at {step_of(run)!r}")
        run.step()


def batch_of(config: Config, recipe: str, lot: str, seed: int | None = None, **formula: float) -> Run:
    """A run that has not begun, with changed formula values."""
    run = Run(config, MemoryJournal(), recipe=recipe, lot=lot, unit=UNIT, seed=seed)
    run.operator.formula.update(formula)
    return run


# --- the three figures ----------------------------------------------------------------------------------------------------
def heat_up(config: Config, seed: int | None = None, to: float = 80.0, hold_h: float = 2.0) -> HeatUp:
    """Heat 600 L of water by the tank's own cascade; no batch is needed for it."""
    rehearsal = Rehearsal(config, MemoryJournal(), seed=seed)
    rehearsal.line.world.set_heel(UNIT, 600.0)
    rehearsal.run(120.0)
    rehearsal.command("output.set", f"XS-10{NUMBER}1", who=WHO, why="heat-up", value=1)
    rehearsal.command("loop.set", f"SIC-10{NUMBER}1", who=WHO, why="heat-up", mode="AUTO", sp=300.0)
    rehearsal.command("loop.set", f"TIC-10{NUMBER}2", who=WHO, why="heat-up", mode="CASCADE")
    rehearsal.command("loop.set", f"TIC-10{NUMBER}1", who=WHO, why="heat-up", mode="AUTO", sp=to)
    loop = rehearsal.plant.scan.parts.loops[f"TIC-10{NUMBER}1"]
    rehearsal.run(5.0)
    refused = [answer.entry.reason for answer in rehearsal.answers if answer.entry.outcome == "refused"]
    if refused:
        raise RuntimeError("; ".join(refused))
    began = truth(rehearsal, f"{UNIT}.temperature_c")
    ramp = (loop.rate or 0.0) * 60.0
    most = (to - began) / ramp * 60.0 * 1.5 + hold_h * 3600.0
    seen: list[float] = []
    lag = 0.0
    for _ in range(round(most)):
        rehearsal.run(1.0)
        seen.append(truth(rehearsal, f"{UNIT}.temperature_c"))
        lag = max(lag, (loop.ramped or 0.0) - seen[-1])
    outside = [k for k, t in enumerate(seen) if abs(t - to) > 0.5]
    last = seen[-round(hold_h * 1800.0):]
    return HeatUp(minutes=(outside[-1] + 2) / 60.0 if outside else 0.0, ramp_k_min=ramp, over_k=max(seen) - to,
                  steady_k=max(abs(t - to) for t in last), lag_k=lag)


def _ages(run: Run) -> bool:
    """Whether the iron step has come to its ageing."""
    active = run.engine.batch.active if run.engine.batch is not None else []
    return any(each.name == "iron" and each.context is not None and "aged_from_s" in each.context.memory for each in active)


class _Ageing:
    """Looks at the pH of a batch while base goes in and while it ages. ``run`` then goes on to its end."""

    def __init__(self, run: Run) -> None:
        self.run, self.highest, self.inside, self.aged = run, 0.0, 0, 0
        self.began: int | None = None
        self.aging: int | None = None

    def look(self) -> None:
        run = self.run
        if step_of(run) != "iron":
            return
        self.began = self.began or run.rehearsal.now.mono
        ph = truth(run.rehearsal, f"{UNIT}.ph")
        self.highest = max(self.highest, ph)
        if _ages(run):
            self.aging = self.aging or run.rehearsal.now.mono
            self.aged += 1
            self.inside += abs(ph - 3.5) <= 0.1

    def figures(self) -> Ageing:
        if self.began is None or self.aging is None:
            raise RuntimeError("the batch never came to its ageing")
        period_min = self.run.rehearsal.period_ns / SECOND / 60.0
        return Ageing(highest=self.highest, within=self.inside / self.aged, minutes=(self.aging - self.began) / SECOND / 60.0,
                      aged_min=self.aged * period_min)


def ageing(config: Config, seed: int | None = None, then: Callable[[Run], None] | None = None) -> Ageing:
    """A whole selective batch up to the end of its iron step; ``then`` may look on from the middle of the ageing (see `aside`)."""
    run = batch_of(config, "LEACH-NDFEB-SEL", "DNAL-2026-0147", seed)
    watch = _Ageing(run)
    run.rehearsal.after = lambda _: watch.look()
    until(run, lambda: watch.aged > 2 * 1800, 24.0)
    if then is not None:
        then(run)
    until(run, lambda: step_of(run) not in ("iron", ""), 24.0)
    return watch.figures()


def hydrogen(config: Config, seed: int | None = None, then: Callable[[Run], None] | None = None, then_s: float = 3600.0) -> Hydrogen:
    """60 kg of metal, acid at the highest rate that the recipe allows, so that the limiter decides; to the end of the dosing."""
    run = batch_of(config, "LEACH-NDFEB-METAL", "DNAL-2026-0152", seed, acid_rate=0.5)
    until(run, lambda: step_of(run) == "acid", 12.0)
    loop = run.rehearsal.plant.scan.parts.loops[f"FIC-11{NUMBER}"]
    began, tank = run.rehearsal.now.mono, run.rehearsal.line.world.tanks[NUMBER - 1]
    held: list[float] = []
    highest = h2 = vent = 0.0
    count = 0
    while step_of(run) == "acid":
        run.step()
        lel = truth(run.rehearsal, f"{UNIT}.lel_pct")
        h2 += tank.h2_nm3_h * run.rehearsal.period_ns / SECOND / 3600.0
        vent, highest, count = vent + tank.duct_nm3_h, max(highest, lel), count + 1
        if loop.limited_by == "hydrogen":
            held.append(lel)
        if run.engine.batch is not None and run.engine.batch.state in (*ENDED, "HELD"):
            raise RuntimeError(f"batch {run.engine.batch.state}: {run.engine.batch.cause}")
        if then is not None and run.rehearsal.now.mono - began >= then_s * SECOND:
            then(run)
            then = None
    mean = sum(held) / len(held) if held else 0.0
    spread = (sum((x - mean) ** 2 for x in held) / len(held)) ** 0.5 if held else 0.0
    flow = vent / count
    return Hydrogen(highest=highest, mean=mean, spread=spread, limited=len(held) / count, hydrogen_nm3=h2, vent_nm3_h=flow,
                    hours=(run.rehearsal.now.mono - began) / SECOND / 3600.0, least_hours=h2 / (flow * 0.08 * LEL_VOL_PCT / 100.0))


# --- disturbances ---------------------------------------------------------------------------------------------------------
class Disturbance(msgspec.Struct, frozen=True):
    """What is done to a running batch. ``variables``: of nature, to these values; ``litres``: of water at 5 degC, over three minutes;
    ``drift``: (tag, units per hour) of an instrument; ``command``: a person's, one second later.
    """

    name: str
    variables: dict[str, float] = {}
    litres: float = 0.0
    drift: tuple[str, float] | None = None
    command: tuple[str, str] | None = None
    watch_min: float = 60.0


SELECTIVE_ACID = (
    Disturbance("cold feed: 60 L of 5 degC water in 3 min", litres=60.0, watch_min=120.0),
    Disturbance("acid valve stuck open, batch put on hold", variables={f"{UNIT}.acid_valve_stuck": 1.0}, command=("batch.hold", "")),
    Disturbance("acid 20 % weaker than it says", variables={"TK-110.strength_factor": 0.8}, watch_min=240.0),
    Disturbance("agitator trips", variables={f"{UNIT}.agitator_trip": 1.0}),
    Disturbance("fan lost", variables={"K-301.trip": 1.0}),
    Disturbance("emergency stop", variables={"SITE.estop_cmd": 1.0}),
)
SELECTIVE_AGEING = (
    Disturbance("pH probe drifts by 0.3 pH/h", drift=(f"AIT-10{NUMBER}2", 0.3), watch_min=55.0),
    Disturbance("temperature probe A drifts by 6 K/h", drift=(f"TT-10{NUMBER}1A", 6.0), watch_min=55.0),
)
METAL_ACID = (
    Disturbance("cooling water lost", variables={"SITE.chilled_lost": 1.0}),
    Disturbance("fan lost", variables={"K-301.trip": 1.0}),
    Disturbance("nitrogen lost", variables={"SITE.nitrogen_lost": 1.0}),
    Disturbance("agitator trips", variables={f"{UNIT}.agitator_trip": 1.0}),
    Disturbance("emergency stop", variables={"SITE.estop_cmd": 1.0}),
)


class _Witness:
    """What happens from a disturbance on: entries with their seconds, extremes of nature."""

    def __init__(self, run: Run) -> None:
        self.run, self.rehearsal = run, run.rehearsal
        self.began, self.seq = run.rehearsal.now, run.rehearsal.committer.committed()
        self.before_c = truth(self.rehearsal, f"{UNIT}.temperature_c")
        self.acid = self.rehearsal.line.world.tanks[NUMBER - 1].acid_mol
        self.away = self.lel = self.o2 = 0.0
        self.ph = truth(self.rehearsal, f"{UNIT}.ph")

    def look(self) -> None:
        loop = self.rehearsal.plant.scan.parts.loops[f"TIC-10{NUMBER}1"]
        followed = loop.ramped if loop.mode == "AUTO" and loop.ramped is not None else self.before_c
        self.away = max(self.away, abs(truth(self.rehearsal, f"{UNIT}.temperature_c") - followed))
        self.lel = max(self.lel, truth(self.rehearsal, f"{UNIT}.lel_pct"))
        self.o2 = max(self.o2, truth(self.rehearsal, f"{UNIT}.headspace_o2_pct"))
        self.ph = max(self.ph, truth(self.rehearsal, f"{UNIT}.ph"))

    def entries(self) -> list[tuple[float, Any]]:
        """(seconds after the disturbance, entry)."""
        journal = self.rehearsal.committer.journal
        return [((s.utc - self.began.utc) / SECOND, s.entry) for s in journal.read() if s.seq > self.seq]


def disturb(run: Run, what: Disturbance, where: str) -> Row:
    """Do it, watch, mend it, and bring the batch back as a person would. Changes ``run``: see `aside`."""
    rehearsal, world = run.rehearsal, run.rehearsal.line.world
    witness, tank = _Witness(run), world.tanks[NUMBER - 1]
    before = {name: truth(rehearsal, name) for name in what.variables}
    for name, value in what.variables.items():
        world.values[world.index(name)] = value
    sense = rehearsal.line.seen[what.drift[0]] if what.drift is not None else None
    period_s = rehearsal.period_ns / SECOND
    for k in range(round(what.watch_min * 60.0 / period_s)):
        if k * period_s < 180.0 and what.litres:
            tank.add_stock(WATER_STOCK, what.litres * period_s / 180.0, 5.0)
        if sense is not None and what.drift is not None:
            sense.sense.drift += what.drift[1] * period_s / 3600.0
        if k * period_s == 1.0 and what.command is not None:
            rehearsal.command(what.command[0], what.command[1] or run.batch, who=WHO, why=what.name)
        run.step()
        witness.look()
    state = run.engine.batch.state if run.engine.batch is not None else "none"
    acid_l = (tank.acid_mol - witness.acid) / 10.17
    extraction = 1.0 - solid_kg(tank.contents.solid)["Nd"] / solid_kg(tank.dosed)["Nd"]
    told = witness.entries()
    alarms = [(s, e.alarm) for s, e in told if isinstance(e, AlarmChanged) and e.now == "UNACK"]
    trips = [(s, e.interlock) for s, e in told if isinstance(e, InterlockChanged) and e.event == "tripped"]
    for name, value in before.items():
        world.values[world.index(name)] = value
    if sense is not None:
        sense.sense.calibrate()
    back = _bring_back(run) if state in ("HELD", "HOLDING") else None
    return Row(
        name=what.name, where=where, first_alarm=alarms[0][1] if alarms else "none", alarm_s=alarms[0][0] if alarms else None,
        trip=trips[0][1] if trips else "none", trip_s=trips[0][0] if trips else None, state=state, away_k=witness.away, lel=witness.lel,
        o2=witness.o2, ph=witness.ph, acid_l=acid_l, extraction=extraction, back_min=back,
        alarms=tuple(dict.fromkeys(name for _, name in alarms)),
        note=next((e.cause for _, e in told if isinstance(e, BatchState) and e.now == "HOLDING"), ""),
    )


def _bring_back(run: Run, most_min: float = 120.0) -> float | None:
    """What a person does: once a minute resets what can be reset, then restarts. Minutes until the batch runs; None when it does not."""
    scan, began = run.rehearsal.plant.scan, run.rehearsal.now.mono
    for k in range(round(most_min * 60.0 / (run.rehearsal.period_ns / SECOND))):
        batch = run.engine.batch
        if batch is None or batch.state in ("RUNNING", *ENDED):
            return (run.rehearsal.now.mono - began) / SECOND / 60.0 if batch is not None and batch.state == "RUNNING" else None
        if k % round(60.0 * SECOND / run.rehearsal.period_ns) == 0:
            for item in scan.parts.interlocks.items:
                if item.tripped and item.truth is False:
                    run.rehearsal.command("interlock.reset", item.row.name, who=WHO, why="mended")
            for action in _bring_up(run):
                run.rehearsal.command(*action[:2], who=WHO, why="mended", **action[2])
            if batch.state == "HELD":
                run.rehearsal.command("batch.restart", run.batch, who=WHO, why="mended")
        run.step()
    return None


def _bring_up(run: Run) -> list[tuple[str, str, dict[str, Any]]]:
    """Fan, scrubber liquid and agitator on again, where a trip or the disturbance took them off."""
    agitator = ("output.set", f"XS-10{NUMBER}1", {"value": 1})
    return [agitator, *((action.verb, action.target, action.arguments) for action in BRING_UP)]


def disturbances(config: Config, seed: int | None = None) -> Iterator[Row]:
    """Every disturbance, each from the same place in a batch of its kind."""
    run = batch_of(config, "LEACH-NDFEB-SEL", "DNAL-2026-0147", seed)
    until(run, lambda: step_of(run) == "acid", 12.0)
    run.rehearsal.run(600.0)
    for what in SELECTIVE_ACID:
        yield aside(lambda what=what: disturb(run, what, "selective, acid dosing"), Row)
    until(run, lambda: _ages(run), 24.0)
    for what in SELECTIVE_AGEING:
        yield aside(lambda what=what: disturb(run, what, "selective, ageing at pH 3.5"), Row)
    run = batch_of(config, "LEACH-NDFEB-METAL", "DNAL-2026-0152", seed, acid_rate=0.5)
    until(run, lambda: step_of(run) == "acid", 12.0)
    run.rehearsal.run(3600.0)
    for what in METAL_ACID:
        yield aside(lambda what=what: disturb(run, what, "metal, acid dosing"), Row)
