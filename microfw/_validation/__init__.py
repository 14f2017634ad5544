"""The one door to msgspec, and to pydantic's models where the user has pydantic."""

from microfw._validation._constraints import (
    CONSTRAINTS,
    ConstraintError,
    Constraints,
    constraints_of,
)
from microfw._validation._errors import Error, Invalid, below, error, missing
from microfw._validation._json import JSONConverter, parse_json
from microfw._validation._kinds import is_scalar, is_scalar_sequence, is_sequence
from microfw._validation._results import Serializer, plain, serializer, encode_json
from microfw._validation._shapes import Convert, UnsupportedTypeError
from microfw._validation._text import text_converter

__all__ = [
    "CONSTRAINTS",
    "ConstraintError",
    "Constraints",
    "Convert",
    "Error",
    "Invalid",
    "JSONConverter",
    "Serializer",
    "UnsupportedTypeError",
    "below",
    "constraints_of",
    "error",
    "is_scalar",
    "is_scalar_sequence",
    "is_sequence",
    "missing",
    "parse_json",
    "plain",
    "serializer",
    "text_converter",
    "encode_json",
]
