"""Core schemas of pydantic's, looked into: what kinds of values a type has, and how it fails."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import core_schema as cs

from microfw._models.errors import MOST_ERRORS
from microfw._models.plain import is_array, is_mapping

ONE_VALUE = {"str", "int", "float", "bool", "bytes", "uuid", "enum", "literal", "any"}
"""Kinds whose values have no parts that may be wrong each by itself."""
OBJECTS = {"model", "dataclass", "typed-dict"}

_COLLECTIONS = {"list", "set", "frozenset", "dict"}
_HOLDERS = {"fields", "choices", "steps", "definitions"}
_PARTS = ("schema", "items_schema", "keys_schema", "values_schema")
_AROUND = {"nullable", "default", "definitions", "function-after"}


def kinds_of(schema: Any) -> set[str]:
    """The kinds of values that a schema is of, behind what only surrounds others."""
    found: set[str] = set()
    definitions: dict[str, Any] = {}
    left = [schema]
    while left:
        part = left.pop()
        kind: str = part["type"]
        if kind == "definitions":
            definitions |= {each["ref"]: each for each in part["definitions"]}
        if kind in _AROUND:
            left.append(part["schema"])
        elif kind == "definition-ref":
            left.append(definitions[part["schema_ref"]])
        elif kind == "union":
            left += [each[0] if is_array(each) else each for each in part["choices"]]
        elif kind == "tagged-union":
            left += part["choices"].values()
        elif kind == "chain":
            left.append(part["steps"][0])
        else:
            found.add(kind)
    return found


def has_ways_of_its_own(schema: Any) -> bool:
    """Whether pydantic writes values of a plain type in another way than msgspec."""
    return schema["type"] in {"bytes", "timedelta"} or any(
        has_ways_of_its_own(schema[name]) for name in _PARTS if name in schema
    )


def holds_model(part: Any) -> bool:
    """Whether a type holds a model, which has its own way to be written."""
    if is_array(part):
        return any(map(holds_model, part))
    if not is_mapping(part):
        return False  # the discriminator of a union
    if not _is_schema(part):
        return any(map(holds_model, part.values()))
    return part["type"] == "model" or any(
        holds_model(inner) for name, inner in part.items() if _is_for_schema(name)
    )


def failing_fast(part: Any) -> Any:
    """Copy a core schema, or a part of one; collections end with the first item that is wrong."""
    if is_array(part):
        copied = [failing_fast(each) for each in part]
        return tuple(copied) if isinstance(part, tuple) else copied
    if not is_mapping(part):
        return part
    if not _is_schema(part):
        return {name: failing_fast(inner) for name, inner in part.items()}
    made = {
        name: failing_fast(inner) if _is_for_schema(name) else inner for name, inner in part.items()
    }
    if part["type"] in _COLLECTIONS or "variadic_item_index" in part:
        made["fail_fast"] = True
    return _with_few_others(made) if part["type"] in OBJECTS and _forbids(part) else made


def _is_schema(part: Mapping[Any, Any]) -> bool:
    """Tell a schema from names and the schema of each; one of them may be "type"."""
    return isinstance(part.get("type"), str)


def _is_for_schema(name: str) -> bool:
    return name == "schema" or name.endswith("_schema") or name in _HOLDERS


def _forbids(part: Mapping[str, Any]) -> bool:
    config: Mapping[str, Any] = part.get("config") or {}
    return "forbid" in (config.get("extra_fields_behavior"), part.get("extra_behavior"))


def _with_few_others(schema: Any) -> Any:
    """Of keys that are not permitted, look at some: each would be an error."""
    reference = schema.pop("ref", None)
    return cs.no_info_before_validator_function(_shortened, schema, ref=reference)


def _shortened(value: Any) -> Any:
    if not is_mapping(value) or len(value) <= 2 * MOST_ERRORS:
        return value
    return dict(list(value.items())[: 2 * MOST_ERRORS])
