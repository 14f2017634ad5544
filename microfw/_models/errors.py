"""What is wrong with a value, in the shape of pydantic's errors."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

Convert = Callable[[Any], Any]
"""Takes what was received; returns the value, or raises `Invalid`."""
Error = dict[str, Any]
"""`type`, `loc`, `msg`, `input`, and `ctx` where the type has one."""
MOST_ERRORS = 1000
"""How many errors of one value are reported. A client could otherwise ask for millions."""

NOT_SHOWN = "..."
"""Stands in an error for an input that is too much to be shown."""


class UnsupportedTypeError(TypeError):
    """There is no way to make values of a type.

    Attributes:
        cure: What to write instead, where it is known.
    """

    def __init__(self, problem: str, cure: str = "") -> None:
        super().__init__(problem)
        self.cure = cure


class Invalid(Exception):
    """A value does not fit.

    Attributes:
        errors: Where it does not, relative to the value; the first `MOST_ERRORS`.
        received: The plain data of a body that could be decoded.
    """

    received: Any = None

    def __init__(self, errors: Iterable[Error]) -> None:
        super().__init__()
        self.errors = list(islice(errors, MOST_ERRORS))


def error(kind: str, message: str, value: object, *loc: int | str, **context: Any) -> Error:
    """Make one entry of a 422's `detail`."""
    entry: Error = {"type": kind, "loc": loc, "msg": message, "input": value}
    if context:
        entry["ctx"] = context
    return entry


def missing(value: object, *loc: int | str) -> Error:
    """Say that a value is required and not there; `value` is what should hold it."""
    return error("missing", "Field required", value, *loc)


def below(errors: Iterable[Error], *loc: Any) -> list[Error]:
    """Prefix the places of a part's errors with the place of the part."""
    return [{**entry, "loc": (*loc, *entry["loc"])} for entry in errors]


def without_input(errors: Iterable[Mapping[str, Any]]) -> list[Error]:
    """Leave out of errors what was received."""
    return [{key: entry[key] for key in entry if key != "input"} for entry in errors]
