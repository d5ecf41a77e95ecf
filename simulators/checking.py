"""The simulated people at the instruments: buffers, test gas, weights and a control sample, and what the instruments show of them.

    >>> shown = commissioning(Line(load(belfast_config())))
    >>> shown[0].check, shown[0].as_found
    ('R-101.ph', {'ph_1': 4.0, 'ph_2': 7.0})

What is shown comes from the instrument's own model as it stands (lag, noise, drift, failure), not from a list. A copy of it is put
into the buffer or the gas: the loop it measures goes on undisturbed, as with a probe that is swapped for its spare. A proof test
is not among them: it trips a row of the matrix for real, and nobody does that to begin a demonstration.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from gateway.config.models import Check
from simulators.line import Line
from simulators.people import Action
from simulators.physics.samples import Sample
from simulators.senses.sense import Sense

STEP_S = 0.5
SETTLED = 10.0                                  # time constants until a reading is taken
READINGS = 20                                   # that are averaged
BUFFERS = {"buffer_1": 4.0, "buffer_2": 7.0, "temperature_c": 25.0}     # customary pair
GAS_PCT_LEL = 50.0                              # 2.0 vol% hydrogen in air
WEIGHT_KG = 20.0                                # class M1
STREAM = 6                                      # quality control, of the stream selector
CONTROL = Sample(                               # near a leach liquor (assumed)
    point="quality control", volume_l=0.05, mass_kg=0.055, density_kg_l=1.1, temperature_c=25.0, ph=1.0, solids_g_l=0.0, solid_wt={},
    moisture=0.0, liquor_g_l={"Nd": 20.0, "Pr": 5.0, "Dy": 1.5, "Tb": 0.2, "Fe": 0.5, "B": 0.5, "Co": 0.5},
)  # fmt: skip


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What was applied in one check and what was read."""

    check: str
    reference: dict[str, float]
    as_found: dict[str, float]
    certificate: str
    method: str


def commissioning(line: Line) -> list[Shown]:
    """Every calibration of the configuration, done on the instruments as they stand."""
    done = [_DONE[check.kind](line, name, check) for name, check in line.config.checks.items() if check.kind in _DONE]
    return [each for each in done if each is not None]


def recorded(shown: Iterable[Shown]) -> list[Action]:
    """The commands that write them down."""
    return [Action("check.record", each.check, "before the first batch", {
                "reference": each.reference, "as_found": each.as_found, "certificate": each.certificate, "method": each.method})
            for each in shown]  # fmt: skip


def _instrument(line: Line, check: Check) -> tuple[Sense, float] | None:
    """A copy of the instrument and what it truly sees now; None for one that the line does not simulate."""
    units = line.config.units
    roles: Mapping[str, str] = units[check.unit].roles if check.unit in units else {}
    seen = line.seen.get(roles.get(check.of, check.of))
    return None if seen is None else (copy.deepcopy(seen.sense), line.world.values[seen.variable])


def _put(sense: Sense, value: float) -> float:
    """What an instrument shows of a value after it has settled: the mean of some readings."""
    for _ in range(1 + round(SETTLED * sense.parameters.tau_s / STEP_S)):
        sense.step(value, STEP_S)
    return sum(sense.step(value, STEP_S) for _ in range(READINGS)) / READINGS


def _ph(line: Line, name: str, check: Check) -> Shown | None:
    found = _instrument(line, check)
    if found is None:
        return None
    read = {f"ph_{k}": round(_put(found[0], BUFFERS[f"buffer_{k}"]), 3) for k in (1, 2)}
    return Shown(check=name, reference=BUFFERS, as_found=read, certificate="simulated buffers 4.00 and 7.00", method="two buffers, settled")


def _gas(line: Line, name: str, check: Check) -> Shown | None:
    found = _instrument(line, check)
    if found is None:
        return None
    sense = found[0]
    _put(sense, 0.0)
    course = [sense.step(GAS_PCT_LEL, STEP_S) for _ in range(1 + round(SETTLED * sense.parameters.tau_s / STEP_S) + READINGS)]
    settled = sum(course[-READINGS:]) / READINGS
    t90_s = STEP_S * next((k for k, value in enumerate(course, 1) if value >= 0.9 * settled), len(course))
    return Shown(check=name, reference={"applied_pct_lel": GAS_PCT_LEL}, as_found={"reading_pct_lel": round(settled, 2), "t90_s": t90_s},
                 certificate="simulated gas, 2.0 vol% hydrogen in air", method="clean air, then test gas until settled")  # fmt: skip


def _scale(line: Line, name: str, check: Check) -> Shown | None:
    found = _instrument(line, check)
    if found is None:
        return None
    sense, holds = found
    empty, loaded = _put(sense, holds), _put(sense, holds + WEIGHT_KG)
    return Shown(check=name, reference={"weight_kg": WEIGHT_KG}, as_found={"empty_kg": round(empty, 3), "loaded_kg": round(loaded, 3)},
                 certificate="simulated weight of 20 kg, M1", method=f"mean of {READINGS} readings without and with")  # fmt: skip


def _icp(line: Line, name: str, check: Check) -> Shown | None:
    found = copy.deepcopy(line.icp.instrument).measure(CONTROL, "LIQUOR", STREAM)
    known = {e: CONTROL.liquor_g_l[e] for e in check.elements}
    return Shown(check=name, reference=known, as_found={e: found.values[e] for e in known},
                 certificate="simulated control sample, second source", method="measured as a liquor")  # fmt: skip


_DONE: dict[str, Any] = {"ph": _ph, "gas_bump": _gas, "scale": _scale, "icp": _icp}
