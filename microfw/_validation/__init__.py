"""The one door to msgspec, and to pydantic's models where the user has pydantic."""

from microfw._validation._annotations import (
    Group,
    GroupField,
    allows_none,
    group_of,
    is_scalar,
    is_scalar_sequence,
    is_sequence,
)
from microfw._validation._constraints import (
    CONSTRAINTS,
    ConstraintError,
    Constraints,
)
from microfw._validation._encoding import encode_json, is_of_pydantic, visible_attributes
from microfw._validation._errors import Error, Invalid, below, invalid, missing, without_input
from microfw._validation._plain import is_array, is_builtin, is_class, is_mapping, kind_of
from microfw._validation._pydantic import is_field
from microfw._validation._received import JSONConverter, parse_json, text_converter
from microfw._validation._results import ResultConverter, result_encoder
from microfw._validation._selection import (
    EVERYTHING,
    Encoders,
    Selection,
    SelectionError,
    encoder_finder,
    fields_of_class,
    inside_of,
    parts_of,
)
from microfw._validation._shape import Convert, Shape, UnsupportedTypeError
from microfw._validation._shown import showable

__all__ = [
    "CONSTRAINTS",
    "EVERYTHING",
    "ConstraintError",
    "Constraints",
    "Convert",
    "Encoders",
    "Error",
    "Group",
    "GroupField",
    "Invalid",
    "JSONConverter",
    "ResultConverter",
    "Selection",
    "SelectionError",
    "Shape",
    "UnsupportedTypeError",
    "allows_none",
    "below",
    "encode_json",
    "encoder_finder",
    "fields_of_class",
    "group_of",
    "inside_of",
    "invalid",
    "is_array",
    "is_builtin",
    "is_class",
    "is_field",
    "is_mapping",
    "is_of_pydantic",
    "is_scalar",
    "is_scalar_sequence",
    "is_sequence",
    "kind_of",
    "missing",
    "parse_json",
    "parts_of",
    "result_encoder",
    "showable",
    "text_converter",
    "visible_attributes",
    "without_input",
]
