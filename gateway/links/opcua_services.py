"""The services of one OPC UA session, each call no larger than the server takes.

    services = Services(client.uaclient.session)
    await services.learn()                          # OperationLimits
    values = await services.read(nodes)             # in as many calls as it needs

A server that says BadTooManyOperations without having said its limit is asked again with half, and the limit is kept.
A list of results of another length than was asked for is no answer: nothing of it is used.

Source: OPC 10000-5 6.3.11 OperationLimitsType; OPC 10000-4 5.8.2 Browse, 5.8.4 TranslateBrowsePathsToNodeIds, 5.10.2 Read,
5.10.4 Write, 5.12.2 CreateMonitoredItems.
"""

# asyncua annotates integers and strings as classes of its own, which it does not ask for at run time.
# pyright: reportArgumentType=false, reportPrivateImportUsage=false

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua.ua_binary import struct_from_binary

from devices.opcua import relative_path

READ, WRITE, ITEMS, TRANSLATE, BROWSE = (
    "MaxNodesPerRead", "MaxNodesPerWrite", "MaxMonitoredItemsPerCall", "MaxNodesPerTranslateBrowsePathsToNodeIds", "MaxNodesPerBrowse")
_LIMITS = {each: ua.NodeId(getattr(ua.ObjectIds, f"Server_ServerCapabilities_OperationLimits_{each}"))
           for each in (READ, WRITE, ITEMS, TRANSLATE, BROWSE)}
_TOO_MUCH = frozenset({
    0x80100000,     # BadTooManyOperations
    0x80080000,     # BadEncodingLimitsExceeded
    0x80B80000,     # BadRequestTooLarge
    0x80B90000,     # BadResponseTooLarge
})
CONNECTION_LOST = frozenset({                   # status codes that say the connection itself is of no more use
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
_ROUNDS = 1000      # of BrowseNext: a server that never comes to an end
T = TypeVar("T")
R = TypeVar("R")


class Malformed(ua.UaError):
    """An answer that does not belong to its question."""


class Services:
    """See the module. ``limits``: service -> largest number of operations in one call, where there is one."""

    def __init__(self, session: UaSession) -> None:
        self.session = session
        self.limits: dict[str, int] = {}

    async def learn(self) -> None:
        """Ask what one call may hold. A server that does not say has no limit."""
        self.limits.clear()
        for name, data in zip(_LIMITS, await self.read(list(_LIMITS.values())), strict=True):
            value = data.Value.Value if data.Value is not None else None
            if data.StatusCode is not None and data.StatusCode.is_good() and isinstance(value, int) and value > 0:
                self.limits[name] = value

    async def read(self, nodes: Sequence[ua.NodeId], attribute: ua.AttributeIds = ua.AttributeIds.Value) -> list[ua.DataValue]:
        """One attribute of many nodes. Raises Malformed for an answer whose results do not end where its bytes do."""
        return await self._split(READ, nodes, lambda part: self._read(part, attribute))

    async def _read(self, nodes: Sequence[ua.NodeId], attribute: ua.AttributeIds) -> list[ua.DataValue]:
        """As ``UaSession.read_attributes``, which does not look whether bytes are left: then what was read was not what was sent."""
        request = ua.ReadRequest()
        request.Parameters.NodesToRead = [ua.ReadValueId(NodeId=node, AttributeId=attribute) for node in nodes]
        data = await self.session._send_request(request)
        response = struct_from_binary(ua.ReadResponse, data)
        response.ResponseHeader.ServiceResult.check()
        if len(data):
            raise Malformed(f"{len(data)} bytes behind the results of a read")
        return response.Results

    async def write(self, node: ua.NodeId, value: Any, kind: ua.VariantType) -> ua.StatusCode:
        """The value of one node: no status and no time with it, which many servers refuse."""
        data = ua.DataValue(ua.Variant(value, kind), StatusCode=None)
        code, = await self._split(WRITE, [node], lambda part: self.session.write_attributes(part, [data], ua.AttributeIds.Value))
        return code

    async def create_items(self, subscription: int, items: Sequence[ua.MonitoredItemCreateRequest]) -> list[ua.MonitoredItemCreateResult]:
        """Monitored items of a subscription, one result each."""
        async def create(part: list[ua.MonitoredItemCreateRequest]) -> list[ua.MonitoredItemCreateResult]:
            return await self.session.create_monitored_items(ua.CreateMonitoredItemsParameters(
                SubscriptionId=subscription, TimestampsToReturn=ua.TimestampsToReturn.Both, ItemsToCreate=part))

        return await self._split(ITEMS, items, create)

    async def translate(
        self, start: ua.NodeId, paths: Mapping[str, Sequence[str]], namespaces: Mapping[str, str], uris: Sequence[str]
    ) -> dict[str, ua.NodeId]:
        """The nodes at browse paths below ``start``; what the server does not have, or has twice, is left out."""
        wanted: dict[str, ua.BrowsePath] = {}
        for name, path in paths.items():
            try:
                wanted[name] = _browse_path(start, relative_path(path, namespaces, uris))
            except LookupError:
                continue                        # the server has no such namespace
        results = await self._split(TRANSLATE, list(wanted.values()), self.session.translate_browsepaths_to_nodeids)
        return {name: result.Targets[0].TargetId for name, result in zip(wanted, results, strict=True)
                if result.StatusCode.is_good() and len(result.Targets or ()) == 1}

    async def browse(self, node: ua.NodeId) -> list[ua.ReferenceDescription]:
        """Everything below a node, however many rounds the server takes to tell."""
        description = ua.BrowseDescription()
        description.NodeId, description.ResultMask = node, ua.BrowseResultMask.All
        parameters = ua.BrowseParameters(View=ua.ViewDescription(), RequestedMaxReferencesPerNode=0, NodesToBrowse=[description])
        found: list[ua.ReferenceDescription] = []
        result, = await self.session.browse(parameters)
        for _ in range(_ROUNDS):
            result.StatusCode.check()
            found += [each for each in result.References or () if each.IsForward]
            if not result.ContinuationPoint:
                return found
            result, = await self.session.browse_next(ua.BrowseNextParameters(ContinuationPoints=[result.ContinuationPoint]))
        raise Malformed(f"{node} has no end")

    async def _split(self, what: str, items: Sequence[T], call: Callable[[list[T]], Awaitable[list[R]]]) -> list[R]:
        found: list[R] = []
        while len(found) < len(items):
            part = list(items[len(found) : len(found) + self.limits.get(what, len(items))])
            try:
                results = await call(part)
            except ua.UaStatusCodeError as refusal:
                if refusal.code not in _TOO_MUCH or len(part) == 1:
                    raise
                self.limits[what] = len(part) // 2
                continue
            if len(results) != len(part):
                raise Malformed(f"{len(results)} results to {len(part)} operations")
            found += results
        return found


def _browse_path(start: ua.NodeId, path: Sequence[tuple[int, str]]) -> ua.BrowsePath:
    elements = [
        ua.RelativePathElement(
            ReferenceTypeId=ua.NodeId(ua.ObjectIds.HierarchicalReferences), IsInverse=False, IncludeSubtypes=True,
            TargetName=ua.QualifiedName(name, index))
        for index, name in path
    ]
    return ua.BrowsePath(StartingNode=start, RelativePath=ua.RelativePath(Elements=elements))
