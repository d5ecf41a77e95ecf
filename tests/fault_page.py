"""Which test drives which row of the fault catalogue, as a page: ``python -m tests.fault_page > docs/reference/faults.md``.

Row ids: M Modbus, U OPC UA, D data, S storage, T time. Read from the marks in the tests' sources.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parent
LINKS = [f"{letter}{number:02}" for letter, last in (("M", 37), ("U", 18), ("D", 10)) for number in range(1, last + 1)]
"""Rows that a link must stand: every one has a test."""
HEAD = """# Faults and the tests that drive them

Every row of the fault catalogue that a link must stand, and those of storage and time that are tested, with what is then true:
the names of the tests. `pytest -k NAME` runs one. Written by `python -m tests.fault_page`.
"""
KINDS = {"M": "Modbus", "U": "OPC UA", "D": "Data", "S": "Storage", "T": "Time"}


def marked() -> dict[str, list[tuple[str, str]]]:
    """Row -> (test in words, file) in the order of files."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for row in _rows(node):
                    found.setdefault(row, []).append((node.name[5:].replace("_", " "), path.relative_to(TESTS).as_posix()))
    return found


def _rows(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """The ids in its marks, also in those of single parameters."""
    for decorator in node.decorator_list:
        for call in ast.walk(decorator):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.fault":
                yield from (arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str))
        for constant in ast.walk(decorator):            # tables whose rows carry their id as a parameter
            if isinstance(constant, ast.Constant) and isinstance(constant.value, str) and re.fullmatch(r"[MUDST]\d\d", constant.value):
                yield constant.value


def page() -> str:
    """The whole page."""
    lines, found = [HEAD], marked()
    for letter, kind in KINDS.items():
        rows = sorted(row for row in found if row.startswith(letter))
        if rows:
            lines += [f"## {kind}", "", "| row | test | in |", "|---|---|---|"]
            lines += [f"| {row} | {words} | `{where}` |" for row in rows for words, where in dict.fromkeys(found[row])]
            lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
