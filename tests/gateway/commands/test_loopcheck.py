"""The sheet of a loop check: a point counts as proved by what was seen, never by what was meant."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.commands.loopcheck import line_of, proof_of
from gateway.config.loading import load
from gateway.config.models import Config
from gateway.paths import belfast_config


@pytest.fixture(scope="module")
def config() -> Config:
    return load(belfast_config())


def said(**more: Any) -> dict[str, Any]:
    return {"value": 20.5, "quality": "Good", "age_s": 0.31, **more}


def test_an_input_is_proved_by_a_good_reading(config: Config):
    line = line_of(config, "TT-1011A", config.tags["TT-1011A"], said())
    assert (line.device, line.register, line.unit, line.proved) == ("TC-101", "holding 1", "degC", "read Good 0.3 s ago")


@pytest.mark.parametrize("quality", ["UncertainEngineeringUnitsExceeded", "BadSensorFailure", "BadNoCommunication"])
def test_what_is_not_good_proves_nothing(config: Config, quality: str):
    assert proof_of(config.tags["TT-1011A"], said(quality=quality)) == ""


@pytest.mark.parametrize("state", ["verified", "sent", "reasserted", "diverged", "rejected", "idle"])
def test_an_output_is_proved_by_its_read_back_only(config: Config, state: str):
    found = said(state=state, commanded=1.0, read_back=1.0, read_back_from="ZSO-1011")
    assert proof_of(config.tags["XV-1011"], found) == ("commanded 1, ZSO-1011 reads 1" if state == "verified" else "")
