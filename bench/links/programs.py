"""The programs of the comparison: built, pinned to a core, run in a process of their own, one line of JSON from each."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build" / "links"
SERVER_CORE, TESTED_CORE = 0, 1


class Missing(Exception):
    """A program cannot be had on this machine, and why."""


def pinned(core: int) -> Callable[[], None]:
    """To be called in a new process: it keeps to a core, where there is more than one."""
    def pin() -> None:
        if len(os.sched_getaffinity(0)) > core:
            os.sched_setaffinity(0, {core})

    return pin


class Server:
    """A serving process on its core, until its standard input is closed."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=pinned(SERVER_CORE), text=True)
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "ready":
            raise Missing(f"{command[0]} does not serve")

    def kill(self) -> None:
        """As if its supply was cut."""
        self._process.kill()
        self._process.wait(10)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def run(command: Sequence[str]) -> dict[str, Any]:
    """What a program under test counted."""
    environment = {**os.environ, "NODE_PATH": str(BUILD / "node_modules")}
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=pinned(TESTED_CORE), env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout)


def python(module: str, *arguments: object) -> list[str]:
    """The command of a Python program under test."""
    return [sys.executable, "-m", module, *map(str, arguments)]


def compiled(name: str, *libraries: str, beside: Path = HERE) -> str:
    """A C program of that folder, built. Raises Missing."""
    BUILD.mkdir(parents=True, exist_ok=True)
    compiler = shutil.which("cc")
    if compiler is None:
        raise Missing("no C compiler")
    program = BUILD / name
    done = subprocess.run([compiler, "-O2", "-o", program, beside / f"{name}.c", *libraries], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"{name}.c does not build ({done.stderr.strip().splitlines()[0]})")
    return str(program)


def node(script: str, *packages: str) -> list[str]:
    """The command of a node program beside this file, its packages (``name@version``) installed under build/. Raises Missing."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Missing("no node and npm")
    if not all((BUILD / "node_modules" / package.partition("@")[0]).exists() for package in packages):
        command = ["npm", "install", "--prefix", str(BUILD), "--no-audit", "--no-fund", "--ignore-scripts", *packages]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            raise Missing(f"npm does not install {' '.join(packages)}")
    return ["node", str(HERE / script)]
