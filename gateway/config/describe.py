"""A configuration told in few words: counts for programs, tables for people.

>>> from gateway.config.loading import load
>>> from gateway.paths import belfast_config
>>> sorted(summary(load(belfast_config())))[:4]
['alarms', 'derived', 'devices', 'digest']
"""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from gateway.config.faults import Fault
from gateway.config.models import Config, Link, Loop, Unit

EFFECT = "Changes in these files take effect when the plant process is next started."


def summary(config: Config) -> dict[str, Any]:
    """What ``lagan check --json`` prints: how many of each, and the digest that the record will carry."""
    return {
        "site": config.site.name,
        "digest": config.digest,
        "tags": len(config.tags),
        "derived": len(config.derived),
        "devices": len(config.devices),
        "links": len(config.links),
        "outputs": sum(tag.output is not None for tag in config.tags.values()),
        "units": len(config.units),
        "loops": len(config.loops),
        "interlocks": len(config.interlocks),
        "alarms": len(config.alarms),
        "recipes": len(config.recipes),
        "lots": len(config.lots),
    }


def fault_list(faults: list[Fault]) -> list[dict[str, Any]]:
    """Faults for programs: one mapping each, with file and line apart."""
    return [
        {
            "file": f.place.file,
            "line": f.place.line,
            "path": f.path,
            "what": f.what,
            "allowed": list(f.allowed),
            "nearest": f.nearest,
            "more": f.more,
        }
        for f in faults
    ]


def show_faults(faults: list[Fault], console: Console) -> None:
    """Every fault on a line of its own, then how many; file:line first, so that an editor can jump there."""
    for fault in faults:
        console.print(str(fault), markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(faults)} fault{'' if len(faults) == 1 else 's'}; nothing was started.", style="bold red")


def show_plant(config: Config, console: Console) -> None:
    """The plant on one page: units with what drives and guards them, links, recipes, lots."""
    numbers = summary(config)
    console.print(f"[bold]{config.site.name}[/bold]  {config.site.description}", highlight=False)
    console.print(_units(config))
    console.print(_links(config))
    if _open_links(config):
        console.print(_open_links(config), style="bold yellow", highlight=False)
    console.print(_recipes(config))
    shown = ("tags", "derived", "outputs", "devices", "units", "loops", "interlocks", "alarms", "recipes", "lots")
    console.print("  ".join(f"{key} {numbers[key]}" for key in shown), highlight=False)
    console.print(f"digest {config.digest[:16]}  No faults. {EFFECT}", highlight=False)


def _units(config: Config) -> Table:
    table = Table("unit", "class", "roles", "loops", "interlocks", "alarms", "description", title="Units", title_justify="left")
    for name, unit in config.units.items():
        rows = [sum(row.unit == name for row in section.values()) for section in (config.interlocks, config.alarms)]
        table.add_row(
            name, unit.equipment_class, str(len(unit.roles)), _loops(config, name, unit), str(rows[0]), str(rows[1]), unit.description
        )
    return table


def _loops(config: Config, name: str, unit: Unit) -> str:
    mine = {key: loop for key, loop in config.loops.items() if loop.unit_of == name}
    return "\n".join(f"{key} {_chain(loop)}" for key, loop in mine.items())


def _chain(loop: Loop) -> str:
    """What a loop is made of, in one line: kind, measured value, where it acts."""
    target = f"{loop.to} / {loop.to_low}" if loop.to_low else loop.to
    least = f", least of {', '.join(('recipe', *loop.limits))}" if loop.limits else ""
    return f"{loop.kind} {loop.pv or ''} -> {target}{least}"


def _links(config: Config) -> Table:
    table = Table("link", "where", "devices", title="Links", title_justify="left")
    for name, link in config.links.items():
        devices = [
            f"{key}{'' if device.unit_id is None else f' ({device.unit_id})'} {device.profile}"
            for key, device in config.devices.items()
            if device.link == name
        ]
        table.add_row(name, f"{link.kind} {link.place}{_channel(link)}", "\n".join(devices))
    return table


def _channel(link: Link) -> str:
    """How an OPC UA link is secured, below its address."""
    if link.kind != "opcua":
        return ""
    given = link.security
    return "\nNOT SECURED (policy none)" if given.none else f"\n{given.policy}, {given.mode}"


def _open_links(config: Config) -> str:
    """The OPC UA links whose channel is open, as a sentence; empty when there is none."""
    found = [f"{name} ({link.host})" for name, link in config.links.items() if link.kind == "opcua" and link.security.none]
    return f"Not secured: OPC UA {', '.join(found)}. Whoever reaches the network there can read and write the device." if found else ""


def _recipes(config: Config) -> Table:
    table = Table("recipe", "version", "status", "feed", "steps", "lots it takes", title="Recipes", title_justify="left")
    for name, recipe in config.recipes.items():
        lots = [lot for lot, model in config.lots.items() if model.feed_state in recipe.feed_states]
        table.add_row(name, recipe.version, recipe.status, ", ".join(recipe.feed_states), " ".join(recipe.procedure), ", ".join(lots))
    return table
