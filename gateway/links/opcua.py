"""The way to one OPC UA device: connects, carries the conversation's requests, and never gives up.

    link = OpcUaLink("AE-501", "opc.tcp://127.0.0.1:15060", conversation, clock, security=NONE)
    task = asyncio.create_task(link.run())
    link.poke(now)                                  # something may be due
    await link.drain()                              # nothing is due or in flight any more

A broken connection makes every tag Bad at once; a new session is built after 0.5, 1, 2, 4, then at most 5 s, spread by
jitter. With ``polled`` the bulk read alone fills the image (lockstep); without, subscriptions tell changes sooner and the
bulk read stays the proof of life: two of them unanswered in a row are a lost connection. A notification that was missed makes
the bulk read due at once; a subscription that falls silent is made again; what is in no subscription is polled. Nodes that
the server does not have (any more) are looked for every 30 s.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

from devices.exchange import CallMethod, ReadNodes, Reply, Request, WriteNode
from gateway.control.analyzer import OpcUaConversation
from gateway.control.expiry import Expiry
from gateway.control.image import SECOND, Now
from gateway.links.certificates import Refused, fingerprint
from gateway.links.opcua_events import Happened
from gateway.links.opcua_session import Session
from gateway.links.security import SECURE, Security

TIMEOUTS_LOST = 2
BACKOFF_S = (0.5, 1.0, 2.0, 4.0, 5.0)
CONNECT_S = 5.0
FIND_NS = 30 * SECOND

log = structlog.get_logger()


class Tally(msgspec.Struct):
    """What happened on a link: sessions made, attempts that failed since the last of them, sessions lost."""

    connects: int = 0
    failures: int = 0
    losses: int = 0


class OpcUaLink:
    """See the module. ``clock`` gives the plant's now; ``connected`` is set while it is, ``down`` while it is not.

    ``read_only`` refuses writes and methods.
    """

    def __init__(
        self,
        name: str,
        url: str,
        conversation: OpcUaConversation,
        clock: Callable[[], Now],
        *,
        security: Security = SECURE,
        timeout_s: float = 2.0,
        polled: bool = False,
        read_only: bool = False,
        backoff_s: tuple[float, ...] = BACKOFF_S,
        seed: int | str | None = None,
    ) -> None:
        security.check()
        self.name, self.url, self.conversation = name, url, conversation
        self.connected, self.down = asyncio.Event(), asyncio.Event()
        self.down.set()
        self.attempts = 0
        self.tally = Tally()
        self._clock, self._security, self._timeout_s = clock, security, timeout_s
        self._polled, self._read_only, self._backoff_s = polled, read_only, backoff_s
        self._random = random.Random(seed)
        self._wake, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._session: Session | None = None
        self._ears: _Ears | None = None
        self._gone = ""
        self._served = False
        self._silent = 0
        self._refused = ""                      # the last refusal told: the same one again is no news
        self._find_at = 0
        self._expiries: dict[str, Expiry] = {}  # every certificate that was shown, by fingerprint: each is spoken of once,
        self._shown: list[Expiry] = []          # and those of this session

    async def run(self) -> None:
        """Keep the device connected until cancelled."""
        failed = 0
        while not _cancelled():
            self.attempts += 1
            try:
                await self._serve()
            except Exception as error:
                why = str(error) or type(error).__name__
                failed = 0 if self._served else failed + 1
                self.tally.failures += not self._served
                self.tally.losses += self._served
                if isinstance(error, Refused):
                    self._refuse(why)
                self._lose(why)
                await asyncio.sleep(self._backoff_s[min(failed, len(self._backoff_s) - 1)] * self._random.uniform(0.5, 1.0))
            finally:
                self._lose("link closed")

    @property
    def up(self) -> bool:
        """Whether the device can be talked to."""
        return self.connected.is_set()

    def poke(self, now: int) -> None:
        """Something may be due at ``now`` (monotonic ns)."""
        session = self._session
        if self.connected.is_set() and session is not None and (
            session.stale or not self.conversation.idle(now) or (not session.nodes.complete and now >= self._find_at)
        ):
            self._idle.clear()
            self._wake.set()

    async def drain(self) -> None:
        """Return when nothing is due or in flight; at once while there is no connection."""
        await self._idle.wait()

    async def _serve(self) -> None:
        """One session from connect to loss. Raises whatever ended it."""
        self._gone, self._silent, self._served = "", 0, False
        session = Session(self.url, self.conversation.profile, self._security, self._timeout_s, _Ears(self))
        try:
            now = self._clock()
            await session.open(max(CONNECT_S, self._timeout_s), datetime.fromtimestamp(now.utc / SECOND, UTC))
            self._session = session
            self._served, self._refused = True, ""
            self.tally.connects, self.tally.failures = self.tally.connects + 1, 0
            self._find_at = self._clock().mono + FIND_NS
            self._know_certificates(session)
            self.conversation.connected(self._clock().mono)
            self.conversation.sampling_ns = 0
            if not self._polled:
                await self._subscribe(session)
            self.down.clear()
            self.connected.set()
            log.info("device_regained", device=self.conversation.device, link=self.name)
            self.poke(self._clock().mono)
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._talk(session)
                if not self._wake.is_set():
                    self._idle.set()
        finally:
            self._session = None
            await session.close()

    async def _subscribe(self, session: Session) -> None:
        """One subscription per rate; what the server does not take is polled."""
        slowest_s, refused = await session.subscribe(self.conversation.rates)
        self.conversation.sampling_ns = round(slowest_s * SECOND)
        self.conversation.poll(refused)
        if refused:
            log.warning("subscription_refused", device=self.conversation.device, link=self.name, nodes=len(refused))

    async def _talk(self, session: Session) -> None:
        """Ask what is due, one at a time. Raises ConnectionError when the session is of no more use."""
        while True:
            if self._gone:
                raise ConnectionError(self._gone)
            if session.stale:
                log.warning("subscriptions_renewed", device=self.conversation.device, link=self.name, count=await session.renew())
            now = self._clock()
            if not session.nodes.complete and now.mono >= self._find_at:
                await self._find(session, now.mono)
            request = self.conversation.due(now.mono)
            if request is None:
                return
            reply = await self._ask(session, request)
            if reply.failure == "lost" or self._gone:
                raise ConnectionError(self._gone or "connection lost")
            self.conversation.absorb(reply, self._clock())
            self._warn(now.utc)
            self._silent = self._silent + 1 if reply.failure == "timeout" else 0
            if self._silent >= TIMEOUTS_LOST:
                raise TimeoutError(f"{self._silent} requests in a row without an answer")

    async def _find(self, session: Session, now: int) -> None:
        """Look for nodes that the server did not have; those that are there now are subscribed to and read."""
        self._find_at = now + FIND_NS
        async with asyncio.timeout(self._timeout_s):
            new = await session.find()
        if new:
            log.info("nodes_found", device=self.conversation.device, link=self.name, nodes=new)
            self.conversation.found(new)
            if not self._polled:
                await self._subscribe(session)

    def _know_certificates(self, session: Session) -> None:
        self._shown = []
        ours = None if session.own is None else session.own.certificate
        for what, certificate in (("own certificate", ours), ("server certificate", session.server_certificate)):
            if certificate is not None:
                ends = round(certificate.not_valid_after_utc.timestamp()) * SECOND
                mark = fingerprint(certificate)
                self._shown.append(self._expiries.setdefault(mark, Expiry(f"{what} {mark[:16]}", ends)))

    def _warn(self, utc: int) -> None:
        standing = "; ".join(words for expiry in self._shown if (words := expiry.words(utc)))
        if standing:
            self.conversation.health.standing["expiring"] = standing
        else:
            self.conversation.health.standing.pop("expiring", None)
        for expiry in self._shown:
            said = expiry.due(utc)
            if said is not None:
                self.conversation.events.append(("expiring", said))
                log.warning("certificate_expiring", device=self.conversation.device, link=self.name, what=said)

    def _refuse(self, why: str) -> None:
        """A refusal is told once, until the server was talked to or refuses, or is refused, for another reason."""
        if why != self._refused:
            self._refused = why
            self.conversation.refused(why)
            log.warning("server_refused", device=self.conversation.device, link=self.name, why=why)

    async def _ask(self, session: Session, request: Request) -> Reply:
        if self._read_only and isinstance(request, WriteNode | CallMethod):
            return Reply(request, failure="refused")
        sent_at = asyncio.get_running_loop().time()
        reply = await session.ask(request)
        if reply.failure is None:
            self.conversation.health.took(asyncio.get_running_loop().time() - sent_at)
        if _cancelled():
            raise asyncio.CancelledError
        return reply

    def _lose(self, why: str) -> None:
        """Everything Bad at once, whoever noticed first."""
        if self.connected.is_set() or self.conversation.state == "unknown":
            self.connected.clear()
            self.conversation.lost(self._clock(), why)
            log.warning("device_lost", device=self.conversation.device, link=self.name, why=why)
        self.down.set()
        self._idle.set()


class _Ears:
    """What one session of a link hears; of a session that is over nothing is heard."""

    def __init__(self, link: OpcUaLink) -> None:
        self._link = link
        link._ears = self

    @property
    def _deaf(self) -> bool:
        return self._link._ears is not self or bool(self._link._gone)

    def changed(self, document: dict[str, tuple[Any, int, int]]) -> None:
        if not self._deaf and self._link._session is not None:
            now = self._link._clock()
            self._link.conversation.absorb(Reply(ReadNodes(tuple(document)), document=document), now)
            self._link.poke(now.mono)

    def missed(self, count: int) -> None:
        if not self._deaf:
            self._link.conversation.missed(count)
            self._link.poke(self._link._clock().mono)

    def served(self, server: Mapping[str, int | None]) -> None:
        if not self._deaf:
            self._link.conversation.served(server["state"], server["level"], server["time"], self._link._clock())
            self._link.poke(self._link._clock().mono)

    def happened(self, event: Happened) -> None:
        if not self._deaf:
            said = f"severity {event.severity}, {event.source}: {event.message}"
            self._link.conversation.happened(said, self._link._clock().mono)

    def gone(self, why: str) -> None:
        if not self._deaf:
            self._link._lose(why)
            self._link._gone = why
            self._link._wake.set()


def _cancelled() -> bool:
    """Whether this task was told to end; the library may have swallowed the exception that said so."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
