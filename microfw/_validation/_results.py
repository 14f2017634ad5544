"""What an endpoint returned -> JSON, by its return annotation where there is one.

The annotation is a filter as much as a check: what it does not name is never sent, whatever class
the value turns out to be of. A value that is exactly as declared goes straight to msgspec.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from microfw._validation._annotations import bare
from microfw._validation._constraints import Constraints
from microfw._validation._defaults import completer_of
from microfw._validation._encoding import encode_declared, encode_json
from microfw._validation._errors import Invalid, below
from microfw._validation._exactness import exactness_of, nests_models
from microfw._validation._pydantic import adapter_of, pydantic_converter, speaks_pydantic
from microfw._validation._received import decoder_of
from microfw._validation._shape import Convert, Medium
from microfw._validation._shaper import shape_of
from microfw.exceptions import ResponseValidationError

_UNDECLARED = (Any, object, None, type(None))


def result_encoder(annotation: Any) -> Callable[[Any], bytes]:
    """Make the function that validates, filters and encodes the results of one route.

    It raises `ResponseValidationError` where a result does not fit.

    Raises:
        UnsupportedTypeError: The annotation is no type of values.
    """
    bared, metadata = bare(annotation)
    if bared in _UNDECLARED:
        return encode_json
    if speaks_pydantic(bared, metadata):
        dump = adapter_of(annotation).dump_json
        validate = _reporting(pydantic_converter(annotation))
        return lambda value: dump(validate(value), by_alias=True)
    shape, beyond_msgspec = shape_of(annotation, Constraints(), Medium.RESULT)
    is_exact = exactness_of(annotation).holds
    narrow = _reporting(shape.convert)
    if not beyond_msgspec and decoder_of(annotation) is not None:
        narrow = _quickly(annotation, is_exact, narrow)
    return lambda value: encode_declared(value if is_exact(value) else narrow(value))


def _quickly(annotation: Any, is_exact: Callable[[Any], bool], thorough: Convert) -> Convert:
    """Let msgspec narrow what it can.

    It takes instances as they are. So a model inside of a model may bring more than is named, and
    is looked at again.
    """
    is_doubtful = nests_models(annotation)
    complete = completer_of(annotation)

    def narrow(value: Any) -> Any:
        try:
            narrowed = msgspec.convert(value, annotation, from_attributes=True)
        except msgspec.ValidationError:
            return thorough(value)
        if complete is not None:
            complete(narrowed)
        return thorough(value) if is_doubtful and not is_exact(narrowed) else narrowed

    return narrow


def _reporting(convert: Convert) -> Convert:
    def convert_result(value: Any) -> Any:
        try:
            return convert(value)
        except Invalid as problem:
            errors = below(problem.errors, "response")
            raise ResponseValidationError(errors, body=value) from None

    return convert_result
