"""The one place where objects are wired to one another: from a Config to a plant that can be scanned.

>>> plant = build(load(belfast_config()))
>>> plant.scan.run(now, committed=0)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from devices.profile import Profile
from gateway.batch.engine import Engine
from gateway.batch.unit import UnitWiring
from gateway.config.models import Config, Tag
from gateway.config.models import Loop as LoopModel
from gateway.config.phases import PHASES, QUEUED, STREAMS
from gateway.config.scaling import tag_line
from gateway.config.states import BATCH_CLASS, split
from gateway.control.alarm import Alarms
from gateway.control.analyzer import OpcUaConversation
from gateway.control.chain import SampleRequested
from gateway.control.checks import Checks
from gateway.control.comms import Comms
from gateway.control.conversation import Binding, Conversation
from gateway.control.demand import Output, Outputs
from gateway.control.derived import Derived
from gateway.control.force import Forces
from gateway.control.image import Image, Now
from gateway.control.interlock import Interlocks
from gateway.control.loop import Loop
from gateway.control.outgoing import Outgoing
from gateway.control.parts import Parts
from gateway.control.scan import Scan
from gateway.plant.checking import checks_of
from gateway.plant.creation import Creation
from gateway.plant.rows import Rows, Talk, ns

MOST_READS = 4                                  # reads of one device in flight, where its link has a window


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


class _Builder:
    """One plant being put together: its image, its rows, the talks of its instruments, then its parts."""

    def __init__(self, config: Config, read_only: bool) -> None:
        self.config, self.read_only = config, read_only
        scan = config.site.scan
        names = [*config.tags, *config.derived]
        ages = [ns(tag.max_age_s) for tag in config.tags.values()] + [ns(10 * scan.slow_s)] * len(config.derived)
        self.image = Image(names, ages)
        self.index = self.image.index
        self.talks: dict[str, Talk] = {}
        self.of_tag: dict[int, Talk] = {}
        self.rows = Rows(config, self.index, self.of_tag, self.image.doubts)
        self.rows.state_doubts()

    def build(self) -> Plant:
        config = self.config
        links = self._talks()
        outputs = Outputs(self.rows.outputs(), self._send)
        loops = {name: Loop(self.rows.loop(name, loop)) for name, loop in config.loops.items()}
        interlock_rows = [self.rows.interlock(name) for name in config.interlocks]
        interlocks = Interlocks(interlock_rows, self.rows.safe(), ns(config.site.bypass_max_h * 3600))
        forces = Forces(self.rows.reach.forces(), ns(config.site.bypass_max_h * 3600))
        alarms = Alarms([self.rows.alarm(name) for name in config.alarms])
        units = {
            name: self._engine(name, outputs, loops, interlocks)
            for name, unit in config.units.items()
            if unit.equipment_class == BATCH_CLASS
        }
        for engine in units.values():
            engine.neighbours = [other for other in units.values() if other is not engine]
        checks, outgoing = checks_of(config), Outgoing(longest_s=2 * config.site.scan.trip_s)
        analyzer = next((t for t in self.talks.values() if isinstance(t, OpcUaConversation)), None)
        parts = Parts(
            image=self.image,
            derived=[Derived(self.rows.derived(name, d)) for name, d in config.derived.items()],
            conditions=self.rows.conditions(),
            alarm_conditions=self.rows.alarm_conditions(),
            interlocks=interlocks,
            alarms=alarms,
            loops=loops,
            loop_order=_cascade_order(config.loops),
            outputs=outputs,
            units=units,
            talks=list(self.talks.values()),
            trip_tags=self.rows.trip_tags(),
            figures=self._figures(units, loops, interlocks, forces, checks, outgoing),
            forces=forces,
            comms=Comms(links, self._commanded(outputs), self.rows.told()),
            create=Creation(config, units, checks),
            checks=checks,
            start_sample=_sampler(analyzer),
            documents=lambda: _drain(analyzer),
            startup_ns=ns(config.site.startup_timeout_s),
            outgoing=outgoing,
            late_hold_s=config.site.record.hold_s,
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
                talk = OpcUaConversation(name, profile, self.image, bindings, poll_ns=self.rows.period_ns["slow"])
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
            period_ns=self.rows.period_ns[tag.scan],
            frozen_ns=ns(tag.frozen_s or 0.0),
            leap_per_s=tag.leap_per_s or 0.0,
        )

    def _commanded(self, outputs: Outputs) -> dict[str, list[Output]]:
        """Device -> its outputs."""
        found: dict[str, list[Output]] = {}
        for item in outputs.items:
            found.setdefault(self.of_tag[item.row.tag].device, []).append(item)
        return found

    def _send(self, tag: int, value: float, now: int, expires: int) -> None:
        self.of_tag[tag].write(tag, value, now, expires)

    def _figures(
        self, units: Mapping[str, Engine], loops: Mapping[str, Loop], interlocks: Interlocks, forces: Forces, checks: Checks,
        outgoing: Outgoing,
    ) -> list[tuple[int, Callable[[], float | None], float, float]]:
        found: list[tuple[int, Callable[[], float | None], float, float]] = []
        for name, tag in self.config.tags.items():
            if tag.internal:
                show = _internal(tag.internal, units, loops, interlocks, forces, checks, outgoing, self.config)
                found.append((self.index[name], show, *(tag.range or (-math.inf, math.inf))))
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


def deadbands(plant: Plant) -> dict[str, float]:
    """What counts as a change worth keeping: a thousandth of the tag's range."""
    return {name: 0.001 * (tag.range[1] - tag.range[0]) for name, tag in plant.config.tags.items() if tag.range is not None}


def _internal(
    what: str, units: Mapping[str, Engine], loops: Mapping[str, Loop], interlocks: Interlocks, forces: Forces, checks: Checks,
    outgoing: Outgoing, config: Config,
) -> Callable[[], float | None]:
    """What an internal tag shows: ``loop.TIC-1011.ramped``, ``batch.R-101.metal``, ``batch.F-201.phase.FILTER``, ``bypasses.R-101``,
    ``demands.R-101``, ``forces.R-101``, ``checks.R-101.overdue`` or ``record.waiting``.
    """
    kind, _, rest = what.partition(".")
    if kind in ("bypasses", "demands", "forces"):
        count = {"bypasses": interlocks.bypassed, "demands": interlocks.demanded, "forces": forces.count}[kind]
        return lambda: float(count(rest))
    if kind == "record":
        return lambda: outgoing.waited_s
    name, figure = split(rest)
    if kind == "loop":
        loop = loops[name]
        return lambda: getattr(loop, figure)
    if kind == "checks":
        return checks.count(name, figure)
    if name not in units:                       # shared equipment: the phase of whoever runs it there
        phase = PHASES[figure.partition(".")[2]]
        users = [engine for unit, engine in units.items() if name in {config.units[unit].uses.get(short) for short in phase.uses}]
        return lambda: max((engine.figure(figure) or 0.0 for engine in users), default=0.0)
    engine = units[name]
    return lambda: engine.figure(figure)


def _cascade_order(loops: Mapping[str, LoopModel]) -> list[str]:
    """Outer loops before the inner ones they drive."""
    def depth(name: str) -> int:
        inner = loops[name].to
        return 1 + depth(inner) if inner in loops else 0

    return sorted(loops, key=depth, reverse=True)


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


def _measuring(span: tuple[float, float]) -> tuple[float, float]:
    """The measuring range around a tag's range: 3.8 to 20.5 mA of a 4 to 20 mA signal. Source: NAMUR NE 43."""
    width = span[1] - span[0]
    return span[0] - 0.2 / 16.0 * width, span[1] + 0.5 / 16.0 * width
