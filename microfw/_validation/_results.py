"""What an endpoint returned -> JSON, by its return annotation where there is one.

The annotation is a filter as much as a check: what it does not name is never sent, whatever class
the value turns out to be of. A value that is exactly as declared goes straight to msgspec.
"""

from collections.abc import Callable, Hashable, Mapping
from operator import is_
from types import GenericAlias, MappingProxyType
from typing import Any, get_args, get_origin
from weakref import WeakValueDictionary

import msgspec

from microfw._validation._annotations import bare
from microfw._validation._constraints import Constraints
from microfw._validation._defaults import completer_of
from microfw._validation._encoding import NoJSONValueError, encode_declared, encode_undeclared
from microfw._validation._errors import Invalid, below, error
from microfw._validation._exactness import nests_models, predicate_of
from microfw._validation._models import model_of
from microfw._validation._pydantic import adapter_of, pydantic_converter, speaks_pydantic
from microfw._validation._received import decoder_of
from microfw._validation._selection import (
    EVERYTHING,
    Encoders,
    Selection,
    encoder_finder,
    pydantic_arguments,
    selector,
)
from microfw._validation._shape import Convert, Medium
from microfw._validation._shaper import shape_of
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
    encode: Callable[[Any], bytes]

    def __init__(
        self,
        annotation: Any,
        selection: Selection = EVERYTHING,
        encoders: Encoders = _NOTHING,
        endpoint: Mapping[str, Any] = _NOTHING,
    ) -> None:
        bared, metadata = bare(annotation)
        chooses = selection != EVERYTHING or bool(encoders)
        if bared in _UNDECLARED or bared in _ANYTHING:
            encode = encode_undeclared if bared in _UNDECLARED else encode_declared
            self.narrow = _unchanged
            self.encode = encode
            if chooses:
                select = selector(selection, encoders)
                self.encode = lambda value: encode(select(value, value))
        elif speaks_pydantic(bared, metadata):
            self.narrow = _reporting(pydantic_converter(annotation), endpoint)
            self.encode = _by_pydantic(annotation, self.narrow, selection, encoders)
        else:
            narrower = _narrower_of(annotation)
            is_exact, narrow = narrower.is_exact, _reporting(narrower.narrow, endpoint)
            self.narrow = lambda value: value if is_exact(value) else narrow(value)
            self.encode = lambda value: encode_declared(value if is_exact(value) else narrow(value))
            if chooses:
                select = selector(selection, encoders)
                self.encode = lambda value: encode_declared(select(self.narrow(value), value))
        self.encode = _refusing(self.encode, endpoint)


def result_encoder(annotation: Any) -> Callable[[Any], bytes]:
    """Make the function that validates, filters and encodes results of a type.

    Raises:
        UnsupportedTypeError: The annotation is no type of values.
    """
    return ResultConverter(annotation).encode


def _unchanged(value: Any) -> Any:
    return value


def _by_pydantic(
    annotation: Any, validate: Convert, selection: Selection, encoders: Encoders
) -> Callable[[Any], bytes]:
    from pydantic_core import PydanticSerializationError

    dump = adapter_of(annotation).dump_json
    arguments = pydantic_arguments(selection, encoder_finder(encoders) if encoders else None)

    def encode(value: Any) -> bytes:
        validated = validate(value)
        try:
            written: bytes = dump(validated, **arguments)
        except PydanticSerializationError as problem:
            raise NoJSONValueError(str(problem)) from problem
        return written

    return encode


class _Narrower:
    """What looks at results of one type and narrows them, whichever endpoints return them.

    Attributes:
        is_exact: Tells whether a value is exactly of the type.
    """

    __slots__ = (
        "__weakref__",
        "_annotation",
        "_complete",
        "_may_hold_more",
        "_thorough",
        "is_exact",
    )

    def __init__(self, annotation: Any) -> None:
        shape, beyond_msgspec, _ = shape_of(annotation, Constraints(), Medium.RESULT)
        self.is_exact = predicate_of(annotation)
        self._annotation = annotation
        self._thorough = shape.convert
        self._may_hold_more: Callable[[Any, Any], bool] | None = None
        if not beyond_msgspec and decoder_of(annotation) is not None:
            self._may_hold_more = _doubter(annotation)
            self._complete = completer_of(annotation)

    def narrow(self, value: Any) -> Any:
        """Make one of the type of a value that is not; let msgspec do it where it can.

        Raises:
            Invalid: It does not fit.
        """
        may_hold_more = self._may_hold_more
        if may_hold_more is None:
            return self._thorough(value)
        try:
            narrowed = msgspec.convert(value, self._annotation, from_attributes=True)
        except msgspec.ValidationError:
            return self._thorough(value)
        if self._complete is not None:
            self._complete(narrowed)
        if may_hold_more(value, narrowed) and not self.is_exact(narrowed):
            return self._thorough(value)
        return narrowed


_in_use: WeakValueDictionary[Hashable, _Narrower] = WeakValueDictionary()
"""Those that some route has; routes have types in common."""


def _narrower_of(annotation: Any) -> _Narrower:
    key = _identity(annotation)
    narrower = _in_use.get(key)
    if narrower is None:
        narrower = _in_use[key] = _Narrower(annotation)
    return narrower


def _identity(annotation: Any) -> Hashable:
    """Tell types apart while they are held: `list[Item]` is the same wherever it is written."""
    if type(annotation) is GenericAlias:
        return (id(annotation.__origin__), *map(_identity, annotation.__args__))
    return id(annotation)


def _doubter(annotation: Any) -> Callable[[Any, Any], bool]:
    """Make the function that tells whether what msgspec has narrowed may hold more than is named.

    It makes new instances of models, but takes those of the very class as they are: then a model
    inside of one may be of any class. Inside of a new one, that takes one more level of models.
    """
    if not nests_models(annotation):
        return lambda value, narrowed: False
    bared, _ = bare(annotation)
    if not nests_models(annotation, levels=2):
        if model_of(bared) is not None:
            return is_
        if get_origin(bared) is list and model_of(bare(get_args(bared)[0])[0]) is not None:
            return lambda value, narrowed: any(map(is_, value, narrowed))
    return lambda value, narrowed: True


def _refusing(
    encode: Callable[[Any], bytes], endpoint: Mapping[str, Any]
) -> Callable[[Any], bytes]:
    def encode_result(value: Any) -> bytes:
        try:
            return encode(value)
        except NoJSONValueError as problem:
            message = f"Value error, {problem}"
            errors = [error("value_error", message, value, "response", error=str(problem))]
            raise ResponseValidationError(errors, body=value, endpoint_ctx=endpoint) from problem

    return encode_result


def _reporting(convert: Convert, endpoint: Mapping[str, Any]) -> Convert:
    def convert_result(value: Any) -> Any:
        try:
            return convert(value)
        except Invalid as problem:
            errors = below(problem.errors, "response")
            raise ResponseValidationError(errors, body=value, endpoint_ctx=endpoint) from None

    return convert_result
