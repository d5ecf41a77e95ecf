"""The reference page of the shipped matrix: what was asked for beside what is there, and every row.

    python -m gateway.commands.matrix_reference > docs/reference/matrix.md

A test holds the page against this output, and every row, alarm and limit that is named here against the configuration.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from gateway.config.loading import load
from gateway.config.models import Config
from gateway.paths import belfast_config
from gateway.plant.sheet import Cause, Sheet, sheets

HEAD = """# The cause-and-effect matrix of the Belfast line

Printed by `python -m gateway.commands.matrix_reference`; a test compares. The matrix itself, cell by cell: `lagan matrix`,
`lagan matrix --unit R-101`, and as a page to sign `lagan matrix --html matrix.html`. How rows are written: [configuration](config.md).

A gateway is never the safety function: an independent safety system (IEC 61511) is assumed behind every row. Figures without another source
are assumed. An unknown cause acts like a true one, at once; of a vote (`vote(2, a, b, c)`) an unknown input counts as a possible vote.
"""


class Asked(msgspec.Struct, frozen=True):
    """One demand on a leach line, and what answers it: names of alarms, of rows, of limits of the acid feed; what differs."""

    demand: str
    alarms: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    note: str = ""


ASKED = (
    Asked("Hydrogen in the duct: alarm 10 % LEL, trip 25 %; close acid, stop solids, nitrogen, fan 100 %, keep the agitator, hold",
          ("lel_high",), ("hydrogen_high",), ("hydrogen",),
          "measured in diluted air, where a catalytic sensor sees; latched, so a purge clears nothing; the limiter is at half rate at 8 %"),
    Asked("Hydrogen in the room: alarm 10 %, trip 20 %; as above for all tanks, and evacuate", ("room_hydrogen", "room_h2_1_lost"),
          ("room_hydrogen", "room_hydrogen_confirmed", "room_gas_evacuation"), (),
          "trip by any one of four: each detector guards its own corner. Two of four at 10 % trip earlier and evacuate nobody"),
    Asked("Agitator not proven (speed below half, or no load, 5 s): stop acid and solids, restart by permit",
          ("agitator_not_proven", "agitator_stopped_on_solids"), ("agitator_not_proven", "agitator_stopped"), (),
          "the drive's own word trips without the 5 s; the permit is the reset"),
    Asked("After an agitator trip: agitator alone, hydrogen steady, then acid at 10 %", (), ("resuspension", "lel_unsteady"),
          ("resuspension",), "two minutes of agitator alone, slope within 0.5 %LEL/min, a tenth of the rate until five minutes are over; "
          "no acid for 150 s after a start; the acid phase asks for the same on a restart, the rows also where no phase runs"),
    Asked("Temperature: alarm setpoint + 5 K, trip 95 degC, with metal 75; stop acid and solids, cool fully",
          ("temperature_above_setpoint", "temperature_probes_differ", "temperature_lost"), ("temperature_high",), ("temperature",),
          "one of two probes; two probes have no majority"),
    Asked("Rise: alarm 2 K/min, trip 4; with metal 0.5 and 1, over 60 s; stop acid, cool", ("temperature_rise_high",),
          ("rise_high", "rise_unknown"), ("heating",),
          "trips on a lost probe; for 30 s after a start or a gap the slope is unknown: no acid, no heating, no latch"),
    Asked("Level: alarm 80 %, trip 90 % by an independent switch, with metal 70; close all inlets", ("level_high", "level_lost"),
          ("level_high",), ("level",), "one of two (radar, switch)"),
    Asked("Cooling flow low or jacket outlet high: stop acid", ("cooling_flow_low", "jacket_outlet_high", "chilled_water_warm"),
          ("cooling_lost",), (),
          "closes the hot valve too"),
    Asked("Fan or scrubber pressure drop low: stop acid of all tanks", ("fan_stopped", "scrubber_pressure_drop_low"),
          ("ventilation_lost", "ventilation_needed"), ()),
    Asked("Fan lost with metal in the tank", ("fan_stopped",), ("fan_lost_with_metal",), (), "nitrogen on, cool fully; no bypass"),
    Asked("pH probe fault: pH loop to MANUAL, dosing capped by the total", ("ph_lost",), ("base_overshoot",), ("ph",),
          "no trip: the loops fall to MANUAL by themselves, the acid limiter stops on a pH that is not good, dosing ends on the total"),
    Asked("Acid total above 105 % of the recipe: alarm, close the acid valve", ("acid_overdose",), ("acid_overdose",), ()),
    Asked("Communication with the acid pump lost: the pump stops by itself", ("device_lost",), ("acid_pump_lost",), (),
          "watchdog of the pump 2 s, set in the device"),
    Asked("Bund leak: stop transfer", ("bund_wet",), ("bund_wet", "press_bund_wet", "buffer_bund_wet"), (),
          "closes discharge and water too"),
    Asked("Reactant accumulation is a limit and a trip", ("accumulation_high",), ("accumulation_high",), ("accumulation",)),
    Asked("Headspace of a metal batch below 4 % oxygen", ("headspace_oxygen_high",), ("inerting", "not_inert"), (),
          "nitrogen goes on by itself at 3 %; no acid and no solids above 4 %"),
    Asked("Nitrogen lost", ("nitrogen_low",), ("nitrogen_lost",), (), "with metal in the tank"),
    Asked("Emergency stop", (),
          ("emergency_stop", "feeder_stopped", "dosing_stopped", "press_stopped", "buffer_stopped", "caustic_stopped"),
          (), "every pump, feeder and dosing valve stops; agitator, fan, recirculation, nitrogen and cooling go on"),
    Asked("Power lost", (), ("power_lost", "feeder_stopped", "dosing_stopped", "press_stopped", "buffer_stopped", "caustic_stopped"), ()),
    Asked("Instrument air lost", ("instrument_air_low",), ("air_lost",), ()),
    Asked("Evacuation", (), ("evacuation", "feeder_stopped", "dosing_stopped", "press_stopped", "buffer_stopped"), (),
          "caustic goes on: it may be HCl that people leave"),
    Asked("Valve travel by end switches on every valve", ("output_not_obeyed",),
          ("acid_valve_travel", "solids_gate_travel", "purge_valve_travel", "discharge_valve_travel", "water_valve_travel",
           "peroxide_valve_travel", "base_valve_travel", "base_fine_valve_travel", "feed_valve_travel", "wash_valve_travel",
           "blow_valve_travel", "drop_valve_travel", "caustic_valve_travel"), (),
          "the read-back of a valve is its switch, not the echo of the output"),
    Asked("The acid pump stops with its valve", (), ("acid_pump_blocked",), ()),
)  # fmt: skip


def reference(config: Config) -> str:
    """The whole page."""
    return "\n".join([HEAD, *_compared(), "", *_rows(config), ""])


def _compared() -> Iterator[str]:
    yield "## What was asked for, and what answers it\n"
    yield "| Demand | Alarms | Rows | Acid limits | What differs |"
    yield "|---|---|---|---|---|"
    for asked in ASKED:
        names = (", ".join(f"`{name}`" for name in each) or "-" for each in (asked.alarms, asked.rows, asked.limits))
        yield f"| {asked.demand} | {' | '.join(names)} | {asked.note or 'nothing'} |"


def _rows(config: Config) -> Iterator[str]:
    found = sheets(config)
    rows, cells = sum(len(sheet.causes) for sheet in found), sum(sheet.cells for sheet in found)
    yield f"## Every row\n\n{rows} rows with {cells} cells over {len(found)} units. The tanks have the same rows; R-101 stands for them."
    for sheet in found:
        if sheet.unit not in ("R-102", "R-103"):
            yield from _unit(sheet)


def _unit(sheet: Sheet) -> Iterator[str]:
    yield f"\n### {sheet.unit}: {sheet.description}\n"
    yield "| Row | What | Condition | Delay | Safety time | Kind | Reset when | Hold | Bypass | Forces | Source |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for cause in sheet.causes:
        yield _row(sheet, cause)


def _row(sheet: Sheet, cause: Cause) -> str:
    forces = ", ".join(f"{effect.role} {cause.cells[effect.tag].word}" for effect in sheet.effects if effect.tag in cause.cells)
    safety = "-" if cause.safety_time_s is None else f"{cause.safety_time_s:g} s"
    delay = f"{cause.delay_s:g} s" if cause.delay_s else "-"
    told = (f"`{cause.name}`", cause.description, f"`{cause.condition}`", delay, safety, cause.kind,
            f"`{cause.reset}`" if cause.reset else "-", cause.hold,
            "yes" if cause.bypass else "**no**", forces, cause.source)  # fmt: skip
    return f"| {' | '.join(told)} |"


if __name__ == "__main__":
    print(reference(load(belfast_config())), end="")
