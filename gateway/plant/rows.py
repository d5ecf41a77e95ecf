"""From the rows of a configuration to the rows that control works on: outputs, loops, interlocks, alarms, conditions, derived values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from devices.units import factor
from gateway.config.models import Config, Tag
from gateway.config.models import Derived as DerivedModel
from gateway.config.models import Loop as LoopModel
from gateway.control.alarm import AlarmRow
from gateway.control.analyzer import OpcUaConversation
from gateway.control.blame import Part, part_of
from gateway.control.carried import Doubt
from gateway.control.comms import Told
from gateway.control.conditions import Expression, compile_set, parse
from gateway.control.conversation import Conversation
from gateway.control.deadband import staying
from gateway.control.demand import OutputRow
from gateway.control.derived import DerivedRow
from gateway.control.dimension import Quantity, quantity
from gateway.control.dosing import DoseRow
from gateway.control.image import SECOND
from gateway.control.interlock import Row
from gateway.control.linear import Straight, Zone, curve, strong_acid
from gateway.control.loop import Forward, LimitRow, LoopRow
from gateway.control.partials import partials
from gateway.control.uncertainty import EXACT, Doubts, Stated, figure_source
from gateway.plant.names import Names
from gateway.plant.reach import Reach

Talk = Conversation | OpcUaConversation
IN_LIMITS = 0.02                                # of the setpoint's range: a deviation that counts as none. Assumed
_BAD = re.compile(r"bad\(\s*([^\s()]+)\s*\)")


class Rows:
    """The rows of one plant. ``index``: tag -> place in the image; ``of_tag``: place -> the conversation that carries it."""

    def __init__(self, config: Config, index: Mapping[str, int], of_tag: Mapping[int, Talk], doubts: Doubts) -> None:
        self.config, self.index, self.of_tag, self.doubts = config, index, of_tag, doubts
        self.names = Names(config)
        self.reach = Reach(config, index)
        scan = config.site.scan
        self.period_ns = {"trip": ns(scan.trip_s), "fast": ns(scan.fast_s), "slow": ns(scan.slow_s)}

    # --- outputs, loops -----------------------------------------------------------------------------------------
    def outputs(self) -> list[OutputRow]:
        rows: list[OutputRow] = []
        for name, tag in self.config.tags.items():
            if tag.output is None:
                continue
            out, i = tag.output, self.index[name]
            talk = self.of_tag[i]
            quantum = talk.resolution(i) if isinstance(talk, Conversation) else 0.0
            low, high = tag.range or (0.0, 1.0)
            tolerance = out.tolerance if out.tolerance is not None else max(2 * quantum, 0.005 * (high - low)) if high - low > 1 else 0.5
            rows.append(
                OutputRow(
                    name=name,
                    tag=i,
                    readback=self.index[out.readback] if out.readback else i,
                    safe=None if isinstance(out.safe, str) else out.safe,
                    low=low,
                    high=high,
                    rate_per_s=out.rate_per_s,
                    deadband=out.deadband,
                    quantum=0.0 if quantum >= 0.5 else quantum,
                    tolerance=tolerance,
                    settle_ns=ns(out.settle_s),
                    reassert=out.enforce == "reassert_once",
                    local=self.index[out.local] if out.local else None,
                    told=out.readback is not None and _answers_with_feedback(talk, tag),
                )
            )
        return rows

    def safe(self) -> dict[int, float]:
        return {
            self.index[n]: t.output.safe for n, t in self.config.tags.items() if t.output is not None and not isinstance(t.output.safe, str)
        }

    def loop(self, name: str, loop: LoopModel) -> LoopRow:
        inner = loop.to if loop.to in self.config.loops else None
        output = None if inner else self.index[loop.to]
        safe = self._loop_safe(loop)
        sign = 1.0 if loop.action == "reverse" else -1.0
        limits = tuple(LimitRow(key, self.index[limit.pv], limit.full, limit.zero) for key, limit in loop.limits.items())
        kind = {"dose": "pid"}.get(loop.kind, loop.kind)
        return LoopRow(
            name=name,
            kind=kind,
            unit=loop.unit_of,
            period_ns=self.period_ns[loop.scan],
            pv=self.index[loop.pv] if loop.pv else None,
            output=output,
            output_low=self.index[loop.to_low] if loop.to_low else None,
            inner=inner,
            outer=loop.kind != "select" and any(other.to == name for other in self.config.loops.values()),
            gain=sign * loop.gain,
            ti_s=loop.ti_s,
            td_s=loop.td_s,
            tf_s=loop.tf_s,
            b=loop.b,
            gap=loop.gap,
            out_low=loop.out_low,
            out_high=loop.out_high,
            out_rate_per_s=loop.out_rate_per_s,
            sp_low=float("-inf") if loop.sp_low is None else loop.sp_low,
            sp_high=float("inf") if loop.sp_high is None else loop.sp_high,
            sp_rate_per_s=loop.sp_rate_per_min / 60.0 if loop.sp_rate_per_min else None,
            holdback=loop.holdback,
            sp_track=loop.sp_track,
            straight=_straight(loop),
            forward=None if (f := loop.forward) is None else Forward(self.index[f.pv], f.gain, f.zero),
            zones=() if loop.schedule is None else tuple(Zone(each.below, each.factor) for each in loop.schedule.zones),
            zones_pv=self.index[loop.schedule.by] if loop.schedule is not None and loop.schedule.by else None,
            zones_margin=0.0 if loop.schedule is None else loop.schedule.margin,
            hysteresis=loop.hysteresis,
            bias=loop.bias,
            dose=None if (d := loop.dosing) is None else DoseRow(d.fast, d.slow, d.slow_below, d.in_flight, ns(d.settle_s)),
            pick=loop.pick,
            bad_hold_ns=ns(loop.bad_hold_s),
            good_scans=loop.good_scans,
            bad_out=loop.bad_out,
            safe_out=safe,
            keeps=self._keeps(loop.to) and loop.safe_out is None,
            keeps_low=self._keeps(loop.to_low),
            limits=limits,
            band=loop.band if loop.band is not None else IN_LIMITS * (self._span(loop, setpoints=True)),
            span=self._span(loop),
        )

    def _span(self, loop: LoopModel, setpoints: bool = False) -> float:
        """Width of the pv's range, or of the setpoints'; of the output where neither is given."""
        tag = self.config.tags.get(loop.pv or "")
        if setpoints and loop.sp_low is not None and loop.sp_high is not None:
            return loop.sp_high - loop.sp_low
        return tag.range[1] - tag.range[0] if tag is not None and tag.range is not None else loop.out_high - loop.out_low

    def _loop_safe(self, loop: LoopModel) -> float:
        """Output in which a loop does no harm: its own word for a loop, the middle of a split range, else the output's own safe value."""
        if loop.safe_out is not None:
            return loop.safe_out
        if loop.to_low is not None:
            return (loop.out_low + loop.out_high) / 2.0
        tag = self.config.tags.get(loop.to)
        safe = tag.output.safe if tag is not None and tag.output is not None else loop.out_low
        return loop.out_low if isinstance(safe, str) else min(max(float(safe), loop.out_low), loop.out_high)

    def _keeps(self, name: str | None) -> bool:
        """Whether the safe value of an output is to keep what it does."""
        tag = self.config.tags.get(name or "")
        return tag is not None and tag.output is not None and tag.output.safe == "hold"

    # --- interlocks, alarms -------------------------------------------------------------------------------------
    def interlock(self, name: str) -> Row:
        row = self.config.interlocks[name]
        effects = {self.index[self._must(tag, row.unit)]: value for tag, value in row.effects.items()}

        def tree(text: str) -> Part:
            return part_of(parse(text), lambda each: self._value(each, row.unit), lambda each: self._quantity(each, row.unit))

        return Row(
            name=name,
            unit=row.unit or "",
            group=row.unit or "site",
            effects=effects,
            delay_ns=ns(row.delay_s),
            latch=row.latch and not row.permissive,
            permissive=row.permissive,
            bypassable=row.bypass,
            hold=row.hold,
            priority=row.priority,
            description=row.description,
            inputs=self.reach.inputs(name),
            because=tree(row.cause),
            ready=None if row.reset is None else tree(row.reset),
        )

    def alarm(self, name: str) -> AlarmRow:
        row = self.config.alarms[name]
        looks_at = {self.names.tag(each, row.unit) for each in parse(row.when).names} - {None} if row.of is None else set[str | None]()
        return AlarmRow(
            name=name,
            unit=row.unit or "",
            priority=row.priority,
            on_delay_ns=ns(row.on_delay_s),
            off_delay_ns=ns(row.off_delay_s),
            latch=row.latch,
            on_unknown=row.on_unknown,
            stays=bool(row.deadband or row.clear_when),
            group=row.first_out_group,
            pv=self.index[only] if len(looks_at) == 1 and (only := looks_at.pop()) is not None else None,
            cause=row.cause,
            consequence=row.consequence,
            action=row.action,
            response_min=row.response_min,
        )

    def _must(self, name: str, unit: str | None) -> str:
        tag = self.names.tag(name, unit)
        if tag is None:
            raise KeyError(f"{name} (seen from {unit or 'the site'})")
        return tag

    def conditions(self) -> Callable[[list[float], list[int]], list[Any]]:
        """Causes of the interlocks, in order."""
        return self._compiled([self._source(row.cause, row.unit) for row in self.config.interlocks.values()])

    def alarm_conditions(self) -> Callable[[list[float], list[int]], list[Any]]:
        """Of the alarms, in order: conditions, suppressions, then what keeps those standing that have a condition of their own for it."""
        rows = list(self.config.alarms.values())
        sources = [self._source(row.when, row.unit) if row.of is None else "None" for row in rows]
        sources += [self._source(row.suppressed_when, row.unit) if row.suppressed_when else "False" for row in rows]
        sources += [self._sourced(stays, row.unit) for row in rows if (stays := staying(row.when, row.deadband, row.clear_when))]
        return self._compiled(sources)

    def _compiled(self, sources: list[str]) -> Callable[[list[float], list[int]], list[Any]]:
        evaluate = compile_set(sources)
        return lambda v, q: evaluate(v, q, self.doubts.u)

    def told(self) -> Told:
        """What communication says to the alarms: the rows that are about it, and those that only say that a value is Bad."""
        rows = list(self.config.alarms.items())
        about = tuple((k, row.of, row.where or "", row.when) for k, (_, row) in enumerate(rows) if row.of is not None)
        lost = {where for _, of, where, fact in about if fact == "lost"}
        bad: list[tuple[int, str]] = []
        for k, (_, row) in enumerate(rows):
            only = _BAD.fullmatch(row.when.strip())
            tag = None if only is None else self.names.tag(only[1], row.unit)
            device = self.config.tags[tag].device if tag in self.config.tags else None
            if device is not None and {device, self.config.devices[device].link} & lost:
                bad.append((k, device))
        return Told(about, tuple(bad))

    def _source(self, text: str, unit: str | None, truth: bool = True) -> str:
        return self._sourced(parse(text), unit, truth)

    def _sourced(self, expression: Expression, unit: str | None, truth: bool = True) -> str:
        return expression.source(lambda name: self._value(name, unit), lambda name: self.names.unit_of(name, unit), truth=truth)

    def _quantity(self, name: str, unit: str | None) -> Quantity | None:
        symbol = self.names.unit_of(name, unit)
        return None if symbol is None else quantity(symbol)

    def _value(self, name: str, unit: str | None) -> int | float:
        tag = self.names.tag(name, unit)
        if tag is not None:
            return self.index[tag]
        figure = self.names.figure(name, unit)
        if figure is None:
            raise KeyError(name)
        return float(figure)

    def trip_tags(self) -> list[int]:
        """Tags that a trip looks at: the start-up ends when all of them have been heard."""
        wanted: set[str] = set()
        for row in self.config.interlocks.values():
            wanted |= {tag for name in parse(row.cause).names if (tag := self.names.tag(name, row.unit)) in self.config.tags}
        return sorted(self.index[tag] for tag in wanted if self.config.tags[tag].device is not None)

    # --- derived and internal values ----------------------------------------------------------------------------
    def derived(self, name: str, row: DerivedModel) -> DerivedRow:
        number = None
        expression = parse(row.of)
        of = tuple(self.index[n] for n in sorted(expression.names) if n in self.index)
        if row.kind == "expression":
            number = self._number(row.of)
        low, high = row.range or (None, None)
        per_s = 1.0
        if row.kind == "total":
            source_unit = self.names.unit_of(row.of, None) or "1"
            per_s = _per_second(source_unit, row.unit)
        return DerivedRow(
            tag=self.index[name],
            kind=row.kind,
            of=of,
            number=number,
            window_ns=ns(row.window_s),
            period_ns=self.period_ns[row.scan],
            per_s=per_s,
            low=low,
            high=high,
            reset=row.reset or "",
            doubt=self._doubt(name, row, of, per_s),
        )

    def _number(self, text: str) -> Callable[[list[float], list[int]], float | None]:
        evaluate = compile_set([self._source(text, None, truth=False)])
        return lambda v, q: evaluate(v, q, self.doubts.u)[0]

    # --- uncertainty --------------------------------------------------------------------------------------------
    def state_doubts(self) -> None:
        """What the configuration says of every input; what people set, or the plant process itself knows, is exact."""
        self.doubts.figures += self.config.site.uncertainty
        for name, tag in self.config.tags.items():
            if tag.u is not None or tag.u_rel is not None:
                by = self.index[tag.u] if isinstance(tag.u, str) else None
                u = 0.0 if tag.u is None or isinstance(tag.u, str) else tag.u
                self.doubts.state(self.index[name], Stated(u, tag.u_rel or 0.0, by))
            elif tag.output is not None or tag.internal is not None or tag.states:
                self.doubts.state(self.index[name], EXACT)

    def _doubt(self, name: str, row: DerivedModel, of: tuple[int, ...], per_s: float) -> Doubt:
        known = self.doubts.figures
        slopes, figures = None, []
        if row.kind == "expression":
            expression = parse(row.of)
            figures = [figure for figure in sorted(expression.names) if figure in known]
            slopes = partials(
                expression,
                [*(n for n in sorted(expression.names) if n in self.index), *figures],
                lambda word: self._value(word, None),
                lambda word: self._quantity(word, None),
            )
        own = None if row.u is None else self._number(row.u) if isinstance(row.u, str) else _constant(row.u)
        sources = tuple((figure_source(known.index(figure)), self.config.site.uncertainty[figure]) for figure in figures)
        self.doubts.parts[self.index[name]] = None      # until it was computed
        return Doubt(kind=row.kind, tag=self.index[name], of=of, slopes=slopes, figures=sources, u=own, u_rel=row.u_rel or 0.0,
                     per_s=per_s, period_ns=self.period_ns[row.scan])  # fmt: skip


def _constant(u: float) -> Callable[[list[float], list[int]], float | None]:
    return lambda v, q: u


def _straight(loop: LoopModel) -> Straight | None:
    """What turns sp and pv into what the controller sees."""
    return {"none": None, "strong_acid": strong_acid, "curve": curve(loop.curve) if loop.curve else None}[loop.linearise]


def _answers_with_feedback(talk: Talk, tag: Tag) -> bool:
    """Whether the device answers for this point with what came of the command, not with the command."""
    return isinstance(talk, Conversation) and tag.point is not None and talk.profile.point(tag.point).feedback is not None


def _per_second(flow_unit: str, total_unit: str) -> float:
    """What one unit of a flow adds to its total in one second."""
    volume, _, time = flow_unit.rpartition("/")
    return factor(volume, total_unit)[0] / {"s": 1.0, "min": 60.0, "h": 3600.0}[time]


def ns(seconds: float) -> int:
    """A duration of the configuration as control counts it."""
    return round(seconds * SECOND)
