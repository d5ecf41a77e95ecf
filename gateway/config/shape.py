"""From a tree of lines to models: plain values, pydantic's judgement, and faults that a plant engineer can read."""

from __future__ import annotations

import re
import types
from collections.abc import Sequence
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.config.draft import Draft, Path
from gateway.config.faults import Fault, Place, nearest
from gateway.config.yaml_source import Mapping, Scalar, Tree

Spots = dict[Path, Place]


def plain(tree: Tree, path: Path, key: Place, places: Spots) -> Any:
    """The tree as dicts, tuples and scalars; notes in ``places`` where each key path stands."""
    if isinstance(tree, Scalar):
        places[path] = tree.place
        return tree.value
    places[path] = key
    if isinstance(tree, Mapping):
        return {k.value: plain(value, (*path, str(k.value)), k.place, places) for k, value in tree.items}
    return tuple(plain(value, (*path, str(i)), value.place, places) for i, value in enumerate(tree.items))


def shaped(model: type[BaseModel], tree: Tree, path: Path, key: Place, draft: Draft) -> tuple[Any, list[Fault]]:
    """One model from a tree, or None and what is wrong with it."""
    here: Spots = {}
    value = plain(tree, path, key, here)
    draft.places |= here
    if draft.spoiled.intersection(here.values()):
        return None, []
    try:
        return model.model_validate(value, strict=True), []
    except ValidationError as error:
        return None, _faults(model, error.errors(include_url=False), path, draft)


def _faults(model: type[BaseModel], errors: Sequence[ErrorDetails], path: Path, draft: Draft) -> list[Fault]:
    """One fault for each place that pydantic rejects (a union is rejected once for each of its members)."""
    found: dict[Path, Fault] = {}
    for error in errors:
        where = (*path, *(str(part) for part in error["loc"]))
        known = where
        while known not in draft.places and len(known) > len(path):
            known = known[:-1]
        shown = where if error["type"] in ("missing", "extra_forbidden") else known
        found.setdefault(shown, _fault(model, error, shown, draft.places.get(known, draft.place(*known))))
    return list(found.values())


def _fault(model: type[BaseModel], error: ErrorDetails, path: Path, place: Place) -> Fault:
    dotted, kind = ".".join(path), error["type"]
    if kind == "extra_forbidden":
        keys = _keys(model, error["loc"][:-1])
        return Fault(place, dotted, f"unknown key {path[-1]!r}", tuple(sorted(keys)), nearest(path[-1], keys))
    if kind == "missing":
        return Fault(place, dotted, "is missing")
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'|(\d+)", str(error.get("ctx", {}).get("expected", "")))
        allowed = [word or number for word, number in allowed]
        return Fault(place, dotted, _shown(error["input"]), tuple(allowed), nearest(str(error["input"]), allowed))
    return Fault(place, dotted, f"{_shown(error['input'])} {_sentence(error)}")


def _sentence(error: ErrorDetails) -> str:
    kind = error["type"]
    if kind in ("float_type", "int_type", "float_parsing", "int_parsing"):
        return "is not a number" + (" (text in quotes)" if isinstance(error["input"], str) else "")
    if kind in ("string_type", "bool_type"):
        return f"must be {'text' if kind == 'string_type' else 'true or false'}"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return "must be a mapping of keys and values"
    if kind == "string_pattern_mismatch":
        return "is not a name: letters, digits, '.', '_' and '-', beginning with a letter or digit"
    return error["msg"].replace("Input should be", "must be").replace("Tuple", "list")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _keys(model: Any, loc: Sequence[str | int]) -> list[str]:
    """The keys allowed in the model at a location inside ``model``."""
    for part in loc:
        model = _inside(model, part)
    return [field.alias or name for name, field in model.model_fields.items()] if _is_model(model) else []


def _inside(kind: Any, part: str | int) -> Any:
    """The type found at one key of a type."""
    if _is_model(kind):
        for name, field in kind.model_fields.items():
            if part in (name, field.alias):
                return _one(field.annotation)
        return None
    arguments = get_args(kind)
    return _one(arguments[-1]) if get_origin(kind) is dict else _one(arguments[0]) if arguments else None


def _one(kind: Any) -> Any:
    """The model or container in an optional annotation."""
    if get_origin(kind) in (Union, types.UnionType):
        return next((member for member in get_args(kind) if member is not type(None)), None)
    return kind


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
