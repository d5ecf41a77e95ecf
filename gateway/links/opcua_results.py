"""The ResultSet of a LADS device over one session: listed with its keys, one result fetched whole.

Source: OPC 30500-1 v1.0.1 7.4.4 ResultType; what the words mean stands in ``devices.opcua``.
"""

# pyright: reportPrivateImportUsage=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from asyncua import ua

from devices.opcua import BAD_NODE_ID_UNKNOWN, RESULT_KEYS, RESULT_PROPERTIES
from gateway.links.opcua_services import Services
from gateway.links.opcua_values import plain_data


class Results:
    """Children are found again each time, their properties once. ``namespaces``: of the profile; ``uris``: of the server."""

    def __init__(self, services: Services, namespaces: Mapping[str, str], uris: Sequence[str]) -> None:
        self._services, self._namespaces, self._uris = services, namespaces, uris
        self._results: dict[ua.NodeId, dict[str, ua.NodeId]] = {}
        self._children: dict[str, ua.NodeId] = {}

    async def listing(self, node: ua.NodeId) -> dict[str, Any]:
        """Every result of a ResultSet with its keys."""
        self._children = await self._below(node, ua.NodeClass.Object)
        self._results = {child: self._results.get(child, {}) for child in self._children.values()}
        for child, known in self._results.items():
            if not known:
                known |= await self._find(child, {key: (f"lads:{key}",) for key in RESULT_PROPERTIES})
        wanted = [(name, key, self._results[child][key]) for name, child in self._children.items()
                  for key in RESULT_KEYS if key in self._results[child]]
        found: dict[str, Any] = {child: {} for child in self._children}
        for (child, key, _), data in zip(wanted, await self._services.read([each for _, _, each in wanted]), strict=True):
            found[child][key] = plain_data(data)[0]
        return found

    async def whole(self, child: str) -> dict[str, Any] | None:
        """One whole result, or None when it is no longer there."""
        node = self._children.get(child)
        if node is None:
            return None
        below = await self._find(node, {"VariableSet": ("lads:VariableSet",)})
        variables = await self._below(below["VariableSet"], ua.NodeClass.Variable) if below else {}
        known = self._results[node]
        values = await self._services.read([*known.values(), *variables.values()])
        if any(data.StatusCode is not None and data.StatusCode.value == BAD_NODE_ID_UNKNOWN for data in values):
            return None
        found = {key: plain_data(data)[0] for key, data in zip(known, values, strict=False)}
        found["VariableSet"] = {name: plain_data(data)[:2] for name, data in zip(variables, values[len(known):], strict=True)}
        return found

    async def _find(self, node: ua.NodeId, paths: Mapping[str, Sequence[str]]) -> dict[str, ua.NodeId]:
        return await self._services.translate(node, paths, self._namespaces, self._uris)

    async def _below(self, node: ua.NodeId, kind: ua.NodeClass) -> dict[str, ua.NodeId]:
        return {each.BrowseName.Name: each.NodeId for each in await self._services.browse(node)
                if each.NodeClass == kind and each.BrowseName.NamespaceIndex}
