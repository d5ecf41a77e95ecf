"""Virtual instruments against the truth: one batch rehearsed, every minute of plant time what they say and what is so.

    python -m bench.virtual                                     # LEACH-NDFEB-METAL: hydrogen, unreacted acid, rare earths
    python -m bench.virtual --recipe LEACH-NDFEB-SEL --lot DNAL-2026-0147
    python -m bench.virtual --csv readings.csv                  # and then, of the same run, only the acid step:
    python -m bench.virtual --read readings.csv --between 240 735

The gateway never sees the truth; the simulator does. A row says how many readings were Good, in what part of them the truth lay
within one and two stated standard uncertainties, how large those were, and by how much the readings were off in the mean.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from gateway.config.loading import load
from gateway.paths import belfast_config
from gateway.records.store import MemoryJournal
from simulators.physics.samples import liquor_kg
from simulators.physics.species import H
from simulators.physics.tank import LeachTank
from simulators.rehearsal import Rehearsal, Run

EVERY = 120                                     # scans: a minute
RARE_EARTHS = ("Nd", "Pr", "Dy", "Tb")


class Reading(msgspec.Struct):
    """One reading beside the truth."""

    minute: float
    value: float
    u: float
    truth: float


def hydrogen(tank: LeachTank) -> float:
    """What the reactions make now, normal L/min."""
    return tank.h2_nm3_h * 1000.0 / 60.0


def free_acid(tank: LeachTank) -> float:
    """Protons in the tank beyond those of water, mol."""
    return tank.contents.liquor[H]


def rare_earths(tank: LeachTank) -> float:
    """Rare earths dissolved, g per L of liquor."""
    c = tank.contents
    return 1000.0 * sum(liquor_kg(c.liquor)[e] for e in RARE_EARTHS) / c.liquor_l if c.liquor_l > 20.0 else math.nan


class Watch:
    """Collects readings of a tank while a batch runs. Hydrogen and its acid count while metal is in the tank."""

    def __init__(self, n: int) -> None:
        of_metal: dict[str, Callable[[LeachTank], float]] = {f"HY-10{n}{k}": hydrogen for k in (1, 2, 3, 4)}
        self.truths = {**of_metal, f"NY-10{n}1": free_acid, f"NA-10{n}1": free_acid, f"CY-10{n}1": rare_earths}
        self.of_metal = {*of_metal, f"NY-10{n}1"}
        self.metal, self.tank = f"XB-10{n}2", n - 1
        self.found: dict[str, list[Reading]] = {tag: [] for tag in self.truths}
        self.disagreement = f"HY-10{n}5"
        self.worst = (0.0, 0.0)                 # of the disagreement, and its minute

    def __call__(self, rehearsal: Rehearsal) -> None:
        scan, image = rehearsal.plant.scan, rehearsal.plant.image
        if scan.count % EVERY:
            return
        minute, tank = scan.count / EVERY, rehearsal.line.world.tanks[self.tank]
        metal = image.value[image.index[self.metal]] == 1.0
        for tag, truth in self.truths.items():
            i = image.index[tag]
            if image.quality[i] & 0xC0000000 == 0 and (metal or tag not in self.of_metal):
                self.found[tag].append(Reading(minute, image.value[i], image.doubts.u(i), truth(tank)))
        i = image.index[self.disagreement]
        if metal and image.quality[i] & 0xC0000000 == 0:
            self.worst = max(self.worst, (image.value[i], minute))


def row(tag: str, unit: str, readings: Iterable[Reading]) -> str:
    """One line of the table."""
    known = [each for each in readings if math.isfinite(each.u) and math.isfinite(each.truth) and each.u > 0]
    if not known:
        return f"| `{tag}` | {unit} | 0 | | | | | | |"
    n = len(known)
    within = [sum(abs(each.value - each.truth) <= k * each.u for each in known) / n for k in (1, 2)]
    bias = sum(each.value - each.truth for each in known) / n
    off = max(known, key=lambda each: abs(each.value - each.truth) / each.u)
    truth = sum(each.truth for each in known) / n
    u = sum(each.u for each in known) / n
    worst = abs(off.value - off.truth) / off.u
    return (f"| `{tag}` | {unit} | {n} | {truth:.1f} | {u:.2f} | {bias:+.2f} | {100 * within[0]:.0f} % | {100 * within[1]:.0f} % "
            f"| {worst:.1f} u at {off.minute:.0f} min |")  # fmt: skip


HEAD = """| tag | unit | readings | true mean | mean u | mean error | within 1u | within 2u | worst |
|---|---|---|---|---|---|---|---|---|"""


def rehearsed(given: argparse.Namespace) -> tuple[dict[str, list[Reading]], int]:
    """The readings of one batch, and the exit code: 0 when it is COMPLETE."""
    run = Run(load(belfast_config()), MemoryJournal(), recipe=given.recipe, lot=given.lot, seed=given.seed)
    run.rehearsal.after = watch = Watch(1)
    began = time.monotonic()
    state = run.to_end()
    print(f"{given.recipe}, lot {given.lot}: {state}{f' ({run.held})' if run.held else ''} after {run.plant_s / 3600:.2f} h of plant time, "
          f"{time.monotonic() - began:.0f} s")
    print(f"largest disagreement ({watch.disagreement}): {watch.worst[0]:.1f} at {watch.worst[1]:.0f} min\n")
    return watch.found, 0 if state == "COMPLETE" else 1


def kept(path: Path) -> dict[str, list[Reading]]:
    """The readings in a file."""
    found: dict[str, list[Reading]] = {}
    for line in path.read_text().splitlines()[1:]:
        tag, *figures = line.split(",")
        found.setdefault(tag, []).append(Reading(*map(float, figures)))
    return found


def keep(path: Path, found: dict[str, list[Reading]]) -> None:
    """Write every reading to a file."""
    lines = [f"{tag},{r.minute:g},{r.value:g},{r.u:g},{r.truth:g}" for tag, each in found.items() for r in each]
    path.write_text("\n".join(["tag,minute,value,u,truth", *lines]) + "\n")


def main() -> int:
    """Rehearse, or read what was kept, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.virtual")
    parser.add_argument("--recipe", default="LEACH-NDFEB-METAL")
    parser.add_argument("--lot", default="DNAL-2026-0152")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--csv", type=Path, help="file to write every reading to")
    parser.add_argument("--read", type=Path, help="file written so: no rehearsal")
    parser.add_argument("--between", type=float, nargs=2, metavar=("FROM", "TO"), default=(0.0, math.inf), help="only these minutes")
    given = parser.parse_args()
    found, code = (kept(given.read), 0) if given.read else rehearsed(given)
    units, (first, last) = load(belfast_config()).derived, given.between
    print(HEAD)
    for tag, readings in found.items():
        print(row(tag, units[tag].unit, [each for each in readings if first <= each.minute <= last]))
    if given.csv:
        keep(given.csv, found)
    return code


if __name__ == "__main__":
    sys.exit(main())
