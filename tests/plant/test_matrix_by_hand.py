"""What must trip the first tank, written by hand from what a leach line has to guard against, not from the matrix: by tag and value.

A probe that a cause forgets is not found by a test that reads the causes; here every instrument is named, with the reading that is too
much and with none at all.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.plant.cells import Bench

Readings = dict[str, float | None]
METAL: Readings = {"XB-1012": 1.0}
NO_ACID = {"XS-111": 0.0, "XV-1011": 0.0}
NO_SOLIDS = {"XV-1012": 0.0}
COOLED = {"TV-1011H": 0.0, "TV-1011C": 100.0}


@pytest.fixture(scope="module")
def bench(config: Any) -> Bench:
    return Bench(config)


def acting(bench: Bench) -> set[str]:
    return {item.row.name for item in bench.parts.interlocks.items if item.active}


HOT = [("TT-1011A", 95.5, {}), ("TT-1011B", 95.5, {}), ("TT-1011A", 75.5, METAL), ("TT-1011B", 75.5, METAL),
       ("TT-1011A", None, {}), ("TT-1011B", None, {})]  # fmt: skip


@pytest.mark.parametrize(("tag", "value", "with_it"), HOT)
def test_either_probe_alone_trips_on_a_hot_tank_with_metal_earlier(bench: Bench, tag: str, value: float | None, with_it: Readings):
    bench.calm()
    bench.show(with_it)
    bench.run(4)
    assert "R-101.temperature_high" not in acting(bench)
    bench.show({**with_it, tag: value})
    bench.run(4)
    assert "R-101.temperature_high" in acting(bench)
    assert {bench.name(i): forced for i, forced in bench.parts.interlocks.forced.items()}.items() >= (NO_ACID | NO_SOLIDS | COOLED).items()


@pytest.mark.parametrize("tag", ["TT-1011A", "TT-1011B"])
def test_either_probe_alone_shuts_the_peroxide_of_a_tank_above_sixty_degrees(bench: Bench, tag: str):
    bench.calm()
    bench.show({tag: 61.0})
    bench.run(4)
    assert "R-101.peroxide_hot" in acting(bench)
    assert bench.parts.interlocks.forced[bench.index["XV-1016"]] == 0.0
