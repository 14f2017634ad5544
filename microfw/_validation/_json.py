"""JSON that was received: straight to the declared type where msgspec can, else with every error."""

import json
import re
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from microfw._validation._constraints import Constraints
from microfw._validation._errors import Invalid, error
from microfw._validation._shapes import Convert, Medium, Shaper

_REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_OFFSET = re.compile(r" \(byte (\d+)\)$")
_parse = msgspec.json.Decoder().decode


def parse_json(data: bytes) -> Any:
    """Decode JSON (RFC 8259) to plain data.

    Raises:
        Invalid: It is none; the error's `loc` is the offset, in characters.
    """
    try:
        return _parse(data)
    except _REFUSED as problem:
        position, reason = _json_problem(data, problem)
        raise Invalid(
            [error("json_invalid", "JSON decode error", {}, position, error=reason)]
        ) from None


def _json_problem(data: bytes, problem: Exception) -> tuple[int, str]:
    """Where the JSON ends to be JSON, and why, in the words of the standard library's parser."""
    if isinstance(problem, UnicodeDecodeError):
        # msgspec counts from the start of the string; the whole is asked instead.
        return _decoding_problem(data)
    if isinstance(problem, RecursionError):
        return 0, "Nested too deeply"
    if isinstance(problem, msgspec.ValidationError):  # numbers beyond every type
        return 0, str(problem)
    try:
        json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except json.JSONDecodeError as known:
        return known.pos, known.msg
    except UnicodeDecodeError:
        return _decoding_problem(data)
    except (ValueError, RecursionError):
        pass
    found = _OFFSET.search(str(problem))
    return int(found[1]) if found else 0, _OFFSET.sub("", str(problem))


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _decoding_problem(data: bytes) -> tuple[int, str]:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as problem:
        return problem.start, f"Invalid UTF-8: {problem.reason}"
    return 0, "Invalid UTF-8"


class JSONConverter:
    """What a route does with JSON for one declared type."""

    __slots__ = ("_convert", "decode")

    def __init__(self, annotation: Any, constraints: Constraints) -> None:
        declared = Annotated[annotation, constraints] if constraints else annotation
        shaper = Shaper(Medium.JSON)
        self._convert = shaper.shape(declared).convert
        direct = None if shaper.beyond_msgspec or constraints else _decoder(annotation)
        self.decode = self._decoding(direct)
        """Take the bytes of a body; raise `Invalid` where they do not fit."""

    def convert(self, value: Any) -> Any:
        """Take plain data.

        Raises:
            Invalid: It does not fit.
        """
        try:
            return self._convert(value)
        except RecursionError:
            raise Invalid([_TOO_DEEP]) from None

    def _decoding(self, direct: Convert | None) -> Convert:
        if direct is None:
            return lambda data: self.convert(parse_json(data))

        def decode(data: bytes) -> Any:
            try:
                return direct(data)
            except _REFUSED:
                return self.convert(parse_json(data))

        return decode


_TOO_DEEP = error(
    "recursion_loop", "Recursion error - cyclic reference detected", None
)


def _decoder(annotation: Any) -> Callable[[bytes], Any] | None:
    try:
        return msgspec.json.Decoder(annotation).decode
    except (TypeError, ValueError, NameError):
        return None
