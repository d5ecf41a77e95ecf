"""Which alarm a leach line has to have, written by hand: by tag and value, each before the trip that it warns of.

A trip announces itself; an alarm of its own is there to be acted on while there is time.
"""

from __future__ import annotations

import msgspec
import pytest

from gateway.config.models import Config
from tests.plant.cells import Bench

SOUNDING = ("UNACK", "ACKED")
METAL = {"XB-10n2": 1.0}
DOSED = {"XB-10n1": 1.0, "XB-10n3": 50.0}
COOLING = {"TV-10n1C": 85.0}


class Sign(msgspec.Struct, frozen=True):
    """One alarm: what is still well, what is not and trips nothing yet, and what else has to be so."""

    alarm: str
    tag: str
    well: float
    ill: float
    beside: dict[str, float] = {}
    trips: bool = False                         # where alarm and trip are one and the same


SIGNS = [
    Sign("lel_high", "AIT-10n7", 9.5, 10.5),
    *(Sign("SITE.room_hydrogen", f"AT-40{k}", 9.5, 10.5) for k in (1, 2, 3, 4)),
    Sign("agitator_not_proven", "ST-10n1", 200.0, 160.0),               # of 250 rpm; the trip is at 125
    Sign("agitator_not_proven", "JI-10n1", 0.04, 0.025),
    Sign("temperature_above_setpoint", "TY-10n1", 36.0, 34.0, {"XB-10n1": 1.0}),       # of a tank at 40 degC
    Sign("level_high", "LIT-10n1", 79.0, 81.0),
    Sign("cooling_flow_low", "FIT-10n4", 1.2, 0.8, COOLING),
    Sign("cooling_flow_low", "FIT-311", 1.2, 0.8, COOLING),
    Sign("jacket_outlet_high", "TT-10n3", 87.0, 89.0),
    Sign("C-301.fan_stopped", "XI-301", 1.0, 0.0, trips=True),
    Sign("C-301.scrubber_pressure_drop_low", "PDIT-301", 5.5, 4.5),
    Sign("acid_overdose", "FQY-10n1", 51.0, 52.0, DOSED),
    Sign("headspace_oxygen_high", "AIT-10n8", 3.5, 4.5, METAL, trips=True),
    Sign("SITE.bund_wet", "LSH-901", 0.0, 1.0, trips=True),
    Sign("SITE.nitrogen_low", "PIT-312", 4.5, 3.5, METAL),
    Sign("SITE.instrument_air_low", "PIT-311", 5.5, 4.5),
]  # fmt: skip


@pytest.fixture(scope="module")
def bench(config: Config) -> Bench:
    return Bench(config)


@pytest.mark.parametrize("tank", ["1", "2", "3"])
@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: f"{sign.alarm}-{sign.tag}")
def test_every_alarm_of_a_tank_sounds_at_its_value_and_before_the_trip(bench: Bench, sign: Sign, tank: str):
    beside = {tag.replace("n", tank): value for tag, value in sign.beside.items()}
    tag, name = sign.tag.replace("n", tank), sign.alarm if "." in sign.alarm else f"R-10{tank}.{sign.alarm}"
    bench.calm()
    bench.run(130)                              # what sounded before has gone, also where its deadband reaches to what is well
    for value, sounds in ((sign.well, False), (sign.ill, True)):
        bench.show({**beside, tag: value})
        bench.run(130)                          # the longest delay of them is a minute
        assert (bench.parts.alarms.by_name[name].state in SOUNDING) is sounds
    assert sign.trips or [item.row.name for item in bench.parts.interlocks.items if item.tripped] == []


@pytest.mark.parametrize("tank", ["1", "2", "3"])
def test_a_lost_ph_probe_has_an_alarm_and_so_has_a_silent_acid_pump(bench: Bench, tank: str):
    bench.calm()
    bench.show({f"AIT-10{tank}2": None})
    bench.run(8)
    assert bench.parts.alarms.by_name[f"R-10{tank}.ph_lost"].state in SOUNDING
    assert f"P-11{tank}.device_lost" in bench.parts.alarms.by_name
