"""The plant process secures its OPC UA links as they are configured; so does the simulated line at the other end."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.loading import load
from gateway.config.models import Config
from gateway.config.security import Security
from gateway.links.opcua import OpcUaLink
from gateway.paths import belfast_config
from gateway.plant import build
from gateway.protocol import START_MONO, START_UTC
from gateway.runtime import Runtime
from gateway.ticker import SteppedClock
from simulators.serving import Simulation


def secured(**given: str) -> Config:
    """The Belfast line with another security of its OPC UA link."""
    config = load(belfast_config())
    icp = config.links["ICP"].model_copy(update={"security": Security.model_validate(given)})
    return config.model_copy(update={"links": {**config.links, "ICP": icp}})


async def security_of(config: Config, data: Path) -> object:
    """How the plant process would talk to the analyser."""
    runtime = Runtime(build(config), data, SteppedClock(START_MONO, START_UTC), lockstep=True)
    (link,) = [link for link in runtime.links if isinstance(link, OpcUaLink)]
    runtime.stop("the test is over")
    await runtime.close()
    return link._security


async def test_a_link_without_a_word_signs_and_encrypts_with_a_certificate_made_at_the_first_start(tmp_path: Path):
    made = await security_of(secured(), tmp_path)
    assert (getattr(made, "policy", ""), getattr(made, "mode", ""), getattr(made, "host", "")) == (
        "Aes256_Sha256_RsaPss", "SignAndEncrypt", "127.0.0.1")
    first = (tmp_path / "pki/own/lagan.der").read_bytes()
    await security_of(secured(policy="Basic256Sha256"), tmp_path)
    assert (tmp_path / "pki/own/lagan.der").read_bytes() == first, "and kept"


async def test_the_belfast_line_is_open_on_loopback_and_needs_no_certificate(tmp_path: Path):
    assert getattr(await security_of(load(belfast_config()), tmp_path), "policy", "") == "none"
    assert not (tmp_path / "pki").exists()


async def test_the_simulated_line_demands_what_is_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ICP_PASSWORD", "correct horse")
    config = secured(policy="Basic256Sha256", mode="Sign", user="ann", password_env="ICP_PASSWORD")
    server = Simulation(config, pki=tmp_path).opcua
    assert server is not None
    assert server._secured is not None
    assert (server._secured.policy, server._secured.mode, server._secured.directory) == ("Basic256Sha256", "Sign", tmp_path)
    assert server._users == {"ann": "correct horse"}
    monkeypatch.delenv("ICP_PASSWORD")
    with pytest.raises(ValueError, match="takes the password of ann from password_env, and there is none"):
        Simulation(config, pki=tmp_path)
    plain = Simulation(load(belfast_config())).opcua
    assert plain is not None
    assert plain._secured is None
