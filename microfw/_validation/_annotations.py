"""Type annotations taken apart, and which part of the request they suggest."""

import types
import typing
from collections import deque
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin

from msgspec import Struct

from microfw._validation._models import Style, model_of, style_of
from microfw._validation._plain import is_class
from microfw._validation._pydantic import (
    fields_of_model,
    forbids_others,
    is_in_json,
    is_model,
)

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
    """Name a type, for messages."""
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
        return style_of(annotation) is not Style.NAMED_TUPLE
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
    return style_of(annotation) is None and not is_model(origin)


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


# ---------------------------------------------------------------------- fields


class GroupField(Struct, frozen=True):
    """A field of a model whose values are sent one by one."""

    name: str
    keys: tuple[str, ...]
    """The names by which the model takes it."""
    annotation: Any
    metadata: tuple[Any, ...]


class Group(Struct, frozen=True):
    """What a model asks for where its values are sent one by one."""

    fields: tuple[GroupField, ...]
    forbids_others: bool
    """Whether it refuses keys that are none of these."""


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
    )


def _group(annotation: Any) -> Group | None:
    kind, metadata = bare(annotation)
    if is_in_json(metadata):
        return None
    if is_model(get_origin(kind) or kind):
        model_fields = fields_of_model(kind)
        return Group(tuple(GroupField(*field) for field in model_fields), forbids_others(kind))
    model = model_of(kind)
    if model is None or model.style is Style.NAMED_TUPLE:
        return None
    return Group(
        tuple(
            GroupField(field.attribute, (field.key,), *bare(field.annotation))
            for field in model.fields
        ),
        model.forbids_others,
    )
