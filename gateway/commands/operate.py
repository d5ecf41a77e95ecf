"""Commands and questions to the running plant process, over its socket in the data directory."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import msgspec
from rich.console import Console

from gateway.client import Client
from gateway.commands.asking import answered
from gateway.commands.links import plan_of, show_links
from gateway.commands.loops import show_loops
from gateway.commands.plant import SOCKET
from gateway.commands.reasons import show_explain
from gateway.commands.standing import show_status


def start(given: argparse.Namespace) -> int:
    """Start a batch."""
    formula: dict[str, float] = {}
    for item in given.set:
        name, _, value = item.partition("=")
        try:
            formula[name] = float(value)
        except ValueError:
            print(f"--set {item}: {value!r} is no number; write NAME=VALUE", file=sys.stderr)
            return 2
    return _do(given, "batch.start", given.batch, recipe=given.recipe, lot=given.lot, unit=given.unit, formula=formula)


def batch(given: argparse.Namespace) -> int:
    """hold, restart, stop, abort."""
    return _do(given, f"batch.{given.verb}", given.batch)


def answer(given: argparse.Namespace) -> int:
    """Answer a prompt."""
    return _do(given, "prompt.answer", f"{given.batch}/{given.prompt}", answer=given.answer)


def interlock(given: argparse.Namespace) -> int:
    """reset, bypass, unbypass."""
    return _do(given, f"interlock.{given.verb}", given.target, minutes=given.minutes)


def loop(given: argparse.Namespace) -> int:
    """Mode, setpoint, output of a loop."""
    arguments = {k: v for k, v in (("sp", given.sp), ("out", given.out)) if v is not None}
    return _do(given, "loop.set", given.target, mode=given.mode, **arguments)


def output(given: argparse.Namespace) -> int:
    """An output by hand."""
    return _do(given, "output.set", given.target, value=given.value)


def explain(given: argparse.Namespace) -> int:
    """Print what is known of a tag."""
    return _ask(given, "explain", given.tag)


def status(given: argparse.Namespace) -> int:
    """Print what the plant process is doing."""
    return _ask(given, "status", "")


def links(given: argparse.Namespace) -> int:
    """Print how every link and device does, or the plan of one device."""
    return _ask(given, "links", "")


def loops(given: argparse.Namespace) -> int:
    """Print how every loop does."""
    return _ask(given, "loops", "")


_SHOWN = {"status": show_status, "links": show_links, "loops": show_loops, "explain": show_explain}


def _do(given: argparse.Namespace, verb: str, target: str, **arguments: Any) -> int:
    async def talk() -> str:
        async with Client(given.data / SOCKET, given.who) as plant:
            body = await plant.do(verb, target, why=given.why, key=given.key, **arguments)
        loops = ", ".join(body.get("manual", ()))
        left = f"\nin MANUAL where the trip has put them, until a batch or a person sets them: {loops}" if loops else ""
        return f"{verb} {target}: in the journal{left}"

    done = answered(given, talk())
    if done is None:
        return 1
    print(done)
    return 0


def _ask(given: argparse.Namespace, what: str, target: str) -> int:
    async def talk() -> dict[str, Any]:
        async with Client(given.data / SOCKET, given.who) as plant:
            return await plant.ask(what, target)

    body = answered(given, talk())
    if body is None:
        return 1
    if given.json:
        print(msgspec.json.encode(body).decode())
    elif getattr(given, "plan", None):
        return _plan(body, given.plan)
    else:
        _SHOWN[what](body, Console())
    return 0


def _plan(body: dict[str, Any], device: str) -> int:
    try:
        print(plan_of(body, device), end="")
    except KeyError:
        print(f"refused: no device {device!r}", file=sys.stderr)
        return 1
    return 0
