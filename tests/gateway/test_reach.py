"""What is told of a tag before it is forced."""

from __future__ import annotations

import pytest

from gateway.config.loading import load
from gateway.config.models import Forward, Schedule, Zone
from gateway.paths import belfast_config
from gateway.plant.reach import Reach

ZONES = (Zone(below=2.0, factor=1.0), Zone(below=4.0, factor=0.5))


CHANGES: list[dict[str, Forward | Schedule]] = [
    {"forward": Forward(pv="FIT-1014", gain=1.0)},
    {"schedule": Schedule(by="FIT-1014", margin=0.0, zones=ZONES)},
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_loop_that_looks_at_a_tag_for_its_feed_forward_or_gain_is_told_of_its_force(change: dict[str, Forward | Schedule]):
    whole = load(belfast_config())
    config = whole.model_copy(update={"loops": {**whole.loops, "TIC-1012": whole.loops["TIC-1012"].model_copy(update=change)}})
    index = {name: i for i, name in enumerate([*config.tags, *config.derived])}
    (row,) = (each for each in Reach(config, index).forces() if each.name == "FIT-1014")
    assert "TIC-1012" in row.loops
