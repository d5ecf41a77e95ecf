"""An analyser on node-opcua, made of the official types of LADS: the shipped profile finds its nodes, and the gateway its results."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devices.instruments.icp_lads import DEVICE_STATES, FUNCTIONAL_STATES, PROFILE, RUNNING_STATES
from devices.quality import GOOD, is_bad
from gateway.links.security import NONE
from tests.system.peers.laboratory import SENSORS, Laboratory
from tests.system.peers.program import Program, free_port

pytestmark = pytest.mark.system

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
        assert set(session.nodes.methods) == {method.name for method in PROFILE.methods}
        assert {name: laboratory.shows(name) for name in SENSORS} == {name: await icp.holds(name) for name in SENSORS}
        for machine, numbers in (("DeviceState", DEVICE_STATES), ("FunctionalUnitState", FUNCTIONAL_STATES),
                                 ("FunctionalUnitState/RunningStateMachine", RUNNING_STATES)):
            assert await icp.said(f"numbers {machine}") == numbers
        assert laboratory.shows("state") == FUNCTIONAL_STATES["Stopped"]
        told = laboratory.talk.told
        await icp.put("nd", 33.25)
        await icp.put("qc_fail", True)
        await icp.put("stream", 5)
        await laboratory.turned(lambda: laboratory.talk.told >= told + 3, 3.0)       # by its subscription, the next read is 5 s away
        assert [laboratory.shows(name) for name in ("nd", "qc_fail", "stream")] == [33.25, 1.0, 5.0]
        assert laboratory.talk.events == []


async def test_an_analysis_is_asked_for_in_the_standards_words_and_its_result_comes_back(icp: Icp):
    async with Laboratory(icp.url, security=NONE, age_s=2.0) as laboratory:
        await laboratory.good()
        laboratory.start("BATCH-1.S1", "BATCH-1", "R-102")
        laboratory.start("BATCH-1.S2", "BATCH-1", "R-103")              # waits until the unit is ready again
        await laboratory.turned(lambda: laboratory.talk.analyses.open["BATCH-1.S1"].state == "running")
        await laboratory.turned(lambda: laboratory.shows("state") == FUNCTIONAL_STATES["Running"])
        (asked,) = await icp.said("called")
        assert {key: asked[key] for key in ("template", "job", "task")} == {
            "template": "LIQUOR", "job": "BATCH-1", "task": "BATCH-1.S1"}
        assert [(each["key"], each["value"]) for each in asked["properties"]] == [("Stream", "2")]
        assert [(each["sampleId"], each["position"], each["customData"]) for each in asked["samples"]] == [("BATCH-1.S1", "R-102", "leach")]
        assert laboratory.talk.documents == []
        await icp.program.ask("finish " + json.dumps({"values": VALUES, "properties": QC}))
        await laboratory.turned(lambda: len(laboratory.talk.documents) == 1)
        await laboratory.turned(lambda: laboratory.talk.analyses.open["BATCH-1.S2"].state == "running")
        await icp.program.ask("finish " + json.dumps({"values": {**VALUES, "Nd": 22.5}, "properties": QC | {"ccv_pct": "120.0"}}))
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
