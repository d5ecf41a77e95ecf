"""modbus: find, read, write, identify and map Modbus TCP devices at commissioning. What writes is a dry run unless told otherwise."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec

from devices.codec import encode
from devices.exchange import Read, Reply, Write
from devices.identification import name_of
from devices.profile import Kind, Limits, Point, Profile, Table, Verified, WordOrder
from devices.sighting import plausible, readings
from gateway.commands.look import config_of
from gateway.commands.plant import SOCKET
from gateway.config.instrument import profile_yaml
from gateway.links.inquiry import Inquiry
from gateway.links.quiet import gap_s
from gateway.links.transport import frame_of
from gateway.links.ways import Socket, Way, way_of

FUNCTIONS = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
PORT = 502


class Wrong(Exception):
    """What was given cannot be meant."""


class Target(msgspec.Struct, frozen=True):
    """A unit behind a way south. ``gap_s``: the silence of a serial bus, None elsewhere."""

    way: Way
    unit: int
    gap_s: float | None = None

    def __str__(self) -> str:
        return f"{self.way.place}/{self.unit}"

    def inquiry(self, timeout_s: float) -> Inquiry:
        """Questions to it."""
        return Inquiry(self.way, timeout_s, self.gap_s)


def target_of(text: str, config: Path | None) -> Target:
    """``HOST[:PORT]/UNIT``, or the name of a device of the configuration. Raises Wrong."""
    address, slash, unit = text.rpartition("/")
    if slash:
        host, port = _address(address)
        if not (unit.isdigit() and 0 < int(unit) <= 255):
            raise Wrong(f"{text}: unit {unit!r} is not 1..255")
        return Target(Socket(host, port), int(unit))
    known = targets_of(config)
    if text not in known:
        raise Wrong(f"{text!r} is neither HOST[:PORT]/UNIT nor a Modbus device of the configuration")
    return known[text]


def targets_of(config: Path | None) -> dict[str, Target]:
    """Every Modbus device of the configuration. Raises Wrong where that has faults, which have been told."""
    known = config_of(config)
    if known is None:
        raise Wrong("")
    found: dict[str, Target] = {}
    for name, device in known.devices.items():
        link = known.links[device.link]
        if device.unit_id is not None:
            found[name] = Target(way_of(link), device.unit_id, gap_s(link.baud) if link.bus else None)
    return found


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.partition(":")
    if not host or not (port.isdigit() if port else True) or not 0 < int(port or PORT) < 65536:
        raise Wrong(f"{text!r} is no HOST[:PORT]")
    return host, int(port or PORT)


def run(given: argparse.Namespace) -> int:
    """One of the verbs; 1 when the device did not do it, 2 when it cannot be meant."""
    verbs: dict[str, Callable[[argparse.Namespace], Coroutine[Any, Any, int]]] = {
        "scan": _scan, "identify": _identify, "read": _read, "write": _write, "map": _map,
    }  # fmt: skip
    try:
        return _decode(given) if given.verb == "decode" else asyncio.run(verbs[given.verb](given))
    except Wrong as wrong:
        if str(wrong):
            print(f"lagan modbus: {wrong}", file=sys.stderr)
        return 2
    except (OSError, TimeoutError) as why:
        print(f"lagan modbus: {why or 'no answer to the connection request'}", file=sys.stderr)
        return 1


def _seconds(given: argparse.Namespace) -> float:
    return given.timeout_ms / 1000


# --- looking ---------------------------------------------------------------------------------------------------------
async def _scan(given: argparse.Namespace) -> int:
    host, port = _address(given.address)
    low, _, high = given.units.partition("-")
    if not (low.isdigit() and (high or low).isdigit() and 0 < int(low) <= int(high or low) <= 255):
        raise Wrong(f"--units {given.units!r} is no range like 1-32")
    found: list[dict[str, Any]] = []
    async with Inquiry(Socket(host, port), _seconds(given)) as device:
        for unit in range(int(low), int(high or low) + 1):
            how = await device.answers(unit)
            if how:
                found.append({"unit": unit, "answers": how, "identity": await device.identify(unit) or {}})
    if given.json:
        print(msgspec.json.encode(found).decode())
    for each in () if given.json else found:
        print(f"unit {each['unit']:3}  {each['answers']:12}  {', '.join(each['identity'].values()) or 'says nothing of itself'}")
    if not found:
        print(f"no unit {given.units} answers at {host}:{port}", file=sys.stderr)
    return 0 if found else 1


async def _identify(given: argparse.Namespace) -> int:
    target = target_of(given.target, given.config)
    async with target.inquiry(_seconds(given)) as device:
        objects = await device.identify(target.unit)
    if objects is None:
        print(f"{target} does not know function 43/14", file=sys.stderr)
        return 1
    for number, text in sorted(objects.items()):
        print(f"{name_of(number):14} {text}")
    return 0


async def _read(given: argparse.Namespace) -> int:
    target = target_of(given.target, given.config)
    request = Read(target.unit, FUNCTIONS[given.table], given.first, given.count)
    async with target.inquiry(_seconds(given)) as device:
        reply = await device.ask(request)
    if not reply.ok:
        return _refused(target, reply)
    print(f"{target} answered in {device.answer_s * 1000:.1f} ms", file=sys.stderr)
    if request.function <= 2:
        for i in range(given.count):
            print(f"{given.first + i:5}  {reply.payload[i // 8] >> i % 8 & 1}")
        return 0
    words = [int.from_bytes(reply.payload[i : i + 2], "big") for i in range(0, len(reply.payload), 2)]
    for line in meanings(given.first, words):
        print(line)
    return 0


def meanings(first: int, words: list[int]) -> list[str]:
    """Registers a line each: hexadecimal, as numbers, as text, and what it reads as a float with the one after it."""
    lines: list[str] = []
    for i, word in enumerate(words):
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in word.to_bytes(2, "big"))
        floats = [f"{order} {value:.6g}" for kind, order, value in readings(words[i : i + 2])
                  if kind is Kind.FLOAT32 and value and plausible(value)]  # fmt: skip
        signed = word - 65536 if word > 32767 else word
        lines.append(f"{first + i:5}  0x{word:04X}  {word:5}  {signed:6}  {text}  {'  '.join(floats)}".rstrip())
    return lines


def _decode(given: argparse.Namespace) -> int:
    digits = "".join(given.hex).replace("0x", "").replace(" ", "")
    try:
        payload = bytes.fromhex(digits)
    except ValueError:
        raise Wrong(f"{' '.join(given.hex)!r} is not hexadecimal") from None
    if not payload or len(payload) % 2:
        raise Wrong(f"{len(payload)} bytes; a register is two")
    words = [int.from_bytes(payload[i : i + 2], "big") for i in range(0, len(payload), 2)]
    for width in (1, 2, 4):
        for i in range(0, len(words) - width + 1, width):
            for kind, order, value in readings(words[i : i + width]):
                print(f"{i:3}  {kind.value:8} {order.value if width > 1 else '':4}  {value:.9g}")
    return 0


# --- writing ---------------------------------------------------------------------------------------------------------
async def _write(given: argparse.Namespace) -> int:
    target = target_of(given.target, given.config)
    request = _request(given, target)
    print(f"{target} function {request.function}, from {request.address}: {' '.join(f'0x{value:04X}' for value in request.values)}")
    print(f"frame {frame_of(request).hex(' ')}")
    if not given.yes:
        print("dry run: nothing was sent; --yes sends it")
        return 0
    _not_the_plants(given, target)
    back = Read(target.unit, FUNCTIONS[given.table], given.first, 1 if request.function == 22 else len(request.values))
    async with target.inquiry(_seconds(given)) as device:
        before, reply = await device.ask(back), await device.ask(request)
        after = await device.ask(back)
    if not reply.ok:
        if reply.failure is not None:
            print("whether it acted is not known: read it back, do not send it again blindly", file=sys.stderr)
        return _refused(target, reply)
    was, now = (each.payload.hex(" ") if each.ok else "not readable" for each in (before, after))
    print(f"was {was}, reads {now} now")
    return 0


def _not_the_plants(given: argparse.Namespace, target: Target) -> None:
    """A device of a plant that runs is written by the plant, which knows what may be: interlocks, owner, record. Raises Wrong."""
    place = given.data / SOCKET
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as door:
        try:
            door.connect(str(place))
        except OSError:
            return                              # no plant process there
    names = [name for name, each in targets_of(given.config).items() if str(each) == str(target)]
    if names:
        raise Wrong(f"{names[0]} belongs to the plant process at {place}, whose interlocks a write from here would pass by: "
                    "command the output there (lagan output), or stop the process first")


def _request(given: argparse.Namespace, target: Target) -> Write:
    kind, order = Kind(given.kind), WordOrder(given.order)
    if given.table == "coil":
        values = tuple(int(value != 0) for value in given.values)
        return Write(target.unit, 5 if len(values) == 1 else 15, given.first, values)
    point = Point("value", Table.HOLDING, 0, kind)
    try:
        words = tuple(word for value in given.values for word in encode(point, order, value))
    except ValueError as why:
        raise Wrong(str(why)) from None
    if given.mask is not None:
        if len(words) != 1 or not 0 < given.mask <= 0xFFFF or words[0] & ~given.mask:
            raise Wrong(f"--mask 0x{given.mask:04X} takes one register whose bits lie under it")
        return Write(target.unit, 22, given.first, (0xFFFF & ~given.mask, words[0]))
    if given.read_back:
        return Write(target.unit, 23, given.first, words, (given.first, len(words)))
    return Write(target.unit, 6 if len(words) == 1 and not given.multiple else 16, given.first, words)


def _refused(target: Target, reply: Reply) -> int:
    print(f"{target}: {reply.failure or f'exception {reply.exception}'}", file=sys.stderr)
    return 1


# --- a map of what is not known yet ----------------------------------------------------------------------------------
async def _map(given: argparse.Namespace) -> int:
    target = target_of(given.target, given.config)
    async with target.inquiry(_seconds(given)) as device:
        ranges = await device.map(target.unit, FUNCTIONS[given.table], given.first, given.last)
        asked, objects = device.asked, await device.identify(target.unit)
    if given.draft:
        print(profile_yaml(draft(given.draft, Table(given.table), ranges, objects or {}, str(target))), end="")
        return 0
    for address, payload in ranges:
        print(f"{given.table} {address}..{address + len(payload) // 2 - 1}")
    print(f"{sum(len(payload) // 2 for _, payload in ranges)} registers answer, found in {asked} questions")
    return 0


def draft(name: str, table: Table, ranges: list[tuple[int, bytes]], objects: dict[int, str], where: str) -> Profile:
    """A profile to begin from: one raw register a point, nothing claimed of what they mean."""
    points = tuple(Point(f"r{address + i}", table, address + i) for address, payload in ranges for i in range(len(payload) // 2))
    return Profile(
        name=name, maker=objects.get(0, "unknown"), model=objects.get(1, "unknown"), protocol="modbus", points=points,
        source=f"found at {where}: which registers answer, not what they mean", verified=Verified.ASSUMED, limits=Limits(gap=0),
    )  # fmt: skip
