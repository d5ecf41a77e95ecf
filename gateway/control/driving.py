"""The loops of a scan, outer before inner: each does its step, and what it asks for goes on to its output or to its inner loop.

    driving = Driving(parts)
    entries = driving.start()                   # once, when the start-up is over
    entries += driving.step(now, scan.count)    # in every scan from then on
"""

from __future__ import annotations

from gateway.control.chain import Entry
from gateway.control.image import Now
from gateway.control.loop import Loop, seat
from gateway.control.parts import Parts
from gateway.control.performance import Performance
from gateway.control.tuning.experiment import Tunings


class Driving:
    """``tunings``: relay experiments and tunings of people; ``performance``: how well the loops with a pv do."""

    __slots__ = ("_count", "parts", "performance", "tunings")

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.tunings = Tunings(parts)
        self.performance = {name: Performance(loop.row.band, loop.row.out_low, loop.row.out_high, loop.row.ti_s, loop.row.span)
                            for name, loop in parts.loops.items() if loop.row.pv is not None}
        self._count = -1                        # of the scan that is under way

    def start(self) -> list[Entry]:
        """The start-up is over: every loop stands in MANUAL where its output is."""
        entries = self.tunings.restart()
        for loop in self.parts.loops.values():
            entries += self._take_over(loop)
        return entries

    def step(self, now: Now, count: int) -> list[Entry]:
        """The loops whose turn has come, in the scan of this count; what they and their experiments have to say."""
        parts, self._count = self.parts, count
        entries, self.tunings.ended = self.tunings.ended, []
        for name in parts.loop_order:
            loop = parts.loops[name]
            row = loop.row
            if name in self.tunings.running and (over := self.tunings.watch(loop)) is not None:
                entries.append(over)
            if loop.due(now.mono):
                if name in self.tunings.running:
                    entry = self.tunings.step(loop, now.mono)
                else:
                    entry = loop.update(parts.image, now.mono, *self._actual(loop))
                    if name in self.performance:
                        self.performance[name].update(now.mono, loop.mode, loop.ramped, self._pv(loop), loop.out)
                if entry is not None:
                    entries.append(entry)
                if row.inner is not None:       # in MANUAL too: what an outer loop is set to is what its inner one follows
                    parts.loops[row.inner].take(loop)
            if row.output is not None:
                self._at_panel(loop, row.output)
                self._drive(loop, row.output, row.share(loop.out))
            if row.output_low is not None:
                self._drive(loop, row.output_low, row.share_low(loop.out))
        return entries

    def _drive(self, loop: Loop, tag: int, value: float) -> None:
        """Hand a loop's output on. Of loops that share one, AUTO comes first, then one that a person holds off its safe value."""
        item = self.parts.outputs.by_tag[tag]
        if loop.mode == "MANUAL" and item.claimed == self._count:
            return
        if loop.mode != "MANUAL" or loop.out != loop.row.safe_out:
            item.claimed = self._count
        item.owner, item.cause, item.loop = "loop", loop.label, value

    def _at_panel(self, loop: Loop, tag: int) -> None:
        """While its output is worked at its panel, a loop that does not feel that stands where it is, and goes on from there in remote."""
        outputs, low = self.parts.outputs, loop.row.output_low
        items = [outputs.by_tag[tag], *(() if low is None else (outputs.by_tag[low],))]
        if any(item.panel for item in items) and (loop.mode == "MANUAL" or loop.row.kind == "direct"):
            at = loop.row.whole(*(item.commanded or 0.0 for item in items), *(() if low is not None else (0.0,)))
            loop.out, loop.fading = min(max(at, loop.row.out_low), loop.row.out_high), False
            loop.working.at = loop.out

    def _actual(self, loop: Loop) -> tuple[float | None, bool]:
        """What the actuator really does where that is not what the loop asks for, and whether it listens to somebody else."""
        row = loop.row
        if row.inner is not None:
            return self._inner(self.parts.loops[row.inner])
        if row.output is None:
            return None, False
        outputs = self.parts.outputs
        high = outputs.by_tag[row.output]
        low = outputs.by_tag[row.output_low] if row.output_low is not None else None
        does, does_low = high.really(self.parts.image), None if low is None else low.really(self.parts.image)
        if does is None and does_low is None:
            return None, False
        does = high.commanded or 0.0 if does is None else does
        does_low = (0.0 if low is None else low.commanded or 0.0) if does_low is None else does_low
        return row.whole(does, does_low), False

    def _inner(self, inner: Loop) -> tuple[float | None, bool]:
        """The same of an inner loop: what it follows; its own pv while it can do no more; where it is while it does not listen."""
        if inner.row.kind == "select":
            does = self._actual(inner)[0]
            return inner.out if does is None else does, False
        if inner.mode == "AUTO" and inner.sp is not None:
            return inner.sp, True
        if inner.mode != "CASCADE" or inner.sp is None:
            return self._pv(inner), True
        pv = self._pv(inner) if inner.saturated else None
        return inner.sp if pv is None else pv, False

    def _pv(self, loop: Loop) -> float | None:
        i = loop.row.pv
        return None if i is None or self.parts.image.quality[i] & 0xC0000000 else self.parts.image.value[i]

    def _take_over(self, loop: Loop) -> list[Entry]:
        """After any start a loop is in MANUAL at the output that the device has; an outer one at what its inner loop sees."""
        row, outputs, image = loop.row, self.parts.outputs, self.parts.image
        if row.output is None:
            if loop.mode == "MANUAL":
                return []
            entry = seat(loop, self._pv(self.parts.loops[row.inner]) if row.inner is not None else None, None, "start-up")
        else:
            low = outputs.by_tag[row.output_low].actual(image) if row.output_low is not None else None
            entry = seat(loop, outputs.by_tag[row.output].actual(image), low, "start-up: output as read back")
        if entry is None:
            return []
        loop.apply(entry)
        return [entry]
