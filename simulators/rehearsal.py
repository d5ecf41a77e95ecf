"""The plant, its devices and its nature stepped together without sockets: same plant, same recipe, same scan.

One step is one scan: nature moves to the tick, the scan decides on what it knows, its entries are committed, then every
conversation asks and is answered until nothing is due. The lockstep demo does the same over sockets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from devices.exchange import Reply
from gateway.config.models import Config
from gateway.control.analyzer import OpcUaConversation
from gateway.control.command import Answer, Command
from gateway.control.conversation import Conversation
from gateway.control.image import SECOND, Now
from gateway.control.machine import ENDED
from gateway.history.recorder import Recorder
from gateway.plant import Plant, build
from gateway.protocol import START_MONO, START_UTC
from gateway.records.committer import SteppedCommitter
from gateway.records.store import Store
from simulators.checking import commissioning, recorded
from simulators.line import Line
from simulators.people import WHO, Operator

START = Now(START_MONO, START_UTC)


class Rehearsal:
    """A stepped plant. ``step`` is one scan; ``after`` (if given) is called after each with this object.

    ``start``: its first instant. ``line``: devices and nature of another rehearsal, that go on where its plant process died.
    """

    def __init__(
        self,
        config: Config,
        journal: Store,
        *,
        seed: int | None = None,
        after: Callable[[Rehearsal], None] | None = None,
        start: Now = START,
        line: Line | None = None,
    ) -> None:
        self.config = config
        self.plant: Plant = build(config)
        self.line = line or Line(config, seed, start.utc - start.mono)
        self.committer = SteppedCommitter(journal)
        self.after = after
        self.period_ns = round(config.site.scan.trip_s * SECOND)
        self.now = start
        self.recorder: Recorder | None = None   # keeps samples, where there is a history to keep them in
        self.answers: list[Answer] = []
        self.dead: set[str] = set()             # devices whose line is cut
        self._talks = [(talk, self._answerer(talk)) for talk in self.plant.talks.values()]
        for talk, _ in self._talks:
            talk.connected(self.now.mono)

    def _answerer(self, talk: Conversation | OpcUaConversation) -> Callable[[Any, int], Reply]:
        if isinstance(talk, OpcUaConversation):
            return self.line.icp.answer
        return self.line.banks[talk.device].answer

    def step(self) -> None:
        """One scan period."""
        now = self.now = Now(self.now.mono + self.period_ns, self.now.utc + self.period_ns)
        self.line.step(self.period_ns / SECOND, now.mono)
        result = self.plant.scan.run(now, self.committer.committed())
        if result.entries:
            self.plant.scan.submitted(self.committer.submit(result.entries, now))
        self.answers += result.answers
        mono = now.mono
        for talk, answer in self._talks:
            while not talk.quiet and (request := talk.due(mono)) is not None:
                if self.dead and talk.device in self.dead:
                    talk.absorb(Reply(request, failure="timeout"), now)
                else:
                    talk.absorb(answer(request, mono), now)
        if self.recorder is not None:
            self.recorder.scan(now)
        if self.after is not None:
            self.after(self)

    def run(self, seconds: float) -> None:
        """Step for so many seconds of plant time."""
        for _ in range(round(seconds * SECOND / self.period_ns)):
            self.step()

    def command(self, verb: str, target: str, *, who: str = "rehearsal", why: str = "", key: str = "", **arguments: Any) -> None:
        """Give the plant a command; its answer appears in ``answers``."""
        self.plant.scan.inbox.append(Command(verb=verb, target=target, who=who, why=why, key=key, arguments=arguments))

    def value(self, tag: str) -> float:
        """What the image shows of a tag."""
        return self.plant.image.value[self.plant.image.index[tag]]


class Run:
    """One batch from start to end on a stepped plant, with the scripted operator. ``held``: why it stopped short."""

    def __init__(self, config: Config, journal: Store, *, recipe: str, lot: str, unit: str = "R-101", seed: int | None = None,
                 batch: str = "REHEARSAL-1", most_h: float = 36.0, start: Now = START) -> None:
        self.rehearsal = Rehearsal(config, journal, seed=seed, start=start)
        self.batch, self.unit, self.most_h = batch, unit, most_h
        line = self.rehearsal.line
        self.operator = Operator(batch, recipe, lot, unit, line.tip, line.begin_batch, checks=recorded(commissioning(line)))
        self.engine = self.rehearsal.plant.scan.parts.units[unit]
        self.held = ""
        self._began = self.rehearsal.now.mono

    @property
    def plant_s(self) -> float:
        """Plant time so far, s."""
        return (self.rehearsal.now.mono - self._began) / SECOND

    def step(self) -> None:
        """One scan, with the operator looking on."""
        batch = self.engine.batch
        prompts = batch.open_prompts if batch is not None else {}
        charge = batch.control_recipe["formula"].get("charge_mass", 0.0) if batch is not None else 0.0
        for action in self.operator.look(self.rehearsal.plant.scan.armed, self.rehearsal.now.mono, prompts, charge):
            self.rehearsal.command(action.verb, action.target, who=WHO, why=action.why, **action.arguments)
        self.rehearsal.step()

    def to_end(self) -> str:
        """Run until the batch ends or is HELD (nobody is there to restart it); the state it is in."""
        while self.plant_s < self.most_h * 3600:
            self.step()
            batch = self.engine.batch
            if batch is None:
                if any(a.entry.outcome == "refused" for a in self.rehearsal.answers):
                    self.held = "; ".join(a.entry.reason for a in self.rehearsal.answers if a.entry.outcome == "refused")
                    return "IDLE"
            elif batch.state in ENDED:
                return batch.state
            elif batch.state == "HELD":
                self.held = batch.cause
                return batch.state
        return self.engine.batch.state if self.engine.batch is not None else "IDLE"
