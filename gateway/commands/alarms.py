"""The list of alarms, what people do with alarms, and how well the alarms do: ``lagan alarms``, ``lagan alarm``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from gateway.client import Client, Refused
from gateway.commands.plant import SOCKET

UNSEEN = ("UNACK", "RTNUN", "LATCHED")
TRIPS = 8                                       # named above the list, those that came first before the others


def show(given: argparse.Namespace) -> int:
    """Print the list, or with ``--kpi`` the figures of a time from the journal."""
    if given.kpi:
        from gateway.commands.alarm_kpi import figures

        return figures(given)
    return _talk(given, _show(given))


def alarm(given: argparse.Namespace) -> int:
    """ack, reset, shelve, unshelve, disable, enable; ack also of several, or of all that a unit shows."""
    if given.unit is not None and (given.verb != "ack" or given.target):
        print("--unit goes with ack, and without names of alarms", file=sys.stderr)
        return 2
    if given.unit is None and not given.target:
        print(f"which alarm? lagan alarm {given.verb} NAME", file=sys.stderr)
        return 2
    if given.verb == "ack" and (given.unit is not None or len(given.target) > 1):
        return _talk(given, _acknowledge(given))
    return _talk(given, _each(given))


async def _show(given: argparse.Namespace) -> int:
    async with Client(given.data / SOCKET, given.who) as plant:
        told = await plant.ask("alarms", given.unit or "")
    if given.json:
        print(msgspec.json.encode(told).decode())
    else:
        show_alarms(told, Console())
    return 0


async def _each(given: argparse.Namespace) -> int:
    wrong = 0
    async with Client(given.data / SOCKET, given.who) as plant:
        for name in given.target:
            try:
                await plant.do(f"alarm.{given.verb}", name, why=given.why, key=_key(given, name), minutes=given.minutes)
                print(f"alarm.{given.verb} {name}: in the journal")
            except Refused as refused:
                print(f"refused: {refused}", file=sys.stderr)
                wrong = 1
    return wrong


async def _acknowledge(given: argparse.Namespace) -> int:
    """One command for all of them, each in the state that the list shows now: what changes meanwhile is left alone."""
    async with Client(given.data / SOCKET, given.who) as plant:
        shown = (await plant.ask("alarms", given.unit or ""))["states"]
        wanted = {name: shown.get(name, "NORM") for name in given.target} or {n: state for n, state in shown.items() if state in UNSEEN}
        if not wanted:
            print(f"nothing to acknowledge{' on ' + given.unit if given.unit else ''}")
            return 0
        await plant.do("alarm.ack", given.unit or "several", why=given.why, key=given.key, alarms=wanted)
        after = (await plant.ask("alarms", given.unit or ""))["states"]
    left = [name for name in wanted if after.get(name) in UNSEEN]
    print(f"{len(wanted) - len(left)} of {len(wanted)} acknowledged: in the journal")
    if left:
        print(f"not acknowledged: {', '.join(left)}", file=sys.stderr)
    return 1 if left else 0


def _key(given: argparse.Namespace, name: str) -> str:
    return given.key if len(given.target) == 1 or not given.key else f"{given.key}/{name}"


def _talk(given: argparse.Namespace, talk: Any) -> int:
    try:
        return asyncio.run(talk)
    except Refused as refused:
        print(f"refused: {refused}", file=sys.stderr)
    except (FileNotFoundError, ConnectionError) as error:
        print(f"no plant process at {given.data / SOCKET}: {error}", file=sys.stderr)
    return 1


# --- the list for a person -------------------------------------------------------------------------------------------
def show_alarms(told: dict[str, Any], console: Console) -> None:
    """Print the list as the door gives it: what waits for somebody, then what is kept aside."""
    flood = told["flood"]
    if flood["active"]:
        hidden = sum(len(line["others"]) for line in told["alarms"])
        console.print(f"FLOOD since {clock(flood['since_utc'])}: {flood['in_10_min']} alarms in 10 min, {flood['total']} so far; "
                      f"{hidden} medium and low ones are folded", soft_wrap=True)
    if told["trips"]:
        more = len(told["trips"]) - TRIPS
        console.print(f"trips: {', '.join(told['trips'][:TRIPS])}{f' and {more} more: lagan status' if more > 0 else ''}", soft_wrap=True)
    if told["alarms"]:
        table = Table(box=None, pad_edge=False)
        for heading in ("since", "priority", "state", "alarm", "first", "what to do"):
            table.add_column(heading, no_wrap=heading != "what to do")
        for line in told["alarms"]:
            table.add_row(clock(line["since_utc"]), line["priority"], line["state"], _named(line), "1st" if line["first_out"] else "",
                          f"{line['action']} ({line['response_min']:g} min){': ' + line['says'] if line['says'] else ''}")
        wide = Console(file=console.file, width=max(console.width, min(console.measure(table).maximum, 200)))
        wide.print(table)
    else:
        console.print("no alarm")
    if told["left_out"]:
        console.print(f"and {told['left_out']} more lines")
    for what, key in (("shelved", "shelved"), ("out of service", "out_of_service")):
        for line in told[key]:
            until = f" until {clock(line['until_utc'])}" if line["until_utc"] else f" since {clock(line['asked_utc'])}"
            console.print(f"{what}: {line['alarm']} ({line['priority']}){until}, {line['who']}: {line['why']}", soft_wrap=True)
    if told["suppressed"]:
        console.print(f"suppressed by design: {', '.join(told['suppressed'])}", soft_wrap=True)


def _named(line: dict[str, Any]) -> str:
    others = len(line["others"])
    return line["alarm"] + (f" and {others} more of {' '.join(filter(None, (line['unit'], line['group'])))}" if others else "")


def clock(utc_ns: int) -> str:
    """A moment as a person reads it, UTC."""
    return datetime.fromtimestamp(utc_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S") if utc_ns else "-"
