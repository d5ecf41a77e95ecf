"""Everything a scan works on, and what it must be able to do; ``plant.py`` wires it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from gateway.control.alarm import Alarms
from gateway.control.chain import BatchCreated, Entry, SampleRequested
from gateway.control.checks import Checks
from gateway.control.command import Command
from gateway.control.comms import Comms
from gateway.control.demand import Outputs
from gateway.control.derived import Derived
from gateway.control.force import Forces
from gateway.control.image import Image, Now
from gateway.control.interlock import Interlocks
from gateway.control.loop import Loop
from gateway.control.outgoing import Outgoing


class Talk(Protocol):
    """What the scan sees of a conversation."""

    device: str
    outcomes: list[Any]
    events: list[tuple[str, str]]

    def beat(self, now: int) -> None: ...


class Unit(Protocol):
    """What the scan sees of a batch engine."""

    pending: int
    outbox: list[Entry]

    @property
    def batch(self) -> Any: ...
    def command(self, event: str, who: str, why: str) -> str | None: ...
    def want_hold(self, cause: str) -> None: ...
    def stilled(self) -> dict[int, float]: ...
    def drives(self, loop: str) -> bool: ...
    def scan(self, now: Now) -> list[Entry]: ...
    def apply(self, entry: Entry, now: Now) -> None: ...
    def settled(self, entry: Entry) -> None: ...


class Parts(msgspec.Struct, kw_only=True):
    """Everything a scan works on; ``plant.py`` wires it.

    ``conditions``: evaluates interlock causes over the image; ``alarm_conditions``: what ``Alarms.update`` takes.
    ``figures``: internal tags, what they show, and between what it is Good. ``units``: unit -> engine.
    ``trip_tags``: what a full image needs. ``outgoing``: what waits for the disk; ``late_hold_s``: how long it may do so
    before every batch is held.
    """

    image: Image
    derived: list[Derived]
    conditions: Callable[[list[float], list[int]], list[Any]]
    alarm_conditions: Callable[[list[float], list[int]], list[Any]]
    interlocks: Interlocks
    alarms: Alarms
    loops: dict[str, Loop]
    loop_order: list[str]
    outputs: Outputs
    units: dict[str, Any]
    talks: list[Any]
    trip_tags: list[int]
    figures: list[tuple[int, Callable[[], float | None], float, float]]
    comms: Comms
    create: Callable[[Command, Now], BatchCreated | str]
    start_sample: Callable[[SampleRequested, Now], None]
    documents: Callable[[], list[Any]]
    startup_ns: int
    outgoing: Outgoing = msgspec.field(default_factory=Outgoing)
    late_hold_s: float = 5.0
    checks: Checks = msgspec.field(default_factory=Checks)
    read_only: bool = False
    forces: Forces = msgspec.field(default_factory=Forces)
