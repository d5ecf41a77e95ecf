"""checks and calibrate: what is due on instruments and interlocks, and writing down what they showed.

    lagan checks --due
    lagan calibrate R-101.ph --reference 4.00,7.00,25 --as-found 4.05,7.02 --certificate "buffers 2291, 2304" --why weekly

What was applied and shown is given; figures and verdict come from the plant process.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from gateway.client import Client, Refused
from gateway.commands.asking import answered
from gateway.commands.plant import SOCKET

LOOK_S, PATIENCE_S = 0.1, 5.0                   # a record acts in the scan after it is durable
MARKS = {"valid": "", "due_soon": "yellow", "overdue": "bold red", "failed": "bold red", "never": "red", "future": "bold red"}


class Wrong(Exception):
    """What was given cannot be understood; nothing was sent."""


def checks(given: argparse.Namespace) -> int:
    """List every check: last, result, due, what it blocks."""

    async def talk() -> int:
        async with Client(given.data / SOCKET, given.who) as plant:
            body = await plant.ask("checks")
        rows = [row for row in body["checks"] if not given.due or row["state"] != "valid"]
        if given.json:
            print(msgspec.json.encode({**body, "checks": rows}).decode())
        else:
            show(rows, Console())
        return 0

    return _code(given, talk())


def calibrate(given: argparse.Namespace) -> int:
    """Write down one check, or all that a file holds; 0 only when each passed."""

    async def talk() -> int:
        async with Client(given.data / SOCKET, given.who) as plant:
            known = {row["check"]: row for row in (await plant.ask("checks"))["checks"]}
            passed = [await _one(plant, known, name, arguments, given) for name, arguments in _wanted(given, known)]
        return 0 if all(passed) else 1

    try:
        return _code(given, talk())
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        return 2


def _code(given: argparse.Namespace, talk: Coroutine[Any, Any, int]) -> int:
    code = answered(given, talk)
    return 1 if code is None else code


async def _one(plant: Client, known: dict[str, Any], name: str, arguments: dict[str, Any], given: argparse.Namespace) -> bool:
    last = known.get(name, {}).get("last")
    key = f"{given.key}/{name}" if given.key and given.file else given.key
    await plant.do("check.record", name, why=given.why, key=key, **arguments)
    row = await _settled(plant, name, last)
    print(f"{name}: {verdict(row)}")
    return not row["last"]["faults"]


async def _settled(plant: Client, name: str, before: Any) -> dict[str, Any]:
    """The check as it stands with its new record, which acts in the scan after it was durable."""
    for _ in range(round(PATIENCE_S / LOOK_S)):
        row: dict[str, Any] = next(row for row in (await plant.ask("checks"))["checks"] if row["check"] == name)
        if row["last"] is not None and row["last"] != before:
            return row
        await asyncio.sleep(LOOK_S)
    raise Refused(f"{name}: in the journal, but not in force after {PATIENCE_S:g} s; see lagan checks")


def verdict(row: dict[str, Any]) -> str:
    """What came of a record, in a line."""
    last = row["last"]
    shown = ", ".join(f"{key} {value:g}" for key, value in (last["left"] or last["found"]).items())
    if last["faults"]:
        return f"FAILED, record {last['number']}: {'; '.join(last['faults'])} ({shown})"
    found = f"; found wrong before: {'; '.join(last['found_faults'])}" if last["found_faults"] else ""
    return f"passed, record {last['number']}: {shown}; due {_day(row['due_utc_ns'])}{found}"


def _wanted(given: argparse.Namespace, known: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The checks to write down with the arguments of each command."""
    if given.file is not None:
        return _from_file(given.file)
    if given.check is None or given.as_found is None:
        raise Wrong("a check with --as-found, or --from FILE")
    needs = known.get(given.check, {}).get("needs", {"reference": [], "as_found": []})
    texts = {"reference": (given.reference, "reference"), "as_found": (given.as_found, "as_found"), "as_left": (given.as_left, "as_found")}
    arguments: dict[str, Any] = {key: readings(text, needs[names], key) for key, (text, names) in texts.items() if text}
    arguments |= {"certificate": given.certificate, "method": given.method}
    return [(given.check, arguments | ({"corrects": given.corrects} if given.corrects else {}))]


def _from_file(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Records of a documenting calibrator, or of the people around a simulated line: JSON, a list of objects or one with ``checks``."""
    try:
        content = msgspec.json.decode(path.read_bytes())
        rows = content["checks"] if isinstance(content, dict) else content
        return [(str(row["check"]), {key: value for key, value in row.items() if key != "check"}) for row in rows]
    except (OSError, msgspec.MsgspecError, KeyError, TypeError, AttributeError) as error:
        raise Wrong(f"{path}: no list of checks: {error}") from None


def readings(text: str, names: list[str], what: str) -> dict[str, float]:
    """``4.05,7.02`` by the names that the check wants, in their order, or ``mv_1=-173,mv_2=2``."""
    parts = [part.strip() for part in text.split(",")]
    named = [part.partition("=") for part in parts]
    try:
        if all(equals for _, equals, _ in named):
            return {name.strip(): float(value) for name, _, value in named}
        if any(equals for _, equals, _ in named) or (names and len(parts) != len(names)):
            raise Wrong(f"--{what.replace('_', '-')} {text}: {', '.join(names) or 'nothing'} wanted, in this order, or all as NAME=VALUE")
        return dict(zip(names or [f"value_{k}" for k in range(len(parts))], map(float, parts), strict=True))
    except ValueError as error:
        raise Wrong(f"--{what.replace('_', '-')} {text}: {error}") from None


def show(rows: list[dict[str, Any]], console: Console) -> None:
    """A table of checks, what wants somebody first."""
    if not rows:
        console.print("nothing is due")
        return
    table = Table("check", "of", "state", "last", "due", "blocks", "last figures")
    for row in sorted(rows, key=lambda row: list(MARKS)[::-1].index(row["state"])):
        last = row["last"]
        shown = ", ".join(f"{key} {value:g}" for key, value in ((last["left"] or last["found"]) if last else {}).items())
        blocks = f"{row['blocks']}{' of ' + ', '.join(row['feeds']) if row['feeds'] else ''}"
        state = f"[{MARKS[row['state']]}]{row['state']}[/]" if MARKS[row["state"]] else row["state"]
        done = f"{_day(last['at_utc'])} {last['who']}" if last else "never"
        table.add_row(row["check"], row["of"], state, done, _day(row["due_utc_ns"]), blocks, shown)
    console.print(table)


def _day(utc: int | None) -> str:
    return datetime.fromtimestamp(utc / 1e9, UTC).strftime("%Y-%m-%d %H:%M") if utc else "-"
