"""An analyser on node-opcua, made of the official types of LADS: the shipped profile finds its nodes, and the gateway its results."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from devices.exchange import ReadNodes
from devices.instruments.icp_lads import DEVICE_STATES, FUNCTIONAL_STATES, PROFILE, RUNNING_STATES
from devices.opcua import RESULT_SET, argument_type
from devices.quality import GOOD, is_bad
from gateway.config.security import Security as Configured
from gateway.links.security import NONE, configured
from tests.system.peers.laboratory import SENSORS, Laboratory
from tests.system.peers.program import Program, free_port

pytestmark = pytest.mark.system

Policy = Literal["Basic256Sha256", "Aes256_Sha256_RsaPss"]
GONE_S, BACK_S = 1.0, 6.0       # after its return a server is Good within these seconds
QC = {"icv_pct": "99.0", "ccv_pct": "101.0", "calibration_r": "0.9999", "rsd_pct": "0.4"}
VALUES = {"Nd": 21.5, "Pr": 6.25, "Dy": 1.125, "Tb": 0.25, "Nd.u": 0.2, "Pr.u": 0.06, "Dy.u": 0.01, "Tb.u": 0.005}


class Icp:
    """The peer, asked in its own words."""

    def __init__(self, program: Program, port: int) -> None:
        self.program, self.url = program, f"opc.tcp://127.0.0.1:{port}"

    async def said(self, words: str) -> Any:
        return json.loads(await self.program.ask(words))

    async def put(self, sensor: str, value: object) -> None:
        await self.program.ask(f"set {_path(sensor)} {json.dumps(value)}")

    async def finish(self, values: dict[str, float], properties: dict[str, str]) -> None:
        """The program that runs is over with this result."""
        await self.program.ask("finish " + json.dumps({"values": values, "properties": properties}))

    async def holds(self, sensor: str) -> Any:
        return await self.said(f"get {_path(sensor)}")


def _path(sensor: str) -> str:
    """The place of a sensor below the unit, without namespaces."""
    return "/".join(part.rpartition(":")[2] for part in SENSORS[sensor].path[4:])


def server(port: int, directory: Path, *policy: str) -> Program:
    return Program([shutil.which("node") or "node", "lads_peer.js", port, directory / "pki", *policy], directory)


@pytest.fixture
async def icp(tmp_path: Path) -> AsyncIterator[Icp]:
    """The analyser, on an open channel."""
    port = free_port()
    async with server(port, tmp_path) as program:
        yield Icp(program, port)


async def test_the_profile_finds_every_node_and_shows_what_the_server_holds(icp: Icp):
    async with Laboratory(icp.url, security=NONE) as laboratory:
        await laboratory.good()
        session = laboratory.link._session
        assert session is not None
        assert session.nodes.complete
        assert {name: kind.name for name, kind in session.nodes.types.items()} == {
            node.name: node.variant for node in PROFILE.nodes if node.variant != RESULT_SET}
        assert set(session.nodes.methods) == {method.name for method in PROFILE.methods}
        for method in PROFILE.methods:
            ours = [[[name, kind, 1 if many else -1] for name, kind, many in map(argument_type, each)]
                    for each in (method.inputs, method.outputs)]
            assert await icp.said(f"arguments {method.name}") == ours
        assert {name: laboratory.shows(name) for name in SENSORS} == {name: await icp.holds(name) for name in SENSORS}
        for machine, numbers in (("DeviceState", DEVICE_STATES), ("FunctionalUnitState", FUNCTIONAL_STATES),
                                 ("FunctionalUnitState/RunningStateMachine", RUNNING_STATES)):
            assert await icp.said(f"numbers {machine}") == numbers
        assert laboratory.shows("state") == FUNCTIONAL_STATES["Stopped"]
        everything = await session.ask(ReadNodes(tuple(node.name for node in PROFILE.nodes if node.variant != RESULT_SET)))
        assert {name: status for name, (_, status, _) in everything.document.items() if status != GOOD} == {}
        assert (everything.document["manufacturer"][0], everything.document["model"][0]) == ("node-opcua", "LADS peer")
        changes = {"nd": 33.25, "qc_fail": True, "stream": 5}
        for name, value in changes.items():
            await icp.put(name, value)
        await laboratory.turned(lambda: all(change in laboratory.talk.heard for change in changes.items()))      # told, not asked
        assert {name: laboratory.shows(name) for name in changes} == changes
        assert laboratory.talk.events == []


async def test_an_analysis_is_asked_for_in_the_standards_words_and_its_result_comes_back(icp: Icp):
    async with Laboratory(icp.url, security=NONE, age_s=2.0) as laboratory:
        await laboratory.good()
        laboratory.start("BATCH-1.S1", "BATCH-1", "R-102")
        laboratory.start("BATCH-1.S2", "BATCH-1", "R-103")              # waits until the unit is ready again
        await laboratory.turned(lambda: laboratory.talk.analyses.open["BATCH-1.S1"].state == "running")
        await icp.program.ask("nameless")
        await laboratory.turned(lambda: laboratory.shows("state") == FUNCTIONAL_STATES["Running"])
        (asked,) = await icp.said("called")
        assert {key: asked[key] for key in ("template", "job", "task")} == {
            "template": "LIQUOR", "job": "BATCH-1", "task": "BATCH-1.S1"}
        assert [(each["key"], each["value"]) for each in asked["properties"]] == [("Stream", "2")]
        assert [(each["sampleId"], each["position"], each["customData"]) for each in asked["samples"]] == [("BATCH-1.S1", "R-102", "leach")]
        assert laboratory.talk.documents == []
        await icp.finish(VALUES, QC)
        await laboratory.turned(lambda: len(laboratory.talk.documents) == 1)
        await laboratory.turned(lambda: laboratory.talk.analyses.open["BATCH-1.S2"].state == "running")
        await icp.finish(VALUES | {"Nd": 22.5}, QC | {"ccv_pct": "120.0"})
        await laboratory.turned(lambda: len(laboratory.talk.documents) == 2)
    first, second = laboratory.talk.documents
    assert (first.sample, first.batch, first.stream, first.quality, first.unit) == ("BATCH-1.S1", "BATCH-1", "R-102", GOOD, "g/L")
    assert first.values == {name: value for name, value in VALUES.items() if not name.endswith(".u")}
    assert first.u == {name.removesuffix(".u"): value for name, value in VALUES.items() if name.endswith(".u")}
    assert 0 < first.taken_utc < first.measured_utc <= second.taken_utc
    assert (second.sample, second.values["Nd"], second.qc["failed"], is_bad(second.quality)) == ("BATCH-1.S2", 22.5, ["ccv_pct"], True)
    assert [each["task"] for each in await icp.said("called")] == ["BATCH-1.S1", "BATCH-1.S2"]


async def test_a_server_that_was_killed_is_good_again_with_its_own_values(icp: Icp):
    async with Laboratory(icp.url, security=NONE) as laboratory:
        await laboratory.good()
        await icp.program.kill()
        await laboratory.turned(lambda: all(map(is_bad, laboratory.talk.image.quality)), 1.0)
        await asyncio.sleep(GONE_S)
        await icp.program.start()
        began = time.monotonic()
        await icp.put("dy", 7.75)
        await laboratory.good(BACK_S)
        await laboratory.turned(lambda: laboratory.shows("dy") == 7.75, 2.0)
        assert time.monotonic() - began <= BACK_S
        assert [kind for kind, _ in laboratory.talk.events] == ["lost", "regained"]


class Strangers:
    """A server that demands a policy and a gateway that wants it; neither knows the other's certificate."""

    def __init__(self, directory: Path, policy: Policy) -> None:
        self.port, self.theirs = free_port(), directory / "icp/pki"
        self.theirs.parent.mkdir()
        self.program = server(self.port, self.theirs.parent, policy)
        self.security = configured(Configured(policy=policy), "127.0.0.1", directory, datetime.now(UTC))
        assert self.security.pki is not None
        self.pki = self.security.pki
        self.laboratory = Laboratory(f"opc.tcp://127.0.0.1:{self.port}", security=self.security)

    async def refusals(self, count: int) -> list[str]:
        """The reasons on record, when there are so many; until then and then everything is Bad."""
        talk = self.laboratory.talk
        await self.laboratory.turned(lambda: len(talk.of("refused")) == count)
        assert all(map(is_bad, talk.image.quality))
        return talk.of("refused")


@pytest.mark.parametrize("policy", ["Basic256Sha256", "Aes256_Sha256_RsaPss"])
async def test_two_strangers_talk_secured_once_each_is_approved_and_not_before(policy: Policy, tmp_path: Path):
    both = Strangers(tmp_path, policy)
    async with both.program as program, both.laboratory as laboratory:
        icp = Icp(program, both.port)
        assert "unknown: neither it nor its issuer is trusted; kept as pki/rejected/peer-" in (await both.refusals(1))[0]
        both.pki.approve("peer")
        assert (await both.refusals(2))[1].startswith("the server hangs up instead of opening a secured channel: it may refuse")
        assert await icp.said("sessions") == []
        (ours,) = (both.theirs / "rejected").iterdir()
        ours.rename(both.theirs / "trusted/certs" / ours.name)
        await laboratory.good()
        assert await icp.said("sessions") == [[policy, "SignAndEncrypt"]]
        assert laboratory.shows("nd") == await icp.holds("nd")
        laboratory.start("BATCH-1.S1", "BATCH-1", "R-101")
        await laboratory.turned(lambda: laboratory.talk.analyses.open["BATCH-1.S1"].state == "running")
        await icp.finish(VALUES, QC)
        await laboratory.turned(lambda: bool(laboratory.talk.documents))
        assert (laboratory.talk.documents[0].values["Nd"], laboratory.talk.documents[0].quality) == (21.5, GOOD)


async def test_a_server_that_comes_back_with_another_key_is_refused_in_plain_words(tmp_path: Path):
    both = Strangers(tmp_path, "Basic256Sha256")
    async with both.program as program, both.laboratory:
        await both.refusals(1)
        await program.kill()
        both.pki.approve("peer")
        shutil.rmtree(both.theirs / "own")
        await program.start()
        first, second = (why.partition(": ") for why in await both.refusals(2))
        assert first[0] != second[0], "each is named by its own fingerprint"
        assert second[2].startswith("unknown: neither it nor its issuer is trusted; kept as pki/rejected/peer-")
