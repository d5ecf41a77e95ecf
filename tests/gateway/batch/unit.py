"""A unit with one valve, one level and a batch engine; phases are given by the test, entries act one scan later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from devices.quality import GOOD
from gateway.batch.engine import Engine
from gateway.batch.phases import PHASES
from gateway.batch.procedure import Context, Phase
from gateway.batch.unit import UnitWiring
from gateway.control.chain import BatchCreated, BatchState, Entry, LoopMode, OutputChanged, StepState
from gateway.control.demand import OutputRow, Outputs
from gateway.control.image import SECOND, Image, Now
from gateway.control.loop import Loop, LoopRow

LEVEL, VALVE, TOTAL, RUNS, RUN = range(5)
ROLES = {"level": LEVEL, "valve": VALVE, "total": TOTAL, "agitator_running": RUNS, "agitator_run": RUN, "acid_total": TOTAL}


class Working(Phase):
    """A phase whose work is a function of the test; it doses through the valve."""

    needs = ("level",)
    zeros = ("valve",)
    prove = False

    def __init__(self, work: Callable[[Context], bool], **more: Any) -> None:
        self.work = work
        for name, value in more.items():
            setattr(self, name, value)

    def running(self, ctx: Context) -> bool:
        """What the test says."""
        return self.work(ctx)


class Unit:
    """An engine with a journal of its own: ``log``, in order."""

    def __init__(self, log: list[tuple[int, Entry]] | None = None, start: Now | None = None, slow: int = 0) -> None:
        self.image = Image(["LI", "XV", "FQ", "XI", "XS"], [10**12] * 5)
        self.image.quality[:] = [GOOD] * 5
        self.outputs = Outputs(
            [OutputRow(name="XV", tag=VALVE, readback=VALVE), OutputRow(name="XS", tag=RUN, readback=RUNS)], lambda *sent: None
        )
        row = {"kind": "pid", "unit": "R-1", "period_ns": SECOND, "pv": LEVEL, "ti_s": 10.0}
        self.loops = {name: Loop(LoopRow(name=name, outer=name == "JIC", **row)) for name in ("TIC", "JIC", "FIC")}
        loops = {"temperature": "TIC", "jacket": "JIC", "acid": "FIC"}
        wiring = UnitWiring(
            unit="R-1", roles=ROLES, loops=loops, streams={"1": "R-1"}, volume_full_l=1000.0, parameters={"x": 2.0}, totals={"FQ": TOTAL}
        )
        self.standing: list[str] = []
        self.engine = Engine(wiring, self.image, self.outputs, self.loops, {}, lambda unit: self.standing)
        self.now = start or Now(1000 * SECOND, 10**18)
        self.log = log if log is not None else []
        self.slow = slow  # scans that the disk is behind
        self._waiting: list[list[Entry]] = []

    def create(self, **steps: dict[str, Any]) -> Unit:
        """A running batch of these steps: name -> its recipe lines."""
        lines = {"phase": "TEST", "operation": "Test", "parameters": {}, "timeout_min": 60, "parallel": []}
        control: dict[str, Any] = {
            "procedure": {name: {**lines, **step} for name, step in steps.items()},
            "shared": {"lot": "L"},
            "computed": {},
            "formula": {},
        }
        created = BatchCreated(
            batch="B-1", unit="R-1", recipe="r", recipe_hash="", control_recipe=control, lot={"lot": "L", "feed_state": "metal"}, who="Ann"
        )
        self.give(created, BatchState(batch="B-1", was="IDLE", now="RUNNING", cause="start"))
        return self

    def give(self, *entries: Entry) -> None:
        """Entries of others that have become durable."""
        for entry in entries:
            self.log.append((self.now.utc, entry))
            self._apply(entry)

    def scan(self, times: int = 1) -> list[Entry]:
        """Scans half a second apart; the entries of them all."""
        found: list[Entry] = []
        for _ in range(times):
            self.now = Now(self.now.mono + SECOND // 2, self.now.utc + SECOND // 2)
            while len(self._waiting) > self.slow:
                for entry in self._waiting.pop(0):
                    self._apply(entry)
                    self.engine.settled(entry)
            entries = self.engine.scan(self.now)
            self.log += [(self.now.utc, entry) for entry in entries]
            self._waiting.append(entries)
            found += entries
        return found

    def until(self, state: str, within: int = 40) -> list[Entry]:
        """Scan until the batch is in a state."""
        found: list[Entry] = []
        for _ in range(within):
            if self.state == state:
                return found
            found += self.scan()
        raise AssertionError(f"{self.state}, not {state}: {self.engine.batch.cause if self.engine.batch else ''}")

    def _apply(self, entry: Entry) -> None:
        if isinstance(entry, OutputChanged):
            self.outputs.by_name[entry.tag].apply(entry)
        elif isinstance(entry, LoopMode):
            self.loops[entry.loop].apply(entry)
        self.engine.apply(entry, self.now)

    @property
    def state(self) -> str:
        """The batch's state."""
        assert self.engine.batch is not None
        return self.engine.batch.state

    def steps(self) -> dict[str, str]:
        """State of every step."""
        assert self.engine.batch is not None
        return {name: run.state for name, run in self.engine.batch.steps.items()}

    def wanted(self) -> float | None:
        """What is wanted of the valve."""
        return self.outputs.by_name["XV"].wanted

    def power_cut(self) -> Unit:
        """A new process on the same journal, later."""
        after = Unit(self.log[:], Now(5 * SECOND, self.now.utc + 60 * SECOND))
        for utc, entry in self.log:
            at = Now(0, utc)
            if isinstance(entry, LoopMode):
                after.loops[entry.loop].apply(entry)
            after.engine.apply(entry, at)
        after.engine.recover(after.now)
        return after


def fold(unit: Unit) -> tuple[str, dict[str, str]]:
    """What the journal alone says of batch and steps."""
    batch, steps = "", {}
    for _, entry in unit.log:
        if isinstance(entry, BatchState):
            assert entry.was == batch or not batch, f"{entry.was} after {batch}"
            batch = entry.now
        elif isinstance(entry, StepState):
            assert entry.was == steps.get(entry.step, "IDLE"), f"{entry.step}: {entry.was} after {steps.get(entry.step)}"
            steps[entry.step] = entry.now
    return batch, steps


__all__ = ["LEVEL", "PHASES", "RUN", "RUNS", "TOTAL", "VALVE", "Unit", "Working", "fold"]
