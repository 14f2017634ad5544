"""Structs of exactly the declared classes, as most results are: msgspec has nothing to convert."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

import msgspec

from microfw._models.annotations import bare, members_of, types_in
from microfw._models.fields import fields_of, is_struct
from microfw._models.plain import is_class

_PLAIN = {
    *(str, int, float, bool, bytes, NoneType, datetime, date, time, timedelta, Decimal, UUID),
    *(list, set, frozenset, tuple, Union, UnionType, Literal, msgspec.UnsetType),
}
_UNTYPED = (list, set, frozenset, tuple)
"""Collections of anything."""


def exact_classes(annotation: Any) -> tuple[set[Any], set[Any]]:
    """Find the Structs of which a type's values are, and those of which its lists consist."""
    kind, _ = bare(annotation)
    return _structs_of(kind), _structs_of(*get_args(kind)) if get_origin(kind) is list else set()


def _structs_of(annotation: Any) -> set[Any]:
    kind, _ = bare(annotation)
    members = (bare(member)[0] for member in members_of(kind) or (kind,))
    kinds = {get_origin(member) or member for member in members}
    return {each for each in kinds if each is NoneType or is_struct(each)}


def is_flat(kind: Any) -> bool:
    """Tell whether a class is a Struct with nothing but plain fields, or `None`'s.

    What such a field holds shows nothing but itself, if it is valid as JSON.
    """
    return kind is NoneType or (
        is_struct(kind) and all(_is_plain(field.annotation) for field in fields_of(kind) or ())
    )


def _is_plain(annotation: Any) -> bool:
    return all(
        ((get_origin(kind) or kind) in _PLAIN and kind not in _UNTYPED)
        or (is_class(kind) and issubclass(kind, Enum))
        for kind, _ in types_in(annotation)
    )
