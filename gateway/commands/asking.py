"""Talking to the plant process from a command: what came of it, or why nothing did."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

from gateway.client import Refused
from gateway.commands.plant import SOCKET

T = TypeVar("T")


def answered(given: argparse.Namespace, talk: Coroutine[Any, Any, T]) -> T | None:
    """What a talk came to; None, and said why on standard error, when it was refused or nobody is there."""
    try:
        return asyncio.run(talk)
    except Refused as refused:
        print(f"refused: {refused}", file=sys.stderr)
    except (FileNotFoundError, ConnectionError) as error:
        print(f"no plant process at {given.data / SOCKET}: {error}", file=sys.stderr)
    return None
