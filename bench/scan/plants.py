"""A plant of any size out of the real parts: tags that move, PI loops, interlocks and alarms on conditions of the real language.

Of every ten tags one is a loop's output with its read-back, the rest are measured. Conditions look at two tags each. Every loop runs
in every scan. Nothing is in the way of the scan: no devices, no journal on a disk.
"""

from __future__ import annotations

import random
import time

from devices.quality import GOOD
from gateway.control.alarm import AlarmRow, Alarms
from gateway.control.comms import Comms, Told
from gateway.control.conditions import compile_set, parse
from gateway.control.demand import OutputRow, Outputs
from gateway.control.image import SECOND, Image, Now
from gateway.control.interlock import Interlocks, Row
from gateway.control.loop import Loop, LoopRow
from gateway.control.parts import Parts
from gateway.control.scan import Scan

PERIOD_NS = SECOND // 10


class Plant:
    """``tags`` in all, a tenth of them outputs of loops; ``conditions`` half interlocks, half alarms (default: a quarter of the tags)."""

    def __init__(self, tags: int, conditions: int | None = None, seed: int = 1) -> None:
        self.tags, self.loops = tags, tags // 10 if tags >= 1000 else round(tags / 7.5)
        self.conditions = conditions or (tags // 4 if tags >= 1000 else tags // 3)
        self.rng = random.Random(seed)
        names = [f"T-{k}" for k in range(tags)]
        self.image = Image(names, [5 * SECOND] * tags)
        self.measured = tags - self.loops
        self.sent = 0
        outputs = Outputs([OutputRow(name=names[self.measured + k], tag=self.measured + k, readback=self.measured + k, high=100.0)
                           for k in range(self.loops)], self._send)
        loops = {f"L-{k}": Loop(LoopRow(name=f"L-{k}", kind="pid", unit="U", period_ns=PERIOD_NS, pv=k, output=self.measured + k, gain=2.0,
                                        ti_s=60.0, td_s=5.0, tf_s=1.0)) for k in range(self.loops)}
        half = self.conditions // 2
        sources = [self._condition(k) for k in range(self.conditions)]
        safe = {self.measured + k: 0.0 for k in range(self.loops)}
        rows = [Row(name=f"I-{k}", unit="U", group="U", effects={self.measured + k % self.loops: 0.0}) for k in range(half)]
        alarms = [AlarmRow(name=f"A-{k}", unit="U", priority="low", on_delay_ns=SECOND) for k in range(self.conditions - half)]
        quiet = ["False"] * len(alarms)
        self.parts = Parts(
            image=self.image, derived=[], conditions=compile_set(sources[:half]),
            alarm_conditions=compile_set([*sources[half:], *quiet]), interlocks=Interlocks(rows, safe, 8 * 3600 * SECOND),
            alarms=Alarms(alarms), loops=loops, loop_order=list(loops), outputs=outputs, units={}, talks=[], trip_tags=[0], figures=[],
            comms=Comms({}, {}, Told()), create=lambda command, now: "none", start_sample=lambda entry, now: None, documents=list,
            startup_ns=SECOND,
        )  # fmt: skip
        self.plant = Scan(self.parts)
        self.now = Now(1000 * SECOND, 10**18)
        self.settle()

    def _condition(self, k: int) -> str:
        a, b = (2 * k) % self.measured, (2 * k + 1) % self.measured
        text = f"T-{a} > 95 degC or (T-{b} < 5 degC and T-{a} > 90 degC)"
        return parse(text).source(lambda name: self.image.index[name], lambda _: "degC")

    def _send(self, tag: int, value: float, now: int, expires: int) -> None:
        self.sent += 1
        self.image.put(tag, value, GOOD, asked=now + 1, seen=now, source=0)

    def settle(self) -> None:
        """Everything heard, armed, every loop in AUTO."""
        for _ in range(3):
            self.arrive()
            self.scan()
        for loop in self.parts.loops.values():
            loop.mode, loop.sp = "AUTO", 50.0
        for _ in range(3):
            self.arrive()
            self.scan()

    def arrive(self) -> None:
        """New readings of everything, as the links would bring them."""
        image, now, rng = self.image, self.now, self.rng
        for k in range(self.measured):
            image.put(k, 50.0 + rng.uniform(-5.0, 5.0), GOOD, asked=now.mono, seen=now.mono, source=now.utc)
        for k in range(self.measured, self.tags):
            image.put(k, image.value[k], GOOD, asked=now.mono, seen=now.mono, source=now.utc)

    def scan(self) -> None:
        """One pass, a period later."""
        self.now = Now(self.now.mono + PERIOD_NS, self.now.utc + PERIOD_NS)
        self.plant.run(self.now, 0)


def cost(tags: int, scans: int = 400) -> tuple[Plant, list[int], float]:
    """A plant, the CPU time of each scan (ns, rising) and the mean CPU time, us."""
    plant = Plant(tags)
    took: list[int] = []
    for _ in range(scans):
        plant.arrive()
        began = time.thread_time_ns()
        plant.scan()
        took.append(time.thread_time_ns() - began)
    took.sort()
    return plant, took, sum(took) / len(took) / 1000.0
