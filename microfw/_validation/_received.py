"""What was received, to the type that is declared: text, and JSON.

JSON goes straight to the type where msgspec can do that, in one call. What msgspec refuses is
decoded to plain data and converted by the type's shape, which accepts more, and finds all errors.
"""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from microfw._validation._constraints import Constraints
from microfw._validation._defaults import completer_of
from microfw._validation._errors import Invalid, error
from microfw._validation._hashes import HARMLESS
from microfw._validation._secrets import concealing
from microfw._validation._shape import Convert, Medium, Shape
from microfw._validation._shaper import shape_of

_REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError)
_OFFSET = re.compile(r" \(byte (\d+)\)$")
_parse = msgspec.json.Decoder().decode
_UNLIMITED = Constraints()
_NOTHING: Mapping[Any, Shape] = MappingProxyType({})


def text_converter(
    annotation: Any, constraints: Constraints = _UNLIMITED, known: Mapping[Any, Shape] = _NOTHING
) -> Convert:
    """Make the function that takes a string; for collections a list, for models a dict of these.

    It returns the value or raises `Invalid`. `known` has the shapes of what is sent besides text.

    Raises:
        UnsupportedTypeError: Text cannot become a value of the type.
        ConstraintError: A constraint does not fit the type.
    """
    convert = shape_of(annotation, constraints, Medium.TEXT, known).shape.convert
    return concealing(convert, annotation)


def decoder_of(annotation: Any) -> msgspec.json.Decoder[Any] | None:
    """Make msgspec's decoder of a type; `None` if that is beyond it.

    It is so for unions of classes that have no tags, classes that are not annotated throughout, and
    attrs' defaults that are made from the instance.
    """
    try:
        return msgspec.json.Decoder(annotation)
    except (TypeError, ValueError, KeyError, NotImplementedError):
        return None


class JSONConverter:
    """What a route does with JSON for one declared type.

    Raises:
        UnsupportedTypeError: JSON cannot become a value of the type.
        ConstraintError: A constraint does not fit the type.
    """

    __slots__ = ("_convert", "decode")

    def __init__(self, annotation: Any, constraints: Constraints = _UNLIMITED) -> None:
        shape, beyond_msgspec, has_foreseen_hashes = shape_of(annotation, constraints, Medium.JSON)
        self._convert = concealing(shape.convert, annotation)
        decode = self._decode if beyond_msgspec else self._direct(annotation)
        self.decode = self._carefully(decode) if has_foreseen_hashes else decode
        """Take the bytes of a body; raise `Invalid` where they do not fit."""

    def convert(self, value: Any) -> Any:
        """Take plain data.

        Raises:
            Invalid: It does not fit.
        """
        try:
            return self._convert(value)
        except RecursionError:
            raise Invalid([error("json_invalid", "JSON is nested too deeply", {})]) from None

    def _decode(self, data: bytes) -> Any:
        received = parse_json(data)
        try:
            return self.convert(received)
        except Invalid as problem:
            problem.received = received
            raise

    def _carefully(self, decode: Convert) -> Convert:
        def decode_carefully(data: bytes) -> Any:
            return decode(data) if len(data) <= HARMLESS else self._decode(data)

        return decode_carefully

    def _direct(self, annotation: Any) -> Convert:
        decoder = decoder_of(annotation)
        if decoder is None:
            return self._decode
        decode_directly = decoder.decode
        complete = completer_of(annotation)

        def decode(data: bytes) -> Any:
            try:
                return decode_directly(data)
            except _REFUSED:
                return self._decode(data)

        def decode_and_complete(data: bytes) -> Any:
            try:
                value = decode_directly(data)
            except _REFUSED:
                return self._decode(data)
            complete(value)  # type: ignore[misc]
            return value

        return decode if complete is None else decode_and_complete


def parse_json(data: bytes) -> Any:
    """Decode JSON (RFC 8259) to plain data.

    Raises:
        Invalid: It is none; the error's `loc` is where it ceases to be, in characters.
    """
    try:
        return _parse(data)
    except _REFUSED as problem:
        position, reason = _json_problem(data, problem)
    raise Invalid([error("json_invalid", "JSON decode error", {}, position, error=reason)])


def _json_problem(data: bytes, problem: Exception) -> tuple[int, str]:
    """Where and why, as far as it can be told in the words of the standard library's parser."""
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
