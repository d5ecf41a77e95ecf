"""Writes the reference of the configuration from the models themselves.

Made by ``python -m gateway.config.reference > docs/reference/config.md``; a test compares the two.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TextIO, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway.config import instrument, models, security
from gateway.config.phases import BATCH_FIGURES, LOT_FIGURES, PHASES

PAGES: tuple[tuple[str, str, tuple[type[BaseModel], ...]], ...] = (
    ("site.yaml", "site:", (models.Site, models.Scan, models.Record)),
    ("devices.yaml", "links: devices:", (models.Link, security.Security, models.Device)),
    ("tags.yaml", "tags: derived:", (models.Tag, models.Output, models.Derived)),
    ("units.yaml", "units:", (models.Unit,)),
    ("loops.yaml", "loops:", (models.Loop, models.Limiter)),
    ("matrix.yaml", "interlocks:", (models.Interlock,)),
    ("alarms.yaml", "alarms:", (models.Alarm,)),
    ("checks.yaml", "checks:", (models.Check,)),
    ("instruments/NAME.yaml", "instrument: NAME", (
        instrument.Instrument, instrument.RegisterPoint, instrument.Status, instrument.Limits, instrument.Whole, instrument.Watchdog,
        instrument.Identity, instrument.NodePoint)),
    ("recipes/NAME.yaml", "recipe: NAME", (models.Recipe, models.FormulaItem, models.Step)),
    ("lots/NAME.yaml", "lot: NAME", (models.Lot, models.Assay)),
    ("simulation.yaml", "simulation:", (models.Simulation, models.SenseModel)),
)

INTRODUCTION = """# Configuration

Written by `python -m gateway.config.reference` from the models; do not edit by hand.

`lagan check` reads the folder, prints every fault with file and line, and says what plant it describes. Nothing is read
while the plant runs: **changes take effect at the next start.**

## The files

YAML 1.2, at most 1 MiB and 20 levels each. Anchors, aliases, tags, duplicate keys, NaN and infinity are faults; so are a
number in quotes, a word where a number is due and a key nobody knows. A file that is not named below is a fault too.

**Templates.** An entry whose name holds a placeholder stands for several:

```yaml
TT-10{n}1A:
  each: {n: [1, 2, 3]}        # TT-1011A, TT-1021A, TT-1031A
  device: TC-10{n}            # filled in wherever it stands
  number: "{n}"               # nothing but a placeholder: the number itself
  port: "=15010+{n}"          # sums and products of whole numbers, from left to right
```

**Classes.** A row of the matrix or an alarm with `class` stands once for every unit of that class, as `R-101.level_high`.

**Names in conditions** are roles of the row's unit (`level`), roles of units it `uses` (`feeder.running`), tags
(`TT-1011A`), derived tags, figures of the unit and of the site. A figure's unit is the end of its name: `rise_trip_k_min`
is in K/min, `lel_alarm_pct_lel` in %LEL. A literal carries its unit: `95 degC`.

**Functions**: `good(TAG)`, `bad(TAG)`, `usable(TAG)` (also Uncertain), `u(TAG)` (its standard uncertainty; unknown where none is
known), `abs`, `min`, `max`, `exp` of a plain number, `any`, `all`.
"""


def write(out: TextIO) -> None:
    """The whole reference as markdown."""
    out.write(INTRODUCTION)
    for file, keys, kinds in PAGES:
        out.write(f"\n## {file}\n\n`{keys}`\n")
        for kind in kinds:
            out.writelines(_model(kind))
    out.writelines(_phases())


def _model(kind: type[BaseModel]) -> Iterator[str]:
    yield f"\n### {kind.__name__}\n\n{re.sub(r' *``', '`', _plain(kind.__doc__ or ''))}\n\n"
    yield "| key | value | default |\n|---|---|---|\n"
    for name, field in kind.model_fields.items():
        yield f"| `{field.alias or name}` | {_kind(field.annotation)}{_bounds(field)} | {_default(field)} |\n"


def _plain(text: str) -> str:
    """A docstring as one paragraph."""
    return " ".join(text.replace("``", "`").split())


def _kind(annotation: Any) -> str:
    """A type in words."""
    if get_origin(annotation) is Annotated:
        return _kind(get_args(annotation)[0])
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(each) for each in arguments if each is not type(None))
    if origin is dict:
        return f"{_kind(arguments[0])} → {_kind(arguments[1])}"
    if origin is tuple:
        parts = [_kind(each) for each in arguments if each is not Ellipsis]
        return f"list of {parts[0]}" if Ellipsis in arguments else f"[{', '.join(parts)}]"
    words = {float: "number", int: "whole number", str: "text", bool: "true or false", Any: "anything"}
    return words.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _bounds(field: FieldInfo) -> str:
    found = []
    for each in field.metadata:
        found += [
            f" {sign} {getattr(each, key)}"
            for kind, sign, key in ((Ge, "≥", "ge"), (Gt, ">", "gt"), (Le, "≤", "le"), (Lt, "<", "lt"))
            if isinstance(each, kind)
        ]
    return "," + ",".join(found) if found else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value in (None, "", {}, ()):
        return ""
    return "see below" if isinstance(value, BaseModel) else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _phases() -> Iterator[str]:
    yield "\n## Phases a recipe may call\n"
    for phase in PHASES.values():
        yield f"\n### {phase.name}\n\n{phase.description} Feed: {', '.join(phase.feeds)}.\n\n"
        yield "| parameter | unit | low | high | default | |\n|---|---|---|---|---|---|\n"
        for name, p in phase.parameters.items():
            default = "**required**" if p.default is None else f"{p.default:g}"
            yield f"| `{name}` | {p.unit} | {p.low:g} | {p.high:g} | {default} | {p.description} |\n"
    yield "\n## Names a recipe expression may use\n\n"
    yield "Formula values, computed values above, figures of the unit as `unit.number`, and of the lot:\n\n"
    yield "".join(f"* `{name}` in {unit}\n" for name, unit in LOT_FIGURES.items())
    yield "\nAn internal tag may show `loop.TIC-1011.sp`, `.ramped` or `.out`, and of a batch on a unit:\n\n"
    yield "".join(f"* `batch.R-101.{name}` in {unit}\n" for name, unit in BATCH_FIGURES.items())


if __name__ == "__main__":
    write(sys.stdout)
