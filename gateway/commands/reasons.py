"""What ``lagan explain`` says, for a person at a terminal: one fact a line, the reasons of a block below one another."""

from __future__ import annotations

from typing import Any

from rich.console import Console

NESTED = ("blocking", "inputs", "bypassed_rows")
NAMED = ("bypasses", "forces")


def show_explain(body: dict[str, Any], console: Console) -> None:
    """Print an explanation as the door gives it."""
    width = max(len(key) for key in body)
    for key, value in body.items():
        if key in NESTED and value:
            _line(console, key, width, "")
            for each in value:
                for text in _told(key, each):
                    console.print(f"  {text}", highlight=False, markup=False, soft_wrap=True)
        elif key in NAMED and any(isinstance(each, dict) for each in value.values()):
            _line(console, key, width, "")
            for name, each in value.items():
                console.print(f"  {name}: {plain(each)}", highlight=False, markup=False, soft_wrap=True)
        else:
            _line(console, key, width, plain(value))


def _line(console: Console, key: str, width: int, text: str) -> None:
    console.print(f"{key:{width}}  {text}".rstrip(), highlight=False, markup=False, soft_wrap=True)


def _told(key: str, each: dict[str, Any]) -> list[str]:
    if key == "inputs":
        return [reading(each)]
    if key == "bypassed_rows":
        return [f"{each['row']}: bypassed by {each['by']} until {each['until_utc']}, {each['why']}"]
    lines = [f"{each['row']} forces {plain(each['forces'])}: {each['description']}"]
    lines += [f"    {reading(one)}" for one in each["inputs"]]
    lines += [f"    needs {each['needs']}"] if each["needs"] else []
    return [*lines, f"    cause is {each['cause_is']}; reset: {each['reset']}"]


def reading(one: dict[str, Any]) -> str:
    """One input of a row: its name, its tag, what the row sees, and what is measured where that is something else."""
    measured = f", measured {plain(one['measured'])} {one['measured_quality']}" if "measured" in one else ""
    name = one["name"] if one["name"] == one["tag"] else f"{one['name']} ({one['tag']})"
    return f"{name} is {plain(one['value'])} {one['quality']}{measured}"


def plain(value: Any) -> str:
    """A value without brackets."""
    if isinstance(value, list):
        return ", ".join(plain(v) for v in value) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{k}: {plain(v)}" for k, v in value.items()) or "-"
    return "-" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value)
