"""Cost of a scan and lateness of a tick.

    python -m bench.scan                        # the cost alone
    python -m bench.scan --ticks 10000          # and four runs of lateness: 10 ms and 100 ms, idle and with the links at half a core
    python -m bench.scan --ticks 10000 --period 10
    python -m bench.scan --ticks 10000 --docs   # and writes docs/reference/scan-bench.md

Cost: CPU time of the thread, so that other work on the machine counts little. Lateness is wall time by nature: the C loop that runs
beside it in the same seconds tells what the machine itself allows. Unprivileged: no real-time class, no locked memory.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from bench.scan.lateness import Lateness, measure
from bench.scan.plants import Plant, cost

SIZES = (150, 2000)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "scan-bench.md"
HEAD = """# What a scan costs, and how late it begins

Written by `python -m bench.scan --ticks 10000 --period 10 --docs` (without `--period` also for a tick of 100 ms, half an hour more). Cost
is CPU time of the thread: readings of every tag are new, every loop (PID with derivative and filter) runs in every scan, half of the
conditions are interlocks and half alarms, all in every scan. Goals: 2,000 tags with 200 loops and 500 conditions in at most 2
ms; the 99th of a hundred ticks at most 0.8 ms late, without privileges.

Lateness is wall time: how long after the grid the scan began, in the event loop of `lagan run` that holds a plant of 150 tags, with the
links idle or with fifty Modbus connections that take half of a core. The loop is woken early, by a hundredth of the period and a
millisecond at most, and waits for the grid awake; the C loop of `clock_nanosleep`, which runs beside it in the same seconds on the other
core, is not: what it shows is what the machine takes to wake a core."""


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.scan")
    parser.add_argument("--ticks", type=int, default=0, help="of each lateness run (10,000 for a figure that may be told)")
    parser.add_argument("--period", type=float, action="append", choices=[10.0, 100.0], help="ms (default: both)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--docs", action="store_true", help="write the page")
    given = parser.parse_args()
    costs = [cost(tags) for tags in SIZES]
    runs = [measure(period, given.ticks, loaded) for period in given.period or (10.0, 100.0) for loaded in (False, True) if given.ticks]
    if given.json:
        told = [{"tags": p.tags, "loops": p.loops, "conditions": p.conditions, "mean_us": mean, "p50_us": took[len(took) // 2] / 1e3,
                 "p99_us": took[int(len(took) * 0.99)] / 1e3} for p, took, mean in costs]
        print(msgspec.json.encode({"cost": told, "lateness": runs}).decode())
        return
    text = page(costs, runs)
    print(text)
    if given.docs:
        PAGE.write_text(HEAD + "\n\n" + text + "\n")


def page(costs: list[tuple[Plant, list[int], float]], runs: list[Lateness]) -> str:
    """The tables."""
    lines = ["| tags | loops | conditions | a scan, CPU: mean | p50 | p99 | a tag |", "|---|---|---|---|---|---|---|"]
    for p, took, mean in costs:
        p50, p99 = took[len(took) // 2] / 1e6, took[int(len(took) * 0.99)] / 1e6
        times = f"{mean / 1e3:.3f} ms | {p50:.3f} ms | {p99:.3f} ms | {mean / p.tags:.2f} us"
        lines.append(f"| {p.tags:,} | {p.loops} | {p.conditions} | {times} |")
    if runs:
        lines += ["", "| tick | links | ticks | missed | p50 | p99 | p99.9 | worst | C beside: p50 | p99 | p99.9 | worst |",
                  "|---|---|---|---|---|---|---|---|---|---|---|---|", *map(_row, runs)]
    return "\n".join(lines)


def _row(r: Lateness) -> str:
    links = f"{100 * r.links_core:.0f} % of a core" if r.loaded else "idle"
    ours = " | ".join(f"{x / 1000:.3f} ms" for x in (r.p50, r.p99, r.p999, r.worst))
    floor = " | ".join(f"{x / 1000:.3f} ms" for x in (r.c_p50, r.c_p99, r.c_p999, r.c_worst))
    return f"| {r.period_ms:g} ms | {links} | {r.ticks:,} | {r.missed} | {ours} | {floor} |"


main()
