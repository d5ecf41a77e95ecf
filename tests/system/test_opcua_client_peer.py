"""Somebody else's OPC UA client, node-opcua, at our simulated analyser: what it finds, reads, is told and gets done."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devices.instruments.icp_lads import PROFILE
from devices.opcua import BAD_INVALID_ARGUMENT, BAD_INVALID_STATE, LADS, RESULT_SET, argument_type
from devices.quality import BAD_WAITING_FOR_INITIAL_DATA, GOOD
from gateway.control.image import SECOND
from simulators.serve_opcua import OpcUaServer, Secured
from tests.gateway.links.test_opcua import Plant
from tests.system.peers.program import Program, free_port
from tests.system.site import until

pytestmark = pytest.mark.system

UNIT = "di:DeviceSet/icp:ICP/lads:FunctionalUnitSet/icp:OES"
STATE = f"{UNIT}/lads:FunctionalUnitState"
RESULTS = f"{UNIT}/lads:ProgramManager/lads:ResultSet"
NODES = {node.name: node for node in PROFILE.nodes if node.variant != RESULT_SET}
ASKED = {
    "template": "LIQUOR", "job": "BATCH-1", "task": "BATCH-1.S1", "properties": [{"key": "Stream", "value": "2"}],
    "samples": [{"containerId": "RACK-7", "sampleId": "BATCH-1.S1", "position": "R-102", "customData": "leach"}],
}


class Analyser:
    """Our simulated analyser, and the client in front of it. ``plant``: time, which a test moves."""

    def __init__(self, directory: Path, secured: Secured | None = None) -> None:
        self.plant = Plant()
        self.server = OpcUaServer(self.plant.device, lambda: self.plant.mono, port=free_port(), secured=secured)
        policy = () if secured is None else (secured.policy,)
        node = shutil.which("node") or "node"
        self.client = Program([node, "opcua_client_peer.js", self.server.url, directory / "client", *policy], directory)

    async def __aenter__(self) -> Analyser:
        await self.server.start()
        try:
            await self.client.start()
        except BaseException:
            await self.server.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.kill()
        await self.server.stop()

    async def said(self, words: str) -> Any:
        return json.loads(await self.client.ask(words))

    async def read(self, path: str) -> tuple[Any, int]:
        """Value and status of one variable; a text without its locale."""
        found = await self.said(f"read {path}")
        value = found["value"]
        return (value["text"] if found["type"] == "LocalizedText" else value), found["status"]

    async def turn(self, seconds: float) -> None:
        """Plant time goes on."""
        self.plant.mono += round(seconds * SECOND)
        self.plant.device.step(self.plant.mono)
        await self.server.publish()


@pytest.fixture
async def analyser(tmp_path: Path) -> AsyncIterator[Analyser]:
    """An analyser on an open channel, with a client that has a session."""
    async with Analyser(tmp_path) as analyser:
        assert await analyser.said("connect") == {"refused": None}
        yield analyser


async def test_a_client_finds_and_reads_every_node_of_the_profile(analyser: Analyser):
    nodes = analyser.plant.device.nodes
    for name, node in NODES.items():
        value, status = await analyser.read("/".join(node.path))
        assert status == nodes[name][1], name
        assert status == BAD_WAITING_FOR_INITIAL_DATA or value == nodes[name][0], name
    for method in PROFILE.methods:
        taken = [(name, kind, 1 if many else -1) for name, kind, many in map(argument_type, method.inputs)]
        if taken:
            assert [tuple(each) for each in await analyser.said(f"arguments {'/'.join(method.path)}")] == taken
    below = {name: (uri, kind) for uri, name, kind in await analyser.said(f"browse {STATE}")}
    assert {name: below[name] for name in ("StartProgram", "Stop", "Abort", "Clear", "RunningStateMachine", "CurrentState")} == {
        **dict.fromkeys(("StartProgram", "Stop", "Abort", "Clear"), (LADS, "Method")),
        "RunningStateMachine": (LADS, "Object"), "CurrentState": ("http://opcfoundation.org/UA/", "Variable"),
    }
    sensors = {name for _, name, _ in await analyser.said(f"browse {UNIT}/lads:FunctionSet")}
    assert sensors == {node.path[-2].rpartition(":")[2] for node in NODES.values() if "lads:FunctionSet" in node.path}


async def test_a_client_starts_a_program_is_told_of_its_states_and_reads_its_result(analyser: Analyser):
    for path in (f"{STATE}/CurrentState", f"{UNIT}/lads:FunctionSet/icp:Nd/lads:SensorValue", f"{RESULTS}/NodeVersion"):
        await analyser.said(f"watch {path}")
    answer = await analyser.said("start " + json.dumps(ASKED))
    (result,) = analyser.plant.device.results
    assert answer == {"status": GOOD, "run": result.run}
    assert (result.template, result.stream, result.job, result.task, result.samples) == (
        "LIQUOR", 2, "BATCH-1", "BATCH-1.S1",
        ({"ContainerId": "RACK-7", "SampleId": "BATCH-1.S1", "Position": "R-102", "CustomData": "leach"},))
    assert (await analyser.said("start " + json.dumps(ASKED)))["status"] == BAD_INVALID_STATE
    assert (await analyser.read(f"{STATE}/CurrentState"), (await analyser.read(f"{RESULTS}/icp:{result.run}/lads:Stopped"))[1]) == (
        ("Running", GOOD), GOOD)
    for _ in range(40):
        await analyser.turn(10)
    at = f"{RESULTS}/icp:{result.run}"
    measured = result.measured
    assert measured is not None
    for name, value in measured.values.items():
        assert await analyser.read(f"{at}/lads:VariableSet/icp:{name}") == (value, GOOD)
    assert (await analyser.read(f"{at}/lads:Samples"))[0] == ASKED["samples"]
    properties = {each["key"]: each["value"] for each in (await analyser.read(f"{at}/lads:Properties"))[0]}
    assert (properties["Stream"], properties["unit"], float(properties["rsd_pct"])) == ("2", "g/L", measured.qc["rsd_pct"])

    async def told_of_the_end() -> bool:
        return [f"{STATE}/CurrentState", "Stopped"] in [
            [path, value["text"] if isinstance(value, dict) else value] for path, value in (await analyser.said("told"))[3:]]

    await until(told_of_the_end, 5.0, "the notification that the unit is Stopped")
    told = await analyser.said("told")
    assert [value["text"] for path, value in told if path.endswith("CurrentState")][:2] == ["Stopped", "Running"]
    assert [value for path, value in told if path.endswith("SensorValue")][-1] == measured.values["Nd"]
    assert [int(value) for path, value in told if path.endswith("NodeVersion")] == sorted(
        {int(value) for path, value in told if path.endswith("NodeVersion")})
    nobodys = ASKED | {"template": "NOBODYS", "task": "BATCH-1.S2"}
    assert (await analyser.said("start " + json.dumps(nobodys)))["status"] == BAD_INVALID_ARGUMENT


async def test_a_client_stops_what_it_started(analyser: Analyser):
    assert (await analyser.said("start " + json.dumps(ASKED)))["status"] == GOOD
    assert [await analyser.said(f"call {method}") for method in ("Clear", "Abort")] == [{"status": BAD_INVALID_STATE}, {"status": GOOD}]
    await analyser.turn(1)
    assert await analyser.read(f"{STATE}/CurrentState") == ("Aborted", GOOD)
    assert await analyser.said("call Clear") == {"status": GOOD}
    await analyser.turn(1)
    assert await analyser.read(f"{STATE}/CurrentState") == ("Stopped", GOOD)


@pytest.mark.parametrize("policy", ["Basic256Sha256", "Aes256_Sha256_RsaPss"])
async def test_a_client_is_served_secured_once_both_ends_approved_one_another(policy: str, tmp_path: Path):
    ours, theirs = tmp_path / "icp", tmp_path / "client"
    async with Analyser(tmp_path, Secured(policy, "SignAndEncrypt", ours)) as analyser:
        assert "certificate" in (await analyser.said("connect"))["refused"].lower()
        (shown,) = (theirs / "rejected").iterdir()
        shown.rename(theirs / "trusted/certs" / shown.name)
        assert (await analyser.said("connect"))["refused"] is not None
        (shown,) = (ours / "rejected").iterdir()
        shown.rename(ours / "trusted" / shown.name)
        assert await analyser.said("connect") == {"refused": None}
        assert await analyser.read(f"{STATE}/CurrentState") == ("Stopped", GOOD)
        assert (await analyser.said("start " + json.dumps(ASKED)))["status"] == GOOD
        assert [result.task for result in analyser.plant.device.results] == ["BATCH-1.S1"]
