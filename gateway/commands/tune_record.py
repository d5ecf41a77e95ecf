"""What the history of a data directory holds of a loop: its pv and its output, as a record that a model can be fitted to."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gateway.config.models import Config
from gateway.control.chain import LoopTuned, LoopTuning
from gateway.control.image import SECOND
from gateway.control.loop_row import LoopRow
from gateway.control.tuning.fit import Record, Unfit, held
from gateway.history.rows import Series, query
from gateway.records.journal import read

POINTS = 20_000                                 # samples asked of the history; the fit thins them
SPACED = 2000                                   # points over which a pv that is kept on change only is spread again

Steps = list[tuple[int, float]]                 # UTC ns, value (NaN where it was not good)


class Sources(msgspec.Struct, frozen=True):
    """Tags that a loop's output is read from; ``low``: the lower half of a split range."""

    tags: tuple[str, ...]
    note: str = ""


def sources(config: Config, name: str) -> Sources:
    """Where the output of a loop stands in the history: a tag that shows it, its output's own, or what its inner loop follows."""
    loop = config.loops[name]
    shown = {tag.internal: key for key, tag in config.tags.items() if tag.internal}
    if f"loop.{name}.out" in shown:
        return Sources((shown[f"loop.{name}.out"],))
    if loop.to in config.tags:
        return Sources((loop.to, loop.to_low) if loop.to_low else (loop.to,))
    for figure in ("ramped", "sp"):
        if f"loop.{loop.to}.{figure}" in shown:
            return Sources((shown[f"loop.{loop.to}.{figure}"],))
    inner = config.loops[loop.to].pv
    if inner is None:
        raise Unfit(f"no tag shows the output of {name}: add one with internal: loop.{name}.out")
    note = f"no tag shows the output of {name} (internal: loop.{name}.out): {inner} stands for it, {loop.to} is no part of the model"
    return Sources((inner,), note)


def record(config: Config, row: LoopRow, data: Path, start: int, end: int, band: float) -> tuple[Record, tuple[str, ...]]:
    """Pv and output of a loop between two times (UTC ns), in s from the first, and what is to be said of it.

    ``band``: change of the pv below which the history keeps nothing. Raises Unfit.
    """
    pv_tag = config.loops[row.name].pv
    assert pv_tag is not None
    found = sources(config, row.name)
    out = _steps(query(data, found.tags[0], start, end, POINTS))
    if len(found.tags) > 1:
        out = _whole(row, out, _steps(query(data, found.tags[1], start, end, POINTS)))
    pv = [(at, value) for at, value in _steps(query(data, pv_tag, start, end, POINTS)) if at >= start]
    if not out or not pv:
        raise Unfit(f"the history holds no samples of {pv_tag if not pv else ', '.join(found.tags)} in that time")
    begin, until = _longest(out, start, end)
    notes = [found.note] if found.note else []
    if until - begin < 0.999 * (end - max(start, out[0][0])):
        notes.append(f"the output was not known all the time: the longest stretch of {(until - begin) / SECOND:.4g} s was used")
    seen = [((at - start) / SECOND, value) for at, value in pv if begin <= at <= until and math.isfinite(value)]
    every = max(row.period_ns / SECOND, (until - begin) / SECOND / SPACED)
    t, values = held([at for at, _ in seen], [value for _, value in seen], every, band)
    values = [row.straight(value) for value in values] if row.straight is not None else values
    moves = [((at - start) / SECOND, value) for at, value in out if begin <= at <= until and math.isfinite(value)]
    return Record(t=t, pv=values, out_t=[at for at, _ in moves], out=[value for _, value in moves]), tuple(notes)


def last_sample(data: Path, tag: str, start: int, end: int) -> int:
    """UTC ns of the last sample of a tag in a time; 0 where there is none."""
    times = query(data, tag, start, end, POINTS).times
    return times[-1] if times else 0


def tunings(data: Path, name: str) -> Iterator[LoopTuned]:
    """Tunings of a loop that were accepted, in order, as the journal has them."""
    return (stored.entry for stored in read(data) if isinstance(stored.entry, LoopTuned) and stored.entry.loop == name)


def last_experiment(data: Path, name: str) -> tuple[int, int, LoopTuning] | None:
    """When the last experiment of a loop that ended began and ended (UTC ns), and its end."""
    began, found = 0, None
    for stored in read(data):
        if isinstance(stored.entry, LoopTuning) and stored.entry.loop == name:
            if stored.entry.event == "begun":
                began = stored.utc
            elif began:
                found = (began, stored.utc, stored.entry)
    return found


def _steps(series: Series) -> Steps:
    good = [quality & 0xC0000000 == 0 for quality in series.qualities]
    return [(at, value if ok else math.nan) for at, value, ok in zip(series.times, series.values, good, strict=True)]


def _whole(row: LoopRow, high: Steps, low: Steps) -> Steps:
    """Two halves of a split range as the loop's output."""
    h = l = math.nan
    found: Steps = []
    for at, which, value in sorted([(at, 0, v) for at, v in high] + [(at, 1, v) for at, v in low]):
        h, l = (value, l) if which == 0 else (h, value)
        found.append((at, row.whole(h, l)))
    return found


def _longest(out: Steps, start: int, end: int) -> tuple[int, int]:
    """The longest stretch in which the output was known."""
    best, begin = (start, start), None
    for at, value in [*out, (end, math.nan)]:
        if math.isfinite(value):
            begin = at if begin is None else begin
        elif begin is not None:
            best = max(best, (begin, at), key=lambda each: each[1] - each[0])
            begin = None
    return best
