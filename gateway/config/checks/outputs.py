"""Outputs: writable, safe, proven, and falling to the right side when the gateway is gone."""

from __future__ import annotations

from collections.abc import Iterator

from devices.profile import Access
from gateway.config.checks.tags import profile_of, source_of
from gateway.config.draft import Draft
from gateway.config.faults import Fault
from gateway.config.models import Output, Tag


def outputs(draft: Draft) -> Iterator[tuple[str, Tag, Output]]:
    """Every output tag."""
    for name, tag in draft.tags.items():
        if tag.output is not None:
            yield name, tag, tag.output


def writable(draft: Draft) -> Iterator[Fault]:
    """An output writes a point that may be written cyclically; an input reads one that may be read."""
    for name, tag in draft.tags.items():
        source = source_of(draft, tag)
        if source is None:
            continue
        if tag.output is None and source.access is Access.WRITE:
            yield draft.fault(("tags", name, "point"), f"{tag.point} can only be written; an input reads")
        elif tag.output is not None and source.access is Access.READ:
            yield draft.fault(("tags", name, "point"), f"{tag.point} can only be read; an output writes")
        elif tag.output is not None and not getattr(source, "cyclic", True):
            yield draft.fault(("tags", name, "point"), f"{tag.point} lies in non-volatile memory: an output would wear it out")


def safe_values(draft: Draft) -> Iterator[Fault]:
    """The safe value lies inside the range; an analog output has a range."""
    for name, tag, output in outputs(draft):
        if tag.range is None and tag.unit != "1":
            yield draft.fault(("tags", name), f"an output in {tag.unit} needs a range")
        low, high = tag.range or (0.0, 1.0)
        if output.safe != "hold" and not low <= output.safe <= high:
            yield draft.fault(("tags", name, "output", "safe"), f"{output.safe:g} {tag.unit} outside {low:g}..{high:g}")
        for key in ("deadband", "tolerance"):
            value = getattr(output, key)
            if value is not None and value >= (high - low) / 2 and tag.unit != "1":
                yield draft.fault(
                    ("tags", name, "output", key),
                    f"{value:g} {tag.unit} is half of {low:g}..{high:g} or more; no difference would ever show",
                )


def in_range(tag: Tag) -> bool:
    """Whether the safe value is one the output can take."""
    low, high = tag.range or (0.0, 1.0)
    return tag.output is not None and (tag.output.safe == "hold" or low <= tag.output.safe <= high)


def proven(draft: Draft) -> Iterator[Fault]:
    """The read-back exists, is no output of its own and stands in the same unit."""
    for name, tag, output in outputs(draft):
        path = ("tags", name, "output", "readback")
        if output.readback is None:
            continue
        if not draft.exists("tags", output.readback):
            yield draft.unknown(path, output.readback, draft.declared["tags"], "tag")
            continue
        other = draft.tags.get(output.readback)
        if other is None:
            continue
        if other.output is not None and output.readback != name:
            yield draft.fault(path, f"{output.readback} is an output itself: an echo proves nothing")
        if other.unit != tag.unit:
            yield draft.fault(path, f"{output.readback} is in {other.unit}, the output in {tag.unit}")


def worked_at_a_panel(draft: Draft) -> Iterator[Fault]:
    """The local switch exists and is one."""
    for name, _, output in outputs(draft):
        path = ("tags", name, "output", "local")
        if output.local is None:
            continue
        switch = draft.tags.get(output.local)
        if not draft.exists("tags", output.local):
            yield draft.unknown(path, output.local, draft.declared["tags"], "tag")
        elif switch is not None and (switch.output is not None or switch.unit != "1"):
            yield draft.fault(path, f"{output.local} is no switch that is read")


def comm_loss(draft: Draft) -> Iterator[Fault]:
    """What the tag promises at loss of communication is what its device does, or a watchdogged relay stands before it."""
    for name, tag, output in outputs(draft):
        profile = profile_of(draft, tag)
        source = source_of(draft, tag)
        if profile is None or source is None or source.access is Access.READ:
            continue
        path = ("tags", name, "output", "comm_loss")
        if output.watchdog_relay is not None:
            yield from _relay(draft, name, output.watchdog_relay)
            continue
        action = action_of(draft, tag)
        if action is None:
            yield draft.fault(path, f"{profile.name} does nothing on {tag.point} when the gateway is gone; give watchdog_relay")
        elif action != output.comm_loss:
            yield draft.fault(
                path, f"{output.comm_loss!r}, but {tag.device} does {action!r} on {tag.point}; set comm_loss of the device or say so here"
            )


def action_of(draft: Draft, tag: Tag) -> str | None:
    """The comm-loss action of the device on the point of a tag; None where it has none."""
    device = draft.devices.get(tag.device or "")
    dog = draft.profiles[device.profile].watchdog if device and device.profile in draft.profiles else None
    if device is None or dog is None or tag.point is None:
        return None
    own = dog.actions.get(tag.point)
    return device.comm_loss.get(tag.point, own.value if own else None)


def _relay(draft: Draft, name: str, relay: str) -> Iterator[Fault]:
    path = ("tags", name, "output", "watchdog_relay")
    if not draft.exists("tags", relay):
        yield draft.unknown(path, relay, draft.declared["tags"], "tag")
        return
    found = draft.tags.get(relay)
    if found is not None and (found.output is None or action_of(draft, found) != "zero"):
        yield draft.fault(path, f"{relay} does not drop out by itself: it must be an output whose device takes it to zero")


def silence_s(draft: Draft, tag: Tag) -> float | None:
    """How long the device behind a tag bears silence before it acts."""
    device = draft.devices.get(tag.device or "")
    dog = draft.profiles[device.profile].watchdog if device and device.profile in draft.profiles else None
    if device is None or dog is None:
        return None
    return device.timeout_s if device.timeout_s is not None else dog.timeout_s


CHECKS = (writable, safe_values, proven, worked_at_a_panel, comm_loss)
