"""Instruments that are computed: near the truth, with an uncertainty that says how near, and silent where they know nothing."""

from __future__ import annotations

import math

import pytest

from bench.virtual import Watch, free_acid, row
from gateway.config.models import Config
from gateway.control.explain import explain
from gateway.records.store import MemoryJournal
from simulators.rehearsal import Run
from tests.plant.conftest import Scene


def u(scene: Scene, tag: str) -> float:
    """The standard uncertainty that the image has of a tag."""
    image = scene.rehearsal.plant.image
    return image.doubts.u(image.index[tag])


def test_unreacted_acid_by_ph_lies_within_twice_its_uncertainty(seen_dosing: Scene):
    true = free_acid(seen_dosing.rehearsal.line.world.tanks[0])
    assert true > 5.0
    assert abs(seen_dosing.value("NA-1011") - true) <= 2 * u(seen_dosing, "NA-1011")


def test_rare_earths_are_unknown_before_the_first_analysis(seen_dosing: Scene):
    assert not seen_dosing.good("CY-1011")
    assert math.isnan(u(seen_dosing, "CY-1011"))


def test_hydrogen_by_the_vent_counts_the_air_that_really_flows(config: Config):
    """Half the fan speed is half the air: the same reading of the detector is half the hydrogen."""
    scene = Scene(config)
    scene.operator = None
    scene.until(lambda: scene.scan.armed, 60)
    scene.rehearsal.line.seen["AIT-1017"].sense.fail("offset", 5.0)
    found: dict[float, float] = {}
    for speed in (80.0, 40.0):
        scene.command("output.set", "XS-301", value=1)
        scene.command("loop.set", "SIC-301", mode="AUTO", sp=speed)
        scene.run(60)
        flow = scene.value("FIT-301")
        assert flow == pytest.approx(10.0 * speed, rel=0.05)
        found[speed] = scene.value("HY-1011")
        assert found[speed] == pytest.approx(scene.value("AIT-1017") / 100 * 0.04 * (flow + 15) * 1000 / 60, rel=0.05)
    assert found[40.0] / found[80.0] == pytest.approx(415 / 815, rel=0.1)


def test_explain_says_how_well_a_value_is_known_and_by_what(seen_dosing: Scene):
    told = explain(seen_dosing.scan, "HY-1011", seen_dosing.rehearsal.now)
    assert told["u"] == pytest.approx(u(seen_dosing, "HY-1011"))
    assert next(iter(told["u_from"])) == "AIT-1017"
    assert sum(told["u_from"].values()) == pytest.approx(1.0, abs=0.01)


def test_a_mean_of_nothing_is_no_mean(seen_dosing: Scene):
    """Roasted feed makes no hydrogen: two of the three have nothing to say, and their mean is not good rather than 0."""
    assert not seen_dosing.good("HY-1014")


def test_a_detector_that_is_off_shows_in_what_acid_and_heat_say(config: Config):
    """The figure is computed from values and uncertainties in the image, as they would stand in a metal batch."""
    scene = Scene(config)
    image, by_tag = scene.rehearsal.plant.image, {image_tag.row.tag: image_tag for image_tag in scene.scan.parts.derived}
    scene.run(5)
    for tag, (value, doubt) in {"HY-1011": (20.0, 2.0), "HY-1012": (40.0, 2.0), "HY-1013": (42.0, 8.0)}.items():
        i = image.index[tag]
        image.put(i, value, 0, asked=scene.rehearsal.now.mono, seen=scene.rehearsal.now.mono, source=0)
        image.doubts.parts[i] = {2 * i: doubt}
    for tag in ("HY-1014", "HY-1015"):
        derived = by_tag[image.index[tag]]
        derived.due_at = 0
        derived.update(image, scene.rehearsal.now)
    assert 25.0 < scene.value("HY-1014") < 35.0
    assert u(scene, "HY-1014") == pytest.approx(1 / math.sqrt(1 / 4 + 1 / 4 + 1 / 64))
    assert scene.value("HY-1015") > 3.0, "the alarm hydrogen_disagrees stands at 3"


@pytest.mark.soak
def test_through_a_whole_metal_batch_the_truth_lies_within_twice_the_stated_uncertainty(config: Config):
    run = Run(config, MemoryJournal(), recipe="LEACH-NDFEB-METAL", lot="DNAL-2026-0152")
    run.rehearsal.after = watch = Watch(1)
    assert (run.to_end(), run.held) == ("COMPLETE", "")
    for tag, readings in watch.found.items():
        known = [each for each in readings if math.isfinite(each.u) and math.isfinite(each.truth)]
        within = sum(abs(each.value - each.truth) <= 2 * each.u for each in known) / len(known)
        assert within >= 0.90, row(tag, "", readings)
