"""The nodes of a profile on one server: found by namespace URI and browse path, and of what type they are.

A value of another type than its node has is no value of it: a type is learned when the node is found, from its DataType, or
from the first value where that is abstract. A variable that has no readable type is not there.

Source: OPC 10000-3 5.6.2 (DataType and ValueRank are mandatory for a variable).
"""

# pyright: reportArgumentType=false, reportPrivateImportUsage=false

from __future__ import annotations

from collections.abc import Sequence

from asyncua import ua

from devices.opcua import BAD_TYPE_MISMATCH, RESULT_SET
from devices.profile import Method, Profile
from devices.quality import is_bad
from gateway.links.opcua_notifications import Told
from gateway.links.opcua_services import Services
from gateway.links.opcua_values import builtin, plain_data


class Nodes:
    """``known``: name -> node; ``types``: name -> built-in type; ``lists``: names of arrays; ``methods``: object, method, profile.

    ``sets``: names that stand for a ResultSet and not for a variable.
    """

    def __init__(self, services: Services, profile: Profile) -> None:
        self.known: dict[str, ua.NodeId] = {}
        self.types: dict[str, ua.VariantType] = {}
        self.lists: set[str] = set()
        self.methods: dict[str, tuple[ua.NodeId, ua.NodeId, Method]] = {}
        self.sets = {node.name for node in profile.nodes if node.variant == RESULT_SET}
        self._services, self._profile = services, profile

    async def find(self, uris: Sequence[str]) -> list[str]:
        """Find every node anew under the server's namespaces; the names that were not known before."""
        named = {node.name: node.path for node in self._profile.nodes}
        for method in self._profile.methods:
            named |= {f"{method.name}()": method.path, f"{method.name}() of": method.path[:-1]}
        found = await self._services.translate(ua.NodeId(ua.ObjectIds.ObjectsFolder), named, self._profile.namespaces, uris)
        before, self.known = self.known, {node.name: found[node.name] for node in self._profile.nodes if node.name in found}
        self.methods = {
            method.name: (found[f"{method.name}() of"], found[f"{method.name}()"], method)
            for method in self._profile.methods if f"{method.name}()" in found and f"{method.name}() of" in found
        }
        new = [name for name, node in self.known.items() if before.get(name) != node]
        await self._learn_types([name for name in new if name not in self.sets])
        return [name for name in new if name in self.known]

    @property
    def complete(self) -> bool:
        """Whether the server has every node of the profile, as far as is known."""
        return len(self.known) == len(self._profile.nodes)

    def told(self, name: str, data: ua.DataValue) -> Told:
        """A value in the words of a ``ReadNodes``."""
        return self.judged(name, data.Value.VariantType if data.Value is not None else None, plain_data(data))

    def judged(self, name: str, kind: ua.VariantType | None, told: Told) -> Told:
        """What is told of a node; a value of another type (``kind``) than its node has is none."""
        value, status, source = told
        if value is None or kind is None or is_bad(status) or kind == self.types.setdefault(name, kind):
            return told
        return None, BAD_TYPE_MISMATCH, source

    async def _learn_types(self, names: Sequence[str]) -> None:
        nodes = [self.known[name] for name in names]
        kinds = await self._services.read(nodes, ua.AttributeIds.DataType)
        ranks = await self._services.read(nodes, ua.AttributeIds.ValueRank)
        for name, kind, rank in zip(names, kinds, ranks, strict=True):
            data_type, dimensions = (each.Value.Value if each.Value is not None else None for each in (kind, rank))
            if not isinstance(data_type, ua.NodeId) or not isinstance(dimensions, int):
                del self.known[name]            # looked for again
                continue
            self.types.pop(name, None)
            said = builtin(data_type)
            if said is not None:
                self.types[name] = said
            (self.lists.add if dimensions >= 0 else self.lists.discard)(name)
