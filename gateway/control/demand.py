"""The one road to an output: what is wanted, by whom, what may be done, what was sent, what came back.

Recipes, loops and people want; interlocks force, last. A write goes out when the commanded value changes. A read-back
that was asked for after the write, and differs beyond the tolerance once the plant had time to follow, is drift: it is
re-asserted once, then it is an alarm and left alone. Only a trip goes on asking until the plant follows. What was commanded
is looked after whoever wants it, also where nobody does; what nobody wants is asked for again only where it is the safe value.

A trip also takes the output from whoever wanted it otherwise, at once: also one that lets go by itself, before the record has it, gives
nothing back. After the reset nothing moves until somebody wants it anew.

An output whose switch stands in local belongs to who stands at its panel: nothing is written but what an interlock forces, what it
does is what is wanted, and back in remote it goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from gateway.control.chain import Entry, OutputChanged, WriteFailed
from gateway.control.folded import Folded
from gateway.control.image import SECOND, Image, Now

Send = Callable[[int, float, int, int], None]      # output tag index, value, now, expires


class OutputRow(msgspec.Struct, frozen=True, kw_only=True):
    """One output, wired. ``safe`` None keeps what the device does now. ``quantum``: device resolution in tag units.

    ``told``: the device answers with what came of the command (a drive: whether it runs), which is ``readback``; the tag
    itself then shows the command, so that "told to run, but not running" can be seen. ``local``: the switch that
    is 0 while the device is worked at its own panel.
    """

    name: str
    tag: int
    readback: int
    unit: str = ""
    safe: float | None = 0.0
    low: float = 0.0
    high: float = 1.0
    rate_per_s: float | None = None
    deadband: float = 0.0
    quantum: float = 0.0
    tolerance: float = 0.5
    settle_ns: int = 5 * SECOND
    command_age_ns: int = 5 * SECOND
    reassert: bool = True
    told: bool = False
    local: int | None = None


_ASTRAY = ("reasserted", "diverged", "rejected")
_LOOKED_AT = ("sent", "reasserted", "verified")


class Output(Folded[OutputChanged]):
    """The desired state of one output: wanted, commanded, read back, owner, why blocked, when it was last written."""

    __slots__ = ("row", "owner", "cause", "wanted", "loop", "target", "commanded", "sent_at", "sent_utc", "blocked", "state",
                 "moved_at", "eased", "batch", "claimed", "failure", "shaped", "watched", "panel", "held", "blocked_utc")

    def __init__(self, row: OutputRow) -> None:
        super().__init__()
        self.row = row
        self.owner = "none"                     # none | program | operator | loop | interlock
        self.cause = ""
        self.batch = ""
        self.wanted: float | None = None        # None: keep what the device does
        self.loop: float | None = None          # what a loop in AUTO asks for
        self.target: float | None = None
        self.commanded: float | None = None
        self.sent_at = 0
        self.sent_utc = 0
        self.moved_at = 0
        self.watched = 0                        # when the last reading that was compared had been asked for
        self.shaped: float | None = None        # the value wanted that ``target`` was made of, without a rate limit
        self.eased: float | None = None         # where the rate limit has come to, before rounding to what the device can do
        self.failure = ""                       # how writes fail at present: recorded once, not at every repetition
        self.claimed = -1                       # scan in which a loop in AUTO last drove it (loops may share an output)
        self.blocked: tuple[str, ...] = ()
        self.blocked_utc = 0                    # since when it is
        self.panel = ""                         # why it is worked at its own panel
        self.held: float | None = None          # what a person forces it to, below interlocks; said anew in every scan
        self.state = "idle"                     # idle | sent | verified | reasserted | diverged | rejected

    @property
    def bound(self) -> bool:
        """Whether it does something else than its owner asks."""
        return bool(self.blocked) or self.held is not None or bool(self.panel)

    def _fold(self, entry: OutputChanged) -> None:
        """A new wanted value and owner."""
        self.wanted, self.owner, self.cause, self.batch = entry.wanted, entry.owner, entry.cause, entry.batch
        if self.state in ("diverged", "rejected"):
            self.commanded = None               # wanted anew by somebody: it may be written again

    @property
    def ours(self) -> bool:
        """Whether it is asked for again: somebody wants it, or it was sent to its safe value; not what a trip left behind elsewhere."""
        return self.wanted is not None or self.owner == "loop" or (self.sent_utc > 0 and self.commanded == self.row.safe)

    def adopt(self, image: Image) -> None:
        """What it does counts as commanded, where that is known."""
        does = self.actual(image)
        if does is not None:
            self.commanded, self.state = does, "verified"

    def actual(self, image: Image) -> float | None:
        """What it does: its read-back when that is Good, else None."""
        rb = self.row.readback
        return None if image.quality[rb] & 0xC0000000 else image.value[rb]

    def really(self, image: Image) -> float | None:
        """What it does where that is not what its loop asks for: forced, slowed by its rate, or astray; None: as asked."""
        if self.bound:
            return self.commanded
        if self.state in _ASTRAY:
            return self.actual(image)
        return None if self.eased is None or self.eased == self.loop else self.eased


class Outputs:
    """All outputs and their arbitration."""

    __slots__ = ("_told", "by_name", "by_tag", "failures", "items", "send")

    def __init__(self, rows: Sequence[OutputRow], send: Send) -> None:
        self.items = [Output(row) for row in rows]
        self.by_tag = {item.row.tag: item for item in self.items}
        self.by_name = {item.row.name: item for item in self.items}
        self.send = send
        self.failures: list[Entry] = []
        self._told = [item for item in self.items if item.row.told]

    def request(self, tag: int, value: float, owner: str, cause: str, batch: str = "", again: bool = False) -> Entry | str | None:
        """The entry that would make a value wanted; None when it is already, and nothing else is on its way; a sentence when refused.

        ``again``: want it anew where it was given up (diverged or rejected).
        """
        item = self.by_tag[tag]
        row = item.row
        if item.panel and value != item.wanted:
            return f"{row.name} is worked at its panel, {item.panel}; nothing written"
        if not row.low <= value <= row.high:
            return f"{row.name}: {value:g} outside {row.low:g}..{row.high:g}; nothing written"
        same = item.wanted == value and item.owner == owner and item.asked is None
        if same and not (again and item.state in ("diverged", "rejected")):
            return None
        was = item.asked.wanted if item.asked is not None else item.wanted if item.wanted is not None else value
        item.asked = OutputChanged(tag=row.name, wanted=value, was=was, owner=owner, cause=cause, batch=batch)
        return item.asked

    def take(self, effects: Mapping[int, float], cause: str) -> list[Entry]:
        """A trip's effects are what is wanted from now on, except where a loop drives (its tracking follows what is forced).

        Also of what somebody has just asked for and the record does not have: that comes before the trip, whatever it is.
        """
        entries: list[Entry] = []
        for tag, value in effects.items():
            item = self.by_tag[tag]
            was = item.wanted if item.asked is None else item.asked.wanted
            if item.owner != "loop" and was is not None and (was != value or item.asked is not None):
                taken = OutputChanged(tag=item.row.name, wanted=value, was=was, owner="interlock", cause=cause, batch=item.batch)
                entries.append(item.at_once(taken))
        return entries

    def show(self, image: Image) -> None:
        """Let the tags that stand for a command show it; their quality stays that of the line to the device."""
        for item in self._told:
            if item.commanded is not None:
                image.value[item.row.tag] = item.commanded

    def take_over(self, image: Image) -> None:
        """The start-up is over: what nobody has commanded yet is commanded as the device does it now."""
        for item in self.items:
            if item.commanded is None:
                item.adopt(image)

    def make_safe(self, image: Image, now: Now, forced: Mapping[int, float], reasons: Mapping[int, list[str]], cause: str) -> None:
        """The last that is done: what interlocks force stays so, the others go to their safe value; what has none keeps what it does."""
        safe = {item.row.tag: item.row.safe for item in self.items if item.row.safe is not None}
        for item in self.items:
            item.wanted = item.loop = item.held = None
        self.arbitrate(image, now, {**safe, **forced}, {**{tag: [cause] for tag in safe}, **reasons}, True)

    def forget(self) -> None:
        """After a restart nobody wants anything yet: what has a safe value stays there, the rest keeps what the device does."""
        for item in self.items:
            item.wanted, item.owner, item.cause, item.batch = None, "none", "", ""

    def arbitrate(self, image: Image, now: Now, forced: Mapping[int, float], reasons: Mapping[int, list[str]], started: bool) -> None:
        """Turn what is wanted into writes: owner, limits, rate, then interlocks; until ``started`` every output is safe."""
        for item in self.items:
            row = item.row
            tag = row.tag
            force = forced.get(tag)
            newly = False
            if force is None and started:
                value = item.loop if item.loop is not None and item.owner == "loop" else item.wanted
                value = value if item.held is None else item.held
                if item.blocked:
                    item.blocked = ()
            else:
                value = force if force is not None else row.safe
                if not item.blocked:
                    item.blocked_utc = now.utc
                newly = not item.blocked and (
                    item.state != "verified" or image.quality[row.readback] & 0xC0000000 != 0 or _echoes_else(item, value, image)
                )
                item.blocked = tuple(reasons.get(tag, ("start-up",)))
                item.moved_at, item.eased, item.shaped = now.mono, None, None
            if row.local is not None and self._local(item, row.local, image, now):
                continue
            if value is None:
                self._keep(item, image, now)
                continue
            if not item.blocked:
                target = item.target
                if target is None or value != item.shaped or item.commanded != target:
                    target = self._shape(item, value, now)
                value = target
            if value != item.target or item.commanded is None or newly:
                item.target = value
                self._command(item, value, now)
            elif item.state in _LOOKED_AT:
                self._look(item, image, now)
            elif item.blocked and now.mono - item.sent_at >= row.settle_ns:
                self._command(item, value, now)             # rejected or diverged before: a trip asks again

    def _keep(self, item: Output, image: Image, now: Now) -> None:
        """Nobody wants anything of it: it goes on with what it was told or, once that is known, with what it does."""
        item.moved_at = now.mono
        if item.commanded is not None:
            self._look(item, image, now)
        elif not item.blocked:
            item.adopt(image)

    def _look(self, item: Output, image: Image, now: Now) -> None:
        """Whether it does what it was told."""
        if item.state in ("sent", "reasserted"):
            self._verify(item, image, now)
        elif item.state == "verified" and image.asked[item.row.readback] > item.watched:
            self._watch(item, image, now)

    def _local(self, item: Output, switch: int, image: Image, now: Now) -> bool:
        """Whether somebody works it at its panel: then what it does is what is wanted. An unknown switch changes nothing."""
        at_panel = bool(item.panel) if image.quality[switch] & 0xC0000000 else image.value[switch] == 0
        if item.blocked or not at_panel:
            if item.panel and not item.blocked:
                self._handed(item, "", f"{image.names[switch]} stands in remote again")
            item.panel = ""
            return False
        does = item.actual(image)
        if does is not None:
            item.wanted = item.commanded = item.target = item.shaped = min(max(does, item.row.low), item.row.high)
        item.state, item.failure, item.eased, item.moved_at = "verified", "", None, now.mono
        if not item.panel:
            self._handed(item, f"{image.names[switch]} stands in local", f"{image.names[switch]} stands in local")
        return True

    def _handed(self, item: Output, panel: str, cause: str) -> None:
        """To the panel, or back: nobody's until somebody wants it anew, unless a loop goes on from there."""
        item.panel, wanted = panel, item.wanted
        at = wanted if wanted is not None else item.row.low
        handed = OutputChanged(tag=item.row.name, wanted=at, was=at, owner="local" if panel else "none", cause=cause)
        self.failures.append(item.at_once(handed))
        item.wanted = wanted                    # also where nobody knows what it does: then it keeps that

    def _shape(self, item: Output, value: float, now: Now) -> float:
        """A value inside the limits, at the rate and in the steps of the output; what changes less than its deadband stays."""
        row = item.row
        item.shaped = value if row.rate_per_s is None else None
        value = min(max(value, row.low), row.high)
        if row.rate_per_s is not None:
            base = item.eased if item.eased is not None else item.commanded
            if base is not None:
                step = row.rate_per_s * max(now.mono - item.moved_at, 0) / SECOND
                value = min(max(value, base - step), base + step)
            item.moved_at, item.eased = now.mono, value
        if row.quantum:
            value = min(max(round(round(value / row.quantum) * row.quantum, 9), row.low), row.high)
        if item.commanded is not None and 0 < abs(value - item.commanded) < row.deadband and value not in (row.low, row.high):
            return item.target if item.target is not None else value
        return value

    def _command(self, item: Output, value: float, now: Now) -> None:
        if value == item.commanded and not item.blocked:
            return
        self._write(item, value, now)
        item.state = "sent"

    def _write(self, item: Output, value: float, now: Now) -> None:
        item.commanded = value
        item.sent_at, item.sent_utc = now.mono, now.utc
        self.send(item.row.tag, value, now.mono, now.mono + item.row.command_age_ns)

    def _verify(self, item: Output, image: Image, now: Now) -> None:
        """Look for a Good reading asked for after the write; drift is judged only after the settling time."""
        row = item.row
        rb = row.readback
        if image.quality[rb] & 0xC0000000 or image.asked[rb] <= item.sent_at or item.commanded is None:
            return
        if abs(image.value[rb] - item.commanded) <= row.tolerance:
            item.state, item.failure = "verified", ""
        elif now.mono - item.sent_at >= row.settle_ns:
            self._drift(item, image.value[rb], now)

    def _watch(self, item: Output, image: Image, now: Now) -> None:
        rb = item.row.readback
        if image.quality[rb] & 0xC0000000 or item.commanded is None or image.asked[rb] <= item.sent_at:
            return
        item.watched = image.asked[rb]
        if abs(image.value[rb] - item.commanded) > item.row.tolerance:
            item.state = "sent"
            item.sent_at = now.mono

    def _drift(self, item: Output, readback: float, now: Now) -> None:
        assert item.commanded is not None
        again = bool(item.blocked) or (item.state == "sent" and item.row.reassert and item.ours)
        if (item.state == "reasserted" or not again) and item.failure != "diverged":
            item.failure = "diverged"
            left = "left alone after one re-assertion" if item.row.reassert else "not re-asserted by policy"
            left = left if item.ours else "left alone: nobody wants anything of it"
            detail = "asked for again and again" if again else left
            failed = WriteFailed(tag=item.row.name, wanted=item.commanded, outcome="diverged", readback=readback, detail=detail)
            self.failures.append(failed)
        if again:
            self._write(item, item.commanded, now)
        item.state = "reasserted" if again else "diverged"

    def outcome(self, tag: int, value: float, result: str, detail: str) -> None:
        """Take in how a write ended on the wire; anything but accepted is recorded, once until the output is verified again."""
        item = self.by_tag[tag]
        if result == "accepted" or value != item.commanded:
            return                              # what was overtaken by a later write has no consequence any more
        if result == "rejected":
            item.state = "rejected"
        if item.failure == result:
            return
        item.failure = result
        self.failures.append(WriteFailed(tag=item.row.name, wanted=value, outcome=result, detail=detail))


def _echoes_else(item: Output, value: float | None, image: Image) -> bool:
    """Whether the device itself says that it was told something else, whatever the switch says that proves the output."""
    tag = item.row.tag
    return value is not None and not image.quality[tag] & 0xC0000000 and abs(image.value[tag] - value) > item.row.tolerance
