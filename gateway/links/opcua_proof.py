"""Whether an OPC UA server is what a profile says: every node found, of its type, with a good value; every method with its arguments.

Nothing is written and no method is called. Source: OPC 10000-3 5.6.2 (DataType), 5.7 (InputArguments, OutputArguments).
"""

# pyright: reportArgumentType=false, reportPrivateImportUsage=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from asyncua import ua

from devices.opcua import RESULT_SET, STRUCTURES, argument_type
from devices.profile import Access, Method, Profile
from devices.quality import is_good
from devices.quality import name as status_name
from gateway.links.opcua_services import Services
from gateway.links.opcua_values import builtin, plain_data

_ARGUMENTS = ("InputArguments", "OutputArguments")


class Proven(msgspec.Struct, frozen=True):
    """What one node or method showed. ``value``: None when nothing came; ``note``: what is wrong, empty when nothing is."""

    name: str
    value: Any
    unit: str
    status: str
    note: str = ""


async def prove(services: Services, profile: Profile, uris: Sequence[str]) -> list[Proven]:
    """Nodes, then methods, in the order of the profile."""
    start = ua.NodeId(ua.ObjectIds.ObjectsFolder)
    paths = {node.name: node.path for node in profile.nodes} | {f"{method.name}()": method.path for method in profile.methods}
    paths |= {f"{method.name}() {part}": (*method.path, part) for method in profile.methods for part in _ARGUMENTS}
    found = await services.translate(start, paths, profile.namespaces, uris)
    return [*await _nodes(services, profile, found), *[await _method(services, method, found) for method in profile.methods]]


async def _nodes(services: Services, profile: Profile, found: dict[str, ua.NodeId]) -> list[Proven]:
    there = [node for node in profile.nodes if node.name in found and node.variant != RESULT_SET]
    ids = [found[node.name] for node in there]
    values = dict(zip([node.name for node in there], await services.read(ids), strict=True))
    types = dict(zip([node.name for node in there], await services.read(ids, ua.AttributeIds.DataType), strict=True))
    proven: list[Proven] = []
    for node in profile.nodes:
        if node.name not in found:
            proven.append(Proven(node.name, None, node.unit, "Bad", f"the server has no {'/'.join(node.path)}"))
        elif node.variant == RESULT_SET:
            proven.append(Proven(node.name, None, node.unit, "Good"))
        else:
            value, status, _ = plain_data(values[node.name])
            declared = types[node.name].Value
            kind = None if declared is None else builtin(declared.Value)
            wrong = f"is {kind.name}, not {node.variant}" if kind is not None and kind.name != node.variant else ""
            note = wrong or ("" if is_good(status) or node.access is Access.WRITE else "not good")
            proven.append(Proven(node.name, value, node.unit, status_name(status), note))
    return proven


async def _method(services: Services, method: Method, found: dict[str, ua.NodeId]) -> Proven:
    name = f"{method.name}()"
    if name not in found:
        return Proven(name, None, "", "Bad", f"the server has no {'/'.join(method.path)}")
    wrong: list[str] = []
    for part, wanted in zip(_ARGUMENTS, (method.inputs, method.outputs), strict=True):
        said: Any = None
        if f"{name} {part}" in found:
            data, = await services.read([found[f"{name} {part}"]])
            said = data.Value.Value if data.Value is not None else None
        has = [_argument(each) for each in said or () if hasattr(each, "ValueRank")]
        means = [argument_type(text) for text in wanted]
        if [(kind, array) for _, kind, array in has] != [(kind, array) for _, kind, array in means]:
            wrong.append(f"{part} are {_words(has)}, not {_words(means)}")
    return Proven(name, None, "", "Good" if not wrong else "Bad", "; ".join(wrong))


def _argument(argument: Any) -> tuple[str, str, bool]:
    kind = builtin(argument.DataType)
    own = {each.data_type: name for name, each in STRUCTURES.items()}
    name = own.get(argument.DataType.Identifier, argument.DataType.to_string()) if kind is None else kind.name
    return argument.Name or "", str(name), argument.ValueRank >= 0


def _words(arguments: Sequence[tuple[str, str, bool]]) -> str:
    return ", ".join(f"{name}:{kind}{'[]' if array else ''}" for name, kind, array in arguments) or "none"
