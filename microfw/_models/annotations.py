"""Type annotations taken apart, and which part of the request they suggest."""

import types
import typing
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin

from msgspec import Struct

from microfw._models.fields import (
    Field,
    fields_of,
    forbids_others,
    has_fields,
    is_model,
    is_named_tuple,
)
from microfw._models.plain import is_class, is_hashable

_QUALIFIERS = (typing.Required, typing.NotRequired, typing.Final)
_SCALARS = {bool, bytes, float, int, str, type(None)}
_COLLECTIONS = (list, set, frozenset, tuple, deque, AbstractSet)


def bare(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Find the type inside `Annotated`, `NewType`, aliases, qualifiers; and what annotates it."""
    metadata: tuple[Any, ...] = ()
    if type(annotation) is type:  # as most are
        return annotation, metadata
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            metadata = (*annotation.__metadata__, *metadata)
            annotation = annotation.__origin__
        elif origin in _QUALIFIERS:
            (annotation,) = get_args(annotation)
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif isinstance(annotation, TypeVar):
            annotation = annotation.__bound__ or Any
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            return annotation, metadata


def members_of(annotation: Any) -> tuple[Any, ...]:
    """List the members of a union; none for another type."""
    if type(annotation) is type:
        return ()
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else ()


def name_of_type(annotation: Any) -> str:
    return annotation.__qualname__ if is_class(annotation) else str(annotation)


def allows_none(annotation: Any) -> bool:
    """Tell whether `None` is a value of the type."""
    annotation, _ = bare(annotation)
    if annotation is None or annotation in (Any, object, type(None)):
        return True
    if get_origin(annotation) is Literal:
        return None in get_args(annotation)
    return any(map(allows_none, members_of(annotation)))


def is_sequence(annotation: Any) -> bool:
    """Tell whether the values of a repeated key belong together in one value of the type."""
    annotation, metadata = bare(annotation)
    if is_in_json(metadata):
        return False
    members = members_of(annotation)
    if members:
        return any(map(is_sequence, members))
    origin = get_origin(annotation) or annotation
    if not is_class(origin) or issubclass(origin, str | bytes | bytearray | Mapping | Enum):
        return False
    if issubclass(origin, _COLLECTIONS):
        return True
    return origin.__module__ == "collections.abc" and issubclass(origin, Iterable)


def is_scalar(annotation: Any) -> bool:
    """Tell whether one piece of text can hold a value of the type."""
    if type(annotation) is type and annotation in _SCALARS:
        return True
    annotation, metadata = bare(annotation)
    if is_in_json(metadata):
        return True
    members = members_of(annotation)
    if members:
        return all(map(is_scalar, members))
    origin = get_origin(annotation) or annotation
    if not is_class(origin):
        return True
    if issubclass(origin, Mapping) or is_sequence(annotation):
        return False
    return not has_fields(origin)


def is_scalar_sequence(annotation: Any) -> bool:
    """Tell whether the type is a sequence of such values, or a union that holds one."""
    annotation, _ = bare(annotation)
    members = members_of(annotation)
    if members:
        return is_sequence(annotation) and all(
            is_scalar(member) or is_scalar_sequence(member) for member in members
        )
    items = (item for item in get_args(annotation) if item is not Ellipsis)
    return is_sequence(annotation) and all(map(is_scalar, items))


def is_in_json(metadata: Iterable[Any]) -> bool:
    """Tell whether what annotates a type is pydantic's `Json`: values are text that holds JSON."""
    return any(type(entry).__name__ == "Json" and is_of_pydantic(entry) for entry in metadata)


def has_validators(annotation: Any) -> bool:
    """Tell whether functions of the author's see what is sent, and may read anything of it."""
    kind, metadata = bare(annotation)
    names = {type(entry).__name__ for entry in metadata}
    decorators = getattr(kind, "__pydantic_decorators__", None)
    return bool(getattr(decorators, "model_validators", None)) or not names.isdisjoint(
        ("BeforeValidator", "WrapValidator", "PlainValidator")
    )


def is_of_pydantic(value: Any) -> bool:
    """Tell whether a value, or a class, comes from pydantic."""
    kind: Any = value if isinstance(value, type) else type(value)
    return kind.__module__.partition(".")[0] in ("pydantic", "pydantic_core")


def is_field(entry: Any) -> bool:
    """Tell whether a value is what pydantic's `Field()` returns."""
    return type(entry).__name__ == "FieldInfo" and is_of_pydantic(entry)


def types_in(annotation: Any, *, into_models: bool = True) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Walk through the types that a type is made of, with what annotates each; itself first.

    Each is seen once, fields of classes included; those of pydantic's only if asked for.
    """
    seen: set[Any] = set()
    left = [annotation]
    while left:
        kind, metadata = bare(left.pop())
        is_known = is_hashable(kind) and kind in seen
        if metadata or not is_known:
            yield kind, metadata
        if is_known or get_origin(kind) is Literal:
            continue
        if is_hashable(kind):
            seen.add(kind)
        for part in get_args(kind):
            left += part if isinstance(part, list) else [part]
        if into_models or not is_model(get_origin(kind) or kind):
            left += [field.annotation for field in fields_of(kind) or ()]


# ---------------------------------------------------------------------- groups


class Group(Struct, frozen=True):
    """What a class asks for where its values are sent one by one."""

    fields: tuple[Field, ...]
    forbids_others: bool
    """Whether it refuses keys that are none of these."""
    is_model: bool
    """Whether it is pydantic's, whose validators may make any value of text."""


def group_of(annotation: Any) -> Group | None:
    """Look into a class with named fields, or a union of such; `None` for any other type."""
    members = [member for member in members_of(bare(annotation)[0]) if member is not type(None)]
    groups = [_group(member) for member in members or [annotation]]
    if None in groups:
        return None
    present = [group for group in groups if group is not None]
    return Group(
        tuple(field for group in present for field in group.fields),
        all(group.forbids_others for group in present),
        all(group.is_model for group in present),
    )


def _group(annotation: Any) -> Group | None:
    kind, metadata = bare(annotation)
    fields = fields_of(kind)
    if fields is None or is_in_json(metadata) or is_named_tuple(get_origin(kind) or kind):
        return None
    return Group(tuple(fields), forbids_others(kind), is_model(get_origin(kind) or kind))
