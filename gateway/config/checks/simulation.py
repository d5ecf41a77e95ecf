"""The simulated line: everything that is read is sensed, everything that is written moves something."""

from __future__ import annotations

from collections.abc import Iterator, Set

from gateway.config.draft import Draft
from gateway.config.faults import Fault
from gateway.config.models import Simulation

DRIVES = ("abb_acs580", "grundfos_cim")  # profiles that turn a shaft
BELIEVABLE = 4.0  # standard uncertainties between a lot's assay and what it truly holds


def _simulated(draft: Draft, simulation: Simulation) -> Iterator[tuple[str, bool]]:
    """(tag, whether it is an output) of everything behind a Modbus device that its own behaviour does not make."""
    for name, tag in draft.tags.items():
        device = draft.devices.get(tag.device or "")
        profile = draft.profiles.get(device.profile) if device else None
        if profile is not None and profile.protocol == "modbus" and name not in simulation.own:
            yield name, tag.output is not None


def complete(draft: Draft) -> Iterator[Fault]:
    """Every input has a sense and every output an actuator."""
    simulation = draft.simulation
    for name, output in _simulated(draft, simulation) if simulation else ():
        assert simulation is not None
        if output and name not in simulation.actuators:
            yield draft.fault(("simulation", "actuators"), f"output {name} moves nothing; give it an actuator or name it under own")
        elif not output and name not in simulation.senses and name not in simulation.constants:
            yield draft.fault(("simulation", "senses"), f"input {name} sees nothing; give it a sense or a constant, or name it under own")


def tags_exist(draft: Draft) -> Iterator[Fault]:
    """Senses are of inputs, actuators of outputs, and all of them exist."""
    simulation = draft.simulation
    if simulation is None:
        return
    for section, want in (("senses", False), ("constants", False), ("actuators", True), ("own", None)):
        for i, name in enumerate(getattr(simulation, section)):
            path = ("simulation", section, str(i) if section == "own" else name)
            if not draft.exists("tags", name):
                yield draft.unknown(path, name, draft.declared["tags"], "tag")
            elif want is not None and name in draft.tags and (draft.tags[name].output is not None) is not want:
                yield draft.fault(path, f"{name} is an {'input' if want else 'output'}")
    for name in simulation.senses.keys() & simulation.constants.keys():
        yield draft.fault(("simulation", "constants", name), f"{name} has a sense already")


def moved_once(draft: Draft) -> Iterator[Fault]:
    """Two outputs do not move one variable."""
    movers: dict[str, str] = {}
    for name, variable in (draft.simulation.actuators if draft.simulation else {}).items():
        if movers.setdefault(variable, name) != name:
            yield draft.fault(("simulation", "actuators", name), f"{variable} is already moved by {movers[variable]}")


def drives_turn(draft: Draft) -> Iterator[Fault]:
    """Every drive turns at some speed when it is told 100 %, and nothing else does."""
    simulation = draft.simulation
    if simulation is None:
        return
    for name, rpm in simulation.full_rpm.items():
        path, device = ("simulation", "full_rpm", name), draft.devices.get(name)
        if not draft.exists("devices", name):
            yield draft.unknown(path, name, draft.declared["devices"], "device")
        elif device is not None and device.profile not in DRIVES:
            yield draft.fault(path, f"{name} is no drive; drives are {', '.join(DRIVES)}")
        if rpm <= 0:
            yield draft.fault(path, f"{rpm:g} rpm, must be greater than 0")
    for name, device in draft.devices.items():
        if device.profile in DRIVES and name not in simulation.full_rpm:
            yield draft.fault(("simulation", "full_rpm"), f"drive {name} has no shaft speed at 100 %")


def true_assays(draft: Draft) -> Iterator[Fault]:
    """What a lot truly holds differs from its assay by no more than the assay's uncertainty allows."""
    simulation = draft.simulation
    for name, elements in (simulation.true_assays if simulation else {}).items():
        path = ("simulation", "true_assays", name)
        if not draft.exists("lots", name):
            yield draft.unknown(path, name, draft.declared["lots"], "lot")
        lot = draft.lots.get(name)
        if lot is None or name in draft.doubtful:
            continue
        if sum(elements.values()) > 1:
            yield draft.fault(path, f"fractions sum to {sum(elements.values()):.4g}, more than the lot")
        for element, fraction in elements.items():
            assay = lot.assay.get(element)
            if assay is None:
                yield draft.unknown((*path, element), element, lot.assay, "assayed element")
            elif abs(fraction - assay.fraction) > BELIEVABLE * assay.u_rel * assay.fraction:
                yield draft.fault(
                    (*path, element), f"{fraction:g} is more than {BELIEVABLE:g} standard uncertainties from the assay {assay.fraction:g}"
                )
    known = simulation.true_assays.keys() if simulation else draft.lots.keys()
    for name in draft.lots.keys() - known - draft.elsewhere:            # of a lot that stands elsewhere its papers are the truth
        yield draft.fault(("simulation", "true_assays"), f"lot {name} has no true assay")


def variables_exist(draft: Draft, variables: Set[str]) -> Iterator[Fault]:
    """Every variable is one the simulated world has."""
    simulation = draft.simulation
    if simulation is None:
        return
    for name, sense in simulation.senses.items():
        if sense.variable not in variables:
            yield draft.unknown(("simulation", "senses", name, "variable"), sense.variable, variables, "variable")
    for name, variable in simulation.actuators.items():
        if variable not in variables:
            yield draft.unknown(("simulation", "actuators", name), variable, variables, "variable")


CHECKS = (complete, tags_exist, moved_once, drives_turn, true_assays)
