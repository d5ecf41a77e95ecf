"""What every test gets: hypothesis without a deadline, since wall time is asserted nowhere but in bench/; and what it may ask for."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")


@pytest.fixture
def quiet() -> Iterator[None]:
    """asyncua writes of connections that are lost or refused on purpose; a runtime freezes the garbage of its start-up."""
    logger = logging.getLogger("asyncua")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)
    gc.unfreeze()
