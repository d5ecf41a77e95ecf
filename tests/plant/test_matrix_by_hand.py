"""What must trip a tank, written by hand from what a leach line has to guard against, not from the matrix: by tag and value.

A probe that a cause forgets is not found by a test that reads the causes; here every instrument is named, with the reading that is too
much and with none at all.
"""

from __future__ import annotations

import msgspec
import pytest

from gateway.config.models import Config
from tests.plant.cells import Bench

Readings = dict[str, float | None]
NO_ACID = {"XS-11n": 0.0, "XV-10n1": 0.0}
NO_SOLIDS = {"XV-10n2": 0.0}
COOLED = {"TV-10n1H": 0.0, "TV-10n1C": 100.0}
NO_INLET = {**NO_ACID, **NO_SOLIDS, "XV-10n5": 0.0, "XV-10n6": 0.0, "XV-10n7": 0.0, "XV-10n8": 0.0}
PURGED = {**NO_ACID, **NO_SOLIDS, "XV-10n3": 1.0, "XS-301": 1.0, "SY-301": 100.0}
NO_ACID_ANYWHERE = {f"{kind}{n}{end}": 0.0 for n in "123" for kind, end in (("XS-11", ""), ("XV-10", "1"))}
METAL = {"XB-10n2": 1.0}
BATCH = {"XB-10n1": 1.0}
COOLING = {"TV-10n1C": 60.0}
DOSED = {**BATCH, "XB-10n3": 50.0}


class Guard(msgspec.Struct, frozen=True):
    """One instrument that must trip one row: just not yet, too much, and what is then forced. Lost it must do so too, at once."""

    row: str
    tag: str
    harmless: float
    harmful: float
    forced: dict[str, float]
    beside: dict[str, float] = {}               # what else has to be so
    after_s: float = 0.0


GUARDS = [
    Guard("hydrogen_high", "AIT-10n7", 24.5, 25.5, PURGED),
    *(Guard("room_hydrogen", f"AT-40{k}", 19.5, 20.5, {**PURGED, **NO_ACID_ANYWHERE, "XA-401": 1.0}) for k in (1, 2, 3, 4)),
    Guard("agitator_not_proven", "XI-10n1", 1.0, 0.0, NO_ACID | NO_SOLIDS, after_s=5.0),
    Guard("agitator_not_proven", "ST-10n1", 126.0, 124.0, NO_ACID | NO_SOLIDS, after_s=5.0),         # of 250 rpm
    Guard("agitator_not_proven", "JI-10n1", 0.03, 0.01, NO_ACID | NO_SOLIDS, after_s=5.0),
    *(Guard("temperature_high", probe, 94.5, 95.5, NO_ACID | NO_SOLIDS | COOLED) for probe in ("TT-10n1A", "TT-10n1B")),
    *(Guard("temperature_high", probe, 74.5, 75.5, NO_ACID | NO_SOLIDS | COOLED, METAL) for probe in ("TT-10n1A", "TT-10n1B")),
    *(Guard("peroxide_hot", probe, 59.5, 60.5, {"XV-10n6": 0.0}) for probe in ("TT-10n1A", "TT-10n1B")),
    Guard("level_high", "LIT-10n1", 89.5, 90.5, NO_INLET),
    Guard("level_high", "LIT-10n1", 69.5, 70.5, NO_INLET, METAL),
    Guard("level_high", "LSHH-10n2", 0.0, 1.0, NO_INLET),
    Guard("cooling_lost", "TT-10n3", 91.5, 92.5, NO_ACID, after_s=15.0),
    Guard("cooling_lost", "TT-312", 19.5, 20.5, NO_ACID_ANYWHERE, after_s=15.0),
    Guard("cooling_lost", "FIT-10n4", 0.6, 0.4, NO_ACID, COOLING, after_s=15.0),
    Guard("cooling_lost", "FIT-311", 0.6, 0.4, NO_ACID, COOLING, after_s=15.0),
    Guard("ventilation_lost", "XI-301", 1.0, 0.0, NO_ACID_ANYWHERE, BATCH, after_s=3.0),
    Guard("ventilation_lost", "PDIT-301", 3.5, 2.5, NO_ACID_ANYWHERE, BATCH, after_s=3.0),
    Guard("ventilation_needed", "XI-301", 1.0, 0.0, NO_ACID_ANYWHERE),
    Guard("ventilation_needed", "PDIT-301", 3.5, 2.5, NO_ACID_ANYWHERE),
    Guard("fan_lost_with_metal", "XI-301", 1.0, 0.0, {**NO_ACID, **NO_SOLIDS, **COOLED, "XV-10n3": 1.0}, METAL),
    Guard("acid_overdose", "FQY-10n1", 52.5, 53.5, NO_ACID, DOSED),                                  # 50 L and 5 %, and half a litre
    Guard("accumulation_high", "FQY-10n1", 14.0, 100.0, NO_ACID | COOLED, METAL),                    # 150 mol, 15 L above what reacted
    Guard("nitrogen_lost", "PIT-312", 3.5, 2.5, NO_ACID | NO_SOLIDS, METAL, after_s=2.0),
    Guard("not_inert", "AIT-10n8", 3.5, 4.5, NO_ACID | NO_SOLIDS, METAL),
    Guard("acid_pump_blocked", "ZSO-10n1", 1.0, 0.0, NO_ACID, {"XS-11n": 1.0, "XV-10n1": 1.0, "ZSC-10n1": 0.0}, after_s=5.0),
    Guard("bund_wet", "LSH-901", 0.0, 1.0, {"XS-14n": 0.0, "XV-10n4": 0.0}),
]  # fmt: skip
LOST = [
    Guard("rise_high", "TT-10n1A", 40.0, 40.0, NO_ACID | COOLED),
    Guard("rise_unknown", "TT-10n1A", 40.0, 40.0, {**NO_ACID, "TV-10n1H": 0.0}),
    Guard("acid_pump_lost", "XS-11n", 0.0, 0.0, NO_ACID), Guard("acid_pump_lost", "FIT-10n1", 0.0, 0.0, NO_ACID),
    Guard("base_overshoot", "AIT-10n2", 4.1, 4.3, {"XV-10n7": 0.0, "XV-10n8": 0.0}),
]  # fmt: skip


def named(guard: Guard) -> str:
    return f"{guard.row}-{guard.tag}{'-' + '-'.join(guard.beside) if guard.beside else ''}"


@pytest.fixture(scope="module")
def bench(config: Config) -> Bench:
    return Bench(config)


def forced(bench: Bench) -> dict[str, float]:
    return {bench.name(tag): value for tag, value in bench.parts.interlocks.forced.items()}


def acting(bench: Bench) -> set[str]:
    return {item.row.name for item in bench.parts.interlocks.items if item.active}


def seen(bench: Bench, tank: str, guard: Guard, value: float | None, seconds: float) -> bool:
    """Whether the row acts, with all that it has to force, so long after the instrument begins to show this."""
    bench.calm()
    beside: Readings = {tag.replace("n", tank): number for tag, number in guard.beside.items()}
    bench.show({**beside, guard.tag.replace("n", tank): guard.harmless})
    bench.run(4)
    row = f"R-10{tank}.{guard.row}"
    assert row not in acting(bench)
    bench.show({**beside, guard.tag.replace("n", tank): value})
    bench.run(round(2 * seconds) + 3)
    wanted = {output.replace("n", tank): number for output, number in guard.forced.items()}
    if row in acting(bench):
        assert {output: forced(bench).get(output) for output in wanted} == wanted
    return row in acting(bench)


@pytest.mark.parametrize("tank", ["1", "2", "3"])
@pytest.mark.parametrize("guard", GUARDS, ids=named)
def test_every_instrument_that_guards_a_tank_trips_its_row_at_its_value_and_not_before(bench: Bench, guard: Guard, tank: str):
    assert not seen(bench, tank, guard, guard.harmless, guard.after_s)
    assert seen(bench, tank, guard, guard.harmful, guard.after_s)


@pytest.mark.fault("P10")
@pytest.mark.parametrize("tank", ["1", "2", "3"])
@pytest.mark.parametrize("guard", [*GUARDS, *LOST], ids=named)
def test_every_instrument_that_guards_a_tank_trips_its_row_when_it_is_lost(bench: Bench, guard: Guard, tank: str):
    assert seen(bench, tank, guard, None, 0.0)


def test_a_tank_that_heats_up_too_fast_stops_acid_and_cools_with_metal_at_a_quarter_of_the_rate(bench: Bench):
    wanted = {output.replace("n", "1"): value for output, value in (NO_ACID | COOLED).items()}
    for metal, slow, fast in ((0.0, 3.5, 5.0), (1.0, 0.8, 1.3)):
        for rate, trips in ((slow, False), (fast, True)):
            bench.calm()
            bench.run(130)                      # until the slope has forgotten
            for k in range(160):                # half a second each
                bench.show({"XB-1012": metal, "TT-1011A": 40.0 + rate * k / 120.0})
                bench.run()
            assert ("R-101.rise_high" in acting(bench)) is trips, (metal, rate)
        assert {output: forced(bench).get(output) for output in wanted} == wanted


def test_until_a_slope_is_known_again_after_a_gap_there_is_no_acid_and_no_heating(bench: Bench):
    bench.calm()
    bench.show({"TT-1011A": None})
    bench.run(2)
    bench.show({})
    bench.run(20)
    assert "R-101.rise_unknown" in acting(bench)
    assert {output: bench.parts.interlocks.reasons[bench.index[output]][-1] for output in ("XS-111", "XV-1011", "TV-1011H")} == (
        dict.fromkeys(("XS-111", "XV-1011", "TV-1011H"), "R-101.rise_unknown"))
    bench.run(60)
    assert "R-101.rise_unknown" not in acting(bench)


SWITCHES = [f"{kind}-10{n}{valve}" for n in "123" for valve in range(1, 9) for kind in ("ZSO", "ZSC")]
SWITCHES += [f"{kind}-{valve}1" for valve in ("201", "202", "203", "204", "301") for kind in ("ZSO", "ZSC")]


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("lost", [False, True], ids=["wrong", "lost"])
def test_every_end_switch_of_every_valve_trips_when_it_is_wrong_or_lost(bench: Bench, switch: str, lost: bool):
    bench.calm()
    bench.show({switch: None if lost else 1.0 - (bench.healthy[bench.index[switch]] or 0.0)})
    bench.run(3 if lost else 23)
    valve = switch.replace("ZSO", "XV").replace("ZSC", "XV").removesuffix("1") if switch[4] in "23" else f"XV{switch[3:]}"
    purge = valve.endswith("3") and valve.startswith("XV-10")               # nitrogen is left as it is, acid goes
    assert forced(bench).get(f"XV-10{valve[5]}1" if purge else valve) == 0.0


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
    assert {output: forced(bench).get(output) for output in stopped} == dict.fromkeys(stopped, 0.0)


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


# --- what a reset waits for --------------------------------------------------------------------------------------------
class Reset(msgspec.Struct, frozen=True):
    """What trips a row, what ends its cause but not its wait, and what the refusal names; afterwards all is well."""

    row: str
    trips: Readings
    waits: Readings
    named: str
    seconds: float = 2.0                        # that all has to be well


RESETS = [
    Reset("hydrogen_high", {"AIT-10n7": 30.0}, {"AIT-10n7": 6.0}, "AIT-10n7) 6", 310.0),             # five minutes of nitrogen from here on
    Reset("hydrogen_high", {"AIT-10n7": 30.0, "ZSO-10n3": 0.0, "ZSC-10n3": 1.0, "XV-10n3": 0.0},
          {"ZSO-10n3": 0.0, "ZSC-10n3": 1.0, "XV-10n3": 0.0}, "(XM-10n3) ", 310.0),
    *(Reset(row, {"AT-403": 30.0, "AT-404": 12.0}, {"AT-403": 6.0}, "AT-403) 6") for row in ("room_hydrogen", "room_hydrogen_confirmed")),
    Reset("evacuation", {"XA-401": 1.0}, {"AT-402": 6.0}, "AT-402) 6"),
    Reset("evacuation", {"XA-401": 1.0}, {"AT-405": 7.0}, "AT-405) 7"),
    Reset("ventilation_lost", {"XB-10n1": 1.0, "PDIT-301": 1.0}, {"PDIT-301": 1.0}, "PDIT-301) 1"),
    Reset("ventilation_lost", {"XB-10n1": 1.0, "XI-301": 0.0}, {"XI-301": 0.0}, "XI-301) 0"),
    Reset("fan_lost_with_metal", {"XB-10n2": 1.0, "XI-301": 0.0}, {"XI-301": 0.0}, "XI-301) 0"),
    *(Reset("temperature_high", {probe: 97.0}, {probe: 81.0}, f"{probe}) 81") for probe in ("TT-10n1A", "TT-10n1B")),
    *(Reset("temperature_high", {probe: 78.0, "XB-10n2": 1.0}, {probe: 61.0, "XB-10n2": 1.0}, f"{probe}) 61")
      for probe in ("TT-10n1A", "TT-10n1B")),
]  # fmt: skip


@pytest.mark.parametrize("case", RESETS, ids=lambda case: f"{case.row}-{case.named.strip('() ').partition(')')[0]}")
@pytest.mark.parametrize("tank", ["1", "3"])
def test_a_reset_waits_for_what_its_row_says_and_the_refusal_names_the_reading(bench: Bench, case: Reset, tank: str):
    bench.calm()
    row = f"R-10{tank}.{case.row}"
    for readings, scans in ((case.trips, 12), (case.waits, 12)):
        bench.show({tag.replace("n", tank): value for tag, value in readings.items()})
        bench.run(scans)
    item = bench.parts.interlocks.by_name[row]
    assert (item.tripped, item.truth) == (True, False)
    refused = bench.ask("interlock.reset", row)
    assert refused.startswith(f"{row}: may be reset when ")
    assert case.named.replace("n", tank) in refused
    bench.show({})
    bench.run(round(2 * case.seconds) + 60)     # and until the valve is open
    assert bench.ask("interlock.reset", row) == ""


@pytest.mark.fault("P10")
def test_a_reset_waits_while_what_it_looks_at_is_lost_and_the_refusal_says_so(bench: Bench):
    bench.calm()
    bench.show({"XB-1011": 1.0, "PDIT-301": 1.0})
    bench.run(12)
    bench.show({"PDIT-301": None})
    bench.run(2)
    assert "scrubber.differential_pressure (PDIT-301) BadSensorFailure" in bench.ask("interlock.reset", "R-101.ventilation_lost")


def test_the_evacuation_by_gas_is_not_reset_before_the_room_is_clear(bench: Bench):
    bench.calm()
    bench.show({"AT-405": 12.0})
    bench.run(4)
    bench.show({"AT-405": 6.0})
    bench.run(4)
    assert "room_hcl (AT-405) 6" in bench.ask("interlock.reset", "SITE.room_gas_evacuation")
    bench.show({})
    bench.run(4)
    assert bench.ask("interlock.reset", "SITE.room_gas_evacuation") == ""
