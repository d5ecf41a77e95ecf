"""Questions to an OPC UA server at commissioning: what it has, what a node says now, what changes. Nothing is ever written.

    async with OpcUaInquiry(url, security, now) as server:
        for each in await server.browse("/DeviceSet/ICP"):
            ...
        told = await server.read(["nsu=urn:icp;s=Nd", "/DeviceSet/ICP/OES/State"])
        async for each in server.watch(["/DeviceSet/ICP/OES/State"], period_s=1.0):
            ...

A node is named by its id (``i=2259``, ``ns=2;s=X``, ``nsu=URI;s=X``), by browse names from Objects (``/A/B``, whatever their
namespaces), or by its name in a profile. The channel is secured like that of the plant.
"""

# asyncua annotates integers and strings as classes of its own, which it does not ask for at run time.
# pyright: reportArgumentType=false, reportPrivateImportUsage=false

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any

import msgspec
from asyncua import ua

from devices.profile import Profile
from devices.quality import name as status_name
from gateway.links.certificates import Refused
from gateway.links.opcua_channel import Caller, explained, secure
from gateway.links.opcua_events import Happened
from gateway.links.opcua_proof import Proven, prove
from gateway.links.opcua_services import Services
from gateway.links.opcua_subscription import EVENTS, Change, Subscription
from gateway.links.opcua_values import plain_data
from gateway.links.security import Security

SESSION_S = 60.0


class Child(msgspec.Struct, frozen=True):
    """One reference of a browsed node."""

    kind: str
    name: str
    namespace: str
    node: str


class Told(msgspec.Struct, frozen=True):
    """What a node said. ``source_utc``: ns, 0 for none."""

    name: str
    value: Any
    type: str
    status: str
    source_utc: int


class OpcUaInquiry:
    """One session. ``profile``: whose names may be asked for; ``now``: UTC, to judge certificates by."""

    def __init__(self, url: str, security: Security, now: datetime, *, profile: Profile | None = None, timeout_s: float = 4.0) -> None:
        self.timeout_s = timeout_s
        self._security, self._now, self._profile = security, now, profile
        self._client = Caller(url, timeout=timeout_s, auto_reconnect=False)
        self._client.session_timeout = SESSION_S * 1000
        self._services = Services(self._client.uaclient.session)
        self._uris: list[str] = []

    async def __aenter__(self) -> OpcUaInquiry:
        try:
            async with asyncio.timeout(2 * self.timeout_s):
                await secure(self._client, self._security, self._now)
                await self._client.connect()
                self._uris = await self._client.get_namespace_array()
                await self._services.learn()
        except ua.UaError as error:
            raise explained(error, self._security) from error
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._client.disconnect()

    # --- looking -------------------------------------------------------------------------------------------------
    async def browse(self, where: str = "/") -> list[Child]:
        """What is below a node. Raises LookupError when there is no such node."""
        async with asyncio.timeout(2 * self.timeout_s):
            node, = await self.find([where])
            return [self._child(each) for each in await self._services.browse(node)]

    async def read(self, names: Sequence[str]) -> list[Told]:
        """What nodes say now. Raises LookupError when one of them is not there."""
        async with asyncio.timeout(2 * self.timeout_s):
            nodes = await self.find(names)
            return [_told(name, data) for name, data in zip(names, await self._services.read(nodes), strict=True)]

    async def prove(self) -> list[Proven]:
        """Everything that the profile says of the server, against the server."""
        if self._profile is None:
            return []
        async with asyncio.timeout(4 * self.timeout_s):
            return await prove(self._services, self._profile, self._uris)

    async def watch(self, names: Sequence[str], period_s: float = 1.0) -> AsyncIterator[Told]:
        """Changes of nodes as they are told, and the server's events where one is called "@events"; ends never.

        Raises LookupError for one that is not there, Refused for one that is not told.
        """
        heard = _Heard()
        async with asyncio.timeout(2 * self.timeout_s):
            found = await self.find([name for name in names if name != EVENTS])
            nodes = dict(zip([name for name in names if name != EVENTS], found, strict=True))
            if EVENTS in names:
                nodes[EVENTS] = ua.NodeId(ua.ObjectIds.Server)
            subscription = Subscription(self._services, heard, period_s, SESSION_S, self.timeout_s)
            await subscription.open()
            await subscription.watch({name: (node, period_s * 1000) for name, node in nodes.items()})
        if subscription.refused:
            why = ", ".join(f"{name} ({status_name(code)})" for name, code in subscription.refused.items())
            raise Refused(f"the server does not monitor {why}")
        while True:
            yield await heard.queue.get()

    # --- finding -------------------------------------------------------------------------------------------------
    async def find(self, names: Sequence[str]) -> list[ua.NodeId]:
        """The nodes that names stand for. Raises LookupError."""
        return [await self._one(name) for name in names]

    async def _one(self, name: str) -> ua.NodeId:
        if name.startswith("/"):
            return await self._walk(name)
        if self._profile is not None:
            for node in self._profile.nodes:
                if node.name == name:
                    found = await self._services.translate(
                        ua.NodeId(ua.ObjectIds.ObjectsFolder), {name: node.path}, self._profile.namespaces, self._uris)
                    if name not in found:
                        raise LookupError(f"the server has no {'/'.join(node.path)}, which {self._profile.name} calls {name}")
                    return found[name]
        return self._id(name)

    async def _walk(self, path: str) -> ua.NodeId:
        node = ua.NodeId(ua.ObjectIds.ObjectsFolder)
        for part in filter(None, path.split("/")):
            below = await self._services.browse(node)
            index, _, rest = part.partition(":")
            wanted = (int(index), rest) if index.isdigit() and rest else (None, part)
            found = [each for each in below if each.BrowseName.Name == wanted[1] and wanted[0] in (None, each.BrowseName.NamespaceIndex)]
            if len({each.NodeId for each in found}) != 1:
                names = ", ".join(f"{each.BrowseName.NamespaceIndex}:{each.BrowseName.Name}" for each in found or below)
                raise LookupError(f"{path}: {part!r} means {len(found)} nodes; there: {names or 'nothing'}")
            node = found[0].NodeId
        return node

    def _id(self, text: str) -> ua.NodeId:
        known = f", or a name of {self._profile.name}" if self._profile is not None else ""
        try:
            if text.startswith("nsu="):
                uri, _, rest = text.removeprefix("nsu=").rpartition(";")
                if uri not in self._uris:
                    raise LookupError(f"the server has no namespace {uri}; it has {', '.join(self._uris)}")
                text = f"ns={self._uris.index(uri)};{rest}"
            return ua.NodeId.from_string(text)
        except ua.UaError:
            raise LookupError(f"{text!r} is no node: i=2259, nsu=URI;s=X, /Path/From/Objects{known}") from None

    def _child(self, each: ua.ReferenceDescription) -> Child:
        node = each.NodeId
        identity = node.to_string().rpartition(";")[2]
        uri = self._uris[node.NamespaceIndex] if node.NamespaceIndex < len(self._uris) else ""
        shown = f"nsu={uri};{identity}" if node.NamespaceIndex else identity
        index = each.BrowseName.NamespaceIndex
        return Child(each.NodeClass.name, f"{index}:{each.BrowseName.Name}", self._uris[index] if index < len(self._uris) else "", shown)


class _Heard:
    """What a subscription says, in order."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Told] = asyncio.Queue()

    def changed(self, changes: Sequence[Change]) -> None:
        for name, kind, (value, status, source) in changes:
            self.queue.put_nowait(_named(name, kind, value, status, source))

    def happened(self, event: Happened) -> None:
        self.queue.put_nowait(Told(event.source, event.message, "event", f"severity {event.severity}", event.at_utc))

    def missed(self, count: int) -> None:
        self.queue.put_nowait(Told("", None, "", f"{count} notifications missed", 0))


def _told(name: str, data: ua.DataValue) -> Told:
    return _named(name, None if data.Value is None else data.Value.VariantType, *plain_data(data))


def _named(name: str, kind: ua.VariantType | None, value: Any, status: int, source: int) -> Told:
    what = "Null" if kind is None else kind.name
    return Told(name, value, f"{what}[]" if isinstance(value, tuple) else what, status_name(status), source)
