"""A plant of one tank, small enough to see through: a level, a valve, a heater loop, one interlock, one alarm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from devices.quality import BAD_NO_COMMUNICATION, GOOD
from gateway.control.alarm import AlarmRow, Alarms
from gateway.control.chain import BatchCreated, Entry
from gateway.control.command import Command
from gateway.control.comms import Comms, Told
from gateway.control.conditions import compile_set
from gateway.control.demand import OutputRow, Outputs
from gateway.control.derived import Derived, DerivedRow
from gateway.control.image import SECOND, Image, Now
from gateway.control.interlock import Interlocks, Row
from gateway.control.loop import Loop, LoopRow
from gateway.control.parts import Parts
from gateway.control.scan import Scan
from gateway.records.store import MemoryJournal

NAMES = ("LI", "TI", "JI", "XV", "TV", "FI", "FQ")
LI, TI, JI, XV, TV, FI, FQ = range(7)
STEP = SECOND // 2


class Small:
    """The plant with its journal; ``lag``: scans that an entry needs to become durable; ``alarms``: other rows, with their conditions."""

    def __init__(self, journal: MemoryJournal | None = None, lag: int = 1, read_only: bool = False,
                 alarms: Sequence[tuple[AlarmRow, str]] = ()) -> None:
        self.journal = journal or MemoryJournal()
        self.lag = lag
        self.now = Now(1000 * SECOND, 10**18)
        self.image = Image(NAMES, [3 * SECOND] * 5 + [60 * SECOND] * 2)
        self.sent: list[tuple[str, float]] = []
        self.readings: dict[int, tuple[float, int]] = dict.fromkeys(range(6), (0.0, GOOD)) | {
            LI: (50.0, GOOD),
            TI: (20.0, GOOD),
            JI: (20.0, GOOD),
        }
        outputs = Outputs(
            [OutputRow(name="XV", tag=XV, readback=XV), OutputRow(name="TV", tag=TV, readback=TV, high=100.0, safe=0.0)], self._send
        )
        rows = [row for row, _ in alarms] or [AlarmRow(name="level_alarm", unit="R-1", priority="high")]
        sources = [f"(None if Q[{LI}] & 0xC0000000 else V[{LI}] > 90.0)", f"(None if Q[{LI}] & 0xC0000000 else V[{LI}] > 80.0)", "False"]
        outer = LoopRow(
            name="TIC",
            kind="pid",
            unit="R-1",
            period_ns=2 * STEP,
            pv=TI,
            inner="JIC",
            gain=2.0,
            ti_s=600.0,
            out_low=5.0,
            out_high=90.0,
            sp_low=0.0,
            sp_high=90.0,
            safe_out=5.0,
        )
        inner = LoopRow(
            name="JIC", kind="pid", unit="R-1", period_ns=STEP, pv=JI, output=TV, outer=True, gain=3.0, ti_s=60.0, sp_low=5.0, sp_high=90.0
        )
        self.loops = {"TIC": Loop(outer), "JIC": Loop(inner)}
        level = Row(name="level_high", unit="R-1", group="R-1", effects={XV: 0.0, TV: 0.0})
        self.parts = Parts(
            comms=Comms({}, {}, Told()),
            image=self.image, derived=[Derived(DerivedRow(tag=FQ, kind="total", of=(FI,)))], conditions=compile_set(sources[:1]),
            alarm_conditions=compile_set([*(source for _, source in alarms), *["False"] * len(rows)] if alarms else sources[1:]),
            interlocks=Interlocks([level], {XV: 0.0, TV: 0.0}, 8 * 3600 * SECOND),
            alarms=Alarms(rows),
            loops=self.loops, loop_order=["TIC", "JIC"], outputs=outputs, units={}, talks=[], trip_tags=[LI], figures=[],
            create=self._create, start_sample=lambda entry, now: None, documents=self._documents, startup_ns=30 * SECOND,
            read_only=read_only)  # fmt: skip
        self.scan = Scan(self.parts)
        self.documents: list[Any] = []
        self._durable: list[int] = [self.journal.head.seq] * (lag + 1)
        self.answers: list[Any] = []

    def _send(self, tag: int, value: float, now: int, expires: int) -> None:
        self.sent.append((NAMES[tag], value))
        self.readings[tag] = (value, GOOD)

    def _create(self, command: Command, now: Now) -> BatchCreated | str:
        return BatchCreated(
            batch=command.target, unit=command.arguments["unit"], recipe="r", recipe_hash="", control_recipe={}, lot={}, who=command.who
        )

    def _documents(self) -> list[Any]:
        found, self.documents = self.documents, []
        return found

    def show(self, tag: int, value: float, quality: int = GOOD) -> None:
        """From now on a reading is this."""
        self.readings[tag] = (value, quality)

    def lose(self, tag: int) -> None:
        """From now on nothing comes of a tag."""
        del self.readings[tag]
        self.image.quality[tag] = BAD_NO_COMMUNICATION

    def run(self, times: int = 1, late_ns: int = 0) -> list[Entry]:
        """Scans; the entries of them all."""
        entries: list[Entry] = []
        for _ in range(times):
            self.now = Now(self.now.mono + STEP, self.now.utc + STEP)
            result = self.scan.run(self.now, self._durable[-1 - self.lag])
            if result.entries:
                self.scan.submitted(self.journal.append(result.entries, self.now))
            self._durable.append(self.journal.head.seq)
            entries += result.entries
            self.answers += result.answers
            for tag, (value, quality) in self.readings.items():
                self.image.put(tag, value, quality, asked=self.now.mono + 1, seen=self.now.mono, source=self.now.utc)
        return entries

    def ask(self, verb: str, target: str, key: str = "", why: str = "test", who: str = "Ann", **arguments: Any) -> str:
        """Give a command and scan once; the reason of its refusal, "" when it was accepted."""
        self.scan.inbox.append(Command(verb=verb, target=target, who=who, why=why, key=key, arguments=arguments))
        self.run()
        return self.answers[-1].entry.reason

    def started(self) -> Small:
        """The same plant once its start-up is over."""
        self.run(3)
        assert self.scan.armed
        return self
