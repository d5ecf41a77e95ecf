"""The list of alarms, what people do with alarms, and how well the alarms do: ``lagan alarms``, ``lagan alarm``."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console

from gateway.client import Client, Refused
from gateway.commands.asking import answered
from gateway.commands.plant import SOCKET

UNSEEN = ("UNACK", "RTNUN", "LATCHED")
AT_ONCE = 500                                   # acknowledged by one command: what it says is kept in the journal
TRIPS = 8                                       # named above the list, those that came first before the others


def show(given: argparse.Namespace) -> int:
    """Print the list, or with ``--kpi`` the figures of a time from the journal."""
    if given.kpi:
        from gateway.commands.alarm_kpi import figures

        return figures(given)
    told = answered(given, _ask(given))
    if told is None:
        return 1
    if given.json:
        print(msgspec.json.encode(told).decode())
    else:
        show_alarms(told, Console())
    return 0


def alarm(given: argparse.Namespace) -> int:
    """ack, reset, shelve, unshelve, disable, enable; ack also of several, or of all that a unit shows."""
    if given.unit is not None and (given.verb != "ack" or given.target):
        print("--unit goes with ack, and without names of alarms", file=sys.stderr)
        return 2
    if given.unit is None and not given.target:
        print(f"which alarm? lagan alarm {given.verb} NAME", file=sys.stderr)
        return 2
    several = given.verb == "ack" and (given.unit is not None or len(given.target) > 1)
    did = answered(given, _acknowledge(given) if several else _each(given))
    if did is None:
        return 1
    done, refused = did
    for line in done:
        print(line)
    for line in refused:
        print(line, file=sys.stderr)
    return 1 if refused else 0


Did = tuple[list[str], list[str]]               # what was done, what was not


async def _ask(given: argparse.Namespace) -> dict[str, Any]:
    async with Client(given.data / SOCKET, given.who) as plant:
        return await plant.ask("alarms", given.unit or "")


async def _each(given: argparse.Namespace) -> Did:
    done: list[str] = []
    refused: list[str] = []
    async with Client(given.data / SOCKET, given.who) as plant:
        for name in given.target:
            try:
                await plant.do(f"alarm.{given.verb}", name, why=given.why, key=_key(given, name), minutes=given.minutes)
                done.append(f"alarm.{given.verb} {name}: in the journal")
            except Refused as why:
                refused.append(f"refused: {why}")
    return done, refused


async def _acknowledge(given: argparse.Namespace) -> Did:
    """All of them in one command, each in the state that the list shows now: what changes meanwhile is left alone."""
    refused: list[str] = []
    async with Client(given.data / SOCKET, given.who) as plant:
        shown = (await plant.ask("alarms", given.unit or ""))["states"]
        wanted = {name: shown.get(name, "NORM") for name in given.target} or {n: state for n, state in shown.items() if state in UNSEEN}
        if not wanted:
            return [f"nothing to acknowledge{' on ' + given.unit if given.unit else ''}"], []
        names = list(wanted)
        for k in range(0, len(names), AT_ONCE):
            some = {name: wanted[name] for name in names[k:k + AT_ONCE]}
            key = f"{given.key}/{k}" if given.key else ""
            try:
                await plant.do("alarm.ack", given.unit or "several", why=given.why, key=key, alarms=some)
            except Refused as why:              # none of these is as it was seen
                refused.append(f"refused: {why}")
        after = (await plant.ask("alarms", given.unit or ""))["states"]
    left = [name for name, seen in wanted.items() if after.get(name) in UNSEEN or seen not in UNSEEN]
    done = f"{len(wanted) - len(left)} of {len(wanted)} acknowledged: in the journal"
    return [done], refused + ([f"not acknowledged: {', '.join(left)}"] if left else [])


def _key(given: argparse.Namespace, name: str) -> str:
    return given.key if len(given.target) == 1 or not given.key else f"{given.key}/{name}"


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
    for line in told["alarms"]:
        first = "  FIRST-OUT" if line["first_out"] else ""
        console.print(f"{clock(line['since_utc'])}  {line['priority']:8}  {line['state']:13}  {_named(line)}{first}", soft_wrap=True)
        if line["says"]:
            console.print(f"    now: {line['says']}", soft_wrap=True)
        console.print(f"    do:  {line['action']} (within {line['response_min']:g} min)", soft_wrap=True)
    if not told["alarms"]:
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
