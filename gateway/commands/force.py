"""Force a reading or hold an output, end that, and list what is forced and bypassed."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from gateway.client import Client
from gateway.commands.asking import answered
from gateway.commands.plant import SOCKET
from gateway.control.foresee import sentence


def run(given: argparse.Namespace) -> int:
    """``lagan force TAG VALUE``, ``lagan force --end TAG`` or ``lagan force``."""
    if given.end is None and given.tag is not None and given.value is None:
        print(f"lagan force {given.tag}: which value? (to end it: lagan force --end {given.tag})", file=sys.stderr)
        return 2
    if given.end is not None and given.tag is not None:
        print("lagan force: a tag to force, or --end with one, not both", file=sys.stderr)
        return 2
    code = answered(given, _talk(given))
    return 1 if code is None else code


async def _talk(given: argparse.Namespace) -> int:
    async with Client(given.data / SOCKET, given.who) as plant:
        if given.end is not None:
            await plant.do("force.end", given.end, why=given.why, key=given.key)
            print(f"{given.end} is no longer forced: in the journal")
        elif given.tag is not None:
            body = await plant.do("force.set", given.tag, why=given.why, key=given.key, value=given.value, minutes=given.minutes)
            if given.json:
                print(msgspec.json.encode({"tag": given.tag, "value": given.value, "effect": body}).decode())
                return 0
            print(f"{given.tag} is forced to {given.value:g} for {given.minutes:g} min: in the journal")
            print(sentence(body).replace("; ", "\n"))
        else:
            show(await plant.ask("suspended"), Console(), given.json)
    return 0


def show(body: dict[str, Any], console: Console, as_json: bool = False) -> None:
    """What is forced and bypassed, as the door tells it."""
    if as_json:
        print(msgspec.json.encode(body).decode())
        return
    if not body["forces"] and not body["bypasses"]:
        console.print("nothing is forced and no interlock is bypassed")
    if body["forces"]:
        console.print(_forces(body["forces"]))
    if body["bypasses"]:
        console.print(_bypasses(body["bypasses"]))


def _forces(forces: dict[str, dict[str, Any]]) -> Table:
    table = _table("Forced", "tag", "unit", "forced to", "measured", "left", "by", "why")
    for tag, each in forces.items():
        measured = "held output" if each["output"] else f"{each['measured']:.4g} {each['measured_quality']}"
        table.add_row(tag, each["unit"], f"{each['to']:g}", measured, _minutes(each["left_s"]), each["by"], each["why"])
    return table


def _bypasses(bypasses: dict[str, dict[str, Any]]) -> Table:
    table = _table("Bypassed", "interlock", "left", "until", "by", "why")
    for row, each in bypasses.items():
        table.add_row(row, _minutes(each["left_s"]), each["until_utc"], each["by"], each["why"])
    return table


def _table(title: str, *heads: str) -> Table:
    table = Table(title=title, title_justify="left")
    for head in heads:
        table.add_column(head, overflow="fold")
    return table


def _minutes(seconds: int) -> str:
    return f"{seconds // 60} min {seconds % 60:02d} s"
