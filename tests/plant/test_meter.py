"""The acid meter is cleared at its panel in the middle of a batch: what looks at the acid of the batch goes on seeing it."""

from __future__ import annotations

import pytest

from devices.quality import BAD_OUT_OF_RANGE
from gateway.config.models import Config
from tests.plant.cells import Bench
from tests.plant.conftest import Scene

CARRIED_L = 850.0                               # what the meter had counted before this batch


class Meter:
    """The total of the acid meter as its panel has it: it carries what it counted before, until somebody clears it."""

    def __init__(self, scene: Scene) -> None:
        self.image = scene.rehearsal.plant.image
        self.i = self.image.index["FQI-1011"]
        self.more, self.raw = CARRIED_L, 0.0
        scene.rehearsal.after = self.show

    def show(self, _: object) -> None:
        """After each scan: what the next one reads."""
        self.raw = self.image.value[self.i]
        self.image.value[self.i] = self.raw + self.more

    def clear(self) -> None:
        """From now on it counts from 0."""
        self.more = -self.raw


@pytest.mark.fault("D05")
def test_after_the_meter_was_cleared_the_acid_over_the_metal_is_still_limited_by_what_has_not_reacted(scene: Scene):
    meter = Meter(scene)
    scene.until(scene.dosing, 1800)
    scene.run(600)
    scene.batch.metal = True
    scene.run(5)
    dosed, unreacted = scene.value("FQY-1011"), scene.value("NY-1011")
    assert dosed > 5.0
    meter.clear()
    scene.run(30)
    assert (scene.state, scene.value("FQI-1011") < 0.1) == ("HELD", True)
    assert scene.value("FQY-1011") == pytest.approx(dosed, abs=0.2)
    assert scene.value("NY-1011") == pytest.approx(unreacted, abs=5.0)
    scene.reset_all()
    scene.run(400)
    assert scene.command("batch.restart", "B-1") == ""
    scene.until(lambda: scene.scan.parts.loops["FIC-111"].limited_by == "accumulation", 2400)
    assert scene.value("FQY-1011") == pytest.approx(dosed + scene.value("FQI-1011"), abs=0.2)


@pytest.mark.fault("D05")
@pytest.mark.parametrize("litres", [-848.0, -1.5, 301.0])
def test_an_acid_figure_that_cannot_be_trips_what_looks_at_it(config: Config, litres: float):
    bench = Bench(config)
    bench.show({"XB-1011": 1.0, "XB-1012": 1.0, "XB-1013": 50.0, "FQY-1011": litres})
    bench.run(2 * 20)
    assert bench.image.quality[bench.index["FQY-1011"]] == BAD_OUT_OF_RANGE
    assert bench.image.quality[bench.index["NY-1011"]] >= 0x80000000
    tripped = {item.row.name for item in bench.parts.interlocks.items if item.active}
    assert {"R-101.acid_overdose", "R-101.accumulation_high"} <= tripped
    assert bench.parts.interlocks.forced[bench.index["XS-111"]] == 0.0
