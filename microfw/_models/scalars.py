"""Plain types -> core schemas of pydantic's, without pydantic's reading of annotations.

It knows what most parameters and many results are: text, numbers, times, lists and dictionaries of
these. For them a part of pydantic is enough, which is imported in half the time. The keywords that
a schema's function takes say which limits its values may have.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from inspect import signature
from typing import Any, get_args, get_origin
from uuid import UUID

from pydantic_core import CoreSchema
from pydantic_core import core_schema as cs

from microfw._models.annotations import bare, members_of
from microfw._models.constraints import Constraints
from microfw._models.plain import is_hashable

_SCALARS: Mapping[Any, Callable[..., Any]] = {
    str: cs.str_schema,
    int: cs.int_schema,
    float: cs.float_schema,
    bool: cs.bool_schema,
    bytes: cs.bytes_schema,
    datetime: cs.datetime_schema,
    date: cs.date_schema,
    time: cs.time_schema,
    timedelta: cs.timedelta_schema,
    Decimal: cs.decimal_schema,
    UUID: cs.uuid_schema,
    Any: cs.any_schema,
    object: cs.any_schema,
    None: cs.none_schema,
    type(None): cs.none_schema,
}
_COLLECTIONS: Mapping[Any, Callable[..., Any]] = {
    list: cs.list_schema,
    set: cs.set_schema,
    frozenset: cs.frozenset_schema,
    dict: cs.dict_schema,
}


def plain_schema(annotation: Any) -> CoreSchema | None:
    """Make the core schema of a plain type; `None` of one that only pydantic itself knows.

    With limits that no schema of the type has, it is pydantic's, too.
    """
    kind, metadata = bare(annotation)
    if len(metadata) > 1 or not all(isinstance(entry, Constraints) for entry in metadata):
        return None
    return _schema(kind, metadata[0].given if metadata else {})


def _schema(kind: Any, limits: Mapping[str, Any]) -> CoreSchema | None:
    members = members_of(kind)
    if members:
        (other, *others) = [each for each in members if each is not type(None)]
        inner = None if others or len(members) < 2 else _schema(other, limits)
        return inner and cs.nullable_schema(inner)
    if not is_hashable(kind):
        return None
    make = _SCALARS.get(kind)
    if make is cs.any_schema and limits:
        return None
    if make is not None:
        return _made(make, limits)
    origin = get_origin(kind) or kind
    make = _COLLECTIONS.get(origin) if is_hashable(origin) else None
    if make is None:
        return None
    count = 2 if origin is dict else 1
    parts = [plain_schema(part) for part in get_args(kind) or (Any,) * count]
    return None if None in parts else _made(make, limits, *parts)


def _made(make: Callable[..., Any], limits: Mapping[str, Any], *parts: Any) -> CoreSchema | None:
    known = limits_of(make)
    return make(*parts, **limits) if all(name in known for name in limits) else None


@cache
def limits_of(make: Callable[..., Any]) -> frozenset[str]:
    """The names of the limits that values of a kind of schema may have."""
    return frozenset(signature(make).parameters)
