"""Schemas of the types that msgspec validates."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from microfw._models import NoJSONValueError, encode_json, parse_json
from microfw.openapi._wants import Want
from microfw.openapi.constants import REF_PREFIX

_LIMITS = {
    "gt": "exclusiveMinimum",
    "ge": "minimum",
    "lt": "exclusiveMaximum",
    "le": "maximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
}
_LENGTHS = {"string": "Length", "array": "Items", "object": "Properties"}


def msgspec_schemas(
    wants: Sequence[Want], others: Sequence[Any], refer: Callable[[Any], dict[str, Any]]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Set the schema of each, and return those of the others, and all to which these refer.

    Args:
        wants: What is needed.
        others: Types that types of the other library hold.
        refer: Returns the reference to a type that msgspec does not know.

    Raises:
        TypeError: One of the types has no schema.
    """
    made, definitions = msgspec.json.schema_components(
        [*(want.bare for want in wants), *others],
        schema_hook=refer,
        ref_template=f"{REF_PREFIX}{{name}}",
    )
    for want, schema in zip(wants, made, strict=False):
        want.schema = {**schema, **_limits(schema, want.limits), **_said(want)}
    return [*made[len(wants) :]], definitions


def _limits(schema: Mapping[str, Any], limits: Mapping[str, Any]) -> dict[str, Any]:
    renamed = {word: limits[name] for name, word in _LIMITS.items() if name in limits}
    kind = schema.get("type", "object" if "$ref" in schema else None)
    measure = _LENGTHS.get(kind, "Length")
    for name in ("min", "max"):
        if f"{name}_length" in limits:
            renamed[f"{name}{measure}"] = limits[f"{name}_length"]
    return renamed


def _said(want: Want) -> dict[str, Any]:
    documentation = want.documentation
    said: dict[str, Any] = {
        "title": documentation.title,
        "description": documentation.description,
        "examples": documentation.examples,
    }
    with suppress(NoJSONValueError):
        said["default"] = None if want.default is ... else parse_json(encode_json(want.default))
    said |= documentation.json_schema_extra or {}
    return {name: value for name, value in said.items() if value is not None}
