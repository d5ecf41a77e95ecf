"""A register list as makers and integrators hand it round: CSV, a header line, one point a line.

    name;table;address;kind;unit;scale;low;high;note
    ph;input;101;float32;pH;1;0;14;measured value 1

Columns are the keys of a point in YAML (``instrument.RegisterPoint``); name, table and address are needed, the others may be
left out or empty. The separator is what the header uses: comma, semicolon or tab. Numbers have a decimal point; 0x.. is hexadecimal.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.config.faults import Fault, Place, nearest
from gateway.config.instrument import RegisterPoint

MAX_BYTES = 1024 * 1024
MAX_ROWS = 10_000
NEEDED = ("name", "table", "address")
_NESTED = ("statuses", "sequences", "not_available", "counting", "states", "scaled")
COLUMNS = ("name", *(key for key in RegisterPoint.model_fields if key not in _NESTED))
_WHOLE = ("address", "bit", "bits", "length", "trigger")
_NUMBER = ("scale", "offset", "low", "high", "fail_low", "fail_high")


def read_list(path: Path, shown: str) -> tuple[dict[str, RegisterPoint], list[Fault]]:
    """The points of a register list, and everything that is wrong with it by line. ``shown``: its name in faults."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return {}, [Fault(Place(shown, 1), "", f"{path.stat().st_size} bytes, at most {MAX_BYTES}")]
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as why:
        return {}, [Fault(Place(shown, 1), "", f"cannot be read: {why}")]
    if not lines:
        return {}, [Fault(Place(shown, 1), "", "is empty; a header line is needed", COLUMNS)]
    separator = max(",;\t", key=lines[0].count)
    head = [cell.strip() for cell in next(csv.reader([lines[0]], delimiter=separator))]
    faults = _head(head, shown)
    if faults:
        return {}, faults
    points: dict[str, RegisterPoint] = {}
    for number, cells in enumerate(csv.reader(lines[1 : MAX_ROWS + 1], delimiter=separator), 2):
        if any(cell.strip() for cell in cells):
            _row(dict(zip(head, (cell.strip() for cell in cells), strict=False)), Place(shown, number), points, faults)
    return points, faults


def _head(head: list[str], shown: str) -> list[Fault]:
    at = Place(shown, 1)
    faults = [Fault(at, name, f"unknown column {name!r}", COLUMNS, nearest(name, COLUMNS)) for name in head if name not in COLUMNS]
    faults += [Fault(at, name, "a second column of that name") for name in sorted(set(head)) if head.count(name) > 1]
    return faults + [Fault(at, name, "the column is missing", NEEDED) for name in NEEDED if name not in head]


def _row(row: dict[str, str], at: Place, points: dict[str, RegisterPoint], faults: list[Fault]) -> None:
    name = row.pop("name", "")
    if not name or name in points:
        faults.append(Fault(at, name, f"a second {name!r}" if name else "a point without a name"))
        return
    try:
        values = {key: _value(key, text) for key, text in row.items() if text}
    except ValueError as why:
        faults.append(Fault(at, name, str(why)))
        return
    try:
        points[name] = RegisterPoint.model_validate(values, strict=True)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            key = ".".join(str(part) for part in each["loc"])
            faults.append(Fault(at, f"{name}.{key}", f"{row.get(key, '')!r}: {each['msg']}"))


def _value(key: str, text: str) -> Any:
    if key in _WHOLE or key in _NUMBER:
        try:
            return int(text, 16) if text.lower().startswith("0x") else int(text) if key in _WHOLE else float(text)
        except ValueError:
            raise ValueError(f"{key} {text!r} is no {'whole ' if key in _WHOLE else ''}number") from None
    if key == "cyclic":
        if text.lower() not in ("true", "false"):
            raise ValueError(f"cyclic {text!r} is neither true nor false")
        return text.lower() == "true"
    return text
