"""What must trip the first tank, written by hand from what a leach line has to guard against, not from the matrix: by tag and value.

A probe that a cause forgets is not found by a test that reads the causes; here every instrument is named, with the reading that is too
much and with none at all.
"""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config.models import Config
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


# --- the whole line ----------------------------------------------------------------------------------------------------
TANKS = ("1", "2", "3")
DOSING = [f"XV-10{n}{valve}" for n in TANKS for valve in "125678"]        # acid, solids, water, peroxide, base, fine base
TRANSFER = [f"XS-14{n}" for n in TANKS] + ["SY-211", "SY-212"]            # transfer pumps, pumps of the buffers
PUMPS = [f"XS-11{n}" for n in TANKS] + ["XS-121", "XS-131", "XS-132", "XS-101", "SY-202"]
DISCHARGE = [f"XV-10{n}4" for n in TANKS]
PRESS = ["XV-201", "XV-202", "XV-203", "XV-204"]
HEATING = [f"TV-10{n}1H" for n in TANKS]
WATER = [f"XV-10{n}5" for n in TANKS]
RATES = {**{f"FY-11{n}": f"XS-11{n}" for n in TANKS}, **{f"SY-14{n}": f"XS-14{n}" for n in TANKS}, "SY-101": "XS-101",
         "FY-121": "XS-121", "FY-131": "XS-131", "FY-132": "XS-132"}      # a rate moves nothing where its drive is stopped

ALL = [*DOSING, *TRANSFER, *PUMPS, *DISCHARGE, *PRESS, *HEATING]
SITE = [
    ("HS-900", 1.0, [*ALL, "XV-301"]), ("HS-900", None, [*ALL, "XV-301"]),
    ("JQ-901", 0.0, [*ALL, "XV-301"]), ("JQ-901", None, [*ALL, "XV-301"]),
    ("XA-401", 1.0, ALL),
    ("LSH-901", 1.0, [*TRANSFER, *DISCHARGE, *WATER, "XV-201", "XV-202", "SY-202"]),
    ("LSH-901", None, [*TRANSFER, *DISCHARGE, *WATER, "XV-201", "XV-202", "SY-202"]),
    ("PIT-311", 3.5, [*DOSING, *DISCHARGE, *(f"XS-14{n}" for n in TANKS), *(f"XS-11{n}" for n in TANKS)]),
]  # fmt: skip


@pytest.mark.parametrize(("tag", "value", "stopped"), SITE)
def test_what_concerns_the_whole_line_stops_this_of_it(bench: Bench, tag: str, value: float | None, stopped: list[str]):
    bench.calm()
    bench.show({tag: value})
    bench.run(8)
    forced = bench.parts.interlocks.forced
    assert {output: forced.get(bench.index[output]) for output in stopped} == dict.fromkeys(stopped, 0.0)


def test_an_emergency_stop_leaves_nothing_running_that_has_a_safe_stop(config: Config):
    at_rest = {name for name, tag in config.tags.items() if tag.output is not None and tag.output.safe == 0.0}
    assert at_rest == {*ALL, "XV-301", *RATES}
    assert set(RATES.values()) <= set(ALL)


def test_an_emergency_stop_stops_the_pumps_of_the_buffers_and_they_stay_until_reset(bench: Bench):
    bench.calm()
    assert [bench.ask("output.set", pump, value=40.0) for pump in ("SY-211", "SY-212")] == ["", ""]
    bench.show({"HS-900": 1.0})
    bench.run(4)
    bench.show({})
    bench.run(4)
    assert [bench.parts.outputs.by_name[pump].commanded for pump in ("SY-211", "SY-212")] == [0.0, 0.0]
