"""What `lagan check` tells people and programs; and that the line as configured is the line as simulated."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from devices.instruments import PROFILES
from devices.planner import plan
from gateway.config.describe import EFFECT, show_faults, show_plant, summary
from gateway.config.faults import Fault, Place
from gateway.config.loading import load
from gateway.config.models import Config, Link
from gateway.paths import belfast_config
from simulators.physics.parameters import WorldParameters
from simulators.physics.variables import table


@pytest.fixture(scope="module")
def belfast() -> Config:
    return load(belfast_config(), variables={name for name, _, _ in table()})


def test_the_plant_fits_on_a_page_and_says_when_changes_take_effect(belfast: Config):
    out = io.StringIO()
    show_plant(belfast, Console(file=out, width=160))
    for word in ("R-101", "TIC-1011", "GW-300", "LEACH-NDFEB-METAL", "hydrogen", EFFECT):
        assert word in out.getvalue()


def test_a_link_that_is_not_secured_is_said_to_be(belfast: Config):
    out = io.StringIO()
    show_plant(belfast, Console(file=out, width=160))
    assert "NOT SECURED (policy none)" in out.getvalue()
    assert "Not secured: OPC UA ICP (127.0.0.1)." in out.getvalue()


def test_a_link_is_secured_unless_none_is_written(belfast: Config):
    icp = belfast.links["ICP"]
    silent = Link.model_validate({"kind": "opcua", "port": icp.port})
    secured = belfast.model_copy(update={"links": {**belfast.links, "ICP": silent}})
    out = io.StringIO()
    show_plant(secured, Console(file=out, width=160))
    assert "Aes256_Sha256_RsaPss, SignAndEncrypt" in out.getvalue()
    assert "Not secured" not in out.getvalue()


def test_every_fault_is_a_line_that_an_editor_can_open():
    out = io.StringIO()
    fault = Fault(Place("config/tags.yaml", 31), "tags.TT-1011A.unit", "'degreesC'", ("degC", "K"), "degC")
    show_faults([fault, fault], Console(file=out, width=40))
    assert out.getvalue().splitlines()[0] == "config/tags.yaml:31: tags.TT-1011A.unit: 'degreesC', allowed: degC, K; nearest: degC"
    assert "2 faults; nothing was started" in out.getvalue()


def test_the_summary_counts_what_an_auditor_asks_for(belfast: Config):
    assert {"tags", "devices", "units", "loops", "interlocks", "alarms", "recipes", "digest"} <= summary(belfast).keys()


def test_every_name_of_the_physics_parameters_is_one_the_world_knows(belfast: Config):
    assert set(belfast.simulation.parameters) <= set(WorldParameters.__struct_fields__)


def test_the_line_is_read_in_few_requests(belfast: Config):
    """Requests in half a second, on average, over all devices: what trips comes twice a second, the rest less often."""
    scan = belfast.site.scan
    rates = {"trip": 1.0, "fast": scan.trip_s / scan.fast_s, "slow": scan.trip_s / scan.slow_s}
    requests = 0.0
    for name, device in belfast.devices.items():
        profile = PROFILES[device.profile]
        tags = [tag for tag in belfast.tags.values() if tag.device == name and profile.protocol == "modbus"]
        for rate, share in rates.items():
            points = [profile.point(tag.point or "") for tag in tags if tag.scan == rate]
            requests += share * len(plan(profile, points)) if points else 0.0
    assert requests <= 52
