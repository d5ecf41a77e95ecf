"""To which links and devices a cause of ``control.comms`` can happen at all: an alarm ``of`` them stands for these."""

from __future__ import annotations

from gateway.config.draft import Draft
from gateway.control.comms import FACTS, NETWORK

_OF_BUS = ("noisy_bus", "second_master")
_OF_SERVER = ("degraded", "skewed")


def affected(draft: Draft, of: str, cause: str) -> list[str]:
    """The links or devices in order. Of a cause that is not known only the first, so that its fault is told once."""
    if of == "network":
        return [NETWORK]
    names = sorted(draft.links if of == "link" else draft.devices)
    if cause not in FACTS[of]:
        return names[:1]
    return [name for name in names if (_link if of == "link" else _device)(draft, name, cause)]


def _link(draft: Draft, name: str, cause: str) -> bool:
    link = draft.links[name]
    if cause == "lost":                         # where there is a single device, that is lost
        return sum(device.link == name for device in draft.devices.values()) > 1
    if cause == "expiring":
        return link.kind == "opcua" and link.security.policy != "none"
    return link.bus if cause in _OF_BUS else link.kind != "opcua"


def _device(draft: Draft, name: str, cause: str) -> bool:
    link = draft.links.get(draft.devices[name].link)
    if cause == "disobeys":
        return any(tag.device == name and tag.output is not None for tag in draft.tags.values())
    return cause not in _OF_SERVER or (link is not None and link.kind == "opcua")
