"""Links and devices: does each device exist once, on the right wire, with a watchdog that fits?"""

from __future__ import annotations

from collections.abc import Iterator

from devices.profile import Access, Profile
from gateway.config.draft import Draft
from gateway.config.faults import Fault
from gateway.config.models import Link


def links_carry_devices(draft: Draft) -> Iterator[Fault]:
    """A link without a device is a mistake in a name; an OPC UA link carries one device."""
    for name, link in draft.links.items():
        carried = [device for device, model in draft.devices.items() if model.link == name]
        if not carried and len(draft.devices) == len(draft.declared["devices"]):
            yield draft.fault(("links", name), "no device is on this link")
        if link.kind == "opcua" and len(carried) > 1:
            yield draft.fault(("devices", carried[1], "link"), f"OPC UA link {name} already carries {carried[0]}")


def devices_on_links(draft: Draft) -> Iterator[Fault]:
    """Link and profile exist and speak the same protocol."""
    for name, device in draft.devices.items():
        if not draft.exists("links", device.link):
            yield draft.unknown(("devices", name, "link"), device.link, draft.declared["links"], "link")
        profile = draft.profiles.get(device.profile)
        if profile is None:
            if not draft.exists("instruments", device.profile):          # its description has faults of its own
                yield draft.unknown(("devices", name, "profile"), device.profile, draft.profiles, "profile")
            continue
        link = draft.links.get(device.link)
        if link is not None and _spoken(link) != profile.protocol:
            yield draft.fault(
                ("devices", name, "link"), f"{device.link} speaks {_spoken(link)}, {profile.name} speaks {profile.protocol}"
            )


def _spoken(link: Link) -> str:
    return link.kind.partition("_")[0]


def unit_ids(draft: Draft) -> Iterator[Fault]:
    """Every Modbus device has a unit id of its own on its link; 0 is broadcast."""
    seen: dict[tuple[str, int], str] = {}
    for name, device in draft.devices.items():
        profile = draft.profiles.get(device.profile)
        if profile is None or profile.protocol != "modbus":
            continue
        if device.unit_id is None:
            yield draft.fault(("devices", name), "unit_id is missing: a Modbus device is found by it")
            continue
        if device.unit_id == 0:
            yield draft.fault(("devices", name, "unit_id"), "0 is broadcast: nobody answers", ("1..247",))
        first = seen.setdefault((device.link, device.unit_id), name)
        if first != name:
            yield draft.fault(("devices", name, "unit_id"), f"{device.unit_id} on {device.link} is already {first}")


def watchdogs(draft: Draft) -> Iterator[Fault]:
    """timeout_s and comm_loss speak of a watchdog that the profile has, and of points that are written."""
    for name, device in draft.devices.items():
        profile = draft.profiles.get(device.profile)
        if profile is None:
            continue
        if device.timeout_s is not None and profile.watchdog is None:
            yield draft.fault(("devices", name, "timeout_s"), f"{profile.name} has no watchdog")
        for point, action in device.comm_loss.items():
            yield from _comm_loss(draft, name, profile, point, action)


def _comm_loss(draft: Draft, name: str, profile: Profile, point: str, action: str) -> Iterator[Fault]:
    path = ("devices", name, "comm_loss", point)
    written = [p.name for p in profile.points if p.access is not Access.READ]
    if profile.watchdog is None:
        yield draft.fault(path, f"{profile.name} has no watchdog, so no comm-loss action")
    elif point not in written:
        yield draft.unknown(path, point, written, "written point")
    elif action == "preset" and point not in profile.watchdog.presets:
        yield draft.fault(path, f"{profile.name} has no preset for {point}")


def watchdog_is_fed(draft: Draft) -> Iterator[Fault]:
    """A watchdog fed only by writes of one point needs an output on that point."""
    for name, device in draft.devices.items():
        profile = draft.profiles.get(device.profile)
        dog = profile.watchdog if profile else None
        outputs = {tag.point for tag in draft.tags.values() if tag.device == name and tag.output is not None}
        if dog is not None and dog.fed_by == "write" and outputs and dog.point not in outputs:
            yield draft.fault(
                ("devices", name), f"its watchdog is fed by writing {dog.point!r}, and no output tag does; it would trip for ever"
            )


def one_late_answer(draft: Draft) -> Iterator[Fault]:
    """A link may wait for one answer without a watchdog of its devices running out."""
    for name, device in draft.devices.items():
        link = draft.links.get(device.link)
        if link is not None and device.timeout_s is not None and link.timeout_ms / 1000 > device.timeout_s / 2:
            yield draft.fault(
                ("devices", name, "timeout_s"),
                f"{device.timeout_s:g} s is less than twice the {link.timeout_ms} ms that {device.link} waits for an answer",
            )


def devices_have_tags(draft: Draft) -> Iterator[Fault]:
    """A device that no tag uses is a mistake in a name."""
    if len(draft.tags) < len(draft.declared["tags"]):
        return
    used = {tag.device for tag in draft.tags.values()}
    for name in draft.devices:
        if name not in used:
            yield draft.fault(("devices", name), "no tag uses this device")


CHECKS = (links_carry_devices, devices_on_links, unit_ids, watchdogs, watchdog_is_fed, one_late_answer, devices_have_tags)
