"""One connection to an OPC UA server: opened, asked in the words of a profile, closed; never repaired.

Nodes are found by namespace URI and browse path each time, because indices of an earlier connection mean nothing. Every
await is bounded. The library's own reconnect is off: whoever holds a session that failed builds a new one.

With every read come the server's own state, service level and clock (``server``): whether its values may be believed.

Source: OPC 10000-4 5.4.4 to 5.6.3 (connecting), 5.11.2 Call, 5.13.2 CreateSubscription; OPC 10000-5 6.3.1 ServerType, 12.10
ServerStatusDataType.
"""

# asyncua annotates integers and strings as classes of its own, which it does not ask for at run time.
# pyright: reportArgumentType=false, reportPrivateImportUsage=false

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from asyncua import ua
from cryptography import x509

from devices.exchange import CallMethod, ReadNodes, Reply, Request, WriteNode
from devices.opcua import BAD_NODE_ID_UNKNOWN, BAD_TYPE_MISMATCH, fitted
from devices.profile import Profile
from devices.quality import BAD_CONFIGURATION_ERROR, BAD_OUT_OF_RANGE, is_bad
from gateway.links.opcua_channel import Caller, explained, secure
from gateway.links.opcua_events import Happened
from gateway.links.opcua_nodes import Nodes
from gateway.links.opcua_notifications import Told, hasten
from gateway.links.opcua_results import Results
from gateway.links.opcua_services import CONNECTION_LOST, Services
from gateway.links.opcua_subscription import EVENTS, TOO_MANY_SUBSCRIPTIONS, Change, Subscription
from gateway.links.opcua_values import argument, plain_data, register
from gateway.links.pki import Identity
from gateway.links.security import Security

# The library writes a stack trace for what is an ordinary loss here; replies and our own log say it.
logging.getLogger("asyncua.client").setLevel(logging.CRITICAL + 1)       # an ErrorMessage of a server is no end of ours
logging.getLogger("asyncua.uaprotocol").setLevel(logging.ERROR)
logging.getLogger("asyncua.common").setLevel(logging.ERROR)

SESSION_TIMEOUT_MS = 60_000
SERVER = {"state": ua.ObjectIds.Server_ServerStatus_State, "level": ua.ObjectIds.Server_ServiceLevel,
          "time": ua.ObjectIds.Server_ServerStatus_CurrentTime}
"""What is read of the server itself; the first two are subscribed to as well."""
SERVER_NS = 1_000_000_000       # at this rate
_OWN = {**{f"@{name}": node for name, node in SERVER.items()}, EVENTS: ua.ObjectIds.Server}


class Listener(Protocol):
    """Who is told what the server says without being asked."""

    def changed(self, document: dict[str, Told]) -> None:
        """Values as in a ``ReadNodes``."""
        ...

    def missed(self, count: int) -> None:
        """So many notifications will never be told."""
        ...

    def served(self, server: Mapping[str, int | None]) -> None:
        """The server's own ``state``, ``level`` and ``time`` (UTC ns), as far as they are known."""
        ...

    def happened(self, event: Happened) -> None:
        """The server has something to say."""
        ...

    def gone(self, why: str) -> None:
        """The connection broke."""
        ...


class Session:
    """See the module. ``server_certificate`` and ``own``: of a secured channel, after ``open``."""

    def __init__(self, url: str, profile: Profile, security: Security, timeout_s: float, listener: Listener) -> None:
        self._profile, self._security, self._timeout_s, self._listener = profile, security, timeout_s, listener
        self._client = Caller(url, timeout=timeout_s, auto_reconnect=False)
        self._client.session_timeout = SESSION_TIMEOUT_MS
        self._client.connection_lost_callback = self._broke
        hasten(self._client.uaclient.session)
        self.services = Services(self._client.uaclient.session)
        self.own: Identity | None = None
        self.server_certificate: x509.Certificate | None = None
        self.nodes = Nodes(self.services, profile)
        self._server: dict[str, int | None] = dict.fromkeys(SERVER)
        self._uris: list[str] = []
        self._classes: dict[str, type] = {}
        self._results = Results(self.services, profile.namespaces, self._uris)
        self._subscriptions: dict[int, Subscription] = {}

    async def _broke(self, why: Exception) -> None:
        self._listener.gone(str(why) or type(why).__name__)

    # --- opening and closing -------------------------------------------------------------------------------------
    async def open(self, limit_s: float, now: datetime) -> None:
        """Connect and find every node.

        Raises Refused when the server may not be believed or will not have us; OSError, TimeoutError or UaError when it
        cannot be done in ``limit_s``.
        """
        try:
            async with asyncio.timeout(limit_s):
                known = await secure(self._client, self._security, now)
                if known is not None:
                    self.own, self.server_certificate = known
                await self._client.connect()
                await self.services.learn()
                await self.find()
                self._classes = register(self._uris)
        except ua.UaError as error:
            raise explained(error, self._security) from error

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

    async def find(self) -> list[str]:
        """Find every node of the profile anew, under the namespaces that the server has now; the names that were not known before.

        A server that is still starting may have neither, and say so without an error.
        """
        self._uris[:] = await self._client.get_namespace_array()
        return await self.nodes.find(self._uris)

    # --- asking --------------------------------------------------------------------------------------------------
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
            return Reply(request, failure="lost") if error.code in CONNECTION_LOST else Reply(request, exception=error.code)
        except OSError:
            return Reply(request, failure="lost")
        except ua.UaError:
            return Reply(request, failure="malformed")

    async def _read(self, names: tuple[str, ...]) -> dict[str, Any]:
        if names[0].partition("/")[0] in self.nodes.sets:
            name, _, child = names[0].partition("/")
            return {names[0]: await (self._results.whole(child) if child else self._results.listing(self.nodes.known[name]))}
        found = [name for name in names if name in self.nodes.known]
        values = await self.services.read([*(self.nodes.known[name] for name in found), *(ua.NodeId(each) for each in SERVER.values())])
        document: dict[str, tuple[Any, int, int]] = dict.fromkeys(names, (None, BAD_NODE_ID_UNKNOWN, 0))
        for name, data in zip(found, values, strict=False):
            document[name] = self.nodes.told(name, data)
            if document[name][1] == BAD_NODE_ID_UNKNOWN:
                self.nodes.known.pop(name, None)      # it was there: looked for again
                for subscription in self._subscriptions.values():
                    subscription.forget(name)
        for name, data in zip(SERVER, values[len(found):], strict=True):
            self._hear_server(name, plain_data(data))
        self._listener.served(self._server)
        return document

    def _hear_server(self, name: str, told: Told) -> None:
        value, status, _ = told
        self._server[name] = None if is_bad(status) or not isinstance(value, int) else value

    async def _write(self, request: WriteNode) -> Reply:
        """The value in the node's own type. What the type cannot carry is refused here."""
        node = self.nodes.known.get(request.name)
        if node is None:
            return Reply(request, exception=BAD_NODE_ID_UNKNOWN)
        if request.name not in self.nodes.types:
            await self._read((request.name,))   # the node's data type is abstract: its value tells
        kind = self.nodes.types.get(request.name)
        if kind is None or request.name in self.nodes.lists:
            return Reply(request, exception=BAD_TYPE_MISMATCH)
        try:
            value = fitted(request.value, kind.name)
        except OverflowError:
            return Reply(request, exception=BAD_OUT_OF_RANGE)
        except ValueError:
            return Reply(request, exception=BAD_TYPE_MISMATCH)
        code = await self.services.write(node, value, kind)
        return Reply(request) if code.is_good() else Reply(request, exception=code.value)

    async def _call(self, request: CallMethod) -> Reply:
        if request.name not in self.nodes.methods:
            return Reply(request, exception=BAD_CONFIGURATION_ERROR)
        parent, node, method = self.nodes.methods[request.name]
        call = ua.CallMethodRequest(ObjectId=parent, MethodId=node)
        call.InputArguments = [
            argument(text, value, self._classes) for text, value in zip(method.inputs, request.arguments, strict=True)]
        result, = await self.services.session.call([call])
        if not result.StatusCode.is_good():
            return Reply(request, exception=result.StatusCode.value)
        return Reply(request, document=tuple(each.Value for each in result.OutputArguments or ()))

    # --- being told ----------------------------------------------------------------------------------------------
    async def subscribe(self, rates: Mapping[int, Sequence[str]]) -> tuple[float, list[str]]:
        """Have changes told: one subscription per rate (period in ns -> names), the server's own state among them.

        The slowest interval settled on, s, and the names that the server takes in no subscription: they are to be polled.
        """
        wanted = {period: [name for name in names if name in self.nodes.known] for period, names in rates.items()}
        own = [*(f"@{name}" for name in ("state", "level")), EVENTS]
        wanted[SERVER_NS] = [*wanted.get(SERVER_NS, ()), *own]
        slowest, refused = 0.0, []
        for period in sorted(wanted):
            nodes = {name: self.nodes.known[name] if name in self.nodes.known else ua.NodeId(_OWN[name]) for name in wanted[period]}
            subscription = await self._subscription(period)
            if subscription is None:
                refused += list(nodes)
                continue
            items = {name: (node, period / 1e6) for name, node in nodes.items() if subscription.items.get(name, (None,))[0] != node}
            if items:
                async with asyncio.timeout(self._timeout_s):
                    slowest = max(slowest, await subscription.watch(items) / 1000)
            refused += [name for name in nodes if name in subscription.refused]
        return slowest, [name for name in refused if not name.startswith("@")]

    async def _subscription(self, period_ns: int) -> Subscription | None:
        """The subscription of a rate, made when there is none; the next faster one when the server gives no more; None when none at all."""
        if period_ns in self._subscriptions:
            return self._subscriptions[period_ns]
        made = Subscription(self.services, self, period_ns / 1e9, SESSION_TIMEOUT_MS / 1000, self._timeout_s)
        try:
            async with asyncio.timeout(self._timeout_s):
                await made.open()
        except ua.UaStatusCodeError as refusal:
            if refusal.code in CONNECTION_LOST:
                raise
            others = list(self._subscriptions.values())
            if refusal.code != TOO_MANY_SUBSCRIPTIONS or not others:
                return None
            made = others[-1]
        self._subscriptions[period_ns] = made
        return made

    @property
    def stale(self) -> bool:
        """Whether a subscription has fallen silent."""
        return any(subscription.stale for subscription in self._subscriptions.values())

    async def renew(self) -> int:
        """Make again the subscriptions that fell silent; how many. Raises OSError, TimeoutError or UaError when the server will not."""
        silent = {id(each): each for each in self._subscriptions.values() if each.stale}
        for subscription in silent.values():
            async with asyncio.timeout(self._timeout_s):
                await subscription.renew()
        return len(silent)

    def changed(self, changes: Sequence[Change]) -> None:
        """Monitored values have changed (called by a subscription). Many are told together, the values of each name in their order."""
        told_now: list[dict[str, Told]] = []
        before: dict[str, int] = {}             # values of a name so far
        for name, kind, told in changes:
            if name[0] == "@":
                self._tell(told_now)
                before.clear()
                self._hear_server(name[1:], told)
                self._listener.served(self._server)
                continue
            nth = before.get(name, 0)
            before[name] = nth + 1
            if nth == len(told_now):
                told_now.append({})
            told_now[nth][name] = self.nodes.judged(name, kind, told)
        self._tell(told_now)

    def _tell(self, documents: list[dict[str, Told]]) -> None:
        for document in documents:
            self._listener.changed(document)
        documents.clear()

    def missed(self, count: int) -> None:
        """Notifications were missed (called by a subscription)."""
        self._listener.missed(count)

    def happened(self, event: Happened) -> None:
        """An event (called by a subscription)."""
        self._listener.happened(event)
