"""What msgspec finds wrong with a value -> errors in the shape of pydantic's."""

import re
from collections.abc import Iterable
from typing import Any

from microfw._models.errors import Error, below, error, missing
from microfw._models.plain import is_array, is_mapping


class RefusedError(ValueError):
    """What the converter of another type finds wrong, for msgspec to say where."""

    def __init__(self, errors: list[Error]) -> None:
        super().__init__(errors[0]["msg"])
        self.errors = errors


_PATH = re.compile(r"^(.*) - at (`key` in )?`\$(.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[\.\.\.\]")
_FIELD = re.compile(r"Object (?:missing required|contains unknown) field `(.*)`$", re.DOTALL)


def errors_of(problem: Exception, received: Any) -> list[Error]:
    """Report where msgspec's first error is, and which value is there."""
    found = _PATH.match(str(problem))
    text, is_key, path = found.groups() if found else (str(problem), None, "")
    steps = _STEP.finditer(path)
    loc = tuple(int(step[2]) if step[2] else step[1] or "[...]" for step in steps)
    value = _value_at(received, loc)
    field = _FIELD.match(text)
    if field is not None:
        if "missing" in text:
            return [missing(value, *loc, field[1])]
        message, other = "Extra inputs are not permitted", _value_at(value, (field[1],))
        return [error("extra_forbidden", message, other, *loc, field[1])]
    if is_key:
        loc = (*loc, "[key]")
    cause = problem.__cause__
    if isinstance(cause, RefusedError):
        return below(cause.errors, *loc)
    if cause is not None:  # raised by the class itself
        message = f"Value error, {cause}"
        return [error("value_error", message, value, *loc, error=str(cause))]
    return [error("value_error", text, value, *loc)]


def _value_at(value: Any, loc: Iterable[Any]) -> Any:
    """The value at a place inside of another, or the nearest one that can be reached."""
    for part in loc:
        if (is_mapping(value) and part in value) or (is_array(value) and isinstance(part, int)):
            value = value[part]
        elif isinstance(part, str) and hasattr(value, part):
            value = getattr(value, part)
        else:
            break
    return value
