"""check and devices: what the configuration says, what the instruments are."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console

from devices.instruments import PROFILES
from gateway.config.describe import fault_list, show_faults, show_plant, summary
from gateway.config.faults import ConfigFaults
from gateway.config.instrument import profile_yaml
from gateway.config.loading import load
from gateway.config.models import Config
from gateway.paths import belfast_config


def config_of(given: Path | None, variables: set[str] | None = None, lots: Sequence[Path] = ()) -> Config | None:
    """The configuration, with lots that stand elsewhere, or None with every fault on standard error."""
    try:
        return load(given or belfast_config(), variables, lots=lots)
    except ConfigFaults as error:
        show_faults(error.faults, Console(stderr=True))
        return None


def check(given: argparse.Namespace) -> int:
    """Print the plant, or its faults with exit code 2."""
    from simulators.world import World

    variables = {name for name, _, _ in World().names()}
    if not given.json:
        config = config_of(given.config, variables)
        if config is not None:
            show_plant(config, Console())
        return 0 if config is not None else 2
    try:
        found = summary(load(given.config or belfast_config(), variables))
    except ConfigFaults as error:
        print(msgspec.json.encode({"faults": fault_list(error.faults)}).decode())
        return 2
    print(msgspec.json.encode(found).decode())
    return 0


def devices(given: argparse.Namespace) -> int:
    """List the profiles, or print one register table."""
    from devices.render import profile_json, register_table

    config = None if given.config is None else config_of(given.config)
    if given.config is not None and config is None:
        return 2
    known = PROFILES if config is None else config.profiles
    if given.name is None:
        for profile in known.values():
            print(f"{profile.name:20} {profile.maker:16} {profile.model:28} {profile.protocol:7} {profile.verified}")
        return 0
    if given.name not in known:
        import difflib

        near = difflib.get_close_matches(given.name, known, n=1)
        print(f"no instrument {given.name!r}{f'; nearest is {near[0]}' if near else ''}", file=sys.stderr)
        return 2
    profile = known[given.name]
    if given.yaml and profile.protocol != "modbus":
        print(f"{given.name} is no Modbus instrument: only those are written as YAML", file=sys.stderr)
        return 2
    print(profile_yaml(profile) if given.yaml else profile_json(profile).decode() if given.json else register_table(profile))
    return 0
