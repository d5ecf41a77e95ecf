"""Commands and questions to the running plant process, over its socket in the data directory."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

import msgspec
from rich.console import Console

from gateway.client import Client, Refused
from gateway.commands.links import plan_of, show_links
from gateway.commands.loops import show_loops
from gateway.commands.plant import SOCKET
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


_SHOWN = {"status": show_status, "links": show_links, "loops": show_loops}


def _do(given: argparse.Namespace, verb: str, target: str, **arguments: Any) -> int:
    async def talk() -> None:
        async with Client(given.data / SOCKET, given.who) as plant:
            await plant.do(verb, target, why=given.why, key=given.key, **arguments)

    return _talk(given, talk, f"{verb} {target}: in the journal")


def _ask(given: argparse.Namespace, what: str, target: str) -> int:
    async def talk() -> None:
        async with Client(given.data / SOCKET, given.who) as plant:
            body = await plant.ask(what, target)
        if given.json:
            print(msgspec.json.encode(body).decode())
            return
        if getattr(given, "plan", None):
            try:
                print(plan_of(body, given.plan), end="")
            except KeyError:
                raise Refused(f"no device {given.plan!r}") from None
            return
        if what in _SHOWN:
            _SHOWN[what](body, Console())
            return
        width = max(len(key) for key in body)
        for key, value in body.items():
            print(f"{key:{width}}  {_plain(value)}")

    return _talk(given, talk, "")


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_plain(v) for v in value) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{k}: {_plain(v)}" for k, v in value.items()) or "-"
    return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _talk(given: argparse.Namespace, talk: Any, done: str) -> int:
    try:
        asyncio.run(talk())
    except Refused as refused:
        print(f"refused: {refused}", file=sys.stderr)
        return 1
    except (FileNotFoundError, ConnectionError) as error:
        print(f"no plant process at {given.data / SOCKET}: {error}", file=sys.stderr)
        return 1
    if done:
        print(done)
    return 0
