"""What a trip leaves behind when it is reset or bypassed: nothing moves by that.

Whatever was asked for, held or set while it stood, what it forced stays until somebody wants it anew (ISO 13849-1:2015, 5.2.2: a
manual reset does not itself begin a motion; from memory of the clause, not read again here). A loop that drove it goes to MANUAL
there; a batch that is restarted wants its loops again.
"""

from __future__ import annotations

from gateway.control.chain import Entry, LoopMode
from gateway.control.interlock import Row
from gateway.control.loop import Loop, seat
from gateway.control.parts import Parts


def stay(parts: Parts, row: Row, cause: str) -> list[Entry]:
    """The entries that make what a row forces be what is wanted: of outputs, and of loops, which go to MANUAL."""
    return [*parts.outputs.take(row.effects, cause), *seated(parts, row, cause)]


def seated(parts: Parts, row: Row, cause: str) -> list[LoopMode]:
    """The entries of the loops alone: each stands in MANUAL where its output is, or is forced to."""
    entries: list[LoopMode] = []
    for loop in parts.loops.values():
        outputs = (loop.row.output, loop.row.output_low)
        if set(outputs) & row.effects.keys():
            at = [None if tag is None else row.effects.get(tag, parts.outputs.by_tag[tag].commanded) for tag in outputs]
            entry = seat(loop, at[0], at[1], cause)
            entries += [] if entry is None else [entry]
    return entries


def seated_in_manual(parts: Parts, row: Row, cause: str) -> list[LoopMode]:
    """The same of the loops that are in MANUAL or about to be; the others go on."""
    return [entry for entry in seated(parts, row, cause) if _about_manual(parts.loops[entry.loop])]


def _about_manual(loop: Loop) -> bool:
    return loop.mode == "MANUAL" or (loop.asked is not None and loop.asked.mode == "MANUAL")


def latched(parts: Parts, name: str) -> Row | None:
    """The row of a trip that stands latched and forces; None for one that does not, as under a bypass."""
    item = parts.interlocks.by_name.get(name)
    return item.row if item is not None and item.tripped and item.row.latch and not item.bypass_until else None
