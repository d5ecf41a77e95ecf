"""One connection to an OPC UA server: opened, asked in the words of a profile, closed; never repaired.

Nodes are found by namespace URI and browse path each time, because indices of an earlier connection mean nothing. Every
await is bounded. The library's own reconnect is off: whoever holds a session that failed builds a new one.

Source: OPC 10000-4 5.8.4 TranslateBrowsePathsToNodeIds, 5.10.2 Read, 5.11.2 Call, 5.13.2 CreateSubscription, 5.13.5 Publish.
"""

# asyncua annotates integers and strings as classes of its own, which it does not ask for at run time.
# pyright: reportArgumentType=false, reportPrivateImportUsage=false

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asyncua import Client, ua
from asyncua.client.ua_session import UaSession
from asyncua.common.node import Node as RemoteNode
from asyncua.common.subscription import Subscription
from asyncua.crypto import security_policies

from devices.exchange import CallMethod, ReadNodes, Reply, Request, WriteNode
from devices.opcua import (
    BAD_NODE_ID_UNKNOWN,
    RESULT_KEYS,
    RESULT_PROPERTIES,
    RESULT_SET,
    STRUCTURES,
    Structure,
    argument_type,
    relative_path,
)
from devices.profile import Method, Profile
from devices.quality import BAD_CONFIGURATION_ERROR
from gateway.links.security import Security

# The library writes a stack trace for what is an ordinary loss here; replies and our own log say it.
logging.getLogger("asyncua.client").setLevel(logging.CRITICAL)
logging.getLogger("asyncua.common").setLevel(logging.ERROR)

SESSION_TIMEOUT_MS = 60_000
KEEP_ALIVES = 2                 # so many keep-alive periods without a word: the server no longer serves the subscription
_NUMBERS = 0xFFFFFFFF           # that notifications have: after the last comes 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# Status codes that say the connection itself is of no more use.
_CONNECTION_LOST = frozenset({
    0x800C0000,     # BadShutdown
    0x800D0000,     # BadServerNotConnected
    0x800E0000,     # BadServerHalted
    0x80220000,     # BadSecureChannelIdInvalid
    0x80250000,     # BadSessionIdInvalid
    0x80260000,     # BadSessionClosed
    0x80270000,     # BadSessionNotActivated
    0x80860000,     # BadSecureChannelClosed
    0x80870000,     # BadSecureChannelTokenUnknown
    0x80AE0000,     # BadConnectionClosed
})


Notify = Callable[[str, tuple[Any, int, int]], None]


class _Numbered(Subscription):
    """A subscription that counts what it was not told and knows when its server says nothing any more.

    ``missed``: called with the number of notifications that were skipped; ``silence_s``: after so long it is stale.
    Source: OPC 10000-4 5.13.1.2: numbers go by one to 4294967295, then 1; a keep-alive carries the next one.
    """

    def __init__(self, server: UaSession, parameters: ua.CreateSubscriptionParameters, handler: Any, missed: Callable[[int], None]) -> None:
        super().__init__(server, parameters, handler)
        self.silence_s = 0.0
        self._missed = missed
        self._counted: int | None = None        # the subscription whose numbers are counted: a new one starts with 1
        self._next = 1

    async def publish_callback(self, publish_result: ua.PublishResult) -> None:
        if self._counted != publish_result.SubscriptionId:
            self._counted, self._next = publish_result.SubscriptionId, 1
        message = publish_result.NotificationMessage
        number = int(message.SequenceNumber) or self._next          # some servers number no keep-alive
        skipped = (number - self._next) % _NUMBERS
        self._next = number + 1 if message.NotificationData else number
        await super().publish_callback(publish_result)
        if skipped:
            self._missed(skipped)

    @property
    def stale(self) -> bool:
        """Whether its server has said nothing for too long."""
        return self.last_publish_at is not None and time.monotonic() - self.last_publish_at > self.silence_s


class Session:
    """See the module. ``gone``: called at once, with the reason, when the connection breaks."""

    def __init__(self, url: str, profile: Profile, security: Security, timeout_s: float, gone: Callable[[str], None]) -> None:
        self._profile, self._security, self._timeout_s, self._gone = profile, security, timeout_s, gone
        self._subscriptions: list[_Numbered] = []
        self._client = Client(url, timeout=timeout_s, auto_reconnect=False)
        self._client.session_timeout = SESSION_TIMEOUT_MS
        self._client.connection_lost_callback = self._broke
        self._uris: list[str] = []
        self._nodes: dict[str, ua.NodeId] = {}
        self._types: dict[str, ua.VariantType] = {node.name: ua.VariantType[node.variant] for node in profile.nodes
                                                  if node.variant in ua.VariantType.__members__}
        self._methods: dict[str, tuple[ua.NodeId, ua.NodeId, Method]] = {}
        self._classes: dict[str, type] = {}
        self._results: dict[ua.NodeId, dict[str, ua.NodeId]] = {}
        self._children: dict[str, ua.NodeId] = {}

    async def _broke(self, why: Exception) -> None:
        self._gone(str(why) or type(why).__name__)

    async def open(self, limit_s: float) -> None:
        """Connect and find every node. Raises OSError, TimeoutError or UaError when that cannot be done in ``limit_s``."""
        async with asyncio.timeout(limit_s):
            await self._secure()
            await self._client.connect()
            self._uris = await self._client.get_namespace_array()
            await self._find()
            self._register()

    async def close(self, limit_s: float = 1.0) -> None:
        """End it in order if the server still answers, at once if not."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(limit_s):
                await self._client.disconnect()
        with contextlib.suppress(Exception):
            self._client.disconnect_socket()
        protocol = self._client.uaclient.protocol
        if protocol is not None and protocol.transport is not None:
            protocol.transport.abort()          # of a server that fell silent the library thinks there is no socket left

    async def ask(self, request: Request) -> Reply:
        """Carry one request; what went wrong is in the reply, nothing is raised."""
        try:
            async with asyncio.timeout(self._timeout_s):
                if isinstance(request, ReadNodes):
                    return Reply(request, document=await self._read(request.names))
                if isinstance(request, WriteNode):
                    return await self._write(request)
                if isinstance(request, CallMethod):
                    return await self._call(request)
                return Reply(request, failure="refused")
        except TimeoutError:
            return Reply(request, failure="timeout")
        except ua.UaStatusCodeError as error:
            return Reply(request, failure="lost") if error.code in _CONNECTION_LOST else Reply(request, exception=error.code)
        except OSError:
            return Reply(request, failure="lost")
        except ua.UaError:
            return Reply(request, failure="malformed")

    @property
    def stale(self) -> bool:
        """Whether a subscription has fallen silent."""
        return any(subscription.stale for subscription in self._subscriptions)

    async def renew(self) -> int:
        """Make again the subscriptions that fell silent; how many. Raises OSError, TimeoutError or UaError when the server will not."""
        silent = [subscription for subscription in self._subscriptions if subscription.stale]
        for subscription in silent:
            async with asyncio.timeout(self._timeout_s):
                await subscription.recreate()
        return len(silent)

    async def subscribe(self, period_ns: int, names: Iterable[str], notify: Notify, missed: Callable[[int], None]) -> int:
        """Have changes of ``names`` told to ``notify``, and to ``missed`` how many notifications were not. The interval settled on, ns.

        What the server does not take (too many items or subscriptions) is left to the bulk read; 0 when it takes none of it.
        """
        found = {self._nodes[name]: name for name in names if name in self._nodes}
        interval = period_ns / 1e6
        parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=interval, RequestedLifetimeCount=max(30, int(SESSION_TIMEOUT_MS / interval)),
            RequestedMaxKeepAliveCount=10, PublishingEnabled=True)
        subscription = _Numbered(self._client.uaclient.session, parameters, _Notifications(found, notify), missed)
        try:
            async with asyncio.timeout(self._timeout_s):
                revised = await subscription.init()
                items = [self._client.get_node(node) for node in found]
                await subscription.subscribe_data_change(items, sampling_interval=ua.Duration(interval))
        except ua.UaStatusCodeError as refusal:
            if refusal.code in _CONNECTION_LOST:
                raise
            return 0
        subscription.silence_s = KEEP_ALIVES * revised.RevisedMaxKeepAliveCount * revised.RevisedPublishingInterval / 1000
        subscription.last_publish_at = time.monotonic()
        self._subscriptions.append(subscription)
        return int(revised.RevisedPublishingInterval * 1e6)

    # --- finding -------------------------------------------------------------------------------------------------
    async def _secure(self) -> None:
        security = self._security
        security.check()
        if security.user:
            self._client.set_user(security.user)
            self._client.set_password(security.password)
        if security.policy != "none":
            await self._client.set_security(
                getattr(security_policies, f"SecurityPolicy{security.policy}"), Path(security.certificate), Path(security.private_key),
                server_certificate=security.server_certificate, mode=ua.MessageSecurityMode[security.mode])

    async def _find(self) -> None:
        named = [(node.name, node.path) for node in self._profile.nodes]
        for method in self._profile.methods:
            named += [(f"{method.name}()", method.path), (f"{method.name}() of", method.path[:-1])]
        found = await self._translate(ua.NodeId(ua.ObjectIds.ObjectsFolder), dict(named), self._profile.namespaces)
        self._nodes = {node.name: found[node.name] for node in self._profile.nodes if node.name in found}
        self._methods = {
            method.name: (found[f"{method.name}() of"], found[f"{method.name}()"], method)
            for method in self._profile.methods if f"{method.name}()" in found
        }

    async def _translate(
        self, start: ua.NodeId, paths: Mapping[str, Sequence[str]], namespaces: Mapping[str, str]
    ) -> dict[str, ua.NodeId]:
        """The nodes at browse paths below ``start``, in one call; what the server does not have is left out."""
        names, wanted = [], []
        for name, path in paths.items():
            with contextlib.suppress(LookupError):
                elements = [
                    ua.RelativePathElement(
                        ReferenceTypeId=ua.NodeId(ua.ObjectIds.HierarchicalReferences), IsInverse=False, IncludeSubtypes=True,
                        TargetName=ua.QualifiedName(part, index))
                    for index, part in relative_path(path, namespaces, self._uris)
                ]
                names.append(name)
                wanted.append(ua.RelativePath(Elements=elements))
        results = await self._client.translate_browsepaths(start, wanted)
        return {name: result.Targets[0].TargetId for name, result in zip(names, results, strict=True)
                if result.StatusCode.is_good() and result.Targets}

    def _register(self) -> None:
        """Make the structures of the profile known to the codec under the namespace indices of this server."""
        for each in STRUCTURES.values():
            if each.namespace in self._uris:
                index = self._uris.index(each.namespace)
                made = _structure(each, index)
                ua.register_extension_object(
                    f"{each.name}Asked{index}", ua.NodeId(each.encoding, index), made, ua.NodeId(each.data_type, index))
                self._classes[each.name] = made

    # --- reading -------------------------------------------------------------------------------------------------
    async def _read(self, names: tuple[str, ...]) -> dict[str, Any]:
        sets = {node.name for node in self._profile.nodes if node.variant == RESULT_SET}
        if names[0].partition("/")[0] in sets:
            name, _, child = names[0].partition("/")
            return {names[0]: await (self._result(child) if child else self._listing(name))}
        found = [name for name in names if name in self._nodes]
        values = await self._values([self._nodes[name] for name in found])
        document: dict[str, tuple[Any, int, int]] = dict.fromkeys(names, (None, BAD_NODE_ID_UNKNOWN, 0))
        for name, data in zip(found, values, strict=True):
            document[name] = plain_data(data)
            if data.Value is not None and data.Value.Value is not None:
                self._types[name] = data.Value.VariantType
        return document

    async def _values(self, nodes: list[ua.NodeId]) -> list[ua.DataValue]:
        return await self._client.uaclient.read_attributes(nodes, ua.AttributeIds.Value) if nodes else []

    async def _listing(self, name: str) -> dict[str, Any]:
        """Every result of a ResultSet with its keys; children are found again each time, their properties once."""
        self._children = await self._browse(self._nodes[name], ua.NodeClass.Object)
        self._results = {node: self._results.get(node, {}) for node in self._children.values()}
        for node, known in self._results.items():
            if not known:
                known |= await self._translate(node, {key: (f"lads:{key}",) for key in RESULT_PROPERTIES}, self._profile.namespaces)
        wanted = [(child, key, self._results[node][key]) for child, node in self._children.items()
                  for key in RESULT_KEYS if key in self._results[node]]
        found: dict[str, Any] = {child: {} for child in self._children}
        for (child, key, _), data in zip(wanted, await self._values([node for _, _, node in wanted]), strict=True):
            found[child][key] = plain_data(data)[0]
        return found

    async def _result(self, child: str) -> dict[str, Any] | None:
        """One whole result, or None when it is no longer there."""
        node = self._children.get(child)
        if node is None:
            return None
        below = await self._translate(node, {"VariableSet": ("lads:VariableSet",)}, self._profile.namespaces)
        variables = await self._browse(below["VariableSet"], ua.NodeClass.Variable) if below else {}
        known = self._results[node]
        values = await self._values([*known.values(), *variables.values()])
        if any(data.StatusCode is not None and data.StatusCode.value == BAD_NODE_ID_UNKNOWN for data in values):
            return None
        found = {key: plain_data(data)[0] for key, data in zip(known, values, strict=False)}
        found["VariableSet"] = {name: plain_data(data)[:2] for name, data in zip(variables, values[len(known):], strict=True)}
        return found

    async def _browse(self, node: ua.NodeId, kind: ua.NodeClass) -> dict[str, ua.NodeId]:
        (_, result), = await self._client.browse_nodes([self._client.get_node(node)])
        return {
            each.BrowseName.Name: each.NodeId for each in result.References or ()
            if each.IsForward and each.NodeClass == kind and each.BrowseName.NamespaceIndex
        }

    # --- writing and calling -------------------------------------------------------------------------------------
    async def _write(self, request: WriteNode) -> Reply:
        node = self._nodes.get(request.name)
        if node is None:
            return Reply(request, exception=BAD_NODE_ID_UNKNOWN)
        data = ua.DataValue(ua.Variant(request.value, self._types[request.name]))
        code, = await self._client.uaclient.write_attributes([node], [data], ua.AttributeIds.Value)
        return Reply(request) if code.is_good() else Reply(request, exception=code.value)

    async def _call(self, request: CallMethod) -> Reply:
        if request.name not in self._methods:
            return Reply(request, exception=BAD_CONFIGURATION_ERROR)
        parent, node, method = self._methods[request.name]
        call = ua.CallMethodRequest(ObjectId=parent, MethodId=node)
        call.InputArguments = [self._argument(text, value) for text, value in zip(method.inputs, request.arguments, strict=True)]
        result, = await self._client.uaclient.session.call([call])
        if not result.StatusCode.is_good():
            return Reply(request, exception=result.StatusCode.value)
        return Reply(request, document=tuple(each.Value for each in result.OutputArguments or ()))

    def _argument(self, text: str, value: Any) -> ua.Variant:
        _, kind, _ = argument_type(text)
        if kind in STRUCTURES:
            made, fields = self._classes[kind], STRUCTURES[kind].fields
            rows = value.items() if isinstance(value, dict) else [[row.get(field, "") for field in fields] for row in value]
            return ua.Variant([made(*row) for row in rows], ua.VariantType.ExtensionObject, is_array=True)
        return ua.Variant(value, ua.VariantType[kind])


class _Notifications:
    """What asyncua calls with a change of a monitored value."""

    def __init__(self, names: Mapping[ua.NodeId, str], notify: Notify) -> None:
        self._names, self._notify = names, notify

    def datachange_notification(self, node: RemoteNode, val: Any, data: Any) -> None:
        self._notify(self._names[node.nodeid], plain_data(data.monitored_item.Value))

    def status_change_notification(self, status: Any) -> None:
        """The bulk read notices what happened to the subscription's server."""


@functools.cache
def _structure(each: Structure, index: int) -> type:
    """The class of a structure under one namespace index (asyncua ties a class to one index)."""
    return dataclasses.make_dataclass(f"{each.name}{index}", [(name, ua.String, None) for name in each.fields])


def plain_data(data: ua.DataValue) -> tuple[Any, int, int]:
    """Value, status code and source time (UTC ns, 0 for none) of a DataValue."""
    status = data.StatusCode.value if data.StatusCode is not None else 0
    return plain(data.Value.Value if data.Value is not None else None), status, utc_ns(data.SourceTimestamp)


def plain(value: Any) -> Any:
    """A value without the library's types: a text, a number, UTC ns, a dict of pairs, a tuple of dicts."""
    if isinstance(value, ua.LocalizedText):
        return value.Text or ""
    if isinstance(value, datetime):
        return utc_ns(value)
    if isinstance(value, list):
        if value and all(hasattr(each, "Key") for each in value):
            return {each.Key: each.Value or "" for each in value}
        return tuple(plain(each) for each in value)
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


def utc_ns(when: datetime | None) -> int:
    """UTC ns of a time off the wire; 0 for none (OPC UA writes the year 1601)."""
    if when is None or when.year < 1970:
        return 0
    return (when.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND * 1000
