"""What whole-line tests share."""

from __future__ import annotations

import pytest

from gateway.config.loading import load
from gateway.config.models import Config
from gateway.paths import belfast_config


@pytest.fixture(scope="module")
def config() -> Config:
    return load(belfast_config())
