"""What an endpoint returned -> JSON, by its return annotation where there is one.

The annotation is a filter as much as a check: what it does not name is never sent, whatever class
the value turns out to be of.
"""

from collections import deque
from collections.abc import (
    Collection,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    Reversible,
    ValuesView,
)
from types import GenericAlias, MappingProxyType
from typing import Any, get_args, get_origin

from microfw._models.annotations import bare
from microfw._models.converter import converter_of
from microfw._models.encoding import (
    KNOWN_BY_CLASS,
    NoJSONValueError,
    encode_declared,
    encode_undeclared,
)
from microfw._models.errors import Convert, Error, Invalid, UnsupportedTypeError, below, error
from microfw._models.plain import is_class
from microfw._models.selection import EVERYTHING, Encode, Encoders, Selection, selector
from microfw.exceptions import ResponseValidationError

_UNDECLARED = (None, type(None))
_ANYTHING = (Any, object)
_NOTHING: Mapping[Any, Any] = MappingProxyType({})


class ResultConverter:
    """What one route does with the results of its endpoint, or with the items of a stream.

    Both functions raise `ResponseValidationError` where a result does not fit.

    Args:
        annotation: What results are validated and filtered by. `Any` lets everything pass, and so
            does `None`, with which decimals are numbers; where a type is declared they are text.
        selection: What is sent of them.
        encoders: Functions of the user's, by class.
        endpoint: What the error says of the endpoint; see `ResponseValidationError`.

    Attributes:
        narrow: Returns the value as the annotation has it.
        encode: Returns JSON.

    Raises:
        UnsupportedTypeError: The annotation is no type of values.
    """

    __slots__ = ("encode", "narrow")

    narrow: Convert
    encode: Encode

    def __init__(
        self,
        annotation: Any,
        selection: Selection = EVERYTHING,
        encoders: Encoders = _NOTHING,
        endpoint: Mapping[str, Any] = _NOTHING,
    ) -> None:
        bared, said = bare(annotation)
        is_anything = bared in _ANYTHING and not any(map(_is_of_pydantic, said))
        if bared in _UNDECLARED or is_anything:
            encode = encode_undeclared if bared in _UNDECLARED else encode_declared
            narrow: Convert = _unchanged
            if selection != EVERYTHING or encoders:
                encode = _after(selector(selection, encoders), encode)
        else:
            narrow, encode = _functions(annotation, selection, encoders)
        self.narrow = _reporting(narrow, endpoint)
        self.encode = _reporting(encode, endpoint)


def _is_of_pydantic(said: Any) -> bool:
    """Whether an annotation changes values, such as pydantic's `PlainSerializer`."""
    return hasattr(said, "__get_pydantic_core_schema__")


def _functions(annotation: Any, selection: Selection, encoders: Encoders) -> tuple[Convert, Encode]:
    try:
        converter = converter_of(annotation)
    except UnsupportedTypeError:
        kind, _ = bare(annotation)
        if is_class(kind) and issubclass(kind, KNOWN_BY_CLASS):
            return _instances_of(kind, encode_declared)
        if get_origin(kind) not in _ITERABLES:
            raise
        items = GenericAlias(list, get_args(kind))
        narrow, encode = _functions(items, selection, encoders)
        return _after(_listed, narrow), _after(_listed, encode)
    return converter.from_result(), converter.to_json(selection, encoders)


def _instances_of(kind: type[Any], encode: Encode) -> tuple[Convert, Encode]:
    """Let instances pass of a class that the encoder knows, and no library validates."""

    def narrow(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        name = kind.__name__
        message = f"Input should be an instance of {name}"
        raise Invalid([error("is_instance_of", message, value, **{"class": name})])

    return narrow, lambda value: encode(narrow(value))


_ITERABLES = (Collection, Iterable, Iterator, KeysView, Reversible, ValuesView, deque)
"""Those that pydantic or msgspec does not know; what they yield is a list in JSON."""


def _listed(value: Any) -> Any:
    return [*value] if isinstance(value, Iterable) else value


def _after(first: Convert, convert: Convert) -> Convert:
    return lambda value: convert(first(value))


def _unchanged(value: Any) -> Any:
    return value


def _reporting(convert: Convert, endpoint: Mapping[str, Any]) -> Convert:
    def convert_result(value: Any) -> Any:
        try:
            return convert(value)
        except Invalid as problem:
            raise _misfit(problem.errors, value, endpoint) from None
        except NoJSONValueError as problem:
            found = error("value_error", f"Value error, {problem}", value, error=str(problem))
            raise _misfit([found], value, endpoint) from problem

    return convert_result


def _misfit(
    errors: list[Error], value: Any, endpoint: Mapping[str, Any]
) -> ResponseValidationError:
    return ResponseValidationError(below(errors, "response"), body=value, endpoint_ctx=endpoint)
