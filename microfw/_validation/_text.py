"""Text from the path, the query string, headers and cookies."""

from typing import Annotated, Any

from microfw._validation._constraints import Constraints
from microfw._validation._shapes import Convert, Medium, Shaper


def text_converter(annotation: Any, constraints: Constraints) -> Convert:
    """Make the function that takes a string (for sequences, a list of strings).

    It returns the value or raises `Invalid`.

    Raises:
        UnsupportedTypeError: Text cannot become a value of the type.
        ConstraintError: A constraint does not fit the type.
    """
    declared = Annotated[annotation, constraints] if constraints else annotation
    return Shaper(Medium.TEXT).shape(declared).convert
