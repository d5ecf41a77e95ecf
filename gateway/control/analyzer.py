"""The gateway's side of the talk with an OPC UA analyser: bulk reads into the image, writes out, analyses by id.

    request = conversation.due(now.mono)            # ReadNodes of everything, on the shared tick
    conversation.absorb(device.answer(request, now.mono), now)

One request is in flight at a time. The bulk read is the truth and the proof of life: a link that subscribes hands its
notifications to ``absorb`` too, which only makes changes arrive sooner, and a notification that is older than what was
read changes nothing. What was written is read at once. Pure: no asyncio, no clock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from devices.exchange import CallMethod, ReadNodes, Reply, Request, WriteNode
from devices.instruments.icp_lads import STATES
from devices.lanes import TINY
from devices.opcua import BAD_NODE_ID_UNKNOWN, BAD_TYPE_MISMATCH, RESULT_SET, number, overflowed, understood, without_overflow
from devices.profile import Node, Profile
from devices.quality import (
    BAD_CONFIGURATION_ERROR,
    BAD_NO_COMMUNICATION,
    BAD_OUT_OF_RANGE,
    BAD_SENSOR_FAILURE,
    GOOD,
    UNCERTAIN_EU_EXCEEDED,
    is_bad,
    worse,
)
from gateway.control.conversation import Binding, Outcome
from gateway.control.health import Asked, Health
from gateway.control.image import SECOND, Image, Now
from gateway.control.lads import Analyses, IcpDocument
from gateway.control.reading import Reading
from gateway.control.serving import Serving
from gateway.control.throttle import Throttle

__all__ = ["IcpDocument", "OpcUaConversation"]

POLL_NS = 5 * SECOND
TIMEOUTS_LOST = 2
EVENTS_A_MINUTE = 30
BURST_NS = 60 * SECOND
"""A queue that overflows again within this time is the same gap."""
_NO_STATES: Mapping[str, int] = {}
_JOB_NODES = ("device_state", "state", "active_run", "result_version")


class _Pending(msgspec.Struct):
    """A write that waits for its turn. ``expires``: monotonic ns after which it is dead."""

    tag: int
    wanted: float
    value: Any
    expires: int


class OpcUaConversation:
    """One OPC UA device. ``outcomes`` and ``documents`` are drained by the scan.

    ``poll_ns``: period of the bulk read. ``sampling_ns``: revised interval of the link's subscription, 0 when it polls.
    """

    def __init__(
        self, device: str, profile: Profile, image: Image, bindings: Sequence[Binding], *, poll_ns: int = POLL_NS,
        read_only: bool = False,
    ) -> None:
        self.device, self.profile, self.image, self.poll_ns, self.read_only = device, profile, image, poll_ns, read_only
        self.state: Literal["unknown", "up", "lost"] = "unknown"
        self.events: list[tuple[str, str]] = []
        self.outcomes: list[Outcome] = []
        self.analyses = Analyses()
        self.health = Health()
        self.sampling_ns = 0
        self._nodes = {node.name: node for node in profile.nodes}
        self._by_point: dict[str, list[Binding]] = {}
        self._by_tag: dict[int, Binding] = {}
        for binding in bindings:
            if binding.point not in self._nodes:
                raise KeyError(f"{device}: {profile.name} has no node {binding.point!r}; it has {', '.join(self._nodes)}")
            self._by_point.setdefault(binding.point, []).append(binding)
            self._by_tag[binding.tag] = binding
        self.tags = tuple(dict.fromkeys(binding.tag for binding in bindings))
        watched = [name for name in _JOB_NODES if name in self._nodes]
        self.names: tuple[str, ...] = tuple(dict.fromkeys([*self._by_point, *watched]))
        self._flight: tuple[Request, int] | None = None
        self._writes: dict[int, _Pending] = {}
        self._sent: _Pending | None = None
        self._reading = Reading(self.names, poll_ns, self._proof())
        self._serving = Serving()
        self._silent = 0                    # timeouts in a row
        self._faulty: dict[str, int] = {}   # node -> why it has no value, told once
        self._talk = Throttle(EVENTS_A_MINUTE)
        self._burst: dict[str, int] = {}    # node -> until when an overflow of its queue is told already

    def _proof(self) -> dict[str, int]:
        """Node -> period at which it is read at least: twice within the maximum age of its tags, no faster than they are scanned."""
        age = self.image.max_age
        return {name: min([self.poll_ns, *(max(age[each.tag] // 2, each.period_ns) for each in self._by_point.get(name, ()))])
                for name in self.names}

    @property
    def documents(self) -> list[IcpDocument]:
        """Results that have arrived, oldest first."""
        return self.analyses.documents

    @property
    def rates(self) -> dict[int, list[str]]:
        """Period in ns -> names of the nodes to subscribe to at that rate."""
        found: dict[int, list[str]] = {}
        for name in self.names:
            period = min((binding.period_ns for binding in self._by_point.get(name, [])), default=self.poll_ns)
            found.setdefault(period, []).append(name)
        return found

    @property
    def quiet(self) -> bool:
        """Never: whether there is something to ask is a matter of time (``idle``)."""
        return False

    @property
    def urgent(self) -> bool:
        """Whether a write is waiting or under way."""
        return bool(self._writes) or self._sent is not None

    def resolution(self, tag: int, point: str) -> float:
        """The smallest step that the device can carry, in tag units: one for a whole number, none for a real one."""
        gain = self._by_tag[tag].gain
        return 0.0 if self._nodes[point].variant in ("Double", "Float") else abs(gain)

    def connected(self, now: int) -> None:
        """The link is there (again): everything is read at once."""
        self._flight, self._silent = None, 0
        self._faulty.clear()
        self._reading.reset()

    def due(self, now: int) -> Request | None:
        """The next request, marked in flight: writes first, then the bulk read of this tick, then analyses; None if none."""
        if self._flight is not None:
            return None
        request: Request | None = self._next_write(now)
        if request is None:
            names = self._reading.due(now)
            request = ReadNodes(names) if names else None
        if request is None:
            request = self.analyses.next(now)
        if request is not None:
            self._flight = (request, now)
        return request

    def write(self, tag: int, value: float, now: int, expires: int) -> None:
        """Ask for one write; the latest wins, and none goes out after ``expires`` or twice. KeyError: no tag of this device."""
        binding = self._by_tag[tag]
        gain, offset = binding.line()
        point_value = (value - offset) / gain
        kind = self._nodes[binding.point].variant
        typed: Any = bool(point_value) if kind == "Boolean" else point_value if kind in ("Double", "Float") else round(point_value)
        pending = _Pending(tag, value, typed, expires)
        if self.read_only:
            self._end(pending, "rejected", now, "read-only")
            return
        replaced = self._writes.pop(tag, None)
        if replaced is not None:
            self._end(replaced, "expired", now, "replaced by a later write before it was sent")
        self._writes[tag] = pending

    def idle(self, now: int) -> bool:
        """Whether nothing can be due at ``now``: the link need not be woken."""
        return self._flight is None and not self._writes and self._reading.idle(now) and not self.analyses.open

    def beat(self, now: int) -> None:
        """A completed scan. An analyser moves nothing and needs no heartbeat."""

    def start_program(
        self, sample_id: str, batch: str, stream: str, purpose: str, properties: Mapping[str, str] | None = None, now: int = 0
    ) -> None:
        """Queue one analysis. ``stream``: name of the stream (R-101 ...); ``properties``: of the program, ``template`` names it.

        It is started once, when the device is ready; an unanswered start is looked up, never blindly repeated.
        """
        self.analyses.start(sample_id, batch, stream, purpose, properties or {}, now)

    def expect_result(self, sample_id: str, batch: str, stream: str, purpose: str, now: int) -> None:
        """After a restart: wait for an analysis that was asked for before it, without starting it."""
        self.analyses.expect(sample_id, batch, stream, purpose, now)

    def absorb(self, reply: Reply, now: Now) -> None:
        """Take in an answer, or a notification (a reply to a request that is not in flight)."""
        request = reply.request
        if self._flight is None or self._flight[0] is not request:
            self._notified(reply, now)
            return
        asked, self._flight = self._flight[1], None
        self._silent = self._silent + 1 if reply.failure == "timeout" else 0
        self._count(reply, now)
        if reply.failure is None and self.state != "up":
            if self.state == "lost":
                self.events.append(("regained", self.device))
            self.state = "up"
        if isinstance(request, CallMethod):
            self.analyses.started(request, reply, now.mono)
        elif isinstance(request, WriteNode):
            self._written(reply, now)
        elif isinstance(request, ReadNodes):
            self._read(request, reply, asked, now)
        if reply.failure == "lost" or self._silent >= TIMEOUTS_LOST:
            self.lost(now, f"{reply.failure} on {request!r:.80}")

    def _count(self, reply: Reply, now: Now) -> None:
        health = self.health
        health.answered += reply.ok
        health.timeouts += reply.failure == "timeout"
        health.exceptions += reply.exception is not None
        health.malformed += reply.failure == "malformed"
        if not reply.ok:
            what = reply.failure or f"0x{reply.exception or 0:08X}"
            health.erred(f"{what} on {type(reply.request).__name__}", now.utc)

    def complaints(self) -> dict[str, str]:
        """What is wrong with the device itself while it answers, by its cause, in words."""
        found = self._serving.complaints()
        return found | {"refused": f"has not, or not as it should be: {', '.join(self._faulty)}"} if self._faulty else found

    @property
    def plan(self) -> list[Asked]:
        """What it is asked for: the nodes read together, and those it does not have."""
        return [Asked(f"node {name}", len(self._by_point.get(name, ())), name in self._faulty, (name,)) for name in self.names]

    def missed(self, count: int) -> None:
        """The link was not told of so many changes: everything is read at once, and the gap is on record."""
        self._reading.at_once()
        self.events.append(("missed", f"{count} notifications of {self.device}"))

    def happened(self, what: str, now: int) -> None:
        """The server has something to say: for the record, and when it talks without end only how much it was."""
        heard, kept = self._talk.let(now)
        if kept:
            self.events.append(("event", f"and {kept} more within a minute"))
        if heard:
            self.events.append(("event", what))

    def poll(self, names: Sequence[str]) -> None:
        """The server tells nothing of these nodes: they are read, each as often as its tags are scanned."""
        rates = {name: period for period, each in self.rates.items() for name in each}
        self._reading.poll({name: rates[name] for name in names if name in rates})

    def found(self, names: Sequence[str]) -> None:
        """Nodes that were missing are there: they are read at once."""
        self._reading.at_once(names)

    def refused(self, why: str) -> None:
        """The link will not talk to this server, or the server not to us: for the record, in words."""
        self.events.append(("refused", why))

    def served(self, state: int | None, level: int | None, time_utc: int | None, now: Now) -> None:
        """Take in what the server says of itself: a server that is not well makes good values uncertain at once."""
        before = self._serving.quality
        self.events += self._serving.heard(state, level, time_utc, now.utc)
        if self._serving.quality == before:
            return
        quality = self.image.quality
        for tag in self.tags:
            quality[tag] = worse(quality[tag], self._serving.quality)
        self._reading.at_once()

    def lost(self, now: Now, why: str) -> None:
        """The link is gone: every tag Bad at once, a write in flight unverified, all of it read again on return."""
        self.image.spoil(self.tags, BAD_NO_COMMUNICATION)
        if self.state != "lost":
            self.state = "lost"
            self.events.append(("lost", why))
            self.health.erred(why, now.utc)
        if self._sent is not None:
            self._end(self._sent, "unverified", now.mono, why)
        self._flight, self._sent, self._silent = None, None, 0
        self._reading.at_once()
        self.analyses.lost(now.mono)

    # --- reads ---------------------------------------------------------------------------------------------------
    def _read(self, request: ReadNodes, reply: Reply, asked: int, now: Now) -> None:
        name = request.names[0]
        node, _, child = name.partition("/")
        document: Mapping[str, Any] | None = reply.document if reply.ok else None
        if node in self._nodes and self._nodes[node].variant == RESULT_SET:
            found: Any = None if document is None else document.get(name)
            if child:
                self.analyses.fetched(child, found, now.mono)
            else:
                self.analyses.listed(found, asked, now.mono)
        elif document is not None:
            self._take({each: told for each, told in document.items() if not self._overtaken(each, told[2], asked)}, asked, now)
            if set(_JOB_NODES).intersection(document):
                self._job(document, asked, now)

    def _job(self, document: Mapping[str, tuple[Any, int, int]], asked: int, now: Now) -> None:
        """What a bulk read says of the analyses."""
        good = {name: document[name][0] for name in _JOB_NODES if name in document and not is_bad(document[name][1])}
        self.analyses.saw(
            ready=good.get("state") == "Stopped" and good.get("device_state", "Operate") == "Operate",
            active=good.get("active_run"), version=good.get("result_version"), asked=asked, now=now.mono,
        )

    def _fault(self, name: str, status: int) -> None:
        """A node that is not there, or is of another type than it was: told once, until it is well again."""
        if self._faulty.get(name) != status:
            self._faulty[name] = status
            what = "has no node" if status == BAD_NODE_ID_UNKNOWN else "has another type than it had, or than the profile says, at node"
            self.events.append(("refused", f"{self.device} {what} {name}"))

    def _notified(self, reply: Reply, now: Now) -> None:
        """A notification was true at most one sampling interval ago; a change of state asks for the bulk read."""
        if not reply.ok or self.state != "up" or not isinstance(reply.request, ReadNodes) or not isinstance(reply.document, dict):
            return
        document: dict[str, tuple[Any, int, int]] = reply.document  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        newer = {name: told for name, told in document.items() if not self._older(name, told[2])}
        self._take(newer, now.mono - max(self.sampling_ns, 1), now)
        if any(name in document for name in _JOB_NODES):
            self._reading.at_once()

    def _older(self, name: str, source: int) -> bool:
        """Whether a notification is older, by the device's own clock, than what its tags already show."""
        if source:
            known = self.image.source
            for binding in self._by_point.get(name, ()):
                if source < known[binding.tag]:
                    return True
        return False

    def _take(self, document: Mapping[str, tuple[Any, int, int]], asked: int, now: Now) -> None:
        quality = self.image.quality
        for name, (value, status, source) in document.items():
            if status and overflowed(status):
                status = self._overflow(name, status, now.mono)
            mistyped = False
            for binding in self._by_point.get(name, ()):
                self._put(binding, self._nodes[name], value, status, source, asked, now)
                mistyped = mistyped or quality[binding.tag] == BAD_TYPE_MISMATCH
            if mistyped or status == BAD_NODE_ID_UNKNOWN:
                self._fault(name, BAD_TYPE_MISMATCH if mistyped else status)
            elif self._faulty:
                self._faulty.pop(name, None)

    def _overtaken(self, name: str, source: int, asked: int) -> bool:
        """Whether a newer value of this node, by the device's own clock, was told while the read was under way."""
        image = self.image
        return source != 0 and any(image.seen[each.tag] > asked and source < image.source[each.tag] and not is_bad(image.quality[each.tag])
                                   for each in self._by_point.get(name, ()))

    def _overflow(self, name: str, status: int, now: int) -> int:
        """Values of this node were lost in the server's queue: a gap on record. The status of the value that is left."""
        if now >= self._burst.get(name, now):
            self.events.append(("missed", f"values of {name} of {self.device}: the server's queue ran over"))
        self._burst[name] = now + BURST_NS
        return without_overflow(status)

    def _put(self, binding: Binding, node: Node, value: Any, status: int, source: int, asked: int, now: Now) -> None:
        """One value into the image: the device's status passes through, ours can only make it worse."""
        i, image = binding.tag, self.image
        read, status = number(value, STATES.get(node.name, _NO_STATES)), understood(status)
        if is_bad(status) or read is None or (isinstance(value, bool) != (node.variant == "Boolean")):
            image.put(i, image.value[i], status if is_bad(status) else BAD_TYPE_MISMATCH, asked=asked, seen=now.mono, source=source)
            return
        if math.isnan(read) or 0.0 < abs(read) < TINY:
            image.put(i, image.value[i], BAD_SENSOR_FAILURE, asked=asked, seen=now.mono, source=source)
            return
        quality = worse(worse(status, _in_range(read, node.low, node.high)), self._serving.quality)
        gain, offset = binding.line()
        tagged = read * gain + offset
        if (binding.low is not None and tagged < binding.low) or (binding.high is not None and tagged > binding.high):
            quality = worse(quality, UNCERTAIN_EU_EXCEEDED)
        image.put(i, tagged, quality, asked=asked, seen=now.mono, source=source)

    # --- writes --------------------------------------------------------------------------------------------------
    def _next_write(self, now: int) -> WriteNode | None:
        while self._writes:
            pending = self._writes.pop(next(iter(self._writes)))
            if now > pending.expires:
                self._end(pending, "expired", now, "no turn before it expired")
                continue
            self._sent = pending
            return WriteNode(self._by_tag[pending.tag].point, pending.value)
        return None

    def _written(self, reply: Reply, now: Now) -> None:
        if self._sent is None:
            return
        if reply.ok:
            self._end(self._sent, "accepted", now.mono, "")
            self._reading.at_once((self._by_tag[self._sent.tag].point,))       # a server may accept and do nothing
        elif reply.failure in (None, "refused"):
            self._end(self._sent, "rejected", now.mono, f"0x{reply.exception or BAD_CONFIGURATION_ERROR:08X}")
        else:
            self._end(self._sent, "unverified", now.mono, reply.failure)
        self._sent = None

    def _end(self, pending: _Pending, result: str, at: int, detail: str) -> None:
        self.outcomes.append(Outcome(pending.tag, pending.wanted, result, at, detail))


def _in_range(value: float, low: float | None, high: float | None) -> int:
    """Uncertain outside ``low``..``high``, Bad when more than 5 % of span outside; Good where a bound is not given."""
    if low is None or high is None:
        return GOOD
    beyond = max(low - value, value - high)
    if beyond <= 0.0:
        return GOOD
    return BAD_OUT_OF_RANGE if beyond > 0.05 * (high - low) else UNCERTAIN_EU_EXCEEDED
