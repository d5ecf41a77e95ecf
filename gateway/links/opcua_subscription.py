"""One subscription: monitored items whose changes are told, whose gaps are filled or counted, whose silence is noticed.

Notifications are numbered. A number that was skipped is asked for again (Republish); what the server no longer has is
counted as missed, and whoever listens reads everything. A subscription from which nothing comes, not even a keep-alive, is
``stale`` and is made again.

Source: OPC 10000-4 5.13.1.2: numbers go by one to 4294967295, then 1; a keep-alive carries the next one; 5.13.6 Republish;
5.12.1.5 and 7.39.1: the overflow bit of a queue.
"""

# asyncua annotates integers and strings as classes of its own, which it does not ask for at run time.
# pyright: reportArgumentType=false, reportPrivateImportUsage=false

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from asyncua import ua

from gateway.links.opcua_events import Happened, happened, request
from gateway.links.opcua_notifications import Changes, Told, changes_of
from gateway.links.opcua_services import CONNECTION_LOST, Services

KEEP_ALIVES = 2                 # so many keep-alive periods without a word: the server no longer serves the subscription
KEEP_ALIVE_COUNT = 10           # publishing intervals without a change after which the server says that it is there
QUEUE = 10                      # values that the server keeps for one item between two publications
REPUBLISH = 50                  # notifications asked for again; a longer gap is read instead
_NUMBERS = 0xFFFFFFFF           # that notifications have: after the last comes 1
TOO_MANY_SUBSCRIPTIONS = 0x80770000
EVENTS = "@events"              # the name under which events are watched


Change = tuple[str, ua.VariantType | None, Told]
"""Name of an item, built-in type of its value, what is told of it."""


class Hearing(Protocol):
    """Who is told."""

    def changed(self, changes: Sequence[Change]) -> None:
        """Monitored values have changed, in this order."""
        ...

    def missed(self, count: int) -> None:
        """So many notifications will never be told."""
        ...

    def happened(self, event: Happened) -> None:
        """The server has something to say."""
        ...


class Subscription:
    """See the module. ``interval_s``: publishing interval that the server settled on; ``items``: name -> node, sampling in ms."""

    def __init__(self, services: Services, hearing: Hearing, interval_s: float, session_s: float, timeout_s: float) -> None:
        self.interval_s = interval_s
        self.items: dict[str, tuple[ua.NodeId, float]] = {}
        self.refused: dict[str, int] = {}
        self._services, self._hearing, self._timeout_s = services, hearing, timeout_s
        self._asked_ms, self._lifetime = interval_s * 1000, max(30, int(session_s / interval_s))
        self._id: int | None = None
        self._names: dict[int, str] = {}        # client handle -> name; "": an item that was replaced
        self._handle = 0
        self._next = 1
        self._heard = 0.0
        self._silence_s = 0.0

    async def open(self) -> None:
        """Have the server make it. Raises UaStatusCodeError when it will not."""
        parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=self._asked_ms, RequestedLifetimeCount=self._lifetime,
            RequestedMaxKeepAliveCount=KEEP_ALIVE_COUNT, PublishingEnabled=True)
        self._next, self._heard, self._silence_s = 1, time.monotonic(), float("inf")
        made = await self._services.session.create_subscription(parameters, self.published)
        self._id, self.interval_s = made.SubscriptionId, made.RevisedPublishingInterval / 1000
        self._silence_s = KEEP_ALIVES * made.RevisedMaxKeepAliveCount * self.interval_s
        self._heard = time.monotonic()

    async def watch(self, items: Mapping[str, tuple[ua.NodeId, float]]) -> float:
        """Monitor more items; what the server does not take stands in ``refused`` with its status. The slowest sampling settled on, ms."""
        assert self._id is not None
        self._names |= {handle: "" for handle, name in self._names.items() if name in items}
        asked: dict[str, ua.MonitoredItemCreateRequest] = {}
        for name, (node, sampling_ms) in items.items():
            self._handle += 1
            self._names[self._handle] = name
            asked[name] = request(node, self._handle) if name == EVENTS else _request(node, self._handle, sampling_ms)
            self.items[name] = (node, sampling_ms)
            self.refused.pop(name, None)
        results = await self._create(list(asked.values()))
        return max((self._settled(name, result) for name, result in zip(asked, results, strict=True)), default=0.0)

    def forget(self, name: str) -> None:
        """Its node is gone: should it come back it is monitored anew, whatever became of the item."""
        self.items.pop(name, None)
        self.refused.pop(name, None)

    async def renew(self) -> None:
        """Make it again with all its items, after it fell silent."""
        items = dict(self.items)
        await self.close()
        self._names.clear()
        await self.open()
        await self.watch(items)

    async def close(self) -> None:
        """Give it up; a server that does not know it any more is of the same mind."""
        old, self._id = self._id, None
        if old is not None:
            self._services.session._subscription_callbacks.pop(old, None)
            try:
                await self._services.session.delete_subscriptions([old])
            except ua.UaStatusCodeError:
                return

    @property
    def stale(self) -> bool:
        """Whether its server has said nothing for too long."""
        return time.monotonic() - self._heard > self._silence_s

    async def published(self, result: ua.PublishResult) -> None:
        """Take in what the server published; called by the library, one at a time."""
        self._heard = time.monotonic()
        message = result.NotificationMessage
        number = int(message.SequenceNumber) or self._next          # some servers number no keep-alive
        skipped = (number - self._next) % _NUMBERS
        if skipped > _NUMBERS // 2:             # the numbers went back: what is old must not be taken for new
            self._next = number + 1
            self._hearing.missed(1)
            return
        lost = skipped - await self._fetch_again(result.SubscriptionId, skipped) if skipped else 0
        self._next = number + 1 if message.NotificationData else number
        self._tell(message)
        if lost:
            self._hearing.missed(lost)

    async def _fetch_again(self, subscription: int, count: int) -> int:
        """Ask for the notifications that were skipped, oldest first; how many came before the first that did not."""
        if count > REPUBLISH:
            return 0
        for k in range(count):
            number = (self._next - 1 + k) % _NUMBERS + 1
            try:
                async with asyncio.timeout(self._timeout_s):
                    message = await self._services.session.republish(subscription, number)
            except (ua.UaError, OSError, TimeoutError):     # BadMessageNotAvailable, above all
                return k
            if not message.NotificationData or message.SequenceNumber != number:
                return k
            self._tell(message)
        return count

    def _tell(self, message: ua.NotificationMessage) -> None:
        """Tell what a message holds. What it says of an item that is not ours was meant for one that is: it is missed."""
        for notification in message.NotificationData or ():
            if isinstance(notification, ua.DataChangeNotification):
                notification = changes_of(notification)
            if isinstance(notification, Changes):
                self._tell_changes(notification)
            elif isinstance(notification, ua.EventNotificationList):
                for event in notification.Events or ():
                    if self._names.get(event.ClientHandle) == EVENTS:
                        self._hearing.happened(happened(event.EventFields or ()))
            elif isinstance(notification, ua.StatusChangeNotification) and not notification.Status.is_good():
                self._silence_s = 0.0           # it has ended: made again at the next turn

    def _tell_changes(self, notification: Changes) -> None:
        changes: list[Change] = []
        names = self._names
        for handle, kind, told in notification.items:
            name = names.get(handle)
            if name is None or told is None:
                self._hearing.missed(1)
            elif name:
                changes.append((name, kind, told))
        if changes:
            self._hearing.changed(changes)

    async def _create(self, requests: list[ua.MonitoredItemCreateRequest]) -> list[ua.MonitoredItemCreateResult]:
        """One result each; when the server refuses the whole call, each says so."""
        assert self._id is not None
        try:
            return await self._services.create_items(self._id, requests)
        except ua.UaStatusCodeError as refusal:
            if refusal.code in CONNECTION_LOST:
                raise
            return [ua.MonitoredItemCreateResult(StatusCode=ua.StatusCode(refusal.code)) for _ in requests]

    def _settled(self, name: str, result: ua.MonitoredItemCreateResult) -> float:
        if not result.StatusCode.is_good():
            self.refused[name] = result.StatusCode.value
            return 0.0
        return max(result.RevisedSamplingInterval, self.interval_s * 1000)


def _request(node: ua.NodeId, handle: int, sampling_ms: float) -> ua.MonitoredItemCreateRequest:
    return ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(NodeId=node, AttributeId=ua.AttributeIds.Value), MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=ua.MonitoringParameters(
            ClientHandle=handle, SamplingInterval=sampling_ms, QueueSize=QUEUE, DiscardOldest=True))
