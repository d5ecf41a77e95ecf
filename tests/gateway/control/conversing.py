"""A device and its bank for tests of the conversation: one of everything that a profile can say."""

from __future__ import annotations

from devices.profile import (
    Access,
    CommLoss,
    Kind,
    Limits,
    Point,
    Profile,
    StatusRule,
    Table,
    Verified,
    Watchdog,
    WordOrder,
)
from devices.quality import BAD_SENSOR_FAILURE
from gateway.control.conversation import Binding, Conversation
from gateway.control.image import SECOND, Image, Now
from simulators.bank import Bank

RW, W = Access.READ_WRITE, Access.WRITE
POINTS = (
    Point("level", Table.INPUT, 0, Kind.FLOAT32, unit="m", low=0.0, high=10.0, order=WordOrder.CDAB,
          statuses=(StatusRule(point="fault", quality=BAD_SENSOR_FAILURE),)),
    Point("fault", Table.INPUT, 2),
    Point("speed", Table.INPUT, 3, Kind.INT16, scale=0.1, not_available=(-32768,)),
    Point("switch", Table.DISCRETE, 4, Kind.BIT),
    Point("valve", Table.COIL, 0, Kind.BIT, access=RW),
    Point("setpoint", Table.HOLDING, 10, Kind.INT16, scale=0.1, access=RW, low=0.0, high=100.0),
    Point("rate", Table.HOLDING, 12, Kind.FLOAT32, access=RW),
    Point("span", Table.HOLDING, 14, access=RW, cyclic=False),
    Point("run", Table.HOLDING, 20, access=W, sequences={0: (0x47E,), 1: (0x47E, 0x47F)}, feedback="status"),
    Point("status", Table.HOLDING, 21),
    Point("reset", Table.HOLDING, 22, access=W, trigger=0xAA),
    Point("remote", Table.HOLDING, 30, Kind.BIT, bit=0, access=RW),
    Point("enable", Table.HOLDING, 30, Kind.BIT, bit=1, access=RW),
    Point("model", Table.HOLDING, 40),
)
PROFILE = Profile(
    name="everything", maker="none", model="none", protocol="modbus", source="assumed", verified=Verified.ASSUMED, points=POINTS,
    limits=Limits(gap=0), watchdog=Watchdog(timeout_s=3.0, actions={"valve": CommLoss.ZERO, "setpoint": CommLoss.HOLD}),
)
NAMES = ("level", "speed", "switch", "valve", "setpoint", "rate", "span", "run", "reset", "remote", "enable")
TAG = {name: k for k, name in enumerate(NAMES)}
TICK = SECOND // 2


def bindings(**changes: Binding) -> list[Binding]:
    """Every point as one tag of its own name; ``changes`` replaces single ones."""
    return [changes.get(name, Binding(point=name, tag=k, period_ns=TICK)) for name, k in TAG.items()]


class Talk:
    """A conversation, its bank and the time between them."""

    def __init__(self, profile: Profile = PROFILE, bound: list[Binding] | None = None, **options: object) -> None:
        self.image = Image(list(NAMES), [5 * SECOND] * len(NAMES))
        self.bank = Bank(profile)
        self.c = Conversation("D-1", profile, self.image, bindings() if bound is None else bound, **options)  # type: ignore[arg-type]
        self.at = SECOND

    @property
    def now(self) -> Now:
        """The present instant; UTC runs 5 s apart so that the two are never mistaken."""
        return Now(self.at, self.at + 5 * SECOND)

    def turn(self, ns: int = TICK) -> None:
        """One scan: time moves, the token is given, everything due is asked and answered."""
        self.at += ns
        self.bank.step(self.at)
        self.c.beat(self.at)
        self.answer()

    def answer(self) -> int:
        """Answer all that is due; how many requests that was."""
        asked = 0
        while (request := self.c.due(self.at)) is not None:
            self.c.absorb(self.bank.answer(request, self.at), self.now)
            asked += 1
            assert asked < 1000, "the conversation never comes to rest"
        return asked

    def write(self, name: str, value: float, life_ns: int = 2 * SECOND) -> None:
        """Ask for a write."""
        self.c.write(TAG[name], value, self.at, self.at + life_ns)

    def outcomes(self) -> list[tuple[str, float, str]]:
        """Drain the outcomes as (tag name, value, result)."""
        found = [(NAMES[o.tag], o.value, o.result) for o in self.c.outcomes]
        self.c.outcomes.clear()
        return found

    def quality(self, name: str) -> int:
        """The quality of a tag."""
        return self.image.quality[TAG[name]]

    def value(self, name: str) -> float:
        """The value of a tag."""
        return self.image.value[TAG[name]]
