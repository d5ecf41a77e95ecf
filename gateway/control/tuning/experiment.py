"""Relay experiments in the plant, and tunings that were accepted: both begin with a command and act when their entry is durable.

While an experiment runs it stands in the place of its loop's controller: what it asks for goes the loop's own way, through limits,
rate and interlocks. It ends by itself; on a trip, a hold or another owner it ends in the pass that sees them, and is written behind.
Then the loop is what it was: in MANUAL at the old output, in AUTO from the old output on without a bump.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from gateway.control.chain import Entry, LoopMode, LoopTuned, LoopTuning
from gateway.control.command import Command
from gateway.control.image import SECOND
from gateway.control.laws import PidLaw
from gateway.control.loop import Loop
from gateway.control.parts import Parts
from gateway.control.tuning.relay import Reason, Relay, RelayRow

LONGEST_S = 24 * 3600.0                         # nobody watches an experiment for longer. Assumed
NEEDS = ("amplitude", "hysteresis", "pv_low", "pv_high", "longest_s")


class Experiment(msgspec.Struct):
    """One that runs: the entry that began it, its relay, and how the batch of its unit stood then."""

    entry: LoopTuning
    relay: Relay
    batch: str | None = None                    # None before the first step


class Tunings:
    """All experiments of a plant, and the tunings that people accepted."""

    __slots__ = ("_asked", "_crossed", "ended", "last", "parts", "running", "tuned")

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.running: dict[str, Experiment] = {}
        self.last: dict[str, LoopTuning] = {}   # how the last one of a loop ended
        self.tuned: dict[str, LoopTuned] = {}   # where it stands above the configuration
        self.ended: list[Entry] = []            # ended between two passes: not yet told
        self._asked: set[str] = set()           # loops whose experiment is on its way to the record,
        self._crossed: set[str] = set()         # and which somebody has set meanwhile

    # --- commands -----------------------------------------------------------------------------------------------
    def decide(self, command: Command, event: str) -> list[Entry] | str:
        """tune (begin, abort) and retune: entries, or a sentence. Raises KeyError for a loop that is not there."""
        loop = self.parts.loops[command.target]
        if event == "retune":
            found = self._retune(loop, command)
        elif command.arguments.get("event", "begin") == "abort":
            found = self.stop(loop.row.name, command.who, command.why) or f"{loop.row.name}: no experiment runs"
        else:
            found = self._begin(loop, command)
        if isinstance(found, LoopTuning) and found.event == "begun":
            self._asked.add(found.loop)
        return found if isinstance(found, str) else [found]

    def stop(self, name: str, who: str, why: str) -> LoopTuning | None:
        """The entry that ends an experiment at a person's word; None when there is none."""
        if name not in self.running:
            return None
        return LoopTuning(loop=name, event="ended", reason="asked", detail=why or who, who=who, why=why)

    def _begin(self, loop: Loop, command: Command) -> LoopTuning | str:
        row, a = loop.row, command.arguments
        refused = self._unsuited(loop)
        missing = [key for key in NEEDS if key not in a]
        if refused or missing or not command.why.strip():
            return refused or (f"{row.name}: an experiment needs {', '.join(missing)}" if missing else
                               f"{row.name}: an experiment needs a reason")
        figures = {key: float(a[key]) for key in NEEDS}
        if not all(math.isfinite(value) for value in figures.values()):
            return f"{row.name}: {', '.join(f'{key} {value:g}' for key, value in figures.items())}: not finite"
        assert row.pv is not None
        pv = self.parts.image.value[row.pv]
        reference = pv if loop.mode == "MANUAL" or loop.ramped is None else loop.ramped
        entry = LoopTuning(loop=row.name, event="begun", reference=reference, out=loop.out, who=command.who, why=command.why,
                           amplitude=figures["amplitude"], hysteresis=figures["hysteresis"], pv_low=figures["pv_low"],
                           pv_high=figures["pv_high"], longest_s=figures["longest_s"])
        return self._unfit(loop, entry, pv) or entry

    def _unsuited(self, loop: Loop) -> str:
        """Why this loop cannot be tuned by a relay now; "" when it can."""
        name, row = loop.row.name, loop.row
        if row.kind != "pid" or row.straight is not None:
            what = f"a {row.kind} loop" if row.kind != "pid" else "its controller sees its pv linearised"
            return f"{name}: no relay experiment, {what}"
        if name in self.running or name in self._asked:
            return f"{name}: an experiment runs or is being recorded"
        if loop.mode not in ("MANUAL", "AUTO"):
            return f"{name} is in {loop.mode}: put it in MANUAL or AUTO first"
        if loop.blind(self.parts.image):
            return f"{name}: its pv is not good"
        if loop.mode == "AUTO" and loop.ramped != loop.sp:
            return f"{name}: its setpoint moves; wait until it is {loop.sp:g}" if loop.sp is not None else f"{name}: it has no setpoint"
        found = self._obstacle(loop)
        return f"{name}: {found[1]}" if found else ""

    def _unfit(self, loop: Loop, entry: LoopTuning, pv: float) -> str:
        """What is wrong with the figures of an experiment; "" when nothing is."""
        name, row = loop.row.name, loop.row
        low, high = self._limits(loop)
        if entry.amplitude <= 0 or not (low <= entry.out - entry.amplitude and entry.out + entry.amplitude <= high):
            return f"{name}.amplitude: {entry.out:g} +- {entry.amplitude:g} outside {low:g}..{high:g}; nothing changed"
        if entry.hysteresis <= 0:
            return f"{name}.hysteresis: {entry.hysteresis:g} is not above 0; nothing changed"
        if row.output is not None and 2.0 * entry.amplitude <= self.parts.outputs.by_tag[row.output].row.deadband:
            return f"{name}.amplitude: {entry.amplitude:g} is lost in the deadband of its output; nothing changed"
        lowest, highest = min(pv, entry.reference - entry.hysteresis), max(pv, entry.reference + entry.hysteresis)
        if not entry.pv_low <= lowest < highest <= entry.pv_high:
            return f"{name}: pv {lowest:g}..{highest:g} does not lie within {entry.pv_low:g}..{entry.pv_high:g}; nothing changed"
        shortest = 20 * row.period_ns / SECOND
        if not shortest <= entry.longest_s <= LONGEST_S:
            return f"{name}.longest_s: {entry.longest_s:g} outside {shortest:g}..{LONGEST_S:g}; nothing changed"
        return ""

    def _limits(self, loop: Loop) -> tuple[float, float]:
        """Within which the output may swing: those of the loop, of its output, or of the setpoint of the loop that it drives."""
        row = loop.row
        low, high = row.out_low, row.out_high
        if row.inner is not None:
            inner = self.parts.loops[row.inner].row
            return max(low, inner.sp_low), min(high, inner.sp_high)
        if row.output is not None and row.output_low is None:
            output = self.parts.outputs.by_tag[row.output].row
            return max(low, output.low), min(high, output.high)
        return low, high

    def _retune(self, loop: Loop, command: Command) -> LoopTuned | str:
        row, a = loop.row, command.arguments
        gain, td = float(a["gain"]), float(a.get("td_s") or 0.0)
        ti = None if a.get("ti_s") is None else float(a["ti_s"])
        if row.kind != "pid":
            return f"{row.name}: a {row.kind} loop has no tuning"
        if row.name in self.running or row.name in self._asked:
            return f"{row.name}: an experiment runs"
        if not command.why.strip():
            return f"{row.name}: a tuning needs a reason"
        scans = 2 * row.period_ns / SECOND
        if not 0 < gain < math.inf or not 0 <= td < math.inf or (ti is not None and not scans <= ti < math.inf):
            return f"{row.name}: gain {gain:g}, ti_s {ti}, td_s {td:g}: wanted are gain > 0, ti_s >= {scans:g}, td_s >= 0; nothing changed"
        was, configured = tuning_of(loop), configured_of(loop)
        if was == (gain, ti, td):
            return f"{row.name} has this tuning"
        return LoopTuned(loop=row.name, gain=gain, ti_s=ti, td_s=td, gain_was=was[0], ti_was_s=was[1], td_was_s=was[2],
                         gain_configured=configured[0], ti_configured_s=configured[1], td_configured_s=configured[2],
                         rule=str(a.get("rule", "")), who=command.who, why=command.why)

    # --- the journal's side ---------------------------------------------------------------------------------------
    def apply(self, entry: LoopTuning | LoopTuned) -> None:
        """Fold one durable entry, live and on replay alike."""
        loop = self.parts.loops.get(entry.loop)
        if loop is None:
            return                              # the configuration has lost it since
        if isinstance(entry, LoopTuned):
            if (entry.gain_configured, entry.ti_configured_s, entry.td_configured_s) == configured_of(loop):
                _retune(loop, entry)
                self.tuned[entry.loop] = entry
        elif entry.event == "begun":
            self._asked.discard(entry.loop)
            if entry.loop in self._crossed:
                self._crossed.discard(entry.loop)
                text = "the loop was set while its experiment was on its way to the record"
                self.ended.append(LoopTuning(loop=entry.loop, event="ended", reason="owner", detail=text, out=loop.out))
            elif entry.loop not in self.running:
                self._start(loop, entry)
        else:
            self.last[entry.loop] = entry
            if entry.loop in self.running:
                self._over(loop)

    def _start(self, loop: Loop, entry: LoopTuning) -> None:
        row = loop.row
        low, high = self._limits(loop)
        relay = RelayRow(reference=entry.reference, out=entry.out, amplitude=entry.amplitude, hysteresis=entry.hysteresis,
                         low=low, high=high, pv_low=entry.pv_low, pv_high=entry.pv_high,
                         longest_ns=round(entry.longest_s * SECOND), sign=math.copysign(1.0, row.gain))
        self.running[row.name] = Experiment(entry, Relay(relay))
        loop.label = f"{row.name} TUNE"

    def taken(self, entry: LoopMode) -> None:
        """Somebody sets the loop: its experiment ends first, one that is about to begin does not."""
        if entry.loop in self._asked:
            self._crossed.add(entry.loop)
        if entry.loop in self.running:
            self.ended.append(self._end(self.parts.loops[entry.loop], "owner", f"{entry.owner}: {entry.cause}"))

    def restart(self) -> list[Entry]:
        """The plant process died during an experiment: it does not go on."""
        return [self._end(self.parts.loops[name], "restart", "the plant process was restarted") for name in list(self.running)]

    # --- one pass -------------------------------------------------------------------------------------------------
    def watch(self, loop: Loop) -> LoopTuning | None:
        """Every scan, whether the loop's turn has come or not: what ends an experiment now."""
        found = self._obstacle(loop, self.running[loop.row.name])
        return None if found is None else self._end(loop, *found)

    def step(self, loop: Loop, now: int) -> LoopTuning | None:
        """One step of the experiment that runs on a loop; its end, when it ends."""
        row = loop.row
        assert row.pv is not None
        loop.due_at = (now // row.period_ns + 1) * row.period_ns
        loop.last = now
        running = self.running[row.name]
        wanted = running.relay.step(now, self.parts.image.value[row.pv], self.parts.image.quality[row.pv])
        step = (row.out_rate_per_s or math.inf) * row.period_ns / SECOND
        loop.out += min(max(wanted - loop.out, -step), step)
        ending = running.relay.ending
        return self._end(loop, ending.reason, ending.detail) if ending is not None else None

    def _end(self, loop: Loop, reason: Reason, detail: str) -> LoopTuning:
        """End an experiment at once; the entry tells of it."""
        name = loop.row.name
        running = self.running[name]
        running.relay.end(reason, detail)
        ending = running.relay.ending
        result: dict[str, Any] = msgspec.to_builtins(ending.result) if ending is not None and ending.result is not None else {}
        entry = LoopTuning(loop=name, event="ended", reason=reason, detail=detail, out=running.relay.out, result=result)
        self.last[name] = entry
        self._over(loop)
        return entry

    def _over(self, loop: Loop) -> None:
        """The loop is again what it was; a controller goes on from the old output."""
        running = self.running.pop(loop.row.name)
        loop.out = running.relay.end("asked")
        loop.label = f"{loop.row.name} {loop.mode}"
        loop.law.begin(loop.out)

    def _obstacle(self, loop: Loop, running: Experiment | None = None) -> tuple[Reason, str] | None:
        """What keeps the output from doing as the experiment says, or wants the unit at rest; None where nothing does."""
        parts, row = self.parts, loop.row
        acting = loop if row.inner is None else parts.loops[row.inner]
        if acting is not loop and acting.mode != "CASCADE":
            return "owner", f"{acting.row.name} is in {acting.mode}, not in CASCADE"
        if row.pv in parts.forces.standing:
            return "owner", "its pv is forced"
        for tag in (acting.row.output, acting.row.output_low):
            if tag is None:
                continue
            item = parts.outputs.by_tag[tag]
            if tag in parts.interlocks.forced or item.blocked:
                return "blocked", f"{item.row.name}: {', '.join(parts.interlocks.reasons.get(tag, item.blocked))}"
            if item.held is not None:
                return "owner", f"{item.row.name} is forced to {item.held:g}"
            if item.panel:
                return "owner", f"{item.row.name} is worked at its panel, {item.panel}"
            if item.state in ("diverged", "rejected"):
                return "blocked", f"{item.row.name} {item.state}"
            if item.owner != "loop" or item.cause.partition(" ")[0] != acting.row.name:
                return "owner", f"{item.row.name} belongs to {item.cause or item.owner}"
        for where, trip in parts.interlocks.holds:
            if where in ("*", row.unit):
                return "hold", f"interlock {trip}"
        if running is not None:
            batch = self._batch(row.unit)
            running.batch = batch if running.batch is None else running.batch
            if batch != running.batch:
                return "batch", f"batch {batch or 'gone'}"
        return None

    def _batch(self, unit: str) -> str:
        """The batch on a unit and its state."""
        batch = self.parts.units[unit].batch if unit in self.parts.units else None
        return "" if batch is None else f"{batch.id} {batch.state}"

    # --- what is told ----------------------------------------------------------------------------------------------
    def told(self, loop: Loop) -> dict[str, Any]:
        """A loop's tuning and experiment, in plain figures."""
        name = loop.row.name
        if loop.row.kind != "pid":
            return {}
        accepted, running, last = self.tuned.get(name), self.running.get(name), self.last.get(name)
        body: dict[str, Any] = {}
        if accepted is not None and tuning_of(loop) != configured_of(loop):
            body["tuned"] = {"rule": accepted.rule, "who": accepted.who, "why": accepted.why}
            body["configured"] = dict(zip(("gain", "ti_s", "td_s"), configured_of(loop), strict=True))
        if running is not None:
            relay = running.relay
            entry = running.entry
            body["experiment"] = {"state": "running", "reference": entry.reference, "returns_to": entry.out, "d": entry.amplitude,
                                  "bias": relay.bias, "periods": relay.periods, "who": entry.who, "why": entry.why}
        elif last is not None:
            body["experiment"] = {"state": "ended", "reason": last.reason, "detail": last.detail, **last.result}
        return body


def tuning_of(loop: Loop) -> tuple[float, float | None, float]:
    """Gain (as in loops.yaml), ti_s and td_s that a loop works with, apart from its gain schedule."""
    t = loop.law.tuning if isinstance(loop.law, PidLaw) else loop.row.tuning()
    return abs(t.gain), t.ti_s, t.td_s


def configured_of(loop: Loop) -> tuple[float, float | None, float]:
    """Those that its configuration says."""
    return abs(loop.row.gain), loop.row.ti_s, loop.row.td_s


def _retune(loop: Loop, entry: LoopTuned) -> None:
    if isinstance(loop.law, PidLaw):
        gain = math.copysign(entry.gain, loop.row.gain)
        loop.law.retune(msgspec.structs.replace(loop.law.tuning, gain=gain, ti_s=entry.ti_s, td_s=entry.td_s))
