"""What a forced value would do to the interlocks, worked out before it is accepted.

    foresee(parts, parts.forces.by_name["LIT-1011"], 50.0)
    {"reads": ["R-101.level_high", ...], "trips": [], "frees": ["R-101.level_high"], "blinds": [...], "later": [...], "loops": [...]}

The causes are computed three times over copies of the image: as measured, as forced, and with the reading lost.
"""

from __future__ import annotations

from gateway.control.force import ForceRow
from gateway.control.image import GOOD
from gateway.control.parts import Parts

_BAD = 0x80000000
Truths = dict[str, bool | None]
WORDS = {
    "reads": "read by", "trips": "trips", "frees": "takes away the cause of", "blinds": "can no longer trip by it",
    "later": "follow with time", "loops": "loops that use it", "forced_by": "interlocks that still win",
}  # fmt: skip


def foresee(parts: Parts, row: ForceRow, value: float) -> dict[str, list[str]]:
    """Rows that read the tag; those that would trip, lose their cause, or no longer see it; those that follow with time; loops."""
    measured, quality = parts.forces.true(row.tag, parts.image)
    now = _truths(parts, row, measured, quality)
    then = _truths(parts, row, value, GOOD)
    lost = _truths(parts, row, measured, _BAD)
    slow = _slow(parts, row.tag)
    found = {
        "reads": list(row.rows),
        "trips": [name for name in row.rows if now[name] is False and then[name] is not False],
        "frees": [name for name in row.rows if now[name] is not False and then[name] is False],
        "blinds": [name for name in row.rows if now[name] is False and then[name] is False and lost[name] is not False],
        "later": [name for name in row.rows if slow and _looks_at(parts, name) & slow],
        "loops": list(row.loops),
    }
    if row.output:
        found["blinds"] = []                    # a held output hides no reading
        found["forced_by"] = [i.row.name for i in parts.interlocks.items if i.row.effects.get(row.tag, value) != value]
    return found


def _truths(parts: Parts, row: ForceRow, value: float, quality: int) -> Truths:
    values, qualities = parts.forces.columns(parts.image)
    if row.counted is not None:                 # what a batch counts by it goes along
        values[row.counted] += value - values[row.tag]
        qualities[row.counted] |= quality
    values[row.tag], qualities[row.tag] = value, quality
    for derived in parts.derived:
        made = derived.row
        if made.kind == "expression" and made.number is not None:
            number = made.number(values, qualities)
            values[made.tag], qualities[made.tag] = (values[made.tag], _BAD) if number is None else (number, GOOD)
        elif any(qualities[i] & _BAD for i in made.of):
            qualities[made.tag] = _BAD
    names = [item.row.name for item in parts.interlocks.items]
    return dict(zip(names, parts.conditions(values, qualities), strict=False))


def _slow(parts: Parts, tag: int) -> set[int]:
    """What is computed from a tag over time: slopes, totals, means, and expressions of these."""
    touched, slow = {tag}, set[int]()
    for derived in parts.derived:
        made = derived.row
        if touched & set(made.of):
            touched.add(made.tag)
            if made.kind != "expression" or slow & set(made.of):
                slow.add(made.tag)
    return slow


def _looks_at(parts: Parts, name: str) -> set[int]:
    return set(parts.interlocks.by_name[name].row.inputs.values())


def sentence(effect: dict[str, list[str]]) -> str:
    """An effect as one line of words; nothing said of what it does not touch."""
    said = "; ".join(f"{WORDS[key]}: {', '.join(effect[key])}" for key in WORDS if effect.get(key))
    return said or "no interlock and no loop looks at it"
