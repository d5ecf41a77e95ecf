"""Protection that would be lost without a word is refused where it is configured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config.faults import Fault


def only_fault(plant: Path, faults_of: Callable[[Path], list[Fault]], file: str, old: str, new: str) -> str:
    """The one fault that a change makes."""
    path = plant / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    (fault,) = faults_of(plant)
    return str(fault)


def test_a_vote_whose_input_may_be_lost_without_an_alarm_is_refused(plant: Path, faults_of: Callable[[Path], list[Fault]]):
    told = only_fault(plant, faults_of, "alarms.yaml", "    each: {k: [1, 2, 3, 4]}\n", "    each: {k: [1, 2, 3]}\n")
    assert "R-101.room_hydrogen_confirmed.cause: votes with site.room_h2_4 (AT-404), and no alarm tells when it is lost" in told
    assert "allowed: an alarm with 'when: bad(site.room_h2_4)'" in told


@pytest.mark.parametrize(("old", "new", "says"), [
    ("vote(2, site.room_h2_1", "vote(5, site.room_h2_1", "vote: of 4 conditions a whole number from 1 to 4 must be true"),
    ("vote(2, site.room_h2_1 > lel_alarm_pct_lel", "vote(2, site.room_h2_1 > air_min_bar", "%LEL"),
    ("    cause: not any(ZSO-1012, ZSO-1022, ZSO-1032)", "    cause: run and not any(ZSO-1012, ZSO-1022, ZSO-1032)",
     "SC-101.no_open_gate.cause: looks at run (XS-101), which it forces: it would let go and trip again; latch it, or leave run out"),
])  # fmt: skip
def test_a_cause_that_cannot_be_counted_or_ends_itself_is_refused(
    plant: Path, faults_of: Callable[[Path], list[Fault]], old: str, new: str, says: str
):
    assert says in only_fault(plant, faults_of, "matrix.yaml", old, new)


@pytest.mark.parametrize(("kind", "says"), [
    ("bypassed", "units.C-301: an interlock of it may be bypassed, and no alarm tells when one is"),
    ("forced", "units.C-301: tags of it may be forced, and no alarm tells when one is"),
])  # fmt: skip
def test_a_unit_that_may_be_bypassed_or_forced_without_an_alarm_is_refused(
    plant: Path, faults_of: Callable[[Path], list[Fault]], kind: str, says: str
):
    text = (plant / "alarms.yaml").read_text()
    line = next(each for each in text.split(f'"{{u}}.{kind}":')[1].splitlines() if "each:" in each)
    assert says in only_fault(plant, faults_of, "alarms.yaml", line, line.replace(", C-301", ""))


def test_an_internal_tag_of_a_unit_that_is_not_there_names_the_nearest(plant: Path, faults_of: Callable[[Path], list[Fault]]):
    path = plant / "tags.yaml"
    path.write_text(path.read_text().replace('internal: "bypasses.C-301"', 'internal: "bypasses.C-302"'))
    told = [str(fault) for fault in faults_of(plant)]
    assert any("tags.UB-301.internal: unknown unit 'C-302'" in each and "nearest: C-301" in each for each in told)
