"""Shape: how values of one type are made of what was received."""

from collections.abc import Callable
from enum import Enum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from microfw._validation._constraints import ConstraintError, Constraints, Family, Test, tests_of
from microfw._validation._errors import invalid
from microfw._validation._plain import is_array, is_mapping

Convert = Callable[[Any], Any]
"""Takes what was received; returns the value, or raises `Invalid`."""


class Medium(Enum):
    """What is received."""

    TEXT = "text"
    """Strings, and lists of strings."""
    JSON = "json"
    """Plain data."""
    RESULT = "result"
    """Whatever an endpoint returned; of objects the attributes are read."""


class UnsupportedTypeError(TypeError):
    """There is no way to make values of a type."""


class Shape(Struct):
    """How values of one type are made, and what it has to do with other types in a union."""

    label: str
    """What stands for the type in an error's `loc`, where it is one of a union."""
    convert: Convert
    exact: tuple[type[Any], ...] = ()
    """The types of those inputs that need no conversion."""
    family: Family = Family.OTHER
    refusal: tuple[str, str] = ("is_instance_of", "Input should be an instance of the type")
    """The `type` and `msg` of the error about an input of quite another type."""
    keys: frozenset[str] = frozenset()
    """The keys that a model knows."""
    tag: tuple[str, Any] | None = None
    """The key and the value by which a model is told from others."""


_COUNTED_FIRST = {Family.LIST, Family.TUPLE, Family.DICTIONARY}
_NAMED_WHEN_CONSTRAINED = {Family.STRING, Family.INTEGER, Family.FLOAT}


def constrained(shape: Shape, constraints: Constraints) -> Shape:
    """Set limits on the values of a shape.

    Raises:
        ConstraintError: One of the constraints does not fit the type.
    """
    tests = tests_of(constraints, shape.family)
    convert = _tested(shape.convert, tests)
    if constraints.max_length is not None and shape.family in _COUNTED_FIRST:
        convert = _counted_first(convert, tests[-1], constraints.max_length)
    if constraints.strict:
        if not shape.exact:
            raise ConstraintError("strict says nothing about such values")
        convert = _exact_only(convert, shape)
    is_renamed = shape.family in _NAMED_WHEN_CONSTRAINED
    label = f"constrained-{shape.label}" if is_renamed else shape.label
    return replace(shape, label=label, convert=convert)


def _tested(convert: Convert, tests: list[Test]) -> Convert:
    def convert_and_test(value: Any) -> Any:
        made = convert(value)
        for test in tests:
            test(made, value)
        return made

    return convert_and_test if tests else convert


def _counted_first(convert: Convert, test: Test, limit: int) -> Convert:
    """Do not look into what has too many items."""

    def convert_if_short(value: Any) -> Any:
        if (is_array(value) or is_mapping(value)) and len(value) > limit:
            test(value, value)
        return convert(value)

    return convert_if_short


def _exact_only(convert: Convert, shape: Shape) -> Convert:
    kind, message = shape.refusal
    context = {"class": shape.exact[0].__name__} if kind == "is_instance_of" and shape.exact else {}

    def convert_if_exact(value: Any) -> Any:
        if type(value) not in shape.exact:
            raise invalid(kind, message, value, **context)
        return convert(value)

    return convert_if_exact
