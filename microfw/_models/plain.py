"""What a value is, for values of which nothing is known."""

import builtins
from collections.abc import Mapping, Sequence, Set
from typing import Any, TypeGuard

_BUILTINS = frozenset(kind for kind in vars(builtins).values() if type(kind) is type)


def is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Tell whether a value is a dict, or something like it."""
    return isinstance(value, Mapping)


def is_array(value: object) -> TypeGuard[Sequence[Any]]:
    """Tell whether a value is what JSON has as an array."""
    return isinstance(value, list | tuple)


def is_set(value: object) -> TypeGuard[Set[Any]]:
    return isinstance(value, Set)


def is_class(value: object) -> TypeGuard[type[Any]]:
    return isinstance(value, type)


def is_builtin(value: object) -> bool:
    """Tell whether a value is one of Python's own classes, as most that are declared are."""
    return type(value) is type and value in _BUILTINS


def kind_of(value: object) -> Any:
    """Return the very class of a value."""
    return type(value)


def is_hashable(value: object) -> bool:
    """Tell whether a value can be looked up in a dict."""
    try:
        hash(value)
    except TypeError:
        return False
    return True
