"""Types, and what becomes of their values. The one door to pydantic and msgspec."""

from microfw._models.annotations import (
    Group,
    allows_none,
    group_of,
    has_validators,
    is_field,
    is_of_pydantic,
    is_scalar,
    is_scalar_sequence,
    is_sequence,
)
from microfw._models.constraints import CONSTRAINTS, ConstraintError, Constraints
from microfw._models.converter import JSONConverter, dumper_of, text_converter
from microfw._models.encoding import NoJSONValueError, encode_json, visible_attributes
from microfw._models.errors import (
    Convert,
    Error,
    Invalid,
    UnsupportedTypeError,
    below,
    missing,
    without_input,
)
from microfw._models.fields import Field, fields_of
from microfw._models.parsing import parse_json
from microfw._models.plain import is_array, is_builtin, is_class, is_mapping, is_set, kind_of
from microfw._models.results import ResultConverter
from microfw._models.secrets import HIDDEN
from microfw._models.selection import (
    Selection,
    SelectionError,
    encoder_finder,
    fields_of_class,
    inside_of,
    parts_of,
)
from microfw._models.shown import showable
from microfw._models.with_msgspec import is_of_msgspec

__all__ = [
    "CONSTRAINTS",
    "HIDDEN",
    "ConstraintError",
    "Constraints",
    "Convert",
    "Error",
    "Field",
    "Group",
    "Invalid",
    "JSONConverter",
    "NoJSONValueError",
    "ResultConverter",
    "Selection",
    "SelectionError",
    "UnsupportedTypeError",
    "allows_none",
    "below",
    "dumper_of",
    "encode_json",
    "encoder_finder",
    "fields_of",
    "fields_of_class",
    "group_of",
    "has_validators",
    "inside_of",
    "is_array",
    "is_builtin",
    "is_class",
    "is_field",
    "is_mapping",
    "is_of_msgspec",
    "is_of_pydantic",
    "is_scalar",
    "is_scalar_sequence",
    "is_sequence",
    "is_set",
    "kind_of",
    "missing",
    "parse_json",
    "parts_of",
    "showable",
    "text_converter",
    "visible_attributes",
    "without_input",
]
