"""Checks of instruments as control needs them, and which units a start leans on."""

from __future__ import annotations

from collections.abc import Container

from gateway.config.models import Check, Config
from gateway.config.phases import PHASES
from gateway.control.checks import DAY, CheckRow, Checks
from gateway.control.conditions import parse
from gateway.control.fitness import KINDS
from gateway.plant.names import Names

_SHARED = {short for phase in PHASES.values() for short in phase.uses}


def checks_of(config: Config) -> Checks:
    """The checks of a plant, and which alarm is about those of which unit."""
    shown = {name: tag.internal.split(".")[1] for name, tag in config.tags.items() if tag.internal and tag.internal.startswith("checks.")}
    names = Names(config)
    told: dict[str, str] = {}
    for alarm, row in config.alarms.items():
        for name in parse(row.when).names if row.of is None else ():
            tag = names.tag(name, row.unit)
            if tag in shown:
                told[alarm] = shown[tag]
    return Checks([_row(config, names, name, check) for name, check in config.checks.items()], told)


def _row(config: Config, names: Names, name: str, check: Check) -> CheckRow:
    of, limits = check.of, {**KINDS[check.kind].limits, **check.tolerance}
    parts, effects = check.elements, {}
    if check.kind == "proof_test":
        of = interlock_of(config.interlocks, check)
        row = config.interlocks[of]
        for role, value in row.effects.items():
            tag = names.tag(role, row.unit) or role
            low, high = config.tags[tag].range or (0.0, 1.0)
            effects[tag] = (value, 0.5 if high - low <= 1 else 0.02 * (high - low))     # a switch exactly, else within 2 % (assumed)
        parts, limits = tuple(effects), {"response_s": (0.0, row.safety_time_s), **limits}
    elif check.kind != "icp":
        of = names.tag(of, check.unit) or of
    return CheckRow(
        name=name, what=check.kind, of=of, unit=check.unit or "", interval_ns=round(check.interval_d * DAY),
        warn_ns=round(check.warn_d * DAY), blocks=check.blocks == "start", feeds=check.feeds, limits=limits, parts=parts, effects=effects,
    )  # fmt: skip


def interlock_of(interlocks: Container[str], check: Check) -> str:
    """The row of the matrix that a proof test trips: named in full, or as the row of its own unit."""
    return check.of if check.of in interlocks else f"{check.unit}.{check.of}"


def leans_on(config: Config, unit: str, recipe: str) -> set[str]:
    """Units whose checks a batch of this recipe leans on: its own, what its phases use, and what every batch uses."""
    phases = {step.phase for step in config.recipes[recipe].procedure.values()}
    used = {short for name in phases if name in PHASES for short in PHASES[name].uses}
    return {unit} | {other for short, other in config.units[unit].uses.items() if short in used or short not in _SHARED}
