"""The simulated analyser behind a real OPC UA server on loopback.

    server = OpcUaServer(device, now=lambda: plant.now, port=15060)
    await server.start()
    ...
    device.step(now)
    await server.publish()                          # writes what has changed, results first
    await server.stop()

Builds the few objects of the profile with the standard's browse names; nothing is writable, methods are the only way in.
It is a simulator: loopback only, small limits, no remote administrator; with ``users`` set, only they. Its channel is open
unless it is told to demand a policy (``secured``): then it has a certificate of its own and takes only clients it trusts.

Source: OPC 30500-1 v1.0.1 7.2 LADSDeviceType to 7.4 ProgramManagerType; OPC 10000-100 (DeviceSet).
"""

# asyncua annotates integers and strings as classes of its own, which it does not ask for at run time.
# pyright: reportArgumentType=false, reportPrivateImportUsage=false

from __future__ import annotations

import dataclasses
import functools
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec
from asyncua import Server, ua
from asyncua.common.connection import TransportLimits
from asyncua.common.manage_nodes import create_data_type, create_encoding, delete_nodes
from asyncua.common.node import Node as ServerNode
from asyncua.common.structures104 import new_struct_field
from asyncua.common.utils import ServiceError
from asyncua.crypto.cert_gen import dump_private_key_as_pem, generate_private_key, generate_self_signed_app_certificate
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.event_generator import EventGenerator
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from devices.exchange import CallMethod
from devices.instruments.icp_lads import PROFILE, VENDOR
from devices.opcua import LADS, RESULT_PROPERTIES, RESULT_SET, STRUCTURES, Structure, argument_type, relative_path
from devices.profile import Method, Node
from devices.units import UNITS
from simulators.analyzer import IcpDevice

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = ("Started", "Stopped")
URI = "urn:lagan:simulated-analyser"


class Secured(msgspec.Struct, frozen=True):
    """What the server demands: a policy and mode of the configuration. ``directory``: its certificates.

    ``own.der`` and ``own.key`` (made when missing), ``trusted/``: clients that may come, ``rejected/``: clients that came and may not yet.
    """

    policy: str
    mode: str
    directory: Path


class OpcUaServer:
    """One simulated device on one endpoint. ``now``: the plant's monotonic ns, asked when a method is called.

    ``namespaces_before``: URIs registered ahead of ours, so that a test can move our indices.
    """

    def __init__(
        self,
        device: IcpDevice,
        now: Callable[[], int],
        *,
        host: str = "127.0.0.1",
        port: int = 15060,
        users: Mapping[str, str] | None = None,
        namespaces_before: Sequence[str] = (),
        secured: Secured | None = None,
    ) -> None:
        self.device, self.url = device, f"opc.tcp://{host}:{port}"
        self._now, self._users, self._before, self._secured, self._host = now, users, tuple(namespaces_before), secured, host
        self._server = Server(user_manager=_Users(users) if users is not None else None)
        self._uris: list[str] = []
        self._found: dict[tuple[tuple[int, str], ...], ServerNode] = {}
        self._shown: dict[str, tuple[ua.NodeId, ua.VariantType]] = {}
        self._written: dict[str, tuple[Any, int, int]] = {}
        self._results: dict[str, tuple[ServerNode, bool]] = {}
        self._classes: dict[str, type] = {}
        self._events: EventGenerator

    async def start(self) -> None:
        """Build the address space and listen."""
        server = self._server
        await server.init()
        server.set_endpoint(self.url)
        server.set_server_name("lagan simulated analyser")
        if self._secured is None:
            server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        else:
            await self._secure(self._secured)
        server.set_identity_tokens([ua.UserNameIdentityToken if self._users is not None else ua.AnonymousIdentityToken])
        server.allow_remote_admin(False)
        server.disable_clock()
        server.limits = TransportLimits(max_chunk_count=16, max_message_size=1 << 20)
        server.iserver.max_connections = 20
        await server.set_application_uri(URI)
        server.iserver.aspace.set_attribute_value_callback(
            ua.NodeId(ua.ObjectIds.Server_ServerStatus_CurrentTime), ua.AttributeIds.Value, lambda *_: self._clock())
        for uri in (*self._before, *PROFILE.namespaces.values()):
            await server.register_namespace(uri)
        self._uris = await server.get_namespace_array()
        for name in STRUCTURES:
            await self._structure(name)
        for node in PROFILE.nodes:
            await self._place(node)
        for method in PROFILE.methods:
            await self._method(method)
        self._events = await server.get_event_generator()
        self._events.event.SourceName = "ICP"
        await self.publish()
        await server.start()

    async def stop(self) -> None:
        """Stop listening and drop every client, also the sessions of connections that broke, which asyncua keeps and forgets."""
        await self._server.stop()
        for session in list(self._server.iserver._external_sessions.values()):
            await session.close_session()

    async def publish(self) -> None:
        """Write what has changed since the last time: results first, then the version that tells of them, then states."""
        if self._written.get("result_version") is not self.device.nodes["result_version"]:
            await self._publish_results()
        while self.device.said:
            severity, message, at = self.device.said.popleft()
            self._events.event.Severity = severity
            await self._events.trigger(time_attr=_time(at), message=message)
        for name, shown in self.device.nodes.items():
            if self._written.get(name) is not shown:
                self._written[name] = shown
                node, kind = self._shown[name]
                await self._write(node, kind, *shown)

    def _clock(self) -> ua.DataValue:
        """The device's clock, which is the server's."""
        return ua.DataValue(ua.Variant(_time(self.device.utc(self._now())), ua.VariantType.DateTime))

    # --- security ------------------------------------------------------------------------------------------------
    async def _secure(self, secured: Secured) -> None:
        """Only this policy and mode, with a certificate of our own, for clients that are trusted."""
        server, folder = self._server, secured.directory
        for each in (folder, folder / "trusted", folder / "rejected"):
            each.mkdir(parents=True, exist_ok=True)
        if not (folder / "own.key").exists():
            certificate, key = own_certificate(self._host)
            (folder / "own.key").touch(0o600)
            (folder / "own.key").write_bytes(key)
            (folder / "own.der").write_bytes(certificate)
        await server.load_certificate((folder / "own.der").read_bytes())
        await server.load_private_key((folder / "own.key").read_bytes(), format="pem")
        server.set_security_policy([ua.SecurityPolicyType[f"{secured.policy.replace('_', '')}_{secured.mode}"]])

        async def known(certificate: x509.Certificate, _: ua.ApplicationDescription) -> None:
            shown = certificate.public_bytes(Encoding.DER)
            if shown not in [path.read_bytes() for path in (folder / "trusted").iterdir()]:
                (folder / "rejected" / f"{certificate.serial_number:x}.der").write_bytes(shown)
                raise ServiceError(ua.StatusCodes.BadCertificateUntrusted)

        server.set_certificate_validator(known)

    # --- building ------------------------------------------------------------------------------------------------
    def _index(self, uri: str) -> int:
        return self._uris.index(uri)

    async def _parent(self, path: tuple[tuple[int, str], ...]) -> ServerNode:
        """The object at a path below Objects; made when it is not there yet."""
        if not path:
            return self._server.nodes.objects
        if path not in self._found:
            parent = await self._parent(path[:-1])
            index, name = path[-1]
            self._found[path] = await parent.add_object(ua.NodeId(_id(path), self._index(VENDOR)), ua.QualifiedName(name, index))
        return self._found[path]

    async def _place(self, node: Node) -> None:
        path = relative_path(node.path, PROFILE.namespaces, self._uris)
        if node.variant == RESULT_SET:
            await self._parent(path)
            return
        parent = await self._parent(path[:-1])
        add = parent.add_property if path[-1] == (0, "NodeVersion") else parent.add_variable
        kind = ua.VariantType[node.variant]
        made = await add(
            ua.NodeId(_id(path), self._index(VENDOR)), ua.QualifiedName(path[-1][1], path[-1][0]),
            typed(self.device.nodes[node.name][0], kind), kind)
        self._shown[node.name] = (made.nodeid, kind)
        if node.unit != "1":
            unit = UNITS[node.unit]
            await made.add_property(
                ua.NodeId(f"{_id(path)}.EngineeringUnits", self._index(VENDOR)), ua.QualifiedName("EngineeringUnits", 0),
                ua.EUInformation(
                    NamespaceUri="http://www.opcfoundation.org/UA/units/un/cefact", UnitId=unit.unit_id,
                    DisplayName=ua.LocalizedText(unit.display)))

    async def _structure(self, name: str) -> None:
        each = STRUCTURES[name]
        index = self._index(each.namespace)
        made = _made(each, index)
        kind, encoding = ua.NodeId(each.data_type, index), ua.NodeId(each.encoding, index)
        ua.register_extension_object(f"{name}Served{index}", encoding, made, kind)
        self._classes[name] = made
        base = self._server.nodes.base_structure_type
        described = await create_data_type(base, kind, ua.QualifiedName(name, index))
        await create_encoding(described, encoding, ua.QualifiedName("Default Binary", 0))
        await described.write_data_type_definition(ua.StructureDefinition(
            DefaultEncodingId=encoding, BaseDataType=base.nodeid, StructureType=ua.StructureType.Structure,
            Fields=[new_struct_field(field, ua.VariantType.String) for field in each.fields]))

    async def _method(self, method: Method) -> None:
        path = relative_path(method.path, PROFILE.namespaces, self._uris)
        parent = await self._parent(path[:-1])

        async def call(_: ua.NodeId, *arguments: ua.Variant) -> Any:
            if len(arguments) != len(method.inputs):
                return ua.StatusCode(ua.StatusCodes.BadArgumentsMissing)
            reply = self.device.answer(CallMethod(method.name, tuple(map(_plain, method.inputs, arguments))), self._now())
            await self.publish()
            if reply.exception is not None:
                return ua.StatusCode(reply.exception)
            return [ua.Variant(each, ua.VariantType.String) for each in reply.document]

        await parent.add_method(
            ua.NodeId(_id(path), self._index(VENDOR)), ua.QualifiedName(path[-1][1], path[-1][0]), call,
            [self._argument(each) for each in method.inputs], [self._argument(each) for each in method.outputs])

    def _argument(self, text: str) -> ua.Argument:
        name, kind, array = argument_type(text)
        data_type = (
            ua.NodeId(STRUCTURES[kind].data_type, self._index(LADS)) if kind in STRUCTURES else ua.NodeId(ua.VariantType[kind].value))
        return ua.Argument(Name=name, DataType=data_type, ValueRank=1 if array else -1)

    # --- results -------------------------------------------------------------------------------------------------
    async def _publish_results(self) -> None:
        present = {result.run: bool(result.stopped) for result in self.device.results}
        for run in [run for run in self._results if run not in present]:
            await self._remove(self._results.pop(run)[0])
        for run, complete in present.items():
            known = self._results.get(run)
            if known is None:
                known = (await self._add_result(run), False)
                self._results[run] = known
            if complete and not known[1]:
                await self._complete(run, known[0])
                self._results[run] = (known[0], True)

    async def _result_set(self) -> ServerNode:
        path = next(node.path for node in PROFILE.nodes if node.variant == RESULT_SET)
        return await self._parent(relative_path(path, PROFILE.namespaces, self._uris))

    async def _add_result(self, run: str) -> ServerNode:
        lads, vendor = self._index(LADS), self._index(VENDOR)
        result = await (await self._result_set()).add_object(ua.NodeId(run, vendor), ua.QualifiedName(run, vendor))
        whole = self.device.read(f"results/{run}")
        for key in RESULT_PROPERTIES:
            value = self._property(key, whole[key])
            await result.add_property(
                ua.NodeId(f"{run}.{key}", vendor), ua.QualifiedName(key, lads), value, value.VariantType, self._kind(key))
        await result.add_object(ua.NodeId(f"{run}.VariableSet", vendor), ua.QualifiedName("VariableSet", lads))
        return result

    async def _remove(self, result: ServerNode) -> None:
        """Drop an old result. Asked to find references to a node, asyncua searches the whole address space: 60 ms each."""
        await (await self._result_set()).delete_reference(result, ua.ObjectIds.HasComponent)
        await delete_nodes(self._server.iserver.isession, [result], recursive=True, delete_target_references=False)

    async def _complete(self, run: str, result: ServerNode) -> None:
        """Variables and properties of a finished run; Stopped last, which says that the rest is there."""
        vendor = self._index(VENDOR)
        whole = self.device.read(f"results/{run}")
        variables = self._server.get_node(ua.NodeId(f"{run}.VariableSet", vendor))
        for name, (value, status) in whole["VariableSet"].items():
            node = await variables.add_variable(
                ua.NodeId(f"{run}.VariableSet.{name}", vendor), ua.QualifiedName(name, vendor), float(value), ua.VariantType.Double)
            await self._write(node.nodeid, ua.VariantType.Double, value, status, whole["Stopped"])
        for key in sorted(RESULT_PROPERTIES, key="Stopped".__eq__):
            value = self._property(key, whole[key])
            await self._server.write_attribute_value(
                ua.NodeId(f"{run}.{key}", vendor), ua.DataValue(value, SourceTimestamp=_time(whole["Stopped"])))

    def _property(self, key: str, value: Any) -> ua.Variant:
        if key == "Properties":
            made = self._classes["KeyValueType"]
            return ua.Variant([made(*pair) for pair in value.items()], ua.VariantType.ExtensionObject, is_array=True)
        if key == "Samples":
            made, fields = self._classes["SampleInfoType"], STRUCTURES["SampleInfoType"].fields
            rows = [made(*(sample.get(field, "") for field in fields)) for sample in value]
            return ua.Variant(rows, ua.VariantType.ExtensionObject, is_array=True)
        if key in _TIMES:
            return ua.Variant(_time(value) if value else datetime(1601, 1, 1, tzinfo=UTC), ua.VariantType.DateTime)
        return ua.Variant(value, ua.VariantType.String)

    def _kind(self, key: str) -> ua.NodeId:
        structure = {"Properties": "KeyValueType", "Samples": "SampleInfoType"}.get(key)
        if structure:
            return ua.NodeId(STRUCTURES[structure].data_type, self._index(LADS))
        return ua.NodeId(ua.ObjectIds.DateTime if key in _TIMES else ua.ObjectIds.String)

    async def _write(self, node: ua.NodeId, kind: ua.VariantType, value: Any, status: int, source_ns: int) -> None:
        data = ua.DataValue(ua.Variant(typed(value, kind), kind), StatusCode=ua.StatusCode(status), SourceTimestamp=_time(source_ns))
        await self._server.write_attribute_value(node, data)


def own_certificate(host: str) -> tuple[bytes, bytes]:
    """A self-signed certificate (DER) for a server on this host, and its key (PEM)."""
    key = generate_private_key()
    names = [x509.UniformResourceIdentifier(URI), x509.DNSName("localhost")]
    names.append(x509.IPAddress(ip_address(host)) if host[:1].isdigit() else x509.DNSName(host))
    made = generate_self_signed_app_certificate(key, "simulated analyser", {}, names, [ExtendedKeyUsageOID.SERVER_AUTH])
    return made.public_bytes(Encoding.DER), dump_private_key_as_pem(key)


class _Users:
    """Only the named users, with their own passwords; each an ordinary user, none an administrator."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = dict(users)

    def get_user(self, iserver: Any, username: str | None = None, password: str | None = None, certificate: Any = None) -> User | None:
        known = self._users.get(username or "")
        if known is None or not hmac.compare_digest(known.encode(), (password or "").encode()):
            return None
        return User(role=UserRole.User, name=username)


@functools.cache
def _made(each: Structure, index: int) -> type:
    """The class of a structure under one namespace index (asyncua ties a class to one index)."""
    return dataclasses.make_dataclass(f"{each.name}{index}", [(name, ua.String, None) for name in each.fields])


def typed(value: Any, kind: ua.VariantType) -> Any:
    """A plain value as the type of its node."""
    if kind is ua.VariantType.LocalizedText:
        return ua.LocalizedText(str(value))
    return {ua.VariantType.Double: float, ua.VariantType.UInt32: int, ua.VariantType.Boolean: bool}.get(kind, str)(value)


def _plain(argument: str, given: ua.Variant) -> Any:
    """An argument as the device takes it: pairs as a dict, other structures as dicts, a null text as none."""
    _, kind, array = argument_type(argument)
    if not array:
        return given.Value or ""
    rows = given.Value or []
    if kind == "KeyValueType":
        return {each.Key: each.Value or "" for each in rows}
    return tuple({key: text or "" for key, text in dataclasses.asdict(each).items()} for each in rows)


def _id(path: tuple[tuple[int, str], ...]) -> str:
    return "/".join(name for _, name in path)


def _time(ns: int) -> datetime:
    return _EPOCH + timedelta(microseconds=ns // 1000)
