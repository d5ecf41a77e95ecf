"""What a request, a tag and a notification cost in CPU: our links beside other clients, against the same server, in one run.

    python -m bench.links [--rounds 3] [--seconds 1.0] [--node-red] [--docs]

Each program under test runs in a process of its own on core 1, the server on core 0; the programs take turns, and the median
of the rounds counts. Saturated: always a request out on every connection. Paced: all devices on one tick, as a scan polls
them. ``--node-red`` measures Node-RED itself too, paced (it takes its time to start). ``--docs`` writes the tables and the drawing to
docs/reference. What cannot be had on this machine is left out and said.
Trust the ratios: absolute figures move with the machine.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.links import report
from bench.links.modbus import PORT, RTU_PORT, VALUES
from bench.links.programs import BUILD, Missing, Server, compiled, node, python, run

CONNECTIONS = (1, 10, 50, 200)
PACES = {"50 devices each 100 ms": (50, 100), "400 devices each 1 s": (400, 1000)}
MODBUS_SERIAL = "modbus-serial@8.0.25"
NODE_RED = ("node-red@5.0.7", "node-red-contrib-modbus@5.23.3")         # the last one that npm alone can install
PACED_SPANS = 4                 # a paced measurement lasts so many times a saturated one
Found = dict[str, dict[str, Any]]


def middle(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Medians: CPU per request and per tag in us, requests per s of CPU, and what was done per s of wall time."""
    us = statistics.median(1e6 * each["cpu_s"] / each["requests"] for each in runs)
    done = statistics.median(each["requests"] / each["wall_s"] for each in runs)
    return {"us": us, "us_per_tag": us / VALUES, "done_per_s": done, "tags_per_core_s": VALUES * 1e6 / us,
            "lowest_us": min(1e6 * each["cpu_s"] / each["requests"] for each in runs)}


def turns(commands: Mapping[str, Sequence[str]], rounds: int) -> Found:
    """Every program in turn, so many times."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            runs[name].append(run(command))
    return {name: middle(each) for name, each in runs.items()}


def modbus(rounds: int, seconds: float, node_red: bool) -> tuple[dict[str, Found], dict[str, Found], list[str]]:
    """Saturated by connections, paced by load, and what was left out."""
    left_out: list[str] = []
    others: dict[str, list[str]] = {}
    makes: dict[str, Callable[[], list[str]]] = {
        "libmodbus": lambda: [compiled("libmodbus", "-lmodbus")], "modbus-serial": lambda: node("modbus_serial.cjs", MODBUS_SERIAL)}
    if node_red:
        makes["node-red"] = lambda: node("nodered.cjs", *NODE_RED)
    for name, make in makes.items():
        try:
            others[name] = [*make(), str(PORT)]
        except Missing as why:
            left_out.append(f"{name}: {why}")

    def command(name: str, connections: int, span_s: float, period_ms: int) -> list[str]:
        if name.startswith("libmodbus"):
            way = "pingpong" if name.endswith("in turn") else "burst"
            return [*others["libmodbus"], way, str(connections), str(span_s), str(period_ms)]
        if name in others:
            return [*others[name], str(connections), str(span_s), str(period_ms)]
        return python("bench.links.modbus", name, connections, span_s, period_ms)

    known = ["libmodbus", "bare", "ours", "modbus-serial", "pymodbus"]
    names = [name for name in known if name in others or name in ("bare", "ours", "pymodbus")]
    in_turn = ["libmodbus in turn"] if "libmodbus" in others else []
    with Server([compiled("server"), str(PORT), str(RTU_PORT)]):
        saturated = {str(n): turns({name: command(name, n, seconds, 0) for name in [*in_turn, *names, "rtu"]}, rounds)
                     for n in CONNECTIONS}
        names += ["node-red"] if "node-red" in others else []
        paced = {load: turns({name: command(name, n, PACED_SPANS * seconds, ms) for name in names}, rounds)
                 for load, (n, ms) in PACES.items()}
    return saturated, paced, left_out


def opcua(rounds: int, seconds: float) -> Found:
    """Per notification."""
    with Server(python("bench.links.opcua", "serve")):
        return turns({name: python("bench.links.opcua", name, PACED_SPANS * seconds) for name in ("ours", "asyncua")}, rounds)


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--node-red", action="store_true")
    parser.add_argument("--docs", action="store_true")
    chosen = parser.parse_args()
    saturated, paced, left_out = modbus(chosen.rounds, chosen.seconds, chosen.node_red)
    found = {
        "saturated": saturated, "paced": paced, "opcua": opcua(chosen.rounds, chosen.seconds), "rounds": chosen.rounds,
        "left_out": left_out, "python": platform.python_version(), "pymodbus": version("pymodbus"), "asyncua": version("asyncua"),
    }
    for each in left_out:
        print(f"left out: {each}")
    print(report.tables(found))
    where = Path(__file__).resolve().parents[2] / "docs" / "reference" if chosen.docs else BUILD
    where.mkdir(parents=True, exist_ok=True)
    (where / "links-bench.svg").write_text(report.drawing(found), encoding="utf-8")
    if chosen.docs:
        report.into(where / "links-bench.md", report.tables(found))
    (BUILD / "links-bench.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
