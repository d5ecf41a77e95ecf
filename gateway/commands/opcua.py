"""opcua: whom we trust, and a look at a server for commissioning. Nothing is ever written to a server."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from devices.profile import Profile
from gateway.commands.look import config_of
from gateway.config.security import Security as Configured
from gateway.links.certificates import Refused, common_name, fingerprint, hosts, uris
from gateway.links.opcua_inquiry import OpcUaInquiry, Told
from gateway.links.pki import Pki
from gateway.links.security import Security, configured
from gateway.ticker import Clock

SCHEME, PORT = "opc.tcp://", 4840


class Wrong(Exception):
    """What was given cannot be meant."""


def run(given: argparse.Namespace) -> int:
    """One of the questions to a server; 1 when it did not do it, 2 when it cannot be meant."""
    verbs: dict[str, Callable[[argparse.Namespace], Coroutine[Any, Any, int]]] = {
        "browse": _browse, "read": _read, "subscribe": _subscribe,
    }  # fmt: skip
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)     # what goes wrong is said below
    try:
        return asyncio.run(verbs[given.verb](given))
    except Wrong as wrong:
        if str(wrong):
            print(f"lagan opcua: {wrong}", file=sys.stderr)
        return 2
    except LookupError as why:
        print(f"lagan opcua: {why.args[0]}", file=sys.stderr)
        return 1
    except Exception as why:                    # the library has many words for a server that does not answer
        print(f"lagan opcua: {why or type(why).__name__}", file=sys.stderr)
        return 1


def trust(given: argparse.Namespace) -> int:
    """List certificates, approve one or take an approval back; 1 when it is not clear which."""
    pki = Pki(given.data / "pki")
    try:
        if given.verb == "list":
            found = listed(pki)
            print(msgspec.json.encode(found).decode() if given.json else "\n".join(_lines(found)) or f"no certificates in {pki.directory}")
            return 0
        made = pki.approve(given.which) if given.verb == "add" else pki.withdraw(given.which)
    except (LookupError, Refused, OSError) as why:
        print(f"lagan opcua trust: {why.args[0] if isinstance(why, LookupError) else why}", file=sys.stderr)
        return 1
    print(f"{made.name} is {'trusted' if given.verb == 'add' else 'not trusted any more'}, from the next connection on")
    return 0


def listed(pki: Pki) -> list[dict[str, Any]]:
    """Every certificate known: where it stands, who it is for, until when."""
    own = [pki.own_certificate.parent] if pki.own_certificate.exists() else []
    return [
        {"where": folder.name, "file": path.name, "name": common_name(each), "sha256": fingerprint(each), "uris": uris(each),
         "hosts": hosts(each), "from": f"{each.not_valid_before_utc:%Y-%m-%d}", "until": f"{each.not_valid_after_utc:%Y-%m-%d}"}
        for folder in (*own, pki.trusted, pki.rejected) for path, each in pki.listed(folder)
    ]  # fmt: skip


def _lines(found: list[dict[str, Any]]) -> list[str]:
    lines = []
    for each in found:
        lines.append(f"{each['where']:9} {each['file']}")
        lines.append(f"{'':9}   {', '.join(each['uris'])} on {', '.join(each['hosts'])}; {each['from']} to {each['until']}")
        lines.append(f"{'':9}   SHA-256 {each['sha256']}")
    return lines


# --- a server --------------------------------------------------------------------------------------------------------
class Target(msgspec.Struct, frozen=True):
    """A server, how its channel is secured, and the profile of its device where it is one of the configuration."""

    url: str
    security: Security
    profile: Profile | None = None


def target_of(given: argparse.Namespace, now: datetime) -> Target:
    """A URL with what the options say of its security, or a device with what the configuration says. Raises Wrong or Refused."""
    if given.target.startswith(SCHEME):
        try:
            parts = urlsplit(given.target)
            host, port = parts.hostname, parts.port or PORT
        except ValueError:
            host, port = None, 0
        if not host:
            raise Wrong(f"{given.target!r} is no {SCHEME}HOST[:PORT]")
        if given.user and not given.password_env:
            raise Wrong(f"--user {given.user} needs --password-env NAME: a password on the command line is seen by everybody")
        wanted = Configured(policy=given.policy, mode=given.mode, user=given.user, password_env=given.password_env)
        return Target(f"{SCHEME}{f'[{host}]' if ':' in host else host}:{port}", configured(wanted, host, given.data, now))
    known = config_of(given.config)
    if known is None:
        raise Wrong("")                         # every fault has been told
    device = known.devices.get(given.target)
    link = None if device is None else known.links[device.link]
    if device is None or link is None or link.kind != "opcua":
        raise Wrong(f"{given.target!r} is neither {SCHEME}HOST:PORT nor an OPC UA device of the configuration")
    security = configured(link.security, link.host, given.data, now)
    return Target(f"{SCHEME}{link.host}:{link.tcp_port}", security, known.profiles[device.profile])


def _inquiry(given: argparse.Namespace) -> OpcUaInquiry:
    now = datetime.fromtimestamp(Clock().now().utc / 1e9, UTC)
    target = target_of(given, now)
    return OpcUaInquiry(target.url, target.security, now, profile=target.profile, timeout_s=given.timeout_ms / 1000)


async def _browse(given: argparse.Namespace) -> int:
    async with _inquiry(given) as server:
        found = await server.browse(given.path)
    if given.json:
        print(msgspec.json.encode(found).decode())
    for each in () if given.json else found:
        print(f"{each.kind:10} {each.name:32} {each.node}")
    return 0


async def _read(given: argparse.Namespace) -> int:
    async with _inquiry(given) as server:
        found = await server.read(given.nodes)
    if given.json:
        print(msgspec.json.encode(found).decode())
    for each in () if given.json else found:
        print(line(each))
    return 0


async def _subscribe(given: argparse.Namespace) -> int:
    """Changes until interrupted, or so many."""
    left = given.count
    async with _inquiry(given) as server:
        async for each in server.watch(given.nodes, given.period):
            print(msgspec.json.encode(each).decode() if given.json else line(each), flush=True)
            left -= 1
            if left == 0:
                break
    return 0


def line(each: Told) -> str:
    """What a node said, for a person."""
    when = f"{datetime.fromtimestamp(each.source_utc / 1e9, UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3] if each.source_utc else "no time"
    return f"{when:23}  {each.name:32} {each.value!s:>14}  {each.type:14} {each.status}"

