"""Whether a result is so exactly of its type that encoding it shows nothing else.

msgspec encodes an instance of a subclass with all the fields that the subclass adds, and takes an
instance of a declared class as it is, with whatever stands in its fields. So a value goes straight
to the encoder only if its models, and those inside of them, are of the very classes declared.

Values are looked at by the column: the types of a hundred items are compared in one go, then those
of a hundred values of one of their fields.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from itertools import chain
from operator import attrgetter, methodcaller
from typing import Any, get_args, get_origin
from uuid import UUID

import msgspec

from microfw._validation._annotations import bare, members_of
from microfw._validation._models import Style, model_of
from microfw._validation._plain import is_class
from microfw._validation._pydantic import is_model

_ATOMS = {
    *(str, int, float, bool, bytes, Decimal, UUID, datetime, date, time, timedelta),
    *(type(None), msgspec.UnsetType),
}
_COLLECTIONS = (list, set, frozenset, deque)
_OBJECTS = (Style.STRUCT, Style.DATACLASS, Style.ATTRS)

Column = Callable[[Sequence[Any]], Iterable[Any]]
"""From values of one type to all that stands in one place inside of them."""


class Exactness:
    """What values of a type may consist of; a model may hold itself."""

    __slots__ = ("_atoms", "kinds", "takes_anything")

    def __init__(self) -> None:
        self._atoms: frozenset[Any] | None = None
        self.kinds: dict[Any, list[tuple[Column, Exactness]]] = {}
        """The classes that a value may have, and what stands inside of each."""
        self.takes_anything = False

    def holds(self, value: Any) -> bool:
        """Tell whether encoding the value shows nothing but what the type names."""
        if self.takes_anything:
            return True
        columns = self.kinds.get(type(value))
        if not columns:
            return columns is not None
        try:
            return _hold((value,), columns)
        except AttributeError:  # a field that was never set
            return False

    def holds_for_all(self, values: Sequence[Any]) -> bool:
        """Tell the same of several values at once."""
        if values and type(values[0]) not in self.kinds:  # as it is with most that are not
            return False
        found = set(map(type, values))
        if not found <= self.kinds.keys():
            return False
        for kind in found:
            columns = self.kinds[kind]
            same = values if len(found) == 1 or not columns else _of_kind(values, kind)
            if not _hold(same, columns):
                return False
        return True

    @property
    def atoms(self) -> frozenset[Any]:
        """The classes, if nothing stands inside of any of them; otherwise none."""
        if self._atoms is None:
            self._atoms = frozenset(() if any(self.kinds.values()) else self.kinds)
        return self._atoms


def _hold(values: Sequence[Any], columns: Iterable[tuple[Column, Exactness]]) -> bool:
    """Tell it of what stands inside of values of one class."""
    for column, exactness in columns:
        atoms = exactness.atoms
        if atoms:
            if not atoms.issuperset(map(type, column(values))):
                return False
        elif not exactness.holds_for_all(list(column(values))):
            return False
    return True


def predicate_of(annotation: Any) -> Callable[[Any], bool]:
    """Make the function that tells whether a value is exactly of a type; see `Exactness.holds`.

    For dictionaries of plain values, the commonest results, it is one that looks at nothing else.
    """
    bared, metadata = bare(annotation)
    if get_origin(bared) is dict and not metadata:
        keys, values = (exactness_of(argument).atoms for argument in get_args(bared))
        if keys and values:
            return partial(_is_dictionary_of, keys, values)
    return exactness_of(annotation).holds


def _is_dictionary_of(keys: frozenset[Any], values: frozenset[Any], value: dict[Any, Any]) -> bool:
    return (
        type(value) is dict
        and keys.issuperset(map(type, value))
        and values.issuperset(map(type, value.values()))
    )


def exactness_of(annotation: Any) -> Exactness:
    """Find out of what values of a type may consist. Where it is in doubt, of nothing."""
    return _Finder().find(annotation)


def holds_models(annotation: Any) -> bool:
    """Tell whether the type is a class with fields, or one is a part of it."""
    annotation, _ = bare(annotation)
    if is_model(annotation) or model_of(annotation) is not None:
        return True
    return any(map(holds_models, get_args(annotation)))


def nests_models(annotation: Any, levels: int = 1) -> bool:
    """Tell whether a model in the type has fields that hold models, or so over some levels."""
    annotation, _ = bare(annotation)
    model = model_of(annotation)
    if model is None:
        return any(nests_models(part, levels) for part in get_args(annotation))
    annotations = [field.annotation for field in model.fields]
    if levels == 1:
        return any(map(holds_models, annotations))
    return any(nests_models(annotation, levels - 1) for annotation in annotations)


class _Finder:
    def __init__(self) -> None:
        self._models: dict[Any, Exactness] = {}

    def find(self, annotation: Any) -> Exactness:
        annotation, metadata = bare(annotation)
        if annotation in self._models:
            return self._models[annotation]
        exactness = Exactness()
        origin = get_origin(annotation) or annotation
        if metadata:  # limits, which have to be checked
            return exactness
        if annotation in (Any, object):
            exactness.takes_anything = True
        elif members_of(annotation):
            self._of_members(members_of(annotation), exactness)
        elif origin in _COLLECTIONS:
            (item,) = get_args(annotation) or (Any,)
            exactness.kinds = {origin: self._columns((chain.from_iterable, item))}
        elif origin is dict:
            key, item = get_args(annotation) or (Any, Any)
            exactness.kinds = {
                dict: self._columns((chain.from_iterable, key), (_dictionary_values, item))
            }
        elif origin in _ATOMS or (is_class(origin) and issubclass(origin, Enum)):
            exactness.kinds = {origin: []}
        else:
            self._of_model(annotation, exactness)
        return exactness

    def _of_members(self, members: Iterable[Any], exactness: Exactness) -> None:
        found = [self.find(member) for member in members]
        exactness.takes_anything = any(member.takes_anything for member in found)
        for member in found:
            if exactness.kinds.keys() & member.kinds.keys():  # such as two kinds of lists
                exactness.kinds = {}
                return
            exactness.kinds |= member.kinds

    def _columns(self, *columns: tuple[Column, Any]) -> list[tuple[Column, Exactness]]:
        found = [(column, self.find(annotation)) for column, annotation in columns]
        return [(column, exactness) for column, exactness in found if not exactness.takes_anything]

    def _of_model(self, annotation: Any, exactness: Exactness) -> None:
        model = model_of(annotation)
        if model is None and is_model(annotation):
            exactness.kinds = {annotation: []}  # pydantic filters what is inside
        if model is None or model.style not in _OBJECTS or model.beyond_msgspec:
            return
        self._models[annotation] = exactness  # known before its fields are
        columns = self._columns(
            *(
                (_attribute(field.attribute), field.annotation)
                for field in model.fields
                if holds_models(field.annotation)
            )
        )
        exactness.kinds = {model.make: columns}


def _of_kind(values: Iterable[Any], kind: Any) -> list[Any]:
    return [value for value in values if type(value) is kind]


def _attribute(name: str) -> Column:
    get = attrgetter(name)
    return lambda values: map(get, values)


def _dictionary_values(values: Iterable[dict[Any, Any]]) -> Iterable[Any]:
    return chain.from_iterable(map(methodcaller("values"), values))
