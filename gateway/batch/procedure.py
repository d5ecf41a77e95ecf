"""What a phase is: code for each procedural state, over a context that says what the plant shows and takes what it wants.

A phase never waits and never reads a clock. Each scan it is called in its state (``running``, ``holding``, ...) and
returns ``True`` when that state's work is done. What it needs to survive a restart goes into ``ctx.memory``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from devices.quality import name as quality_name
from gateway.control.chain import Entry
from gateway.control.image import SECOND, Image, Now


class BadInput(Exception):
    """A phase needs a value that is not Good: the batch holds."""

    def __init__(self, role: str, quality: str) -> None:
        super().__init__(f"{role} is {quality}")
        self.role = role


class Hold(Exception):
    """A phase cannot go on by itself: the batch holds with this reason."""


class Plant(Protocol):
    """What a phase may ask of the plant around it; the engine provides it."""

    image: Image

    def tag(self, role: str) -> int: ...
    def set_output(self, role: str, value: float, cause: str, again: bool = False) -> None: ...
    def set_loop(self, role: str, mode: str, setpoint: float | None, cause: str, out: float | None, rate_per_min: float | None) -> None: ...
    def resting(self, role: str) -> float: ...
    def emit(self, entry: Entry) -> None: ...
    def request_sample(self, stream: str, purpose: str, context: Mapping[str, float]) -> str: ...
    def result(self, sample: str) -> Any: ...
    def results(self, purpose: str) -> list[Any]: ...
    def liquor_samples(self) -> int: ...
    def ask(self, prompt: str, text: str) -> str | None: ...
    def interlocked(self) -> list[str]: ...
    def parameter(self, name: str) -> float: ...
    def charged(self, material: str, amount: float, unit: str, u: float, source: str, direction: str) -> None: ...


class Context:
    """One step seen by its phase: parameters, memory, time, inputs and demands.

    ``p``: the step's parameters, in the units of the phase's declaration. ``memory``: survives a restart (JSON values).
    ``shared``: the batch's own memory, likewise. ``elapsed_s``: time since the step started, ``state_s``: since its
    procedural state began. ``report``: what the step leaves in the record. A memory key that begins with ``~`` is a
    timer: it starts anew with every procedural state and after a restart.
    """

    def __init__(self, plant: Plant, batch: str, step: str, phase: str, parameters: Mapping[str, float],
                 shared: dict[str, Any]) -> None:
        self.plant = plant
        self.batch, self.step, self.phase = batch, step, phase
        self.p = parameters
        self.shared = shared
        self.memory: dict[str, Any] = {}
        self.report: dict[str, Any] = {}
        self.now = Now(0, 0)
        self.started = 0
        self.state_since = 0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the step started."""
        return (self.now.mono - self.started) / SECOND

    @property
    def state_s(self) -> float:
        """Seconds in the present procedural state."""
        return (self.now.mono - self.state_since) / SECOND

    def value(self, role: str) -> float:
        """A Good value. Raises BadInput otherwise."""
        i = self.plant.tag(role)
        if self.plant.image.quality[i] & 0xC0000000:
            raise BadInput(self.plant.image.names[i], quality_name(self.plant.image.quality[i]))
        return self.plant.image.value[i]

    def good(self, role: str) -> bool:
        """Whether the value may be used."""
        return self.plant.image.quality[self.plant.tag(role)] & 0xC0000000 == 0

    def mean(self, role: str, seconds: float) -> float | None:
        """The mean of a Good value over so many seconds of the present state; None until they have passed. Raises BadInput."""
        since, count, total = self.memory.get("~mean " + role, (self.now.mono, 0, 0.0))
        count, total = count + 1, total + self.value(role)
        self.memory["~mean " + role] = (since, count, total)
        return total / count if self.now.mono - since >= seconds * SECOND else None

    def output(self, role: str, value: float, again: bool = False) -> None:
        """Want a value of an output, from now until somebody wants another; ``again``: also where it was given up."""
        self.plant.set_output(role, value, self.step, again)

    def loop(
        self, role: str, mode: str, setpoint: float | None = None, out: float | None = None, rate_per_min: float | None = None
    ) -> None:
        """Want a loop in a mode with a setpoint, from now on."""
        self.plant.set_loop(role, mode, setpoint, self.step, out, rate_per_min)

    def rest(self, role: str) -> None:
        """Want a loop in MANUAL where it does nothing: no feed; of a split range neither heating nor cooling."""
        self.plant.set_loop(role, "MANUAL", None, self.step, self.plant.resting(role), None)

    def keep(self, role: str, mode: str, setpoint: float | None = None, rate_per_min: float | None = None) -> None:
        """The same for a loop that goes on after this step: a restart of the batch wants it so again."""
        self.loop(role, mode, setpoint, rate_per_min=rate_per_min)
        wish = [mode, setpoint, rate_per_min]
        kept: dict[str, Any] = self.shared.get("keep", {})
        if kept.get(role) != wish:
            self.shared["keep"] = {**kept, role: wish}

    def release(self, *roles: str) -> None:
        """Loops that a restart of the batch leaves alone from now on."""
        kept: dict[str, Any] = self.shared.get("keep", {})
        self.shared["keep"] = {role: wish for role, wish in kept.items() if role not in roles}

    def progress(self, key: str, done: float, grain: float) -> None:
        """Write down how far a dosing has come, at every ``grain``: with it the totals go into the record."""
        if abs(done - self.memory.get(key, 0.0)) >= grain:
            self.memory[key] = round(done, 3)

    def counted(self, role: str, start: str, done: str, grain: float, sign: float = 1.0, store: dict[str, Any] | None = None) -> float:
        """How far a total has come since ``start`` was written down, itself written down as ``done`` at every ``grain``.

        A total that falls (cleared at its meter, a hopper filled again) would be dosed a second time: the batch holds, and when
        a person restarts it the step counts on from what was written down. ``sign``: -1 for a weight that goes down.
        """
        kept = self.memory if store is None else store
        value = self.value(role)
        amount = sign * (value - kept.setdefault(start, value))
        told: float = self.memory.get(done, 0.0)
        if amount < told - grain:
            kept[start] = value - sign * told
            self.memory["doubt"] = self.memory.get("doubt", 0.0) + grain
            raise Hold(f"{role} stands at {value:g}, which makes {amount:.3g} of {told:g} dosed: it was cleared or filled; "
                       f"restarted, the step counts on from {told:g}")
        self.progress(done, amount, grain)
        return amount

    @property
    def doubt(self) -> float:
        """What totals that fell may have counted unseen."""
        return self.memory.get("doubt", 0.0)

    def steady(self, key: str, condition: bool, seconds: float) -> bool:
        """Whether a condition has stood without a break for so long."""
        if not condition:
            self.memory.pop("~" + key, None)
            return False
        since = self.memory.setdefault("~" + key, self.now.mono)
        return self.now.mono - since >= seconds * SECOND


class Phase:
    """A phase: override ``running`` and whatever it must do differently in the other states.

    ``needs``: roles whose values must be Good while it runs. ``zeros``, ``feeds``: what goes to its zero on HOLDING.
    The defaults: chemistry goes on while HELD (cooling and agitation stay), every dosing stops, and before the phase
    resumes the loops that were to be kept are wanted again and the agitator is proved.
    """

    needs: tuple[str, ...] = ()
    zeros: tuple[str, ...] = ()                 # outputs set to 0 when holding, stopping or aborting
    feeds: tuple[str, ...] = ()                 # loops taken to MANUAL at 0 when holding, stopping or aborting
    prove: bool = True                          # prove agitation before the phase resumes

    def running(self, ctx: Context) -> bool:
        """Do the phase's work; True when it is finished."""
        raise Hold("this phase has no work")

    def holding(self, ctx: Context) -> bool:
        """Stop every dosing; True when the outputs were wanted so. One that cannot be stopped does not keep the others on."""
        failed: Exception | None = None
        for stop, roles in ((self._stop_feed, self.feeds), (self._stop_output, self.zeros)):
            for role in roles:
                try:
                    stop(ctx, role)
                except Exception as error:
                    failed = failed or error
        if failed is not None:
            raise failed
        return True

    @staticmethod
    def _stop_feed(ctx: Context, role: str) -> None:
        ctx.loop(role, "MANUAL", out=0.0)

    @staticmethod
    def _stop_output(ctx: Context, role: str) -> None:
        ctx.output(role, 0.0)

    def held(self, ctx: Context) -> None:
        """While HELD: nothing to add; loops for temperature and agitation go on."""

    def restarting(self, ctx: Context) -> bool:
        """Want again what was to be kept, and prove the agitator before the phase resumes; True when proved."""
        for role, (mode, setpoint, rate) in ctx.shared.get("keep", {}).items():
            ctx.loop(role, mode, setpoint, rate_per_min=rate)
        if not self.prove or not ctx.shared.get("agitated"):
            return True
        ctx.output("agitator_run", 1.0, again=True)
        return ctx.steady("proved", ctx.value("agitator_running") > 0.5, 10.0)

    def stopping(self, ctx: Context) -> bool:
        """An orderly end: dosing off, heating off; agitation and cooling stay."""
        ctx.loop("jacket", "MANUAL", out=0.0)
        return self.holding(ctx)

    def aborting(self, ctx: Context) -> bool:
        """A quick end: as stopping."""
        return self.stopping(ctx)
