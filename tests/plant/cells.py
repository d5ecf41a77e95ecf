"""The shipped line with its whole image in a test's hand: every tag a device would fill is filled from a table, every scan.

Interlocks, outputs, alarms, derived values and commands are the real ones; what the wire would bring and what a batch would
say of itself is set here. ``Finder`` looks for readings under which a cause is what a test wants.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping

from devices.quality import BAD_SENSOR_FAILURE, GOOD
from gateway.config.models import Config
from gateway.control.blame import Part, truth
from gateway.control.chain import Entry
from gateway.control.command import Command
from gateway.control.derived import DerivedRow
from gateway.control.image import SECOND, Now
from gateway.control.interlock import Row
from gateway.control.reasons import unmet
from gateway.plant import build
from gateway.plant.reach import Reach

Truth = bool | None
Way = frozenset[tuple[str, bool]]               # comparisons, and what each has to be
STEP = SECOND // 2
CALM_S = 310                                    # longer than the longest window that a cause looks back over
ROLES = {  # a healthy line: what each role shows while nothing is wrong and no batch runs; everything else is 0
    "leach_tank": {
        "temperature": 40.0, "temperature_b": 40.0, "temperature_sp": 20.0, "jacket_in_temperature": 40.0, "jacket_out_temperature": 40.0,
        "jacket_flow": 4.0, "level": 50.0, "density": 1000.0, "weight": 500.0, "ph": 2.0, "orp": 300.0, "agitator_speed": 250.0,
        "agitator_running": 1.0, "agitator_run": 1.0, "agitator_speed_sp": 250.0, "agitator_power": 0.5, "acid_total": 10.0,
        "acid_density": 1159.0, "lel": 1.0, "headspace_o2": 2.0, "local_remote": 1.0,
        **{f"{v}_closed": 1.0 for v in ("acid_valve", "solids_gate", "purge_valve", "discharge_valve", "water_valve", "peroxide_valve",
                                        "base_valve", "base_fine_valve")},
    },
    "solids_feeder": {"hopper_weight": 50.0},
    "dosing_pump": {"tank_level": 50.0},
    "filter_press": {
        "plates_closed": 1.0, "hydraulic_pressure": 200.0, "close": 1.0,
        **{f"{v}_closed": 1.0 for v in ("feed_valve", "wash_valve", "blow_valve", "drop_valve")},
    },
    "buffer_tank": {"level": 50.0, "ph": 3.0},
    "scrubber": {
        "fan_run": 1.0, "fan_running": 1.0, "fan_speed": 80.0, "fan_speed_sp": 80.0, "differential_pressure": 10.0, "gas_flow": 900.0,
        "ph": 9.5, "recirculation_run": 1.0, "caustic_valve_closed": 1.0,
    },
    "icp_analyzer": {"state": 4.0, "stream": 1.0},
    "site": {
        "hot_supply": 90.0, "chilled_supply": 8.0, "cooling_flow": 5.0, "instrument_air": 6.0, "nitrogen": 6.0, "power_ok": 1.0,
        "vent_air": 5000.0, "acid_tank_level": 50.0,
    },
}  # fmt: skip


class Bench:
    """The plant between a table of readings and a list of writes. ``shown``: image index -> what is read; None is Bad."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.plant = build(config)
        self.scan, self.parts = self.plant.scan, self.plant.scan.parts
        self.image = self.plant.image
        self.index = self.image.index
        self.now = Now(3600 * SECOND, 10**18)
        self.ticket = 0
        self.sent: list[tuple[int, float]] = []
        self.parts.outputs.send = lambda tag, value, now, expires: self.sent.append((tag, value))
        inside = ("batch", "loop")              # what a batch or a loop says of itself is set here like a reading
        internal = {self.index[name]: tag.internal for name, tag in config.tags.items() if tag.internal}
        kept = [(i, show) for i, show in self.parts.figures if str(internal[i]).partition(".")[0] not in inside]
        self.figures = [i for i, _ in self.parts.figures if i not in dict(kept)]
        self.parts.figures = [*kept, *((i, lambda i=i: self.shown[i]) for i in self.figures)]
        read = set[str]().union(*Reach(config, self.index).read.values())
        self.slow = [d.row.tag for d in self.parts.derived if d.row.kind in ("rate", "mean") and self.image.names[d.row.tag] in read]
        self.healthy = self._healthy()
        self.shown: dict[int, float | None] = dict(self.healthy)
        self.run(2)
        assert self.scan.armed
        self.run(2 * CALM_S)
        self._steady: dict[int, float | None] = {}
        assert self._forgotten()
        assert None not in self._steady.values()

    def _healthy(self) -> dict[int, float | None]:
        wanted = [self.index[name] for name, tag in self.config.tags.items() if tag.device or self.index[name] in self.figures]
        found: dict[int, float | None] = dict.fromkeys(wanted, 0.0)
        for unit in self.config.units.values():
            for role, value in ROLES[unit.equipment_class].items():
                if self.index[unit.roles[role]] in found:
                    found[self.index[unit.roles[role]]] = value
        for tank in (1, 2, 3):                  # nitrogen is on, as the reset of a hydrogen trip wants it
            found |= {self.index[f"{kind}-10{tank}3"]: value for kind, value in (("XV", 1.0), ("ZSO", 1.0), ("ZSC", 0.0))}
        for valve in (2, 6, 7, 8):              # gate and routing valves of the third tank stand open: screw and pumps may run
            found |= {self.index[f"{kind}-103{valve}"]: value for kind, value in (("XV", 1.0), ("ZSO", 1.0), ("ZSC", 0.0))}
        return found

    def run(self, times: int = 1) -> list[Entry]:
        """Scans of half a second, each after a fresh reading of everything; the entries of them all."""
        entries: list[Entry] = []
        for _ in range(times):
            self.now = Now(self.now.mono + STEP, self.now.utc + STEP)
            for i, value in self.shown.items():
                if i not in self.figures:
                    good = GOOD if value is not None else BAD_SENSOR_FAILURE
                    self.image.put(i, value or 0.0, good, asked=self.now.mono, seen=self.now.mono, source=self.now.utc)
            result = self.scan.run(self.now, self.ticket)
            if result.entries:
                self.ticket += 1
                self.scan.submitted(self.ticket)
            entries += result.entries
        return entries

    def ask(self, verb: str, target: str, **arguments: object) -> str:
        """A command; the reason of its refusal, "" when it was accepted and is durable."""
        self.scan.inbox.append(Command(verb=verb, target=target, who="Ann", why="test", arguments=arguments))
        self.now = Now(self.now.mono + STEP, self.now.utc + STEP)
        result = self.scan.run(self.now, self.ticket)
        self.ticket += 1
        self.scan.submitted(self.ticket)
        self.run(1)
        return result.answers[-1].entry.reason

    def show(self, readings: Mapping[str, float | None]) -> None:
        """From now on these tags are read so, all others as healthy. A drive's command is given to it: it is no reading."""
        self.shown = {**self.healthy, **{self.index[tag]: value for tag, value in readings.items()}}

    def told(self, readings: Mapping[str, float | None]) -> dict[str, float]:
        """Of these the commands of drives, which the image shows as they were given."""
        return {tag: value for tag, value in readings.items() if value is not None
                and tag in self.parts.outputs.by_name and self.parts.outputs.by_name[tag].row.told}  # fmt: skip

    def calm(self, slow: bool = False) -> None:
        """Everything healthy again, every latch reset, nothing forced; ``slow``: every slope and mean as after a long rest."""
        self.show({})
        self.run(2)
        for output in self.parts.outputs.items:
            if output.row.told and output.commanded != self.healthy[output.row.tag]:
                assert self.ask("output.set", output.row.name, value=self.healthy[output.row.tag]) == ""
        for _ in range(20):
            self.run(2)
            for item in self.parts.interlocks.items:
                if item.tripped and item.truth is False and not unmet(self.parts, item):
                    assert self.ask("interlock.reset", item.row.name) == ""
            if not self.parts.interlocks.forced and (not slow or self._forgotten()):
                break
            self.run(60)                        # a slope or mean has not forgotten yet
        assert self.parts.interlocks.forced == {}, self.parts.interlocks.reasons
        assert not slow or self._forgotten()
        self.sent.clear()

    def _forgotten(self) -> bool:
        """Whether every slope and mean that a cause looks at is what it is when nothing has happened for long."""
        steady = {i: round(self.image.value[i], 6) if self.image.quality[i] == GOOD else None for i in self.slow}
        self._steady = self._steady or steady
        return steady == self._steady

    def by_the_book(self) -> dict[int, float]:
        """What every cause that is not false would force, evaluated comparison by comparison; where they differ the safe value."""
        forced: dict[int, float] = {}
        for item in self.parts.interlocks.items:
            assert item.row.because is not None
            if truth(item.row.because, self.image.value, self.image.quality) is not False:
                for tag, value in item.row.effects.items():
                    if tag not in forced or value == self.parts.interlocks.safe.get(tag):
                        forced[tag] = value
        return forced

    def name(self, tag: int) -> str:
        return self.image.names[tag]


def atoms(part: Part) -> dict[str, Part]:
    """The comparisons of a cause by their text."""
    return {part.text: part} if part.kind == "atom" else {text: each for child in part.children for text, each in atoms(child).items()}


def ways(part: Part, wanted: bool = True) -> set[Way]:
    """Every smallest set of comparisons that is enough to make a condition what is wanted: the alternatives that it names."""
    if part.kind == "atom":
        return {frozenset({(part.text, wanted)})}
    if part.kind == "not":
        return ways(part.children[0], not wanted)
    need = part.need if wanted else len(part.children) - part.need + 1
    found = {
        frozenset[tuple[str, bool]]().union(*chosen)
        for children in itertools.combinations(part.children, need)
        for chosen in itertools.product(*(ways(child, wanted) for child in children))
    }
    return {way for way in found if not any(other < way for other in found)}


class Finder:
    """Looks for readings under which one row's cause is what is wanted, changing as few of the healthy ones as it can."""

    def __init__(self, bench: Bench, row: Row) -> None:
        assert row.because is not None
        self.bench, self.row, self.because = bench, row, row.because
        self.atoms, self.ways = atoms(row.because), ways(row.because)
        made = {d.row.tag: d.row for d in bench.parts.derived}
        self.slow = {i for i, d in made.items() if d.kind != "expression"}
        self.tags = sorted(self._base(row.inputs.values(), made))
        reach = Reach(bench.config, bench.index).read[row.name]
        self.read = {bench.index[name] for name in reach}

    def _base(self, tags: Iterable[int], made: Mapping[int, DerivedRow]) -> set[int]:
        """What a test can set behind the tags of a cause: expressions taken apart, what follows with time left alone."""
        found: set[int] = set()
        for tag in tags:
            if tag not in made:
                found.add(tag)
            elif tag not in self.slow:
                found |= self._base(made[tag].of, made)
        return found

    def candidates(self, tag: int) -> list[float]:
        """The ends of a tag's range and its states, the healthy value first."""
        model = self.bench.config.tags[self.bench.name(tag)]
        healthy = self.bench.healthy[tag] or 0.0
        ends = [float(state) for state in model.states] or list(model.range or (0.0, 1.0 if model.output else 1000.0))
        between = [ends[0] + share * (ends[-1] - ends[0]) for share in (0.25, 0.5, 0.75)] if model.range else []
        return list(dict.fromkeys([healthy, *ends, *between]))

    def cases(self) -> Iterator[dict[int, float]]:
        """Readings to try, those that change least first."""
        for many in range(len(self.tags) + 1):
            for chosen in itertools.combinations(self.tags, many):
                for values in itertools.product(*(self.candidates(tag)[1:] for tag in chosen)):
                    yield dict(zip(chosen, values, strict=True))

    def truth(self, case: Mapping[int, float | None]) -> Truth:
        """What the cause is under these readings, the others healthy, slow values as they stand."""
        return truth(self.because, *self._columns(case))

    def standing(self, values: list[float], qualities: list[int]) -> set[Way] | None:
        """The alternatives that are so; None while it is not known of one."""
        known = {text: truth(part, values, qualities) for text, part in self.atoms.items()}
        found = {way for way in self.ways if all(known[text] is wanted for text, wanted in way)}
        unsure = (way for way in self.ways - found if all(known[text] in (wanted, None) for text, wanted in way))
        return None if any(True for _ in unsure) else found

    def _columns(self, case: Mapping[int, float | None]) -> tuple[list[float], list[int]]:
        values, qualities = list(self.bench.image.value), list(self.bench.image.quality)
        for tag, value in {**self.bench.healthy, **case}.items():
            values[tag], qualities[tag] = (value, GOOD) if value is not None else (0.0, BAD_SENSOR_FAILURE)
        for derived in self.bench.parts.derived:
            made = derived.row
            if made.kind == "expression" and made.number is not None:
                number = made.number(values, qualities)
                values[made.tag], qualities[made.tag] = (number, GOOD) if number is not None else (0.0, BAD_SENSOR_FAILURE)
            elif any(qualities[i] != GOOD for i in made.of):
                qualities[made.tag] = BAD_SENSOR_FAILURE
        return values, qualities

    def alone(self, way: Way) -> dict[str, float | None] | None:
        """Readings under which this alternative is so and no other, one lost only when nothing else does; None when there are none."""
        lost: list[dict[int, float | None]] = [{tag: None} for tag in self.tags]
        for case in itertools.chain(self.cases(), lost):
            if self.standing(*self._columns(case)) == {way}:
                return self._named(case)
        return None

    def pivotal(self, tag: int) -> dict[str, float | None] | None:
        """Readings under which the cause is false, and no longer when this tag alone is lost."""
        for case in self.cases():
            if self.truth(case) is False and self.truth({**case, tag: None}) is not False:
                return self._named(case)
        return None

    def _named(self, case: Mapping[int, float | None]) -> dict[str, float | None]:
        return {self.bench.name(tag): value for tag, value in case.items()}
