"""The phases a recipe may call, with the unit and limits of every parameter: data only, the code of a phase is elsewhere.

    >>> PHASES["HEAT"].parameters["ramp"].unit
    'K/min'

Limits are what the equipment class can do at all; a recipe's formula narrows them, a person stays inside the formula.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FeedState = Literal["metal", "partly_oxidised", "roasted"]
ALL_FEEDS: tuple[FeedState, ...] = ("metal", "partly_oxidised", "roasted")
OXIDISED: tuple[FeedState, ...] = ("partly_oxidised", "roasted")

STREAMS: dict[int, str] = {1: "R-101", 2: "R-102", 3: "R-103", 4: "TK-210", 5: "product", 6: "quality control"}    # MV-501


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: ``low`` and ``high`` in ``unit``; ``default`` None where the recipe must give it."""

    unit: str
    low: float
    high: float
    default: float | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class PhaseParameters:
    """The signature of a phase. ``roles``: what the unit must have; ``feeds``: for which feed it may be used."""

    name: str
    description: str
    parameters: dict[str, Parameter]
    roles: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    feeds: tuple[FeedState, ...] = ALL_FEEDS


QUEUED = ("analyzer",)                          # shared equipment that takes requests of several batches and puts them in order itself


def _phase(name: str, description: str, parameters: dict[str, Parameter], roles: str = "", uses: str = "",
           feeds: tuple[FeedState, ...] = ALL_FEEDS) -> PhaseParameters:
    return PhaseParameters(name, description, parameters, tuple(roles.split()), tuple(uses.split()), feeds)


_ALL = (
    _phase("CHECK_UNIT", "The tank is empty, quiet, safe and in remote.", {
        "level_max": Parameter("%", 0, 20, 2, "most that may stand in the tank"),
        "lel_max": Parameter("%LEL", 0, 10, 5, "most hydrogen in the duct"),
    }, roles="level lel local_remote"),
    _phase("CHARGE_WATER", "Water by totaliser.", {
        "volume": Parameter("L", 20, 800, None, "water to charge"),
        "tolerance": Parameter("L", 0.5, 20, 5, "accepted difference at the end"),
    }, roles="water_valve water_total water_flow level"),
    _phase("START_AGITATOR", "Agitator on and proven.", {
        "speed": Parameter("rpm", 100, 400, None, "at least 1.1 times the speed that just suspends the solids"),
    }, roles="agitator_run agitator_speed_sp agitator_speed agitator_running"),
    _phase("HEAT", "To a temperature on a ramp with holdback.", {
        "temperature": Parameter("degC", 20, 90, None, "where to"),
        "ramp": Parameter("K/min", 0.05, 1.5, 0.5, "how fast; 90 degC water cannot hold 1.5"),
        "tolerance": Parameter("K", 0.2, 5, 1, "reached when this near"),
    }, roles="temperature hot_valve cold_valve"),
    _phase("DOSE_SOLIDS", "Feed from the screw by loss of weight.", {
        "mass": Parameter("kg", 1, 150, None, "net mass as charged"),
        "rate": Parameter("kg/min", 0.05, 5, 2, "largest feed rate"),
    }, roles="solids_gate agitator_running lel", uses="feeder"),
    _phase("DOSE_ACID", "Acid by total; the feed is the least of recipe and limiters.", {
        "amount": Parameter("mol", 10, 3000, None, "moles of HCl to dose"),
        "strength": Parameter("mol/L", 0.5, 12.2, 10.17, "HCl in the day tank"),
        "rate": Parameter("L/min", 0.01, 0.75, 0.7, "largest rate"),
        "ph_slow": Parameter("pH", -1, 2, 0.3, "below this pH the feed is slowed"),
    }, roles="acid_valve acid_pump_run acid_pump_rate acid_flow acid_total ph lel temperature"),
    _phase("LEACH", "Hold at temperature until the neodymium stops rising or the time is up.", {
        "temperature": Parameter("degC", 20, 90, None, "tank temperature"),
        "min_time": Parameter("min", 0, 720, 180, "not before"),
        "max_time": Parameter("min", 10, 1440, 360, "not after"),
        "slope_limit": Parameter("%/h", 0.1, 20, 2, "upper 95 % bound of the relative rise of the concentration"),
        "sample_interval": Parameter("min", 5, 120, 30, "between samples of the tank"),
    }, roles="temperature", uses="analyzer"),
    _phase("COOL", "To a temperature with full cooling allowed.", {
        "temperature": Parameter("degC", 15, 70, 55, "where to"),
    }, roles="temperature cold_valve"),
    _phase("RESIDUE_SAMPLE", "A person takes a washed residue sample; its assay gives the leach extraction.", {
        "volume": Parameter("L", 0.05, 5, 0.5, "slurry taken, counted as withdrawn"),
    }),
    _phase("OXIDISE", "Peroxide until the potential stays up, never more than the cap.", {
        "volume_max": Parameter("L", 0.05, 60, None, "cap: 1.2 times the stoichiometric need"),
        "orp": Parameter("mV", 300, 750, 550, "potential that must stand (Ag/AgCl)"),
        "stable_min": Parameter("min", 1, 60, 10, "for how long"),
        "temperature_max": Parameter("degC", 30, 60, 60, "above this nothing is dosed"),
    }, roles="peroxide_valve orp temperature", uses="peroxide", feeds=OXIDISED),
    _phase("ADJUST_PH", "Base from below: coarse, then fine, then age.", {
        "ph": Parameter("pH", 2, 5, 3.5, "where to"),
        "coarse_to": Parameter("pH", 1, 4, 2.5, "10 M base up to here, 1 M base above"),
        "age": Parameter("min", 0, 600, 120, "time at pH"),
        "tolerance": Parameter("pH", 0.02, 0.5, 0.1, "held for 95 % of the ageing time"),
        "ph_max": Parameter("pH", 2.5, 5.5, 4, "never above"),
    }, roles="ph base_valve base_fine_valve", uses="base base_fine", feeds=OXIDISED),
    _phase("SAMPLE", "Liquor to the analyser; the step's name is the purpose of the sample.", {
        "stream": Parameter("1", 1, 6, None, "port of the stream selector MV-501"),
    }, uses="analyzer"),
    _phase("FILTER", "Tank to press until the tank is empty or the pressure stands.", {
        "pressure_max": Parameter("bar", 1, 8, 6, "feed pressure"),
        "level_end": Parameter("%", 0, 10, 1, "tank is empty below"),
        "buffer_level_max": Parameter("%", 0, 20, 4, "most that may stand in the buffer before"),
        "buffer_stream": Parameter("1", 1, 6, 4, "port of the stream selector that draws from the buffer"),
    }, roles="discharge_valve transfer_run transfer_speed_sp level", uses="press buffer analyzer"),
    _phase("WASH", "Wash water through the cake.", {
        "volume": Parameter("L", 1, 800, None, "wash water"),
    }, uses="press"),
    _phase("BLOW", "Air through the cake.", {
        "time": Parameter("min", 1, 60, 10, "for how long"),
    }, uses="press"),
    _phase("DROP", "Open the press and weigh the cake.", {
        "time": Parameter("min", 1, 60, 10, "for how long"),
    }, uses="press"),
    _phase("TO_BUFFER", "What is left in the tank to the buffer; the batch hands over its liquor.", {
        "level_end": Parameter("%", 0, 10, 1, "tank is empty below"),
    }, roles="discharge_valve transfer_run transfer_speed_sp level weight", uses="buffer"),
)

PHASES: dict[str, PhaseParameters] = {phase.name: phase for phase in _ALL}

# Figures of the charged lot that recipe expressions may name, with their units.
LOT_FIGURES: dict[str, str] = {
    "lot.dry_fraction": "1",            # 1 - moisture
    "lot.ree_fraction": "1",            # sum of the rare earths, kg per kg dry
    "lot.ree_amount": "mol",            # rare earths in the charge: charge_mass * dry_fraction * sum(fraction / molar mass)
    "lot.iron_amount": "mol",           # iron in the charge, likewise
    "lot.d50_um": "1",
}

# Figures of the running batch that an internal tag may show (``Tag.internal: batch.metal``).
BATCH_FIGURES: dict[str, str] = {
    "active": "1",                      # a batch owns the unit
    "metal": "1",                       # metallic feed was charged and the tank has not been emptied since
    "acid_dosed": "L",                  # by the meter since the batch began; neither a restart nor a meter that is cleared loses it
    "acid_target": "L",                 # acid volume of the running recipe; 0 without one
    "icp_tree": "g/L",                  # rare earths in this tank by the last good analysis; unknown before there is one
    "icp_tree_u": "g/L",                # its standard uncertainty
    "icp_density": "kg/m3",             # what liquor_density showed when that sample was drawn
    "icp_age": "min",                   # since that sample was drawn
    "icp_slope": "1",                   # g/L of rare earths per kg/m3, by the latest analyses
    "icp_slope_u": "1",                 # its standard uncertainty
}
LOOP_FIGURES = ("sp", "ramped", "out")
CHECK_FIGURES = ("overdue", "due_soon")         # how many checks of a unit are due, or will be soon
COUNTED = ("bypasses", "demands", "forces")     # of a unit: rows bypassed, of these with a cause that stands, tags forced
