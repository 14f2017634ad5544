"""Which part of the request a type suggests: one value, many values of a key, or a body."""

from collections import deque
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any, get_args, get_origin

from microfw._validation._models import Style, style_of
from microfw._validation._pydantic import is_model
from microfw._validation._shapes import bare, members_of

_SEQUENCES = (list, set, frozenset, tuple, deque, AbstractSet)
_TEXTUAL = (str, bytes, bytearray)


def is_sequence(annotation: Any) -> bool:
    """Whether values of a repeated key belong together in one value of the type."""
    annotation, _ = bare(annotation)
    members = members_of(annotation)
    if members:
        return any(is_sequence(member) for member in members)
    origin = get_origin(annotation) or annotation
    if not isinstance(origin, type) or issubclass(origin, _TEXTUAL) or issubclass(origin, Mapping):
        return False
    if style_of(annotation) is Style.NAMED_TUPLE or issubclass(origin, Enum):
        return False
    return issubclass(origin, _SEQUENCES) or origin.__module__ == "collections.abc" and issubclass(
        origin, Iterable
    )


def is_scalar(annotation: Any) -> bool:
    """Whether one piece of text can hold a value of the type."""
    annotation, _ = bare(annotation)
    members = members_of(annotation)
    if members:
        return all(is_scalar(member) for member in members)
    origin = get_origin(annotation) or annotation
    if not isinstance(origin, type):
        return True
    if issubclass(origin, Mapping) or is_sequence(annotation):
        return False
    return style_of(annotation) is None and not is_model(origin)


def is_scalar_sequence(annotation: Any) -> bool:
    """Whether the type is a sequence (or none) of such values."""
    annotation, _ = bare(annotation)
    members = [member for member in members_of(annotation) if member is not type(None)]
    if members:
        return any(is_sequence(member) for member in members) and all(
            is_scalar_sequence(member) or is_scalar(member) for member in members
        )
    return is_sequence(annotation) and all(
        is_scalar(argument) for argument in get_args(annotation) if argument is not Ellipsis
    )
