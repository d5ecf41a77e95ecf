"""A server that is as its profile says, and one that is not, told apart node by node and method by method."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from devices.instruments.icp_lads import PROFILE
from devices.profile import Profile
from gateway.links.opcua_inquiry import OpcUaInquiry
from gateway.links.opcua_proof import Proven
from gateway.links.security import NONE
from tests.gateway.links.wired_opcua import WiredOpcUa, live

pytestmark = pytest.mark.usefixtures("quiet")
UNMEASURED = {"nd", "pr", "dy", "tb", "fe", "b", "co", "tree"}


def proven(profile: Profile, measured: bool = False) -> dict[str, Proven]:
    async def scenario(wired: WiredOpcUa) -> list[Proven]:
        if measured:
            await wired.start_by_hand()
            await wired.net.lapse(600)
            await wired.server.publish()
        async with OpcUaInquiry(wired.server.url, NONE, datetime(2026, 1, 1, tzinfo=UTC), profile=profile) as server:
            return await server.prove()

    return {each.name: each for each in live(scenario)}


def test_the_simulated_analyser_is_what_its_profile_says():
    found = proven(PROFILE)
    assert list(found) == [*(node.name for node in PROFILE.nodes), *(f"{method.name}()" for method in PROFILE.methods)]
    assert {name for name, each in found.items() if each.note} == UNMEASURED
    assert found["state"].value == "Stopped"
    assert not any(each.note for each in proven(PROFILE, measured=True).values())


def test_what_is_missing_or_of_another_type_is_named():
    nodes = tuple(replace(node, variant="UInt32") if node.name == "qc_fail" else replace(node, path=(*node.path[:-1], "icp:Other"))
                  if node.name == "stream" else node for node in PROFILE.nodes)
    start, stop, *others = PROFILE.methods
    methods = (replace(start, inputs=start.inputs[1:]), replace(stop, path=(*stop.path[:-1], "lads:Halt")), *others)
    found = proven(replace(PROFILE, nodes=nodes, methods=methods))
    assert found["qc_fail"].note == "is Boolean, not UInt32"
    assert found["stream"].note.startswith("the server has no di:DeviceSet/")
    assert found["stream"].note.endswith("/icp:Other")
    assert found["StartProgram()"].note.startswith("InputArguments are ProgramTemplateId:String, Properties:KeyValueType[], Superv")
    assert found["Stop()"].note.endswith("/lads:Halt")
    assert not found["Abort()"].note
