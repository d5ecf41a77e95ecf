"""One device's side of the talk: what to ask it now, and what its answers mean. Pure: no socket, no clock.

In the plant a link carries the requests; in a rehearsal a bank answers them in the same breath:

    >>> conversation.beat(now.mono)                       # the scan is done: its token lets polls and heartbeat out
    >>> while request := conversation.due(now.mono):
    ...     conversation.absorb(bank.answer(request, now.mono), now)

One request is in flight at a time. Order: proof of identity, writes, heartbeat, reads. Reads and heartbeats are offered
only against a token of a completed scan, so a scan that hangs stops all traffic and the device's own watchdog acts.

States: ``unknown`` until the first answer, ``up``, ``lost`` (link gone, two timeouts in a row, or its gateway says the
unit is silent). A lost device is probed with one request after 1, 2, 4, then every 5 s, so that it cannot slow its
neighbours; every tag of it is Bad.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from devices.codec import resolution
from devices.exchange import Read, Reply, Write
from devices.profile import Profile
from devices.quality import BAD_COMMUNICATION_ERROR, BAD_CONFIGURATION_ERROR, BAD_NO_COMMUNICATION
from gateway.control.health import Asked, Health
from gateway.control.image import SECOND, Image, Now
from gateway.control.polling import REFUSED_RETRY_NS, Binding, Poll, Polling
from gateway.control.proof import Heartbeat, Introduction, Proof, heartbeat_of, proofs_of
from gateway.control.writing import Command, Outcome, Writing

__all__ = ["Binding", "Conversation", "Outcome"]

TIMEOUTS_LOST = 2
PROBE_NS = (SECOND, 2 * SECOND, 4 * SECOND, 5 * SECOND)
WRONG_RETRY_NS = 5 * SECOND

_Flight = Poll | Command | Proof | Introduction | Heartbeat


class Conversation:
    """See the module. ``timeout_s``: watchdog as set in the device; ``read_only``: every write is rejected; ``depth``: reads
    that may be in flight at once (a gateway that queues them), writes always go alone.

    ``outcomes`` and ``events`` ("lost", "regained", "refused", "wrong_device" with a detail) are drained by the scan.
    """

    __slots__ = (
        "_asked", "_beats", "_beside", "_burst", "_flight", "_heart", "_may_prove", "_probe_at", "_probes", "_proof_at",
        "_proofs", "_reported", "_request", "_silent", "_stale_ns", "_steps", "_to_prove", "_token_until", "_wrong", "depth",
        "device", "events", "health", "image", "keep", "outcomes", "patience_s", "pause_s", "polling", "profile", "quiet",
        "read_only", "settle_s", "state", "tags", "unit", "writing",
    )  # fmt: skip

    def __init__(self, device: str, profile: Profile, image: Image, bindings: Sequence[Binding], *, unit: int | None = None,
                 timeout_s: float | None = None, read_only: bool = False, depth: int = 1) -> None:
        self.device, self.profile, self.image, self.read_only = device, profile, image, read_only
        self.unit = profile.unit_id if unit is None else unit
        self.state: Literal["unknown", "up", "lost"] = "unknown"
        self.events: list[tuple[str, str]] = []
        self.health = Health()
        self.pause_s, self.settle_s = profile.limits.pause_ms / 1000, profile.limits.settle_ms / 1000
        self.keep = profile.limits.keep
        self.patience_s = None if profile.watchdog is None else timeout_s or profile.watchdog.timeout_s
        self.polling = Polling(profile, self.unit, bindings)
        readable = frozenset(address for poll in self.polling.polls for _, address in poll.words)
        self.writing = Writing(profile, self.unit, bindings, readable)
        self.outcomes = self.writing.outcomes
        self.tags = tuple(dict.fromkeys(binding.tag for binding in bindings))
        self._stale_ns = min((image.max_age[tag] for tag in self.tags), default=60 * SECOND)
        self._steps = {b.tag: abs(b.gain) * resolution(profile.point(b.point)) for b in bindings}
        self._proofs = proofs_of(profile, self.unit)
        self._to_prove = len(self._proofs)  # proofs that have not held yet since the connection was made
        self._heart = heartbeat_of(profile, self.unit, timeout_s)
        self._wrong = ""                    # what was found instead of it
        self._may_prove = False
        self._proof_at = 0
        self.depth = depth
        self._flight: _Flight | None = None
        self._beside: dict[int, tuple[Poll, int]] = {}      # polls in flight besides: id of the request -> poll, when asked
        self._burst = -1                    # when the requests of the last timeout were asked
        self._request: Read | Write | None = None
        self._asked = 0
        self._token_until = -1
        self._beats = False                 # a token that no heartbeat has spent yet
        self._silent = 0                    # timeouts in a row
        self._probes = 0
        self._probe_at = 0
        self._reported: set[str] = set()
        self.quiet = False                  # there is no use in asking before something happens again

    @property
    def reads(self) -> tuple[Read, ...]:
        """What the device is known to be read with."""
        return tuple(poll.request for poll in self.polling.polls)

    @property
    def plan(self) -> list[Asked]:
        """What it is asked for now, as learnt from what it refused."""
        return [Asked(f"function {poll.request.function}, {poll.request.address}+{poll.request.count}", len(poll.tags), poll.refused,
                      tuple(point.name for point in poll.block.points)) for poll in self.polling.polls]

    def complaints(self) -> dict[str, str]:
        """What is wrong with the device itself while it answers, by its cause, in words."""
        if self._wrong:
            return {"wrong_device": self._wrong}
        refused = [asked.what for asked in self.plan if asked.refused] if any(poll.refused for poll in self.polling.polls) else []
        return {"refused": f"refuses {'; '.join(refused)}"} if refused else {}

    @property
    def urgent(self) -> bool:
        """Whether a write is waiting or under way."""
        return bool(self.writing.waiting) or self.writing.active is not None

    def resolution(self, tag: int) -> float:
        """The smallest step of a tag, in tag units, that the device can carry."""
        return self._steps[tag]

    # ------------------------------------------------------------------------------------------------ what to ask
    def due(self, now: int) -> Read | Write | None:
        """The next request, which then is in flight until ``absorb`` or ``lost``; None when there is nothing to ask now."""
        self.quiet = True
        if self._flight is not None:
            return self._another(now)
        if self._beside and (self._to_prove or self.urgent):
            return None                         # they go alone: when what is in flight besides was answered
        if self._to_prove:
            return self._prove(now)
        if self.writing.waiting or self.writing.active is not None:
            command = self.writing.next(now)
            if command is not None:
                return self._send(command, command.request, now)
        if now > self._token_until:
            self.polling.clear()
            return None
        if self._beats and self._heart is not None and now >= self._heart.at and self.state != "lost" and not self._beside:
            self._beats = False
            self._heart.at = now + self._heart.every
            if self._heart.next() is not None:
                return self._send(self._heart, self._heart.request, now)
        queue = self.polling.queue
        if not queue or id(queue[0].request) in self._beside:
            return None
        poll = queue.popleft()
        poll.queued = False
        self._flight, self._request, self._asked = poll, poll.request, now
        self.quiet = self.depth == 1 or not queue
        return poll.request

    def _another(self, now: int) -> Read | None:
        """One more poll beside those in flight, where the other end queues several; never beside a write or a proof."""
        queue = self.polling.queue
        if not queue or len(self._beside) >= self.depth - 1 or type(self._flight) is not Poll or self.urgent or now > self._token_until:
            return None
        if queue[0].request is self._request or id(queue[0].request) in self._beside:
            return None                         # the same block is still on its way
        poll = queue.popleft()
        poll.queued = False
        self._beside[id(poll.request)] = (poll, now)
        self.quiet = not queue
        return poll.request

    def write(self, tag: int, value: float, now: int, expires: int) -> None:
        """Ask for one write; it ends in exactly one outcome. Raises KeyError for a tag that is no output of this device."""
        self.quiet = False
        if self.read_only:
            self.writing.end(tag, value, "rejected", now, "read-only")
        elif self._wrong:
            self.writing.end(tag, value, "rejected", now, "wrong device")
        else:
            self.writing.put(tag, value, now, expires)

    def beat(self, now: int) -> None:
        """One token of a completed scan, good for twice the shortest period: queues what has come due."""
        polling = self.polling
        self._token_until = now + 2 * polling.period_ns
        self._beats = self._heart is not None and not self.read_only
        if self.writing.waiting:
            self.writing.expire(now)
        if self.state != "lost":
            if now >= polling.due_at:
                polling.tick(now)
            self._may_prove = now >= self._proof_at
        elif now >= self._probe_at:
            self._probe_at = now + PROBE_NS[min(self._probes, len(PROBE_NS) - 1)]
            self._probes += 1
            polling.probe()
            self._may_prove = True
        writing = self.writing
        self.quiet = not self._to_prove and not (polling.queue or self._beats or writing.waiting or writing.active is not None)

    # --------------------------------------------------------------------------------------------- what came of it
    def absorb(self, reply: Reply, now: Now) -> None:
        """Take in the answer to the request in flight, or its failure; a reply to anything else changes nothing."""
        flight: _Flight | None = self._flight
        asked = self._asked
        if flight is not None and reply.request is self._request:
            self._flight = None
        else:
            beside = self._beside.pop(id(reply.request), None)
            if beside is None:
                self.health.surplus += 1
                return
            flight, asked = beside
        self.quiet = False
        if type(flight) is Poll and reply.failure is None and now.mono - asked > self._stale_ns:    # the machine slept meanwhile
            return self._failed(flight, "timeout", now, f"answered after {(now.mono - asked) / SECOND:.1f} s")
        if reply.failure is not None:
            if reply.failure == "timeout" and self.depth > 1 and asked == self._burst:
                self._silent -= 1           # asked together, silent together: one silence, not two
            self._burst = asked if reply.failure == "timeout" else self._burst
            return self._failed(flight, reply.failure, now)
        if reply.exception is not None:
            return self._refused(flight, reply.exception, now)
        if self.state != "up" or self._silent:
            self._alive()
        self.health.answered += 1
        if type(flight) is Poll:
            try:
                flight.fill(self.image, reply.payload, asked, now)
            except ValueError as why:
                return self._failed(flight, "malformed", now, str(why))
            if flight.words:
                self._learn(flight, reply.payload)
            if flight.news:
                self.events += [("counter", each) for each in flight.news]
            self.quiet = not (self.polling.queue or self._beats or self.writing.waiting)
        elif type(flight) is Command:
            self._settle(flight, now.mono, "accepted", self.writing.held(reply.payload))
        elif isinstance(flight, Proof | Introduction):
            self._judge(flight, reply.payload, now)

    def lost(self, now: Now, why: str) -> None:
        """The link is gone: every tag is Bad at once and a write in flight ends unverified. Waiting writes may still expire."""
        self.health.erred(why, now.utc)
        self._drop_flight(now.mono, why)
        self._lose(now.mono, why)

    def connected(self, now: int) -> None:
        """The link is there (again): prove identity, then everything is due at the next token."""
        self.quiet = False
        self._drop_flight(now, "connection replaced")
        self.polling.restart()
        self._to_prove = len(self._proofs)
        self._wrong, self._may_prove = "", False
        self._proof_at = self._probe_at = 0
        self._silent = self._probes = 0
        self._reported.clear()
        self.writing.words.clear()
        if self._heart is not None:
            self._heart.stop()

    def resumed(self) -> None:
        """The link that we had closed for a while is there again: who answers on it now is proved anew, what is known stays."""
        self.quiet = False
        self._to_prove, self._may_prove = len(self._proofs), True
        self.writing.words.clear()

    # ---------------------------------------------------------------------------------------------------- identity
    def _prove(self, now: int) -> Read | None:
        """The proof, once per token: a device that does not answer it is asked no faster than it is scanned."""
        if not self._may_prove or now > self._token_until:
            return None
        proof = self._proofs[-self._to_prove]
        self._may_prove = False
        self._send(proof, proof.request, now)
        return proof.request

    def _judge(self, proof: Proof | Introduction, payload: bytes, now: Now) -> None:
        try:
            wrong = proof.wrong(payload)
        except ValueError as why:
            return self._failed(proof, "malformed", now, str(why))
        if wrong:
            return self._wrong_device(f"wrong device: {wrong}", now)
        self._to_prove -= 1
        self._may_prove = True                  # the next one at once
        if not self._to_prove:
            self._wrong = ""
            self._reported.clear()

    def _wrong_device(self, detail: str, now: Now) -> None:
        self._wrong = detail
        self.health.erred(detail, now.utc)
        self._proof_at = now.mono + WRONG_RETRY_NS
        self._report("wrong_device", detail)
        self._spoil(BAD_CONFIGURATION_ERROR)
        self.writing.refuse(now.mono, "wrong device")

    # ---------------------------------------------------------------------------------------------------- failures
    def _failed(self, flight: _Flight, failure: str, now: Now, detail: str = "") -> None:
        what = f"{failure} on {self._describe(flight.request)}" + (f": {detail}" if detail else "")
        self.health.erred(what, now.utc)
        if failure == "lost":
            self._settle(flight, now.mono, "unverified", what)
            return self._lose(now.mono, what)
        if failure == "refused":
            return self._settle(flight, now.mono, "rejected", detail or "refused by the link")
        self._settle(flight, now.mono, "unverified", what)
        if failure == "timeout":
            if type(flight) is Poll:
                flight.unheard()
            self.health.timeouts += 1
            self._silent += 1
            if self._silent >= TIMEOUTS_LOST:
                self._lose(now.mono, what)
        else:
            self.health.malformed += 1
            if type(flight) is Poll:
                flight.spoil(self.image, BAD_COMMUNICATION_ERROR)

    def _refused(self, flight: _Flight, code: int, now: Now) -> None:
        """A Modbus exception: 10 and 11 come from the gateway in front of the unit and say that the unit is silent."""
        detail = f"exception {code} on {self._describe(flight.request)}"
        self.health.exceptions += 1
        self.health.erred(detail, now.utc)
        self._settle(flight, now.mono, "unverified" if code in (5, 11) else "rejected", detail)
        if code in (10, 11):
            return self._lose(now.mono, detail)
        if self.state != "up" or self._silent:
            self._alive()
        if type(flight) is Poll:
            if code in (2, 3) and not flight.divided and self.polling.divide(flight, now.mono):
                read = {address for poll in self.polling.polls for _, address in poll.words}
                self.writing.words = {address: word for address, word in self.writing.words.items() if address in read}
                return self._report("divided", f"{detail}: asked for in parts")
            flight.refuse(self.image, code, now.mono)
            if code in (1, 2, 3):
                names = ", ".join(point.name for point in flight.block.points or flight.block.statuses)
                self._report("refused", f"{detail}: {names}; asked again every {REFUSED_RETRY_NS // SECOND} s")
        elif type(flight) is Heartbeat:
            self._report("refused", detail)
        elif isinstance(flight, Proof | Introduction) and code in (1, 2, 3):
            self._wrong_device(f"wrong device: {detail}", now)

    def _settle(self, flight: _Flight, now: int, result: str, detail: str) -> None:
        if type(flight) is Command:
            self.writing.settle(now, result, detail)
            if result == "unverified" and flight.target.known is not None:
                self.polling.hurry(flight.target.known)
            if self._heart is not None:
                self._heart.saw(flight, result, now)
        elif type(flight) is Heartbeat and result != "accepted":
            flight.stop()

    def _alive(self) -> None:
        self._silent = self._probes = 0
        if self.state == "lost":
            self.polling.restart()
            self.events.append(("regained", self.device))
        self.state = "up"

    def _lose(self, now: int, why: str) -> None:
        self._spoil(BAD_NO_COMMUNICATION)
        self.polling.clear()
        self.writing.words.clear()
        if self.writing.active is not None:
            self.writing.settle(now, "unverified", why)
        self._to_prove = len(self._proofs)
        if self._heart is not None:
            self._heart.stop()
        if self.state != "lost":
            self.state = "lost"
            self._probe_at = 0
            self._probes = 0
            self.events.append(("lost", why))

    def _spoil(self, quality: int) -> None:
        for poll in self.polling.polls:
            poll.spoil(self.image, quality)
        self.image.spoil(self.tags, quality)

    def _drop_flight(self, now: int, why: str) -> None:
        flight, self._flight = self._flight, None
        self._beside.clear()
        if flight is not None:
            self._settle(flight, now, "unverified", f"{why}, with {self._describe(flight.request)} in flight")
        elif self.writing.active is not None:
            self.writing.settle(now, "unverified", why)

    # ------------------------------------------------------------------------------------------------------ pieces
    def _send(self, flight: _Flight, request: Read | Write | None, now: int) -> Read | Write | None:
        self._flight, self._request, self._asked = flight, request, now
        return request

    def _learn(self, poll: Poll, payload: bytes) -> None:
        for at, address in poll.words:
            self.writing.words[address] = int.from_bytes(payload[at:at + 2], "big")

    @staticmethod
    def _describe(request: Read | Write | None) -> str:
        if isinstance(request, Read):
            return f"read {request.function} of {request.address}+{request.count}, unit {request.unit}"
        return f"write {request.function} of {request.address}, unit {request.unit}" if request is not None else "nothing"

    def _report(self, kind: str, detail: str) -> None:
        """Tell the scan once, not at every repetition."""
        if detail not in self._reported:
            self._reported.add(detail)
            self.events.append((kind, detail))
