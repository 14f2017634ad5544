"""JSON -> plain data, whatever is made of that."""

import json
import re
from collections.abc import Callable
from operator import is_not
from typing import Any

import msgspec

from microfw._models.errors import Convert, Invalid, error
from microfw._models.plain import is_array, is_mapping

REFUSED: tuple[type[Exception], ...] = (
    msgspec.MsgspecError,
    UnicodeDecodeError,
    RecursionError,
)
"""What msgspec raises about bytes that it cannot decode."""

_EXACT = 2**53
"""Up to here, each integer is a float, too."""

_OFFSET = re.compile(r" \(byte (\d+)\)$")
_parse = msgspec.json.Decoder().decode


def parse_json(data: bytes) -> Any:
    """Decode JSON (RFC 8259) to plain data.

    Raises:
        Invalid: It is none; the error's `loc` is where it ceases to be, in characters.
    """
    try:
        return _parse(data)
    except REFUSED as problem:
        position, reason = _json_problem(data, problem)
    raise Invalid([error("json_invalid", "JSON decode error", {}, position, error=reason)])


def decoder(convert: Callable[[Any, int], Any]) -> Convert:
    """Make the function that takes a body's bytes of one that takes its data and its size."""

    def decode(data: bytes) -> Any:
        received = parse_json(data)
        try:
            return convert(received, len(data))
        except Invalid as problem:
            problem.received = received
            raise

    return decode


def with_whole_numbers(received: Any) -> Any:
    """Make integers of the numbers that are whole: JSON Schema has 2.0 for one, msgspec has not.

    Where there is none, what was received is returned as it is.
    """
    try:
        return _with_whole_numbers(received)
    except RecursionError:
        return received


def _with_whole_numbers(part: Any) -> Any:
    if isinstance(part, float):
        return int(part) if part.is_integer() and abs(part) <= _EXACT else part
    if is_array(part):
        items = [*map(_with_whole_numbers, part)]
        return items if any(map(is_not, items, part)) else part
    if is_mapping(part):
        values = [*map(_with_whole_numbers, part.values())]
        return (
            dict(zip(part, values, strict=True))
            if any(map(is_not, values, part.values()))
            else part
        )
    return part


def _json_problem(data: bytes, problem: Exception) -> tuple[int, str]:
    """Where and why, in the words of the standard library's parser where it finds the same."""
    if isinstance(problem, RecursionError):
        return 0, "Nested too deeply"
    try:
        json.loads(data.decode(), parse_constant=_refuse)
    except json.JSONDecodeError as known:
        return known.pos, known.msg
    except UnicodeDecodeError as unreadable:
        return unreadable.start, f"Invalid UTF-8: {unreadable.reason}"
    except (ValueError, RecursionError):
        pass  # what only msgspec refuses: numbers too large, NaN, escapes of half characters
    found = _OFFSET.search(str(problem))
    return (int(found[1]), str(problem)[: found.start()]) if found else (0, str(problem))


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
