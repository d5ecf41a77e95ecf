"""The one place where objects are wired to one another: from a Config to a plant that can be scanned.

>>> plant = build(load(belfast_config()))
>>> plant.scan.run(now, committed=0)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from devices.profile import Profile
from devices.units import factor
from gateway.batch.engine import Engine
from gateway.batch.recipe import RecipeRefused, Signature, instantiate, recipe_hash
from gateway.batch.unit import UnitWiring
from gateway.config.figures import figure_unit
from gateway.config.models import Config, Tag
from gateway.config.models import Derived as DerivedModel
from gateway.config.models import Loop as LoopModel
from gateway.config.phases import PHASES, STREAMS
from gateway.config.scaling import tag_line
from gateway.control.alarm import AlarmRow, Alarms
from gateway.control.analyzer import OpcUaConversation
from gateway.control.chain import BatchCreated, SampleRequested
from gateway.control.command import Command
from gateway.control.conditions import compile_set, parse
from gateway.control.conversation import Binding, Conversation
from gateway.control.demand import OutputRow, Outputs
from gateway.control.derived import Derived, DerivedRow
from gateway.control.image import SECOND, Image, Now
from gateway.control.interlock import Interlocks, Row
from gateway.control.loop import LimitRow, Loop, LoopRow
from gateway.control.machine import ENDED
from gateway.control.parts import Parts
from gateway.control.scan import Scan

Talk = Conversation | OpcUaConversation
MOST_READS = 4                                  # reads of one device in flight, where its link has a window
QUEUED = ("analyzer",)                          # equipment that takes requests of several batches and puts them in order itself
_BATCH_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Plant(msgspec.Struct, kw_only=True):
    """A wired plant. ``links``: link name -> its conversations; ``scan``: the decision maker over ``image``."""

    config: Config
    image: Image
    scan: Scan
    talks: dict[str, Talk]
    links: dict[str, list[Talk]]
    analyzer: OpcUaConversation | None


def build(config: Config, *, read_only: bool = False) -> Plant:
    """Wire a plant from its configuration."""
    return _Builder(config, read_only).build()


class Names:
    """What a name in a condition means, seen from a unit: a tag, a role, a figure of the unit or of the site."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def tag(self, name: str, unit: str | None) -> str | None:
        """The tag (or derived tag) a name stands for."""
        if name in self.config.tags or name in self.config.derived:
            return name
        if unit is None:
            return None
        here = self.config.units[unit]
        if name in here.roles:
            return here.roles[name]
        shared, _, role = name.partition(".")
        return self.config.units[here.uses[shared]].roles.get(role) if shared in here.uses else None

    def figure(self, name: str, unit: str | None) -> float | None:
        """The figure of a unit or of the site."""
        if unit is not None and name in self.config.units[unit].parameters:
            return self.config.units[unit].parameters[name]
        return self.config.site.parameters.get(name)

    def unit_of(self, name: str, unit: str | None) -> str | None:
        """The engineering unit of whatever the name stands for."""
        tag = self.tag(name, unit)
        if tag is not None:
            return self.config.tags[tag].unit if tag in self.config.tags else self.config.derived[tag].unit
        return figure_unit(name) if self.figure(name, unit) is not None else None


class _Builder:
    def __init__(self, config: Config, read_only: bool) -> None:
        self.config, self.read_only = config, read_only
        self.names = Names(config)
        scan = config.site.scan
        self.period_ns = {"trip": _ns(scan.trip_s), "fast": _ns(scan.fast_s), "slow": _ns(scan.slow_s)}
        names = [*config.tags, *config.derived]
        ages = [_ns(tag.max_age_s) for tag in config.tags.values()] + [_ns(10 * scan.slow_s)] * len(config.derived)
        self.image = Image(names, ages)
        self.index = self.image.index
        self.talks: dict[str, Talk] = {}
        self.of_tag: dict[int, Talk] = {}
        self.requests: dict[str, int] = {}

    def build(self) -> Plant:
        config = self.config
        links = self._talks()
        outputs = Outputs(self._outputs(), self._send)
        loops = {name: Loop(self._loop(name, loop)) for name, loop in config.loops.items()}
        interlocks = Interlocks([self._interlock(name) for name in config.interlocks], self._safe(), _ns(config.site.bypass_max_h * 3600))
        alarms = Alarms([self._alarm(name) for name in config.alarms])
        units = {
            name: self._engine(name, outputs, loops, interlocks)
            for name, unit in config.units.items()
            if unit.equipment_class == "leach_tank"
        }
        for engine in units.values():
            engine.neighbours = [other for other in units.values() if other is not engine]
        analyzer = next((t for t in self.talks.values() if isinstance(t, OpcUaConversation)), None)
        parts = Parts(
            image=self.image,
            derived=[Derived(self._derived(name, d)) for name, d in config.derived.items()],
            conditions=self._conditions(),
            interlocks=interlocks,
            alarms=alarms,
            loops=loops,
            loop_order=_cascade_order(config.loops),
            outputs=outputs,
            units=units,
            talks=list(self.talks.values()),
            trip_tags=self._trip_tags(),
            figures=self._figures(units, loops),
            create=_Creation(config, units),
            start_sample=_sampler(analyzer),
            documents=lambda: _drain(analyzer),
            startup_ns=_ns(config.site.startup_timeout_s),
            read_only=self.read_only,
        )
        return Plant(config=config, image=self.image, scan=Scan(parts), talks=self.talks, links=links, analyzer=analyzer)

    # --- devices ------------------------------------------------------------------------------------------------
    def _talks(self) -> dict[str, list[Talk]]:
        links: dict[str, list[Talk]] = {}
        for name, device in self.config.devices.items():
            profile = self.config.profiles[device.profile]
            tags = {tag: model for tag, model in self.config.tags.items() if model.device == name}
            bindings = [self._binding(tag, model, profile) for tag, model in tags.items()]
            talk: Talk
            if profile.protocol == "opcua":
                talk = OpcUaConversation(name, profile, self.image, bindings, poll_ns=self.period_ns["slow"])
            else:
                talk = Conversation(
                    name, profile, self.image, bindings, unit=device.unit_id, timeout_s=device.timeout_s, read_only=self.read_only,
                    depth=min(self.config.links[device.link].window, MOST_READS),
                )
            self.talks[name] = talk
            for binding in bindings:
                self.of_tag[binding.tag] = talk
            links.setdefault(device.link, []).append(talk)
        return links

    def _binding(self, name: str, tag: Tag, profile: Profile) -> Binding:
        assert tag.point is not None
        gain, offset = tag_line(tag, profile)
        low, high = _measuring(tag.range) if tag.range is not None and tag.output is None else (None, None)
        return Binding(
            point=tag.point,
            tag=self.index[name],
            gain=gain,
            offset=offset,
            low=low,
            high=high,
            invert=tag.invert,
            period_ns=self.period_ns[tag.scan],
            frozen_ns=_ns(tag.frozen_s or 0.0),
            leap_per_s=tag.leap_per_s or 0.0,
        )

    def _send(self, tag: int, value: float, now: int, expires: int) -> None:
        self.of_tag[tag].write(tag, value, now, expires)

    # --- outputs, loops -----------------------------------------------------------------------------------------
    def _outputs(self) -> list[OutputRow]:
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
                    settle_ns=_ns(out.settle_s),
                    reassert=out.enforce == "reassert_once",
                    told=out.readback is not None and _answers_with_feedback(talk, tag),
                )
            )
        return rows

    def _safe(self) -> dict[int, float]:
        return {
            self.index[n]: t.output.safe for n, t in self.config.tags.items() if t.output is not None and not isinstance(t.output.safe, str)
        }

    def _loop(self, name: str, loop: LoopModel) -> LoopRow:
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
            outer=any(other.to == name for other in self.config.loops.values()),
            gain=sign * loop.gain,
            ti_s=loop.ti_s,
            td_s=loop.td_s,
            tf_s=loop.tf_s,
            b=loop.b,
            out_low=loop.out_low,
            out_high=loop.out_high,
            sp_low=float("-inf") if loop.sp_low is None else loop.sp_low,
            sp_high=float("inf") if loop.sp_high is None else loop.sp_high,
            sp_rate_per_s=loop.sp_rate_per_min / 60.0 if loop.sp_rate_per_min else None,
            holdback=loop.holdback,
            linearise=loop.linearise,
            bad_hold_ns=_ns(loop.bad_hold_s),
            bad_out=loop.bad_out,
            safe_out=safe,
            limits=limits,
        )

    def _loop_safe(self, loop: LoopModel) -> float:
        """Output in which a loop does no harm: the middle of a split range, else the output's own safe value."""
        if loop.to_low is not None:
            return (loop.out_low + loop.out_high) / 2.0
        tag = self.config.tags.get(loop.to)
        safe = tag.output.safe if tag is not None and tag.output is not None else loop.out_low
        return loop.out_low if isinstance(safe, str) else min(max(float(safe), loop.out_low), loop.out_high)

    # --- interlocks, alarms -------------------------------------------------------------------------------------
    def _interlock(self, name: str) -> Row:
        row = self.config.interlocks[name]
        effects = {self.index[self._must(tag, row.unit)]: value for tag, value in row.effects.items()}
        return Row(
            name=name,
            unit=row.unit or "",
            group=row.unit or "site",
            effects=effects,
            delay_ns=_ns(row.delay_s),
            latch=row.latch and not row.permissive,
            permissive=row.permissive,
            bypassable=row.bypass,
            hold=row.hold,
            description=row.description,
        )

    def _alarm(self, name: str) -> AlarmRow:
        row = self.config.alarms[name]
        return AlarmRow(
            name=name,
            unit=row.unit or "",
            priority=row.priority,
            on_delay_ns=_ns(row.on_delay_s),
            off_delay_ns=_ns(row.off_delay_s),
            latch=row.latch,
            on_unknown=row.on_unknown,
            cause=row.cause,
            consequence=row.consequence,
            action=row.action,
        )

    def _must(self, name: str, unit: str | None) -> str:
        tag = self.names.tag(name, unit)
        if tag is None:
            raise KeyError(f"{name} (seen from {unit or 'the site'})")
        return tag

    def _conditions(self) -> Callable[[list[float], list[int]], list[Any]]:
        config = self.config
        sources = [self._source(row.cause, row.unit) for row in config.interlocks.values()]
        sources += [self._source(row.when, row.unit) for row in config.alarms.values()]
        sources += [self._source(row.suppressed_when, row.unit) if row.suppressed_when else "False" for row in config.alarms.values()]
        return compile_set(sources)

    def _source(self, text: str, unit: str | None, truth: bool = True) -> str:
        return parse(text).source(lambda name: self._value(name, unit), lambda name: self.names.unit_of(name, unit), truth=truth)

    def _value(self, name: str, unit: str | None) -> int | float:
        tag = self.names.tag(name, unit)
        if tag is not None:
            return self.index[tag]
        figure = self.names.figure(name, unit)
        if figure is None:
            raise KeyError(name)
        return float(figure)

    def _trip_tags(self) -> list[int]:
        """Tags that a trip looks at: the start-up ends when all of them have been heard."""
        wanted: set[str] = set()
        for row in self.config.interlocks.values():
            wanted |= {tag for name in parse(row.cause).names if (tag := self.names.tag(name, row.unit)) in self.config.tags}
        return sorted(self.index[tag] for tag in wanted if self.config.tags[tag].device is not None)

    # --- derived and internal values ----------------------------------------------------------------------------
    def _derived(self, name: str, row: DerivedModel) -> DerivedRow:
        number = None
        expression = parse(row.of)
        of = tuple(self.index[n] for n in sorted(expression.names) if n in self.index)
        if row.kind == "expression":
            evaluate = compile_set([self._source(row.of, None, truth=False)])
            number = lambda v, q: evaluate(v, q)[0]  # noqa: E731
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
            window_ns=_ns(row.window_s),
            period_ns=self.period_ns["fast"],
            per_s=per_s,
            low=low,
            high=high,
            reset=row.reset or "",
        )

    def _figures(self, units: Mapping[str, Engine], loops: Mapping[str, Loop]) -> list[tuple[int, Callable[[], float | None]]]:
        found: list[tuple[int, Callable[[], float | None]]] = []
        for name, tag in self.config.tags.items():
            if tag.internal:
                found.append((self.index[name], _internal(tag.internal, units, loops)))
        return found

    # --- units --------------------------------------------------------------------------------------------------
    def _engine(self, name: str, outputs: Outputs, loops: Mapping[str, Loop], interlocks: Interlocks) -> Engine:
        unit = self.config.units[name]
        roles = {role: self.index[tag] for role, tag in unit.roles.items()}
        unit_loops = dict(unit.loops)
        for short, used in unit.uses.items():
            other = self.config.units[used]
            roles |= {f"{short}.{role}": self.index[tag] for role, tag in other.roles.items()}
            unit_loops |= {f"{short}.{role}": loop for role, loop in other.loops.items()}
        mine = set(unit_loops.values())
        loop_of = {loop.row.output: key for key, loop in loops.items() if key in mine and loop.row.output is not None}
        wiring = UnitWiring(
            unit=name,
            roles=roles,
            loops=unit_loops,
            streams={str(n): name for n, name in STREAMS.items()},
            volume_full_l=unit.parameters.get("total_volume_l", 1000.0),
            parameters={**self.config.site.parameters, **unit.parameters},
            totals={tag: i for tag, row in self.config.derived.items() if row.kind == "total" and (i := self.index[tag]) in roles.values()},
            shared={phase.name: tuple(unit.uses[short] for short in phase.uses if short in unit.uses and short not in QUEUED)
                    for phase in PHASES.values() if phase.uses},
        )
        return Engine(wiring, self.image, outputs, loops, loop_of, interlocks.standing)


class _Creation:
    """Makes a batch from a start command: recipe, lot, unit, formula; a sentence when it cannot be."""

    def __init__(self, config: Config, units: Mapping[str, Engine]) -> None:
        self.config, self.units = config, units
        self.signatures = {
            name: {key: Signature(p.unit, p.low, p.high, p.default) for key, p in phase.parameters.items()}
            for name, phase in PHASES.items()
        }

    def __call__(self, command: Command, now: Now) -> BatchCreated | str:
        a = command.arguments
        recipe, lot, unit = self.config.recipes.get(a["recipe"]), self.config.lots.get(a["lot"]), a.get("unit", "R-101")
        if recipe is None or lot is None or unit not in self.units:
            missing = f"recipe {a['recipe']!r}" if recipe is None else f"lot {a['lot']!r}" if lot is None else f"unit {unit!r}"
            return f"no {missing}"
        refused = self._refuse(command.target, recipe, lot, unit)
        if refused:
            return refused
        figures = {"number": float(self.config.units[unit].number), **self.config.units[unit].parameters}
        plain_lot = lot.model_dump(mode="json")
        try:
            control = instantiate(recipe.model_dump(mode="json"), plain_lot, unit, figures, self.signatures, a.get("formula"))
        except RecipeRefused as error:
            return str(error)
        return BatchCreated(
            batch=command.target,
            unit=unit,
            recipe=recipe.recipe,
            recipe_hash=recipe_hash(control),
            control_recipe=control,
            lot=plain_lot,
            who=command.who,
        )

    def _refuse(self, batch: str, recipe: Any, lot: Any, unit: str) -> str | None:
        running = self.units[unit].batch
        if running is not None and running.state not in (*ENDED, "IDLE"):
            return f"{unit} carries batch {running.id} ({running.state})"
        if not _BATCH_NAME.fullmatch(batch):
            return f"{batch!r} is no name for a batch: letters, digits, dot, dash and underscore, at most 64"
        if recipe.status in ("draft", "retired"):
            return f"recipe {recipe.recipe} is {recipe.status}: only test or released recipes run"
        if "metal" in lot.feed_state and any(
            e.batch is not None and (e.batch.metal or (e.batch.state not in ENDED and e.batch.lot.get("feed_state") == "metal"))
            for name, e in self.units.items()
            if name != unit
        ):
            return "one tank with metal at a time: they share one fan"
        return None


def deadbands(plant: Plant) -> dict[str, float]:
    """What counts as a change worth keeping: a thousandth of the tag's range."""
    return {name: 0.001 * (tag.range[1] - tag.range[0]) for name, tag in plant.config.tags.items() if tag.range is not None}


def _answers_with_feedback(talk: Talk, tag: Tag) -> bool:
    """Whether the device answers for this point with what came of the command, not with the command."""
    return isinstance(talk, Conversation) and tag.point is not None and talk.profile.point(tag.point).feedback is not None


def _internal(what: str, units: Mapping[str, Engine], loops: Mapping[str, Loop]) -> Callable[[], float | None]:
    """What an internal tag shows: ``loop.TIC-1011.ramped`` or ``batch.R-101.metal``."""
    kind, _, rest = what.partition(".")
    name, _, figure = rest.rpartition(".")
    if kind == "loop":
        loop = loops[name]
        return lambda: getattr(loop, figure)
    engine = units[name]
    return lambda: engine.figure(figure)


def _cascade_order(loops: Mapping[str, LoopModel]) -> list[str]:
    """Outer loops before the inner ones they drive."""
    inner = {loop.to for loop in loops.values()}
    return [n for n in loops if n not in inner] + [n for n in loops if n in inner]


def _sampler(analyzer: OpcUaConversation | None) -> Callable[[SampleRequested, Now], None]:
    def start(entry: SampleRequested, now: Now) -> None:
        if analyzer is None:
            return
        kind, _, unit = entry.stream.partition(" ")
        if unit:  # "residue R-101", "cake R-101": solids to be digested
            analyzer.start_program(entry.sample, entry.batch, unit, entry.purpose, {"template": kind.upper()}, now.mono)
        else:
            analyzer.start_program(entry.sample, entry.batch, entry.stream, entry.purpose, {}, now.mono)

    return start


def _drain(analyzer: OpcUaConversation | None) -> list[Any]:
    if analyzer is None or not analyzer.documents:
        return []
    found = list(analyzer.documents)
    analyzer.documents.clear()
    return found


def _per_second(flow_unit: str, total_unit: str) -> float:
    """What one unit of a flow adds to its total in one second."""
    volume, _, time = flow_unit.rpartition("/")
    return factor(volume, total_unit)[0] / {"s": 1.0, "min": 60.0, "h": 3600.0}[time]


def _measuring(span: tuple[float, float]) -> tuple[float, float]:
    """The measuring range around a tag's range: 3.8 to 20.5 mA of a 4 to 20 mA signal. Source: NAMUR NE 43."""
    width = span[1] - span[0]
    return span[0] - 0.2 / 16.0 * width, span[1] + 0.5 / 16.0 * width


def _ns(seconds: float) -> int:
    return round(seconds * SECOND)
