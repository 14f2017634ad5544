"""Whether a value holds Structs of exactly the declared classes, as most results do.

Such a value shows nothing that its type does not name. All values that stand in one place are
looked at together, by functions that run in C.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import chain
from operator import attrgetter, methodcaller
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

import msgspec

from microfw._models.annotations import bare, members_of, types_in
from microfw._models.fields import fields_of, is_struct
from microfw._models.plain import is_class

Look = Callable[[Iterable[Any]], bool]
"""Takes values of one class; returns whether all that they hold is of exactly the declared ones."""

_PLAIN = {
    *(str, int, float, bool, bytes, type(None), datetime, date, time, timedelta, Decimal, UUID),
    *(list, set, frozenset, tuple, Union, UnionType, Literal, msgspec.UnsetType),
}
_UNTYPED = (list, set, frozenset, tuple)
"""Collections of anything."""

_values_of = methodcaller("values")


def is_plain(annotation: Any) -> bool:
    """Tell whether a type names no objects: what is valid as JSON has nothing else to show."""
    return all(
        ((get_origin(kind) or kind) in _PLAIN and kind not in _UNTYPED)
        or (is_class(kind) and issubclass(kind, Enum))
        for kind, _ in types_in(annotation)
    )


def is_flat(kind: Any) -> bool:
    """Tell whether a type is a Struct with nothing but plain fields."""
    return is_struct(kind) and all(is_plain(field.annotation) for field in fields_of(kind) or ())


def exact_classes(annotation: Any) -> Mapping[type[Any], Look | None]:
    """Find the classes of a type's values, and how to look into each; `None` if there is no need.

    Empty if the type may hold values whose class says too little.
    """
    try:
        return _classes(annotation, ())
    except _UnclearError:
        return {}


class _UnclearError(Exception):
    """The classes of a type's values do not say what these show."""


def _classes(annotation: Any, around: tuple[Any, ...]) -> dict[type[Any], Look | None]:
    kind, _ = bare(annotation)
    members = [bare(member)[0] for member in members_of(kind) or (kind,)]
    return {get_origin(each) or each: _look_inside(each, around) for each in members}


def _look_inside(kind: Any, around: tuple[Any, ...]) -> Look | None:
    if is_plain(kind):
        return None
    origin, arguments = get_origin(kind) or kind, get_args(kind)
    if is_struct(origin) and kind not in around:
        return _look_at_fields(kind, (*around, kind))
    if origin is dict and arguments and arguments[0] is str:
        return _look_at_mappings(_look_at(arguments[1], around))
    if origin in (list, set, frozenset) or arguments[1:] == (...,):
        return _look_at_items(_look_at(arguments[0] if arguments else Any, around))
    raise _UnclearError


def _look_at_fields(kind: Any, around: tuple[Any, ...]) -> Look | None:
    looks = [
        (attrgetter(field.name), look)
        for field in fields_of(kind) or ()
        if (look := _look_at(field.annotation, around)) is not None
    ]
    if not looks:
        return None

    return lambda objects: all(look(map(get, objects)) for get, look in looks)


def _look_at_mappings(look: Look | None) -> Look:
    def look_at_mappings(mappings: Iterable[Any]) -> bool:
        if not {*map(type, chain.from_iterable(mappings))} <= {str}:
            return False
        return look is None or look(chain.from_iterable(map(_values_of, mappings)))

    return look_at_mappings


def _look_at_items(look: Look | None) -> Look | None:
    return look and (lambda values: look(chain.from_iterable(values)))


def _look_at(annotation: Any, around: tuple[Any, ...]) -> Look | None:
    """Make the function that looks at all values of one place."""
    if is_plain(annotation):
        return None
    classes = _classes(annotation, around)
    deeper = [(kind, look) for kind, look in classes.items() if look is not None]

    def look(values: Iterable[Any]) -> bool:
        held = [*values]
        kinds = {*map(type, held)}
        if not kinds <= classes.keys():
            return False
        for kind, look_inside in deeper:
            if kind in kinds:
                some = held if len(kinds) == 1 else [each for each in held if type(each) is kind]
                if not look_inside(some):
                    return False
        return True

    return look
