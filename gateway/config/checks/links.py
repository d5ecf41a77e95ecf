"""Links: does each say what its kind needs and nothing else, has each wire one owner, does a bus leave time for everybody on it?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from devices.modbus import plan
from devices.profile import Access, Kind
from gateway.config.draft import Draft
from gateway.config.faults import Fault
from gateway.config.models import Link

NEEDS = {"modbus_rtu": ("path",), "modbus_tls": ("ca", "certificate", "key")}
ONLY = {
    "path": ("modbus_rtu",), "parity": ("modbus_rtu",), "stop_bits": ("modbus_rtu",), "baud": ("modbus_rtu", "modbus_rtu_tcp"),
    "ca": ("modbus_tls",), "server_name": ("modbus_tls",),
    "window": ("modbus_tcp", "modbus_tls"),
}  # fmt: skip
FILES = ("ca", "certificate", "key", "path")
LOST = 3                        # timeouts that one without an answer costs a bus: itself, and twice as long in silence
CHARACTER = 11                  # bits
OVERHEAD = 8 + 5                # characters of a read and of its answer, without what was read
SILENCE = 3.5                   # characters before a frame


def links_differ(draft: Draft) -> Iterator[Fault]:
    """Two owners of one socket or port swap answers of serial units."""
    seen: dict[str, str] = {}
    for name, link in draft.links.items():
        first = seen.setdefault(link.place, name)
        if first != name:
            yield draft.fault(("links", name, "path" if link.kind == "modbus_rtu" else "port"), f"{link.place} is already link {first}")


def links_are_reached(draft: Draft) -> Iterator[Fault]:
    """A kind has what it needs, and nothing that means something to another kind only."""
    for name, link in draft.links.items():
        missing = [key for key in NEEDS.get(link.kind, ("port",)) if getattr(link, key) is None]
        if missing:
            yield draft.fault(("links", name), f"{link.kind} needs {', '.join(missing)}")
        if link.kind == "modbus_rtu" and link.model_fields_set & {"host", "port"}:
            yield draft.fault(("links", name), "a serial port has neither host nor port; modbus_rtu_tcp is a serial device server")
        for key in sorted(link.model_fields_set):
            if key in ONLY and link.kind not in ONLY[key]:
                yield draft.fault(("links", name, key), f"{key} means nothing to {link.kind}, only to {' and '.join(ONLY[key])}")
        for key in FILES:
            file = getattr(link, key)
            if file is not None and not file.startswith("/"):
                yield draft.fault(("links", name, key), f"{file!r} depends on where the program is started; write the whole path")


def bus_outlives_a_dead_unit(draft: Draft) -> Iterator[Fault]:
    """While one unit of a bus does not answer, the watchdog of every other one is fed in time."""
    trip_s = draft.site.scan.trip_s if draft.site is not None else 0.5
    for name, link in draft.links.items():
        devices = _on(draft, name)
        given = {device: watchdog_s for device in devices if (watchdog_s := _watchdog_s(draft, device)) is not None}
        if not link.bus or len(devices) < 2 or not given:
            continue
        device = min(given, key=lambda each: given[each])
        fed_s = math.ceil(given[device] / 3 / trip_s) * trip_s          # a heartbeat goes out with a scan
        turn_s = sum(_exchange_s(link, size) for each in devices for size in _answers(draft, each))
        left_s = (given[device] - fed_s - turn_s) / LOST
        if link.timeout_ms / 1000 >= left_s:
            yield draft.fault(
                ("links", name, "timeout_ms"),
                f"{link.timeout_ms} ms: a unit that does not answer costs the bus {LOST} times that, and the watchdog of {device} "
                f"({given[device]:g} s, fed every {fed_s:g} s, one turn of the bus takes {turn_s:.2g} s) would run out",
                (f"below {max(left_s, 0.0) * 1000:.0f}",),
            )


def answers_fit(draft: Draft) -> Iterator[Fault]:
    """The longest answer of a serial line has arrived before the timeout."""
    for name, link in draft.links.items():
        sizes = {device: max(_answers(draft, device), default=0) for device in _on(draft, name)} if link.bus else {}
        device = max(sizes, key=lambda each: sizes[each], default="")
        if sizes and _exchange_s(link, sizes[device]) >= link.timeout_ms / 1000:
            yield draft.fault(
                ("links", name, "timeout_ms"),
                f"{link.timeout_ms} ms: to ask {device} for {sizes[device]} bytes takes "
                f"{_exchange_s(link, sizes[device]) * 1000:.0f} ms at {link.baud} baud",
            )


def _exchange_s(link: Link, size: int) -> float:
    """A read and its answer of so many bytes on the line, and the silence after it."""
    return (OVERHEAD + size + SILENCE) * CHARACTER / link.baud


def _on(draft: Draft, link: str) -> list[str]:
    return [name for name, device in draft.devices.items() if device.link == link]


def _watchdog_s(draft: Draft, name: str) -> float | None:
    device = draft.devices[name]
    profile = draft.profiles.get(device.profile)
    return None if profile is None or profile.watchdog is None else device.timeout_s or profile.watchdog.timeout_s


def _answers(draft: Draft, name: str) -> list[int]:
    """Bytes of the blocks that are read of a device, at most."""
    profile = draft.profiles.get(draft.devices[name].profile)
    if profile is None or profile.protocol != "modbus":
        return []
    readable = {point.name: point for point in profile.points if point.access is not Access.WRITE and point.kind is not Kind.ASCII}
    names = dict.fromkeys(tag.point for tag in draft.tags.values() if tag.device == name)
    blocks = plan(profile, [readable[point] for point in names if point in readable])
    return [2 * block.count if block.function > 2 else (block.count + 7) // 8 for block in blocks]


CHECKS = (links_differ, links_are_reached, bus_outlives_a_dead_unit, answers_fit)
