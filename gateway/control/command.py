"""A command of a person or a program, and its answer.

>>> Command(verb="batch.hold", target="B-1", who="a.byrne", why="smell of chlorine")
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.control.chain import CommandReceived

_EVENTS = {
    "batch": ("start", "hold", "restart", "stop", "abort"),
    "prompt": ("answer",),
    "interlock": ("reset", "bypass", "unbypass"),
    "alarm": ("ack", "reset", "shelve", "unshelve", "disable", "enable"),
    "loop": ("set", "tune", "retune"),
    "output": ("set",),
    "force": ("set", "end"),
    "check": ("record",),
}
VERBS = frozenset(f"{area}.{event}" for area, events in _EVENTS.items() for event in events)


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What a person or a program asks of the plant. ``key``: the same key is carried out once."""

    verb: str
    target: str
    who: str
    role: str = "operator"
    why: str = ""
    key: str = ""
    arguments: dict[str, Any] = {}


class Answer(msgspec.Struct, frozen=True):
    """What became of a command: released to the asker when its entry is durable. ``body``: what else there is to tell."""

    command: Command
    entry: CommandReceived
    body: dict[str, Any] = {}
