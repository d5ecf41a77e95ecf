"""How every link and device does, for a person at a terminal: one row a device, then what went wrong last, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from gateway.config.instrument import as_yaml


def show_links(told: dict[str, Any], console: Console) -> None:
    """Print the links as the door tells them."""
    table = Table(box=None, pad_edge=False)
    for heading in ("link", "kind", "device", "state", "NE 107"):
        table.add_column(heading, no_wrap=True)
    for heading in ("answers", "mean ms", "99 % ms", "none", "refused", "wrong", "late", "surplus", "blocks"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, link in told["links"].items():
        for device, each in link["devices"].items():
            table.add_row(name, link["kind"], device, each["state"], each["ne107"], *_figures(each, told["edges_ms"]))
            name, link = "", {**link, "kind": ""}
    wide = Console(file=console.file, width=max(console.width, console.measure(table).maximum))        # a name is never cut off
    wide.print(table)
    for link in told["links"].values():
        for words in link["standing"].values():
            console.print(f"{words} (now)", soft_wrap=True)         # begins with the link's name and place
        for device, each in link["devices"].items():
            for words in each["complaints"].values():
                console.print(f"{device}: {words} (now)", soft_wrap=True)
            if each["last_error"]:
                at = datetime.fromtimestamp(each["last_error_ns"] / 1e9, UTC).strftime("%H:%M:%S")
                console.print(f"{device}: {each['last_error']} (last, {at} UTC)", soft_wrap=True)


def plan_of(told: dict[str, Any], device: str) -> str:
    """What a device is asked for now, as YAML: every block with its points, those it refused marked. Raises KeyError."""
    plan = {name: each["plan"] for link in told["links"].values() for name, each in link["devices"].items()}[device]
    at = datetime.fromtimestamp(told["utc_ns"] / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    asked = [{"asked": block["what"], "points": block["points"], **({"refused": True} if block["refused"] else {})} for block in plan]
    return as_yaml({"device": device, "at": at, "plan": asked})


def _figures(each: dict[str, Any], edges: list[int]) -> list[str]:
    counts = [each[key] for key in ("answered", "timeouts", "exceptions", "malformed", "late", "surplus")]
    answered, *rest = map(str, counts)
    refused = sum(asked["refused"] for asked in each["plan"])
    blocks = f"{len(each['plan'])}" + (f" ({refused} refused)" if refused else "")
    return [answered, f"{1000 * each['answer_s']:.1f}", share(each["answers"], edges, 0.99), *rest, blocks]


def share(answers: list[int], edges: list[int], part: float) -> str:
    """The edge under which that part of the answers came: "<= 20", or "> 1000"; "-" before the first answer."""
    wanted, total = part * sum(answers), 0
    if not wanted:
        return "-"
    for count, edge in zip(answers, edges, strict=False):
        total += count
        if total >= wanted:
            return f"<= {edge}"
    return f"> {edges[-1]}"
