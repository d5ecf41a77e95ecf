"""loopcheck: a sheet of every input and output of the plant, and what proves it; an output is moved only when told so."""

from __future__ import annotations

import argparse
import asyncio
import csv
import sys
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.client import Client, Refused
from gateway.commands.look import config_of
from gateway.commands.plant import SOCKET
from gateway.config.models import Config, Tag

LOOK_S = 0.25
PROOF_S = 20.0


class Line(msgspec.Struct, frozen=True):
    """One point of the sheet. ``proved``: by what; "" where it is not."""

    tag: str
    description: str
    device: str
    point: str
    register: str
    unit: str
    value: float
    quality: str
    proved: str


def run(given: argparse.Namespace) -> int:
    """Print or write the sheet; 1 while a point is not proved."""
    config = config_of(given.config)
    if config is None:
        return 2
    try:
        return asyncio.run(_prove(config, given) if given.output else _sheet(config, given))
    except Refused as refused:
        print(f"refused: {refused}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        raise                                   # who reads the sheet has gone: no fault of the plant process
    except (FileNotFoundError, ConnectionError) as error:
        print(f"no plant process at {given.data / SOCKET}: {error}", file=sys.stderr)
        return 1


async def _sheet(config: Config, given: argparse.Namespace) -> int:
    async with Client(given.data / SOCKET, given.who) as plant:
        bound = {name: tag for name, tag in config.tags.items() if tag.device is not None}
        lines = [line_of(config, name, tag, await plant.ask("explain", name)) for name, tag in bound.items()]
    open_ones = [line for line in lines if not line.proved]
    if given.out is not None:
        with given.out.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(field.name for field in msgspec.structs.fields(Line))
            table.writerows(msgspec.structs.astuple(line) for line in lines)
    for line in lines if given.all else open_ones:
        shown = f"{line.tag:12} {line.device:8} {line.register:16} {line.value:10.5g} {line.unit:6} {line.quality:28}"
        print(f"{shown} {line.proved or 'not proved'}")
    print(f"{len(lines) - len(open_ones)} of {len(lines)} points proved", file=sys.stderr)
    return 1 if open_ones else 0


def line_of(config: Config, name: str, tag: Tag, explained: Mapping[str, Any]) -> Line:
    """What is known of one point. ``explained``: what the plant process says of the tag."""
    assert tag.device is not None
    device = config.devices[tag.device]
    found = next((p for p in config.profiles[device.profile].points if p.name == tag.point), None)
    register = tag.point or "" if found is None else f"{found.table.value} {found.address}"
    return Line(name, tag.description, tag.device, tag.point or "", register, tag.unit, float(explained["value"]), explained["quality"],
                proof_of(tag, explained))  # fmt: skip


def proof_of(tag: Tag, explained: Mapping[str, Any]) -> str:
    """What proves a point: an input by a Good reading inside its range, an output by the read-back of a command; else ""."""
    if explained["quality"] != "Good":
        return ""
    if tag.output is None:
        return f"read Good {explained['age_s']:.1f} s ago"
    if explained["state"] == "verified":
        return f"commanded {explained['commanded']:g}, {explained['read_back_from']} reads {explained['read_back']:g}"
    return ""


async def _prove(config: Config, given: argparse.Namespace) -> int:
    """Move one output to a value, see its read-back follow, and put it back where it was."""
    tag = config.tags.get(given.output)
    if tag is None or tag.output is None:
        print(f"lagan loopcheck: {given.output!r} is no output", file=sys.stderr)
        return 2
    async with Client(given.data / SOCKET, given.who) as plant:
        before = await plant.ask("explain", given.output)
        back = before["commanded"] if before["commanded"] is not None else before["value"]
        print(f"{given.output} stands at {back:g}: to {given.value:g}, read back from {before['read_back_from']}, and back")
        if not given.yes:
            print("dry run: nothing was commanded; --yes commands it")
            return 0
        why = given.why or "loop check"
        proved = False
        for value in (given.value, back):
            await plant.do("output.set", given.output, why=why, value=value)
            proved = await _follows(plant, given.output, value)
            print(f"{value:g}: {'read back' if proved else 'NOT read back'}")
            if not proved:
                break
    return 0 if proved else 1


async def _follows(plant: Client, name: str, value: float) -> bool:
    """Whether an output is commanded to a value and verified there, within its time."""
    end = time.monotonic() + PROOF_S
    while time.monotonic() < end:
        found = await plant.ask("explain", name)
        if found["commanded"] == value and found["state"] == "verified":
            return True
        await asyncio.sleep(LOOK_S)
    return False
