"""probe: prove every point (or node and method) of a device's profile against the device itself, and find the word order that fits."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec

from devices.codec import decode_text
from devices.exchange import Read
from devices.identification import objects_of
from devices.modbus import BlockRead, plan, read_function
from devices.profile import Access, Kind, Point, Profile
from devices.quality import is_good
from devices.quality import name as quality_name
from devices.sighting import fitting
from gateway.commands.look import config_of
from gateway.config.models import Link
from gateway.control.proof import Introduction
from gateway.control.proof import Proof as Identity
from gateway.links.inquiry import Inquiry
from gateway.links.opcua_inquiry import OpcUaInquiry
from gateway.links.opcua_proof import Proven
from gateway.links.quiet import gap_s
from gateway.links.security import configured
from gateway.links.ways import way_of
from gateway.ticker import Clock

AGREES = 0.01                                   # relative: a reading and what a person sees on the device's own display


class Proof(msgspec.Struct, frozen=True):
    """What one point showed. ``value``: None when nothing came; ``note``: what is wrong, or what would fit."""

    point: str
    value: Any
    unit: str
    quality: str
    note: str = ""


def run(given: argparse.Namespace) -> int:
    """Print a line a point; 1 when one of them is not proved, 2 when it cannot be tried."""
    config = config_of(given.config)
    if config is None:
        return 2
    device = config.devices.get(given.device)
    if device is None:
        print(f"lagan probe: {given.device!r} is no device of the configuration", file=sys.stderr)
        return 2
    link, profile = config.links[device.link], config.profiles[device.profile]
    points = {point.name for point in profile.points} | {node.name for node in profile.nodes}
    known: dict[str, float] = {}
    for item in given.expect:
        name, _, value = item.partition("=")
        try:
            known[name] = float(value)
        except ValueError as why:
            print(f"lagan probe: --expect {item}: {why.args[0]}", file=sys.stderr)
            return 2
        if name not in points:
            has = ", ".join(sorted(points))
            print(f"lagan probe: --expect {item}: {profile.name} has no point {name!r}; it has {has}", file=sys.stderr)
            return 2
    try:
        if link.kind == "opcua":
            proofs = asyncio.run(_probe_server(link, given, profile, known))
        else:
            proofs = asyncio.run(_probe(link, given.timeout_ms / 1000, device.unit_id or 0, profile, known))
    except Exception as why:                    # the OPC UA library has many words for a server that does not answer
        print(f"lagan probe: {why or 'no answer to the connection request'}", file=sys.stderr)
        return 1
    if given.json:
        print(msgspec.json.encode(proofs).decode())
    else:
        for each in proofs:
            value = "-" if each.value is None else f"{each.value:.6g}" if isinstance(each.value, float) else str(each.value)
            print(f"{each.point:24} {value[:30]:>14} {each.unit:8} {each.quality:26} {each.note}".rstrip())
    open_ones = [each for each in proofs if each.note]
    print(f"{given.device}, {profile.name}: {len(proofs) - len(open_ones)} of {len(proofs)} points answer as described", file=sys.stderr)
    return 1 if open_ones else 0


async def _probe(link: Link, timeout_s: float, unit: int, profile: Profile, known: dict[str, float]) -> list[Proof]:
    async with Inquiry(way_of(link), timeout_s, gap_s(link.baud) if link.bus else None) as device:
        return await probe(device, unit, profile, known)


async def _probe_server(link: Link, given: argparse.Namespace, profile: Profile, known: dict[str, float]) -> list[Proof]:
    now = datetime.fromtimestamp(Clock().now().utc / 1e9, UTC)
    security = configured(link.security, link.host, given.data, now)
    url = f"opc.tcp://{link.host}:{link.tcp_port}"
    async with OpcUaInquiry(url, security, now, profile=profile, timeout_s=max(given.timeout_ms, link.timeout_ms) / 1000) as server:
        return [_as_known(each, known) for each in await server.prove()]


def _as_known(each: Proven, known: dict[str, float]) -> Proof:
    note, wanted = each.note, known.get(each.name)
    if wanted is not None and not note:
        right = isinstance(each.value, int | float) and abs(each.value - wanted) <= AGREES * max(abs(wanted), 1e-9)
        note = "" if right else f"reads {each.value}, expected {wanted:.6g}"
    return Proof(each.name, each.value, each.unit, each.status, note)


async def probe(device: Inquiry, unit: int, profile: Profile, known: dict[str, float]) -> list[Proof]:
    """Every point of a profile as a device shows it, in the order of the profile. ``known``: point -> what it must read."""
    numbers = [p for p in profile.points if p.access is not Access.WRITE and p.kind is not Kind.ASCII]
    found: dict[str, Proof] = {}
    for block in plan(profile, numbers):
        found |= await _block(device, unit, profile, block, known)
    for point in profile.points:
        if point.kind is Kind.ASCII and point.access is not Access.WRITE:
            found[point.name] = await _text(device, unit, profile, point)
        elif point.access is Access.WRITE:
            found[point.name] = Proof(point.name, None, point.unit, "only written")
    if profile.identity is not None:
        found |= await _identity(device, unit, profile)
    introduced = [await _introduction(device, unit, profile)] if profile.identification else []
    return introduced + [found[point.name] for point in profile.points if point.name in found]


async def _block(device: Inquiry, unit: int, profile: Profile, block: BlockRead, known: dict[str, float]) -> dict[str, Proof]:
    reply = await device.ask(Read(unit, block.function, block.address, block.count))
    if not reply.ok:
        why = f"{reply.failure or f'exception {reply.exception}'} on function {block.function}, {block.address}+{block.count}"
        return {point.name: Proof(point.name, None, point.unit, "Bad", why) for point in block.points}
    values, qualities = block.compile().decode(reply.payload)
    found: dict[str, Proof] = {}
    for point, value, quality in zip(block.points, values, qualities, strict=True):
        note, wanted = "" if is_good(quality) else "not good", known.get(point.name, value)
        if abs(value - wanted) > AGREES * max(abs(wanted), 1e-9):
            note = f"reads {value:.6g}, expected {wanted:.6g}{_what_fits(point, profile, block, reply.payload, wanted)}"
        found[point.name] = Proof(point.name, float(value), point.unit, quality_name(quality), note)
    return found


def _what_fits(point: Point, profile: Profile, block: BlockRead, payload: bytes, wanted: float) -> str:
    """Kind, order and scale under which these registers would read as expected."""
    if block.function <= 2 or point.bit is not None:
        return ""
    start = 2 * (point.address - block.address)
    words = [int.from_bytes(payload[i : i + 2], "big") for i in range(start, start + 2 * point.width, 2)]
    fits = [f"{kind.value} {order.value}" + ("" if scale == 1.0 else f", scale {scale:g}") for kind, order, scale in fitting(words, wanted)]
    mine = f"{point.kind.value} {(point.order or profile.order).value}"
    return f"; fits as {' or '.join(fits)} (now {mine})" if fits else "; no kind or word order fits"


async def _text(device: Inquiry, unit: int, profile: Profile, point: Point) -> Proof:
    reply = await device.ask(Read(unit, read_function(profile, point.table), point.address, point.width))
    if not reply.ok:
        return Proof(point.name, None, point.unit, "Bad", f"{reply.failure or f'exception {reply.exception}'}")
    words = [int.from_bytes(reply.payload[i : i + 2], "big") for i in range(0, len(reply.payload), 2)]
    return Proof(point.name, decode_text(point, words), point.unit, "Good")


async def _introduction(device: Inquiry, unit: int, profile: Profile) -> Proof:
    """What it says of itself begins as it must."""
    proof = Introduction(profile, unit)
    reply = await device.ask(proof.request)
    wrong = proof.wrong(reply.payload) if reply.ok else reply.failure or f"exception {reply.exception}"
    said = ", ".join(objects_of(reply.payload).values()) if reply.ok else None
    return Proof("identification", said, "", "Bad" if wrong else "Good", f"wrong device: {wrong}" if wrong else "")


async def _identity(device: Inquiry, unit: int, profile: Profile) -> dict[str, Proof]:
    """The identity register holds what proves the right device."""
    assert profile.identity is not None
    name, raw = profile.identity
    point = profile.point(name)
    proof = Identity(profile, unit, point, raw)         # the plant's own judgement
    reply = await device.ask(proof.request)
    number = int.from_bytes(reply.payload, "big") if reply.ok else -1
    right = reply.ok and not proof.wrong(reply.payload)
    note = "" if right else f"wrong device: {number} is not {raw}" if reply.ok else f"{reply.failure or f'exception {reply.exception}'}"
    return {name: Proof(name, float(number), point.unit, "Good" if right else "Bad", note)}
