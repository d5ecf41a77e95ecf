"""Links: does each say what its kind needs and nothing else, has each wire one owner, does a bus leave time for everybody on it?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from devices.modbus import plan
from devices.profile import Access, Kind, Profile
from gateway.config.draft import Draft
from gateway.config.faults import Fault

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
    trip_s = draft.site.scan.trip_s if draft.site is not None else 0.0
    for name, device in draft.devices.items():
        link, profile = draft.links.get(device.link), draft.profiles.get(device.profile)
        if link is None or profile is None or profile.watchdog is None or not link.bus or not _shared(draft, device.link):
            continue
        given_s = device.timeout_s or profile.watchdog.timeout_s
        fed_s = math.ceil(given_s / 3 / trip_s) * trip_s if trip_s else given_s / 3
        lost_s = LOST * link.timeout_ms / 1000
        if fed_s + lost_s >= given_s:
            yield draft.fault(
                ("devices", name),
                f"its watchdog of {given_s:g} s is fed every {fed_s:g} s, and a unit that does not answer costs {device.link} {lost_s:g} s "
                f"({LOST} x timeout_ms): it would trip; timeout_ms below {(given_s - fed_s) / LOST * 1000:.0f} leaves it time",
            )


def answers_fit(draft: Draft) -> Iterator[Fault]:
    """The longest answer has arrived before the timeout of a serial line."""
    for name, device in draft.devices.items():
        link, profile = draft.links.get(device.link), draft.profiles.get(device.profile)
        if link is None or profile is None or not link.bus:
            continue
        longest = max(_answers(draft, name, profile), default=2)
        needed_ms = (OVERHEAD + longest) * CHARACTER / link.baud * 1000
        if needed_ms >= link.timeout_ms:
            yield draft.fault(
                ("devices", name, "link"),
                f"a read of {longest} bytes takes {needed_ms:.0f} ms at {link.baud} baud, {device.link} waits {link.timeout_ms} ms",
            )


def _answers(draft: Draft, name: str, profile: Profile) -> list[int]:
    """Bytes of the blocks that are read of a device, at most."""
    tags = [tag.point for tag in draft.tags.values() if tag.device == name and tag.point is not None]
    known = {point.name: point for point in profile.points if point.access is not Access.WRITE and point.kind is not Kind.ASCII}
    points = [known[name] for name in dict.fromkeys(tags) if name in known]
    return [2 * block.count if block.function > 2 else (block.count + 7) // 8 for block in plan(profile, points)]


def _shared(draft: Draft, link: str) -> bool:
    return sum(device.link == link for device in draft.devices.values()) > 1


CHECKS = (links_differ, links_are_reached, bus_outlives_a_dead_unit, answers_fit)
