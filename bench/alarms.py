"""What alarms cost: ``python -m bench.alarms``. CPU time of this process, the best of five runs; wall time where a disk is in it.

Said are: evaluating the conditions of the interlocks and of the alarms, what communication says to the alarms, one pass over all
alarms, a whole scan; then a thousand alarms in ten seconds of plant time, each scan with its commit to a journal on the disk.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.config.loading import load
from gateway.control.alarm import AlarmRow
from gateway.control.alarm_list import listed
from gateway.control.image import SECOND, Now
from gateway.control.parts import Parts
from gateway.paths import belfast_config
from gateway.records.journal import Journal
from gateway.records.store import MemoryJournal
from simulators.rehearsal import Rehearsal
from tests.gateway.control.small import FI, Small

THOUSAND = 1000


def main() -> None:
    """Print the figures."""
    rehearsal = Rehearsal(load(belfast_config()), MemoryJournal(), seed=7)
    for _ in range(300):
        rehearsal.step()
    scan, image = rehearsal.plant.scan, rehearsal.plant.image
    parts = scan.parts
    m = len(parts.alarms.items)
    found = parts.alarm_conditions(image.value, image.quality)
    truths, suppressed, stays = found[:m], found[m:2 * m], found[2 * m:]
    print(f"{len(parts.interlocks.items)} interlocks, {m} alarms; CPU time in us")
    print(f"conditions of the interlocks     {best(lambda: parts.conditions(image.value, image.quality)):8.1f}")
    print(f"conditions of the alarms         {best(lambda: parts.alarm_conditions(image.value, image.quality)):8.1f}")
    print(f"what communication says of them  {best(lambda: parts.comms.judge(truths, suppressed, states(parts))):8.1f}")
    print(f"one pass over the alarms         {best(lambda: parts.alarms.update(truths, suppressed, rehearsal.now, stays)):8.1f}")
    print(f"a scan with all of that          {best(stepping(rehearsal)):8.1f}")
    flood()


def states(parts: Parts) -> list[str]:
    """As the scan asks for them."""
    return [item.state for item in parts.alarms.items]


def best(work: Callable[[], object], times: int = 1000) -> float:
    """CPU time of one call in us."""
    runs: list[float] = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(times):
            work()
        runs.append((time.process_time() - began) / times * 1e6)
    return min(runs)


def stepping(rehearsal: Rehearsal) -> Callable[[], object]:
    """Scans a second apart, of a plant whose values stay fresh."""
    image, now = rehearsal.plant.image, [rehearsal.now]

    def step() -> None:
        now[0] = Now(now[0].mono + SECOND, now[0].utc + SECOND)
        image.seen[:] = [now[0].mono] * len(image.seen)
        rehearsal.plant.scan.run(now[0], 0)

    step()
    return step


def flood() -> None:
    """A value that passes a thousand limits in ten seconds of plant time; each scan is committed to the disk before the next."""
    rows = [(AlarmRow(name=f"above_{k:03d}", unit="R-1", priority="low", group=f"g{k % 50}"), f"V[{FI}] > {k}.0") for k in range(THOUSAND)]
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal.open(Path(folder))
        plant = Small(alarms=rows).started()
        plant.journal = journal  # type: ignore[assignment]
        plant._durable = [journal.head.seq] * 2
        took: list[tuple[float, int]] = []
        for k in range(1, 25):
            plant.show(FI, 50.0 * k)
            began = time.perf_counter()
            entries = plant.run()
            took.append(((time.perf_counter() - began) * 1e3, len(entries)))
        seq = journal.head.seq
        journal.close()
    items = plant.parts.alarms.items
    listing = best(lambda: msgspec.msgpack.encode(listed(items, lambda item: "", fold=False)), 20)
    folding = best(lambda: msgspec.msgpack.encode(listed(items, lambda item: "", fold=True)), 20)
    size = len(msgspec.msgpack.encode(listed(items, lambda item: "", fold=False)))
    told = [ms for ms, count in took if count]
    print(f"{THOUSAND} alarms in 10 s: {seq} entries durable; scan and commit of about 100: "
          f"median {statistics.median(told):.1f} ms, longest {max(told):.1f} ms (wall)")
    print(f"their list: {listing / 1e3:.1f} ms whole ({size} bytes), {folding / 1e3:.1f} ms folded (CPU)")


if __name__ == "__main__":
    main()
