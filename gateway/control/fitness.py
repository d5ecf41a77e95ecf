"""What a calibration or proof test shows: figures computed from raw readings, and whether they lie within their limits.

    >>> figures("ph", {"buffer_1": 4.0, "buffer_2": 7.0, "temperature_c": 25.0}, {"ph_1": 4.05, "ph_2": 7.02})["slope_pct"]
    99.0

Nobody states a result: who did the check gives what was applied and what was shown, the rest is computed here. A kind that is
named after its parts (an element, an output) has one figure for each of them, as ``recovery_pct.Nd``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from difflib import get_close_matches

import msgspec

NERNST_MV_K = 1000.0 * math.log(10.0) * 8.31446261815324 / 96485.3321233100184      # ln(10) R / F; R and F: SI of 2019
NEUTRAL_PH = 7.0                                # where a glass electrode shows no voltage (isothermal point of common electrodes)
APART_PH = 1.0                                  # two buffers closer than that tell nothing of a slope (assumed)

Figures = dict[str, float]
Limits = dict[str, tuple[float, float]]


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of check. ``reference``: what was applied; ``readings``: sets of what may have been read, the first is what one types.

    ``parts``: names of readings that the plant's configuration gives (elements, outputs). ``limits``: of each figure, where the
    configuration says nothing else. ``traced``: whether a certificate of what was applied belongs to it.
    """

    reference: tuple[str, ...]
    readings: tuple[tuple[str, ...], ...]
    parts: bool = False
    limits: Limits
    source: str
    traced: bool = True


KINDS: dict[str, Kind] = {
    "ph": Kind(
        reference=("buffer_1", "buffer_2", "temperature_c"), readings=(("ph_1", "ph_2"), ("mv_1", "mv_2")),
        limits={"slope_pct": (85.0, 105.0), "offset_ph": (-0.5, 0.5)},
        source="slope: house domain brief, glass decays from 100 to 85 %; offset: 30 mV, customary, assumed",
    ),
    "gas_bump": Kind(
        reference=("applied_pct_lel",), readings=(("reading_pct_lel", "t90_s"),),
        limits={"response_pct": (90.0, 110.0), "t90_s": (0.0, 30.0)},
        source="bump test: IEC 60079-29-2; its limits: a tenth of the gas applied, twice the 15 s of a new detector, both assumed",
    ),
    "scale": Kind(
        reference=("weight_kg",), readings=(("empty_kg", "loaded_kg"),),
        limits={"error_pct": (-0.2, 0.2)},
        source="twice the relative standard uncertainty of a lot's mass, 0.1 % (assumed)",
    ),
    "icp": Kind(
        reference=(), readings=((),), parts=True, limits={"recovery_pct": (90.0, 110.0)},
        source="continuing verification of EPA 6010, 90 to 110 %",
    ),
    "proof_test": Kind(
        reference=(), readings=(("response_s",),), parts=True, limits={"effects_pct": (100.0, 100.0)},
        source="every effect, within the process safety time of the row", traced=False,
    ),
}  # fmt: skip


def missing(kind: str, parts: tuple[str, ...], reference: Mapping[str, float], readings: Mapping[str, float]) -> str:
    """Why what was written down cannot be judged; "" when it can. ``parts``: elements or outputs of this check."""
    what = KINDS[kind]
    wanted = (*what.reference, *(parts if kind == "icp" else ()))
    sets = [(*names, *parts) for names in what.readings]
    return _strange("reference", reference, [wanted]) or _strange("readings", readings, sets) or _absurd(kind, reference)


def _strange(what: str, given: Mapping[str, float], sets: list[tuple[str, ...]]) -> str:
    for name, value in given.items():
        if not math.isfinite(value):
            return f"{what}: {name} is {value}; a number is needed"
    if any(set(given) == set(names) for names in sets):
        return ""
    unknown = sorted(set(given) - {name for names in sets for name in names})
    near = get_close_matches(unknown[0], [name for names in sets for name in names], n=1) if unknown else []
    said = f"unknown {unknown[0]!r}{f'; nearest: {near[0]}' if near else ''}" if unknown else f"has {', '.join(given) or 'nothing'}"
    return f"{what}: {said}; needed: {' or '.join(', '.join(names) or 'nothing' for names in sets)}"


def _absurd(kind: str, reference: Mapping[str, float]) -> str:
    if kind == "ph" and abs(reference["buffer_2"] - reference["buffer_1"]) < APART_PH:
        return f"buffers {reference['buffer_1']:g} and {reference['buffer_2']:g} are less than {APART_PH:g} pH apart"
    if kind == "ph" and not -5.0 <= reference["temperature_c"] <= 110.0:
        return f"temperature_c {reference['temperature_c']:g} outside -5..110"
    if kind != "ph" and any(value <= 0 for value in reference.values()):
        return "nothing was applied: a reference is above 0"
    return ""


def figures(kind: str, reference: Mapping[str, float], readings: Mapping[str, float],
            effects: Mapping[str, tuple[float, float]] | None = None) -> Figures:
    """The figures of a check. ``effects``: of a proof test, output -> (forced value, tolerance)."""
    return _COMPUTED[kind](reference, readings, effects or {})


def _ph(reference: Mapping[str, float], readings: Mapping[str, float], effects: Mapping[str, tuple[float, float]]) -> Figures:
    """Slope in % of Nernst and what is shown at pH 7 beyond it, by the straight line through both buffers."""
    nernst = NERNST_MV_K * (reference["temperature_c"] + 273.15)
    first, second = reference["buffer_1"], reference["buffer_2"]
    in_mv = "mv_1" in readings
    one, two = ((-readings["mv_1"] / nernst, -readings["mv_2"] / nernst) if in_mv
                else (readings["ph_1"] - NEUTRAL_PH, readings["ph_2"] - NEUTRAL_PH))
    slope = (two - one) / (second - first)
    offset = one + slope * (NEUTRAL_PH - first)
    return {"slope_pct": round(100.0 * slope, 3), "offset_ph": round(offset, 4), "offset_mv": round(-offset * nernst, 2)}


def _gas(reference: Mapping[str, float], readings: Mapping[str, float], effects: Mapping[str, tuple[float, float]]) -> Figures:
    return {"response_pct": round(100.0 * readings["reading_pct_lel"] / reference["applied_pct_lel"], 3), "t90_s": readings["t90_s"]}


def _scale(reference: Mapping[str, float], readings: Mapping[str, float], effects: Mapping[str, tuple[float, float]]) -> Figures:
    weight = reference["weight_kg"]
    error = readings["loaded_kg"] - readings["empty_kg"] - weight
    return {"error_kg": round(error, 5), "error_pct": round(100.0 * error / weight, 4), "empty_kg": readings["empty_kg"]}


def _icp(reference: Mapping[str, float], readings: Mapping[str, float], effects: Mapping[str, tuple[float, float]]) -> Figures:
    return {f"recovery_pct.{e}": round(100.0 * readings[e] / certified, 3) for e, certified in reference.items()}


def _proof(reference: Mapping[str, float], readings: Mapping[str, float], effects: Mapping[str, tuple[float, float]]) -> Figures:
    seen = [abs(readings[name] - value) <= tolerance for name, (value, tolerance) in effects.items()]
    return {"effects_pct": round(100.0 * sum(seen) / len(seen), 3), "response_s": readings["response_s"]}


_COMPUTED: dict[str, Callable[[Mapping[str, float], Mapping[str, float], Mapping[str, tuple[float, float]]], Figures]] = {
    "ph": _ph, "gas_bump": _gas, "scale": _scale, "icp": _icp, "proof_test": _proof,
}


def outside(found: Mapping[str, float], limits: Mapping[str, tuple[float, float]]) -> list[str]:
    """The figures that lie outside their limits, each as a sentence; none: it passed."""
    told: list[str] = []
    for name, value in found.items():
        reach = limits.get(name.partition(".")[0])
        if reach is not None and not reach[0] <= value <= reach[1]:
            told.append(f"{name} {value:g} outside {reach[0]:g}..{reach[1]:g}")
    return told
