"""How the plant stands, for a person at a terminal: units and batches first, then what wants somebody, then what is lost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.console import Console

SHOWN = (
    ("temperature", "T", "degC", 1),
    ("ph", "pH", "", 2),
    ("orp", "ORP", "mV", 0),
    ("level", "level", "%", 1),
    ("acid_dosed", "acid", "L", 2),
    ("lel", "H2", "%LEL", 1),
    ("agitator_speed", "agitator", "rpm", 0),
)


def figure(values: dict[str, float], role: str, digits: int) -> str:
    """A value as it is shown; what is not Good is not shown as a number."""
    return f"{values[role]:.{digits}f}" if role in values else "not good"


def show_status(status: dict[str, Any], console: Console) -> None:
    """Print a status as the door gives it."""
    at = datetime.fromtimestamp(status["utc_ns"] / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")
    state = "armed" if status["armed"] else "starting up: outputs safe"
    failed = status["journal"]["failed"]
    journal = f"journal at {status['journal']['seq']}" + (f" FAILED: {failed}" if failed else "")
    console.print(f"{at} UTC, {state}, {status['scans']} scans, {journal}")
    for name, unit in status["units"].items():
        _unit(console, name, unit)
    if not status["units"]:
        console.print("no batch on any unit")
    _list(console, "trips", status["interlocks"])
    if status["flood"]["active"]:
        console.print(f"FLOOD   {status['flood']['in_10_min']} alarms in 10 min: lagan alarms shows the worst first", soft_wrap=True)
    _list(console, "alarms", [f"{name} {state}" for name, state in status["alarms"].items()])
    if status.get("loops"):
        _list(console, "loops", [f"{name} {what}" for name, what in status["loops"].items()])
    lost = [f"{name} {state}" for name, state in status["devices"].items() if state != "up"]
    _list(console, "devices", lost or [f"all {len(status['devices'])} up"])


def _unit(console: Console, name: str, unit: dict[str, Any]) -> None:
    why = f" ({unit['cause']})" if unit["state"] not in ("RUNNING", "COMPLETE") else ""
    steps = ", ".join(each["step"] for each in unit["steps"]) or "no step"
    figures = "  ".join(f"{label} {figure(unit['values'], role, digits)} {eu}".rstrip() for role, label, eu, digits in SHOWN)
    console.print(f"{name:7} {unit['batch']} {unit['state']}{why}: {steps}, {unit['done']} of {unit['of']} done", soft_wrap=True)
    console.print(f"        {figures}", soft_wrap=True)
    for prompt, text in unit["prompts"].items():
        console.print(f"asks    {unit['batch']} {prompt}: {text}", soft_wrap=True)
    if unit["waiting"]:
        console.print(f"waits   {name} for {unit['waiting']}", soft_wrap=True)


def _list(console: Console, what: str, names: list[str]) -> None:
    console.print(f"{what:7} {', '.join(names) or 'none'}", soft_wrap=True)
