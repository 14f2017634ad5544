"""Tests whether a result is so exactly of its type that encoding it shows nothing else.

msgspec encodes an instance of a subclass with all the fields that the subclass adds, and takes an
instance of a declared class as it is, with whatever stands in its fields. So a value goes straight
to the encoder only if its models, and those inside of them, are of the very classes declared.
"""

from collections import deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, get_args, get_origin
from uuid import UUID

from microfw._validation._annotations import bare, members_of
from microfw._validation._models import Style, model_of, style_of
from microfw._validation._plain import is_class

IsExact = Callable[[Any], bool]

_ATOMS = {str, int, float, bool, bytes, Decimal, UUID, datetime, date, time, timedelta, type(None)}
_OBJECTS = (Style.STRUCT, Style.DATACLASS, Style.ATTRS)


def exactness_of(annotation: Any) -> IsExact:
    """Make the test for values of a type. Where it is in doubt, it says no."""
    return _Tests().test(annotation)


def holds_models(annotation: Any) -> bool:
    """Tell whether the type is a class with fields, or one is a part of it."""
    annotation, _ = bare(annotation)
    return model_of(annotation) is not None or any(map(holds_models, get_args(annotation)))


def nests_models(annotation: Any) -> bool:
    """Tell whether a model in the type has fields that hold models."""
    annotation, _ = bare(annotation)
    model = model_of(annotation)
    if model is not None:
        return any(holds_models(field.annotation) for field in model.fields)
    return any(map(nests_models, get_args(annotation)))


def has_loose_attributes(kind: Any) -> bool:
    """Tell whether msgspec would encode attributes that are no fields."""
    return style_of(kind) is Style.ATTRS and bool(kind.__dictoffset__)


class _Tests:
    def __init__(self) -> None:
        self._models: dict[Any, IsExact] = {}

    def test(self, annotation: Any) -> IsExact:
        annotation, metadata = bare(annotation)
        if metadata:  # limits, which have to be checked
            return _never
        if annotation in (Any, object):
            return _always
        members = members_of(annotation)
        if members:
            return self._any(members)
        origin = get_origin(annotation) or annotation
        if origin in (list, set, frozenset, deque):
            return self._collection(origin, *(get_args(annotation) or (Any,)))
        if origin is dict:
            return self._dictionary(*(get_args(annotation) or (Any, Any)))
        if has_loose_attributes(origin):
            return _never
        if style_of(annotation) in _OBJECTS:
            return self._model(annotation, origin)
        is_enum = is_class(origin) and issubclass(origin, Enum)
        return _is(origin) if is_enum or origin in _ATOMS else _never

    def _any(self, members: tuple[Any, ...]) -> IsExact:
        tests = [self.test(member) for member in members]
        return lambda value: any(test(value) for test in tests)

    def _collection(self, origin: type[Any], item: Any) -> IsExact:
        test = self.test(item)
        if test is _always:
            return _is(origin)
        return lambda value: type(value) is origin and all(map(test, value))

    def _dictionary(self, key: Any, item: Any) -> IsExact:
        test_key, test_item = self.test(key), self.test(item)
        if test_key is _always and test_item is _always:
            return _is(dict)

        def is_exact(value: Any) -> bool:
            return (
                type(value) is dict
                and all(map(test_key, value))  # pyright: ignore[reportUnknownArgumentType]
                and all(map(test_item, value.values()))  # pyright: ignore[reportUnknownArgumentType]
            )

        return is_exact

    def _later(self, annotation: Any) -> IsExact:
        def is_exact(value: Any) -> bool:
            return self._models[annotation](value)

        return is_exact

    def _model(self, annotation: Any, origin: type[Any]) -> IsExact:
        if annotation in self._models:
            return self._later(annotation)
        self._models[annotation] = _never  # until its fields are known, which may be of this type
        model = model_of(annotation)
        tests = [
            (field.attribute, self.test(field.annotation))
            for field in (model.fields if model else ())
            if holds_models(field.annotation)
        ]
        test = _is(origin) if not tests else _is_with(origin, tests)
        self._models[annotation] = test
        return test


def _always(value: Any) -> bool:
    return True


def _never(value: Any) -> bool:
    return False


def _is(kind: type[Any]) -> IsExact:
    return lambda value: type(value) is kind


def _is_with(kind: type[Any], tests: list[tuple[str, IsExact]]) -> IsExact:
    def is_exact(value: Any) -> bool:
        return type(value) is kind and all(test(getattr(value, name, None)) for name, test in tests)

    return is_exact
