"""OPC UA links: is the channel secured in a way that can be meant, and is no secret sent in the clear?"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.draft import Draft
from gateway.config.faults import Fault


def only_opcua(draft: Draft) -> Iterator[Fault]:
    """What secures an OPC UA channel secures no other, and to write it down would be to believe in it; a wrong kind is the fault itself."""
    profiles = {device.link: draft.profiles[device.profile] for device in draft.devices.values() if device.profile in draft.profiles}
    for name, link in draft.links.items():
        meant = name in profiles and profiles[name].protocol == "opcua"
        if link.kind != "opcua" and not meant and "security" in link.model_fields_set:
            yield draft.fault(("links", name, "security"), f"security means nothing to {link.kind}, only to opcua")


def users(draft: Draft) -> Iterator[Fault]:
    """A user has one proof of who it is, and no proof goes over an open channel."""
    for name, link in draft.links.items():
        given, path = link.security, ("links", name, "security")
        passwords = [key for key in ("password_file", "password_env") if getattr(given, key)]
        if given.none and (given.user or given.user_certificate):
            yield draft.fault((*path, "policy"), "none with a user would send who it is in the clear")
        if given.user and given.user_certificate:
            yield draft.fault((*path, "user_certificate"), f"user {given.user} is given too: one of them")
        if given.user and len(passwords) != 1:
            yield draft.fault((*path, "user"), f"{given.user} needs one of password_file and password_env, has {len(passwords)}")
        if passwords and not given.user:
            yield draft.fault((*path, passwords[0]), "a password without a user")
        if bool(given.user_certificate) != bool(given.user_key):
            yield draft.fault(path, "user_certificate and user_key belong together")


def open_says_nothing_else(draft: Draft) -> Iterator[Fault]:
    """An open channel proves nothing of the server: what would be checked is not."""
    for name, link in draft.links.items():
        for key in ("host", "server_uri"):
            if link.security.none and getattr(link.security, key):
                yield draft.fault(("links", name, "security", key), "is not checked with policy none")


CHECKS = (only_opcua, users, open_says_nothing_else)
